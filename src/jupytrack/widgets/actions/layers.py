"""Choosing, adding, renaming and removing layers."""

from __future__ import annotations

from jupytrack.annotation.layer_list import BUFFER
from jupytrack.errors import AnnotationError
from jupytrack.widgets.session import Session

__all__ = [
    "BUFFER",
    "next_annotation_layer",
    "next_annotation_overlay",
    "previous_annotation_layer",
    "previous_annotation_overlay",
    "remove_layer",
    "rename_layer",
    "require_removable",
    "select_layer",
    "select_overlay",
    "swap_active_and_overlay",
]


def next_annotation_layer(session: Session) -> None:
    """Make the next layer the active one, round and round."""
    session.layers.next_active()


def previous_annotation_layer(session: Session) -> None:
    """Make the previous layer the active one, round and round."""
    session.layers.previous_active()


def next_annotation_overlay(session: Session) -> None:
    """Show the next layer as the overlay; after the last one, none."""
    session.layers.next_overlay()


def previous_annotation_overlay(session: Session) -> None:
    """Show the previous layer as the overlay; before the first one, none."""
    session.layers.previous_overlay()


def _require(session: Session, name: str) -> None:
    if name not in session.layers:
        raise AnnotationError(
            f"There is no layer {name!r}.", f"Choose one of {', '.join(session.layers.names)}, or add it."
        )


def select_layer(session: Session, name: str) -> None:
    """Make a layer the active one."""
    _require(session, name)
    session.layers.active = name


def select_overlay(session: Session, name: str | None) -> None:
    """Show a layer as the overlay, or none."""
    if name is not None:
        _require(session, name)
    session.layers.overlay = name


def swap_active_and_overlay(session: Session) -> None:
    """Exchange the active and the overlay layer; without an overlay nothing happens."""
    active, overlay = session.layers.active, session.layers.overlay
    if overlay is None:
        return
    with session.lock, session.batch():
        session.layers.active = overlay
        session.layers.overlay = active


def remove_layer(session: Session, name: str | None = None) -> None:
    """Take a layer out of the session; its file stays, and reopening the video brings it back.

    Raises
    ------
    AnnotationError
        If there is no such layer, or if nothing but the buffer would be left.
    """
    name = session.layers.active if name is None else name
    require_removable(session, name)
    with session.lock, session.batch():
        session.layers.remove(name)


def require_removable(session: Session, name: str) -> None:
    """Pass only if a layer can be taken out of the session.

    Raises
    ------
    AnnotationError
        If there is no such layer, or if nothing but the buffer would be left.
    """
    _require(session, name)
    if name == BUFFER or session.layers.names == [name]:
        raise AnnotationError(
            f"Layer {name!r} cannot be removed: the session needs it.",
            "Discard its unsaved annotations, or add another layer first.",
        )


def rename_layer(session: Session, name: str, new_name: str) -> None:
    """Rename a layer, and its file if there is one.

    Raises
    ------
    AnnotationError
        If there is no such layer, or the new name is taken.
    """
    _require(session, name)
    new_name = new_name.strip()
    if not new_name or new_name in session.layers:
        raise AnnotationError(
            f"A layer cannot be renamed to {new_name!r}: "
            + ("that name is taken." if new_name else "a name has at least one letter."),
            "Choose another name.",
        )
    with session.lock, session.batch():
        session.layers.rename(name, new_name)
