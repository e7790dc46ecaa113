"""A video with its tracks drawn on it: boxes or points in the colours of their ids, and their trails."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.boxes import BoxTracks
from jupytrack.annotation.table import frame_number
from jupytrack.errors import AnnotationError
from jupytrack.qa.inputs import PointLayer, points_of
from jupytrack.qa.painting import Drawn, paint_tracks
from jupytrack.video.reader import VideoReader
from jupytrack.video.source import FrameSource
from jupytrack.video.writer import write_video

if TYPE_CHECKING:
    from jupytrack.jobs import Progress

__all__ = ["render_tracks", "track_painter"]


def render_tracks(
    video: FrameSource | str | os.PathLike[str],
    tracks: BoxTracks | PointLayer,
    out: str | os.PathLike[str],
    *,
    frames: Any = None,
    trail: int = 30,
    names: bool = True,
    fps: float | Fraction | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a video with tracks drawn on it, as an H.264 MP4.

    Parameters
    ----------
    video : FrameSource or path
        The video.
    tracks : BoxTracks, VideoAnnotation or PointTable
        Boxes or points. Each id has the same colour in every video; of boxes the class stands beside the id
        if there are several. Boxes of what is occluded have a thin line.
    out : path
        The file to write; it must not exist.
    frames : range, slice or sequence of int, optional
        Which frames, in this order; all by default.
    trail : int
        Frames for which the way of a centre or point stays visible, fading; 0 for none.
    names : bool
        Whether ids or labels stand beside their boxes or points.
    fps : float or fractions.Fraction, optional
        Frames per second of the result; by default those of the video.
    progress : Progress, optional
        Told after every frame; cancelling leaves no file behind.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    AnnotationError
        If the tracks belong to another video (beyond its end, or on pictures of another size), there is no
        such frame, or a number makes no sense.
    VideoError, VideoNotFoundError
        If the video cannot be read.
    SaveError
        If the file exists or cannot be written.
    JobCancelled
        If cancelled.

    Examples
    --------
    >>> jupytrack.render_tracks("street.mp4", tracks, "street_tracks.mp4")  # doctest: +SKIP
    """
    with ExitStack() as opened:
        if isinstance(video, (str, os.PathLike)):
            source: FrameSource = opened.enter_context(VideoReader(video))
        elif isinstance(video, FrameSource):
            source = video
        else:
            raise AnnotationError(f"{type(video).__name__} is no video.", "Give a path or a VideoReader.")
        chosen = _frames(frames, len(source))
        paint = track_painter(source, tracks, trail=trail, names=names)
        rate = source.get_avg_fps() if fps is None else _rate(fps)
        return write_video(out, lambda frame: paint(source[frame], frame), chosen, rate, progress)


def track_painter(
    video: FrameSource, tracks: BoxTracks | PointLayer, *, trail: int = 30, names: bool = True
) -> Callable[[NDArray[Any], int], NDArray[np.uint8]]:
    """Return a function that draws the tracks of a frame on its picture: ``paint(picture, frame)``.

    Parameters and errors are those of :func:`render_tracks`.
    """
    if isinstance(trail, bool) or not isinstance(trail, (int, np.integer)) or trail < 0:
        raise AnnotationError(f"trail={trail!r} is no number of frames.", "Give 0 or more.")
    drawn = _drawn(tracks)
    last = int(drawn.frame.max(initial=-1))
    if last >= len(video):
        raise AnnotationError(
            f"There are tracks on frame {last}, the video has frames 0 to {len(video) - 1}.",
            "Give the video that they belong to.",
        )
    size = video.width, video.height
    if isinstance(tracks, BoxTracks) and tracks.image_size not in (None, size):
        raise AnnotationError(
            f"The tracks are on pictures of {tracks.image_size}, the video has others: {size}.",
            "Give the video that they belong to, or bring the boxes to its scale.",
        )
    return lambda picture, frame: paint_tracks(picture, drawn, frame, trail=int(trail), names=names)


def _drawn(tracks: BoxTracks | PointLayer) -> Drawn:
    if isinstance(tracks, BoxTracks):
        rows = np.flatnonzero(tracks.has_box)
        several = len(np.unique(tracks.class_code[rows])) > 1
        classes = tracks.class_[rows]
        # one text for each track and class, not for each box
        texts = {
            (track, name): f"{tracks.ids[track]} {name}" if several and name else str(tracks.ids[track])
            for track, name in set(zip(tracks.track[rows].tolist(), classes.tolist(), strict=True))
        }
        return Drawn(
            frame=tracks.frame[rows],
            track=tracks.track[rows],
            ids=tracks.ids,
            # from edges to pixel centres, in which OpenCV counts
            centers=tracks.centers[rows] - 0.5,
            sizes=tracks.boxes[rows, 2:],
            texts=[texts[key] for key in zip(tracks.track[rows].tolist(), classes.tolist(), strict=True)],
            thin=tracks.occluded[rows],
            n_frames=tracks.n_frames,
        )
    points = points_of(tracks)
    frame, track = np.nonzero(points.present.T)
    return Drawn(
        frame=frame,
        track=track,
        ids=tuple(points.labels),
        centers=points.xy[track, frame],
        sizes=None,
        texts=[points.labels[each] for each in track.tolist()],
        thin=np.zeros(len(frame), np.bool_),
        n_frames=points.xy.shape[1],
    )


def _frames(frames: Any, n_frames: int) -> range | list[int]:
    if frames is None:
        frames = range(n_frames)
    if isinstance(frames, slice):
        frames = range(n_frames)[frames]
    try:
        chosen = [frame_number(each, n_frames) for each in frames]
    except TypeError:
        raise AnnotationError(
            f"frames={frames!r} are no frames.", "Give a range, a slice or a list."
        ) from None
    if not chosen:
        raise AnnotationError("No frame is chosen.", "Give at least one.")
    return chosen


def _rate(fps: Any) -> float | Fraction:
    if isinstance(fps, bool) or not isinstance(fps, (int, float, Fraction, np.number)) or not 0 < fps < 1e5:
        raise AnnotationError(f"fps={fps!r} is no frame rate.", "Give frames per second.")
    return fps if isinstance(fps, Fraction) else float(fps)
