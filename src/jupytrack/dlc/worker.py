"""The process that trains: ``python -m jupytrack.dlc.worker FOLDER``.

It does the stages that ``options.json`` lists, says in ``state.json`` how far it is, and touches ``alive``
every two seconds. It has a session of its own, so no restart and no interrupt of the kernel reaches it.
An interrupt (or a file named ``cancel``, for machines that share only the disk) stops it; it cleans up then.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import io
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupytrack.annotation.locks import Holder
from jupytrack.dlc import devices, engine, snapshots
from jupytrack.dlc.checks import check_labels, check_split, labelled_frame_count
from jupytrack.dlc.extraction import label_sources
from jupytrack.dlc.process import clean_up
from jupytrack.dlc.project import DLCProject
from jupytrack.dlc.training import FOLDER, HEARTBEAT
from jupytrack.errors import JupytrackError, TrainingError
from jupytrack.files import replacing, write_atomic
from jupytrack.jobs import Progress
from jupytrack.video.reader import VideoReader

__all__ = ["STAGES", "Worker", "main"]

STAGES = ("frames", "dataset", "train", "evaluate", "analyse", "video")
"""All that a run may do, in order."""

PATIENCE = 5.0
"""Seconds that an interrupt has to work before there is another one."""

_COLUMNS = {
    "losses/train.total_loss": "train_loss",
    "losses/eval.total_loss": "test_loss",
    "metrics/test.rmse": "test_rmse",
    "metrics/test.rmse_pcutoff": "test_rmse_pcutoff",
    "metrics/test.mAP": "test_mAP",
    "metrics/test.mAR": "test_mAR",
}
"""DeepLabCut's names of what it measures, and ours."""


class Board:
    """What the worker says of itself, for all who look; two threads write on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self.said: dict[str, Any] = json.loads(path.read_bytes())

    def __getitem__(self, key: str) -> Any:
        return self.said.get(key)

    def say(self, **what: Any) -> None:
        """Change some of it. A full disk keeps it from being read, but does not stop the work."""
        with self._lock:
            self.said.update(what)
            with contextlib.suppress(JupytrackError):
                write_atomic(self.path, json.dumps(self.said, indent=1).encode())


class Watch(threading.Thread):
    """Gives signs of life, reads DeepLabCut's learning statistics, and looks for a wish to stop."""

    def __init__(self, folder: Path, board: Board) -> None:
        super().__init__(name="jupytrack-watch", daemon=True)
        self.folder = folder
        self.board = board
        self.statistics: Path | None = None
        self.ended = threading.Event()
        self._first: tuple[float, int] | None = None
        self._text = ""

    def follow(self, statistics: Path, epoch: int) -> None:
        """Tell of the epochs in DeepLabCut's file from now on, which begin after ``epoch``."""
        self._first = (time.time(), epoch)
        self.statistics = statistics

    def run(self) -> None:
        """Look twice a second until the work has ended."""
        beat, next_time = 0.0, None
        while not self.ended.wait(0.5):
            now = time.monotonic()
            if now - beat > HEARTBEAT:
                with contextlib.suppress(OSError):
                    (self.folder / "alive").touch()
                beat = now
            if (self.folder / "cancel").exists():
                # whoever is on this machine sends a signal, too, and one is enough unless it gets lost
                next_time = next_time or now + PATIENCE
                if now > next_time:
                    next_time = now + PATIENCE
                    _interrupt_main()
            with contextlib.suppress(ValueError, csv.Error):  # whatever is in there, life goes on
                self.look()

    def look(self) -> None:
        """Tell of the epochs that were finished since the last look."""
        if self.statistics is None or self._first is None:
            return
        try:
            text = self.statistics.read_text()
        except OSError:
            return
        rows = _rows(text)
        # DeepLabCut rewrites the file in place: what is half of it is shorter than what was told already
        if text == self._text or not rows or not text.endswith("\n"):
            return
        epoch = max(rows)
        if epoch < (self.board["epoch"] or 0):
            return
        self._text = text
        names = ["epoch", *dict.fromkeys(name for row in rows.values() for name in row)]
        out = io.StringIO()
        writer = csv.DictWriter(out, names, restval="")
        writer.writeheader()
        writer.writerows({"epoch": each, **row} for each, row in sorted(rows.items()))
        with contextlib.suppress(JupytrackError):
            write_atomic(self.folder / "losses.csv", out.getvalue().encode())
        began, first = self._first
        if epoch > (self.board["epoch"] or 0) and epoch > first:
            now = time.time()
            self.board.say(epoch=epoch, epoch_ended=now, epoch_seconds=(now - began) / (epoch - first))
            if epoch == first + 1:
                self._first = (now, epoch)  # the first one also loads the data


