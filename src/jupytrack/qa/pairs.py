"""Checks of two labels against each other: their distance, and left taken for right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jupytrack.errors import AnnotationError
from jupytrack.qa.inputs import PairList, PointLayer, Points, left_right_pairs, points_of
from jupytrack.qa.table import flags, robust_z, threshold_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["pair_distance", "swaps"]

FloatArray = NDArray[np.float64]


def pair_distance(
    annotation: PointLayer | Points,
    pairs: PairList,
    *,
    pair_z: float = 8.0,
    min_scale: float = 0.5,
) -> pd.DataFrame:
    """Find frames on which two labels are further apart, or closer together, than they usually are.

    Parameters
    ----------
    annotation : VideoAnnotation or PointTable
        The layer; it is not changed.
    pairs : iterable of (label, label)
        Labels whose distance says something, such as the two ends of a bone.
    pair_z : float
        How many robust standard deviations from the median is too far, either way.
    min_scale : float
        Smallest robust standard deviation, in pixels.

    Returns
    -------
    pandas.DataFrame
        Two rows a frame, one for each label of the pair; ``value`` (negative where they are too close) and
        ``threshold`` in robust standard deviations.

    Raises
    ------
    AnnotationError
        If there is no such label, or a number makes no sense.

    Notes
    -----
    d[t] = |p[t] − q[t]| and z[t] = (d[t] − median(d)) / max(1.4826 · median(|d − median(d)|),
    ``min_scale``); flagged where |z| exceeds ``pair_z`` (Iglewicz and Hoaglin 1993).

    Which of the two is wrong, it cannot say. It misleads where the distance really changes in long phases,
    as between a moving thing and a fixed one, or where the thing comes closer to the camera.

    Examples
    --------
    >>> from jupytrack.annotation.table import PointTable
    >>> xy = np.full((2, 20, 2), 50.0)
    >>> xy[1, :, 0] = 90
    >>> xy[1, 7, 0] = 140
    >>> pair_distance(PointTable(["0", "1"], xy), [("0", "1")])["frame"].tolist()
    [7, 7]
    """
    limit, smallest = threshold_number("pair_z", pair_z), threshold_number("min_scale", min_scale)
    if smallest == 0:
        raise AnnotationError("min_scale is 0.", "Give a number above 0: it keeps scores finite.")
    points = points_of(annotation)
    tracks: list[str] = []
    found: list[tuple[int, float, float, float, str]] = []
    for first, second in points.pairs(pairs):
        distance = np.linalg.norm(points.xy[first] - points.xy[second], axis=1)
        z, usual, _ = robust_z(distance, smallest)
        for frame in np.flatnonzero(np.abs(z) > limit).tolist():
            for row, other in ((first, second), (second, first)):
                tracks.append(points.labels[row])
                found.append((frame, float(distance[frame]), float(z[frame]), usual, points.labels[other]))

    def message(i: int) -> str:
        _, distance, _, usual, other = found[i]
        return f"{distance:.1f} px from label {other}; {usual:.1f} px is usual"

    z_values = [row[2] for row in found]
    return flags(
        "pair_distance", points.name, tracks, [row[0] for row in found], z_values, limit, "warning", message
    )


def swaps(
    annotation: PointLayer | Points,
    pairs: PairList | None = None,
    *,
    swap_ratio: float = 0.5,
    swap_distance: float = 5.0,
    return_frames: float = 10,
) -> pd.DataFrame:
    """Find frames on which two labels trade places, as when left is taken for right.

    Parameters
    ----------
    annotation : VideoAnnotation or PointTable
        The layer; it is not changed.
    pairs : iterable of (label, label), optional
        Which labels may be mistaken for each other; by default those whose names differ by left and right
        only, see :func:`jupytrack.qa.left_right_pairs`.
    swap_ratio : float
        Flagged if trading places explains the motion with less than this share of the leftover, 0 to 1.
    swap_distance : float
        Labels that are closer together than this cannot be told apart and are not flagged, in pixels.
    return_frames : int
        Labels that trade places back within this many frames are flagged once; 0 for every swap on its own.

    Returns
    -------
    pandas.DataFrame
        Two rows a swap, one for each label, on the first frame after it, or, if it is soon taken back, from
        there to the last frame before that; ``value`` and ``threshold`` are shares of the leftover. A swap
        that is taken back later gives two more rows where it ends.

    Raises
    ------
    AnnotationError
        If there is no such label, no pair is given or found, or a number makes no sense.

    Notes
    -----
    With a and b the positions of the pair on two frames with both points, s before t, the leftover of keeping
    the names is K = |a[t] − â| + |b[t] − b̂| and that of trading them S = |b[t] − â| + |a[t] − b̂|, where â,
    b̂ are predicted from frame s: at rest, and in uniform motion if there are points on frame s−1, too; for K
    and S the better prediction counts. Flagged if S < ``swap_ratio`` · K and |a[s] − b[s]| >
    ``swap_distance``. The uniform motion lets labels that really cross pass.

    It misleads where the pair is lost for long, meets and stays together, or turns around when it meets; a
    swap during which both points are missing is seen only if they stay near where they were.

    Examples
    --------
    >>> from jupytrack.annotation.table import PointTable
    >>> xy = np.full((2, 20, 2), 50.0)
    >>> xy[1, :, 0] = 90
    >>> xy[:, 7:] = xy[::-1, 7:]
    >>> swaps(PointTable(["paw_L", "paw_R"], xy))[["track", "frame"]].values.tolist()
    [['paw_L', 7], ['paw_R', 7]]
    """
    limit = threshold_number("swap_ratio", swap_ratio, 0, 1)
    apart = threshold_number("swap_distance", swap_distance)
    longest = threshold_number("return_frames", return_frames)
    points = points_of(annotation)
    if pairs is None:
        pairs = left_right_pairs(points.labels, points.names)
        if not pairs:
            raise AnnotationError(
                f"No two labels of {points.name or 'the layer'} differ by left and right only.",
                "Give pairs=[(label, label), ...].",
            )
    tracks: list[str] = []
    found: list[tuple[int, float, str]] = []
    last: list[int] = []
    for first, second in points.pairs(pairs):
        frames, ratio = _leftover_ratio(points.xy[first], points.xy[second], apart)
        swapped = np.flatnonzero(ratio < limit).tolist()
        while swapped:
            i = swapped.pop(0)
            end, back = frames[i], ""
            if swapped and frames[swapped[0]] - end <= longest:
                returned = swapped.pop(0)
                end, back = frames[returned - 1], f", back on frame {frames[returned]}"
            for row, other in ((first, second), (second, first)):
                tracks.append(points.labels[row])
                found.append((int(frames[i]), float(ratio[i]), f"{points.labels[other]}{back}"))
                last.append(int(end))
    return flags(
        "swaps",
        points.name,
        tracks,
        [row[0] for row in found],
        [row[1] for row in found],
        limit,
        "error",
        lambda i: f"seems to trade places with label {found[i][2]}",
        last=last,
    )


def _leftover_ratio(a: FloatArray, b: FloatArray, apart: float) -> tuple[NDArray[np.intp], FloatArray]:
    """Return frames with both points, but the first, and S / K on them; infinite where it says nothing."""
    both = np.flatnonzero(~np.isnan(a[:, 0]) & ~np.isnan(b[:, 0]))
    if len(both) < 2:
        return both[:0], np.empty(0)
    pair = np.stack([a[both], b[both]])
    was, now = pair[:, :-1], pair[:, 1:]
    steps = np.diff(both)
    keep, trade = _leftover(was, now), _leftover(was, now[::-1])
    if len(both) > 2:
        # uniform motion, known where the frame just before has both points
        moving = np.full_like(was, np.nan)
        moving[:, 1:] = was[:, 1:] + np.diff(was, axis=1) * steps[1:, None]
        moving[:, 1:][:, steps[:-1] != 1] = np.nan
        keep, trade = np.fmin(keep, _leftover(moving, now)), np.fmin(trade, _leftover(moving, now[::-1]))
    told = (np.linalg.norm(was[0] - was[1], axis=1) > apart) & (keep > 0)
    ratio = np.full(len(steps), np.inf)
    ratio[told] = trade[told] / keep[told]
    return both[1:], ratio


def _leftover(predicted: FloatArray, now: FloatArray) -> FloatArray:
    leftover: FloatArray = np.linalg.norm(now - predicted, axis=2).sum(axis=0)
    return leftover
