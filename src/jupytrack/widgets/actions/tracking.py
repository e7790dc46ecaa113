"""Optical flow in the annotator: what is tracked from where, and where the points go.

Each function checks what it is asked for and returns a :class:`Task`: the tracking, which changes nothing
and runs in the background, and one edit that puts the result in place.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

import numpy as np

from jupytrack.annotation.layer_list import BUFFER
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import Source, frame_number
from jupytrack.errors import AnnotationError
from jupytrack.flow import lucas_kanade, lucas_kanade_rstc
from jupytrack.jobs import Progress
from jupytrack.widgets.actions.editing import get_selected_interval
from jupytrack.widgets.session import Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Task", "check_labels", "interpolate", "part_of", "perform", "predict"]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Task(Generic[T, R]):
    """Something that takes a while.

    Attributes
    ----------
    title : str
        What it does; a task that is running is not begun again.
    work : callable
        Called with a Progress, off the main thread; it changes no layer.
    apply : callable
        Called with what ``work`` returned, under the session's lock: makes one edit, and returns the result.
    """

    title: str
    work: Callable[[Progress], T]
    apply: Callable[[T], R]


@dataclass(frozen=True)
class _Tracked:
    """Points of one label on consecutive frames.

    Attributes
    ----------
    label : str
        Whose.
    start : int
        The first frame.
    xy : ndarray, shape (n_frames, 2)
        Pixels.
    apart : ndarray, shape (n_frames,), or None
        How far forward and backward tracking are apart, in pixels.
    """

    label: str
    start: int
    xy: NDArray[np.float64]
    apart: NDArray[np.float64] | None = None

    @property
    def frames(self) -> NDArray[np.int64]:
        """The frames."""
        return np.arange(self.start, self.start + len(self.xy))


def perform(progress: Progress, session: Session, task: Task[T, R]) -> R:
    """Carry a task out; for a :class:`jupytrack.Job`. Whoever cancels finds all layers as they were."""
    found = task.work(progress)
    with session.lock, session.batch():
        progress.update(progress.done)
        return task.apply(found)


def part_of(progress: Progress, done: int, share: int, total: int, text: str) -> Progress:
    """Return what a part of the work may report to: it stands for ``share`` of ``total`` after ``done``."""
    inner = Progress()

    def passed_on(part: Progress) -> None:
        progress.update(done + share * (part.fraction or 0.0), total, text)

    inner.listen(passed_on)
    return inner


def interpolate(session: Session, all_labels: bool = False, rstc: bool = True) -> Task[list[_Tracked], int]:
    """Fill the selected interval of the active layer by tracking from the overlay layer's points at its ends.

    Parameters
    ----------
    session : Session
        What is open.
    all_labels : bool
        All labels that the overlay has in the interval, not only the current one.
    rstc : bool
        Track from both ends (LK-RSTC); False: only forward, from the first frame.

    Returns
    -------
    Task
        Its result is the number of points placed.

    Raises
    ------
    AnnotationError
        If there is no interval, no overlay, or no point at an end.
    ConflictError
        If the layer is read-only.
    """
    session.require_writable()
    source, target = _overlay(session), session.ann
    start, stop = get_selected_interval(session)
    if stop <= start:
        raise AnnotationError(
            f"The selected interval is one frame, {start}.",
            "Press z on the first frame and again on a later one.",
        )
    ends = [start, stop] if rstc else [start]
    labels = list(source.labels) if all_labels else [session.label]
    points = {label: _points_at(source, label, ends) for label in labels}
    if all_labels:
        # a label that the overlay has nowhere in the interval has nothing to do with it
        points = {
            label: at
            for label, at in points.items()
            if np.isfinite(source.to_trace(label)[start : stop + 1]).any()
        }
    for label, at in points.items():
        for end, xy in zip(ends, at, strict=True):
            if not np.isfinite(xy).all():
                raise AnnotationError(
                    f"Overlay layer {source.name!r} has no point of label {label!r} on frame {end}, an end "
                    "of the interval.",
                    "Place it there, select an interval that ends on its points, or choose another overlay.",
                )
    if not points:
        raise AnnotationError(
            f"Overlay layer {source.name!r} has no points on frames {start} to {stop}.",
            "Select an interval that begins and ends on its points (z), or choose another overlay.",
        )
    video, chosen = session.video, list(points)
    at = np.stack([points[label] for label in chosen])
    how = "Interpolate" if rstc else "Track"
    what = "all labels" if all_labels else f"label {session.label}"
    title = f"{how} {what} on frames {start} to {stop} of {target.name}"

    def work(progress: Progress) -> list[_Tracked]:
        if not rstc:
            paths = lucas_kanade(video, start, stop, at[:, 0], progress=progress)
            return [_Tracked(label, start, paths[:, n]) for n, label in enumerate(chosen)]
        paths, apart = lucas_kanade_rstc(
            video, start, stop, at[:, 0], at[:, 1], return_disagreement=True, progress=progress
        )
        # the ends are given, to the last digit
        paths[0], paths[-1] = at[:, 0], at[:, 1]
        return [_Tracked(label, start, paths[:, n], apart[:, n]) for n, label in enumerate(chosen)]

    def apply(found: list[_Tracked]) -> int:
        count = _write(session, target, found, title)
        session.notify("info", f"{_count(count)} tracked on frames {start} to {stop}.{_worst(found)}")
        return count

    return Task(title, work, apply)


def check_labels(session: Session, mode: str = "minimal", frame: int | None = None) -> Task[Any, int]:
    """Track between annotated frames of the active layer into the buffer, to compare clicks with the flow.

    Parameters
    ----------
    session : Session
        What is open.
    mode : {"minimal", "current", "all"}
        The current label between the two annotated frames before and after this one; the current label
        between all its frames; all labels.
    frame : int, optional
        This frame; the session's if omitted.

    Returns
    -------
    Task
        Its result is the number of points placed in the buffer.

    Raises
    ------
    AnnotationError
        If there is no such mode, or nothing to track between.
    """
    if mode not in ("minimal", "current", "all"):
        raise AnnotationError(f"There is no mode {mode!r}.", "Choose 'minimal', 'current' or 'all'.")
    source, buffer = session.ann, session.layers.buffer
    if source is buffer:
        raise AnnotationError(
            "The buffer is the active layer, and would be overwritten.", "Choose the layer to check with =."
        )
    frame = session.frame if frame is None else int(frame)
    labels = list(source.labels) if mode == "all" else [session.label]
    # labels that share both frames are tracked together
    stretches: dict[tuple[int, int], list[str]] = {}
    for label in labels:
        frames = session.frames_of(label)
        if mode == "minimal":
            before = [each for each in frames if each < frame][-2:]
            frames = before + [each for each in frames if each >= frame][:2]
        for pair in itertools.pairwise(frames):
            stretches.setdefault(pair, []).append(label)
    if not stretches:
        which = "No label" if mode == "all" else f"Label {session.label!r} of layer {source.name!r}"
        raise AnnotationError(
            f"{which} has points on two frames to track between.", "Place it on at least two frames."
        )
    video = session.video
    given = [
        (start, stop, names, np.stack([_points_at(source, name, [start, stop]) for name in names]))
        for (start, stop), names in sorted(stretches.items())
    ]
    total = sum(stop - start + 1 for start, stop, _, _ in given)
    what = {"all": "all labels", "current": f"label {session.label}"}.get(
        mode, f"label {session.label} near frame {frame}"
    )
    title = f"Check {what} of {source.name}"

    def work(progress: Progress) -> list[_Tracked]:
        found, done = [], 0
        for start, stop, names, at in given:
            length = stop - start + 1
            part = part_of(progress, done, length, total, f"Frames {start} to {stop}")
            paths, apart = lucas_kanade_rstc(
                video, start, stop, at[:, 0], at[:, 1], return_disagreement=True, progress=part
            )
            paths[0], paths[-1] = at[:, 0], at[:, 1]
            found += [_Tracked(name, start, paths[:, n], apart[:, n]) for n, name in enumerate(names)]
            done += length
        return _joined(found)

    def apply(found: list[_Tracked]) -> int:
        count = _write(session, buffer, found, title)
        if session.layers.overlay is None:
            session.layers.overlay = BUFFER
        where = "" if session.layers.overlay == BUFFER else " Choose it as the overlay to see them."
        session.notify("info", f"{_count(count)} tracked into the buffer.{where}{_worst(found)}")
        return count

    return Task(title, work, apply)


def predict(
    session: Session,
    labels: str | Sequence[str] = "all",
    start_frame: int | None = None,
    mode: str = "full",
    frame: int | None = None,
) -> Task[Any, NDArray[np.float64]]:
    """Track labels of the active layer from an annotated frame to this one.

    Parameters
    ----------
    session : Session
        What is open.
    labels : str or list of str
        ``"all"``, ``"current"``, a label, or several.
    start_frame : int, optional
        From which frame; by default each label's nearest one, and labels that have a point on this frame
        stay as they are.
    mode : {"full", "direct"}
        Frame by frame, or in one step.
    frame : int, optional
        This frame; the session's if omitted.

    Returns
    -------
    Task
        Its result is the path of the labels, (n_frames, n_labels, 2), that ends on this frame; NaN before a
        label's first frame.

    Raises
    ------
    AnnotationError
        If there is no such label or frame, or no point to start from.
    ConflictError
        If the layer is read-only.
    """
    session.require_writable()
    if mode not in ("full", "direct"):
        raise AnnotationError(f"There is no mode {mode!r}.", "Choose 'full' or 'direct'.")
    ann = session.ann
    frame = frame_number(session.frame if frame is None else frame, session.n_frames)
    if isinstance(labels, str):
        chosen = {"all": list(ann.labels), "current": [session.label]}.get(labels, [labels])
    else:
        chosen = list(labels)
    unknown = [label for label in chosen if label not in ann.labels]
    if unknown and labels != "current":
        raise AnnotationError(
            f"Layer {ann.name!r} has no label {', '.join(map(repr, unknown))}.",
            f"Choose from {', '.join(ann.labels)}, or 'all' or 'current'.",
        )
    starts = _starts(session, chosen, start_frame, frame, everything=labels == "all")
    video = session.video
    groups: dict[int, list[str]] = {}
    for label, start in starts.items():
        groups.setdefault(start, []).append(label)
    at = {
        start: np.concatenate([_points_at(ann, one, [start]) for one in names])
        for start, names in groups.items()
    }
    total = sum(abs(frame - start) + 1 for start in groups)
    title = f"Predict {'label' if len(starts) == 1 else 'labels'} {', '.join(starts)} on frame {frame}"

    def work(progress: Progress) -> dict[str, NDArray[np.float64]]:
        paths: dict[str, NDArray[np.float64]] = {}
        done = 0
        for start, names in groups.items():
            length = abs(frame - start) + 1
            part = part_of(progress, done, length, total, f"From frame {start}")
            tracked = lucas_kanade(
                video, start, frame, at[start], cast("Literal['full', 'direct']", mode), progress=part
            )
            paths |= {name: tracked[:, n] for n, name in enumerate(names)}
            done += length
        return paths

    def apply(paths: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        _write(session, ann, [_Tracked(label, frame, path[-1:]) for label, path in paths.items()], title)
        result = np.full((max(map(len, paths.values())), len(paths), 2), np.nan)
        for n, label in enumerate(starts):
            result[-len(paths[label]) :, n] = paths[label]
        return result

    return Task(title, work, apply)


def _starts(
    session: Session, labels: Sequence[str], start_frame: int | None, frame: int, everything: bool
) -> dict[str, int]:
    """From which frame each label is tracked; those that need not or cannot be are left out."""
    found: dict[str, int] = {}
    for label in labels:
        frames = session.frames_of(label)
        if start_frame is not None:
            if start_frame not in frames:
                raise AnnotationError(
                    f"Label {label!r} has no point on frame {start_frame} to start from.",
                    "Place it there, or give another start_frame.",
                )
            found[label] = int(start_frame)
        elif frame in frames:
            continue
        elif frames:
            found[label] = min(frames, key=lambda each: abs(each - frame))
        elif not everything:
            raise AnnotationError(
                f"Label {label!r} has no point to start from.", "Place it on a frame near by."
            )
    if found:
        return found
    if any(frame in session.frames_of(label) for label in labels):
        what = "Every label that has points" if everything else f"Label {', '.join(labels)}"
        raise AnnotationError(
            f"{what} has one on frame {frame} already.", "Remove it first (y), or go to another frame."
        )
    raise AnnotationError(f"Layer {session.ann.name!r} has no points to start from.", "Place some first.")


def _overlay(session: Session) -> VideoAnnotation:
    if session.overlay_ann is None:
        raise AnnotationError(
            "No overlay layer is selected; its points are the ends to track from.",
            "Choose one with ] or in the layer panel. It may be the active layer itself.",
        )
    return session.overlay_ann


def _points_at(ann: VideoAnnotation, label: str, frames: Sequence[int]) -> NDArray[np.float64]:
    """Positions of a label on some frames, NaN where there is none; (n_frames, 2)."""
    if label not in ann.labels:
        return np.full((len(frames), 2), np.nan)
    trace = np.asarray(ann.to_trace(label), dtype=np.float64)
    return np.stack([trace[frame] if frame < len(trace) else np.full(2, np.nan) for frame in frames])


def _joined(found: Sequence[_Tracked]) -> list[_Tracked]:
    """Join stretches of a label that meet on a frame, so that each frame is written once."""
    joined: list[_Tracked] = []
    for one in sorted(found, key=lambda each: (each.label, each.start)):
        last = joined[-1] if joined else None
        if last is None or last.label != one.label or last.start + len(last.xy) - 1 != one.start:
            joined.append(one)
            continue
        assert last.apart is not None
        assert one.apart is not None
        # a frame that two stretches share was clicked: the worse one counts
        apart = np.concatenate([last.apart, one.apart[1:]])
        apart[len(last.apart) - 1] = max(last.apart[-1], one.apart[0])
        joined[-1] = _Tracked(one.label, last.start, np.concatenate([last.xy, one.xy[1:]]), apart)
    return joined


def _write(session: Session, ann: VideoAnnotation, found: Sequence[_Tracked], title: str) -> int:
    """Put tracked points into a layer as one edit; returns how many are there now."""
    if not any(each is ann for each in (*session.layers, session.layers.buffer)):
        raise AnnotationError(
            f"Layer {ann.name!r} was removed while its points were tracked.", "Undo that, and track again."
        )
    width, height = session.video.width, session.video.height
    count = 0
    lost: dict[str, int] = {}
    with ann.edit(title):
        for one in found:
            if one.label not in ann.labels:
                ann.add_label(one.label)
            # what is tracked out of the picture is no point any more
            inside = (one.xy >= -0.5).all(axis=1) & (one.xy < [width - 0.5, height - 0.5]).all(axis=1)
            here = _points_at(ann, one.label, one.frames.tolist())
            # a point that is there already, such as the click that the end was taken from, stays what it was
            new = inside & ~(here == one.xy).all(axis=1)
            columns = {} if one.apart is None else {"disagreement": one.apart[new].astype(np.float32)}
            ann.set_points(
                one.label, one.frames[new], one.xy[new], columns=columns, source=Source.LUCAS_KANADE
            )
            count += int(inside.sum())
            if not inside.all():
                lost[one.label] = lost.get(one.label, 0) + int((~inside).sum())
    if lost:
        where = ", ".join(f"label {label} ({_count(frames, 'frame')})" for label, frames in lost.items())
        session.notify("warning", f"Tracked out of the picture and left empty: {where}.")
    return count


def _count(n: int, what: str = "point") -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _worst(found: Sequence[_Tracked]) -> str:
    """Say where forward and backward tracking disagree most."""

    def stretches() -> Iterator[tuple[float, str, int]]:
        for one in found:
            if one.apart is not None and len(one.apart):
                at = int(np.argmax(one.apart))
                yield float(one.apart[at]), one.label, int(one.frames[at])

    worst = max(stretches(), default=None)
    if worst is None:
        return ""
    apart, label, frame = worst
    return f" Forward and backward tracking are {apart:.1f} px apart at most (label {label}, frame {frame})."
