"""Layers in order: which one is edited and which one is shown beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from jupytrack.annotation.marks import TimelineMarks
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import AnnotationError, JupytrackError
from jupytrack.listeners import listen

if TYPE_CHECKING:
    from jupytrack.annotation.later import LaterLayer
    from jupytrack.video.source import FrameSource

__all__ = ["BUFFER", "LayerList"]

BUFFER = "buffer"
"""Name of the layer that is always there, for points that are on their way somewhere else."""


class LayerList(TimelineMarks):
    """Layers of a video, one of them active and one (or none) shown beside it.

    Parameters
    ----------
    video : FrameSource
        The video.
    """

    def __init__(self, video: FrameSource) -> None:
        super().__init__(video)
        self.lock = threading.RLock()
        self._layers: list[VideoAnnotation] = []
        self._later: list[LaterLayer] = []
        self._buffer: VideoAnnotation | None = None
        self._active: VideoAnnotation | None = None
        self._overlay: VideoAnnotation | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def names(self) -> list[str]:
        """Names of the layers in order, without the buffer."""
        names = [*(ann.name for ann in self._layers), *(later.name for later in self._later)]
        # one that is being read this moment may stand in both
        return list(dict.fromkeys(names))

    @property
    def loaded(self) -> list[VideoAnnotation]:
        """The layers whose files are read, without waiting for the others; see :meth:`read_later`."""
        return list(self._layers)

    def __len__(self) -> int:
        """Return the number of layers, without the buffer."""
        return len(self.names)

    def __iter__(self) -> Iterator[VideoAnnotation]:
        self.read_later()
        return iter(list(self._layers))

    def __contains__(self, name: object) -> bool:
        return name == BUFFER or name in self.names

    def __getitem__(self, name: str) -> VideoAnnotation:
        """Return a layer's annotation.

        Raises
        ------
        AnnotationError
            If there is no such layer.
        """
        if name == BUFFER and BUFFER not in self.names:
            return self.buffer
        for ann in self._layers:
            if ann.name == name:
                return ann
        if self.is_waiting(name):
            error = self.read_later(name)
            if error is not None:
                raise error
            return self[name]
        raise AnnotationError(
            f"There is no layer {name!r}.", f"The layers are {', '.join(self.names) or 'none yet'}."
        )

    @property
    def buffer(self) -> VideoAnnotation:
        """The layer for points that are on their way somewhere else; not saved by itself."""
        if self._buffer is None:
            self._buffer = VideoAnnotation(name=BUFFER, video=self.video)
            self._watch(self._buffer)
        return self._buffer

    def _watch(self, ann: VideoAnnotation) -> None:
        """Follow a layer that is new."""

    # layers that are read later; how is said in :mod:`jupytrack.annotation.later`

    def is_waiting(self, name: str) -> bool:
        """Whether the file of a layer was not read yet."""
        return any(later.name == name for later in self._later)

    def read_later(self, name: str | None = None) -> JupytrackError | None:
        """Read now what was left for later."""
        raise NotImplementedError

    # which one is edited, which one is shown

    @property
    def active(self) -> str:
        """Name of the layer that is edited; setting it selects another.

        Raises
        ------
        AnnotationError
            If there is no layer (of that name).
        """
        if self._active is None:
            raise AnnotationError("There is no layer yet.", "Add one: layers.add('iteration-0').")
        return self._active.name

    @active.setter
    def active(self, name: str) -> None:
        ann = self[name]
        if ann is not self._active:
            self._active = ann
            self._changed()

    @property
    def overlay(self) -> str | None:
        """Name of the layer that is shown for comparison, or None; setting it selects another."""
        return None if self._overlay is None else self._overlay.name

    @overlay.setter
    def overlay(self, name: str | None) -> None:
        ann = None if name is None else self[name]
        if ann is not self._overlay:
            self._overlay = ann
            self._changed()

    def next_active(self) -> str:
        """Make the next layer the active one, round and round; returns its name."""
        return self._cycle_active(1)

    def previous_active(self) -> str:
        """Make the previous layer the active one, round and round; returns its name."""
        return self._cycle_active(-1)

    def next_overlay(self) -> str | None:
        """Show the next layer, after the last one none; returns its name."""
        return self._cycle_overlay(1)

    def previous_overlay(self) -> str | None:
        """Show the previous layer, before the first one none; returns its name."""
        return self._cycle_overlay(-1)

    def _cycle_active(self, step: int) -> str:
        with self.lock:
            names = self.names
            here = names.index(self.active) if self.active in names else 0
            self.active = names[(here + step) % len(names)]
            return self.active

    def _cycle_overlay(self, step: int) -> str | None:
        with self.lock:
            choices = [None, *self.names]
            here = choices.index(self.overlay) if self.overlay in choices else 0
            self.overlay = choices[(here + step) % len(choices)]
            return self.overlay

    def _arrange(self, layers: Sequence[VideoAnnotation]) -> None:
        """Have exactly these layers, with an active one among them."""
        before = self._layers
        self._layers = list(layers)
        if self._active is None or (self._active not in self._layers and self._active is not self._buffer):
            index = before.index(self._active) if self._active in before else 0
            earlier = [ann for ann in before[:index] if ann in self._layers]
            self._active = earlier[-1] if earlier else next(iter(self._layers), None)
        if self._overlay not in self._layers and self._overlay is not self._buffer:
            self._overlay = None
        self._changed()

    # being told

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback()`` when layers, roles or marks changed; returns a function that stops it."""
        return listen(self._listeners, callback)

    def _changed(self) -> None:
        for callback in list(self._listeners):
            callback()
