"""LK moving-average filter: takes the jitter out of trajectories without smearing fast motion.

Every window of some tenths of a second is tracked with LK-RSTC from its first and its last frame, and a frame
takes the mean of all windows that cover it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.storage import is_writable
from jupytrack.annotation.table import PointTable, Source, column_type
from jupytrack.errors import AnnotationError, FormatError, SaveError
from jupytrack.flow.batch import BatchStepper
from jupytrack.flow.checks import check_disagreement, check_number, points_in_video
from jupytrack.flow.frames import GrayFrames
from jupytrack.flow.lucas_kanade import check_points, sigmoid_weights
from jupytrack.flow.nodes import NodeStepper
from jupytrack.flow.opencv import flow_options
from jupytrack.flow.raw import RawPaths, raw_file
from jupytrack.flow.results import (
    content_digest,
    earlier_result,
    raw_is_of,
    refuse_if_open_elsewhere,
    write_result,
)
from jupytrack.flow.sweep import FinishedWindows, sweep
from jupytrack.jobs import Progress

if TYPE_CHECKING:
    from jupytrack.video.source import FrameSource

__all__ = ["SmoothedAnnotation", "SmoothingReport", "lk_moving_average_filter"]

FloatArray = NDArray[np.float64]

# Grows when the same input no longer gives the same numbers.
_VERSION = 1
# Bytes of pictures that may be held.
_BUDGET = 384 * 2**20


@dataclass
class SmoothingReport:
    """What became of each label.

    Attributes
    ----------
    window_frames : int
        Frames in a window.
    doubtful : dict of str to list of int
        Frames that were left empty because forward and backward tracking disagree there by more than
        ``max_disagreement``.
    short_runs : dict of str to list of (int, int)
        Runs of frames, from the first to the one after the last, that are shorter than the window; they are
        empty in the result.
    empty_labels : list of str
        Labels without any point.
    reused : bool
        Whether an earlier result of the same input was taken.
    """

    window_frames: int
    doubtful: dict[str, list[int]] = field(default_factory=dict)
    short_runs: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    empty_labels: list[str] = field(default_factory=list)
    reused: bool = False

    def __str__(self) -> str:
        lines = [f"Smoothed over {self.window_frames} frames{' (earlier result)' if self.reused else ''}."]
        for label, frames in self.doubtful.items():
            lines.append(f"Label {label!r}: {len(frames)} doubtful frames left empty ({_some(frames)}).")
        for label, runs in self.short_runs.items():
            text = _some([f"{start}-{stop - 1}" for start, stop in runs])
            lines.append(
                f"Label {label!r}: {len(runs)} runs are shorter than the window, left empty ({text})."
            )
        if self.empty_labels:
            lines.append(f"Labels without points: {', '.join(self.empty_labels)}.")
        return "\n".join(lines)


class SmoothedAnnotation(VideoAnnotation):
    """A smoothed layer: a VideoAnnotation whose column ``disagreement`` says where not to trust it.

    Attributes
    ----------
    report : SmoothingReport
        What was left empty, and why.
    """

    report: SmoothingReport


def lk_moving_average_filter(
    tracked_points: VideoAnnotation | str | Path,
    video_name: str | Path | None = None,
    window_size: float = 0.5,
    use_parallel: bool = True,
    save_raw: bool = True,
    exact: bool = False,
    max_disagreement: float | None = None,
    *,
    progress: Progress | None = None,
) -> SmoothedAnnotation:
    """Smooth trajectories with a moving average of LK-RSTC windows.

    A window of ``round(window_size * fps)`` frames begins on every frame. In each, the points are tracked
    forward from its first and backward from its last frame and the two paths are blended
    (:func:`lucas_kanade_rstc`); the result is the mean of all windows that cover a frame. A label with gaps
    is smoothed within each run of consecutive frames.

    The result is saved beside the layer as ``<stem>_lkmovavg_<window_size:.3f>.json``. It is taken again
    instead of computed only if the points, the video's content and all parameters are the same and nobody
    changed it. An unchanged result of other input is replaced; a file of that name that is anything else, or
    that somebody changed, is kept as ``<file>.replaced-<time>``, its sidecar, too.

    Parameters
    ----------
    tracked_points : VideoAnnotation or path
        The layer. Its file need not be saved.
    video_name : path, optional
        The video, if the layer has none.
    window_size : float
        Length of a window, in seconds.
    use_parallel : bool
        Decode, track forward and track backward in three threads at a time. False: one after the other in
        the calling thread; the numbers are the same.
    save_raw : bool
        Also save the path of every single window as ``<stem>_lkmovavg_<window_size:.3f>.npy``; see
        :func:`load_raw_paths`.
    exact : bool
        Give DUSTrack's very numbers. By default the windows share most of the tracking, which is many times
        faster and differs by thousandths of a pixel.
    max_disagreement : float, optional
        Leave frames empty on which forward and backward tracking are farther apart than this, in pixels.
    progress : Progress, optional
        Told as frames are done; may cancel, which leaves nothing behind.

    Returns
    -------
    SmoothedAnnotation
        The saved layer. Its column ``disagreement`` (float32, pixels) is the distance between the forward and
        the backward path of a frame, on average over its windows; ``report`` lists what was left empty.

    Raises
    ------
    AnnotationError
        If there is no video or no file to name the result after, the window is longer than the video or
        shorter than 2 frames, no label has a long enough run, or a point lies outside the picture or beyond
        the video's end.
    ConflictError
        If the layer was made on another video, or another process has the earlier result open.
    VideoError
        If the video cannot be read, or stops decoding on the way.
    SaveError
        If the result cannot be written.
    """
    window_size = check_number(window_size, "window_size", "Give a length in seconds, such as 0.5.")
    max_disagreement = check_disagreement(max_disagreement)
    annotation, video = _layer_and_video(tracked_points, video_name)
    if annotation.fname is None or annotation.fstem is None:
        raise AnnotationError(
            f"Layer {annotation.name!r} has no file to name the result after.",
            "Give it one: VideoAnnotation('x.json', video).",
        )
    path = Path(annotation.fname).with_name(f"{annotation.fstem}_lkmovavg_{window_size:.3f}.json")
    window = _window_frames(window_size, video, annotation.fname)
    table = _checked_points(annotation, video)
    report, tracked = _windows(table, window, annotation.fname)
    key = {
        "version": _VERSION,
        "points": content_digest(table, columns=False),
        "video": video.fingerprint,
        "window_size": window_size,
        "window_frames": window,
        "exact": bool(exact),
        "max_disagreement": max_disagreement,
    }
    if progress is not None:
        progress.update(0, len(video), "Smoothing")
    kept = _reusable(path, key, save_raw)
    if kept is None and not is_writable(path.parent):
        # Before the work, not after.
        raise SaveError(
            f"{path} cannot be written: its folder does not exist or may not be written.",
            "Save the layer in a folder of yours first.",
        )
    if kept is None:
        refuse_if_open_elsewhere(path)
        kept = _compute(path, key, table, tracked, video, report, use_parallel, save_raw, progress)
    elif progress is not None:
        progress.update(len(video), len(video), "Smoothed before")
    result = SmoothedAnnotation(path, video=video, accept_other_video=annotation.accept_other_video)
    result.report = kept
    return result


def _layer_and_video(
    tracked_points: VideoAnnotation | str | Path, video_name: str | Path | None
) -> tuple[VideoAnnotation, FrameSource]:
    if isinstance(tracked_points, VideoAnnotation):
        annotation, video = tracked_points, tracked_points.video
        if video is None and video_name is not None:
            from jupytrack.video.reader import VideoReader

            video = VideoReader(video_name)
    else:
        if not isinstance(tracked_points, (str, os.PathLike)):
            raise AnnotationError(
                f"This is no layer: {tracked_points!r:.100}.",
                "Give a VideoAnnotation or the path of its file.",
            )
        if not Path(tracked_points).exists():
            raise FormatError(f"There is no file {tracked_points}.", "Check the path of the layer.")
        annotation = VideoAnnotation(tracked_points, video_name)
        video = annotation.video
    if video is None:
        raise AnnotationError(
            f"Layer {annotation.name!r} has no video to track in.", "Give video_name, the path of its video."
        )
    return annotation, video


def _window_frames(window_size: float, video: FrameSource, layer: str) -> int:
    fps, n_frames = video.get_avg_fps(), len(video)
    window = round(window_size * fps) if np.isfinite(window_size) else 0
    if window < 2:
        raise AnnotationError(
            f"{layer}: a window of {window_size:g} s is {max(window, 0)} frames at {fps:g} frames/s.",
            f"Give at least {2 / fps:.3g} s, which is 2 frames.",
        )
    if window > n_frames:
        raise AnnotationError(
            f"{layer}: a window of {window_size:g} s is {window} frames, but {video.fname} has {n_frames}.",
            f"Give at most {n_frames / fps:.3g} s.",
        )
    return window


def _checked_points(annotation: VideoAnnotation, video: FrameSource) -> PointTable:
    """Return the points, one column of frames for each of the video's, once they are found good."""
    table = points_in_video(annotation, video)
    size = (video.width, video.height)
    for row in range(table.n_labels):
        xy = table.xy[row]
        outside = (xy < -0.5).any(axis=1) | (xy[:, 0] >= size[0] - 0.5) | (xy[:, 1] >= size[1] - 0.5)
        for frame in np.flatnonzero(outside)[:1]:
            check_points(xy[frame], size, str(annotation.fname), int(frame), table.labels[row : row + 1])
    return table


