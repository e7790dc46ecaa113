"""A training as other processes see it: what its folder says, how to follow, stop and resume it.

A training is a process of its own (:mod:`jupytrack.dlc.worker`) that outlives the kernel which started it.
All that is known of it stands in its folder, ``<project>/jupytrack-training/<time>-iteration-<N>/``:
``options.json`` (what was asked for), ``state.json`` (how far it is, replaced in one step), ``losses.csv``
(from DeepLabCut's learning statistics) and ``log.txt`` (all that DeepLabCut prints).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jupytrack.dlc.process import clean_up, holder_of, launch, new_folder, read_json, stop
from jupytrack.errors import JupytrackError, SaveError, TrainingError
from jupytrack.files import save_error, write_atomic
from jupytrack.jobs import Job, JobCancelled, Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FOLDER", "Stage", "Training", "TrainingState", "is_active", "trainings_in"]

TrainingState = Literal["waiting", "running", "done", "failed", "cancelled", "interrupted"]
Stage = Literal["frames", "dataset", "train", "evaluate", "analyse", "video", ""]

FOLDER = "jupytrack-training"
"""Where a project keeps its trainings."""

HEARTBEAT = 2.0
"""Seconds from one sign of life of a worker to the next."""

_SILENT_AFTER = 60.0
"""Seconds without a sign of life after which a worker on another machine is taken for gone."""

_ENOUGH = 5
"""Frames to test on from which the test error says something."""

_TEXTS = {
    "frames": "extracting the labelled frames",
    "dataset": "making the training dataset",
    "train": "preparing the network",
    "evaluate": "evaluating the snapshots",
    "analyse": "analysing the videos",
    "video": "writing labelled videos",
    "": "starting",
}


class Training:
    """One run of the learning of a project; any kernel, on any machine that sees the folder, may hold one.

    Every property reads the folder, so it is always of now.

    Parameters
    ----------
    folder : path
        The folder of the run.

    Attributes
    ----------
    folder : Path
        The folder of the run.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    @classmethod
    def start(cls, project: Path, iteration: int, options: Mapping[str, Any]) -> Training:
        """Begin a run in a process of its own; returns as soon as that process has said that it lives.

        Parameters
        ----------
        project : Path
            The project folder.
        iteration : int
            The iteration that the run is about.
        options : mapping
            What the worker is to do; see :func:`jupytrack.dlc.worker.main`.

        Raises
        ------
        TrainingError
            If the process could not be started.
        SaveError
            If the folder cannot be written.
        """
        folder = new_folder(project / FOLDER, iteration)
        training = cls(folder)
        said = {"state": "waiting", "iteration": iteration, "stages": list(options["stages"])}
        try:
            write_atomic(folder / "options.json", json.dumps(dict(options), indent=1).encode())
            training._write({**said, "epochs": options.get("epochs") or 0, "created": time.time()})
            training._launch()
        except SaveError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return training

    def __repr__(self) -> str:
        return f"<Training of iteration {self.iteration}: {self.text}>"

    # what the folder says

    @property
    def iteration(self) -> int:
        """The iteration that is trained."""
        return int(self._said().get("iteration", -1))

    @property
    def state(self) -> TrainingState:
        """One of ``waiting``, ``running``, ``done``, ``failed``, ``cancelled``, ``interrupted``.

        Interrupted means that the process is gone without having said how it ended, as when its container was
        stopped; :meth:`resume` goes on.
        """
        said = self._said()
        state: TrainingState = said.get("state", "interrupted")
        if not is_active(state) or not self._is_gone(said):
            return state
        state = self._said().get("state", "interrupted")  # it may have ended between the two looks
        if not is_active(state):
            return state
        return "cancelled" if (self.folder / "cancel").exists() else "interrupted"

    @property
    def stage(self) -> Stage:
        """What is being done: ``frames``, ``dataset``, ``train``, ``evaluate``, ``analyse`` or ``video``."""
        stage: Stage = self._said().get("stage", "")
        return stage

    @property
    def stages(self) -> list[str]:
        """All that this run is to do, in order."""
        return list(self._said().get("stages", []))

    @property
    def epoch(self) -> int:
        """Epochs finished."""
        return int(self._said().get("epoch", 0))

    @property
    def epochs(self) -> int:
        """Epochs in all."""
        return int(self._said().get("epochs", 0))

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the seconds until the last epoch, at the mean rate so far; None where there is none."""
        said = self._said()
        pace = said.get("epoch_seconds")
        if said.get("stage") != "train" or not pace or not is_active(self.state):
            return None
        since = time.time() - said.get("epoch_ended", time.time())
        return max(0.0, float(pace * (said["epochs"] - said["epoch"]) - since))

    @property
    def device(self) -> str:
        """What it runs on, with the memory that was free when it began; empty until that is known."""
        return str(self._said().get("device", ""))

    @property
    def began_with(self) -> str:
        """Which weights it began with, in words; empty until that is known."""
        return str(self._said().get("began_with", ""))

    @property
    def error(self) -> str:
        """Why it failed; empty if it did not."""
        return str(self._said().get("error", ""))

    @property
    def test_frames(self) -> int:
        """How many labelled frames it is tested on; 0 until that is known."""
        return int(self._said().get("test_frames", 0))

    @property
    def hint(self) -> str:
        """What to know about the result, for people; empty before the training is done."""
        said = self._said()
        if said.get("state") != "done" or "train" not in said.get("stages", []):
            return ""
        hint = ""
        if said.get("predictions"):
            hint = f"Correct its predictions in a new layer, iteration-{self.iteration + 1}."
        count = self.test_frames
        if 0 < count < _ENOUGH:
            hint += (
                f" With {count} frame{'s' if count > 1 else ''} to test on, which snapshot is best is "
                "chance: label more."
            )
        return hint.strip()

    @property
    def predictions(self) -> list[Path]:
        """Prediction files that this run wrote."""
        project = self.folder.parents[1]
        return [project / name for name in self._said().get("predictions", [])]

    @property
    def options(self) -> dict[str, Any]:
        """What was asked for."""
        return read_json(self.folder / "options.json")

    @property
    def losses(self) -> pd.DataFrame:
        """Losses and errors of each epoch so far.

        Returns
        -------
        DataFrame
            Index ``epoch``; columns ``train_loss``, and where DeepLabCut evaluated ``test_loss``,
            ``test_rmse`` (pixels), ``test_rmse_pcutoff``, ``test_mAP``, ``test_mAR`` (0 to 100), NaN in the
            epochs between. Empty before the first epoch.
        """
        import pandas as pd

        try:
            return pd.read_csv(self.folder / "losses.csv", index_col="epoch")
        except (OSError, ValueError):
            return pd.DataFrame({"train_loss": []}, index=pd.Index([], name="epoch", dtype="int64"))

    @property
    def text(self) -> str:
        """Where it is, in a few words."""
        said, state = self._said(), self.state
        stage = said.get("stage", "")
        if is_active(state):
            if stage == "train" and said.get("epoch"):
                return f"epoch {said['epoch']} of {said['epochs']}"
            return str(said.get("doing") or _TEXTS.get(stage, stage))
        if state == "failed":
            return f"failed: {self.error}"
        return str(state)

    def log_tail(self, lines: int = 40) -> list[str]:
        """Return the last lines of what DeepLabCut printed; of a progress bar only its latest state."""
        try:
            with open(self.folder / "log.txt", "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 400 * lines - 4000))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        kept = [line.rstrip().split("\r")[-1].rstrip() for line in text.split("\n")]
        return [line for line in kept if line][-lines:]

    # what can be done with it

    def wait(self, timeout: float | None = None) -> Training:
        """Wait until the run has ended; interrupting this does not stop the run.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most; without end by default.

        Returns
        -------
        Training
            This one, ``done`` or ``cancelled``.

        Raises
        ------
        TrainingError
            If the run failed, or its process is gone; with the last lines of the log.
        TimeoutError
            If it still runs after ``timeout`` seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while is_active(state := self.state):
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"The training of iteration {self.iteration} still runs: {self.text}.")
            time.sleep(0.2)
        if state in ("failed", "interrupted"):
            raise self.problem()
        return self

    def problem(self) -> TrainingError:
        """Return what to raise or show for a run that failed or whose process is gone."""
        state, trains = self.state, "train" in self.stages
        name = f"The {'training' if trains else 'run'} of iteration {self.iteration}"
        tail = "\n".join(self.log_tail(12))
        if state == "interrupted":
            what = f"{name} was cut off: its process is gone without a word."
            remedy = (
                "Call resume() on it (project.training.resume()) to go on from its newest snapshot."
                if trains
                else "Begin it anew."
            )
        else:
            what = f"{name} failed: {self.error}"
            remedy = f"The whole log is {self.folder / 'log.txt'}."
        return TrainingError(what, f"{remedy}\nThe last it said:\n{tail}" if tail else remedy)

    def cancel(self, wait: bool = True) -> None:
        """Stop the run: interrupt it, then terminate it, then kill it, each with some seconds to obey.

        Its snapshots so far stay, but for the newest if that was cut off while it was written.

        Parameters
        ----------
        wait : bool
            Return only when the run has ended.
        """
        if not is_active(self.state):
            return
        with contextlib.suppress(OSError):
            (self.folder / "cancel").touch()
        stopper = threading.Thread(target=self._stop, name="jupytrack-stop", daemon=True)
        stopper.start()
        if wait:
            stopper.join()

    def resume(self) -> Training:
        """Go on with a run that was cut off, cancelled or failed, from its newest readable snapshot.

        Without any snapshot it begins anew. Evaluation and analysis follow as they would have.

        Returns
        -------
        Training
            This one, running again.

        Raises
        ------
        TrainingError
            If it still runs or has finished, if another run of the project goes on, or if the project has a
            newer iteration already.
        """
        self._settle()
        state = self.state
        if is_active(state) or state == "done":
            raise TrainingError(
                f"The training of iteration {self.iteration} is {state}.",
                "Only one that was cut off resumes.",
            )
        from jupytrack.dlc.project import DLCProject

        project = DLCProject(self.folder.parents[1])
        require_idle(project.path)
        if project.latest_iteration > self.iteration:
            raise TrainingError(
                f"The project has an iteration {project.latest_iteration} after this one ({self.iteration}).",
                "Train a new iteration instead.",
            )
        said = {**self._said(), "state": "waiting", "stage": "", "error": "", "resumed": True}
        said["created"] = time.time()
        for key in ("holder", "epoch_seconds", "epoch_ended", "doing"):
            said.pop(key, None)
        (self.folder / "cancel").unlink(missing_ok=True)
        self._write(said)
        self._launch()
        return self

    def follow(self, every: float = 0.5) -> Job[Training]:
        """Return a job that ends when the run ends, for widgets that show one.

        Its progress is the share that is done and a few words; cancelling it cancels the run. It fails with
        :class:`~jupytrack.errors.TrainingError` if the run does.

        Parameters
        ----------
        every : float
            Seconds from one look to the next.
        """

        def look(progress: Progress) -> Training:
            try:
                while is_active(state := self.state):
                    progress.update(*self.progress, self.text)
                    time.sleep(every)
            except JobCancelled:
                self.cancel()
                state = self.state
            if state == "done":
                progress.update(1, 1, "done")
                return self
            if state == "cancelled":
                raise JobCancelled("The training was cancelled.")
            raise self.problem()

        return Job(look, title=f"Training of iteration {self.iteration}")

    @property
    def progress(self) -> tuple[float, float]:
        """How much is done, and of how much; evaluation and analysis count as a fifth of the epochs."""
        said = self._said()
        stages, stage = said.get("stages", []), said.get("stage", "")
        if "train" not in stages:
            return 0.0, 0.0
        epochs = max(1, int(said.get("epochs", 1)))
        after = [s for s in stages if s in ("evaluate", "analyse", "video")]
        done = float(said.get("epoch", 0))
        if stage in after:
            done = epochs + 0.2 * epochs * after.index(stage) / len(after)
        return done, epochs * (1.2 if after else 1.0)

    # inside

    def _said(self) -> dict[str, Any]:
        return read_json(self.folder / "state.json")

    def _write(self, said: Mapping[str, Any]) -> None:
        write_atomic(self.folder / "state.json", json.dumps(dict(said), indent=1).encode())

    def _settle(self) -> None:
        """Clean up after a process that is gone without having done so, and write down how it ended."""
        said, state = self._said(), self.state
        if is_active(said.get("state", "")) and not is_active(state):
            with contextlib.suppress(JupytrackError, OSError):
                clean_up(self.folder, said)
                self._write({**said, "state": state, "ended": time.time()})

    def _is_gone(self, said: Mapping[str, Any]) -> bool:
        """Whether the process that said this does not run any more."""
        holder = holder_of(said)
        if holder is None:
            return bool(time.time() - said.get("created", 0.0) > _SILENT_AFTER)
        if holder.is_gone:
            return True
        return not holder.is_here and self._silent_for() > _SILENT_AFTER

    def _silent_for(self) -> float:
        try:
            return time.time() - (self.folder / "alive").stat().st_mtime
        except OSError:
            return time.time() - float(self._said().get("created", 0.0))

    def _launch(self) -> None:
        """Start the process and wait until it has said that it lives."""
        try:
            process = launch(self.folder)
        except OSError as error:
            raise save_error(self.folder / "log.txt", error) from error
        end = time.monotonic() + 60
        while holder_of(self._said()) is None and is_active(self._said().get("state", "")):
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                self._write({**self._said(), "state": "failed", "error": "its process could not be started."})
                raise self.problem()
            time.sleep(0.02)

    def _stop(self) -> None:
        holder = holder_of(self._said())
        if holder is not None and holder.is_here:
            stop(holder)
        else:  # it looks for the file `cancel` by itself
            end = time.monotonic() + _SILENT_AFTER
            while is_active(self._said().get("state", "")) and time.monotonic() < end:
                time.sleep(0.5)
        self._settle()


def is_active(state: str) -> bool:
    """Whether a run in this state still goes on."""
    return state in ("waiting", "running")


def trainings_in(project: Path) -> list[Training]:
    """Return the runs of a project, oldest first."""
    with contextlib.suppress(OSError):
        folders = sorted(path.parent for path in (project / FOLDER).glob("*/state.json"))
        return [Training(folder) for folder in folders]
    return []


def require_idle(project: Path) -> None:
    """Pass only if nothing of a project is being trained or analysed; cleans up after what was cut off.

    Raises
    ------
    TrainingError
        If something is.
    """
    for training in reversed(trainings_in(project)):
        training._settle()
        if is_active(training.state):
            raise TrainingError(
                f"Iteration {training.iteration} of {project} is being worked on ({training.text}).",
                "Wait for it (project.training.wait()) or stop it (project.training.cancel()).",
            )
