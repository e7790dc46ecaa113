"""What is on disk of one iteration of a DeepLabCut project, for both of DeepLabCut's engines.

DeepLabCut 3 (PyTorch) and 2 (TensorFlow) keep models, results and snapshots under different names. A project
may hold iterations of both; the layout of each follows from what is there.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from jupytrack.errors import FormatError
from jupytrack.files import entries, read_error

__all__ = ["ENGINES", "Engine", "IterationLayout", "Snapshot", "find_layout", "iterations_on_disk"]

Engine = Literal["pytorch", "tensorflow"]
ENGINES: tuple[Engine, Engine] = ("pytorch", "tensorflow")

_MODELS = {"pytorch": "dlc-models-pytorch", "tensorflow": "dlc-models"}
_RESULTS = {"pytorch": "evaluation-results-pytorch", "tensorflow": "evaluation-results"}
_MODEL_FOLDER = re.compile(r".*-trainset(?P<fraction>\d+)shuffle(?P<shuffle>\d+)")
_SNAPSHOT = {
    "pytorch": re.compile(r"snapshot(?P<best>-best)?-(?P<number>\d+)\.pt"),
    "tensorflow": re.compile(r"snapshot(?P<best>-best)?-(?P<number>\d+)\.index"),
}
# as DeepLabCut 3 and 2 call these columns, with blanks around them taken off
_NUMBER = ("Training epochs", "Training iterations:")
_TEST_ERROR = ("test rmse", "Test error(px)")
_PREDICTED_BY = re.compile(r"_(?:snapshot[_-])?(?P<best>best-)?(?P<number>\d+)$")


def models_folder(project: Path, engine: Engine) -> Path:
    """Return where an engine keeps its models."""
    return project / _MODELS[engine]


def results_folder(project: Path, engine: Engine) -> Path:
    """Return where an engine keeps its evaluation results."""
    return project / _RESULTS[engine]


@dataclass(frozen=True)
class Snapshot:
    """A saved state of a network.

    Attributes
    ----------
    number : int
        Epochs (PyTorch) or steps (TensorFlow) that it was trained for.
    best : bool
        Whether DeepLabCut calls it the best one.
    path : Path
        The ``.pt`` or ``.index`` file.
    """

    number: int
    best: bool
    path: Path


@dataclass(frozen=True)
class IterationLayout:
    """Where an iteration keeps its model, snapshots, results and predictions.

    Attributes
    ----------
    project : Path
        The project's folder.
    iteration : int
        Its number.
    engine : {"pytorch", "tensorflow"}
        Which engine it belongs to.
    folder : Path or None
        The model's folder, such as ``dlc-models-pytorch/iteration-0/reach_01Oct30-trainset95shuffle1``; None
        if there is no training dataset yet.
    use_last : bool
        Whether :meth:`best` takes the last snapshot of an iteration of DeepLabCut 3.
    """

    project: Path
    iteration: int
    engine: Engine
    folder: Path | None
    use_last: bool = False

    @property
    def train_folder(self) -> Path | None:
        """The folder with the snapshots; it need not exist."""
        return None if self.folder is None else self.folder / "train"

    @property
    def shuffle(self) -> int:
        """Number of the shuffle, 1 if there is none yet."""
        match = None if self.folder is None else _MODEL_FOLDER.fullmatch(self.folder.name)
        return int(match["shuffle"]) if match else 1

    @property
    def training_fraction(self) -> int | None:
        """Share of the frames to train with, in percent; None if there is no training dataset yet."""
        match = None if self.folder is None else _MODEL_FOLDER.fullmatch(self.folder.name)
        return int(match["fraction"]) if match else None

    @cached_property
    def snapshots(self) -> list[Snapshot]:
        """The snapshots in the order that DeepLabCut counts them: by number, the best one last."""
        return [] if self.folder is None else _snapshots(self.folder, self.engine)

    @property
    def is_trained(self) -> bool:
        """Whether there are snapshots."""
        return bool(self.snapshots)

    @property
    def evaluation_file(self) -> Path | None:
        """The table of evaluation results, None if there is none."""
        folder = results_folder(self.project, self.engine) / f"iteration-{self.iteration}"
        path = folder / "CombinedEvaluation-results.csv"
        return path if path.is_file() else None

    def test_errors(self) -> dict[int, float]:
        """Return the error of each evaluated snapshot on the frames that were kept for testing.

        Returns
        -------
        dict of int to float
            Number of the snapshot → root mean square error of all test points in pixels, NaN where DeepLabCut
            gave none. Only results of this shuffle and training fraction count; of several for one snapshot
            the last.

        Raises
        ------
        FormatError
            If the table is damaged.
        """
        path = self.evaluation_file
        if path is None:
            return {}
        errors: dict[int, float] = {}
        for line, row in _rows(path):
            try:
                if "Shuffle number" in row and int(float(row["Shuffle number"])) != self.shuffle:
                    continue
                fraction = float(row.get("%Training dataset") or "nan")
                # DeepLabCut 2 writes percent, DeepLabCut 3 a share of 1.
                percent = round(fraction * 100 if fraction <= 1 else fraction)
                if self.training_fraction is not None and percent != self.training_fraction:
                    continue
            except (ValueError, OverflowError):
                # A share that is missing tells nothing against the row.
                pass
            try:
                number = next(int(float(row[name])) for name in _NUMBER if name in row)
                error = next(float(row[name] or "nan") for name in _TEST_ERROR if name in row)
            except (ValueError, OverflowError, StopIteration) as problem:
                raise FormatError(
                    f"{path}, line {line}: no snapshot or no test error can be read there.",
                    "Remove the file and evaluate again.",
                ) from problem
            errors[number] = error
        return errors

    def best(self) -> Snapshot | None:
        """Return the best snapshot, or None if there is none.

        It is the one that DeepLabCut calls best; without such, the one with the lowest test error in the
        evaluation results (the earliest of equal ones); without results, the last. With ``use_last`` it is
        the one of the last epoch of DeepLabCut 3's, whatever the results say; if that epoch is the best, too,
        DeepLabCut has it under that name alone.

        Raises
        ------
        FormatError
            If the table of results is needed and damaged.
        """
        if not self.snapshots:
            return None
        if self.use_last and self.engine == "pytorch":
            return max(self.snapshots, key=lambda snapshot: (snapshot.number, not snapshot.best))
        best = [snapshot for snapshot in self.snapshots if snapshot.best]
        if best:
            return best[-1]
        errors = self.test_errors()
        evaluated = [s for s in self.snapshots if not math.isnan(errors.get(s.number, math.nan))]
        if evaluated:
            return min(evaluated, key=lambda snapshot: (errors[snapshot.number], snapshot.number))
        return self.snapshots[-1]

    def config_file(self, kind: Literal["train", "test"] = "train") -> Path | None:
        """Return the model's configuration, None if there is no training dataset.

        It is ``pytorch_config.yaml`` for training with DeepLabCut 3, else ``pose_cfg.yaml``.
        """
        if self.folder is None:
            return None
        name = "pytorch_config.yaml" if (self.engine, kind) == ("pytorch", "train") else "pose_cfg.yaml"
        return self.folder / kind / name

    @property
    def predictions_folder(self) -> Path:
        """Where predictions of this iteration go."""
        return self.project / "videos" / f"iteration-{self.iteration}"

    def predictions(self, video_stem: str) -> list[Path]:
        """Return the prediction files (h5) of a video by number of the snapshot, the best one's last."""
        return predictions_in(self.predictions_folder, video_stem)

    def prediction_of(self, video_stem: str, snapshot: Snapshot | None) -> Path | None:
        """Return the predictions that a snapshot made for a video, None if there are none."""
        return made_by(snapshot, self.predictions(video_stem))


