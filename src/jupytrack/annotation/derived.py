"""What follows from points: signals, areas, videos with the points on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.table import frame_number
from jupytrack.errors import AnnotationError, MissingDependencyError, SaveError

if TYPE_CHECKING:
    from jupytrack.annotation.exports import ExportedPoints
    from jupytrack.jobs import Progress
    from jupytrack.video.source import FrameSource

__all__ = ["area", "draw_points", "export_video", "signal"]


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
    from jupytrack.video.writer import VideoWriter

    video = _video(annotation)
    start = frame_number(0 if start_frame is None else start_frame, len(video))
    end = frame_number(len(video) - 1 if end_frame is None else end_frame, len(video))
    if end < start:
        raise AnnotationError(f"Frames {start} to {end} are none.", "Give the first frame first.")
    if out_file_name is None:
        if annotation.fname is None:
            raise AnnotationError("The layer has no file to name the video after.", "Give out_file_name.")
        layer = Path(annotation.fname)
        out_file_name = layer.with_name(f"{layer.stem}_sf{start}_ef{end}.mp4")
    path = Path(out_file_name)
    if path.exists():
        raise SaveError(f"{path} exists already.", "Give another name, or remove it first.")
    with VideoWriter(path, video.get_avg_fps(), (video.width, video.height)) as writer:
        for frame in range(start, end + 1):
            writer.write(draw_points(annotation, video[frame], frame))
            if progress is not None:
                progress.update(frame - start + 1, end - start + 1, "Writing the video")
    return path


def draw_points(annotation: ExportedPoints, image: NDArray[np.uint8], frame: int) -> NDArray[np.uint8]:
    """Return a picture with the points of a frame on it.

    Parameters
    ----------
    annotation : VideoAnnotation
        Points and colours.
    image : ndarray, uint8, shape (height, width) or (height, width, 3)
        The picture; left as it is.
    frame : int
        Whose points.

    Returns
    -------
    ndarray, uint8, shape (height, width, 3)
    """
    import cv2

    image = np.ascontiguousarray(np.repeat(image[:, :, None], 3, 2) if image.ndim == 2 else image).copy()
    radius = max(3, round(min(image.shape[:2]) / 150))
    shift = 4  # OpenCV draws on a grid of 1/16 pixel
    for (x, y), color in zip(annotation.get_at_frame(frame), annotation.palette, strict=True):
        # Far outside of the picture there is nothing to see, and OpenCV's integers would overflow.
        if not (-radius <= x < image.shape[1] + radius and -radius <= y < image.shape[0] + radius):
            continue
        center = (round(x * 2**shift), round(y * 2**shift))
        fill = tuple(round(255 * part) for part in color)
        cv2.circle(image, center, radius << shift, fill, -1, cv2.LINE_AA, shift)
        cv2.circle(image, center, radius << shift, (0, 0, 0), 1, cv2.LINE_AA, shift)
    return image


def _video(annotation: ExportedPoints) -> FrameSource:
    if annotation.video is None:
        raise AnnotationError(
            f"Layer {annotation.name!r} has no video.", "Open it with one: VideoAnnotation(fname, vname)."
        )
    return annotation.video
