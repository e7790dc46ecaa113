"""What is asked of a layer, its video and numbers before any tracking begins."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable
from jupytrack.errors import AnnotationError, ConflictError

if TYPE_CHECKING:
    from jupytrack.video.source import FrameSource

__all__ = ["check_disagreement", "check_number", "points_in_video"]


def check_number(value: Any, name: str, remedy: str) -> float:
    """Return an argument as a float.

    Raises
    ------
    AnnotationError
        If it is no number.
    """
    if not isinstance(value, numbers.Real):
        raise AnnotationError(f"{name} is {value!r}.", remedy)
    return float(value)


def check_disagreement(value: Any) -> float | None:
    """Return ``max_disagreement`` as a float, None if there is no limit.

    Raises
    ------
    AnnotationError
        If it is no positive number.
    """
    if value is None:
        return None
    remedy = "Give a distance in pixels, or None."
    limit = check_number(value, "max_disagreement", remedy)
    if not limit > 0:
        raise AnnotationError(f"max_disagreement is {limit:g}.", remedy)
    return limit


def points_in_video(annotation: VideoAnnotation, video: FrameSource) -> PointTable:
    """Return a layer's points, one column of frames for each of the video's.

    Raises
    ------
    ConflictError
        If the layer was made on another video.
    AnnotationError
        If a point lies beyond the video's end.
    """
    table = annotation.to_table()
    shown = annotation.fname or f"Layer {annotation.name!r}"
    n_frames = len(video)
    made_on = table.meta.get("video", {})
    if (
        not annotation.accept_other_video
        and made_on.get("fingerprint", video.fingerprint) != video.fingerprint
    ):
        raise ConflictError(
            f"{shown} was made on another video ({made_on.get('n_frames')} frames) than "
            f"{video.fname} ({n_frames} frames).",
            "Open it with its own video, or pass accept_other_video=True to VideoAnnotation.",
        )
    last = table.last_frame()
    if last >= n_frames:
        label = next(name for name, row in zip(table.labels, table.present, strict=True) if row[last])
        raise AnnotationError(
            f"{shown}: label {label!r} has a point on frame {last}, but {video.fname} ends with "
            f"frame {n_frames - 1}.",
            "Check that this is the video of the layer, or remove the points beyond its end.",
        )
    return table.resized(n_frames)
