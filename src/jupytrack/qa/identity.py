"""Checks of identity: tracks against each other, and against the rules for when an id ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.table import Visibility
from jupytrack.qa.inputs import picture_size
from jupytrack.qa.table import flags, frame_span, threshold_number
from jupytrack.qa.tracks import Boxes, BoxLayer, boxes_of, iou_of, over_runs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["broken_tracks", "duplicates", "missing_occlusion", "reentry"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def duplicates(tracks: BoxLayer, *, duplicate_iou: float = 0.9) -> pd.DataFrame:
    """Find two boxes of the same class around the same thing.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    duplicate_iou : float
        A higher intersection over union is flagged, 0 to 1.

    Returns
    -------
    pandas.DataFrame
        One row for each run of consecutive frames of two tracks, for the track that has fewer boxes in all;
        ``value`` (the largest of the run) and ``threshold`` are intersections over union.

    Raises
    ------
    AnnotationError
        If a number makes no sense.

    Notes
    -----
    IoU = |A ∩ B| / |A ∪ B| of two boxes on the same frame; unknown classes count as the same.

    It misleads where two things of a class hide each other almost entirely, such as people who walk side by
    side, seen from the side.

    Examples
    --------
    >>> from jupytrack import BoxTracks
    >>> tracks = BoxTracks([0, 1, 1], [1, 1, 2], [[0, 0, 40, 40], [2, 0, 40, 40], [2, 1, 40, 40]])
    >>> duplicates(tracks)[["track", "frame", "message"]].values.tolist()
    [[2, 1, 'same box as track 1 on frame 1']]
    """
    limit = threshold_number("duplicate_iou", duplicate_iou, 0, 1)
    boxes = boxes_of(tracks)
    rows, overlaps = boxes.tracks, boxes.overlaps
    first, second = overlaps.first, overlaps.second
    iou = np.minimum(overlaps.area / (rows.area[first] + rows.area[second] - overlaps.area), 1.0)
    found = (iou > limit) & (rows.class_code[first] == rows.class_code[second])
    pairs, start, stop = boxes.pair_runs(np.flatnonzero(found))
    largest = over_runs(np.maximum, iou[pairs], start, stop)
    one, other = first[pairs[start]], second[pairs[start]]
    n_boxes = np.bincount(rows.track[boxes.order], minlength=rows.n_tracks)
    # of equally long ones the later id
    swap = n_boxes[rows.track[one]] < n_boxes[rows.track[other]]
    keep, spare = np.where(swap, other, one), np.where(swap, one, other)
    end = rows.frame[first[pairs[stop]]]
    kept = boxes.ids(keep)
    return flags(
        "duplicates",
        boxes.name,
        boxes.ids(spare),
        rows.frame[spare],
        largest,
        limit,
        "error",
        lambda i: f"same box as track {kept[i]} on {frame_span(rows.frame[spare[i]], end[i])}",
        last=end,
    )


def missing_occlusion(tracks: BoxLayer, *, occlusion_overlap: float = 0.5) -> pd.DataFrame:
    """Find boxes that another one covers, but that are not marked as occluded.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    occlusion_overlap : float
        Flagged if a larger share of the box that is behind is covered, 0 to 1.

    Returns
    -------
    pandas.DataFrame
        One row for each run of consecutive frames of two tracks, for the track that seems to be behind;
        ``value`` (the largest of the run) and ``threshold`` are shares of its area.

    Raises
    ------
    AnnotationError
        If a number makes no sense.

    Notes
    -----
    The share is |A ∩ B| / |A|, where A is the box whose lower edge is higher up in the picture: on a common
    ground it is further away (as MOTChallenge derives visibility, Milan et al. 2016, arXiv:1603.00831).
    Flagged if neither of the two is marked as occluded or out of frame. The bound is ours: at half, the
    published levels speak of partial occlusion.

    It misleads for things in the air or on shelves, for what is seen from above, for things that lie in one
    another (a spoon in a cup), and at duplicates, which it flags, too.
    """
    limit = threshold_number("occlusion_overlap", occlusion_overlap, 0, 1)
    boxes = boxes_of(tracks)
    rows, overlaps = boxes.tracks, boxes.overlaps
    lower = rows.xyxy[:, 3]
    swap = lower[overlaps.second] < lower[overlaps.first]
    behind = np.where(swap, overlaps.second, overlaps.first)
    front = np.where(swap, overlaps.first, overlaps.second)
    covered = np.minimum(overlaps.area / rows.area[behind], 1.0)
    found = (covered > limit) & ~rows.occluded[behind] & ~rows.occluded[front]
    pairs, start, stop = boxes.pair_runs(np.flatnonzero(found))
    largest = over_runs(np.maximum, covered[pairs], start, stop)
    row, cover = behind[pairs[start]], boxes.ids(front[pairs[start]])
    end = rows.frame[behind[pairs[stop]]]

    def message(i: int) -> str:
        span = frame_span(rows.frame[row[i]], end[i])
        return f"{largest[i]:.0%} covered by track {cover[i]} on {span}, not marked as occluded"

    return flags(
        "missing_occlusion", boxes.name, boxes.ids(row), rows.frame[row], largest, limit, "info", message,
        last=end,
    )  # fmt: skip


def broken_tracks(tracks: BoxLayer, *, broken_frames: float = 3, broken_iou: float = 0.5) -> pd.DataFrame:
    """Find tracks that begin where and when another one has just ended.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    broken_frames : int
        Flagged if the new track begins at most this many frames after the last box of the old one.
    broken_iou : float
        Flagged if the two boxes overlap at least this much, as intersection over union, above 0 up to 1.

    Returns
    -------
    pandas.DataFrame
        One row for each new track, on its first frame; ``value`` is the intersection over union with the old
        one's last box, ``threshold`` ``broken_iou``.

    Raises
    ------
    AnnotationError
        If a number makes no sense.

    Notes
    -----
    Of several old tracks the one that overlaps most counts. Classes may differ: a track that broke may also
    have been named anew.

    It misleads where one thing really takes the place of another, as on a conveyor belt. What moves further
    than its own size in ``broken_frames`` frames is not found.
    """
    longest = threshold_number("broken_frames", broken_frames, 1)
    limit = threshold_number("broken_iou", broken_iou, 1e-9, 1)
    boxes = boxes_of(tracks)
    rows = boxes.tracks
    old, new, iou = _successors(boxes, longest, limit)
    was = boxes.ids(old)
    return flags(
        "broken_tracks",
        boxes.name,
        boxes.ids(new),
        rows.frame[new],
        iou,
        limit,
        "error",
        lambda i: f"begins where track {was[i]} ended on frame {rows.frame[old[i]]}",
    )


def reentry(
    tracks: BoxLayer,
    *,
    reentry_gap: float = 30,
    reentry_iou: float = 0.3,
    border_margin: float = 1.0,
    image_size: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Find things that left the picture and came back under the wrong id.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    reentry_gap : int
        After an absence of up to this many frames a thing keeps its id; after a longer one it gets a new one.
    reentry_iou : float
        How much the last box before and the first one after must overlap to be taken for the same thing, as
        intersection over union, above 0 up to 1.
    border_margin : float
        A track that ends nearer to the picture's edge than this has left, in pixels.
    image_size : (width, height), optional
        In pixels; that of the tracks by default. Where it is not known, only what is marked as out of frame
        has left.

    Returns
    -------
    pandas.DataFrame
        One row a return, on its first frame; ``value`` is the absence and ``threshold`` ``reentry_gap``, both
        in frames: above it, an id should not have been kept; otherwise, it should.

    Raises
    ------
    AnnotationError
        If a number makes no sense.

    Notes
    -----
    (1) A track's absence is the frames between two of its boxes, without those that are marked as fully
    occluded: a thing that is hidden keeps its id. Flagged if it is longer than ``reentry_gap``. (2) A track
    whose last box is marked as out of frame, is followed by that mark, or touches the picture's edge has
    left. Flagged is a new track of the same class that begins at most ``reentry_gap`` frames later where the
    old one ended. The rule and its 30 frames (1 to 2 s) are a convention, on which IDF1 depends.

    It misleads, in (1), for tracks with key frames only, and in (2), where another thing of the class comes
    in by the same way.
    """
    longest = threshold_number("reentry_gap", reentry_gap)
    limit = threshold_number("reentry_iou", reentry_iou, 1e-9, 1)
    margin = threshold_number("border_margin", border_margin)
    boxes = boxes_of(tracks)
    rows, steps = boxes.tracks, boxes.steps
    absent = steps.gap - 1 - steps.hidden
    kept = absent > longest
    old, new, _ = _successors(boxes, longest + 1, limit, _has_left(boxes, image_size, margin))
    same = rows.class_code[old] == rows.class_code[new]
    old, new = old[same], new[same]
    was = boxes.ids(old)
    returned = np.concatenate([steps.after[kept], new])
    value = np.concatenate([absent[kept], rows.frame[new] - rows.frame[old] - 1])
    n_kept = int(kept.sum())

    def message(i: int) -> str:
        if i < n_kept:
            return f"back after {value[i]} frames: more than {longest:g}, a new id is due"
        return f"back after {value[i]} frames, as track {was[i - n_kept]} left here: its id is due"

    return flags(
        "reentry", boxes.name, boxes.ids(returned), rows.frame[returned], value, longest, "warning", message
    )


