"""Writing what the annotator shows as a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jupytrack.annotation.painting import paint_points
from jupytrack.annotation.table import frame_range
from jupytrack.video.writer import write_video
from jupytrack.widgets.session import Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupytrack.jobs import Progress

__all__ = ["paint", "render"]


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
    image = np.asarray(session.enhancement.apply(session.video.read(frame, "rgb")))
    below = session.overlay_ann
    layers = [session.ann] if below is None or below is session.ann else [below, session.ann]
    return paint_points(image, *(ann for ann in layers if ann.display.visible), frame=frame)


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
        If there are no such frames.
    SaveError
        If the file exists or cannot be written.
    """
    frames = frame_range(start_frame, end_frame, session.n_frames)
    fps = session.video.get_avg_fps()
    return write_video(path, lambda frame: paint(session, frame), frames, fps, progress)
