"""The columns of box tracks, to look at."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.table import Visibility

__all__ = ["BoxRows", "frozen"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


class BoxRows:
    """One row for each object and frame, in the order of frames, then ids; see BoxTracks."""

    _frame: IntArray
    _track: IntArray
    _boxes: FloatArray
    _confidence: FloatArray
    _class_code: IntArray
    _visibility: FloatArray
    _state: NDArray[np.uint8]
    _extra: dict[str, FloatArray]
    _ids: tuple[int, ...] | tuple[str, ...]
    _classes: tuple[str, ...]
    _n_frames: int
    _frame_rate: float | None
    _image_size: tuple[int, int] | None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make copies and what comes back from other processes read-only, too."""
        for value in (*state.values(), *state["_extra"].values()):
            if isinstance(value, np.ndarray):
                frozen(value)
        self.__dict__.update(state)

    @property
    def frame(self) -> IntArray:
        """Frame of each row, from 0; int64, shape (n,)."""
        return self._frame

    @property
    def track(self) -> IntArray:
        """Place of each row's id in :attr:`ids`; int64, shape (n,)."""
        return self._track

    @cached_property
    def id(self) -> NDArray[Any]:
        """Id of each row, shape (n,): int64, or texts as objects."""
        texts = bool(self._ids) and isinstance(self._ids[0], str)
        return frozen(np.array(self._ids, object if texts else np.int64)[self._track])

    @property
    def boxes(self) -> FloatArray:
        """X, y, width and height of each row in pixels, NaN where there is no box; float64, shape (n, 4)."""
        return self._boxes

    @property
    def x(self) -> FloatArray:
        """Left edges in pixels; float64, shape (n,)."""
        return self._boxes[:, 0]

    @property
    def y(self) -> FloatArray:
        """Upper edges in pixels; float64, shape (n,)."""
        return self._boxes[:, 1]

    @property
    def w(self) -> FloatArray:
        """Widths in pixels; float64, shape (n,)."""
        return self._boxes[:, 2]

    @property
    def h(self) -> FloatArray:
        """Heights in pixels; float64, shape (n,)."""
        return self._boxes[:, 3]

    @cached_property
    def xyxy(self) -> FloatArray:
        """Left, upper, right and lower edges in pixels; float64, shape (n, 4)."""
        edges = np.empty_like(self._boxes)
        edges[:, :2] = self._boxes[:, :2]
        edges[:, 2:] = self._boxes[:, :2] + self._boxes[:, 2:]
        return frozen(edges)

    @cached_property
    def centers(self) -> FloatArray:
        """Centres in edge coordinates; float64, shape (n, 2). As points they lie 0.5 further left and up."""
        return frozen(self._boxes[:, :2] + self._boxes[:, 2:] / 2)

    @cached_property
    def area(self) -> FloatArray:
        """Width times height in square pixels; float64, shape (n,)."""
        return frozen(self._boxes[:, 2] * self._boxes[:, 3])

    @property
    def confidence(self) -> FloatArray:
        """Confidence of each row, NaN if unknown; float64, shape (n,). In ground truth 0 means ignore."""
        return self._confidence

    @property
    def class_code(self) -> IntArray:
        """Place of each row's class in :attr:`classes`, -1 if unknown; int64, shape (n,)."""
        return self._class_code

    @cached_property
    def class_(self) -> NDArray[np.object_]:
        """Class of each row, None if unknown; shape (n,)."""
        # -1 picks the last one
        return frozen(np.array([*self._classes, None], object)[self._class_code])

    @property
    def visibility(self) -> FloatArray:
        """Share of each object that can be seen, NaN if unknown; float64, shape (n,)."""
        return self._visibility

    @property
    def state(self) -> NDArray[np.uint8]:
        """State that each row was given, as :class:`Visibility`; uint8, shape (n,)."""
        return self._state

    @cached_property
    def effective_state(self) -> NDArray[np.uint8]:
        """State of each row, as :class:`Visibility`: the given one, else what the visibility says.

        More than 75% is visible, 25% to 75% partially, less mostly and nothing fully occluded; uint8,
        shape (n,).
        """
        share = self._visibility
        told = np.select(
            [share > 0.75, share >= 0.25, share > 0, share == 0],
            [
                Visibility.VISIBLE,
                Visibility.PARTIALLY_OCCLUDED,
                Visibility.MOSTLY_OCCLUDED,
                Visibility.FULLY_OCCLUDED,
            ],
            Visibility.UNKNOWN,
        )
        return frozen(np.where(self._state != Visibility.UNKNOWN, self._state, told).astype(np.uint8))

    @cached_property
    def has_box(self) -> NDArray[np.bool_]:
        """Whether each row has a box; bool, shape (n,)."""
        return frozen(~np.isnan(self._boxes[:, 0]))

    @cached_property
    def occluded(self) -> NDArray[np.bool_]:
        """Whether each row's object is known not to be seen whole: occluded or out of frame; shape (n,)."""
        return frozen(self.effective_state >= Visibility.PARTIALLY_OCCLUDED)

    @property
    def extra(self) -> dict[str, FloatArray]:
        """Further columns by name; each float64, shape (n,)."""
        return dict(self._extra)

    # the whole

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._frame)

    @property
    def n_tracks(self) -> int:
        """Number of ids."""
        return len(self._ids)

    @property
    def ids(self) -> tuple[int, ...] | tuple[str, ...]:
        """All ids: numbers by value, texts as labels are sorted."""
        return self._ids

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes there can be, in their order."""
        return self._classes

    @cached_property
    def frames(self) -> IntArray:
        """Frames that have a row, ascending; int64."""
        return frozen(np.unique(self._frame))

    @property
    def n_frames(self) -> int:
        """Frames in the video; up to the last row if that is not known."""
        return self._n_frames

    @property
    def frame_rate(self) -> float | None:
        """Frames per second, None if unknown."""
        return self._frame_rate

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Width and height of the picture in pixels, None if unknown."""
        return self._image_size

    @cached_property
    def track_order(self) -> IntArray:
        """Rows sorted by track, then frame; int64, shape (n,)."""
        return frozen(np.argsort(self._track, kind="stable"))

    @cached_property
    def track_starts(self) -> IntArray:
        """Where each track begins in :attr:`track_order`, and the end; int64, shape (n_tracks + 1,)."""
        counts = np.bincount(self._track, minlength=self.n_tracks)
        return frozen(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array itself, read-only from now on."""
    array.flags.writeable = False
    return array
