"""Checks of boxes, one track at a time: how a box moves and changes from frame to frame.

Each returns a table of flags with the columns of :data:`jupytrack.qa.table.COLUMNS`: ``video``, ``track``
(the id), ``frame`` and ``last`` (the first and last frame that it is about), ``check`` (name of the check),
``value`` and ``threshold`` (in the unit that the check
names), ``severity`` (``info``, ``warning``, ``error``) and ``message``. The defaults are those of the
published guide to object tracking datasets that the documentation of quality names, unless another source is
given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jupytrack.qa.inputs import picture_size
from jupytrack.qa.table import flags, frame_span, threshold_number
from jupytrack.qa.tracks import BoxLayer, boxes_of, iou_of, over_runs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["border", "box_gaps", "category_changes", "ghosts", "size_change", "small_objects", "temporal_iou"]


def temporal_iou(tracks: BoxLayer, *, min_iou: float = 0.5, max_step: float = 1) -> pd.DataFrame:
    """Find boxes that overlap too little with the box of the same track on the frame before.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    min_iou : float
        A lower intersection over union is flagged, 0 to 1; 0.3 is a milder bound that is in use, too.
    max_step : int
        Boxes further apart in time than this are not compared, in frames; more than 1 for tracks with key
        frames only.

    Returns
    -------
    pandas.DataFrame
        One row a step, on the frame at its end; ``value`` and ``threshold`` are intersections over union.

    Raises
    ------
    AnnotationError
        If a number makes no sense.

    Notes
    -----
    IoU = |A ∩ B| / |A ∪ B| of the boxes on frame t and t+1; 0 if both are empty. Steps from or to a box that
    is flagged as (partially, mostly or fully) occluded or out of frame are exempt. In good annotations 2 to 5
    % of the steps are flagged.

    It misleads for small and fast things, for which a step of their own size is ordinary, at low frame rates,
    and when the camera jerks: then many tracks are flagged on the same frame.

    Examples
    --------
    >>> from jupytrack import BoxTracks
    >>> tracks = BoxTracks([0, 1, 2], [1, 1, 1], [[0, 0, 40, 40], [2, 0, 40, 40], [90, 0, 40, 40]])
    >>> temporal_iou(tracks)[["track", "frame", "value"]].values.tolist()
    [[1, 2, 0.0]]
    """
    limit = threshold_number("min_iou", min_iou, 0, 1)
    longest = threshold_number("max_step", max_step, 1)
    boxes = boxes_of(tracks)
    rows, steps = boxes.tracks, boxes.steps
    told = (steps.gap <= longest) & ~rows.occluded[steps.before] & ~rows.occluded[steps.after]
    before, after = steps.before[told], steps.after[told]
    iou = iou_of(rows.xyxy[before], rows.xyxy[after])
    low = iou < limit
    before, after, iou = before[low], after[low], iou[low]
    frames = rows.frame
    return flags(
        "temporal_iou",
        boxes.name,
        boxes.ids(after),
        frames[after],
        iou,
        limit,
        "warning",
        lambda i: f"overlaps by {iou[i]:.2f} with its box on frame {frames[before[i]]}",
    )


def size_change(tracks: BoxLayer, *, max_size_change: float = 0.5, max_step: float = 1) -> pd.DataFrame:
    """Find boxes whose area differs too much from that of the same track on the frame before.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    max_size_change : float
        A larger share of the earlier area is flagged.
    max_step : int
        Boxes further apart in time than this are not compared, in frames.

    Returns
    -------
    pandas.DataFrame
        One row a step, on the frame at its end; ``value`` and ``threshold`` are shares of the earlier area.

    Raises
    ------
    AnnotationError
        If a number makes no sense.

    Notes
    -----
    |A[t+1] − A[t]| / A[t]; infinite if only A[t] is 0. Steps from or to a box that is flagged as occluded or
    out of frame are exempt. Growing counts more than shrinking back: 100 to 160 is 0.6, 160 to 100 is 0.375.

    It misleads for small boxes, where a pixel is a large share, and at the picture's edge, where a box is
    cut.
    """
    limit = threshold_number("max_size_change", max_size_change)
    longest = threshold_number("max_step", max_step, 1)
    boxes = boxes_of(tracks)
    rows, steps = boxes.tracks, boxes.steps
    told = (steps.gap <= longest) & ~rows.occluded[steps.before] & ~rows.occluded[steps.after]
    before, after = steps.before[told], steps.after[told]
    was, now = rows.area[before], rows.area[after]
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(was == now, 0.0, np.abs(now - was) / was)
    big = change > limit
    before, after, change, was, now = before[big], after[big], change[big], was[big], now[big]
    return flags(
        "size_change",
        boxes.name,
        boxes.ids(after),
        rows.frame[after],
        change,
        limit,
        "warning",
        lambda i: f"area went from {was[i]:.0f} to {now[i]:.0f} px² since frame {rows.frame[before[i]]}",
    )


def category_changes(tracks: BoxLayer) -> pd.DataFrame:
    """Find frames on which a track changes its class: a mug does not become a plate.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.

    Returns
    -------
    pandas.DataFrame
        One row a change, on the first frame of the new class; ``value`` is the number of classes that the
        track has in all, ``threshold`` 1.

    Notes
    -----
    Rows without a known class are passed over. A change usually is an id switch.

    It misleads where classes are states of the same thing, such as an open and a closed box.
    """
    boxes = boxes_of(tracks)
    rows = boxes.tracks
    order = rows.track_order
    order = order[(rows.class_code[order] >= 0) & ~boxes.ignored[order]]
    track, code = rows.track[order], rows.class_code[order]
    change = np.flatnonzero((track[1:] == track[:-1]) & (code[1:] != code[:-1]))
    before, after = order[change], order[change + 1]
    # classes of each track, counted where it matters
    mixed = np.isin(track, track[change])
    distinct = np.unique(track[mixed] * max(len(rows.classes), 1) + code[mixed])
    n_classes = np.bincount(distinct // max(len(rows.classes), 1), minlength=rows.n_tracks)
    names = rows.classes

    def message(i: int) -> str:
        old, new = (names[rows.class_code[row]] for row in (before[i], after[i]))
        return f"{old} up to frame {rows.frame[before[i]]}, then {new}"

    values = n_classes[rows.track[after]]
    return flags(
        "category_changes", boxes.name, boxes.ids(after), rows.frame[after], values, 1.0, "error", message
    )


def ghosts(tracks: BoxLayer, *, ghost_frames: float = 30, ghost_motion: float = 1.0) -> pd.DataFrame:
    """Find tracks that never move, as of shadows and other things of the background.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    ghost_frames : int
        Flagged if the track is longer, from its first to its last box, in frames.
    ghost_motion : float
        Largest distance between any two positions of an edge that is no motion, in pixels.

    Returns
    -------
    pandas.DataFrame
        One row a track; ``value`` and ``threshold`` in frames.

    Raises
    ------
    AnnotationError
        If a number makes no sense.

    Notes
    -----
    For each of the four edges, max − min over the whole track is at most ``ghost_motion``, and the track
    lasts for more than ``ghost_frames`` frames.

    It misleads for things that really stand still before a still camera, such as a parked car or a table.
    Before a moving camera it finds nothing.
    """
    limit = threshold_number("ghost_frames", ghost_frames, 1)
    motion = threshold_number("ghost_motion", ghost_motion)
    boxes = boxes_of(tracks)
    rows = boxes.tracks
    first, last = boxes.ends()
    length = rows.frame[last] - rows.frame[first] + 1
    if first.size:
        edges = rows.xyxy[boxes.order]
        extent = np.maximum.reduceat(edges, boxes.starts) - np.minimum.reduceat(edges, boxes.starts)
        found = (length > limit) & (extent.max(axis=1) <= motion)
        first, last, length = first[found], last[found], length[found]
    return flags(
        "ghosts",
        boxes.name,
        boxes.ids(first),
        rows.frame[first],
        length,
        limit,
        "warning",
        lambda i: f"does not move on frames {rows.frame[first[i]]} to {rows.frame[last[i]]}",
        last=rows.frame[last],
    )


def small_objects(tracks: BoxLayer, *, small_size: float = 32) -> pd.DataFrame:
    """Find boxes so small that their like is easily overlooked, and their place uncertain.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    small_size : float
        Flagged if the area is less than the square of this, in pixels.

    Returns
    -------
    pandas.DataFrame
        One row a run of consecutive frames; ``value`` is the smallest √area of the run,
        ``threshold`` ``small_size``, both in pixels.

    Raises
    ------
    AnnotationError
        If a number makes no sense.

    Notes
    -----
    Small is below 32², medium below 96², large the rest (Lin et al. 2014, Microsoft COCO); for how many there
    are of each see :attr:`jupytrack.qa.Report.sizes`.

    It misleads where small things are what the video is about; and it says nothing of those that were
    overlooked, as :func:`coverage` does.
    """
    limit = threshold_number("small_size", small_size)
    boxes = boxes_of(tracks)
    rows = boxes.tracks
    side = np.sqrt(rows.area[boxes.order])
    first, last = boxes.runs(side < limit)
    smallest = over_runs(np.minimum, side, first, last)
    start, stop = boxes.order[first], boxes.order[last]
    return flags(
        "small_objects",
        boxes.name,
        boxes.ids(start),
        rows.frame[start],
        smallest,
        limit,
        "info",
        lambda i: (
            f"small on {frame_span(rows.frame[start[i]], rows.frame[stop[i]])}, down to {smallest[i]:.0f}² px"
        ),
        last=rows.frame[stop],
    )


def border(
    tracks: BoxLayer, *, image_size: tuple[float, float] | None = None, border_margin: float = 1.0
) -> pd.DataFrame:
    """Find boxes that the picture's edge cuts off, but that are not marked as partly hidden.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    image_size : (width, height), optional
        In pixels; that of the tracks by default.
    border_margin : float
        Flagged if an edge of the box is nearer to the picture's than this, in pixels.

    Returns
    -------
    pandas.DataFrame
        One row a run of consecutive frames; ``value`` is the smallest distance to the
        picture's edge (negative beyond it), ``threshold`` ``border_margin``, both in pixels. Severity
        ``error`` if a box of the run is not in the picture at all, else ``info``.

    Raises
    ------
    AnnotationError
        If the size of the picture is not known, or a number makes no sense.

    Notes
    -----
    The distance is min(x, y, width − x − w, height − y − h) in a picture that spans [0, width] × [0, height].
    Boxes flagged as occluded or out of frame are exempt.

    It misleads for a thing that happens to end at the edge, and where boxes are meant to include what lies
    beyond it.
    """
    margin = threshold_number("border_margin", border_margin)
    boxes = boxes_of(tracks)
    rows = boxes.tracks
    width, height = picture_size(image_size or rows.image_size, None, boxes.name)
    left, top, right, bottom = rows.xyxy[boxes.order].T
    inside = np.minimum(np.minimum(left, top), np.minimum(width - right, height - bottom))
    first, last = boxes.runs((inside < margin) & ~rows.occluded[boxes.order])
    nearest = over_runs(np.minimum, inside, first, last)
    # how much of the box is in the picture, along the side where it is least
    shown = np.minimum(
        np.minimum(right, width) - np.maximum(left, 0), np.minimum(bottom, height) - np.maximum(top, 0)
    )
    lost = over_runs(np.minimum, shown, first, last) <= 0
    start, stop = boxes.order[first], boxes.order[last]

    def message(i: int) -> str:
        how = f"{-nearest[i]:.1f} px beyond" if nearest[i] < 0 else "at"
        span = frame_span(rows.frame[start[i]], rows.frame[stop[i]])
        mark = "wholly outside, not marked as out of frame" if lost[i] else "not marked as cut off"
        return f"{how} the edge of the picture on {span}, {mark}"

    return flags(
        "border",
        boxes.name,
        boxes.ids(start),
        rows.frame[start],
        nearest,
        margin,
        ["error" if outside else "info" for outside in lost.tolist()],
        message,
        last=rows.frame[stop],
    )


def box_gaps(tracks: BoxLayer, *, gap_frames: float = 0) -> pd.DataFrame:
    """Find frames on which a track is missing without a word on why.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    gap_frames : int
        A longer gap is flagged, in frames.

    Returns
    -------
    pandas.DataFrame
        One row a gap; ``value`` (frames with neither box nor state) and ``threshold`` in
        frames.

    Raises
    ------
    AnnotationError
        If a number makes no sense.

    Notes
    -----
    Frames with a state instead of a box (fully occluded, out of frame) do not count, nor do gaps next to a
    box that is flagged as occluded or out of frame, nor what comes before the first box and after the last.

    It misleads for tracks with key frames only, and in files that cannot hold a state.
    """
    limit = threshold_number("gap_frames", gap_frames)
    boxes = boxes_of(tracks)
    rows, steps = boxes.tracks, boxes.steps
    found = (steps.unseen > limit) & ~rows.occluded[steps.before] & ~rows.occluded[steps.after]
    before, after, unseen = steps.before[found], steps.after[found], steps.unseen[found]
    start = rows.frame[before] + 1
    return flags(
        "box_gaps",
        boxes.name,
        boxes.ids(before),
        start,
        unseen,
        limit,
        "warning",
        lambda i: f"no box on {frame_span(start[i], rows.frame[after[i]] - 1)}, and no state",
        last=rows.frame[after] - 1,
    )
