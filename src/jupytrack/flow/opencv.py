"""OpenCV's pyramidal Lucas-Kanade: its options, and the call."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from jupytrack.errors import AnnotationError

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
    AnnotationError
        If an option has a value that makes no sense.
    """
    unknown = lk_config.keys() - _OPTIONS
    if unknown:
        raise TypeError(
            f"Lucas-Kanade has no option {', '.join(sorted(unknown))}; there are "
            f"{', '.join(sorted(_OPTIONS))}."
        )
    options = {**_DEFAULTS, **lk_config}
    for name, (fits, remedy) in _VALUES.items():
        try:
            good = name not in options or fits(options[name])
        except (TypeError, ValueError):
            good = False
        if not good:
            raise AnnotationError(f"Lucas-Kanade's option {name} is {options[name]!r}.", remedy)
    options["winSize"] = tuple(int(pixels) for pixels in options["winSize"])
    options["minEigThreshold"] = float(options["minEigThreshold"]) * contrast**2
    return options


def _whole(value: Any, lowest: int) -> bool:
    return operator.index(value) >= lowest


def _is_criteria(value: Any) -> bool:
    kind, count, epsilon = value
    operator.index(count)
    return operator.index(kind) in (1, 2, 3) and bool(np.isfinite(epsilon))


# OpenCV's own messages tell neither which option is wrong nor what it should be.
_VALUES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "winSize": (
        lambda value: len(value) == 2 and all(_whole(pixels, 3) for pixels in value),
        "Give width and height in pixels, at least 3 each, such as (45, 45).",
    ),
    "maxLevel": (lambda value: _whole(value, 0), "Give a whole number from 0, such as 2."),
    "criteria": (
        _is_criteria,
        "Give (kind, iterations, epsilon), such as "
        "(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03).",
    ),
    "minEigThreshold": (lambda value: value >= 0, "Give a number from 0, such as 1e-4."),
    "flags": (
        lambda value: operator.index(value) in (0, cv2.OPTFLOW_LK_GET_MIN_EIGENVALS),
        "Leave it out, or give cv2.OPTFLOW_LK_GET_MIN_EIGENVALS.",
    ),
}


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
