"""A bar for work in the background, with the time left and a way to stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets

from jupytrack.errors import JupytrackError
from jupytrack.jobs import Job, Progress, VideoResults

__all__ = ["JobProgress", "duration"]

# seconds between two messages to the browser
_EVERY = 0.1
# seconds that brief work may take without a bar that pushes the picture down
_UNSEEN = 0.4


class JobProgress(ipywidgets.HBox):  # type: ignore[misc]
    """Show a :class:`jupytrack.Job` until it has ended, and how it ended.

    Parameters
    ----------
    job : Job
        The work.
    on_close : callable, optional
        Called without arguments when the user dismisses the bar.
    brief : bool
        Show the bar only if the work takes a while, and take it away when it has ended: its result is told in
        another way.
    """

    def __init__(
        self, job: Job[Any], on_close: Callable[[], None] | None = None, brief: bool = False
    ) -> None:
        self.job = job
        self._brief = brief
        self._on_close = on_close
        self._sent = 0.0
        self._guard = threading.Lock()
        self.title = ipywidgets.HTML(f"<b>{escape(job.title)}</b>")
        self.bar = ipywidgets.FloatProgress(min=0, max=1, layout=ipywidgets.Layout(flex="1 1 80px"))
        self.text = ipywidgets.HTML(layout=ipywidgets.Layout(flex="1 1 160px", min_width="0"))
        self.button = ipywidgets.Button(
            description="Cancel", icon="times", layout=ipywidgets.Layout(width="90px")
        )
        self.button.on_click(self._on_button)
        super().__init__(
            [self.title, self.bar, self.text, self.button],
            layout=ipywidgets.Layout(align_items="center", width="100%"),
        )
        self.add_class("jupytrack-progress")
        if brief:
            self.layout.display = "none"
            timer = threading.Timer(_UNSEEN, self._appear)
            timer.daemon = True
            timer.start()
        job.progress.listen(self._on_progress)
        job.when_done(self._on_done)

    def _appear(self) -> None:
        with self._guard:
            if not self.job.future.done():
                self.layout.display = None

    def _on_progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._sent < _EVERY:
            return
        self._sent = now
        with self._guard:
            fraction = progress.fraction
            self.bar.bar_style = "info" if fraction is None else ""
            self.bar.value = 1.0 if fraction is None else fraction
            parts = [progress.text] if progress.text else []
            if fraction is not None:
                parts.append(f"{100 * fraction:.0f} %")
            if progress.seconds_left is not None:
                parts.append(f"{duration(progress.seconds_left)} left")
            self.text.value = escape(", ".join(parts))

    def _on_done(self, job: Job[Any]) -> None:
        with self._guard:
            state = job.state
            if state == "done":
                self.bar.value, self.bar.bar_style, self.text.value = 1.0, "success", "done"
                result = job.future.result()
                if isinstance(result, VideoResults):
                    self.text.value = result.summary()
                    self.bar.bar_style = "warning" if result.failures else "success"
            elif state == "cancelled":
                self.bar.bar_style, self.text.value = "warning", "cancelled"
            else:
                error = job.future.exception()
                self.bar.bar_style = "danger"
                if isinstance(error, JupytrackError):
                    self.text.value = f"{escape(error.problem)}<br><i>{escape(error.remedy)}</i>"
                else:
                    self.text.value = escape(f"{type(error).__name__}: {error}")
            self.button.description, self.button.icon = "Close", "check"
        if self._brief:
            self._leave()

    def _on_button(self, _: Any) -> None:
        if not self.job.future.done():
            self.button.description = "Stopping…"
            self.job.cancel()
            return
        self._leave()

    def _leave(self) -> None:
        self.layout.display = "none"
        if self._on_close is not None:
            self._on_close()


def duration(seconds: float) -> str:
    """Write a time for people: ``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
