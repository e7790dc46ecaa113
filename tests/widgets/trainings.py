"""A project of one video, made by hand, with what a worker would say of its trainings."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import projects

from jupytrack.annotation.locks import Holder
from jupytrack.dlc.training import Training

N = 60


def make_project(folder: Path, clip: Path, trained: int = 0) -> Path:
    """Write a project whose first iterations are trained; returns its copy of the video."""
    projects.make_project(
        folder,
        engine="pytorch",
        videos={"clip.mp4": clip},
        size=(320, 240),
        home=str(folder),
        iteration=max(trained - 1, 0),
    )
    for iteration in range(trained):
        projects.train(folder, iteration, "pytorch", (10, 20), best=10)
    return folder / "videos" / "clip.mp4"


def predict(project: Path, iteration: int, shift: float = 0.0, jump: int | None = None) -> Path:
    """Write what a model might have predicted."""
    path = projects.predict(project, iteration, "clip", "snapshot_best-10", frames=N)
    values = np.empty((N, 6))
    values[:, 0] = 100 + np.arange(N) + shift
    values[:, 1], values[:, 3], values[:, 4] = 50, 150, 100 + np.arange(N)
    values[:, 2] = values[:, 5] = 0.99
    if jump is not None:
        values[jump, 3] += 40
    table = pd.DataFrame(values, columns=projects.predictions(frames=N).columns)
    table.to_hdf(path, key="df_with_missing", mode="w")
    return path


def make_training(project: Path, state: str, iteration: int = 0, **said: object) -> Training:
    """Write what a worker says of itself."""
    folder = project / "jupytrack-training" / f"20300101T12000{iteration}-iteration-{iteration}"
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "state": state,
        "iteration": iteration,
        "stages": ["frames", "dataset", "train", "evaluate", "analyse"],
        "stage": "train",
        "epoch": 12,
        "epochs": 50,
        "created": time.time(),
        "holder": dataclasses.asdict(Holder.me()),
        **said,
    }
    (folder / "state.json").write_text(json.dumps(content))
    (folder / "log.txt").write_text("Loading…\nEpoch 11\nEpoch 12 <done>\n")
    (folder / "losses.csv").write_text(
        "epoch,train_loss,test_rmse\n"
        + "".join(f"{n},{1 / n},{20 / n if n % 5 == 0 else ''}\n" for n in range(1, 13))
    )
    return Training(folder)


def say(training: Training, **said: object) -> None:
    path = training.folder / "state.json"
    new = training.folder / "new"
    new.write_text(json.dumps({**json.loads(path.read_text()), **said}))
    new.replace(path)


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def notices(annotator):
    seen = []
    annotator.session.on_notice(lambda level, problem, remedy: seen.append(f"{level}: {problem} {remedy}"))
    return seen


def told(annotator):
    """Return what an annotator has said so far."""
    return [notice["problem"] for notice in annotator.canvas._kept_notices]


def label(annotator, frames=(3, 9, 27), labels="01"):
    for frame in frames:
        for one in labels:
            xy = [100.0 + frame, 50.0] if one == "0" else [150.0, 100.0 + frame]
            annotator.ann.add(xy, one, frame)


def shown(button):
    return button.layout.display != "none"
