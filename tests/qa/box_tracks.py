"""Tracks of boxes that move, for the checks to find faults in."""

from __future__ import annotations

from typing import Any

import numpy as np

from jupytrack import BoxTracks

N_FRAMES = 100
SIZE = (640, 480)


def columns(n_tracks: int = 3, n_frames: int = N_FRAMES) -> dict[str, Any]:
    """Return the columns of tracks that move slowly, apart from each other and from the picture's edge."""
    t = np.arange(n_frames)[:, None]
    k = np.arange(n_tracks)[None]
    x = 60 + 180 * k + 30 * np.sin(t / 15 + k) + 0 * k
    y = 150 + 60 * np.cos(t / 20 + k)
    boxes = np.stack([x, y, 60 + 5 * np.sin(t / 25) + 0 * k, 90 + 0 * x], axis=-1)
    return {
        "frame": np.repeat(np.arange(n_frames), n_tracks),
        "id": np.tile(np.arange(1, n_tracks + 1), n_frames),
        "boxes": boxes.reshape(-1, 4),
        "class_": np.full(n_frames * n_tracks, "mug", object),
        "state": np.full(n_frames * n_tracks, "visible", object),
    }


def at(given: dict[str, Any], id: int, frames: Any) -> np.ndarray:
    """Return where the columns hold a track on some frames."""
    return (given["id"] == id) & np.isin(given["frame"], frames)


def tracks(given: dict[str, Any], leave_out: np.ndarray | None = None, **options: Any) -> BoxTracks:
    keep = np.ones(len(given["frame"]), bool) if leave_out is None else ~leave_out
    options = {"n_frames": N_FRAMES, "image_size": SIZE, **options}
    return BoxTracks(**{name: values[keep] for name, values in given.items()}, **options)


def found(flags: Any) -> list[tuple[Any, int]]:
    return list(zip(flags["track"].tolist(), flags["frame"].tolist(), strict=True))
