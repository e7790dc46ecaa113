"""Points against the video: whether a point is where optical flow carries the one of the frame before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.errors import AnnotationError
from jupytrack.qa.inputs import PointLayer, Points, points_of
from jupytrack.qa.points import acceleration, jumps
from jupytrack.qa.table import flags, joined, threshold_number
from jupytrack.video.reader import VideoReader

if TYPE_CHECKING:
    import pandas as pd

    from jupytrack.jobs import Progress
    from jupytrack.video.source import FrameSource

__all__ = ["flow_residual"]


def flow_residual(
    annotation: PointLayer | Points,
    candidates: pd.DataFrame | None = None,
    video: FrameSource | None = None,
    *,
    max_residual: float = 5.0,
    labels: Iterable[str] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Find points that are not where Lucas-Kanade carries the point of the frame before.

    Only candidates are looked at, since every one needs two decoded frames.

    Parameters
    ----------
    annotation : VideoAnnotation or PointTable
        The layer; it is not changed.
    candidates : pandas.DataFrame, optional
        Where to look: a table of flags, or any with the columns ``track`` (label) and ``frame``; by default
        what :func:`jumps` and :func:`acceleration` flag.
    video : FrameSource, optional
        The open video; the annotation's by default.
    max_residual : float
        A larger distance from the predicted position is flagged, in pixels.
    labels : iterable of str, optional
        Which labels; all by default.
    progress : Progress, optional
        Told after every frame; may cancel.

    Returns
    -------
    pandas.DataFrame
        One row a point; ``value`` and ``threshold`` in pixels. Where a candidate is not flagged, the picture
        moved as the point did.

    Raises
    ------
    AnnotationError
        If there is no video, it is shorter than the annotation, there is no such label, or the candidates
        are no such table.
    VideoError
        If the video stops decoding on the way.
    JobCancelled
        If cancelled.

    Notes
    -----
    r[t] = |p[t] − LK(p[t−1])|, where LK is :func:`jupytrack.lucas_kanade` from frame t−1 to t (Lucas and
    Kanade 1981; the pyramid of Bouguet 2001). Candidates without a point on the frame before are passed over,
    and so are those that come from outside the picture.

    It misleads where the point before is the wrong one: then flow carries the background that it lies on, and
    the return to the right place is flagged. Nor does flow know of things that are hidden, blurred, without
    texture, or faster than its window (45 × 45 pixels, on 3 scales).
    """
    from jupytrack.flow.lucas_kanade import lucas_kanade

    limit = threshold_number("max_residual", max_residual)
    points = points_of(annotation, labels)
    video = points.video if video is None else video
    if video is None:
        raise AnnotationError(f"{points.name or 'The layer'} has no video.", "Give video=.")
    frames_with_points = np.flatnonzero(points.present.any(axis=0))
    if frames_with_points.size and frames_with_points[-1] >= len(video):
        raise AnnotationError(
            f"The points go up to frame {frames_with_points[-1]}, {video.fname} ends with {len(video) - 1}.",
            "Give the video that the layer was made on.",
        )
    if candidates is None:
        candidates = joined([jumps(points), acceleration(points)])
    size = np.array([video.width, video.height])
    wanted = _wanted(candidates, points, size)
    tracks: list[str] = []
    found: list[tuple[int, float]] = []
    for done, (frame, rows) in enumerate(sorted(wanted.items())):
        if progress is not None:
            progress.update(done, len(wanted), f"optical flow, {done} of {len(wanted)} frames")
        pictures = (_picture(video, frame - 1), _picture(video, frame))
        carried = lucas_kanade(pictures, 0, 1, points.xy[rows, frame - 1], "direct")[0]
        residual = np.linalg.norm(points.xy[rows, frame] - carried, axis=1)
        for row, value in zip(rows, residual.tolist(), strict=True):
            if value > limit:
                tracks.append(points.labels[row])
                found.append((frame, value))
    if progress is not None:
        progress.update(len(wanted), len(wanted), f"optical flow, {len(wanted)} frames")
    return flags(
        "flow_residual",
        points.name,
        tracks,
        [frame for frame, _ in found],
        [value for _, value in found],
        limit,
        "error",
        lambda i: (
            f"{found[i][1]:.1f} px from where optical flow carries the point of frame {found[i][0] - 1}"
        ),
    )


def _wanted(candidates: pd.DataFrame, points: Points, size: NDArray[Any]) -> dict[int, list[int]]:
    """Return frame → rows of the labels to look at, both ends having a point, the first one inside."""
    missing = [name for name in ("track", "frame") if name not in candidates.columns]
    if missing:
        raise AnnotationError(f"The candidates lack {', '.join(missing)}.", "Give a table of flags.")
    rows = {label: row for row, label in enumerate(points.labels)}
    n_frames = points.xy.shape[1]
    wanted: dict[int, list[int]] = {}
    pairs = zip(candidates["track"].tolist(), candidates["frame"].tolist(), strict=True)
    for label, frame in sorted({pair for pair in pairs if pair[0] in rows}):
        if not 0 < frame < n_frames:
            continue
        row = rows[label]
        before, now = points.xy[row, frame - 1], points.xy[row, frame]
        inside = bool(((before >= -0.5) & (before < size - 0.5)).all())
        if inside and not np.isnan(now[0]):
            wanted.setdefault(int(frame), []).append(row)
    return wanted


def _picture(video: FrameSource, frame: int) -> NDArray[np.uint8]:
    return video.read(frame, "gray") if isinstance(video, VideoReader) else video[frame]