def _rows(text: str) -> dict[int, dict[str, str]]:
    """Return what DeepLabCut's learning statistics say of each epoch; of a cut-off file what is whole."""
    rows = {}
    for row in csv.DictReader(io.StringIO(text)):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            found = {}
            for theirs, value in row.items():
                if theirs == "step" or value in ("", None):
                    continue
                float(value)
                found[_COLUMNS.get(theirs, theirs.replace("losses/", "").replace("metrics/", ""))] = value
            rows[int(float(row["step"]))] = found
    return rows


class Worker:
    """One run.

    Parameters
    ----------
    folder : Path
        Its folder, with ``options.json`` and ``state.json``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.board = Board(folder / "state.json")
        self.options: dict[str, Any] = json.loads((folder / "options.json").read_bytes())
        self.iteration = int(self.board["iteration"])
        self.watch = Watch(folder, self.board)
        self.device: devices.Device | None = None
        self.resume_from: Path | None = None
        self._told = 0.0

    def run(self) -> int:
        """Do it all; returns the exit code."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.board.say(state="waiting", holder=dataclasses.asdict(Holder.me()), began=time.time())
        self.watch.start()
        state, error = "done", ""
        try:
            self._work()
        except KeyboardInterrupt:
            state = "cancelled"
        except JupytrackError as problem:
            traceback.print_exc()
            state, error = "failed", str(problem)
        except BaseException as problem:  # whatever DeepLabCut raises is told, not lost
            traceback.print_exc()
            state, error = "failed", _told(problem)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if state == "failed" and (self.folder / "cancel").exists():
            state, error = "cancelled", ""  # what is interrupted may fail of it
        if state != "done":
            try:
                for path in clean_up(self.folder, self.board.said):
                    print(f"Removed {path}, which was cut off", flush=True)
            except Exception:  # why the run ended is told in any case
                traceback.print_exc()
        with contextlib.suppress(OSError):
            (self.folder / "start.pt").unlink(missing_ok=True)
        self.watch.ended.set()
        self.board.say(state=state, error=error, ended=time.time())
        sys.stdout.flush()
        return 0 if state == "done" else 1

    def _work(self) -> None:
        options, stages = self.options, self.board["stages"]
        with devices.holding_file(self.folder.parent / ".lock") as alone:
            if not alone:
                raise TrainingError(
                    "Another run of this project has begun at the same moment.", "Wait for it, or stop it."
                )
            project = DLCProject(self.folder.parents[1])
            self.board.say(doing="loading deeplabcut")
            if "train" in stages and self.board["resumed"]:
                self.resume_from = self._newest_snapshot(project)
            if self.resume_from is not None:
                stages = stages[stages.index("train") :]
            elif "train" in stages and options["begin"]["mode"] in ("pretrained", "auto"):
                # before anything changes, and before anything imports deeplabcut
                self._prepare_hub()
            engine.deeplabcut()
            if stages == ["dataset"]:
                self._say_stage("dataset")
                self._dataset(project)
                return
            wanted, net = options.get("device") or "auto", options.get("net_type") or "resnet_50"
            candidates = devices.torch_devices(wanted, net)
            with devices.hold(candidates, lambda text: self.board.say(doing=text)) as device:
                # looked at again: another run may have had its memory until now
                self.device = devices.torch_devices(device.name)[0]
                self.board.say(state="running", device=str(self.device))
                print(f"Running on {self.device}", flush=True)
                for stage in stages:
                    self._say_stage(stage)
                    getattr(self, f"_{stage}")(project)

    def _say_stage(self, stage: str) -> None:
        self.board.say(state="running", stage=stage, doing="")
        print(f"\n--- {stage} ---", flush=True)

    def _tell(self, doing: str) -> None:
        """Say what is being done, at most twice a second."""
        if time.monotonic() - self._told > 0.5:
            self._told = time.monotonic()
            self.board.say(doing=doing)

    def _tell_share(self, what: str, done: float, total: float) -> None:
        self._tell(f"{what}: {done / max(total, 1):.0%}")

    def _newest_snapshot(self, project: DLCProject) -> Path | None:
        """Return what to go on from; None if there never was a snapshot."""
        folder = project.layout(self.iteration).train_folder
        if folder is None or not snapshots.snapshot_files(folder):
            return None
        newest = snapshots.newest_readable(folder)
        if newest is None:  # to begin anew would write over them
            raise TrainingError(
                f"None of the snapshots in {folder} can be read.",
                "Free some memory and try again, or move them away and begin anew.",
            )
        return newest

    def _prepare_hub(self) -> None:
        possible = engine.prepare_hub()
        if not possible:
            if self.options["begin"]["mode"] == "pretrained":
                raise engine.no_imagenet(self.options.get("net_type") or "the network")
            self.options["begin"] = {"mode": "scratch"}

    def _frames(self, project: DLCProject) -> None:
        names = self.options.get("annotation_file_names")
        sources = label_sources(project, names)
        for video in (project.video_list[place] for place in sources):
            with VideoReader(video, progress=functools.partial(self._tell_share, f"indexing {video.name}")):
                pass  # it is indexed now
        check_labels(project, names)
        if sources:  # else DeepLabCut's own labels are all there is
            progress = Progress()
            progress.listen(lambda each: self._tell(each.text))
            project.extract_frames(names, progress=progress)
        self.board.say(iteration_before=project.current_iteration)
        project.edit_config(iteration=self.iteration)

    def _dataset(self, project: DLCProject) -> None:
        self.board.say(test_frames=check_split(project, labelled_frame_count(project)))
        layout = project.layout(self.iteration)
        if layout.train_folder is not None:
            # what a run that never made a snapshot left
            (layout.train_folder / "learning_stats.csv").unlink(missing_ok=True)
        if layout.evaluation_file is not None and not layout.snapshots:
            layout.evaluation_file.unlink(missing_ok=True)
        more = dict(self.options.get("dataset_options") or {})
        engine.create_training_dataset(project.config_path, net_type=self.options.get("net_type"), **more)

    def _train(self, project: DLCProject) -> None:
        options, config = self.options, project.config_path
        project.edit_config(iteration=self.iteration)  # somebody may have changed it before a resumption
        layout = project.layout(self.iteration)
        train_folder = layout.train_folder
        if train_folder is None:
            raise TrainingError(
                f"Iteration {self.iteration} has no training dataset.", "Call create_training_dataset first."
            )
        self.board.say(train_folder=str(train_folder.relative_to(project.path)))
        statistics = train_folder / "learning_stats.csv"
        epochs = int(options["epochs"])
        start = self.resume_from
        if start is not None:
            done = snapshots.load_snapshot(start).get("metadata", {}).get("epoch", 0)
            beginning = engine.Beginning(start, str(self.board["began_with"]))
            _forget_after(statistics, done)
            print(f"Going on from {start.name}, after epoch {done} of {epochs}", flush=True)
        else:
            done = 0
            statistics.unlink(missing_ok=True)
            beginning = self._beginning(project)
        self.board.say(
            began_with=beginning.text, epoch=done, epochs=epochs, epoch_seconds=None, epoch_ended=time.time()
        )
        print(f"Beginning with {beginning.text}", flush=True)
        project.settings["began_with"] = {
            **project.settings.get("began_with", {}),
            str(self.iteration): beginning.text,
        }
        assert self.device is not None
        if done < epochs:
            self.watch.follow(statistics, done)
            with engine.keeping_best(train_folder):
                engine.train(
                    config,
                    beginning.snapshot,
                    with_heads=beginning.with_heads,
                    epochs=epochs - done,
                    device=self.device.name,
                    shuffle=layout.shuffle,
                    **options.get("train_options", {}),
                )
            self.watch.look()
        self.board.say(epoch=epochs, epoch_seconds=None)

    def _beginning(self, project: DLCProject) -> Any:
        """Set the model's options and write the weights to begin with into the folder of this run."""
        config, begin = project.config_path, self.options["begin"]
        shuffle = project.layout(self.iteration).shuffle
        target = self.folder / "start.pt"
        updates = self.options.get("pytorch_cfg_updates") or {}
        if begin["mode"] in ("in_project", "external"):
            source = Path(begin["snapshot"])
            source = source if source.is_absolute() else project.path / source
            return engine.begin_from_snapshot(
                config, source, target, begin["text"], updates=updates, shuffle=shuffle
            )
        if updates:
            engine.set_options(config, updates, shuffle=shuffle)
        if begin["mode"] == "auto":
            try:
                return engine.begin_new(config, target, pretrained=True, shuffle=shuffle)
            except TrainingError as error:
                print(f"{error}\nBeginning with random weights instead.", flush=True)
        pretrained = begin["mode"] == "pretrained"
        return engine.begin_new(config, target, pretrained=pretrained, shuffle=shuffle)

    def _evaluate(self, project: DLCProject) -> None:
        assert self.device is not None
        with self._iteration(project):
            engine.evaluate(
                project.config_path,
                device=self.device.name,
                shuffle=project.layout(self.iteration).shuffle,
                **self.options.get("evaluate_options", {}),
            )

    def _analyse(self, project: DLCProject) -> None:
        assert self.device is not None
        layout = project.layout(self.iteration)
        name = self.options.get("snapshot")
        best = layout.best()
        path = layout.train_folder / name if name and layout.train_folder is not None else None
        if path is None:
            if best is None:
                raise TrainingError(f"Iteration {self.iteration} has no snapshot.", "Train it first.")
            path = best.path
        given = self.options.get("analyse_options", {})
        more = {name: value for name, value in given.items() if value is not None}
        if not project.config.get("batch_size") or int(project.config["batch_size"]) < 2:
            more.setdefault("batch_size", 4)  # one frame at a time leaves a GPU idle
        with self._iteration(project):
            written = engine.analyze_videos(
                project.config_path,
                [Path(video) for video in self.options["videos"]],
                project.path / "videos" / f"iteration-{self.iteration}",
                path,
                device=self.device.name,
                shuffle=layout.shuffle,
                **more,
            )
        self.board.say(predictions=[str(path.relative_to(project.path)) for path in written])

    @contextlib.contextmanager
    def _iteration(self, project: DLCProject) -> Iterator[None]:
        """Let config.yaml name the iteration of this run during the ``with`` block."""
        before = project.current_iteration
        if before == self.iteration:
            yield
            return
        self.board.say(iteration_before=before)
        project.edit_config(iteration=self.iteration)
        try:
            yield
        finally:
            project.edit_config(iteration=before)

    def _video(self, project: DLCProject) -> None:
        from jupytrack.annotation.points import VideoAnnotation

        videos = [Path(video) for video in self.options["videos"]]
        for video, name in zip(videos, self.board["predictions"], strict=True):
            points = VideoAnnotation(project.path / name, video)
            out = (project.path / name).with_name(Path(name).stem + "_labeled.mp4")
            with replacing(out) as temporary:
                points.export_video(temporary)
            print(f"Wrote {out}", flush=True)


