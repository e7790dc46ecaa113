"""Ground truth and predictions side by side, frame by frame, as the metrics of ``trackers`` take them."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.boxes import BoxTracks
from jupytrack.errors import MissingDependencyError

__all__ = ["SidesByFrame", "metrics", "scored", "sides_by_frame"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_EPS = float(np.finfo(np.float64).eps)
_DISTRACTOR_IOU = 0.5
"""Overlap from which a prediction counts as one of a distractor, in all of MOT Challenge."""


def metrics() -> Any:
    """Return the module ``trackers.eval``.

    Raises
    ------
    MissingDependencyError
        If it is not installed, or cannot be loaded.
    """
    try:
        import trackers.eval
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"Evaluation of box tracks needs the package trackers ({error}).",
            "Run: pip install jupytrack[tracks].",
        ) from error
    except ImportError as error:
        # the build of OpenCV with windows, which trackers asks for, lacks libGL on servers
        raise MissingDependencyError(
            f"The package trackers cannot be loaded ({error}).",
            "If this names libGL, run: pip install --force-reinstall --no-deps opencv-python-headless.",
        ) from error
    return trackers.eval


class SidesByFrame(NamedTuple):
    """Boxes of two sides, one entry a frame.

    Attributes
    ----------
    truth, predicted : list of ndarray of int64, shape (n_t,) and (m_t,)
        Tracks, as places in ``ids``.
    iou : list of ndarray of float64, shape (n_t, m_t)
        Their intersections over union.
    """

    truth: list[IntArray]
    predicted: list[IntArray]
    iou: list[FloatArray]


def scored(truth: BoxTracks) -> BoolArray:
    """Return which rows of the ground truth have to be found: those with a box and no confidence of 0."""
    rows: BoolArray = truth.has_box & (truth.confidence != 0)  # NaN is unequal, too
    return rows


def sides_by_frame(
    truth: BoxTracks, predicted: BoxTracks, class_: str | None, distractors: Collection[str]
) -> SidesByFrame:
    """Return two sides frame by frame.

    Parameters
    ----------
    truth, predicted : BoxTracks
        Of the same video.
    class_ : str or None
        Only boxes of this class; None for all.
    distractors : collection of str
        Classes of which ignored boxes of the ground truth take the predictions on them away.
    """
    iou = metrics().box_iou
    counts = scored(truth)
    found = predicted.has_box
    if class_ is not None:
        counts = counts & (truth.class_code == _place(truth, class_))
        found = found & (predicted.class_code == _place(predicted, class_))
    ignored = truth.has_box & (truth.confidence == 0)
    excuses = ignored & np.isin(truth.class_code, [_place(truth, name) for name in distractors])
    if excuses.any():
        found = found.copy()
        found[_excused(truth, predicted, counts | ignored, excuses, found)] = False
    n_frames = max(truth.n_frames, predicted.n_frames)
    one_ids, one_boxes = _by_frame(truth, counts, n_frames)
    other_ids, other_boxes = _by_frame(predicted, found, n_frames)
    overlaps = [iou(one, other) for one, other in zip(one_boxes, other_boxes, strict=True)]
    return SidesByFrame(one_ids, other_ids, overlaps)


def _place(tracks: BoxTracks, class_: str) -> int:
    """Return the number of a class, -2 (which no row has) if it is not in the vocabulary."""
    return tracks.classes.index(class_) if class_ in tracks.classes else -2


def _by_frame(tracks: BoxTracks, mask: BoolArray, n_frames: int) -> tuple[list[IntArray], list[FloatArray]]:
    """Return tracks and edges of the chosen rows of each frame, as views."""
    rows = np.flatnonzero(mask)
    bounds = list(pairwise(np.searchsorted(tracks.frame[rows], np.arange(n_frames + 1)).tolist()))
    track, edges = tracks.track[rows], np.ascontiguousarray(tracks.xyxy)[rows]
    return [track[start:stop] for start, stop in bounds], [edges[start:stop] for start, stop in bounds]


def _excused(
    truth: BoxTracks, predicted: BoxTracks, candidates: BoolArray, excuses: BoolArray, found: BoolArray
) -> IntArray:
    """Return the rows of the predictions that belong to distractors.

    As in TrackEval: on each frame predictions are assigned one to one to all boxes of the ground truth, so
    that a prediction which fits a scored box better than the distractor beside it stays.
    """
    from scipy.optimize import linear_sum_assignment

    iou = metrics().box_iou
    gone = [np.empty(0, np.int64)]
    ours, theirs = np.flatnonzero(candidates), np.flatnonzero(found)
    frames = np.unique(truth.frame[excuses])
    bounds = [
        np.searchsorted(column, [frames, frames + 1]).T
        for column in (truth.frame[ours], predicted.frame[theirs])
    ]
    for (start, stop), (other_start, other_stop) in zip(*bounds, strict=True):
        a, b = ours[start:stop], theirs[other_start:other_stop]
        if b.size:
            overlap = iou(truth.xyxy[a], predicted.xyxy[b])
            overlap[overlap < _DISTRACTOR_IOU - _EPS] = 0
            one, other = linear_sum_assignment(-overlap)
            taken = (overlap[one, other] > _EPS) & excuses[a[one]]
            gone.append(b[other[taken]])
    return np.concatenate(gone)
