"""Labels × frames × (x, y) in dense arrays, and what else is known of each point."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.errors import AnnotationError

__all__ = [
    "COLUMNS",
    "MAX_CELLS",
    "MAX_FRAMES",
    "ColumnType",
    "PointTable",
    "Source",
    "Visibility",
    "column_type",
    "frame_number",
    "frame_range",
    "label_order",
    "register_column",
]

FloatArray = NDArray[np.float64]

MAX_FRAMES = 2**24
"""Frames beyond this are taken for a mistake: 155 hours at 30 frames a second."""
MAX_CELLS = 2**26
"""Labels times frames beyond this are taken for a mistake: 1 GiB of positions."""


class Visibility(IntEnum):
    """How much of the thing under a point can be seen."""

    UNKNOWN = 0
    VISIBLE = 1
    PARTIALLY_OCCLUDED = 2
    MOSTLY_OCCLUDED = 3
    FULLY_OCCLUDED = 4
    OUT_OF_FRAME = 5


class Source(IntEnum):
    """Where a point came from."""

    UNKNOWN = 0
    MANUAL = 1
    EDITED = 2
    LUCAS_KANADE = 3
    DEEPLABCUT = 4
    INTERPOLATED = 5


@dataclass(frozen=True)
class ColumnType:
    """How a per-point column is stored.

    Attributes
    ----------
    dtype : numpy.dtype
        Type of one value.
    missing : float or int
        What stands where nothing is known.
    """

    dtype: np.dtype[Any]
    missing: float | int

    def empty(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return an array of this column's type in which nothing is known."""
        return np.full(shape, self.missing, self.dtype)

    def known(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where something is known."""
        nothing: NDArray[np.bool_] = (
            np.isnan(values) if self.missing != self.missing else values == self.missing
        )
        return ~nothing


COLUMNS: dict[str, ColumnType] = {
    "likelihood": ColumnType(np.dtype(np.float32), float("nan")),
    "visibility": ColumnType(np.dtype(np.uint8), int(Visibility.UNKNOWN)),
    "source": ColumnType(np.dtype(np.uint8), int(Source.UNKNOWN)),
    "disagreement": ColumnType(np.dtype(np.float32), float("nan")),
}
"""The columns that are understood, by name; see :func:`register_column`."""


def register_column(name: str, dtype: Any, missing: float | int) -> ColumnType:
    """Make a further per-point column known.

    Parameters
    ----------
    name : str
        The column's name, also in sidecars.
    dtype : numpy dtype
        A boolean, integer or float type.
    missing : float or int
        What stands where nothing is known.

    Returns
    -------
    ColumnType

    Raises
    ------
    AnnotationError
        If the name is taken by a column of another type.
    """
    column = ColumnType(np.dtype(dtype), missing)
    if column.dtype.kind not in "biuf":
        raise AnnotationError(
            f"Column {name!r} would hold {column.dtype}.", "Choose a boolean, integer or float type."
        )
    known = COLUMNS.get(name)
    if known is not None and known.dtype != column.dtype:
        raise AnnotationError(f"Column {name!r} exists already, as {known.dtype}.", "Choose another name.")
    return COLUMNS.setdefault(name, column)


def column_type(name: str, dtype: Any = None) -> ColumnType:
    """Return the type of a column, known or (given a dtype) guessed for one that came out of a newer file.

    Raises
    ------
    AnnotationError
        If the column is unknown and there is no dtype to go by.
    """
    if name in COLUMNS:
        return COLUMNS[name]
    if dtype is None:
        raise AnnotationError(
            f"There is no column {name!r}.", f"Use one of {', '.join(COLUMNS)}, or register_column() first."
        )
    dtype = np.dtype(dtype)
    return ColumnType(dtype, float("nan") if dtype.kind == "f" else 0)


def frame_number(value: Any, n_frames: int | None = None) -> int:
    """Return a frame number as a plain int.

    Parameters
    ----------
    value : int or numpy integer
        The frame, from 0.
    n_frames : int, optional
        Frames in the video; without one only :data:`MAX_FRAMES` bounds the frame.

    Raises
    ------
    AnnotationError
        If it is no whole number, negative, or beyond the end.
    """
    try:
        frame = operator.index(value)
    except TypeError:
        raise AnnotationError(
            f"{value!r} is not a frame number.", "Give a whole number, counted from 0."
        ) from None
    if frame < 0:
        raise AnnotationError(f"Frame {frame} is negative.", "Frames count from 0.")
    if n_frames is not None and frame >= n_frames:
        raise AnnotationError(
            f"Frame {frame} is beyond the video's end.", f"The video has frames 0 to {n_frames - 1}."
        )
    if frame >= MAX_FRAMES:
        raise AnnotationError(f"Frame {frame} is too large.", f"Frames may go up to {MAX_FRAMES - 1}.")
    return frame


def frame_range(start: int | None, end: int | None, n_frames: int) -> range:
    """Return the frames from one to another, both included; by default from the first to the last one.

    Raises
    ------
    AnnotationError
        If there is no such frame, or the first one comes after the last one.
    """
    first = frame_number(0 if start is None else start, n_frames)
    last = frame_number(n_frames - 1 if end is None else end, n_frames)
    if last < first:
        raise AnnotationError(f"Frames {first} to {last} are none.", "Give the first frame first.")
    return range(first, last + 1)


def label_order(label: str) -> tuple[int, int, str]:
    """Sort key for labels: numbers by value, then names by the alphabet."""
    return (0, int(label), label) if label.isascii() and label.isdigit() else (1, 0, label)


@dataclass
class PointTable:
    """Points in dense arrays: what formats return and take.

    Attributes
    ----------
    labels : list of str
        Names of the labels, unique.
    xy : ndarray, float64, shape (n_labels, n_frames, 2)
        Positions in pixels; both coordinates NaN where there is no point.
    columns : dict of str to ndarray, shape (n_labels, n_frames)
        What else is known of each point; see :data:`COLUMNS`.
    meta : dict
        What belongs to the layer as a whole: ``names`` (label → name to show), ``video`` (fingerprint and
        frame count of the video it was made on), ``extra`` (what is not understood in a sidecar, kept).
    """

    labels: list[str]
    xy: FloatArray
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.labels = list(self.labels)
        self.xy = np.asarray(self.xy, np.float64)
        if self.xy.ndim != 3 or self.xy.shape[0] != len(self.labels) or self.xy.shape[2] != 2:
            raise AnnotationError(
                f"Positions of shape {self.xy.shape} do not fit {len(self.labels)} labels.",
                "The shape is (labels, frames, 2).",
            )
        if len(set(self.labels)) != len(self.labels):
            raise AnnotationError(f"Labels repeat: {self.labels}.", "Give each label a name of its own.")
        for name, values in self.columns.items():
            if values.shape != self.xy.shape[:2]:
                raise AnnotationError(
                    f"Column {name!r} has shape {values.shape}, the points {self.xy.shape[:2]}.",
                    "The shape is (labels, frames).",
                )

    @classmethod
    def empty(cls, labels: Iterable[str], n_frames: int = 0) -> PointTable:
        """Return a table of these labels without points."""
        labels = list(labels)
        return cls(labels, np.full((len(labels), n_frames, 2), np.nan))

    @classmethod
    def from_mapping(cls, data: Mapping[Any, Mapping[Any, Any]], n_frames: int | None = None) -> PointTable:
        """Make a table of ``{label: {frame: [x, y]}}``.

        Parameters
        ----------
        data : mapping
            Labels and frames may also be numbers and strings of digits, respectively.
        n_frames : int, optional
            Frames in the video; the table then has exactly as many. Otherwise it ends with the last point.

        Raises
        ------
        AnnotationError
            On a label that is no text, a frame that does not exist, a position that is not two finite
            numbers; the message names label and frame.
        """
        labels: list[str] = []
        cells: list[tuple[NDArray[np.int64], FloatArray]] = []
        for label, points in data.items():
            labels.append(label_name(label))
            if not isinstance(points, Mapping):
                raise AnnotationError(f"Label {label!r} holds {points!r}.", "Give {frame: [x, y]}.")
            frames = [
                frame_number(int(f) if isinstance(f, str) and f.isdigit() else f, n_frames) for f in points
            ]
            positions = [position(xy, label, f) for f, xy in zip(frames, points.values(), strict=True)]
            cells.append((np.array(frames, np.int64), np.array(positions, np.float64).reshape(-1, 2)))
        length = max((int(f.max()) + 1 for f, _ in cells if f.size), default=0)
        check_size(len(labels), length if n_frames is None else n_frames)
        table = cls.empty(labels, length if n_frames is None else n_frames)
        for row, (frame_array, xy) in enumerate(cells):
            table.xy[row, frame_array] = xy
        return table

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return len(self.labels)

    @property
    def n_frames(self) -> int:
        """Number of frames that the arrays cover."""
        return int(self.xy.shape[1])

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where there is a point; bool, shape (n_labels, n_frames)."""
        present: NDArray[np.bool_] = ~np.isnan(self.xy[:, :, 0])
        return present

    def last_frame(self) -> int:
        """Return the last frame that holds a point, -1 if none does."""
        frames = np.flatnonzero(self.present.any(axis=0))
        return int(frames[-1]) if frames.size else -1

    def points(self, label: str) -> Iterator[tuple[int, list[float]]]:
        """Yield (frame, [x, y]) of one label in the order of frames."""
        xy = self.xy[self.labels.index(label)]
        frames = np.flatnonzero(~np.isnan(xy[:, 0]))
        yield from zip(frames.tolist(), xy[frames].tolist(), strict=True)

    def to_mapping(self) -> dict[str, dict[int, list[float]]]:
        """Return ``{label: {frame: [x, y]}}`` of plain Python objects."""
        return {label: dict(self.points(label)) for label in self.labels}

    def resized(self, n_frames: int) -> PointTable:
        """Return a table of exactly ``n_frames`` frames, cut or filled up with missing points."""
        return PointTable(
            list(self.labels),
            resize(self.xy, n_frames, np.nan),
            {
                name: resize(values, n_frames, column_type(name, values.dtype).missing)
                for name, values in self.columns.items()
            },
            dict(self.meta),
        )


def resize(array: NDArray[Any], n_frames: int, missing: float | int) -> NDArray[Any]:
    """Return an array whose second axis has ``n_frames`` entries, always a new one."""
    out = np.empty((array.shape[0], n_frames, *array.shape[2:]), array.dtype)
    keep = min(n_frames, array.shape[1])
    out[:, :keep] = array[:, :keep]
    out[:, keep:] = missing
    return out


def label_name(label: Any) -> str:
    """Return a label as text; numbers become their digits.

    Raises
    ------
    AnnotationError
        If it is neither text nor a whole number, or empty.
    """
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool):
        return str(int(label))
    if not isinstance(label, str) or not label:
        raise AnnotationError(f"{label!r} cannot be a label.", "Labels are texts such as '0'.")
    return label


def position(value: Any, label: Any, frame: Any) -> list[float]:
    """Return a position as two floats.

    Raises
    ------
    AnnotationError
        If it is not two finite numbers; the message names label and frame.
    """
    try:
        x, y = value
        xy = [float(x), float(y)]
    except (TypeError, ValueError):
        raise AnnotationError(
            f"Label {label!r}, frame {frame}: {value!r} is not a position.", "Give two numbers, [x, y]."
        ) from None
    if not all(np.isfinite(xy)):
        raise AnnotationError(
            f"Label {label!r}, frame {frame}: the position {xy} is not finite.",
            "Give two finite numbers, or remove the point.",
        )
    return xy


def check_size(n_labels: int, n_frames: int) -> None:
    """Refuse arrays that could only come from a mistake.

    Raises
    ------
    AnnotationError
        If labels times frames exceed :data:`MAX_CELLS`.
    """
    if n_labels * n_frames > MAX_CELLS:
        raise AnnotationError(
            f"{n_labels} labels over {n_frames} frames are more than fits.",
            f"Labels times frames may go up to {MAX_CELLS}: split the layer, or check the frame numbers.",
        )
