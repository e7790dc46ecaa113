"""Fewer points to draw a line with, so that a long video's traces stay fluid. The data are never touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tsdownsample import MinMaxLTTBDownsampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST", "decimate"]

# points of one line that are drawn at most; about one for each pixel of a wide screen
MOST = 1500
_DOWNSAMPLER: Any = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]


def decimate(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    most: int = MOST,
    gaps: bool = True,
    view: tuple[float, float] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Choose the points that show the shape of a line.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Ascending positions.
    y : ndarray, shape (n,)
        Values; NaN where there is none.
    most : int
        How many points to keep at most. Gaps come on top.
    gaps : bool
        Whether to put a NaN back wherever values are missing between two neighbours, so that no line is drawn
        across a gap.
    view : tuple of two float, optional
        Only this range of x, and one value on either side of it.

    Returns
    -------
    x, y : ndarray, shape (m,)
        What to draw.
    """
    present = np.flatnonzero(np.isfinite(y))
    if view is not None and len(present):
        first, last = np.searchsorted(x[present], view)
        present = present[max(first - 1, 0) : last + 1]
    if len(present) > most:
        chosen = _DOWNSAMPLER.downsample(x[present], np.ascontiguousarray(y[present]), n_out=most)
        present = present[np.asarray(chosen, dtype=np.intp)]
    if not gaps or len(present) < 2:
        return x[present], y[present]
    # a value is missing between two chosen ones if fewer values than positions lie between them
    values_before = np.cumsum(np.isfinite(y))
    broken = np.flatnonzero(np.diff(values_before[present]) < np.diff(present)) + 1
    return np.insert(x[present], broken, x[present[broken]]), np.insert(y[present], broken, np.nan)
