"""The table of flags that every check returns, and what several checks need to make one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jupytrack.errors import AnnotationError, Level

__all__ = ["COLUMNS", "closest", "flags", "frame_span", "joined", "robust_z", "runs", "threshold_number"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COLUMNS = {
    "video": "object",
    "track": "object",
    "frame": "int64",
    "last": "int64",
    "check": "object",
    "value": "float64",
    "threshold": "float64",
    "severity": "object",
    "message": "object",
}
"""Columns of a table of flags, and their types.

``track`` is a label or track id, None for a whole frame; a flag holds from ``frame`` to ``last``, both
included.
"""

# Standard deviation over median absolute deviation, for normally distributed values.
_GAUSSIAN = 1.4826


def flags(
    check: str,
    video: str,
    track: Sequence[Any] | NDArray[Any],
    frame: ArrayLike,
    value: ArrayLike,
    threshold: ArrayLike,
    severity: Level | Sequence[Level],
    message: Callable[[int], str],
    *,
    last: ArrayLike | None = None,
) -> pd.DataFrame:
    """Return a table of flags in the order of frames.

    Parameters
    ----------
    check, video : str
        The same in every row.
    track : sequence
        Label or track id of each row.
    frame, value, threshold : array_like
        One for each row; threshold and severity may also be one for all.
    severity : Level or sequence of Level
        How grave it is.
    message : callable
        Returns the text of row i.
    last : array_like, optional
        Last frame of each flag; by default it is on one frame only.
    """
    frames = np.atleast_1d(np.asarray(frame, np.int64))
    n = len(frames)
    ends = frames if last is None else np.atleast_1d(np.asarray(last, np.int64))
    tracks = np.empty(n, object)
    # element by element: ids that are numbers become plain ints, and tuples stay one item
    for i, each in enumerate(track.tolist() if isinstance(track, np.ndarray) else track):
        tracks[i] = each
    severities = np.full(n, severity, object) if isinstance(severity, str) else np.array(severity, object)
    order = np.argsort(frames, kind="stable")
    values = np.broadcast_to(np.asarray(value, np.float64), (n,))
    thresholds = np.broadcast_to(np.asarray(threshold, np.float64), (n,))
    return _frame(
        {
            "video": np.full(n, video, object),
            "track": tracks[order],
            "frame": frames[order],
            "last": ends[order],
            "check": np.full(n, check, object),
            "value": values[order],
            "threshold": thresholds[order],
            "severity": severities.reshape(n)[order],
            "message": np.array([message(i) for i in order.tolist()], object),
        }
    )


def _frame(columns: dict[str, Any]) -> pd.DataFrame:
    # explicit types: newer pandas would make its own text type of some tables and not of empty ones
    return pd.DataFrame({name: pd.Series(columns[name], dtype=COLUMNS[name]) for name in COLUMNS})


def frame_span(first: Any, last: Any) -> str:
    """Return one or several frames in words."""
    return f"frame {first}" if first == last else f"frames {first} to {last}"


def joined(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of several tables of flags in one, ordered by video and frame."""
    filled = [table for table in tables if len(table)]
    if not filled:
        return _frame({name: [] for name in COLUMNS})
    whole = _frame(
        {name: np.concatenate([table[name].to_numpy(COLUMNS[name]) for table in filled]) for name in COLUMNS}
    )
    return whole.sort_values(["video", "frame"], kind="stable", ignore_index=True)


def robust_z(values: FloatArray, min_scale: float) -> tuple[FloatArray, float, float]:
    """Return how far values are from their median in robust standard deviations; NaN stays NaN.

    The scale is 1.4826 · median(|v − median(v)|), but at least ``min_scale``.

    Returns
    -------
    z : ndarray
        Same shape as ``values``.
    middle, scale : float
        The median and the scale; NaN if there are no values.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return np.full(values.shape, np.nan), float("nan"), float("nan")
    middle = float(np.median(known))
    scale = max(float(_GAUSSIAN * np.median(np.abs(known - middle))), min_scale)
    return (values - middle) / scale, middle, scale


def runs(where: NDArray[np.bool_]) -> tuple[IntArray, IntArray, IntArray]:
    """Return the runs of True along the last axis of a 2-D array as (row, start, stop), stop excluded."""
    n_rows, n = where.shape
    padded = np.zeros((n_rows, n + 2), np.int8)
    padded[:, 1:-1] = where
    change = np.diff(padded, axis=1)
    row, start = np.nonzero(change == 1)
    stop = np.nonzero(change == -1)[1]
    return row.astype(np.int64), start.astype(np.int64), stop.astype(np.int64)


def threshold_number(name: str, value: Any, low: float = 0.0, high: float = np.inf) -> float:
    """Return a threshold as a float.

    Raises
    ------
    AnnotationError
        If it is no finite number from ``low`` to ``high``.
    """
    limits = f"from {low:g}" + ("" if np.isinf(high) else f" to {high:g}")
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise AnnotationError(f"{name} is {value!r}.", f"Give a number {limits}.")
    if not (np.isfinite(value) and low <= value <= high):
        raise AnnotationError(f"{name} is {value}.", f"Give a finite number {limits}.")
    return float(value)


def closest(name: str, known: Iterable[str]) -> str:
    """Return advice on a name that is not among the known ones."""
    known = list(known)
    near = difflib.get_close_matches(str(name), known, 1, 0.5)
    listed = f"There are {', '.join(known)}." if known else "There are none."
    return f"Did you mean {near[0]!r}? {listed}" if near else listed
