"""How an annotator ends: what it lets go of, and what stands in its place when its layers are opened again.

ipywidgets keeps every widget that is not closed, and with it all that the widget refers to.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from jupytrack.widgets.dialogs import Banner

if TYPE_CHECKING:
    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.widgets.frame_canvas import FrameCanvas
    from jupytrack.widgets.overlay import Overlay
    from jupytrack.widgets.session import Session
    from jupytrack.widgets.traces import Traces

__all__ = ["Lifetime", "widgets_of"]

# all canvases of ipycanvas share one, except those that record
_SHARED = {"_canvas_manager"}
_open: weakref.WeakSet[Lifetime] = weakref.WeakSet()


def widgets_of(root: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """Return a widget and all that it is made of: children, layouts, styles, marks, scales."""
    found: dict[int, ipywidgets.Widget] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) not in found:
            found[id(one)] = one
            waiting += [
                part for name in one.keys if name not in _SHARED for part in _widgets_in(getattr(one, name))
            ]
    return list(found.values())


def _widgets_in(value: Any) -> Iterator[ipywidgets.Widget]:
    if isinstance(value, ipywidgets.Widget):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _widgets_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _widgets_in(each)


class Lifetime(ipywidgets.VBox):  # type: ignore[misc]
    """The part of the annotator that ends it."""

    session: Session
    canvas: FrameCanvas
    overlay: Overlay
    traces: Traces
    jobs: ipywidgets.VBox

    _owns_video = True
    _ended = False
    _stand_in: ipywidgets.VBox | None = None

    def close(self) -> None:
        """Leave the screen, and let go of the video, the layers and their locks. Unsaved edits stay safe.

        Work in the background is cancelled. A :class:`VideoReader` that you gave stays open.
        """
        stand_in, self._stand_in = self._stand_in, None
        if stand_in is not None:
            for part in widgets_of(stand_in):
                part.close()
            self.comm = None
            return
        if not self._ended:
            self._let_go()
        super().close()

    def __del__(self) -> None:
        # what stands in its place stays on the screen
        if self._stand_in is None:
            super().__del__()

    def _enter(self) -> None:
        """Take the place of the annotators whose layers this one has opened again."""
        for earlier in list(_open):
            if earlier._goes_on_in(self):
                earlier._give_way()
        _open.add(self)

    def _goes_on_in(self, other: Lifetime) -> bool:
        """Whether all that is here is there, too, and may be edited only there."""
        if any(not bar.job.future.done() for bar in self.jobs.children):
            return False
        stack, theirs = self.session.layers, {_place(ann) for ann in other.session.layers}
        # what is in memory only would be lost
        if stack.buffer.present.any():
            return False
        return all(
            ann.durable is None and ann.history.all_confirmed and _place(ann) in theirs
            for ann in stack
            if ann is not stack.buffer
        )

    def _give_way(self) -> None:
        """Show where it goes on, in place of what can no longer be used, and let go of everything."""
        name = escape(os.path.basename(self.session.video.fname))
        banner = Banner("info")
        banner.say(
            f"{name} was opened again in this notebook.", "Go on in the place where it was opened last."
        )
        # takes over the line to the browser, so that this object need not live for as long as its output
        stand_in = ipywidgets.VBox([banner], comm=self.comm, _dom_classes=self._dom_classes)
        stand_in.send_state()
        self._let_go()
        self._stand_in = stand_in
        self._repr_mimebundle_ = stand_in._repr_mimebundle_

    def _let_go(self) -> None:
        """End what runs and free what takes memory."""
        self._ended = True
        _open.discard(self)
        # an annotator that could not be made is closed, too
        names = ("session", "jobs", "canvas", "traces", "overlay")
        session, jobs, canvas, traces, overlay = (getattr(self, name, None) for name in names)
        if session is None:
            return
        for bar in () if jobs is None else jobs.children:
            bar.job.cancel()
        parts = widgets_of(self) if self.comm is not None else []
        if traces is not None:
            traces.close()
            parts += widgets_of(traces.panzoom)
        if canvas is not None:
            canvas.close()
        if overlay is not None:
            overlay.close()
        for part in parts:
            if part is not self:
                part.close()
        session.close()
        session.layers.close()
        if self._owns_video:
            session.video.close()


def _place(ann: VideoAnnotation) -> str | None:
    return None if ann.fname is None else os.path.realpath(ann.fname)