def predictions_in(folder: Path, video_stem: str) -> list[Path]:
    """Return DeepLabCut's prediction files (h5) of a video in a folder, by number of the snapshot."""
    start = f"{video_stem}DLC"
    paths = folder.glob("*.h5") if folder.is_dir() else []
    found = [path for path in paths if path.name.startswith(start) and path.is_file()]
    return sorted(found, key=lambda path: (*_predicted_by(path), path.name))


def made_by(snapshot: Snapshot | None, predictions: Sequence[Path]) -> Path | None:
    """Return the newest of the predictions that a snapshot made, None if there are none."""
    if snapshot is None:
        return None
    made = (snapshot.best, snapshot.number)
    found = [path for path in predictions if _predicted_by(path) == made]
    return max(found, key=lambda path: path.stat().st_mtime) if found else None


def _predicted_by(path: Path) -> tuple[bool, int]:
    """Return whether the best snapshot made the predictions, and the snapshot's number; -1 if unknown."""
    match = _PREDICTED_BY.search(path.stem)
    return (bool(match["best"]), int(match["number"])) if match else (False, -1)


def iterations_on_disk(project: Path) -> dict[int, list[Engine]]:
    """Return the iterations that have a folder for models, and of which engines; ascending."""
    found: dict[int, list[Engine]] = {}
    for engine in ENGINES:
        for path in entries(models_folder(project, engine)):
            match = re.fullmatch(r"iteration-(\d+)", path.name)
            if match and path.is_dir():
                found.setdefault(int(match[1]), []).append(engine)
    return dict(sorted(found.items()))


def find_layout(
    project: Path,
    iteration: int,
    *,
    prefer: Engine = "pytorch",
    fraction: int | None = None,
    use_last: bool = False,
) -> IterationLayout:
    """Find out what is on disk of an iteration.

    Parameters
    ----------
    project : Path
        The project's folder.
    iteration : int
        Its number; nothing of it need exist.
    prefer : {"pytorch", "tensorflow"}
        Which engine it is if both or none have it.
    fraction : int, optional
        Percent of the training fraction to prefer if there are several.
    use_last : bool
        See :class:`IterationLayout`.

    Returns
    -------
    IterationLayout
        Of several shuffles the first that is trained, else the first.
    """
    candidates = []
    for engine in ENGINES:
        for path in entries(models_folder(project, engine) / f"iteration-{iteration}"):
            match = _MODEL_FOLDER.fullmatch(path.name)
            if match and path.is_dir():
                untrained = not _snapshots(path, engine)
                order = (
                    untrained,
                    engine != prefer,
                    int(match["fraction"]) != fraction,
                    int(match["shuffle"]),
                )
                candidates.append((order, engine, path))
    if not candidates:
        engines = iterations_on_disk(project).get(iteration, [])
        engine = engines[0] if len(engines) == 1 else prefer
        return IterationLayout(project, iteration, engine, None, use_last)
    _, engine, folder = min(candidates)
    return IterationLayout(project, iteration, engine, folder, use_last)


def _snapshots(folder: Path, engine: Engine) -> list[Snapshot]:
    found = []
    for path in entries(folder / "train"):
        match = _SNAPSHOT[engine].fullmatch(path.name)
        if match:
            found.append(Snapshot(int(match["number"]), bool(match["best"]), path))
    return sorted(found, key=lambda snapshot: (snapshot.best, snapshot.number))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
            for row in reader:
                if any(row.values()):
                    yield reader.line_num, {key: (value or "").strip() for key, value in row.items() if key}
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path} is no text table ({error}).", "Remove it and evaluate again.") from error
    except OSError as error:
        raise read_error(path, error) from error
