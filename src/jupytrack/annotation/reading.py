"""What can be asked of points, without changing them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.store import PointStore
from jupytrack.annotation.table import PointTable, column_type

__all__ = ["ReadablePoints"]


class ReadablePoints:
    """Labels × frames × (x, y), to look at.

    Parameters
    ----------
    table : PointTable
        What to start with; copied.
    n_frames : int, optional
        Frames in the video, if there is one.
    """

    def __init__(self, table: PointTable, n_frames: int | None = None) -> None:
        self.lock = threading.RLock()
        self._frame_limit = n_frames
        self._store = PointStore(table, n_frames)
        self._revision = 0
        self._present_cache: tuple[int, NDArray[np.bool_]] | None = None

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return self._revision

    @property
    def labels(self) -> list[str]:
        """The labels, in their order."""
        return list(self._store.labels)

    @property
    def n_annotations(self) -> int:
        """Number of labels."""
        return len(self._store.labels)

    def __len__(self) -> int:
        """Return the number of labels."""
        return self.n_annotations

    @property
    def n_frames(self) -> int:
        """Number of frames in the video; without a video, up to the last point."""
        if self._frame_limit is not None:
            return self._frame_limit
        frames = np.flatnonzero(self.present.any(axis=0))
        return int(frames[-1]) + 1 if frames.size else 0

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where there is a point; read-only bool, shape (n_labels, at least n_frames)."""
        with self.lock:
            if self._present_cache is None or self._present_cache[0] != self._revision:
                present = ~np.isnan(self._store.xy[:, :, 0])
                present.flags.writeable = False
                self._present_cache = (self._revision, present)
            return self._present_cache[1]

    @property
    def frames(self) -> list[int]:
        """Frames with a point of any label, ascending."""
        frames: list[int] = np.flatnonzero(self.present.any(axis=0)).tolist()
        return frames

    @property
    def frames_overlapping(self) -> list[int]:
        """Frames with a point of every label, ascending."""
        if not self.labels:
            return []
        frames: list[int] = np.flatnonzero(self.present.all(axis=0)).tolist()
        return frames

    @property
    def is_dense(self) -> bool:
        """Whether more than four of five frames have a point, as predictions do."""
        n_frames = self.n_frames
        return n_frames > 0 and int(self.present.any(axis=0).sum()) > 0.8 * n_frames

    def get_frames(self, label: str) -> list[int]:
        """Return the frames with a point of one label, ascending.

        Raises
        ------
        AnnotationError
            If there is no such label.
        """
        frames: list[int] = np.flatnonzero(self.present[self._store.row(label)]).tolist()
        return frames

    def get_at_frame(self, frame_num: int) -> list[list[float]]:
        """Return [x, y] of every label at a frame, NaN where there is no point."""
        if not 0 <= frame_num < self._store.capacity:
            return [[np.nan, np.nan] for _ in self.labels]
        xy: list[list[float]] = self._store.xy[:, frame_num].tolist()
        return xy

    def get_values_cv(self, frame_num: int) -> NDArray[np.float32]:
        """Return the points at a frame as OpenCV's optical flow takes them: float32, (n_labels, 1, 2)."""
        return np.array(self.get_at_frame(frame_num), np.float32).reshape(self.n_annotations, 1, 2)

    def to_trace(self, label: str) -> NDArray[np.float64]:
        """Return the positions of one label over all frames.

        Returns
        -------
        ndarray, float64, shape (n_frames, 2)
            Pixels; NaN where there is no point, everywhere if there is no such label.
        """
        n_frames = self.n_frames
        if label not in self._store:
            return np.full((n_frames, 2), np.nan)
        return self._store.xy[self._store.row(label), :n_frames].copy()

    def to_traces(self) -> dict[str, NDArray[np.float64]]:
        """Return label → positions over all frames; each float64, shape (n_frames, 2), NaN for missing."""
        return dict(zip(self.labels, self._store.xy[:, : self.n_frames].copy(), strict=True))

    def to_table(self) -> PointTable:
        """Return a copy of all points and columns, ``n_frames`` long."""
        with self.lock:
            return self._store.table(self.n_frames)

    def column(self, name: str) -> NDArray[Any]:
        """Return what is known of each point under a name.

        Parameters
        ----------
        name : str
            ``"likelihood"`` (float32, NaN unknown), ``"visibility"`` or ``"source"`` (uint8, 0 unknown), or a
            column that was registered.

        Returns
        -------
        ndarray, shape (n_labels, n_frames)
            A copy.
        """
        n_frames = self.n_frames
        values = self._store.columns.get(name)
        if values is None:
            return column_type(name).empty((self.n_annotations, n_frames))
        return values[:, :n_frames].copy()
