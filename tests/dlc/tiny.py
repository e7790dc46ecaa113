"""A project that trains in seconds: three dots that move in circles, and as small a network as there is.

Where each dot is on each frame is known, so predictions can be compared with the truth.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FRAMES = 60
WIDTH, HEIGHT = 160, 120
LABELS = ("0", "1", "2")
BODY_PARTS = ("point0", "point1", "point2")
LABELLED = tuple(range(0, FRAMES, 3))
"""The 20 frames that are labelled."""
EPOCHS = 30
"""Enough for predictions within a few pixels of the truth."""
_COLORS = ((255, 60, 60), (60, 255, 60), (70, 90, 255))


def truth() -> np.ndarray:
    """Where the dots are: array (label, frame, 2) in pixels."""
    turn = np.arange(FRAMES) / FRAMES * 2 * np.pi
    tracks = [
        np.stack([x + r * np.cos(turn + phase), y + r * np.sin(turn + phase)], axis=1)
        for x, y, r, phase in ((50, 60, 22, 0.0), (110, 60, 26, 2.0), (80, 40, 16, 4.0))
    ]
    return np.array(tracks)


def write_video(path: Path) -> Path:
    """Write the video, H.264 with keyframes every 15 frames."""
    from jupytrack.video.writer import VideoWriter

    y, x = np.mgrid[:HEIGHT, :WIDTH]
    background = (40 + 20 * np.sin(x / 17) + 15 * np.cos(y / 11)).astype(np.uint8)
    where = truth()
    with VideoWriter(path, 30, (WIDTH, HEIGHT), crf=12, gop=15, preset="ultrafast") as writer:
        for frame in range(FRAMES):
            picture = np.repeat(background[..., None], 3, axis=2)
            for label, color in enumerate(_COLORS):
                cx, cy = where[label, frame]
                picture[(x - cx) ** 2 + (y - cy) ** 2 < 25] = color
            writer.write(picture)
    return path


def write_labels(
    path: Path, frames: tuple[int, ...] = LABELLED, shift: float = 0.0, labels: tuple[str, ...] = LABELS
) -> Path:
    """Write an annotation file with the truth, moved by ``shift`` pixels, on some frames."""
    where = truth() + shift
    points = {
        label: {str(frame): where[row, frame].tolist() for frame in frames}
        for row, label in enumerate(LABELS)
        if label in labels
    }
    path.write_text(json.dumps(points))
    return path


def make_source(folder: Path, frames: tuple[int, ...] = LABELLED) -> Path:
    """Write ``dots.mp4`` and its labels, layer iteration-0, into a folder; returns the video."""
    video = write_video(folder / "dots.mp4")
    write_labels(folder / "dots_annotations_iteration-0.json", frames)
    return video


def make_project(folder: Path, frames: tuple[int, ...] = LABELLED) -> Any:
    """Make a project in ``folder/dots_tiny`` that trains the tiny network by itself."""
    from jupytrack.dlc import DLCProject

    source = folder / "source"
    source.mkdir()
    video = make_source(source, frames)
    project = DLCProject(folder / "dots_tiny", [video], name="dots_tiny", annotation_suffix="iteration-0")
    project.settings["training"] = {"pytorch_cfg_updates": model_options()}
    return project


def model_options(n: int = len(LABELS)) -> dict[str, Any]:
    """Options for ``pytorch_cfg_updates``: the smallest network, plain pictures, fast learning."""
    return {
        "model.backbone.model_name": "test_resnet",
        "model.backbone_output_channels": 96,
        "model.heads.bodypart.heatmap_config.channels": [96, n],
        "model.heads.bodypart.locref_config.channels": [96, 2 * n],
        "data.train.crop_sampling.width": 128,
        "data.train.crop_sampling.height": 128,
        "data.train.affine": None,
        "data.train.gaussian_noise": None,
        "data.train.motion_blur": None,
        "runner.optimizer.params.lr": 0.003,
        "runner.scheduler": None,
        "train_settings.batch_size": 8,
    }


def distance(predictions: Path) -> float:
    """Median distance of a prediction file from the truth, in pixels."""
    from jupytrack.formats.deeplabcut import read_h5

    table = read_h5(predictions, FRAMES)
    rows = [table.labels.index(label) for label in LABELS]
    return float(np.nanmedian(np.linalg.norm(table.xy[rows] - truth(), axis=2)))


def wait_for(condition: Callable[[], Any], seconds: float = 300) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