def _has_left(boxes: Boxes, image_size: tuple[float, float] | None, margin: float) -> NDArray[np.bool_]:
    """Return for each track with a box, whether it left the picture after the last one."""
    rows = boxes.tracks
    _, last = boxes.ends()
    out = rows.state == Visibility.OUT_OF_FRAME
    # a mark on the last box or after it
    latest = np.full(rows.n_tracks, -1, np.int64)
    np.maximum.at(latest, rows.track[out], rows.frame[out])
    left: NDArray[np.bool_] = latest[rows.track[last]] >= rows.frame[last]
    size = image_size or rows.image_size
    if size is not None:
        width, height = picture_size(size, None, boxes.name)
        x1, y1, x2, y2 = rows.xyxy[last].T
        left |= np.minimum(np.minimum(x1, y1), np.minimum(width - x2, height - y2)) < margin
    return left


def _successors(
    boxes: Boxes, longest: float, limit: float, ended: NDArray[np.bool_] | None = None
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return the last row of old tracks, the first row of the new track in that place, and their IoU."""
    rows = boxes.tracks
    first, last = boxes.ends()
    old = last if ended is None else last[ended]
    first = first[np.argsort(rows.frame[first], kind="stable")]
    begins = rows.frame[first]
    low = np.searchsorted(begins, rows.frame[old], "right")
    high = np.searchsorted(begins, rows.frame[old] + longest, "right")
    n = high - low
    a = np.repeat(old, n)
    b = first[np.repeat(low - np.cumsum(n) + n, n) + np.arange(n.sum())]
    iou = iou_of(rows.xyxy[a], rows.xyxy[b])
    near = np.flatnonzero(iou >= limit)
    # of each new track the best old one
    near = near[np.lexsort((-iou[near], b[near]))]
    near = near[np.flatnonzero(np.diff(b[near], prepend=-1))]
    return a[near], b[near], iou[near]
