"""OpenCV's pyramidal Lucas-Kanade: its options, and the call."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["flow_options", "track"]

_DEFAULTS: dict[str, Any] = {
    "winSize": (45, 45),
    "maxLevel": 2,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03),
    "minEigThreshold": 1e-4,
}
_OPTIONS = {*_DEFAULTS, "flags"}
# Its stubs know no numpy arrays of float32.
_track: Any = cv2.calcOpticalFlowPyrLK


def flow_options(lk_config: dict[str, Any], contrast: float = 1) -> dict[str, Any]:
    """Return the arguments of ``cv2.calcOpticalFlowPyrLK``, defaults filled in.

    Parameters
    ----------
    lk_config : dict
        What the caller wants otherwise.
    contrast : float
        How much smaller differences of brightness are in the pictures than in full-range ones: the threshold
        for texture then means the same.

    Raises
    ------
    TypeError
        If there is no such option.
    """
    unknown = lk_config.keys() - _OPTIONS
    if unknown:
        raise TypeError(
            f"Lucas-Kanade has no option {', '.join(sorted(unknown))}; there are "
            f"{', '.join(sorted(_OPTIONS))}."
        )
    options = {**_DEFAULTS, **lk_config}
    options["minEigThreshold"] *= contrast**2
    return options


def track(
    previous: NDArray[np.uint8],
    following: NDArray[np.uint8],
    points: NDArray[np.float32],
    options: dict[str, Any],
    guess: NDArray[np.float32] | None = None,
    strict: bool = False,
) -> NDArray[np.float32]:
    """Return where points of one picture are on the next.

    Parameters
    ----------
    previous, following : ndarray, uint8, shape (height, width)
        The pictures.
    points : ndarray, float32, shape (n_points, 2)
        Pixels.
    options : dict
        From :func:`flow_options`.
    guess : ndarray, float32, shape (n_points, 2), optional
        Where to begin to search, with the flag ``OPTFLOW_USE_INITIAL_FLOW``.
    strict : bool
        NaN for points that OpenCV calls not found: outside, or on less texture than ``minEigThreshold``.
    """
    # OpenCV writes the result there.
    start = None if guess is None else np.array(guess, np.float32, order="C").reshape(-1, 1, 2)
    moved, found, _ = _track(previous, following, points.reshape(-1, 1, 2), start, **options)
    result: NDArray[np.float32] = moved[:, 0]
    if strict:
        result[found[:, 0] == 0] = np.nan
    return result
