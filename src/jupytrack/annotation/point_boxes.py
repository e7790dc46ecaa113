"""Boxes of a known size around points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jupytrack.annotation.box_columns import BOXLESS
from jupytrack.annotation.boxes import BoxTracks
from jupytrack.annotation.reading import ReadablePoints
from jupytrack.annotation.table import PointTable, Visibility
from jupytrack.errors import AnnotationError

__all__ = ["Size", "tracks_from_points"]

Size = float | tuple[float, float]
"""Width and height in pixels; a single number is both."""

_REMEDY = "Give (width, height) in pixels, or a single number for a square."


def tracks_from_points(
    annotation: ReadablePoints | PointTable,
    box_size: Size | Mapping[str, Size],
    labels: Sequence[str] | None = None,
) -> BoxTracks:
    """Return a box around every point; each label becomes a track whose id is the label.

    The point is the centre of its box. Points are counted from pixel centres and boxes are edges in a picture
    that spans [0, width] × [0, height], so that the left edge is at ``x + 0.5 - width / 2``: the box of 1 × 1
    pixels around the point (0, 0) is (0, 0, 1, 1), exactly the top-left pixel. Boxes may stick out of the
    picture. Likelihood becomes confidence, visibility the state; points that are fully occluded or out of
    frame, and not there, become rows without a box.

    Parameters
    ----------
    annotation : VideoAnnotation or PointTable
        The points.
    box_size : float, (float, float), or mapping of label to these
        Width and height in pixels of every box, or those of each label.
    labels : sequence of str, optional
        Which labels; all by default.

    Returns
    -------
    BoxTracks
        Frame rate, length and picture size are those of the annotation's video, if it has one.

    Raises
    ------
    AnnotationError
        If there is no such label, a label has no size, or a size is not positive.
    """
    table = annotation if isinstance(annotation, PointTable) else annotation.to_table()
    wanted = table.labels if labels is None else [labels] if isinstance(labels, str) else list(labels)
    rows = []
    for label in wanted:
        if label not in table.labels:
            raise AnnotationError(f"There is no label {label!r}.", f"There are {', '.join(table.labels)}.")
        rows.append(table.labels.index(label))
    if len(set(rows)) != len(rows):
        raise AnnotationError(f"Labels repeat: {wanted}.", "Name each label once.")
    sizes = np.array([_size_of(box_size, label) for label in wanted], np.float64).reshape(-1, 2)
    xy = table.xy[rows]
    shape = xy.shape[:2]
    state = np.zeros(shape, np.uint8)
    if "visibility" in table.columns:
        state = table.columns["visibility"][rows]
    likelihood = np.full(shape, np.nan)
    if "likelihood" in table.columns:
        likelihood = table.columns["likelihood"][rows].astype(np.float64)
    present = ~np.isnan(xy[:, :, 0])
    which, frame = np.nonzero(present | np.isin(state, BOXLESS))
    size = sizes[which]
    boxes = np.concatenate([xy[which, frame] + 0.5 - size / 2, size], axis=1)
    boxes[~present[which, frame]] = np.nan
    video: Any = getattr(annotation, "video", None)
    return BoxTracks(
        frame,
        [wanted[row] for row in which.tolist()],
        boxes,
        confidence=likelihood[which, frame],
        state=np.where(state <= max(Visibility), state, 0)[which, frame],
        n_frames=table.n_frames,
        frame_rate=None if video is None else video.get_avg_fps(),
        image_size=None if video is None else (video.width, video.height),
    )


def _size_of(box_size: Any, label: str) -> tuple[float, float]:
    size = box_size
    if isinstance(box_size, Mapping):
        if label not in box_size:
            raise AnnotationError(f"There is no box size for label {label!r}.", f"{_REMEDY} For each label.")
        size = box_size[label]
    try:
        width, height = (size, size) if isinstance(size, (int, float, np.number)) else size
        width, height = float(width), float(height)
    except (TypeError, ValueError):
        raise AnnotationError(f"{size!r} is no box size.", _REMEDY) from None
    if not (0 < width < np.inf and 0 < height < np.inf):
        raise AnnotationError(f"The box size {size!r} is not positive.", _REMEDY)
    return width, height
