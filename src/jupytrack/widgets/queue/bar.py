"""The row above a queue of videos: which one is shown, and what one can do about it."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from jupytrack.jobs import Job, Progress
from jupytrack.widgets.commands import BY_NAME, tooltip
from jupytrack.widgets.panels import text_button

if TYPE_CHECKING:
    from jupytrack.widgets.queue.video_queue import VideoQueue

__all__ = ["QueueBar"]

UNSAVED = "●"
THEMES = ("dark", "light")
# seconds between two messages to the browser
_EVERY = 0.25


class QueueBar(ipywidgets.VBox):  # type: ignore[misc]
    """Buttons to the videos before and after, a list of all, and adding and removing.

    Parameters
    ----------
    queue : VideoQueue
        What it is the bar of.

    Attributes
    ----------
    previous, next, add, remove : Button
        What they say.
    choice : Dropdown
        All videos; those with unsaved edits are marked.
    title : HTML
        Name and place of the video that is shown.
    news : HTML
        Progress of what is prepared in the background.
    """

    def __init__(self, queue: VideoQueue) -> None:
        self._queue = queue
        self._showing = self._offering = False
        self.previous, self.next = (self._swap_button(name) for name in ("swap_prev", "swap_next"))
        # as wide as the name, so that the two buttons stay side by side with it
        self.title = ipywidgets.HTML(layout=ipywidgets.Layout(flex="0 1 auto", min_width="0", width="auto"))
        self.title.add_class("jupytrack-queue-title")
        self.choice = ipywidgets.Dropdown(
            tooltip=f"All videos of the queue; {UNSAVED} has unsaved edits",
            layout=ipywidgets.Layout(flex="1 1 160px", width="auto", min_width="0", max_width="380px"),
        )
        self.choice.observe(self._on_choice, "value")
        self.add = text_button("Add…", "Add another video of the project to the queue", "plus")
        self.add.on_click(lambda _: self.offer(not self._offering))
        self.remove = text_button("Remove", "Take this video out of the queue; its files stay", "minus")
        self.remove.on_click(lambda _: queue._report(lambda: queue.remove_video(queue.active_index)))
        self.others = ipywidgets.Dropdown(
            layout=ipywidgets.Layout(flex="1 1 160px", width="auto", min_width="0", max_width="380px")
        )
        self.take = text_button("Add to the queue", "Add this video and show it")
        self.take.on_click(lambda _: queue._report(self._take))
        self.dismiss = text_button("Close", "Add nothing")
        self.dismiss.on_click(lambda _: self.offer(False))
        self.hint = ipywidgets.HTML(layout=ipywidgets.Layout(flex="1 1 240px", min_width="0", width="auto"))
        wrapping = {"width": "100%", "align_items": "center", "flex_flow": "row wrap"}
        self._offers = ipywidgets.HBox(
            [self.hint, self.others, self.take, self.dismiss],
            layout=ipywidgets.Layout(display="none", **wrapping),
        )
        self._offers.add_class("jupytrack-banner")
        # takes what room is left, so that nothing moves when it says something
        self.news = ipywidgets.HTML(layout=ipywidgets.Layout(flex="1 1 0", min_width="0", width="auto"))
        self.news.add_class("jupytrack-queue-news")
        self._told = 0.0
        line = ipywidgets.HBox(
            [self.previous, self.title, self.next, self.choice, self.add, self.remove, self.news],
            layout=ipywidgets.Layout(**wrapping),
        )
        super().__init__([line, self._offers], layout=ipywidgets.Layout(width="100%"))
        self.add_class("jupytrack-queue-bar")

    def _swap_button(self, name: str) -> ipywidgets.Button:
        command, queue = BY_NAME[name], self._queue
        button = text_button("", tooltip(command), command.icon)
        button.on_click(lambda _: queue._report(getattr(queue, name)))
        button.add_class(f"jupytrack-command-{name}")
        return button

    def show(self) -> None:
        """Show where the queue is."""
        queue = self._queue
        names, here = [path.name for path in queue.videos], queue.active_index
        marks = [f"{UNSAVED} " if unsaved else "" for unsaved in queue.unsaved]
        lines = [
            f"{mark}{place}  {name}" for place, (mark, name) in enumerate(zip(marks, names, strict=True), 1)
        ]
        options = tuple((line, place) for place, line in enumerate(lines))
        before, self._showing = self._showing, True
        try:
            if self.choice.options != options:
                self.choice.options = options
            self.choice.value = here
        finally:
            self._showing = before
        name = escape(names[here])
        self.title.value = (
            f'<span class="jupytrack-queue-name" title="{name}"><b>{name}</b></span>'
            f'<span class="jupytrack-queue-place">{here + 1} of {len(names)}</span>'
        )
        self.previous.disabled, self.next.disabled = here == 0, here == len(names) - 1
        self.remove.disabled = len(names) == 1
        theme = queue.active.session.theme
        for each in THEMES:
            (self.add_class if each == theme else self.remove_class)(f"jupytrack-{each}")

    def follow(self, job: Job[Any]) -> None:
        """Say how far work in the background is, until it has ended."""

        def say(progress: Progress) -> None:
            now = time.monotonic()
            if progress.text and now - self._told > _EVERY:
                self._told = now
                place = f"{min(int(progress.done) + 1, int(progress.total))} of {int(progress.total)}"
                self.news.value = escape(f"preparing {progress.text} ({place})")

        def end(_: Job[Any]) -> None:
            if self.comm is not None:
                self.news.value = ""

        job.progress.listen(say)
        job.when_done(end)

    def offer(self, shown: bool = True) -> None:
        """Show, or hide, the videos of the project that are not in the queue."""
        queue = self._queue
        rest = [path for path in queue.project.video_list if path not in queue.videos] if shown else []
        self.others.options = [(path.name, path) for path in rest]
        self.others.index = 0 if rest else None
        self.others.layout.display = self.take.layout.display = None if rest else "none"
        self.hint.value = (
            "Videos of the project that are not in the queue:"
            if rest
            else "All videos of the project are in the queue. "
            "<code>queue.project.add_videos([path])</code> copies another one into the project."
        )
        self._offering = shown
        self._offers.layout.display = "flex" if shown else "none"

    def _take(self) -> None:
        path = self.others.value
        self.offer(False)
        if path is not None:
            self._queue.add_video(path, set_active=True)

    def _on_choice(self, change: Any) -> None:
        if not self._showing and change["new"] is not None:
            self._queue._report(lambda: self._queue.swap_to(change["new"]))
            # where that was impossible, the list says where one is
            self.show()
