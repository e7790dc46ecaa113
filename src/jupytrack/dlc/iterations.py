"""The iterations of a project: which there are, which are trained, and which snapshot is best."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jupytrack.dlc.config import ConfigFile
from jupytrack.dlc.layout import Engine, IterationLayout, Snapshot, find_layout, iterations_on_disk
from jupytrack.dlc.settings import Settings
from jupytrack.dlc.training import is_active, trainings_in
from jupytrack.errors import AnnotationError, FormatError

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Iterations"]

USE_LAST = "DLC3_USE_LAST_SNAPSHOT"


class Iterations:
    """Iterations and snapshots of :class:`jupytrack.DLCProject`."""

    path: Path
    settings: Settings
    _config: ConfigFile

    @property
    def engine(self) -> Engine:
        """The engine that the project is for: as in config.yaml, else as its iterations on disk say."""
        named = str(self._config.get("engine") or "").lower()
        if named:
            return "pytorch" if named in ("pytorch", "torch") else "tensorflow"
        engines = list(iterations_on_disk(self.path).values())
        return "tensorflow" if engines and "pytorch" not in engines[-1] else "pytorch"

    def layout(self, iteration: int | None = None) -> IterationLayout:
        """Return what is on disk of an iteration, which need not exist.

        Parameters
        ----------
        iteration : int, optional
            Its number; by default :attr:`current_iteration`.
        """
        share = self.training_fraction
        return find_layout(
            self.path,
            self.current_iteration if iteration is None else iteration,
            prefer=self.engine,
            fraction=None if share is None else int(100 * share),
            use_last=bool(self.settings.get(USE_LAST, False)),
        )

    @property
    def training_fraction(self) -> float | None:
        """The share of labelled frames to train with, the first in config.yaml; None if it is no share."""
        fractions = self._config.get("TrainingFraction")
        first = fractions[0] if isinstance(fractions, list) and fractions else fractions
        return float(first) if isinstance(first, int | float) and 0 < first <= 1 else None

    @property
    def current_iteration(self) -> int:
        """The iteration in config.yaml.

        It can be set to a number, to ``"latest"``, or to ``"next"``, which is the one after the latest if
        that is trained.
        """
        return int(self._config.get("iteration") or 0)

    @current_iteration.setter
    def current_iteration(self, iteration_num: int | Literal["latest", "next"]) -> None:
        if iteration_num in ("latest", "next"):
            number = self.latest_iteration
            number += iteration_num == "next" and self.iteration_is_trained(number)
        else:
            number = iteration_num  # type: ignore[assignment]
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise AnnotationError(
                f"{iteration_num!r} is no iteration.", 'Give a number from 0, "latest" or "next".'
            )
        self._config.edit({"iteration": number})

    @property
    def all_iterations(self) -> list[int]:
        """The iterations that have a folder for models, of either engine, ascending."""
        return list(iterations_on_disk(self.path))

    @property
    def latest_iteration(self) -> int:
        """The last of :attr:`all_iterations`, 0 if there are none."""
        return max(self.all_iterations, default=0)

    @property
    def latest_trained_iteration(self) -> int:
        """The last iteration with snapshots, -1 if there are none."""
        return next((n for n in reversed(self.all_iterations) if self.iteration_is_trained(n)), -1)

    @property
    def next_layer_name(self) -> str:
        """Name of the layer to label in next: ``iteration-<N+1>`` after the last iteration N that is trained.

        One that is being trained counts as trained, since it does not learn what is labelled from now on.
        """
        runs = [run for run in trainings_in(self.path) if "train" in run.stages and is_active(run.state)]
        return f"iteration-{max([self.latest_trained_iteration, *(run.iteration for run in runs)]) + 1}"

    @property
    def all_snapshots(self) -> dict[int, list[int]]:
        """Iteration → numbers of its snapshots, ascending, the one that DeepLabCut calls best at the end.

        Numbers are epochs (DeepLabCut 3) or steps (DeepLabCut 2). The order is the one of DeepLabCut's
        ``snapshotindex``.
        """
        return {n: [each.number for each in self.layout(n).snapshots] for n in self.all_iterations}

    def current_iteration_is_trained(self) -> bool:
        """Tell whether the current iteration has snapshots."""
        return self.iteration_is_trained(self.current_iteration)

    def latest_iteration_is_trained(self) -> bool:
        """Tell whether the latest iteration has snapshots."""
        return self.iteration_is_trained(self.latest_iteration)

    def iteration_is_trained(self, iteration_num: int) -> bool:
        """Tell whether an iteration has snapshots.

        Parameters
        ----------
        iteration_num : int
            Its number.
        """
        return self.layout(iteration_num).is_trained

    def increment_iteration(self) -> Self:
        """Go to the latest iteration, or to the one after it if that is trained; returns the project."""
        self.current_iteration = "next"
        return self

    def get_pose_cfg_file(
        self, iteration_num: int | None = None, type_: Literal["train", "test"] = "train"
    ) -> Path:
        """Return the configuration of an iteration's model.

        Parameters
        ----------
        iteration_num : int, optional
            Its number; by default the current one.
        type_ : {"train", "test"}
            Which of the two folders of the model.

        Returns
        -------
        Path
            ``pytorch_config.yaml`` for training with DeepLabCut 3, else ``pose_cfg.yaml``.

        Raises
        ------
        FormatError
            If there is no such file.
        """
        if type_ not in ("train", "test"):
            raise AnnotationError(f"{type_!r} is no folder of a model.", 'Give "train" or "test".')
        layout = self.layout(iteration_num)
        path = layout.config_file(type_)
        if path is None or not path.is_file():
            raise FormatError(
                f"Iteration {layout.iteration} of {self.path} has no configuration of a model"
                + (f": there is no {path}." if path else "."),
                "Create a training dataset first.",
            )
        return path

    def get_best_snapshot(self, iteration_num: int | None = None) -> int:
        """Return the number of an iteration's best snapshot.

        It is the one that DeepLabCut calls best; without such, the one with the lowest test error in the
        evaluation results; without results, the last. If the setting ``DLC3_USE_LAST_SNAPSHOT`` is true, it
        is the last one of an iteration of DeepLabCut 3.

        Parameters
        ----------
        iteration_num : int, optional
            Its number; by default the current one.

        Raises
        ------
        AnnotationError
            If the iteration is not trained.
        FormatError
            If the evaluation results are needed and damaged.
        """
        return self._best(self.layout(iteration_num)).number

    def get_best_snapshot_test_error(self, iteration_num: int | None = None) -> float:
        """Return the error of an iteration's best snapshot on the frames that were kept for testing.

        Parameters
        ----------
        iteration_num : int, optional
            Its number; by default the last that is trained.

        Returns
        -------
        float
            Root mean square error of all test points in pixels, whatever their likelihood; NaN if DeepLabCut
            gave none, -1.0 if the snapshot is not evaluated.
        """
        layout = self.layout(self.latest_trained_iteration if iteration_num is None else iteration_num)
        best = layout.best()
        return -1.0 if best is None else layout.test_errors().get(best.number, -1.0)

    def get_best_snapshot_idx(self, iteration_num: int | None = None) -> int:
        """Return the place of the best snapshot in :attr:`all_snapshots`, which is DeepLabCut's index of it.

        Parameters and errors as for :meth:`get_best_snapshot`.
        """
        layout = self.layout(iteration_num)
        return layout.snapshots.index(self._best(layout))

    def _best(self, layout: IterationLayout) -> Snapshot:
        best = layout.best()
        if best is None:
            trained = [str(n) for n in self.all_iterations if self.iteration_is_trained(n)]
            raise AnnotationError(
                f"Iteration {layout.iteration} of {self.path} is not trained.",
                f"Trained are {', '.join(trained)}." if trained else "Train it first.",
            )
        return best
