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

from jupytrack.errors import AnnotationError
from jupytrack.widgets.dialogs import Banner
from jupytrack.widgets.panels import SharedStyle

if TYPE_CHECKING:
    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.widgets.frame_canvas import FrameCanvas
    from jupytrack.widgets.overlay import Overlay
    from jupytrack.widgets.queue.video_queue import VideoQueue
    from jupytrack.widgets.session import Session
    from jupytrack.widgets.traces import Traces

__all__ = ["Lifetime", "widgets_of"]

# all canvases of ipycanvas share one, except those that record
_SHARED = {"_canvas_manager"}
# what stays of an annotator that goes on elsewhere: what makes it a widget, and where it went
_KEPT = ("_trait", "_cross_validation_lock", "_model_id", "_stand_in", "_ended", "_repr_mimebundle_")
_open: weakref.WeakSet[Lifetime] = weakref.WeakSet()


def widgets_of(root: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """Return a widget and all that it is made of: children, layouts, styles, marks, scales."""
    found: dict[int, ipywidgets.Widget] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) not in found and not isinstance(one, SharedStyle):
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
    _goes_on: VideoQueue | None = None
    queue: VideoQueue | None

    def __getattr__(self, name: str) -> Any:
        # only what is not there is looked for here: what this annotator had before it went on elsewhere
        goes_on = self.__dict__.get("_goes_on")
        if goes_on is None or name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        return getattr(goes_on, name)

    def continue_in(self, queue: VideoQueue) -> None:
        """Give the place on the screen to a queue of videos, and everything that is asked from now on, too.

        Video, layers and locks are let go of; unsaved edits stay safe. ``annotator.ann``,
        ``annotator.save()`` and all else then mean the video that the queue shows, so that variables of a
        script stay of use.

        Parameters
        ----------
        queue : VideoQueue
            Where it goes on.
        """
        if self._goes_on is not None:
            raise AnnotationError("This annotator goes on elsewhere already.", "Use what took its place.")
        self._stand_aside(ipywidgets.VBox([queue], comm=self.comm, layout=ipywidgets.Layout(width="100%")))
        for name in [name for name in vars(self) if not name.startswith(_KEPT)]:
            delattr(self, name)
        self._goes_on = self.queue = queue

    def close(self) -> None:
        """Leave the screen, and let go of the video, the layers and their locks. Unsaved edits stay safe.

        Work in the background is cancelled. A :class:`VideoReader` that you gave stays open.
        """
        stand_in, self._stand_in = self._stand_in, None
        if self._goes_on is not None:
            self._goes_on.close()
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

    @property
    def ended(self) -> bool:
        """Whether it was closed, or gave way to another one."""
        return self._ended

    @property
    def loses_nothing(self) -> bool:
        """Whether ending it would lose nothing: no work in the background, nothing only in memory."""
        stack = self.session.layers
        return (
            all(bar.job.future.done() for bar in self.jobs.children)
            and not stack.buffer.present.any()
            and all(ann.history.all_confirmed for ann in stack.loaded)
        )

    def _goes_on_in(self, other: Lifetime) -> bool:
        """Whether all that is here is there, too, and may be edited only there."""
        if not self.loses_nothing:
            return False
        theirs = {_place(ann) for ann in other.session.layers.loaded}
        return all(ann.durable is None and _place(ann) in theirs for ann in self.session.layers.loaded)

    def _give_way(self) -> None:
        """Show where it goes on, in place of what can no longer be used, and let go of everything."""
        name = escape(os.path.basename(self.session.video.fname))
        banner = Banner("info")
        banner.say(
            f"{name} was opened again in this notebook.", "Go on in the place where it was opened last."
        )
        self._stand_aside(ipywidgets.VBox([banner], comm=self.comm, _dom_classes=self._dom_classes))

    def _stand_aside(self, stand_in: ipywidgets.VBox) -> None:
        """Let something else be shown here, and let go of everything.

        It takes over the line to the browser, so that this object need not live for as long as its output.
        """
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
