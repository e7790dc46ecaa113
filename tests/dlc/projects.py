"""Projects as DeepLabCut 2 and 3 leave them, made by hand: configuration, models, results, predictions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from clips import encode

from jupytrack import samples

FRAMES = 20
LENGTHS = (60, 50, 40)
SIZE = (64, 48)
PARTS = ("point0", "point1")
ELSEWHERE = r"C:\Users\me\reach_01-me-2020-10-30"
_HEADER = ["scorer", "bodyparts", "coords"]
CONFIG = """\
# Project definitions (do not edit)
Task: reach_01
scorer: me
date: Oct30
multianimalproject: false
identity:

# Project path (change when moving around)
project_path: {home}
{engine}
# Annotation data set configuration (and individual video cropping parameters)
video_sets:
{videos}
bodyparts:
{parts}

# Fraction of video to start/stop when extracting frames for labeling/refinement
start: 0
stop: 1
numframes2pick: 20

# Plotting configuration
skeleton: []
skeleton_color: black
pcutoff: 0.6
dotsize: 12   # in pixels
alphavalue: 0.7
colormap: rainbow

# Training,Evaluation and Analysis configuration
TrainingFraction:
- 0.95
iteration: {iteration}
default_net_type: resnet_50
snapshotindex: -1
batch_size: 8

# Cropping Parameters (for analysis and outlier frame detection)
cropping: false
#if cropping is true for analysis, then set the values here:
x1: 0
x2: 640
y1: 277
y2: 624

