"""Checks of points, one label at a time: how they move, whether they are there, how sure the model was.

Each returns a table of flags with the columns of :data:`jupytrack.qa.table.COLUMNS`: ``video`` (name of the
video or layer), ``track`` (the label), ``frame`` and ``last`` (the first and last frame that it is about),
``check`` (name of the check), ``value`` and ``threshold`` (in the unit that the check names), ``severity``
(``info``, ``warning``, ``error``) and ``message``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.table import Visibility
from jupytrack.errors import AnnotationError
from jupytrack.qa.inputs import PointLayer, Points, picture_size, points_of
from jupytrack.qa.label_path import LabelPath
from jupytrack.qa.table import flags, frame_span, robust_z, runs, threshold_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["acceleration", "frozen", "gaps", "jumps", "low_likelihood", "out_of_picture"]

FloatArray = NDArray[np.float64]

# Scores that differ by less than a quarter are equal: which of both sides of a step is higher is chance. A
# wrong point scores twice as high as its neighbours.
_EQUAL = 0.75


def jumps(
    annotation: PointLayer | Points,
    labels: Iterable[str] | None = None,
    *,
    jump_z: float = 8.0,
    min_scale: float = 0.5,
    return_frames: float = 10,
) -> pd.DataFrame:
    """Find frames on which a label moved much faster than it usually does.

    Parameters
    ----------
    annotation : VideoAnnotation or PointTable
        The layer; it is not changed.
    labels : iterable of str, optional
        Which labels; all by default.
    jump_z : float
        How many robust standard deviations above the median is too fast.
    min_scale : float
        Smallest robust standard deviation, in pixels a frame, so that a label at rest is not flagged for
        noise.
    return_frames : int
        A label that jumps away and back to its path within this many frames is flagged once; 0 for every
        jump on its own.

    Returns
    -------
    pandas.DataFrame
        One row a jump, on the frame at its end, or, if the label jumps back, from there to the last frame
        before its return; ``value`` (of the jump away) and ``threshold`` in robust standard deviations.

    Raises
    ------
    AnnotationError
        If there is no such label, or a number makes no sense.

    Notes
    -----
    The speed on frame t is v[t] = |p[t] − p[s]| / (t − s), with s the frame of the point before; its score is
    z[t] = (v[t] − median(v)) / max(1.4826 · median(|v − median(v)|), ``min_scale``). Flagged where z exceeds
    ``jump_z`` (Iglewicz and Hoaglin 1993, How to detect and handle outliers, who take 3.5 for normally
    distributed values; speeds have longer tails).

    A jump that ends on frame a and a later one that ends on frame b are one flag, on a to b − 1, if b − a ≤
    ``return_frames``, the straight way u = (p[b] − p[a⁻]) / (b − a⁻) past the frames between is no jump
    itself, the longer step is at most twice the other, and what they add to the straight way is opposite:
    |r_a + r_b| < ½ min(|r_a|, |r_b|) with r = step − u · its frames, where a⁻ is the frame of the point
    before a; or if u is no jump, and every point from a to b is there by one.

    It misleads where a label rests for long and then really moves fast: all of the movement is flagged. Raise
    ``jump_z``, or go by :func:`acceleration`. Of a label that is wrong more often than right, the right
    points are flagged; and of one that is away for longer than ``return_frames``, the return, too.

    Examples
    --------
    >>> from jupytrack.annotation.table import PointTable
    >>> xy = np.full((1, 20, 2), 50.0)
    >>> xy[0, 7:] += 30
    >>> jumps(PointTable(["0"], xy))[["track", "frame", "check"]].values.tolist()
    [['0', 7, 'jumps']]
    """
    limit, scale = threshold_number("jump_z", jump_z), _positive("min_scale", min_scale)
    longest = threshold_number("return_frames", return_frames)
    points = points_of(annotation, labels)
    tracks: list[str] = []
    found: list[tuple[int, int, int | None, float, float, float]] = []
    last: list[int] = []
    for label, xy in zip(points.labels, points.xy, strict=True):
        path = LabelPath.of(xy)
        z, usual, spread = robust_z(path.speeds, scale)
        jumped = np.flatnonzero(z > limit) + 1
        for i, back in path.excursions(jumped, usual + limit * spread, longest):
            frame, before = int(path.frames[i]), int(path.frames[i - 1])
            found.append(
                (frame, before, path.frame(back), float(path.lengths[i - 1]), float(z[i - 1]), usual)
            )
            last.append(frame if back is None else path.frames[back - 1])
            tracks.append(label)

    def message(i: int) -> str:
        frame, before, back, step, _, usual = found[i]
        since = f"in {frame - before} frames" if frame - before > 1 else "in one frame"
        return f"moved {step:.1f} px {since}{_until(back)}; {usual:.1f} px a frame is usual"

    z_values = [row[4] for row in found]
    return flags(
        "jumps", points.name, tracks, [row[0] for row in found], z_values, limit, "warning", message,
        last=last,
    )  # fmt: skip


def acceleration(
    annotation: PointLayer | Points,
    labels: Iterable[str] | None = None,
    *,
    acceleration_z: float = 8.0,
    min_scale: float = 0.5,
    return_frames: float = 10,
) -> pd.DataFrame:
    """Find frames on which a label changed its speed or direction much more than it usually does.

    Parameters
    ----------
    annotation : VideoAnnotation or PointTable
        The layer; it is not changed.
    labels : iterable of str, optional
        Which labels; all by default.
    acceleration_z : float
        How many robust standard deviations above the median is too much.
    min_scale : float
        Smallest robust standard deviation, in pixels a frame².
    return_frames : int
        A label that leaves its path and returns to it within this many frames is flagged once; 0 for every
        peak on its own.

    Returns
    -------
    pandas.DataFrame
        One row a peak, or, if the label returns, from there to the last frame before its return; ``value``
        and ``threshold`` in robust standard deviations.

    Raises
    ------
    AnnotationError
        If there is no such label, or a number makes no sense.

    Notes
    -----
    a[t] = |p[t+1] − 2 p[t] + p[t−1]|, where all three frames have a point; scored as in :func:`jumps`. Steady
    fast motion scores 0, so that this sees a jump within a movement that :func:`jumps` has to let pass. A
    wrong point raises a[t] on its neighbours, too: of neighbouring frames only the one that scores highest is
    flagged, the later one if they are within a quarter. A return is found as in :func:`jumps`; the way past
    the frames between may be as fast as the score allows a change to be.

    It misleads at real impacts, such as a foot on the ground; and it sees nothing beside a gap.
    """
    limit, scale = threshold_number("acceleration_z", acceleration_z), _positive("min_scale", min_scale)
    longest = threshold_number("return_frames", return_frames)
    points = points_of(annotation, labels)
    tracks: list[str] = []
    found: list[tuple[int, int | None, float, float, float]] = []
    last: list[int] = []
    for label, xy in zip(points.labels, points.xy, strict=True):
        change = np.linalg.norm(xy[2:] - 2 * xy[1:-1] + xy[:-2], axis=1)
        z, usual, spread = robust_z(change, scale)
        peaks = np.array(sorted(_peaks(z, limit)), np.intp) + 1
        if not peaks.size:
            continue
        path = LabelPath.of(xy)
        typical = float(np.median(path.speeds))
        places = np.searchsorted(path.frames, peaks)
        for i, back in path.excursions(places, typical + usual + limit * spread, longest):
            frame = int(path.frames[i])
            found.append((frame, path.frame(back), float(change[frame - 1]), float(z[frame - 1]), usual))
            last.append(frame if back is None else path.frames[back - 1])
            tracks.append(label)

    def message(i: int) -> str:
        _, back, amount, _, usual = found[i]
        return f"speed changed by {amount:.1f} px a frame{_until(back)}; {usual:.1f} is usual"

    z_values = [row[3] for row in found]
    return flags(
        "acceleration", points.name, tracks, [row[0] for row in found], z_values, limit, "warning", message,
        last=last,
    )  # fmt: skip


def _until(back: int | None) -> str:
    return "" if back is None else f", back on frame {back}"


def _peaks(z: FloatArray, limit: float) -> list[int]:
    """Return where z exceeds the limit, but of neighbours only the highest, the later one of equal ones."""
    peaks = []
    for start, stop in zip(*(each.tolist() for each in runs(z[None] > limit)[1:]), strict=True):
        left = z[start:stop].copy()
        while left.max() > limit:
            i = int(left.argmax())
            while i + 1 < len(left) and left[i + 1] > _EQUAL * left[i]:
                i += 1
            peaks.append(start + i)
            left[max(i - 1, 0) : i + 2] = 0
    return peaks


def frozen(
    annotation: PointLayer | Points,
    labels: Iterable[str] | None = None,
    *,
    frozen_frames: float = 30,
    frozen_motion: float = 0.01,
) -> pd.DataFrame:
    """Find runs of frames on which a label does not move at all, as when a tracker is stuck.

    Parameters
    ----------
    annotation : VideoAnnotation or PointTable
        The layer; it is not changed.
    labels : iterable of str, optional
        Which labels; all by default.
    frozen_frames : int
        A longer run is flagged, in frames.
    frozen_motion : float
        A smaller step between two frames is no motion, in pixels.

    Returns
    -------
    pandas.DataFrame
        One row a run; ``value`` and ``threshold`` in frames.

    Raises
    ------
    AnnotationError
        If there is no such label, or a number makes no sense.

    Notes
    -----
    A run is a stretch in which |p[t] − p[t−1]| ≤ ``frozen_motion`` from each frame to the next; its length
    counts frames, 1 + the steps. A model's predictions of a thing at rest still tremble by tenths of a pixel;
    a repeated value does not. 30 frames is the bound for box tracks without motion, see
    :func:`jupytrack.qa.ghosts`.

    It misleads where a point was placed by hand and copied, where the video repeats frames, and on whole
    pixels.
    """
    limit, motion = (
        threshold_number("frozen_frames", frozen_frames, 1),
        threshold_number("frozen_motion", frozen_motion),
    )
    points = points_of(annotation, labels)
    step = np.diff(points.xy, axis=1)
    # NaN compares as False: a gap ends a run
    still = (step * step).sum(axis=2) <= motion * motion
    row, start, stop = runs(still)
    length = stop - start + 1
    keep = length > limit
    row, start, length = row[keep], start[keep], length[keep]
    return flags(
        "frozen",
        points.name,
        [points.labels[r] for r in row.tolist()],
        start,
        length,
        limit,
        "warning",
        lambda i: f"does not move on {frame_span(start[i], start[i] + length[i] - 1)}",
        last=start + length - 1,
    )


def gaps(
    annotation: PointLayer | Points,
    labels: Iterable[str] | None = None,
    *,
    gap_frames: float = 0,
) -> pd.DataFrame:
    """Find frames without a point between frames that have one.

    Parameters
    ----------
    annotation : VideoAnnotation or PointTable
        The layer; it is not changed.
    labels : iterable of str, optional
        Which labels; all by default.
    gap_frames : int
        A longer gap is flagged, in frames.

    Returns
    -------
    pandas.DataFrame
        One row a gap, on the frames without a point; ``value`` and ``threshold`` in frames.

    Raises
    ------
    AnnotationError
        If there is no such label, or a number makes no sense.

    Notes
    -----
    The length counts the frames that lack a point. Gaps of which every frame is marked as fully occluded or
    out of frame (the column ``visibility``) are not flagged; neither is what comes before a label's first
    point and after its last.

    It misleads on a layer of key frames, where nearly everything is a gap.
    """
    limit = threshold_number("gap_frames", gap_frames)
    points = points_of(annotation, labels)
    present = points.present
    later = np.flip(np.maximum.accumulate(np.flip(present, 1), axis=1), 1)
    row, start, stop = runs(~present & np.maximum.accumulate(present, axis=1) & later)
    keep = stop - start > limit
    visibility = points.columns.get("visibility")
    if visibility is not None:
        hidden = np.isin(visibility, (Visibility.FULLY_OCCLUDED, Visibility.OUT_OF_FRAME))
        unexplained = np.zeros((len(hidden), hidden.shape[1] + 1), np.int64)
        np.cumsum(~hidden, axis=1, out=unexplained[:, 1:])
        keep &= unexplained[row, stop] > unexplained[row, start]
    row, start, stop = row[keep], start[keep], stop[keep]

    return flags(
        "gaps",
        points.name,
        [points.labels[r] for r in row.tolist()],
        start,
        stop - start,
        limit,
        "warning",
        lambda i: f"no point on {frame_span(start[i], stop[i] - 1)}",
        last=stop - 1,
    )


def low_likelihood(
    annotation: PointLayer | Points,
    labels: Iterable[str] | None = None,
    *,
    min_likelihood: float = 0.6,
) -> pd.DataFrame:
    """Find points that the model itself was not sure of.

    Parameters
    ----------
    annotation : VideoAnnotation or PointTable
        The layer; it is not changed.
    labels : iterable of str, optional
        Which labels; all by default.
    min_likelihood : float
        A lower likelihood is flagged, 0 to 1.

    Returns
    -------
    pandas.DataFrame
        One row a point; ``value`` and ``threshold`` are likelihoods.

    Raises
    ------
    AnnotationError
        If there is no such label, a number makes no sense, or no likelihood is known.

    Notes
    -----
    Points whose likelihood is not known are not flagged. 0.6 is DeepLabCut's ``pcutoff`` (Mathis et al. 2018,
    Nat. Neurosci. 21:1281).

    It misleads where the model is sure and wrong, as with left and right; and a likelihood is no probability:
    what is low depends on the model. Frames on which the thing is hidden ought to have a low one.
    """
    limit = threshold_number("min_likelihood", min_likelihood, 0, 1)
    points = points_of(annotation, labels)
    likelihood = points.columns.get("likelihood")
    if likelihood is None:
        raise AnnotationError(
            f"No likelihood is known of the points of {points.name or 'the layer'}.",
            "Leave out low_likelihood, or read the model's own file.",
        )
    row, frame = np.nonzero(points.present & (likelihood < limit))
    values = likelihood[row, frame].astype(np.float64)
    tracks = [points.labels[r] for r in row.tolist()]
    return flags(
        "low_likelihood",
        points.name,
        tracks,
        frame,
        values,
        limit,
        "info",
        lambda i: f"likelihood {values[i]:.2f}",
    )


def out_of_picture(
    annotation: PointLayer | Points,
    labels: Iterable[str] | None = None,
    *,
    image_size: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Find points outside the picture.

    Parameters
    ----------
    annotation : VideoAnnotation or PointTable
        The layer; it is not changed.
    labels : iterable of str, optional
        Which labels; all by default.
    image_size : (width, height), optional
        In pixels; that of the annotation's video by default.

    Returns
    -------
    pandas.DataFrame
        One row a point; ``value`` is how far outside it is, in pixels, ``threshold`` 0.

    Raises
    ------
    AnnotationError
        If there is no such label, or the size of the picture is not known.

    Notes
    -----
    Points are pixel centres, so the picture spans −0.5 to width − 0.5 and −0.5 to height − 0.5.

    It misleads where things beyond the edge are meant to be extrapolated.
    """
    points = points_of(annotation, labels)
    width, height = picture_size(image_size, points.video, points.name)
    high = np.array([width - 0.5, height - 0.5])
    with np.errstate(invalid="ignore"):
        outside = np.maximum(np.maximum(-0.5 - points.xy, points.xy - high), 0)
    away = np.sqrt((outside * outside).sum(axis=2))
    row, frame = np.nonzero(away > 0)
    values = away[row, frame]
    tracks = [points.labels[r] for r in row.tolist()]
    return flags(
        "out_of_picture",
        points.name,
        tracks,
        frame,
        values,
        0.0,
        "error",
        lambda i: f"{values[i]:.1f} px outside the picture of {width:g}×{height:g}",
    )


def _positive(name: str, value: float) -> float:
    number = threshold_number(name, value)
    if number == 0:
        raise AnnotationError(f"{name} is 0.", "Give a number above 0: it keeps scores finite.")
    return number
