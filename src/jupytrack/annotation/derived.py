"""What follows from points: signals, areas, videos with the points on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.painting import paint_points
from jupytrack.annotation.table import frame_range
from jupytrack.errors import AnnotationError, MissingDependencyError

if TYPE_CHECKING:
    from jupytrack.annotation.exports import ExportedPoints
    from jupytrack.jobs import Progress
    from jupytrack.video.source import FrameSource

__all__ = ["area", "export_video", "signal"]


def signal(annotation: ExportedPoints, values: NDArray[np.float64], **names: Any) -> Any:
    """Return values over frames as ``pysampled.Data`` at the video's frame rate.

    Raises
    ------
    AnnotationError
        If there is no video to take the rate from.
    MissingDependencyError
        If pysampled is not installed.
    """
    rate = _video(annotation).get_avg_fps()
    try:
        import pysampled
    except ImportError as error:
        raise MissingDependencyError(
            "Signals need the package pysampled.", "Run: pip install jupytrack[signal]."
        ) from error
    return pysampled.Data(values, sr=rate, **names)


def area(annotation: ExportedPoints, labels: Sequence[str] | str, lowpass: float | None) -> Any:
    """Return the polygon's area in square pixels, frame by frame; see ``VideoAnnotation.get_area``."""
    corners = list(labels)
    if len(corners) < 3:
        raise AnnotationError(f"{len(corners)} corners span no area.", "Give three labels or more.")
    traces = annotation.to_traces()
    unknown = [label for label in corners if label not in traces]
    if unknown:
        raise AnnotationError(
            f"There is no label {', '.join(unknown)}.", f"The labels are {', '.join(annotation.labels)}."
        )
    if lowpass is not None:
        traces = {label: annotation.to_signal(label).lowpass(lowpass)() for label in set(corners)}
    x, y = np.moveaxis(np.stack([traces[label] for label in corners]), 2, 0)
    # The first corner as origin keeps large coordinates from eating the last digits.
    x, y = x - x[0], y - y[0]
    areas = 0.5 * np.abs((x * np.roll(y, -1, axis=0) - y * np.roll(x, -1, axis=0)).sum(axis=0))
    return areas if annotation.video is None else signal(annotation, areas)


def export_video(
    annotation: ExportedPoints,
    out_file_name: str | Path | None,
    start_frame: int | None,
    end_frame: int | None,
    progress: Progress | None,
) -> Path:
    """Write a video with the points drawn on it; see ``VideoAnnotation.export_video``."""
    from jupytrack.video.writer import write_video

    video = _video(annotation)
    frames = frame_range(start_frame, end_frame, len(video))
    if out_file_name is None:
        if annotation.fname is None:
            raise AnnotationError("The layer has no file to name the video after.", "Give out_file_name.")
        layer = Path(annotation.fname)
        out_file_name = layer.with_name(f"{layer.stem}_sf{frames[0]}_ef{frames[-1]}.mp4")

    def picture(frame: int) -> NDArray[np.uint8]:
        return paint_points(video[frame], annotation, frame=frame)

    return write_video(out_file_name, picture, frames, video.get_avg_fps(), progress)


def _video(annotation: ExportedPoints) -> FrameSource:
    if annotation.video is None:
        raise AnnotationError(
            f"Layer {annotation.name!r} has no video.", "Open it with one: VideoAnnotation(fname, vname)."
        )
    return annotation.video
