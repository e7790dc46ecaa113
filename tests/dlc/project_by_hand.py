"""A DeepLabCut project as files, made without deeplabcut."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from jupytrack import samples

LEVELS = ["scorer", "bodyparts", "coords"]
LENGTHS = (60, 50, 40)


def make_project(
    folder: Path,
    parts: tuple[str, ...] = ("point0", "point1"),
    *,
    lengths: tuple[int, ...] = LENGTHS,
    iterations: int = 2,
    name: str = "reach",
) -> Path:
    """Make a project of several videos, trained for some iterations, with predictions and labelled data.

    Layers of every video: ``iteration-0`` by hand, labelled data, and predictions of each iteration, whose
    label n is at (40 + 10 n + iteration, 30 + frame).
    """
    project = folder / f"{name}-x-2026-01-01"
    videos = project / "videos"
    videos.mkdir(parents=True)
    names = []
    for number, n_frames in enumerate(lengths):
        video = videos / f"clip{number}.mp4"
        shutil.copy(samples.ultrasound(n_frames, size=(320, 240)).video, video)
        names.append(video)
        points = {"0": {"3": [50.0 + number, 60.0]}, "1": {"3": [70.0, 80.0]}}
        video.with_name(f"{video.stem}_annotations_iteration-0.json").write_text(json.dumps(points))
        labelled = project / "labeled-data" / video.stem
        labelled.mkdir(parents=True)
        rows = pd.MultiIndex.from_tuples([("labeled-data", video.stem, "img03.png")])
        _write(labelled / "CollectedData_x.h5", "x", parts, np.full((1, len(parts), 2), 55.0), rows)
        for iteration in range(iterations):
            predict(video, iteration, parts, n_frames)
    for iteration in range(iterations):
        train = project / "dlc-models-pytorch" / f"iteration-{iteration}" / f"{name}Jan1-trainset95shuffle1"
        (train / "train").mkdir(parents=True)
        (train / "train" / "snapshot-best-20.pt").touch()
    sets = "".join(f"  {video}:\n    crop: 0, 320, 0, 240\n" for video in names)
    (project / "config.yaml").write_text(
        f"Task: {name}\nscorer: x\ndate: Jan1\nmultianimalproject: false\nengine: pytorch\n"
        f"project_path: {project}\nvideo_sets:\n{sets}bodyparts:\n"
        + "".join(f"- {part}\n" for part in parts)
        + f"TrainingFraction:\n- 0.95\niteration: {max(iterations - 1, 0)}\n"
    )
    return project


def predict(video: Path, iteration: int, parts: tuple[str, ...], n_frames: int) -> Path:
    """Write the predictions of an iteration, as deeplabcut's analyze_videos does."""
    folder = video.parent / f"iteration-{iteration}"
    folder.mkdir(exist_ok=True)
    scorer = "DLC_Resnet50_reachJan1shuffle1_snapshot_best-20"
    values = np.empty((n_frames, len(parts), 3))
    values[..., 0] = 40 + 10 * np.arange(len(parts)) + iteration
    values[..., 1] = 30 + np.arange(n_frames)[:, None]
    values[..., 2] = 0.9
    path = folder / f"{video.stem}{scorer}.h5"
    _write(path, scorer, parts, values, None)
    return path


def _write(
    path: Path, scorer: str, parts: tuple[str, ...], values: np.ndarray, rows: pd.MultiIndex | None
) -> None:
    coords = ["x", "y", "likelihood"][: values.shape[2]]
    columns = pd.MultiIndex.from_product([[scorer], parts, coords], names=LEVELS)
    table = pd.DataFrame(values.reshape(len(values), -1), columns=columns, index=rows)
    table.to_hdf(path, key="df_with_missing", mode="w", format="fixed")
