"""BoxTracks: the boxes of objects that are followed through a video, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation import box_tables
from jupytrack.annotation.box_columns import (
    COLUMNS,
    check_length,
    class_codes,
    float_column,
    frame_column,
    numbered_ids,
    row_fault,
    row_order,
    state_column,
)
from jupytrack.annotation.box_rows import BoxRows, frozen
from jupytrack.errors import AnnotationError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "BoxTracks"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_SHOWN = 10
"""Tracks that the table in a notebook lists."""


class BoxTracks(BoxRows):
    """Boxes of objects that keep their id from frame to frame.

    One row says where one object is on one frame, or that it cannot be seen there. Rows are kept in the order
    of frames, then ids; a pair (frame, id) is there once. The object never changes: :meth:`assign` and
    :meth:`select` return new ones, and the arrays are read-only.

    A box is given by its edges, in pixels, in a picture that spans [0, width] × [0, height]: the box
    (0, 0, 1, 1) is exactly the top-left pixel. Points are counted from pixel centres instead: a point
    (px, py) is at (px + 0.5, py + 0.5) here.

    Parameters
    ----------
    frame : array-like of int, shape (n,)
        Frames, from 0.
    id : array-like of int or str, shape (n,)
        Which object; all whole numbers or all texts.
    boxes : array-like of float, shape (n, 4)
        x, y (left and upper edge), width and height in pixels; all four NaN where there is no box. Sizes may
        be 0.
    confidence : float or array-like of float, shape (n,), optional
        How sure the detector is; NaN if unknown. In ground truth 0 means: ignore this box when evaluating.
    class_ : str or array-like of str, shape (n,), optional
        What the object is; None or NaN if unknown. An array of int counts places in ``classes``.
    visibility : float or array-like of float, shape (n,), optional
        Share of the object that can be seen, 0 to 1; NaN if unknown.
    state : Visibility, str or array-like of these, shape (n,), optional
        How much can be seen, in words; ``"fully_occluded"`` or ``"out_of_frame"`` where there is no box.
    classes : iterable of str, optional
        All classes there can be, in their order; by default those that occur, sorted.
    extra : mapping of str to array-like of float, shape (n,), optional
        Further columns of numbers, by name.
    n_frames : int, optional
        Frames in the video; by default up to the last row's.
    frame_rate : float, optional
        Frames per second, if known.
    image_size : (int, int), optional
        Width and height of the picture in pixels, if known.

    Raises
    ------
    AnnotationError
        If columns do not fit each other, (frame, id) repeats, a box has a negative size or is only half
        there, a row has neither box nor state, a class is not in ``classes``; the message names frame and id,
        or the row.
    """

    __hash__ = None  # type: ignore[assignment]
    # Rows or tracks? items() says which.
    __iter__ = None

    def __init__(
        self,
        frame: Any,
        id: Any,
        boxes: Any,
        *,
        confidence: Any = None,
        class_: Any = None,
        visibility: Any = None,
        state: Any = None,
        classes: Iterable[str] | None = None,
        extra: Mapping[str, Any] | None = None,
        n_frames: int | None = None,
        frame_rate: float | None = None,
        image_size: tuple[int, int] | None = None,
    ) -> None:
        frames = frame_column(frame)
        n = len(frames)
        self._ids, track = numbered_ids(id)
        check_length(track, n, "id")
        box_array = _box_array(boxes, n)
        self._classes, class_code = class_codes(class_, n, classes)
        shares = float_column(visibility, n, "visibility")
        states = state_column(state, n)
        length = None if n_frames is None else _length(n_frames)
        fault = row_fault(frames, track, box_array, shares, states, self._ids, length)
        if fault is not None:
            raise AnnotationError(fault.problem[0].upper() + fault.problem[1:], fault.remedy)
        order = row_order(frames, track)
        self._frame = frozen(frames[order])
        self._track = frozen(track[order])
        # by columns, since they are mostly asked for one by one
        self._boxes = frozen(np.asfortranarray(box_array[order]))
        self._confidence = frozen(float_column(confidence, n, "confidence")[order])
        self._class_code = frozen(class_code[order])
        self._visibility = frozen(shares[order])
        self._state = frozen(states[order])
        self._extra = {}
        for name, values in (extra or {}).items():
            if not isinstance(name, str) or not name or name in COLUMNS:
                raise AnnotationError(f"{name!r} cannot name an extra column.", "Choose another name.")
            self._extra[name] = frozen(float_column(values, n, name)[order])
        self._n_frames = length if length is not None else int(frames.max()) + 1 if n else 0
        self._frame_rate = None if frame_rate is None else _rate(frame_rate)
        self._image_size = None if image_size is None else _size(image_size)

    @classmethod
    def empty(cls, **options: Any) -> BoxTracks:
        """Return tracks without rows; options as for the constructor."""
        return cls([], [], np.empty((0, 4)), **options)

    # tables

    @classmethod
    def from_dataframe(
        cls,
        table: pd.DataFrame,
        *,
        classes: Iterable[str] | None = None,
        n_frames: int | None = None,
        frame_rate: float | None = None,
        image_size: tuple[int, int] | None = None,
    ) -> BoxTracks:
        """Return the tracks that a data frame holds, one row for an object on a frame.

        Parameters
        ----------
        table : pandas.DataFrame
            Columns ``frame, id, x, y, w, h`` and, if there are any, ``confidence``, ``class``, ``visibility``
            (shares from 0 to 1, or states in words) and ``state``; further columns must hold numbers. The
            index does not matter.
        classes, n_frames, frame_rate, image_size
            As for :class:`BoxTracks`; by default what :meth:`to_dataframe` put into ``table.attrs`` and the
            vocabulary of a categorical column ``class``.

        Raises
        ------
        AnnotationError
            As for :class:`BoxTracks`, or if a column is missing.
        """
        return cls(
            **box_tables.arguments(
                table, classes=classes, n_frames=n_frames, frame_rate=frame_rate, image_size=image_size
            )
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Return a data frame, one row for an object on a frame.

        Its columns are ``frame, id, x, y, w, h, confidence, class, visibility, state`` and the extra ones.
        ``class`` and ``state`` are categorical; the first knows the whole vocabulary. Number of frames, frame
        rate and picture size are in ``attrs["jupytrack"]``.
        """
        return box_tables.data_frame(self)

    # parts

    def __contains__(self, id: object) -> bool:
        """Whether there is a track of this id."""
        return id in self._places

    def __getitem__(self, id: int | str) -> BoxTracks:
        """Return one track."""
        track = self._place(id)
        start, stop = self.track_starts[track : track + 2]
        return self._take(self.track_order[start:stop])

    def items(self) -> Iterator[tuple[int | str, BoxTracks]]:
        """Yield (id, its track) in the order of ids."""
        for id in self._ids:
            yield id, self[id]

    def at(self, frame: int) -> BoxTracks:
        """Return the rows of one frame."""
        start, stop = np.searchsorted(self._frame, [frame, frame + 1])
        return self._take(np.arange(start, stop))

    def select(
        self,
        mask: Any = None,
        *,
        ids: Iterable[int | str] | None = None,
        frames: Any = None,
        classes: str | Iterable[str] | None = None,
    ) -> BoxTracks:
        """Return the rows to which everything that is given applies; the video's length stays.

        Parameters
        ----------
        mask : array-like of bool, shape (n,), optional
            Which rows.
        ids : iterable, optional
            Of which tracks.
        frames : slice, range or array-like of int, optional
            On which frames; of a slice the stop is left out.
        classes : str or iterable of str, optional
            Of which classes.

        Raises
        ------
        AnnotationError
            If there is no such id or class, or the mask has another length.
        """
        keep = np.ones(len(self), np.bool_)
        if mask is not None:
            given = np.asarray(mask)
            if given.dtype != np.bool_ or given.shape != keep.shape:
                raise AnnotationError(
                    f"A mask of {given.dtype} of shape {given.shape}.",
                    f"Give one boolean for each of the {len(self)} rows.",
                )
            keep &= given
        if ids is not None:
            wanted = [ids] if isinstance(ids, str) else list(ids)
            keep &= np.isin(self._track, [self._place(id) for id in wanted])
        if isinstance(frames, slice):
            frames = range(self.n_frames)[frames]
        if frames is not None:
            keep &= np.isin(self._frame, frame_column(np.atleast_1d(np.asarray(frames))))
        if classes is not None:
            names = [classes] if isinstance(classes, str) else list(classes)
            for name in names:
                if name not in self._classes:
                    raise AnnotationError(
                        f"There is no class {name!r}.", f"There are {', '.join(self._classes) or 'none'}."
                    )
            keep &= np.isin(self._class_code, [self._classes.index(name) for name in names])
        return self._take(np.flatnonzero(keep))

    def assign(self, **changes: Any) -> BoxTracks:
        """Return tracks with some columns replaced.

        Parameters
        ----------
        **changes
            Any argument of :class:`BoxTracks`, in the order of this object's rows;
            ``assign(confidence=1)`` gives every row the same.
        """
        given: dict[str, Any] = {
            "frame": self.frame,
            "id": self.id,
            "boxes": self.boxes,
            "confidence": self.confidence,
            # places hold in their own vocabulary only
            "class_": self.class_ if "classes" in changes else self.class_code,
            "visibility": self.visibility,
            "state": self.state,
            # a new column of classes brings its own vocabulary unless one is given
            "classes": self.classes if "class_" not in changes else None,
            "extra": self.extra,
            "n_frames": self.n_frames if "frame" not in changes else None,
            "frame_rate": self.frame_rate,
            "image_size": self.image_size,
        }
        unknown = changes.keys() - given.keys()
        if unknown:
            raise AnnotationError(
                f"There is no column {', '.join(sorted(unknown))}.", f"Use one of {', '.join(given)}."
            )
        return BoxTracks(**{**given, **changes})

    @cached_property
    def _places(self) -> dict[Any, int]:
        return {id: place for place, id in enumerate(self._ids)}

    def _place(self, id: Any) -> int:
        if id not in self._places:
            shown = ", ".join(map(repr, self._ids[:_SHOWN])) + (", …" if self.n_tracks > _SHOWN else "")
            raise AnnotationError(f"There is no track {id!r}.", f"Tracks are {shown or 'none'}.")
        return self._places[id]

    def _take(self, rows: IntArray) -> BoxTracks:
        """Return some rows, given in ascending order of frames and ids: nothing is left to check."""
        taken = object.__new__(BoxTracks)
        taken._classes = self._classes
        taken._n_frames = self._n_frames
        taken._frame_rate = self._frame_rate
        taken._image_size = self._image_size
        tracks, codes = np.unique(self._track[rows], return_inverse=True)
        taken._ids = tuple(self._ids[track] for track in tracks.tolist())
        taken._track = frozen(codes.reshape(-1).astype(np.int64))
        taken._frame = frozen(self._frame[rows])
        taken._boxes = frozen(np.asfortranarray(self._boxes[rows]))
        taken._confidence = frozen(self._confidence[rows])
        taken._class_code = frozen(self._class_code[rows])
        taken._visibility = frozen(self._visibility[rows])
        taken._state = frozen(self._state[rows])
        taken._extra = {name: frozen(values[rows]) for name, values in self._extra.items()}
        return taken

    # for people

    def __eq__(self, other: object) -> bool:
        """Whether everything is the same: missing values, number of frames, frame rate and size, too."""
        if not isinstance(other, BoxTracks):
            return NotImplemented
        return (
            self._ids == other._ids
            and self._classes == other._classes
            and self._n_frames == other._n_frames
            and self._frame_rate == other._frame_rate
            and self._image_size == other._image_size
            and np.array_equal(self._frame, other._frame)
            and np.array_equal(self._track, other._track)
            and np.array_equal(self._class_code, other._class_code)
            and np.array_equal(self._state, other._state)
            and np.array_equal(self._boxes, other._boxes, equal_nan=True)
            and np.array_equal(self._confidence, other._confidence, equal_nan=True)
            and np.array_equal(self._visibility, other._visibility, equal_nan=True)
            and self._extra.keys() == other._extra.keys()
            and all(np.array_equal(v, other._extra[k], equal_nan=True) for k, v in self._extra.items())
        )

    def summary(self) -> str:
        """Return one sentence about the whole."""
        boxes = int(self.has_box.sum())
        text = f"{_count(self.n_tracks, 'track')}, {_count(boxes, 'box')}"
        text += f" on {len(self.frames)} of {_count(self.n_frames, 'frame')}"
        if boxes < len(self):
            text += f", {_count(len(self) - boxes, 'row')} without a box"
        if self._classes:
            text += f", classes {', '.join(self._classes[:_SHOWN])}"
            text += ", …" if len(self._classes) > _SHOWN else ""
        return text

    def __repr__(self) -> str:
        return f"BoxTracks({self.summary()})"

    def _repr_html_(self) -> str:
        rows = []
        for track, id in enumerate(self._ids[:_SHOWN]):
            inside = self.track_order[self.track_starts[track] : self.track_starts[track + 1]]
            names = dict.fromkeys(str(name) for name in self.class_[inside] if name is not None)
            frames = self._frame[inside]
            cells = [
                str(id),
                ", ".join(names),
                str(frames[0]),
                str(frames[-1]),
                str(self.has_box[inside].sum()),
            ]
            rows.append("".join(f"<td>{escape(cell)}</td>" for cell in cells))
        head = "".join(f"<th>{name}</th>" for name in ("id", "class", "first frame", "last frame", "boxes"))
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        more = f"<p>and {self.n_tracks - _SHOWN} more</p>" if self.n_tracks > _SHOWN else ""
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<p>{escape(self.summary())}</p>{table}{more}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}{'es' if what.endswith('x') else 's'}"


