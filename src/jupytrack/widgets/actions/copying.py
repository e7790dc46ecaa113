"""Copying points from the overlay layer into the active one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import AnnotationError
from jupytrack.widgets.actions.editing import get_selected_interval
from jupytrack.widgets.session import Session

__all__ = [
    "copy_annotations_from_overlay",
    "copy_current_annotation_from_overlay",
    "copy_existing_annotations_from_overlay",
    "copy_frames_in_interval_from_overlay",
    "copy_frames_of_interest_from_overlay",
]


def _source(session: Session) -> VideoAnnotation:
    session.require_writable()
    if session.overlay_ann is None:
        raise AnnotationError(
            "No overlay layer is selected to copy from.", "Choose one with ] or in the layer panel."
        )
    return session.overlay_ann


def _copy(session: Session, labels: Iterable[str], frames: Iterable[int], title: str) -> int:
    """Copy points that the overlay has, as one edit; returns how many."""
    source, copied = _source(session), 0
    wanted = np.zeros(session.n_frames, dtype=bool)
    wanted[[frame for frame in frames if 0 <= frame < session.n_frames]] = True
    with session.lock, session.batch(), session.ann.edit(title):
        for label in labels:
            if label not in source.labels:
                continue
            trace = source.to_trace(label)
            here = np.flatnonzero(np.isfinite(trace).all(axis=1) & wanted[: len(trace)])
            if len(here):
                session.ensure_label(label)
                session.ann.set_points(label, here, trace[here])
            copied += len(here)
    if not copied:
        session.notify("info", f"Layer {session.layers.overlay!r} has nothing to copy there.")
    return copied


def copy_annotations_from_overlay(session: Session, frame: int | None = None) -> int:
    """Copy every label of this frame from the overlay layer; returns the number of points copied."""
    frame = session.frame if frame is None else int(frame)
    return _copy(
        session, _source(session).labels, [frame], f"copy frame {frame} from {session.layers.overlay}"
    )


def copy_current_annotation_from_overlay(session: Session, frame: int | None = None) -> int:
    """Copy the current label of this frame from the overlay layer; returns the number of points copied."""
    frame = session.frame if frame is None else int(frame)
    title = f"copy label {session.label} of frame {frame} from {session.layers.overlay}"
    return _copy(session, [session.label], [frame], title)


def copy_frames_of_interest_from_overlay(session: Session) -> int:
    """Copy every label of the frames of interest from the overlay layer; returns how many points."""
    title = f"copy frames of interest from {session.layers.overlay}"
    return _copy(session, _source(session).labels, session.layers.frames_of_interest, title)


def copy_frames_in_interval_from_overlay(session: Session) -> int:
    """Copy the current label in the selected interval from the overlay layer; returns how many points."""
    _source(session)
    start, stop = get_selected_interval(session)
    title = f"copy label {session.label} on frames {start} to {stop} from {session.layers.overlay}"
    return _copy(session, [session.label], range(start, stop + 1), title)


def copy_existing_annotations_from_overlay(session: Session) -> int:
    """Replace the current label by the overlay's on the annotated frames of the interval, or of the video.

    Only frames on which the active layer has a point change. Returns how many points were copied.
    """
    _source(session)
    start, stop = session.interval or (0, session.n_frames - 1)
    frames = [frame for frame in session.ann.frames if start <= frame <= stop]
    title = f"replace label {session.label} from {session.layers.overlay}"
    return _copy(session, [session.label], frames, title)
