"""Choosing, adding and stepping through labels."""

from __future__ import annotations

from collections.abc import Mapping

from jupytrack.errors import AnnotationError
from jupytrack.widgets.actions.editing import add_annotation
from jupytrack.widgets.session import Session

__all__ = [
    "RANGES",
    "add_label",
    "cycle_number_keys_behavior",
    "label_for_digit",
    "labels_in_range",
    "next_label",
    "next_label_range",
    "number_key",
    "previous_label",
    "previous_label_range",
    "select_label",
]

# labels go from 0 to 999, in a hundred ranges of ten
RANGES = 100


def labels_in_range(session: Session) -> list[str]:
    """Labels that the digit keys stand for now."""
    return [label for label in session.labels if session.range_of(label) == session.label_range]


def label_for_digit(session: Session, digit: int) -> str:
    """Find the label that a digit key stands for; it need not exist yet."""
    labels = session.labels
    if all(label.isdigit() for label in labels):
        return str(10 * session.label_range + int(digit))
    position = 10 * session.label_range + int(digit)
    if position >= len(labels):
        raise AnnotationError(
            f"There is no label number {position}: the labels of this layer have names.",
            "Add a label by name in the label panel.",
        )
    return labels[position]


def select_label(session: Session, label: str) -> None:
    """Select a label."""
    session.select_label(str(label))


def number_key(
    session: Session,
    digit: int,
    frame: int | None = None,
    pointer: Mapping[str, float] | None = None,
) -> None:
    """Select the label of a digit key; in ``place`` mode, place it, adding it where it is new."""
    label = label_for_digit(session, digit)
    new = label not in session.labels
    if session.number_keys == "place":
        with session.lock, session.batch():
            add_annotation(session, frame=frame, pointer=pointer, label=label)
            if label in session.labels:
                session.select_label(label)
        if new and label in session.labels:
            session.notify("info", f"Label {label} is new.", "Undo takes it away again.")
        return
    if new:
        session.notify(
            "info",
            f"There is no label {label} yet.",
            "Add it in the label panel, or let the digits place labels (`).",
        )
        return
    session.select_label(label)


def cycle_number_keys_behavior(session: Session) -> None:
    """Let the digit keys place labels instead of selecting them, or the other way round."""
    session.number_keys = "place" if session.number_keys == "select" else "select"


def next_label(session: Session) -> None:
    """Select the next label of this range of ten, round and round."""
    _cycle_label(session, 1)


def previous_label(session: Session) -> None:
    """Select the previous label of this range of ten, round and round."""
    _cycle_label(session, -1)


def _cycle_label(session: Session, by: int) -> None:
    labels = labels_in_range(session)
    if labels:
        here = labels.index(session.label) if session.label in labels else -1 if by > 0 else 0
        session.select_label(labels[(here + by) % len(labels)])


def next_label_range(session: Session) -> None:
    """Go ten labels up, to the same digit there; after the last ones come ten that are free."""
    _cycle_range(session, 1)


def previous_label_range(session: Session) -> None:
    """Go ten labels down, to the same digit there; before the first ones come ten that are free."""
    _cycle_range(session, -1)


def _cycle_range(session: Session, by: int) -> None:
    labels = session.labels
    if all(label.isdigit() for label in labels):
        last = max((int(label) // 10 for label in labels), default=-1)
        label_range = (session.label_range + by) % min(last + 2, RANGES)
        there = [label for label in labels if int(label) // 10 == label_range]
        if there:
            # the last digit stays: label 3 becomes label 13
            same = str(10 * label_range + int(session.label) % 10)
            session.select_label(same if same in there else there[0])
            return
        session.label_range = label_range
        session.notify(
            "info",
            f"There are no labels {10 * label_range} to {10 * label_range + 9} yet.",
            "Add one in the label panel, or place one by its digit (` lets the digits place).",
        )
        return
    position = (10 * (session.label_range + by)) % (10 * (1 + (len(labels) - 1) // 10))
    session.select_label(labels[position])


def add_label(session: Session, label: str | None = None) -> str:
    """Add a label and select it; without a name, the lowest number that is free.

    Returns
    -------
    str
        The new label.
    """
    session.require_writable()
    taken = session.labels
    if label is None or not str(label).strip():
        label = next(str(number) for number in range(10 * RANGES) if str(number) not in taken)
    label = str(label).strip()
    if label in session.labels:
        raise AnnotationError(f"There is a label {label!r} already.", "Choose another name.")
    with session.lock, session.batch():
        session.ensure_label(label)
        session.select_label(label)
    return label