def _forget_after(statistics: Path, epoch: int) -> None:
    """Drop what the learning statistics say of epochs that no snapshot has, since they come again."""
    with contextlib.suppress(OSError):
        head, *rows = statistics.read_text().splitlines(keepends=True)
        place = next(csv.reader([head])).index("step")
        kept = []
        for row in rows:
            with contextlib.suppress(ValueError, IndexError):
                if int(float(next(csv.reader([row]))[place])) <= epoch and row.endswith("\n"):
                    kept.append(row)
        write_atomic(statistics, "".join([head, *kept]).encode())


def _told(problem: BaseException) -> str:
    """Return an error of DeepLabCut in a few lines, with what to do about the common ones."""
    lines = [line for line in str(problem).strip().splitlines() if line.strip()][:4]
    text = f"{type(problem).__name__}: {' '.join(lines)}" if lines else type(problem).__name__
    if "out of memory" in text.lower():
        text += " Choose a smaller batch_size, or smaller pictures (crop_sampling in pytorch_cfg_updates)."
    if "inline_container" in text:  # where torch writes files; it does not say why it cannot
        text = f"A snapshot could not be written ({text}): most likely the disk is full."
    if "No space left" in text or "disk is full" in text:
        text += " Free some space and resume."
    return text


def _interrupt_main() -> None:
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:  # that thread itself, which may be waiting for the system
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def main(arguments: list[str]) -> int:
    """Work off one run.

    Parameters
    ----------
    arguments : list of str
        The folder of the run. Its ``options.json`` has ``stages`` (of :data:`STAGES`) and what they need:
        ``epochs``, ``begin`` (``mode``, and for a snapshot ``snapshot`` and ``text``), ``net_type``,
        ``pytorch_cfg_updates``, ``device``, ``videos``, ``snapshot``, ``annotation_file_names``, and more
        options for DeepLabCut's functions (``dataset_options``, ``train_options``, ``evaluate_options``,
        ``analyse_options``).

    Returns
    -------
    int
        0 if all was done.
    """
    folder = Path(arguments[0]).resolve()
    if folder.parent.name != FOLDER:
        print(f"{folder} is no folder of a training.", file=sys.stderr)
        return 2
    code = Worker(folder).run()
    sys.stderr.flush()
    # threads of torch may wait for each other at the end
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
