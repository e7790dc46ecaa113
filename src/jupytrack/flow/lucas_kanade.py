"""Points tracked through a video: Lucas-Kanade, and its drift corrected from the other end.

The Reverse Sigmoid Tracking Correction (RSTC) is that of Magana-Salgado, Namburi, Feigin-Almon,
Pallares-Lopez and Anthony (2023), A comparison of point-tracking algorithms in ultrasound videos from the
upper limb, BioMedical Engineering OnLine 22:52.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jupytrack.errors import AnnotationError
from jupytrack.flow.frames import Gray, GrayFrames, decoded_ahead
from jupytrack.flow.opencv import flow_options, track
from jupytrack.jobs import Progress

__all__ = ["check_points", "lucas_kanade", "lucas_kanade_rstc", "sigmoid_weights"]

FloatArray = NDArray[np.float64]

# Pictures that are decoded before they are needed.
_AHEAD = 8
# Bytes of pictures that are held so that both directions share one decoding.
_SHARED = 256 * 2**20


def sigmoid_weights(n_frames: int, epsilon: float = 0.01) -> tuple[FloatArray, FloatArray]:
    """Return how much the forward and the reverse path count on each frame.

    The forward weight is a falling sigmoid, stretched so that it is exactly 1 on the first frame and 0 on
    the last; the reverse weight is its mirror image, and the two add up to 1 (Magana-Salgado et al. 2023).

    Parameters
    ----------
    n_frames : int
        Frames, at least 2.
    epsilon : float
        What the sigmoid still lacks at the ends before it is stretched, between 0 and 0.5, both excluded:
        the smaller, the steeper.

    Returns
    -------
    forward, reverse : ndarray, float64, shape (n_frames,)

    Raises
    ------
    AnnotationError
        If there are fewer than 2 frames or epsilon is out of range.
    """
    if not isinstance(n_frames, (int, np.integer)) or n_frames < 2:
        raise AnnotationError(f"{n_frames!r} frames cannot be weighed.", "Give a whole number, at least 2.")
    if not isinstance(epsilon, (int, float, np.number)) or not 0 < epsilon < 0.5:
        raise AnnotationError(f"epsilon is {epsilon!r}.", "Give a number between 0 and 0.5.")
    return _weights_at(np.arange(n_frames, dtype=np.float64), n_frames, epsilon)


def _weights_at(frames: FloatArray, n_frames: int, epsilon: float = 0.01) -> tuple[FloatArray, FloatArray]:
    steepness = 2 * np.log(1 / epsilon - 1) / (n_frames - 1)
    from_centre = steepness * (frames - (n_frames - 1) / 2)

    def stretched(exponent: FloatArray) -> FloatArray:
        sigmoid: FloatArray = 1 / (1 + np.exp(exponent))
        return (sigmoid - 0.5) / (1 - 2 * epsilon) + 0.5

    return stretched(from_centre), stretched(-from_centre)


def lucas_kanade(
    video: Any,
    start_frame: int,
    end_frame: int,
    init_points: ArrayLike,
    mode: Literal["full", "direct"] = "full",
    *,
    exact: bool = False,
    progress: Progress | None = None,
    **lk_config: Any,
) -> FloatArray:
    """Track points from one frame to another with pyramidal Lucas-Kanade.

    Parameters
    ----------
    video : path, VideoReader or sequence of frames
        Where to track; a sequence holds gray ``(height, width)`` or RGB pictures, uint8.
    start_frame, end_frame : int
        First and last frame, both included; ``end_frame`` may lie before ``start_frame``.
    init_points : array_like, shape (n_points, 2) or (2,)
        Positions on ``start_frame``, in pixels.
    mode : {"full", "direct"}
        Frame by frame, or in one step from the first frame to the last.
    exact : bool
        Make gray from RGB as DUSTrack does, for its very numbers; by default the luma of the video is used
        as it is, which is faster and differs by thousandths of a pixel.
    progress : Progress, optional
        Told after every frame; may cancel.
    **lk_config
        ``winSize`` (45, 45), ``maxLevel`` 2, ``criteria`` (10 iterations, epsilon 0.03), ``minEigThreshold``
        and ``flags`` of ``cv2.calcOpticalFlowPyrLK``.

    Returns
    -------
    ndarray, float64, shape (n_frames, n_points, 2)
        Positions from ``start_frame`` on, in the order of tracking; for "direct" ``(1, n_points, 2)``, those
        on ``end_frame``.

    Raises
    ------
    AnnotationError
        If a frame is outside the video, a point NaN or outside the picture, or an option makes no sense.
    TypeError
        If Lucas-Kanade has no such option.
    VideoError
        If the video stops decoding on the way.
    """
    if mode not in ("full", "direct"):
        raise AnnotationError(f"mode is {mode!r}.", "Give 'full' or 'direct'.")
    with GrayFrames(video, exact) as frames:
        options = flow_options(lk_config, frames.contrast)
        _check_frame(frames, start_frame, "start_frame")
        _check_frame(frames, end_frame, "end_frame")
        points = check_points(init_points, frames.size, frames.name, start_frame)
        if mode == "direct":
            return _jump(frames, start_frame, end_frame, points, options)[None]
        pictures = _walk(frames, start_frame, end_frame)
        n_frames = abs(end_frame - start_frame) + 1
        with closing(pictures):
            return _follow(pictures, n_frames, points, options, _Steps(progress, n_frames))


@overload
def lucas_kanade_rstc(
    video: Any,
    start_frame: int,
    end_frame: int,
    start_points: ArrayLike,
    end_points: ArrayLike,
    target_frame: int | None = ...,
    sigmoid_forward: ArrayLike | None = ...,
    sigmoid_reverse: ArrayLike | None = ...,
    *,
    exact: bool = ...,
    return_disagreement: Literal[False] = ...,
    progress: Progress | None = ...,
    **lk_config: Any,
) -> FloatArray: ...


@overload
def lucas_kanade_rstc(
    video: Any,
    start_frame: int,
    end_frame: int,
    start_points: ArrayLike,
    end_points: ArrayLike,
    target_frame: int | None = ...,
    sigmoid_forward: ArrayLike | None = ...,
    sigmoid_reverse: ArrayLike | None = ...,
    *,
    exact: bool = ...,
    return_disagreement: Literal[True],
    progress: Progress | None = ...,
    **lk_config: Any,
) -> tuple[FloatArray, FloatArray]: ...


def lucas_kanade_rstc(
    video: Any,
    start_frame: int,
    end_frame: int,
    start_points: ArrayLike,
    end_points: ArrayLike,
    target_frame: int | None = None,
    sigmoid_forward: ArrayLike | None = None,
    sigmoid_reverse: ArrayLike | None = None,
    *,
    exact: bool = False,
    return_disagreement: bool = False,
    progress: Progress | None = None,
    **lk_config: Any,
) -> FloatArray | tuple[FloatArray, FloatArray]:
    """Track points between two frames on which they are known (LK-RSTC).

    The points are tracked forward from the start and backward from the end, and the two paths are blended
    with :func:`sigmoid_weights`: the result is exact at both ends and the drift is spread in between
    (Magana-Salgado et al. 2023).

    Parameters
    ----------
    video : path, VideoReader or sequence of frames
        As for :func:`lucas_kanade`.
    start_frame, end_frame : int
        First and last frame, both included; the last lies after the first.
    start_points, end_points : array_like, shape (n_points, 2) or (2,)
        Positions on these frames, in pixels.
    target_frame : int, optional
        Only this frame: each path is then one single step to it from its end.
    sigmoid_forward, sigmoid_reverse : array_like, shape (n_frames,), optional
        Other weights, both together.
    exact, progress, **lk_config
        As for :func:`lucas_kanade`.
    return_disagreement : bool
        Also return how far the two paths are apart.

    Returns
    -------
    paths : ndarray, float64, shape (n_frames, n_points, 2)
        Positions on all frames; ``(1, n_points, 2)`` with a target frame.
    disagreement : ndarray, float64, shape (n_frames, n_points)
        Distance of the forward from the backward path in pixels, only if it was asked for. The ends are
        pinned, so what is to be doubted shows here and not in the paths.

    Raises
    ------
    AnnotationError
        If a frame is outside the video, the end does not lie after the start, the numbers of points differ,
        a point is NaN or outside the picture, or weights or an option do not fit.
    TypeError
        If Lucas-Kanade has no such option.
    VideoError
        If the video stops decoding on the way.
    """
    with GrayFrames(video, exact) as frames:
        options = flow_options(lk_config, frames.contrast)
        _check_frame(frames, start_frame, "start_frame")
        _check_frame(frames, end_frame, "end_frame")
        if end_frame <= start_frame:
            raise AnnotationError(
                f"{frames.name}: the end, frame {end_frame}, does not lie after the start, frame "
                f"{start_frame}.",
                "Give the earlier frame first.",
            )
        starts = check_points(start_points, frames.size, frames.name, start_frame)
        ends = check_points(end_points, frames.size, frames.name, end_frame)
        if starts.shape != ends.shape:
            raise AnnotationError(
                f"{frames.name}: {len(starts)} points on frame {start_frame}, {len(ends)} on frame "
                f"{end_frame}.",
                "Give the same points on both frames.",
            )
        weights = _blending(start_frame, end_frame, target_frame, sigmoid_forward, sigmoid_reverse)
        if target_frame is not None:
            forward = _jump(frames, start_frame, target_frame, starts, options)[None]
            reverse = _jump(frames, end_frame, target_frame, ends, options)[None]
        else:
            forward, reverse = _both_ways(frames, start_frame, end_frame, starts, ends, options, progress)
    paths = forward * weights[0][:, None, None]
    paths += reverse * weights[1][:, None, None]
    if not return_disagreement:
        return paths
    return paths, np.hypot(*np.moveaxis(forward - reverse, 2, 0))


def _blending(
    start: int, end: int, target: int | None, forward: ArrayLike | None, reverse: ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    n_frames = end - start + 1
    if target is not None and not (isinstance(target, (int, np.integer)) and start <= target <= end):
        raise AnnotationError(
            f"Target frame {target!r} is not one of frames {start} to {end}.", "Give one of these frames."
        )
    at = np.arange(n_frames, dtype=np.float64) if target is None else np.array([target - start], np.float64)
    if forward is None and reverse is None:
        return _weights_at(at, n_frames)
    if forward is None or reverse is None:
        raise AnnotationError(
            "Only one of sigmoid_forward and sigmoid_reverse is given.",
            "Give both, as sigmoid_weights() returns them, or none.",
        )
    given = np.atleast_1d(np.asarray(forward, np.float64)), np.atleast_1d(np.asarray(reverse, np.float64))
    if given[0].shape != at.shape or given[1].shape != at.shape:
        raise AnnotationError(
            f"Weights of shape {given[0].shape} and {given[1].shape} do not fit.",
            f"The shape is {at.shape}: one weight for each frame from {start} to {end}."
            if target is None
            else f"The shape is {at.shape}: one weight for the target frame.",
        )
    if not np.isfinite(given).all():
        raise AnnotationError("A weight is not a finite number.", "Give weights as sigmoid_weights() does.")
    return given


def _both_ways(
    frames: GrayFrames,
    start: int,
    end: int,
    starts: FloatArray,
    ends: FloatArray,
    options: dict[str, Any],
    progress: Progress | None,
) -> tuple[FloatArray, FloatArray]:
    """Return the forward and the backward path, both in the order of frames."""
    n_frames = end - start + 1
    steps = _Steps(progress, 2 * n_frames)
    width, height = frames.size
    if n_frames * width * height <= _SHARED:
        held: list[Gray] = []

        def kept() -> Iterator[Gray]:
            with closing(_walk(frames, start, end)) as pictures:
                for picture in pictures:
                    held.append(picture)
                    yield picture

        forward = _follow(kept(), n_frames, starts, options, steps)
        backward = _follow(reversed(held), n_frames, ends, options, steps)
    else:
        with closing(_walk(frames, start, end)) as pictures:
            forward = _follow(pictures, n_frames, starts, options, steps)
        with closing(_walk(frames, end, start)) as pictures:
            backward = _follow(pictures, n_frames, ends, options, steps)
    return forward, backward[::-1]


class _Steps:
    """Counts the frames of one or several passes for a progress report."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress = progress
        self.total = total
        self.done = 0

    def __call__(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress.update(self.done, self.total, "Tracking")


def _walk(frames: GrayFrames, start: int, end: int) -> Generator[Gray, None, None]:
    if start <= end:
        return decoded_ahead(lambda: frames.ascending(start, end + 1), _AHEAD)
    return decoded_ahead(lambda: frames.descending(end, start + 1), _AHEAD)


def _follow(
    pictures: Iterator[Gray], n_frames: int, points: FloatArray, options: dict[str, Any], steps: _Steps
) -> FloatArray:
    """Track points through pictures; row 0 is where they start."""
    at = points.astype(np.float32)
    path = np.empty((n_frames, len(points), 2))
    previous: Gray | None = None
    for n, picture in enumerate(pictures):
        if previous is not None and len(points):
            at = track(previous, picture, at, options)
        path[n] = at
        previous = picture
        steps()
    return path


def _jump(
    frames: GrayFrames, start: int, end: int, points: FloatArray, options: dict[str, Any]
) -> FloatArray:
    first, last = (next(frames.ascending(n, n + 1)) for n in (start, end))
    at = points.astype(np.float32)
    if start == end or not len(points):
        return at.astype(np.float64)
    return track(first, last, at, options).astype(np.float64)


def _check_frame(frames: GrayFrames, frame: int, what: str) -> None:
    if isinstance(frame, bool) or not isinstance(frame, (int, np.integer)):
        raise AnnotationError(f"{what} is {frame!r}.", "Give a whole number, counted from 0.")
    if not 0 <= frame < len(frames):
        raise AnnotationError(
            f"{what} {frame} is outside the video {frames.name}.", f"It has frames 0 to {len(frames) - 1}."
        )


def check_points(
    points: ArrayLike, size: tuple[int, int], video: str, frame: int, labels: list[str] | None = None
) -> FloatArray:
    """Return points as an array of shape (n_points, 2).

    Parameters
    ----------
    points : array_like, shape (n_points, 2) or (2,)
        Positions in pixels.
    size : tuple of int
        Width and height of the picture.
    video : str
        The video's name, for messages.
    frame : int
        Where they are, for messages.
    labels : list of str, optional
        What the points are called; by default they are counted.

    Raises
    ------
    AnnotationError
        If the shape does not fit, or a point is NaN or outside the picture.
    """
    try:
        xy = np.asarray(points, np.float64)
    except (TypeError, ValueError) as error:
        raise AnnotationError(
            f"{video}, frame {frame}: the points are no array of numbers ({error}).",
            "Give an array of shape (n_points, 2).",
        ) from error
    if xy.ndim == 1:
        xy = xy.reshape(-1, 2) if not xy.size else xy[None]
    if xy.ndim == 3 and xy.shape[1] == 1:
        xy = xy[:, 0]
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise AnnotationError(
            f"{video}, frame {frame}: points of shape {xy.shape}.", "Give an array of shape (n_points, 2)."
        )
    width, height = size
    inside = (xy >= -0.5).all(axis=1) & (xy[:, 0] < width - 0.5) & (xy[:, 1] < height - 0.5)
    for n in np.flatnonzero(~inside)[:1]:
        what = f"label {labels[n]!r}" if labels is not None else f"point {n}"
        if not np.isfinite(xy[n]).all():
            raise AnnotationError(
                f"{video}, frame {frame}, {what}: there is no position ({xy[n, 0]}, {xy[n, 1]}).",
                "Place the point there first, or leave it out.",
            )
        raise AnnotationError(
            f"{video}, frame {frame}, {what}: ({xy[n, 0]:g}, {xy[n, 1]:g}) is outside the picture of "
            f"{width}×{height} pixels.",
            "Correct or remove the point.",
        )
    return xy