# Refinement configuration
corner2move2: !!python/tuple
- 50
- 50
move2corner: true
"""


def make_project(
    folder: Path,
    *,
    engine: str | None = None,
    videos: Iterable[str] | Mapping[str, Path] = ("mouse.mp4",),
    size: tuple[int, int] = SIZE,
    parts: tuple[str, ...] = PARTS,
    home: str = ELSEWHERE,
    iteration: int = 0,
) -> Path:
    """Write a project that says it was made somewhere else; without an engine as DeepLabCut 2 does.

    Its videos are made, or copied if files are given by their names.
    """
    slash = "\\" if "\\" in home else "/"
    for name in ("videos", "labeled-data", "training-datasets", "dlc-models"):
        (folder / name).mkdir(parents=True)
    lines = []
    for number, name in enumerate(videos):
        if isinstance(videos, Mapping):
            shutil.copy(videos[name], folder / "videos" / name)
        else:
            encode(folder / "videos" / name, count=FRAMES, size=size, gop=5 + number)
        (folder / "labeled-data" / Path(name).stem).mkdir()
        lines.append(f"  {home}{slash}videos{slash}{name}:\n    crop: 0, {size[0]}, 0, {size[1]}")
    text = CONFIG.format(
        home=home,
        engine=f"\nengine: {engine}\n" if engine else "",
        videos="\n".join(lines),
        parts="\n".join(f"- {part}" for part in parts),
        iteration=iteration,
    )
    (folder / "config.yaml").write_text(text)
    return folder


def train(
    folder: Path,
    iteration: int,
    engine: str,
    numbers: tuple[int, ...],
    *,
    best: int | None = None,
    shuffle: int = 1,
    fraction: int = 95,
) -> Path:
    """Write what a training leaves; returns the folder of the model."""
    models = "dlc-models-pytorch" if engine == "pytorch" else "dlc-models"
    model = folder / models / f"iteration-{iteration}" / f"reach_01Oct30-trainset{fraction}shuffle{shuffle}"
    (model / "train").mkdir(parents=True)
    (model / "test").mkdir()
    (model / "test" / "pose_cfg.yaml").write_text("dataset: x\n")
    if engine == "pytorch":
        (model / "train" / "pytorch_config.yaml").write_text("net_type: resnet_50\n")
        names = [f"snapshot-{number:03d}.pt" for number in numbers]
        names += [f"snapshot-best-{best:03d}.pt"] if best is not None else []
        names += ["learning_stats.csv", "snapshot-detector-010.pt"]
    else:
        (model / "train" / "pose_cfg.yaml").write_text("net_type: resnet_50\n")
        names = [
            f"snapshot-{n}.{suffix}" for n in numbers for suffix in ("index", "meta", "data-00000-of-00001")
        ]
        names += ["checkpoint", "learning_stats.csv"]
    for name in names:
        (model / "train" / name).write_bytes(b"weights")
    return model


def evaluate(
    folder: Path, iteration: int, engine: str, rows: list[tuple[int, float | None]], *, shuffle: int = 1
) -> Path:
    """Write a table of results: number of the snapshot and its test error, None for a missing one."""
    results = "evaluation-results-pytorch" if engine == "pytorch" else "evaluation-results"
    path = folder / results / f"iteration-{iteration}" / "CombinedEvaluation-results.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    if not path.exists():
        lines.append(
            "%Training dataset,Shuffle number,Training epochs,Detector epochs (TD only),pcutoff,"
            "train rmse,train rmse_pcutoff,test rmse,test rmse_pcutoff,test mAP"
            if engine == "pytorch"
            else ",Training iterations:,%Training dataset,Shuffle number, Train error(px), Test error(px),"
            "p-cutoff used,Train error with p-cutoff,Test error with p-cutoff"
        )
    for place, (number, error) in enumerate(rows):
        shown = "" if error is None else f"{error}"
        lines.append(
            f"0.95,{shuffle},{number},-1,0.6,1.0,1.0,{shown},,90.0"
            if engine == "pytorch"
            else f"{place},{number},95,{shuffle},1.0,{shown},0.4,1.0,2.0"
        )
    with path.open("a") as file:
        file.write("\n".join(lines) + "\n")
    return path


def predictions(
    parts: tuple[str, ...] = PARTS, frames: int = FRAMES, seed: int = 0, shift: float | None = None
) -> pd.DataFrame:
    """Return a table of predictions: random ones, or label n at (40 + 10 n + shift, 30 + frame)."""
    columns = pd.MultiIndex.from_product([["net"], parts, ["x", "y", "likelihood"]], names=_HEADER)
    values = np.random.default_rng(seed).uniform(0, 40, (frames, 3 * len(parts)))
    values[:, 2::3] /= 40
    if shift is not None:
        values[:, 0::3] = 40 + 10 * np.arange(len(parts)) + shift
        values[:, 1::3] = 30 + np.arange(frames)[:, None]
        values[:, 2::3] = 0.9
    return pd.DataFrame(values, columns=columns)


def predict(folder: Path, iteration: int | None, video: str, snapshot: str, **options: Any) -> Path:
    """Write predictions of a video; ``snapshot`` ends the name: ``1000`` or ``snapshot_best-20``."""
    name = f"{video}DLC_Resnet50_reach_01Oct30shuffle1_{snapshot}.h5"
    path = folder / "videos" / ("" if iteration is None else f"iteration-{iteration}") / name
    path.parent.mkdir(exist_ok=True)
    predictions(**options).to_hdf(path, key="df_with_missing", mode="w")
    return path


def annotate(
    folder: Path, layer: str, points: dict[str, dict[int, list[float]]], video: str = "mouse"
) -> Path:
    """Write a layer beside a video of the project."""
    path = folder / "videos" / f"{video}_annotations{'_' + layer if layer else ''}.json"
    path.write_text(json.dumps(points))
    return path


def label_data(
    folder: Path,
    points: Mapping[str, list[float]],
    video: str = "mouse",
    parts: tuple[str, ...] = PARTS,
) -> Path:
    """Write labels as DeepLabCut does: name of the picture → x and y of every body part."""
    columns = pd.MultiIndex.from_product([["me"], parts, ["x", "y"]], names=_HEADER)
    rows = pd.MultiIndex.from_product([["labeled-data"], [video], points])
    path = folder / "labeled-data" / video / "CollectedData_me.h5"
    table = pd.DataFrame(list(points.values()), index=rows, columns=columns)
    table.to_hdf(path, key="df_with_missing", mode="w")
    return path


def make_trained_project(
    folder: Path,
    parts: tuple[str, ...] = PARTS,
    *,
    lengths: tuple[int, ...] = LENGTHS,
    iterations: int = 2,
) -> Path:
    """Make a project of videos of these lengths, ``clip0.mp4``, ..., trained for some iterations.

    Every video has the layer ``iteration-0`` by hand, labelled data, and predictions of each iteration,
    shifted by its number.
    """
    size = (320, 240)
    clips = {f"clip{n}.mp4": samples.ultrasound(length, size=size).video for n, length in enumerate(lengths)}
    project = make_project(
        folder / "reach_01-me-2026-01-01",
        engine="pytorch",
        videos=clips,
        size=size,
        parts=parts,
        iteration=max(iterations - 1, 0),
    )
    for number, length in enumerate(lengths):
        video = f"clip{number}"
        points = {"0": {3: [50.0 + number, 60.0]}, "1": {3: [70.0, 80.0]}}
        annotate(project, "iteration-0", points, video)
        label_data(project, {"img03.png": [55.0] * 2 * len(parts)}, video, parts)
        for iteration in range(iterations):
            predict(
                project, iteration, video, "snapshot_best-20", parts=parts, frames=length, shift=iteration
            )
    for iteration in range(iterations):
        train(project, iteration, "pytorch", (), best=20)
    return project


def videos_of(project: Path) -> list[Path]:
    """Return the videos of :func:`make_trained_project`."""
    return [project / "videos" / f"clip{number}.mp4" for number in range(len(LENGTHS))]


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what a folder holds, without the indexes that reading a video leaves."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("jupytrack-index.npz")
    }
