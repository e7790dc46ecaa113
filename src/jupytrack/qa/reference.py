"""Whether all things are there: boxes against detections or counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jupytrack.annotation.boxes import BoxTracks
from jupytrack.annotation.table import frame_number
from jupytrack.errors import AnnotationError
from jupytrack.qa.table import flags, threshold_number
from jupytrack.qa.tracks import BoxLayer, boxes_of, iou_of

if TYPE_CHECKING:
    from jupytrack.jobs import Progress
    from jupytrack.video.source import FrameSource

__all__ = ["Reference", "coverage", "detect"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

Reference = BoxTracks | Mapping[int, int] | pd.Series
"""What there is to be seen: boxes, or frame → how many things."""


def coverage(
    tracks: BoxLayer, reference: Reference, *, min_coverage: float = 0.95, coverage_iou: float = 0.5
) -> pd.DataFrame:
    """Find frames on which things are missing.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    reference : BoxTracks, mapping or pandas.Series
        Detections (their ids do not matter; see :func:`detect`), or frame → number of things that can be
        seen, counted by hand on a sample.
    min_coverage : float
        A frame with a lower coverage is flagged, 0 to 1.
    coverage_iou : float
        A detection is covered by a box that overlaps it at least this much, as intersection over union, above
        0 up to 1.

    Returns
    -------
    pandas.DataFrame
        One row a frame, with no ``track``; ``value`` and ``threshold`` are shares of what there is.

    Raises
    ------
    AnnotationError
        If the reference is of another kind, has no frames, or frames beyond the video's end, or a number
        makes no sense.

    Notes
    -----
    With counts, coverage is min(1, boxes / count). With detections it is the share of them that a box covers,
    whatever its class. Only frames in the reference are looked at, and only those where it has something; a
    frame on which a detector ran and found nothing need not be told.

    It misleads by the faults of the detector: what it invents counts as missing, and what it overlooks, most
    often small things, is not missed. With counts a box too many hides one that is missing.

    Examples
    --------
    >>> tracks = BoxTracks([0, 1, 1], [1, 1, 2], [[0, 0, 40, 40], [2, 0, 40, 40], [90, 0, 40, 40]])
    >>> coverage(tracks, {0: 2, 1: 2})["frame"].tolist()
    [0]
    """
    limit = threshold_number("min_coverage", min_coverage, 0, 1)
    least = threshold_number("coverage_iou", coverage_iou, 1e-9, 1)
    boxes = boxes_of(tracks)
    rows = boxes.tracks
    if isinstance(reference, BoxTracks):
        frames, n_covered, n_there = _by_boxes(rows, reference, least)
    else:
        frames, n_there = _counts(reference)
    if frames.size and frames.max() >= rows.n_frames:
        raise AnnotationError(
            f"The reference goes up to frame {frames.max()}, the tracks end with {rows.n_frames - 1}.",
            "Give the reference of the same video, or tracks with n_frames=.",
        )
    if not isinstance(reference, BoxTracks):
        n_boxes = np.bincount(rows.frame[rows.has_box], minlength=rows.n_frames)
        n_covered = np.minimum(n_boxes[frames], n_there)
    share = n_covered / n_there
    low = share < limit
    frames, share, n_covered, n_there = frames[low], share[low], n_covered[low], n_there[low]
    return flags(
        "coverage",
        boxes.name,
        [None] * len(frames),
        frames,
        share,
        limit,
        "warning",
        lambda i: f"{n_covered[i]} of {n_there[i]} things have a box",
    )


def _counts(reference: Any) -> tuple[IntArray, IntArray]:
    """Return the frames on which something was counted, and how much."""
    if isinstance(reference, pd.Series):
        reference = reference.to_dict()
    if not isinstance(reference, Mapping):
        raise AnnotationError(
            f"{type(reference).__name__} is no reference.",
            "Give a BoxTracks, a mapping frame → count, or detect() a detector's boxes first.",
        )
    if not reference:
        raise AnnotationError("The reference has no frames.", "Give at least one count.")
    frames, counts = [], []
    for frame, count in reference.items():
        number = frame_number(frame)
        if not isinstance(count, (int, float, np.number)) or not (count >= 0 and float(count).is_integer()):
            raise AnnotationError(f"Frame {number}: {count!r} is no count.", "Give whole numbers from 0.")
        if count:
            frames.append(number)
            counts.append(int(count))
    order = np.argsort(np.array(frames, np.int64))
    return np.array(frames, np.int64)[order], np.array(counts, np.int64)[order]


def _by_boxes(rows: BoxTracks, reference: BoxTracks, least: float) -> tuple[IntArray, IntArray, IntArray]:
    """Return the frames with detections, how many of them a box covers, and how many there are."""
    there = np.flatnonzero(reference.has_box)
    if not there.size:
        raise AnnotationError("The reference has no boxes.", "Give detections, or a mapping frame → count.")
    own = np.flatnonzero(rows.has_box)
    # both are in the order of frames: each detection against the boxes of its frame
    low = np.searchsorted(rows.frame[own], reference.frame[there], "left")
    n = np.searchsorted(rows.frame[own], reference.frame[there], "right") - low
    detection = np.repeat(np.arange(len(there)), n)
    box = own[np.repeat(low - np.cumsum(n) + n, n) + np.arange(n.sum())]
    iou = iou_of(reference.xyxy[there[detection]], rows.xyxy[box])
    covered = np.zeros(len(there), np.bool_)
    covered[detection[iou >= least]] = True
    frames, place, n_there = np.unique(reference.frame[there], return_inverse=True, return_counts=True)
    return frames, np.bincount(place[covered], minlength=len(frames)), n_there


def detect(
    video: FrameSource,
    detector: Callable[[NDArray[np.uint8]], Any],
    frames: Iterable[int] | None = None,
    *,
    progress: Progress | None = None,
) -> BoxTracks:
    """Run a detector over a video, for :func:`coverage`.

    Parameters
    ----------
    video : FrameSource
        The open video.
    detector : callable
        Takes a picture, ``(height, width, 3)`` RGB (or gray, if the video is), uint8; returns boxes of shape
        ``(n, 4)``: x, y, width, height in pixels from the picture's upper left edge.
    frames : iterable of int, optional
        Which frames, for instance ``range(0, len(video), 30)``; all by default.
    progress : Progress, optional
        Told after every frame; may cancel.

    Returns
    -------
    BoxTracks
        Every detection with an id of its own.

    Raises
    ------
    AnnotationError
        If the detector returns something else; the message names the frame.
    JobCancelled
        If cancelled.
    """
    chosen = sorted(
        {frame_number(frame, len(video)) for frame in (range(len(video)) if frames is None else frames)}
    )
    found: list[FloatArray] = []
    for done, frame in enumerate(chosen):
        if progress is not None:
            progress.update(done, len(chosen), f"detector, {done} of {len(chosen)} frames")
        found.append(_checked(detector(video[frame]), frame))
    if progress is not None:
        progress.update(len(chosen), len(chosen), f"detector, {len(chosen)} frames")
    boxes = np.concatenate(found) if found else np.empty((0, 4))
    return BoxTracks(
        np.repeat(np.array(chosen, np.int64), [len(each) for each in found]),
        np.arange(1, len(boxes) + 1),
        boxes,
        n_frames=len(video),
        image_size=(video.width, video.height),
    )


def _checked(returned: Any, frame: int) -> FloatArray:
    remedy = "It should return an array of shape (n, 4): x, y, width, height in pixels."
    try:
        boxes = np.asarray(returned, np.float64)
    except (TypeError, ValueError):
        raise AnnotationError(
            f"Frame {frame}: the detector returned {type(returned).__name__}.", remedy
        ) from None
    if boxes.shape == (0,):
        return boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise AnnotationError(f"Frame {frame}: the detector returned the shape {boxes.shape}.", remedy)
    if not np.isfinite(boxes).all() or (boxes[:, 2:] < 0).any():
        raise AnnotationError(f"Frame {frame}: the detector returned NaN or negative sizes.", remedy)
    return boxes
