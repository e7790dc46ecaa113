"""The columns of box tracks: what is accepted, and what is wrong with a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.table import MAX_FRAMES, Visibility, label_order
from jupytrack.errors import AnnotationError

__all__ = [
    "BOXLESS",
    "COLUMNS",
    "RowFault",
    "class_codes",
    "float_column",
    "frame_column",
    "numbered_ids",
    "row_fault",
    "row_order",
    "state_column",
    "state_name",
    "vocabulary",
]

Ids = tuple[int, ...] | tuple[str, ...]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

COLUMNS = ("frame", "id", "x", "y", "w", "h", "confidence", "class", "visibility", "state")
"""Columns of the data frame, in their order; others are extra."""
BOXLESS = (int(Visibility.FULLY_OCCLUDED), int(Visibility.OUT_OF_FRAME))
"""States of an object that need no box."""

_STATES = {state.name.lower(): int(state) for state in Visibility}


@dataclass(frozen=True)
class RowFault:
    """What is wrong with a row.

    Attributes
    ----------
    row : int
        Which one, from 0, as given.
    problem, remedy : str
        What is wrong and what to do about it; the problem names neither row nor file.
    first : int, optional
        The earlier row that this one repeats.
    """

    row: int
    problem: str
    remedy: str
    first: int | None = None


def frame_column(values: Any) -> IntArray:
    """Return frames as int64.

    Raises
    ------
    AnnotationError
        If they are no whole numbers.
    """
    return _whole(values, "frame", "Frames are whole numbers, counted from 0.")


def _whole(values: Any, what: str, remedy: str) -> IntArray:
    array = np.asarray(values)
    if not array.size:
        return np.empty(0, np.int64)
    if array.dtype.kind == "O":
        kinds = {type(value) for value in array.tolist()}
        if all(issubclass(kind, (int, np.integer)) and kind is not bool for kind in kinds):
            array = array.astype(np.int64)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        wrong = np.flatnonzero(~(np.abs(array) < 2**53) | (array != np.floor(array)))
        if not wrong.size:
            return array.astype(np.int64)
        raise AnnotationError(f"{what.capitalize()} {array[wrong[0]]} in row {wrong[0]}.", remedy)
    raise AnnotationError(f"The column {what!r} holds {array.dtype}, for instance {array[0]!r}.", remedy)


def float_column(values: Any, n_rows: int, what: str) -> FloatArray:
    """Return a column as float64, NaN where nothing is known; a single value stands for every row.

    Raises
    ------
    AnnotationError
        If it is not numeric, infinite somewhere, or of another length.
    """
    if values is None:
        return np.full(n_rows, np.nan)
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise AnnotationError(
            f"The column {what!r} holds what is no number.", "Give numbers, NaN where unknown."
        ) from None
    if array.ndim == 0:
        array = np.full(n_rows, float(array))
    check_length(array, n_rows, what)
    wrong = np.flatnonzero(np.isinf(array))
    if wrong.size:
        raise AnnotationError(
            f"The column {what!r} is infinite in row {wrong[0]}.", "Give finite numbers, NaN where unknown."
        )
    return array.copy()


def check_length(array: NDArray[Any], n_rows: int, what: str) -> None:
    """Refuse a column that is not one value a row."""
    if array.shape != (n_rows,):
        raise AnnotationError(
            f"The column {what!r} has shape {array.shape}, there are {n_rows} frames.",
            "Give one for each.",
        )


def numbered_ids(values: Any) -> tuple[Ids, IntArray]:
    """Return the ids in their order, and for every row the place of its id there.

    Numbers are sorted by value, texts as labels are: digits by value, then the alphabet.

    Raises
    ------
    AnnotationError
        If the ids are neither all whole numbers nor all texts, or one is empty.
    """
    items: list[Any] = values.tolist() if hasattr(values, "tolist") else list(values)
    if any(isinstance(item, str) for item in items):
        places: dict[Any, int] = {}
        codes = np.fromiter((places.setdefault(item, len(places)) for item in items), np.int64, len(items))
        for name, place in places.items():
            if not isinstance(name, str) or not name:
                raise AnnotationError(
                    f"Id {name!r} in row {int(np.argmax(codes == place))}, among ids that are texts.",
                    "Ids are either all whole numbers or all texts, none of them empty.",
                )
        names: list[str] = sorted(places, key=label_order)
        rank = np.empty(len(names), np.int64)
        rank[[places[name] for name in names]] = np.arange(len(names))
        return tuple(names), rank[codes]
    numbers = _whole(values, "id", "Ids are either all whole numbers or all texts.")
    unique, codes = np.unique(numbers, return_inverse=True)
    return tuple(unique.tolist()), codes.reshape(-1).astype(np.int64)


def vocabulary(classes: Iterable[str]) -> tuple[str, ...]:
    """Return the names of classes, checked.

    Raises
    ------
    AnnotationError
        If one is no text, empty, has spaces around it or more than one line, or if one is there twice.
    """
    if isinstance(classes, str):
        raise AnnotationError(f"{classes!r} is one class.", f"Give a list of them: [{classes!r}].")
    names = tuple(classes)
    for name in names:
        if not isinstance(name, str) or name != name.strip() or name.splitlines() != [name]:
            raise AnnotationError(
                f"{name!r} cannot be the name of a class.",
                "It is one line of text without spaces around.",
            )
    if len(set(names)) != len(names):
        raise AnnotationError(f"Classes repeat: {', '.join(names)}.", "Give each class a name of its own.")
    return names


def class_codes(values: Any, n_rows: int, classes: Iterable[str] | None) -> tuple[tuple[str, ...], IntArray]:
    """Return the vocabulary, and for every row the place of its class there, -1 where it is unknown.

    Parameters
    ----------
    values : None, str, sequence of (str, None or NaN), pandas Categorical, or array of int
        A single name stands for every row; whole numbers are places in ``classes``.
    n_rows : int
        Rows there are.
    classes : iterable of str, optional
        The vocabulary; by default the Categorical's, else the names that occur, sorted.

    Raises
    ------
    AnnotationError
        If a class is not in the vocabulary, or no text.
    """
    known = None if classes is None else vocabulary(classes)
    if values is None:
        return known or (), np.full(n_rows, -1, np.int64)
    if known is None and hasattr(values, "categories"):
        known = vocabulary(values.categories)
    if known is not None and isinstance(values, np.ndarray) and values.dtype.kind == "i":
        check_length(values, n_rows, "class")
        if values.size and not -1 <= values.min() <= values.max() < len(known):
            raise AnnotationError(
                f"Class {values.max()} is unknown, there are {len(known)}.",
                "Give names, or places in classes: from 0, and -1 where unknown.",
            )
        return known, values.astype(np.int64)
    if isinstance(values, str):
        values = [values] * n_rows
    items: list[Any] = values.tolist() if hasattr(values, "tolist") else list(values)
    if len(items) != n_rows:
        raise AnnotationError(f"There are {len(items)} classes for {n_rows} frames.", "Give one a row.")
    # pandas writes a missing name as None, NaN or NA: none of them equals itself or is a text
    places: dict[Any, int] = {}
    codes = np.fromiter((places.setdefault(item, len(places)) for item in items), np.int64, n_rows)
    missing = {name for name in places if not isinstance(name, str) and _is_missing(name)}
    names = [name for name in places if name not in missing]
    if known is None:
        known = vocabulary(sorted(names, key=str))
    rank = {name: place for place, name in enumerate(known)}
    lookup = np.full(len(places) + 1, -1, np.int64)
    for name in names:
        if name not in rank:
            row = int(np.argmax(codes == places[name]))
            raise AnnotationError(
                f"Class {name!r} in row {row} is unknown.",
                f"Known are {', '.join(known) or 'none'}; correct it, or add it to classes.",
            )
        lookup[places[name]] = rank[name]
    return known, lookup[codes]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value) or str(value) == "<NA>"


def state_name(state: int) -> str:
    """Return a state in words, as tables show it: ``"fully_occluded"``."""
    return Visibility(state).name.lower()


def state_column(values: Any, n_rows: int) -> NDArray[np.uint8]:
    """Return states as numbers of :class:`Visibility`; a single one stands for every row.

    Parameters
    ----------
    values : None, or sequence of (Visibility, int, name or missing)
        Names in any case, with spaces or underscores.
    n_rows : int
        Rows there are.

    Raises
    ------
    AnnotationError
        If there is no such state.
    """
    if values is None:
        return np.zeros(n_rows, np.uint8)
    if isinstance(values, (str, int, np.integer)):
        values = [values] * n_rows
    items: list[Any] = values.tolist() if hasattr(values, "tolist") else list(values)
    if len(items) != n_rows:
        raise AnnotationError(f"There are {len(items)} states for {n_rows} frames.", "Give one a row.")
    places: dict[Any, int] = {}
    codes = np.fromiter((places.setdefault(item, len(places)) for item in items), np.int64, n_rows)
    lookup = np.zeros(len(places) + 1, np.uint8)
    for value, place in places.items():
        lookup[place] = _state(value, int(np.argmax(codes == place)))
    return lookup[codes]


def _state(value: Any, row: int) -> int:
    if not isinstance(value, str) and _is_missing(value):
        return int(Visibility.UNKNOWN)
    if isinstance(value, str):
        name = value.strip().lower().replace(" ", "_").replace("-", "_")
        if name in _STATES:
            return _STATES[name]
    elif not isinstance(value, bool) and value in _STATES.values():
        return int(value)
    raise AnnotationError(f"State {value!r} in row {row} is unknown.", f"Known are {', '.join(_STATES)}.")


def row_fault(
    frame: IntArray,
    track: IntArray,
    boxes: FloatArray,
    visibility: FloatArray,
    state: NDArray[np.uint8],
    ids: Sequence[Any],
    n_frames: int | None = None,
    *,
    first_frame: int = 0,
) -> RowFault | None:
    """Return what is wrong with the first row of a kind of mistake, None if nothing is.

    Parameters
    ----------
    frame, track, visibility, state : ndarray, shape (n,)
        Columns; ``track`` is the place of the id in ``ids``.
    boxes : ndarray, float64, shape (n, 4)
        x, y, width, height; NaN throughout where there is no box.
    ids : sequence
        Ids by track.
    n_frames : int, optional
        Frames in the video.
    first_frame : int
        What the message calls frame 0.
    """

    def at(row: int) -> str:
        return f"track {ids[track[row]]!r} on frame {frame[row] + first_frame}"

    last = MAX_FRAMES if n_frames is None else n_frames
    frames = f"Frames are {first_frame} to {last - 1 + first_frame}; correct it, or the number of frames."
    for row in np.flatnonzero((frame < 0) | (frame >= last))[:1].tolist():
        return RowFault(row, f"{at(row)}: there is no such frame.", frames)
    missing = np.isnan(boxes)
    none = missing.all(axis=1)
    for row in np.flatnonzero((missing.any(axis=1) & ~none) | np.isinf(boxes).any(axis=1))[:1].tolist():
        return RowFault(
            row,
            f"{at(row)}: the box {boxes[row].tolist()} is not finite.",
            "A box is x, y, width and height, four finite numbers; without a box all four are missing.",
        )
    for row in np.flatnonzero((boxes[:, 2:] < 0).any(axis=1))[:1].tolist():
        return RowFault(
            row,
            f"{at(row)}: the box {boxes[row].tolist()} has a negative size.",
            "A box is x, y, width and height, where x and y are the left and upper edge.",
        )
    for row in np.flatnonzero(none & ~np.isin(state, BOXLESS))[:1].tolist():
        return RowFault(
            row,
            f"{at(row)} has no box.",
            "Give it one, remove the row, or give it the state fully_occluded or out_of_frame.",
        )
    for row in np.flatnonzero((visibility < 0) | (visibility > 1))[:1].tolist():
        return RowFault(
            row, f"{at(row)}: visibility {visibility[row]}.", "It is a share from 0 to 1, NaN if unknown."
        )
    return _repeated(frame, track, at)


def row_order(frame: IntArray, track: IntArray) -> IntArray:
    """Return the rows in the order of frames, then tracks."""
    # most files are in order, which is quickly seen
    step = np.diff(frame)
    if ((step > 0) | ((step == 0) & (np.diff(track) > 0))).all():
        return np.arange(len(frame))
    return np.lexsort((track, frame))


def _repeated(frame: IntArray, track: IntArray, at: Any) -> RowFault | None:
    order = row_order(frame, track)
    same = (np.diff(frame[order]) == 0) & (np.diff(track[order]) == 0)
    if not same.any():
        return None
    # lexsort is stable: of equal rows the earlier one comes first
    place = int(np.argmin(np.where(same, order[1:], len(order))))
    row, first = int(order[place + 1]), int(order[place])
    return RowFault(row, f"{at(row)} is there twice.", "Remove one of the two rows.", first)
