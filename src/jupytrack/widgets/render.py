"""Writing what the annotator shows as a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from jupytrack.errors import AnnotationError
from jupytrack.video.writer import VideoWriter
from jupytrack.widgets.session import Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.jobs import Progress

__all__ = ["paint", "render"]

# OpenCV draws at fractions of a pixel when positions are scaled by a power of two
_SHIFT = 4


def paint(session: Session, frame: int) -> NDArray[np.uint8]:
    """Draw a frame with its points: the overlay layer translucent, the active layer on top.

    Parameters
    ----------
    session : Session
        What is shown.
    frame : int
        Frame number, from 0.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB.
    """
    image: NDArray[Any] = np.asarray(session.enhancement.apply(session.video.read(frame, "rgb")))
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    canvas: NDArray[np.uint8] = np.array(image, dtype=np.uint8, order="C")
    layers = [] if session.overlay_ann in (None, session.ann) else [session.overlay_ann]
    for ann in (*layers, session.ann):
        if ann is not None and ann.display.visible:
            _paint_layer(canvas, ann, frame)
    return canvas


def _paint_layer(image: NDArray[np.uint8], ann: VideoAnnotation, frame: int) -> None:
    size = max(min(image.shape[:2]) / 120, 3.0)
    for label, color, (x, y) in zip(ann.labels, ann.palette, ann.get_at_frame(frame), strict=True):
        alpha = ann.display.alpha_of(label)
        if not np.isfinite((x, y)).all() or alpha <= 0:
            continue
        painted = image.copy()
        rgb = tuple(round(255 * part) for part in color)
        scale = 1 << _SHIFT
        center = (round(x * scale), round(y * scale))
        cv2.circle(painted, center, round(size * scale), rgb, -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(painted, center, round(size * scale), (0, 0, 0), 1, cv2.LINE_AA, _SHIFT)
        at = (round(x + 1.5 * size), round(y - 0.8 * size))
        for text_color, width in (((0, 0, 0), 3), (rgb, 1)):
            cv2.putText(
                *(painted, label, at, cv2.FONT_HERSHEY_SIMPLEX, size / 10, text_color, width, cv2.LINE_AA)
            )
        cv2.addWeighted(painted, alpha, image, 1 - alpha, 0, dst=image)


def render(
    progress: Progress,
    session: Session,
    start_frame: int,
    end_frame: int,
    path: Path,
) -> Path:
    """Write frames with their points as H.264; for a :class:`jupytrack.Job`.

    Parameters
    ----------
    progress : Progress
        Told after every frame; cancelling leaves no file behind.
    session : Session
        What is shown.
    start_frame, end_frame : int
        First and last frame, both included.
    path : Path
        The file; it must not exist.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    AnnotationError
        If the file exists, or there are no such frames.
    """
    if path.exists():
        raise AnnotationError(f"{path} is there already.", "Give another name as out_vid_name.")
    if not 0 <= start_frame <= end_frame < session.n_frames:
        raise AnnotationError(
            f"Frames {start_frame} to {end_frame} are not in this video.",
            f"Its frames are 0 to {session.n_frames - 1}.",
        )
    first = paint(session, start_frame)
    height, width = first.shape[:2]
    options: dict[str, Any] = {"fps": session.video.get_avg_fps(), "size": (width, height)}
    count = end_frame - start_frame + 1
    with VideoWriter(path, **options) as writer:
        for done, frame in enumerate(range(start_frame, end_frame + 1)):
            writer.write(first if done == 0 else paint(session, frame))
            progress.update(done + 1, count, "writing")
    return path
