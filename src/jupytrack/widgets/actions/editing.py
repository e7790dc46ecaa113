"""Placing, moving and removing points; intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jupytrack.errors import AnnotationError
from jupytrack.widgets.session import Session

__all__ = [
    "add_annotation",
    "decimate_annotations_in_interval",
    "get_selected_interval",
    "keep_overlapping_continuous_frames",
    "keep_overlapping_frames",
    "nudge",
    "position_of",
    "redo",
    "remove_annotation",
    "remove_labels_in_interval",
    "select_interval",
    "undo",
]


def position_of(pointer: Any) -> tuple[float, float] | None:
    """Read a position from a pair, a mapping of ``x`` and ``y``, or an event with ``xdata`` and ``ydata``."""
    if pointer is None:
        return None
    if isinstance(pointer, Mapping):
        x, y = pointer.get("x"), pointer.get("y")
    elif hasattr(pointer, "xdata"):
        x, y = pointer.xdata, pointer.ydata
    elif isinstance(pointer, Sequence | np.ndarray) and len(pointer) == 2:
        x, y = pointer
    else:
        raise AnnotationError(
            f"{pointer!r} is no position.", "Give [x, y] in pixels, or an event with xdata and ydata."
        )
    return None if x is None or y is None else (float(x), float(y))


def add_annotation(
    session: Session,
    frame: int | None = None,
    pointer: Any = None,
    label: str | None = None,
    edit_id: str | None = None,
) -> None:
    """Put the current label where the pointer is; a point that is there already moves."""
    position = position_of(pointer)
    if position is None:
        session.notify("info", "Point at the picture first: the label is placed where the pointer is.")
        return
    session.place(
        label or session.label, session.frame if frame is None else frame, *position, edit_id=edit_id
    )


def remove_annotation(
    session: Session, frame: int | None = None, label: str | None = None, edit_id: str | None = None
) -> None:
    """Remove the current label from this frame."""
    label = label or session.label
    frame = session.frame if frame is None else int(frame)
    if frame not in session.frames_of(label):
        session.notify("info", f"Label {label} has no point on frame {frame} to remove.")
        return
    session.remove(label, frame, edit_id=edit_id)


def nudge(session: Session, dx: float = 0.0, dy: float = 0.0, frame: int | None = None) -> None:
    """Move the current label's point by (dx, dy) pixels."""
    frame = session.frame if frame is None else frame
    here = session.ann.to_trace(session.label)[frame]
    if not np.isfinite(here).all():
        session.notify("info", f"Label {session.label} has no point on frame {frame} to move.")
        return
    session.place(session.label, frame, float(here[0]) + dx, float(here[1]) + dy)


def undo(session: Session) -> None:
    """Take back the last change of any layer."""
    session.undo()


def redo(session: Session) -> None:
    """Do again what was taken back last."""
    session.redo()


def select_interval(session: Session, frame: int | None = None, other: int | None = None) -> None:
    """Set one end of an interval for the current layer and label; the second call sets the other end.

    With ``other``, both ends are set at once.
    """
    frame = session.frame if frame is None else int(frame)
    if other is not None:
        # a video shorter than the screen is wide: a drag may end beyond it
        session.pending_interval = min(max(int(other), 0), session.n_frames - 1)
        frame = min(max(frame, 0), session.n_frames - 1)
    if session.pending_interval is None:
        session.pending_interval = frame
        return
    start, stop = sorted((session.pending_interval, frame))
    with session.batch():
        session.pending_interval = None
        session.layers.add_interval(session.layers.active, session.label, start, stop)


def get_selected_interval(session: Session) -> tuple[int, int]:
    """Return the ends of the interval selected for the current layer and label, both included.

    Raises
    ------
    AnnotationError
        If there is none.
    """
    if session.interval is None:
        raise AnnotationError(
            f"No interval is selected for label {session.label!r} of layer {session.layers.active!r}.",
            "Press z on its first frame and again on its last frame.",
        )
    return session.interval


def remove_labels_in_interval(session: Session, all_labels: bool = False) -> int:
    """Remove the current label, or all labels, in the selected interval.

    Returns
    -------
    int
        Number of points removed.
    """
    session.require_writable()
    start, stop = get_selected_interval(session)
    labels = session.ann.labels if all_labels else [session.label]
    frames = range(start, stop + 1)
    what = "all labels" if all_labels else f"label {session.label}"
    return _remove(session, labels, frames, f"remove {what} on frames {start} to {stop}")


def decimate_annotations_in_interval(session: Session, required: Sequence[str] | None = None) -> int:
    """Keep every second complete frame of the selected interval, and no incomplete ones.

    Parameters
    ----------
    session : Session
        What is open.
    required : sequence of str, optional
        Labels that a complete frame has: those of a project's body parts. By default every label that is used
        in the active layer. Frames that go lose all their labels.

    Returns
    -------
    int
        Number of points removed.
    """
    session.require_writable()
    start, stop = get_selected_interval(session)
    used = [label for label in session.ann.labels if session.ann.get_frames(label)]
    any_label = _present(session, used)[:, start : stop + 1].any(axis=0)
    has_all = _present(session, used if required is None else required)[:, start : stop + 1].all(axis=0)
    complete = np.flatnonzero(any_label & has_all) + start
    incomplete = np.flatnonzero(any_label & ~has_all) + start
    frames = np.union1d(incomplete, complete[1::2])
    return _remove(session, used, frames, f"decimate frames {start} to {stop}")


def _present(session: Session, labels: Sequence[str]) -> np.ndarray:
    """Where labels have points, as a bool array (labels, frames)."""
    if not labels:
        return np.zeros((0, session.n_frames), dtype=bool)
    nothing = np.zeros(session.n_frames, dtype=bool)
    known = session.ann.labels
    return np.stack(
        [np.isfinite(session.ann.to_trace(one)).all(axis=1) if one in known else nothing for one in labels]
    )


def _remove(session: Session, labels: Sequence[str], frames: Sequence[int] | np.ndarray, title: str) -> int:
    present = _present(session, labels)
    wanted = np.zeros(present.shape[1], dtype=bool)
    wanted[np.asarray(frames, dtype=np.intp)] = True
    with session.lock, session.batch(), session.ann.edit(title):
        for label, where in zip(labels, present, strict=True):
            here = np.flatnonzero(where & wanted)
            if len(here):
                session.ann.set_points(label, here, np.full((len(here), 2), np.nan))
    return int((present & wanted).sum())


def keep_overlapping_continuous_frames(session: Session) -> None:
    """Keep points only in runs of consecutive frames that have every label."""
    _keep(session, session.ann.keep_overlapping_continuous_frames)


def keep_overlapping_frames(session: Session) -> None:
    """Keep points only on frames that have every label."""
    _keep(session, session.ann.keep_overlapping_frames)


def _keep(session: Session, action: Callable[[], None]) -> None:
    session.require_writable()
    with session.lock, session.batch(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    for warning in caught:
        session.notify("warning", str(warning.message))
