"""The dense arrays of one annotation while it is being edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.table import PointTable, check_size, column_type, resize
from jupytrack.errors import AnnotationError

__all__ = ["PointStore"]


class PointStore:
    """Positions and columns with room to grow.

    Parameters
    ----------
    table : PointTable
        What to start with; copied.
    n_frames : int, optional
        Frames in the video; the arrays then keep that length. Otherwise they grow as points are added.
    """

    def __init__(self, table: PointTable, n_frames: int | None = None) -> None:
        self.fixed = n_frames
        table = table.resized(table.n_frames if n_frames is None else n_frames)
        self.labels = table.labels
        self.xy = table.xy
        self.columns = table.columns
        self._rows = {label: row for row, label in enumerate(self.labels)}

    def __contains__(self, label: object) -> bool:
        return label in self._rows

    @property
    def capacity(self) -> int:
        """Frames that the arrays have room for."""
        return int(self.xy.shape[1])

    def row(self, label: str) -> int:
        """Return the row of a label.

        Raises
        ------
        AnnotationError
            If there is no such label.
        """
        try:
            return self._rows[label]
        except (KeyError, TypeError):
            raise AnnotationError(
                f"There is no label {label!r}.",
                f"The labels are {', '.join(self.labels) or 'none yet'}; add_label() makes another.",
            ) from None

    def reserve(self, n_frames: int) -> None:
        """Make room for at least ``n_frames`` frames."""
        if n_frames <= self.capacity:
            return
        check_size(len(self.labels), n_frames)
        # Doubling keeps a long run of appended points linear.
        n_frames = max(n_frames, min(2 * self.capacity, n_frames + 2**16), 64)
        self.xy = resize(self.xy, n_frames, np.nan)
        self.columns = {
            name: resize(values, n_frames, column_type(name, values.dtype).missing)
            for name, values in self.columns.items()
        }

    def set_labels(self, labels: Sequence[str]) -> None:
        """Keep, add, drop and reorder rows so that they follow ``labels``; new rows are empty."""
        labels = list(labels)
        if labels == self.labels:
            return
        check_size(len(labels), self.capacity)
        source = [self._rows.get(label, -1) for label in labels]
        new = [row for row, origin in enumerate(source) if origin < 0]

        def rearranged(array: NDArray[Any], missing: float | int) -> NDArray[Any]:
            if not self.labels:
                return np.full((len(labels), *array.shape[1:]), missing, array.dtype)
            out: NDArray[Any] = array[source]
            out[new] = missing
            return out

        self.xy = rearranged(self.xy, np.nan)
        self.columns = {
            name: rearranged(values, column_type(name, values.dtype).missing)
            for name, values in self.columns.items()
        }
        self.labels = labels
        self._rows = {label: row for row, label in enumerate(labels)}

    def column(self, name: str, dtype: Any = None) -> NDArray[Any]:
        """Return a column for writing, made on first use."""
        if name not in self.columns:
            self.columns[name] = column_type(name, dtype).empty((len(self.labels), self.capacity))
        return self.columns[name]

    def read(self, label: str, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return positions of one label, NaN beyond the end; shape (len(frames), 2)."""
        out = np.full((len(frames), 2), np.nan)
        inside = frames < self.capacity
        out[inside] = self.xy[self.row(label), frames[inside]]
        return out

    def read_column(self, name: str, label: str, frames: NDArray[np.int64]) -> NDArray[Any]:
        """Return values of one column of one label; shape (len(frames),)."""
        values = self.columns.get(name)
        out = column_type(name, None if values is None else values.dtype).empty((len(frames),))
        if values is not None:
            inside = frames < self.capacity
            out[inside] = values[self.row(label), frames[inside]]
        return out

    def table(self, n_frames: int) -> PointTable:
        """Return a copy of everything, ``n_frames`` long."""
        return PointTable(list(self.labels), self.xy, dict(self.columns)).resized(n_frames)
