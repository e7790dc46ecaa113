"""Going from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jupytrack.widgets.session import Session

__all__ = [
    "SPEEDS",
    "decrement_if_unannotated",
    "faster",
    "first_frame",
    "increment_if_unannotated",
    "last_frame",
    "next_annotated",
    "next_frame_of_interest",
    "next_labelled",
    "previous_annotated",
    "previous_frame_of_interest",
    "previous_labelled",
    "slower",
    "step",
    "step_fraction",
    "toggle_frame_of_interest",
    "toggle_play",
]

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)


def _here(session: Session, frame: int | None) -> int:
    return session.frame if frame is None else int(frame)


def _go_before(session: Session, frames: Sequence[int], here: int, what: str) -> None:
    """Go to the last of some sorted frames before this one; stay, and say so, where there is none."""
    position = int(np.searchsorted(np.asarray(frames), here, side="left"))
    if position > 0:
        session.go_to(frames[position - 1])
    else:
        session.notify("info", f"There is no frame {what} before frame {here}.")


def _go_after(session: Session, frames: Sequence[int], here: int, what: str) -> None:
    """Go to the first of some sorted frames after this one; stay, and say so, where there is none."""
    position = int(np.searchsorted(np.asarray(frames), here, side="right"))
    if position < len(frames):
        session.go_to(frames[position])
    else:
        session.notify("info", f"There is no frame {what} after frame {here}.")


def _with_label(session: Session) -> str:
    return f"with label {session.label} in layer {session.layers.active!r}"


def _with_any(session: Session) -> str:
    return f"with a point in layer {session.layers.active!r}"


def step(session: Session, frame: int | None = None, by: int = 1) -> None:
    """Go ``by`` frames on; negative goes back."""
    session.go_to(_here(session, frame) + by)


def step_fraction(session: Session, frame: int | None = None, n_steps: int = 20) -> None:
    """Go one ``n_steps``-th of the video on; a negative ``n_steps`` goes back."""
    size = max(session.n_frames // abs(n_steps), 1)
    session.go_to(_here(session, frame) + (size if n_steps > 0 else -size))


def first_frame(session: Session, frame: int | None = None) -> None:
    """Go to the first frame."""
    session.go_to(0)


def last_frame(session: Session, frame: int | None = None) -> None:
    """Go to the last frame."""
    session.go_to(session.n_frames - 1)


def toggle_play(session: Session, frame: int | None = None) -> None:
    """Play, or stop playing."""
    session.playing = not session.playing


def previous_labelled(session: Session, frame: int | None = None) -> None:
    """Go to the previous frame that has the current label in the active layer."""
    _go_before(session, session.frames_of(session.label), _here(session, frame), _with_label(session))


def next_labelled(session: Session, frame: int | None = None) -> None:
    """Go to the next frame that has the current label in the active layer."""
    _go_after(session, session.frames_of(session.label), _here(session, frame), _with_label(session))


def previous_annotated(session: Session, frame: int | None = None) -> None:
    """Go to the previous frame that has any label in the active layer."""
    _go_before(session, session.ann.frames, _here(session, frame), _with_any(session))


def next_annotated(session: Session, frame: int | None = None) -> None:
    """Go to the next frame that has any label in the active layer."""
    _go_after(session, session.ann.frames, _here(session, frame), _with_any(session))


def increment_if_unannotated(session: Session, frame: int | None = None) -> None:
    """Go one frame on unless this frame has a point in the active layer."""
    here = _here(session, frame)
    if not _is_annotated(session, here):
        session.go_to(here + 1)


def decrement_if_unannotated(session: Session, frame: int | None = None) -> None:
    """Go one frame back unless this frame has a point in the active layer."""
    here = _here(session, frame)
    if not _is_annotated(session, here):
        session.go_to(here - 1)


def _is_annotated(session: Session, frame: int) -> bool:
    return bool(np.isfinite(np.asarray(session.ann.get_at_frame(frame), dtype=float)).any())


def previous_frame_of_interest(session: Session, frame: int | None = None) -> None:
    """Go to the previous frame of interest."""
    _go_before(session, list(session.layers.frames_of_interest), _here(session, frame), "of interest (m)")


def next_frame_of_interest(session: Session, frame: int | None = None) -> None:
    """Go to the next frame of interest."""
    _go_after(session, list(session.layers.frames_of_interest), _here(session, frame), "of interest (m)")


def toggle_frame_of_interest(session: Session, frame: int | None = None) -> None:
    """Mark this frame as a frame of interest, or take the mark away."""
    session.layers.toggle_frame_of_interest(_here(session, frame))


def faster(session: Session) -> None:
    """Play at the next higher speed, up to four times."""
    session.speed = next((speed for speed in SPEEDS if speed > session.speed), SPEEDS[-1])


def slower(session: Session) -> None:
    """Play at the next lower speed, down to a quarter."""
    session.speed = next((speed for speed in reversed(SPEEDS) if speed < session.speed), SPEEDS[0])
