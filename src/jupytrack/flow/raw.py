"""Paths of every single window, streamed to a file while they are made."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from jupytrack import formats
from jupytrack.annotation.table import PointTable
from jupytrack.errors import FormatError, SaveError
from jupytrack.video.index import content_fingerprint

__all__ = ["MEMBER", "RawPaths", "load_raw_paths", "made_of", "raw_file"]

MEMBER = "lk_moving_average"
"""Member of the sidecar that says what a smoothed layer was made of."""


def raw_file(result: str | Path) -> Path:
    """Return where the raw paths of a smoothed layer are."""
    return Path(result).with_suffix(".npy")


class RawPaths:
    """A file of float64, shape (window_frames, n_frames, n_labels, 2), that is filled window by window.

    Row ``s % window_frames`` holds the window that begins on frame s, as in DUSTrack's raw results. The file
    appears under its name once it is complete.

    Parameters
    ----------
    path : path
        The ``.npy`` file.
    shape : tuple of int
        ``(window_frames, n_frames, n_labels, 2)``.
    """

    def __init__(self, path: str | Path, shape: tuple[int, int, int, int]) -> None:
        self.path = Path(path)
        self.shape = shape
        self._temporary = self.path.with_name(f".{self.path.name}.{uuid4().hex[:8]}.tmp")
        self._row = int(np.prod(shape[1:])) * 8
        self._cell = int(np.prod(shape[2:])) * 8
        try:
            self._file = open(self._temporary, "xb")  # noqa: SIM115 (closed by finish or discard)
            header = {"descr": "<f8", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(self._file, header)
            self._start = self._file.tell()
            self._fill()
        except OSError as error:
            self.discard()
            raise self._failed(error) from error

    def _fill(self) -> None:
        """Write NaN where no window will come: before the first and after the last of each row."""
        window, n_frames = self.shape[:2]
        n_windows = n_frames - window + 1
        for row in range(window):
            self._write(row, 0, np.full((min(row, n_frames), *self.shape[2:]), np.nan))
            last = (n_windows - 1 - row) // window * window + row if row < n_windows else row - window
            self._write(row, last + window, np.full((n_frames - last - window, *self.shape[2:]), np.nan))

    def _write(self, row: int, frame: int, values: NDArray[np.float64]) -> None:
        self._file.seek(self._start + row * self._row + frame * self._cell)
        self._file.write(values.astype("<f8").tobytes())

    def add(self, first: int, paths: NDArray[np.float64]) -> None:
        """Write the paths of consecutive windows.

        Parameters
        ----------
        first : int
            Frame on which the first of them begins.
        paths : ndarray, float64, shape (n_windows, window_frames, n_labels, 2)
            NaN where a label is not tracked.
        """
        try:
            for n, path in enumerate(paths):
                self._write((first + n) % self.shape[0], first + n, path)
        except OSError as error:
            raise self._failed(error) from error

    def complete(self) -> str:
        """Have everything on the disk, under another name still; returns the content's fingerprint."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error
        return content_fingerprint(self._temporary)

    def put_in_place(self) -> None:
        """Give the complete file its name."""
        try:
            os.replace(self._temporary, self.path)
        except OSError as error:
            raise self._failed(error) from error

    def discard(self) -> None:
        """Give the file up if it is not in its place."""
        if hasattr(self, "_file"):
            with contextlib.suppress(OSError):
                self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> SaveError:
        return SaveError(
            f"{self.path} could not be written: {error.strerror or error}.",
            "Free some space or check the folder's permissions, or use save_raw=False.",
        )

    def __enter__(self) -> RawPaths:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def load_raw_paths(file: str | Path) -> NDArray[np.float64]:
    """Return the path of each window that :func:`lk_moving_average_filter` averaged.

    Parameters
    ----------
    file : path
        The ``.npy`` file of raw paths, or the smoothed layer (``.json``) beside it.

    Returns
    -------
    ndarray, float64, shape (window_frames, n_frames, n_labels, 2)
        Pixels, read-only and read from the disk as needed. Window s, which begins on frame s, is in row
        ``s % window_frames`` on frames s to s + window_frames - 1; NaN where there is none. Labels are in the
        order of the smoothed layer.

    Raises
    ------
    FormatError
        If the file is missing, holds something else or, where a layer is given, belongs to another result
        than this one. DUSTrack's pickles are not read: a pickle can run any code.
    """
    path = raw_file(file) if Path(file).suffix == ".json" else Path(file)
    if path.suffix == ".pkl":
        raise FormatError(
            f"{path} is a pickle, which could run any code when it is read.",
            "Smooth the layer again with save_raw=True.",
        )
    try:
        paths = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise FormatError(
            f"There are no raw paths {path}.", "Smooth the layer again with save_raw=True."
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise FormatError(
            f"{path} holds no raw paths ({error}).", "Smooth the layer again with save_raw=True."
        ) from error
    if not isinstance(paths, np.ndarray) or paths.ndim != 4 or paths.shape[3] != 2:
        raise FormatError(f"{path} holds no raw paths.", "Smooth the layer again with save_raw=True.")
    if path != Path(file) and made_of(file).get("raw") != content_fingerprint(path):
        raise FormatError(
            f"The raw paths {path} are not those that {file} is the mean of.",
            "Smooth the layer again with save_raw=True, or give the .npy file to read it all the same.",
        )
    return paths


def made_of(layer: str | Path, table: PointTable | None = None) -> dict[str, Any]:
    """Return what is written in a smoothed layer of how it was made; empty if it is no such layer.

    Parameters
    ----------
    layer : path
        The ``.json`` file.
    table : PointTable, optional
        Its content, if it is at hand.
    """
    try:
        kept = (table or formats.read_layer(layer)).meta["extra"][MEMBER]
    except (FormatError, KeyError, TypeError, OSError):
        return {}
    return kept if isinstance(kept, dict) else {}
