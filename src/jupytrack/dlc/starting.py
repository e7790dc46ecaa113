"""How a run begins: the options checked and collected, the process started, and the waiting for it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupytrack.dlc.checks import check_labels, check_pytorch, network_of, project_videos
from jupytrack.dlc.files import manual_layers
from jupytrack.dlc.training import Training, is_active, require_idle
from jupytrack.errors import MissingDependencyError, TrainingError

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject

__all__ = [
    "EPOCHS",
    "Videos",
    "epoch_count",
    "labels_changed",
    "saving",
    "start_iteration",
    "start_run",
    "wait_telling",
]

PathLike = str | os.PathLike[str]
Videos = Sequence[int | PathLike] | int | PathLike

EPOCHS = 50
"""Epochs of a training unless told otherwise."""
SNAPSHOTS = 20
"""Snapshots that are kept of a training unless told otherwise."""


def epoch_count(epochs: int | None, maxiters: int | None) -> int:
    """Return how many epochs to train, given two names for one thing."""
    if epochs is not None and maxiters is not None:
        raise ValueError("Give epochs or maxiters, which mean the same.")
    number = next((each for each in (epochs, maxiters) if each is not None), EPOCHS)
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"epochs must be an int, not {type(number).__name__}.")
    if number < 1:
        raise ValueError(f"epochs must be at least 1, not {number}.")
    return number


def saving(epochs: int, keep: int | None) -> dict[str, Any]:
    """How often a snapshot is saved: often enough that little is lost with a machine."""
    return {"save_epochs": max(1, min(25, epochs // 5)), "max_snapshots_to_keep": keep or SNAPSHOTS}


def start_iteration(
    project: DLCProject,
    begin: Mapping[str, Any],
    *,
    epochs: int,
    batch_size: int | None = None,
    max_snapshots_to_keep: int | None = None,
    create_video: bool = False,
    videos: Videos | None = None,
    analyze_batchsize: int | None = None,
    device: str = "auto",
    net_type: str | None = None,
    pytorch_cfg_updates: Mapping[str, Any] | None = None,
    annotation_file_names: Sequence[PathLike] | None = None,
) -> Training:
    """Begin the training of the next iteration; see ``DLCProject.start_training``."""
    iteration = max(0, project.latest_iteration)
    if project.latest_iteration_is_trained():
        iteration += 1
    check_pytorch(project.layout(iteration).engine, f"The project {project.name}", "trained")
    names = None if annotation_file_names is None else [str(Path(n)) for n in annotation_file_names]
    chosen = project_videos(project, videos)
    check_labels(project, annotation_file_names=names)
    updates = pytorch_cfg_updates
    if updates is None:
        updates = project.settings.get("pytorch_cfg_updates") or {}
    return start_run(
        project,
        ["frames", "dataset", "train", "evaluate", "analyse", *(["video"] if create_video else [])],
        iteration,
        begin=dict(begin),
        epochs=epochs,
        device=device,
        net_type=network_of(project, begin, net_type),
        pytorch_cfg_updates=dict(updates),
        videos=[str(path) for path in chosen],
        annotation_file_names=names,
        train_options={"batch_size": batch_size, **saving(epochs, max_snapshots_to_keep)},
        analyse_options={} if analyze_batchsize is None else {"batch_size": analyze_batchsize},
    )


def start_run(project: DLCProject, stages: list[str], iteration: int, **options: Any) -> Training:
    """Begin a run after the checks that all have in common."""
    if importlib.util.find_spec("deeplabcut") is None:
        raise MissingDependencyError(
            "deeplabcut, which does the learning, is not installed.", 'pip install "jupytrack[dlc]"'
        )
    options = {"stages": stages, **options}
    try:
        json.dumps(options)
    except TypeError as error:
        raise TypeError(f"An option cannot be handed to another process: {error}.") from error
    require_idle(project.path)
    return Training.start(project.path, iteration, options)


def wait_telling(run: Training) -> None:
    """Wait for a run and print how far it is; interrupting this leaves it going."""
    told = ""
    try:
        while is_active(run.state):
            text = run.text
            every = max(1, run.epochs // 10)
            if text != told and (not text.startswith("epoch") or run.epoch % every == 0):
                print(f"Iteration {run.iteration}: {text}", flush=True)
                told = text
            time.sleep(0.2)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "The run goes on in the background. Stop it with project.training.cancel(), "
            "or wait again with project.training.wait()."
            if "train" in run.stages
            else f"The run goes on in the background. Stop it with {run!r}.cancel()."
        ) from None
    run.wait()
    if run.state == "cancelled":
        raise TrainingError(
            f"The run of iteration {run.iteration} was cancelled.", "Go on with project.training.resume()."
        )
    if "train" not in run.stages:
        shutil.rmtree(run.folder, ignore_errors=True)  # only trainings are kept to be looked up
    elif run.began_with:
        print(f"Iteration {run.iteration}: done; it began with {run.began_with}.")


def labels_changed(project: DLCProject, iteration: int) -> bool:
    """Whether an annotation is newer than the training dataset of an iteration."""
    made = project.layout(iteration).config_file("test") if iteration >= 0 else None
    if made is None or not made.is_file():
        return True
    layers = [path for video in project.video_list for path in manual_layers(video).values()]
    return any(path.stat().st_mtime > made.stat().st_mtime for path in layers)
