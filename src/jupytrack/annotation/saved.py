"""How points differ from what is on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.store import PointStore
from jupytrack.annotation.table import PointTable, column_type

__all__ = ["Unsaved", "compare"]


@dataclass(frozen=True)
class Unsaved:
    """How an annotation differs from its file.

    Attributes
    ----------
    added, removed, moved : int
        Points that are new, gone, or elsewhere (or known to be something else, such as occluded).
    labels : bool
        Whether the labels themselves or their order differ.
    """

    added: int = 0
    removed: int = 0
    moved: int = 0
    labels: bool = False

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.moved or self.labels)


def compare(saved: PointTable, now: PointStore) -> Unsaved:
    """Return how the present arrays differ from what was saved.

    Parameters
    ----------
    saved : PointTable
        What is on disk.
    now : PointStore
        What there is now.
    """
    added = removed = moved = 0
    for label in dict.fromkeys([*saved.labels, *now.labels]):
        old_row = saved.labels.index(label) if label in saved.labels else None
        new_row = now.row(label) if label in now else None
        length = max(saved.n_frames, now.capacity)
        old = _row(saved.xy, old_row, length, np.nan)
        new = _row(now.xy, new_row, length, np.nan)
        # A point has both coordinates or none, so that x alone tells whether there is one.
        had, has = old[:, 0] == old[:, 0], new[:, 0] == new[:, 0]
        differs = (old[:, 0] != new[:, 0]) | (old[:, 1] != new[:, 1])
        for name in {*saved.columns, *now.columns}:
            was, will = saved.columns.get(name), now.columns.get(name)
            some = was if was is not None else now.columns[name]
            missing = column_type(name, some.dtype).missing
            a = _row(some if was is None else was, None if was is None else old_row, length, missing)
            b = _row(some if will is None else will, None if will is None else new_row, length, missing)
            differs |= (a != b) & ((a == a) | (b == b))
        added += int(np.count_nonzero(has & ~had))
        removed += int(np.count_nonzero(had & ~has))
        moved += int(np.count_nonzero(had & has & differs))
    return Unsaved(added, removed, moved, saved.labels != now.labels)


def _row(array: NDArray[Any], row: int | None, length: int, missing: float | int) -> NDArray[Any]:
    """Return a row of an array, ``length`` long; without a row, nothing but missing values."""
    if row is not None and array.shape[1] == length:
        found: NDArray[Any] = array[row]
        return found
    out = np.full((length, *array.shape[2:]), missing, array.dtype)
    if row is not None:
        out[: array.shape[1]] = array[row]
    return out
