"""A training as it goes on: how far it is, how well it learns, what it says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from jupytrack.dlc.training import is_active
from jupytrack.widgets.panels import row, text_button
from jupytrack.widgets.progress import duration
from jupytrack.widgets.projects.forms import told
from jupytrack.widgets.projects.loss_plot import TEST, TRAIN, LossPlot
from jupytrack.widgets.projects.watching import watch

if TYPE_CHECKING:
    from jupytrack.dlc.training import Training

__all__ = ["TrainingView"]

# lines of the log that are shown
_LINES = 200


class TrainingView(ipywidgets.VBox):  # type: ignore[misc]
    """Shows a training until somebody closes it.

    Parameters
    ----------
    training : Training
        What to show; it may run, or have ended.
    on_end : callable
        Called with it when it has ended, from another thread.
    on_resume : callable
        Called without arguments when the user wants one to go on that was cut off.
    on_close : callable
        Called without arguments when the user wants to see it no more.
    is_new : bool
        Whether it was started here just now. Of another one that has ended already, the end is no news:
        ``on_end`` is not called.

    Attributes
    ----------
    over : bool
        Whether it was closed.
    """

    def __init__(
        self,
        training: Training,
        on_end: Callable[[Training], Any],
        on_resume: Callable[[], Any],
        on_close: Callable[[], Any],
        is_new: bool = False,
    ) -> None:
        self.training = training
        self._on_end = on_end
        self._guard = threading.RLock()
        self._ended = not is_new and not is_active(training.state)
        self.over = False
        self._unwatch: Callable[[], None] = lambda: None
        self.title = ipywidgets.HTML()
        self.title.add_class("jupytrack-heading")
        self.bar = ipywidgets.FloatProgress(
            min=0, max=1, layout=ipywidgets.Layout(width="auto", height="18px", margin="2px")
        )
        self.text = ipywidgets.HTML()
        self.text.add_class("jupytrack-form-message")
        self.plot = LossPlot()
        self.legend = ipywidgets.HTML(
            f'<span style="color:{TRAIN}">●</span> loss &nbsp; '
            f'<span style="color:{TEST}">●</span> test error (px), over epochs',
            layout=ipywidgets.Layout(display="none"),
        )
        self.legend.add_class("jupytrack-hint")
        self.said = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))
        self.said.add_class("jupytrack-log")
        self.unfold = ipywidgets.ToggleButton(
            description="Log", icon="file-text-o", tooltip="Show the last lines of what DeepLabCut says",
            layout=ipywidgets.Layout(width="auto"),
        )  # fmt: skip
        self.cancel = text_button("Cancel…", "Stop the training; its snapshots so far stay", "times")
        self.really = text_button("Stop it", "Stop the training now; it can be resumed later")
        self.really.button_style = "danger"
        self.stay = text_button("Go on training", "Leave it running")
        self.resume = text_button("Resume", "Go on from the newest snapshot", "play")
        self.shut = text_button("Close", "Show this no more; the folder of the training stays", "check")
        self.cancel.on_click(lambda _: self._ask(True))
        self.stay.on_click(lambda _: self._ask(False))
        self.really.on_click(lambda _: self._stop())
        self.resume.on_click(lambda _: on_resume())
        self.shut.on_click(lambda _: on_close())
        self.unfold.observe(lambda _: self._show_log(), "value")
        self.buttons = row(self.cancel, self.really, self.stay, self.resume, self.shut, self.unfold)
        super().__init__([self.title, self.bar, self.text, self.plot, self.legend, self.buttons, self.said])
        self.add_class("jupytrack-training")
        self._asking = False
        self.show()
        if not self._ended:
            self._unwatch = watch(training, self._on_look)

    def _on_look(self, training: Training) -> None:
        # held until that is done, so that whoever looks next finds it done
        with self._guard:
            if self.over or self._ended:
                return
            # asked before it is shown: one that ends in between is shown, and dealt with, at the next look
            ended = not is_active(training.state)
            self.show()
            if ended:
                self._ended = True
                self._on_end(training)

    def look(self) -> None:
        """Look now; if the training has ended, return when that was dealt with."""
        self._on_look(self.training)

    @property
    def follows(self) -> bool:
        """Whether it looks at a training that goes on."""
        return not (self._ended or self.over)

    def show(self) -> None:
        """Show where the training is now."""
        with self._guard:
            training = self.training
            state = training.state
            active = is_active(state)
            self.title.value = escape(f"Training of iteration {training.iteration}: {state}")
            self.bar.bar_style = {
                "done": "success", "failed": "danger", "interrupted": "warning", "cancelled": "warning"
            }.get(state, "")  # fmt: skip
            done, total = training.progress
            self.bar.value = 1.0 if state == "done" else min(done / total, 1.0) if total else 0.0
            if state == "running" and not total:
                self.bar.bar_style, self.bar.value = "info", 1.0
            self.text.value = self._text(state)
            losses = training.losses
            self.plot.fill(losses, training.epochs)
            self.legend.layout.display = self.plot.layout.display
            self._show_buttons(active, state)
            self._show_log()

    def _text(self, state: str) -> str:
        training = self.training
        if state in ("failed", "interrupted"):
            problem, remedy = told(training.problem())
            remedy, _, tail = remedy.partition("\n")
            if state == "interrupted":
                remedy = "Resume goes on from its newest snapshot."
            parts = [escape(problem), f"<i>{escape(remedy)}</i>"]
            return "<br>".join(parts) + (f"<pre>{escape(tail)}</pre>" if tail else "")
        lines = [training.text if is_active(state) else ""]
        left = training.seconds_left
        if left is not None and is_active(state):
            lines[0] += f", {duration(left)} left"
        lines += [training.began_with and f"Began with {training.began_with}", training.device]
        return "<br>".join(escape(line) for line in lines if line)

    def _show_buttons(self, active: bool, state: str) -> None:
        shown = {
            self.cancel: active and not self._asking,
            self.really: active and self._asking,
            self.stay: active and self._asking,
            self.resume: state in ("interrupted", "cancelled", "failed"),
            self.shut: not active,
        }
        for button, there in shown.items():
            button.layout.display = None if there else "none"

    def _show_log(self) -> None:
        there = bool(self.unfold.value)
        self.said.layout.display = None if there else "none"
        if there:
            text = "\n".join(self.training.log_tail(_LINES)) or "Nothing was said yet."
            self.said.value = f"<pre>{escape(text)}</pre>"

    def _ask(self, asking: bool) -> None:
        self._asking = asking
        self.show()

    def _stop(self) -> None:
        self._asking = False
        self.cancel.disabled, self.cancel.description = True, "Stopping…"
        self.training.cancel(wait=False)
        self.show()

    def close(self) -> None:
        """Look no more; the training goes on."""
        self.over = True
        self._unwatch()
        super().close()