def _windows(table: PointTable, window: int, layer: str) -> tuple[SmoothingReport, NDArray[np.bool_]]:
    """Return what will be left out, and which labels each window tracks: bool, (n_windows, n_labels)."""
    report = SmoothingReport(window)
    present = table.present
    tracked = np.zeros((table.n_frames - window + 1, table.n_labels), np.bool_)
    for row, label in enumerate(table.labels):
        edges = np.flatnonzero(np.diff(present[row].astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        for start, stop in edges.tolist():
            if stop - start < window:
                report.short_runs.setdefault(label, []).append((start, stop))
            tracked[start : max(start, stop - window + 1), row] = True
        if not len(edges):
            report.empty_labels.append(label)
    if not tracked.any():
        counts = zip(table.labels, present.sum(axis=1).tolist(), strict=True)
        raise AnnotationError(
            f"{layer}: no label has {window} frames in a row, the length of the window (points: "
            f"{', '.join(f'{label!r} {count}' for label, count in counts) or 'none'}).",
            "Give a shorter window_size, or fill the gaps first.",
        )
    return report, tracked


def _reusable(path: Path, key: dict[str, Any], save_raw: bool) -> SmoothingReport | None:
    """Return the report of an earlier result if it was made of the same and is as it was."""
    earlier = earlier_result(path)
    if earlier.get("key") != key or (save_raw and not raw_is_of(earlier, path)):
        return None
    try:
        told = dict(earlier["report"])
        told["short_runs"] = {label: [(a, b) for a, b in runs] for label, runs in told["short_runs"].items()}
        return SmoothingReport(**told | {"reused": True})
    except (KeyError, TypeError, ValueError):
        return None


def _compute(
    path: Path,
    key: dict[str, Any],
    table: PointTable,
    tracked: NDArray[np.bool_],
    video: FrameSource,
    report: SmoothingReport,
    use_parallel: bool,
    save_raw: bool,
    progress: Progress | None,
) -> SmoothingReport:
    rows = np.flatnonzero(tracked.any(axis=0))
    window, shape = report.window_frames, (report.window_frames, table.n_frames, table.n_labels, 2)
    mean = _Mean(table.n_frames, table.n_labels, window)
    with RawPaths(raw_file(path), shape) if save_raw else nullcontext() as raw:
        finished = _finished(table.xy[rows], tracked[:, rows], video, window, key["exact"], use_parallel)
        for windows in finished:
            paths = mean.add(windows, tracked, rows)
            if raw is not None:
                raw.add(windows.first, paths)
            if progress is not None:
                done = windows.first + len(paths) + window - 1
                progress.update(done, table.n_frames, "Smoothing")
        result = mean.result(table)
        limit = key["max_disagreement"]
        if limit is not None:
            doubtful = result.columns["disagreement"] > limit
            result.xy[doubtful] = np.nan
            for row in np.flatnonzero(doubtful.any(axis=1)):
                report.doubtful[table.labels[row]] = np.flatnonzero(doubtful[row]).tolist()
            for name, values in result.columns.items():
                values[doubtful] = column_type(name).missing
        result.meta["video"] = {
            "fingerprint": video.fingerprint,
            "n_frames": len(video),
            "name": Path(video.fname).name,
        }
        if progress is not None:
            # The last chance to cancel.
            progress.update(table.n_frames, table.n_frames, "Saving")
        write_result(path, result, {"key": key, "report": dataclasses.asdict(report)}, raw)
    return report


def _finished(
    xy: FloatArray,
    tracked: NDArray[np.bool_],
    video: FrameSource,
    window: int,
    exact: bool,
    parallel: bool,
) -> Iterator[FinishedWindows]:
    points = np.ascontiguousarray(np.moveaxis(xy, 0, 1), np.float32)
    with GrayFrames(video, exact) as frames:
        options = flow_options({}, frames.contrast)
        held = _BUDGET // (2 * video.width * video.height)
        yield from sweep(
            lambda: frames.ascending(0, len(points)),
            BatchStepper(options) if exact else NodeStepper(options),
            points,
            tracked,
            window,
            held=held,
            parallel=parallel,
        )


class _Mean:
    """Running mean over windows of paths and of their disagreement."""

    def __init__(self, n_frames: int, n_labels: int, window: int) -> None:
        self.window = window
        self.paths = np.zeros((n_frames, n_labels, 2))
        self.apart = np.zeros((n_frames, n_labels))
        self.count = np.zeros((n_frames, n_labels), np.int64)
        self.weights = [w[None, :, None, None] for w in sigmoid_weights(window)]

    def add(self, windows: FinishedWindows, tracked: NDArray[np.bool_], rows: NDArray[np.intp]) -> FloatArray:
        """Take in finished windows of the labels ``rows``; returns the paths of all labels."""
        first, n_windows = windows.first, len(windows.forward)
        known = tracked[first : first + n_windows]
        blended = windows.forward * self.weights[0]
        blended += windows.reverse * self.weights[1]
        paths = np.full((n_windows, self.window, known.shape[1], 2), np.nan)
        paths[:, :, rows] = np.where(known[:, None, rows, None], blended, np.nan)
        apart = np.zeros(paths.shape[:3])
        difference = np.subtract(windows.forward, windows.reverse, dtype=np.float64)
        apart[:, :, rows] = np.where(known[:, None, rows], np.hypot(*np.moveaxis(difference, 3, 0)), 0)
        added = np.where(known[:, None, :, None], paths, 0)
        for n in range(self.window):
            there = slice(first + n, first + n + n_windows)
            self.paths[there] += added[:, n]
            self.apart[there] += apart[:, n]
            self.count[there] += known
        return paths

    def result(self, table: PointTable) -> PointTable:
        """Return the means, as a table like the one that was smoothed."""
        count = self.count.T
        with np.errstate(invalid="ignore", divide="ignore"):
            xy = np.moveaxis(self.paths, 0, 1) / count[:, :, None]
            apart = (self.apart.T / count).astype(np.float32)
        source = np.where(count > 0, np.uint8(Source.LUCAS_KANADE), np.uint8(Source.UNKNOWN))
        meta = {"names": dict(table.meta["names"])} if table.meta.get("names") else {}
        return PointTable(list(table.labels), xy, {"disagreement": apart, "source": source}, meta)


def _some(items: list[Any]) -> str:
    shown = ", ".join(str(item) for item in items[:5])
    return shown + (", …" if len(items) > 5 else "")