def _box_array(boxes: Any, n_rows: int) -> FloatArray:
    try:
        array = np.asarray(boxes, np.float64)
    except (TypeError, ValueError):
        raise AnnotationError("The boxes are no numbers.", "Give x, y, width and height.") from None
    if array.shape != (n_rows, 4):
        raise AnnotationError(
            f"Boxes of shape {array.shape} do not fit {n_rows} frames.",
            "The shape is (rows, 4): x, y, width, height.",
        )
    return array


def _length(n_frames: Any) -> int:
    if isinstance(n_frames, bool) or not isinstance(n_frames, (int, np.integer)) or n_frames < 0:
        raise AnnotationError(f"A video of {n_frames!r} frames.", "Give their number, 0 or more.")
    return int(n_frames)


def _rate(frame_rate: Any) -> float:
    if (
        isinstance(frame_rate, bool)
        or not isinstance(frame_rate, (int, float, np.integer, np.floating))
        or not 0 < frame_rate < np.inf
    ):
        raise AnnotationError(f"{frame_rate!r} is no frame rate.", "Give frames per second.")
    return float(frame_rate)


def _size(image_size: Any) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in image_size if side == int(side))
    except (TypeError, ValueError, OverflowError):
        width = height = 0
    if min(width, height) < 1:
        raise AnnotationError(f"{image_size!r} is no picture size.", "Give (width, height) in pixels.")
    return width, height
