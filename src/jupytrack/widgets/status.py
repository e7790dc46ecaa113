"""What the browser is told of a session besides the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupytrack.widgets.session import Session

__all__ = ["snapshot"]


def snapshot(session: Session) -> dict[str, Any]:
    """Return the state of a session as plain values that can be sent to a browser."""
    layers = session.layers
    undo, redo = layers.undo_title, layers.redo_title
    return {
        "n_frames": session.n_frames,
        "fps": float(session.video.get_avg_fps()),
        "label": session.label,
        "labels": [
            {"name": label, "color": session.color_of(label), "shown": session.name_of(label)}
            for label in session.labels
        ],
        "label_range": session.label_range,
        "number_keys": session.number_keys,
        "layer": layers.active,
        "layers": list(layers.names),
        "overlay": layers.overlay,
        "unsaved": {name: session.unsaved(name) for name in layers.names},
        "save_state": session.save_state,
        "interval": list(session.interval) if session.interval else None,
        "pending_interval": session.pending_interval,
        "frames_of_interest": [int(frame) for frame in layers.frames_of_interest],
        "new": [ann.name for ann in layers.loaded if not ann.has_file],
        "undo": undo,
        "redo": redo,
        "read_only": session.read_only,
    }
