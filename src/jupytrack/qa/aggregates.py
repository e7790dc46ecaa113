"""Numbers that describe a whole data set: how much there is, and how consistent it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from jupytrack.annotation.table import Visibility
from jupytrack.qa.boxes import temporal_iou
from jupytrack.qa.inputs import Points
from jupytrack.qa.tracks import Boxes

__all__ = ["COMBINED", "aggregates", "categories", "sizes"]

COMBINED = "COMBINED"
"""Row of all videos together."""

SMALL, MEDIUM = 32.0, 96.0


def aggregates(layers: Sequence[Points | Boxes], min_iou: Mapping[str, float]) -> pd.DataFrame:
    """Return one row a video, and if there are several one for all of them.

    Parameters
    ----------
    layers : sequence of Points or Boxes
        One for each video.
    min_iou : mapping
        Thresholds of :func:`jupytrack.qa.temporal_iou`, for the consistency of ids.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``video``. Of boxes: ``frames``, ``tracks``, ``boxes``, ``boxes_per_frame`` (mean over all
        frames of the video), ``track_length`` (mean, in boxes), ``occlusion_events`` (times that a track
        becomes occluded), ``occlusion_events_per_track``, ``id_consistency`` (share of tracks of which
        temporal IoU flags nothing); rows with confidence 0 are left out. Of points: ``frames``, ``labels``,
        ``points``, ``completeness`` (share of frames × labels with a point).
    """
    rows = [_of_points(each) if isinstance(each, Points) else _of_boxes(each, min_iou) for each in layers]
    counts = pd.DataFrame(rows, index=pd.Index([each.name for each in layers], dtype=object, name="video"))
    if len(layers) > 1:
        counts.loc[COMBINED] = counts.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        if "boxes" not in counts:
            return counts.assign(completeness=counts["points"] / counts["_cells"]).drop(columns="_cells")
        return counts.assign(
            boxes_per_frame=counts["boxes"] / counts["frames"],
            track_length=counts["boxes"] / counts["tracks"],
            occlusion_events_per_track=counts["occlusion_events"] / counts["tracks"],
            id_consistency=counts["_consistent"] / counts["tracks"],
        ).drop(columns="_consistent")[
            [
                *("frames", "tracks", "boxes", "boxes_per_frame", "track_length"),
                *("occlusion_events", "occlusion_events_per_track", "id_consistency"),
            ]
        ]


def _of_points(points: Points) -> dict[str, int]:
    n_labels, n_frames = points.xy.shape[:2]
    n_points = int(points.present.sum())
    return {"frames": n_frames, "labels": n_labels, "points": n_points, "_cells": n_labels * n_frames}


def _of_boxes(boxes: Boxes, min_iou: Mapping[str, float]) -> dict[str, int]:
    rows = boxes.tracks
    order = rows.track_order
    order = order[~boxes.ignored[order]]
    n_tracks = len(np.unique(rows.track[order]))
    state = rows.effective_state[order]
    hidden = (state >= Visibility.PARTIALLY_OCCLUDED) & (state <= Visibility.FULLY_OCCLUDED)
    begins = hidden.copy()
    begins[1:] &= ~hidden[:-1] | (np.diff(rows.track[order]) != 0)
    flagged = temporal_iou(boxes, **min_iou)["track"].nunique()
    return {
        "frames": rows.n_frames,
        "tracks": n_tracks,
        "boxes": len(boxes.order),
        "occlusion_events": int(begins.sum()),
        "_consistent": n_tracks - int(flagged),
    }


def categories(layers: Sequence[Boxes]) -> pd.DataFrame:
    """Return how many tracks and boxes there are of each class, in all videos together.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``category``, the most frequent first, with the columns ``tracks``, ``boxes`` and ``share``
        (of the boxes). Boxes without a class are in the row ``unknown``.
    """
    n_tracks: dict[str, int] = {}
    n_boxes: dict[str, int] = {}
    for boxes in layers:
        rows = boxes.tracks
        code, track = rows.class_code[boxes.order], rows.track[boxes.order]
        for each in np.unique(code).tolist():
            name = rows.classes[each] if each >= 0 else "unknown"
            n_boxes[name] = n_boxes.get(name, 0) + int((code == each).sum())
            n_tracks[name] = n_tracks.get(name, 0) + len(np.unique(track[code == each]))
    table = pd.DataFrame(
        {"tracks": pd.Series(n_tracks, dtype="int64"), "boxes": pd.Series(n_boxes, dtype="int64")}
    )
    table.index = pd.Index(list(n_boxes), dtype=object, name="category")
    table["share"] = table["boxes"] / max(int(table["boxes"].sum()), 1)
    return table.sort_values("boxes", ascending=False, kind="stable")


def sizes(layers: Sequence[Boxes]) -> pd.DataFrame:
    """Return how many boxes are small (area below 32²), medium (below 96²) and large (the rest).

    Returns
    -------
    pandas.DataFrame
        Indexed by ``size``, with the columns ``boxes`` and ``share``.
    """
    area = np.concatenate([boxes.tracks.area[boxes.order] for boxes in layers] or [np.empty(0)])
    counts = np.bincount(np.searchsorted([SMALL**2, MEDIUM**2], area, "right"), minlength=3)
    return pd.DataFrame(
        {"boxes": counts, "share": counts / max(len(area), 1)},
        index=pd.Index(["small", "medium", "large"], dtype=object, name="size"),
    )
