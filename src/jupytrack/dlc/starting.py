"""How a run begins: the options collected, the process started, and the waiting for it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import time
from typing import TYPE_CHECKING, Any

from jupytrack.dlc.files import manual_layers
from jupytrack.dlc.training import Training, is_active, require_idle
from jupytrack.errors import MissingDependencyError, TrainingError

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject

__all__ = ["DEFAULTS", "KEPT", "labels_changed", "options_of", "start_run", "train_options", "wait_telling"]

KEPT = "training"
"""Key of a project's settings under which it keeps options of its own."""

DEFAULTS: dict[str, Any] = {
    "epochs": 50,
    "batch_size": None,
    "max_snapshots_to_keep": 20,
    "analyze_batchsize": None,
    "device": "auto",
    "net_type": None,
    "pytorch_cfg_updates": {},
}
"""How a model is trained, unless a project or a call says otherwise."""


def options_of(
    project: DLCProject, *, epochs: int | None = None, maxiters: int | None = None, **given: Any
) -> dict[str, Any]:
    """Return how to train: what is given, else what the project keeps, else :data:`DEFAULTS`.

    Raises
    ------
    ValueError
        If the project keeps something else, both names of the epochs are given, or there are none of them.
    TypeError
        If the epochs are no int.
    """
    if epochs is not None and maxiters is not None:
        raise ValueError("Give epochs or maxiters, which mean the same.")
    kept = dict(project.settings.get(KEPT) or {})
    unknown = sorted(kept.keys() - DEFAULTS.keys())
    if unknown:
        raise ValueError(
            f"settings[{KEPT!r}] of {project.path} has {', '.join(unknown)}; it may keep only "
            f"{', '.join(DEFAULTS)}."
        )
    given["epochs"] = maxiters if epochs is None else epochs
    found = {**DEFAULTS, **kept, **{name: value for name, value in given.items() if value is not None}}
    number = found["epochs"]
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"epochs must be an int, not {type(number).__name__}.")
    if number < 1:
        raise ValueError(f"epochs must be at least 1, not {number}.")
    return found


def train_options(how: dict[str, Any]) -> dict[str, Any]:
    """Return what ``deeplabcut.train_network`` is told of :func:`options_of`."""
    return {
        "batch_size": how["batch_size"],
        "max_snapshots_to_keep": how["max_snapshots_to_keep"],
        # often enough that little is lost with a machine
        "save_epochs": max(1, min(25, how["epochs"] // 5)),
    }


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
    told, trains = "", "train" in run.stages
    try:
        while is_active(run.state):
            text = run.text
            what = text.partition(":")[0]  # how much of it is done follows
            every = max(1, run.epochs // 10)
            if what != told and (not text.startswith("epoch") or run.epoch % every == 0):
                print(f"Iteration {run.iteration}: {text}", flush=True)
                told = what
            time.sleep(0.2)
    except KeyboardInterrupt:
        it = "project.training" if trains else f"jupytrack.dlc.Training({str(run.folder)!r})"
        raise KeyboardInterrupt(
            f"The run goes on in the background. Stop it with {it}.cancel(), or wait again with {it}.wait()."
        ) from None
    run.wait()
    if run.state == "cancelled":
        raise TrainingError(
            f"The run of iteration {run.iteration} was cancelled.",
            "Go on with project.training.resume()." if trains else "Call it again.",
        )
    if not trains:
        shutil.rmtree(run.folder, ignore_errors=True)  # only trainings are kept to be looked up
    else:
        print(f"Iteration {run.iteration}: done; it began with {run.began_with}. {run.hint}".rstrip())


def labels_changed(project: DLCProject, iteration: int) -> bool:
    """Whether an annotation is newer than the training dataset of an iteration."""
    made = project.layout(iteration).config_file("test") if iteration >= 0 else None
    if made is None or not made.is_file():
        return True
    layers = [path for video in project.video_list for path in manual_layers(video).values()]
    return any(path.stat().st_mtime > made.stat().st_mtime for path in layers)
