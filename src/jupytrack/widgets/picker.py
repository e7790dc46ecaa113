"""Choosing a video on the machine where the kernel runs."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipyfilechooser import FileChooser

from jupytrack.errors import JupytrackError
from jupytrack.widgets.panels import text_button

if TYPE_CHECKING:
    from jupytrack.widgets.annotator import Annotator
    from jupytrack.widgets.queue.video_queue import VideoQueue

__all__ = ["PATTERNS", "VideoPicker"]

PATTERNS = [
    f"*.{suffix}"
    for lower in ("mp4", "avi", "mov", "mkv", "webm", "m4v", "mpg", "mpeg", "wmv", "ts", "mts", "ogv", "dv")
    for suffix in (lower, lower.upper())
]
# stands for a whole DeepLabCut project
PATTERNS.append("config.yaml")


class VideoPicker(ipywidgets.VBox):  # type: ignore[misc]
    """A file chooser that turns into an annotator.

    Parameters
    ----------
    start : callable
        Called with the chosen path; returns an annotator or a queue.
    folder : path, optional
        Folder to begin in; the kernel's working folder by default.

    Attributes
    ----------
    annotator : Annotator, VideoQueue or None
        The annotator, or the queue of videos of a project, once something is chosen.
    """

    def __init__(
        self, start: Callable[[Path], Annotator | VideoQueue], folder: str | Path | None = None
    ) -> None:
        self._start = start
        self.annotator: Annotator | VideoQueue | None = None
        self.chooser = FileChooser(
            str(Path.cwd() if folder is None else folder),
            title="<b>Choose a video, or the config.yaml of a DeepLabCut project</b>",
            filter_pattern=PATTERNS,
            select_default=False,
            show_only_dirs=False,
            # the default one is shared by all choosers, and closed with the first
            layout=ipywidgets.Layout(width="500px"),
        )
        self.chooser.register_callback(self._on_chosen)
        self.message = ipywidgets.HTML("")
        self.cancel = text_button(
            "Do without", "Close the chooser without opening a video", align_self="flex-start"
        )
        self.cancel.on_click(lambda _: self.dismiss())
        self.again = text_button(
            "Choose a video…", "Show the chooser again", "folder-open-o", align_self="flex-start"
        )
        self.again.on_click(lambda _: self.offer())
        super().__init__([], layout=ipywidgets.Layout(width="100%"))
        self.add_class("jupytrack-picker")
        self.offer()

    def offer(self) -> None:
        """Show the chooser."""
        self._show(self.chooser, self.message, self.cancel)

    def dismiss(self) -> None:
        """Close the chooser without a video; it can be shown again."""
        self.message.value = "No video was chosen, so nothing is open."
        self._show(self.message, self.again)

    def _on_chosen(self, chooser: Any) -> None:
        if chooser.selected is None:
            self.dismiss()
            return
        self.choose(chooser.selected)

    def choose(self, path: str | Path) -> None:
        """Open a video in place of the chooser; an error is shown beneath it."""
        self.message.value = f"Opening {escape(Path(path).name)}…"
        try:
            self.annotator = self._start(Path(path))
        except JupytrackError as error:
            self.message.value = f"{escape(error.problem)} <i>{escape(error.remedy)}</i>"
            self.offer()
            return
        except Exception as error:
            # the chooser stays usable whatever happens; the log has the whole story
            self.message.value = f"{escape(Path(path).name)} could not be opened: {escape(repr(error))}"
            self.offer()
            raise
        self._show(self.annotator)

    def _show(self, *children: ipywidgets.Widget) -> None:
        self.children = children
