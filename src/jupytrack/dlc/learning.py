"""What a project has deeplabcut do: training, evaluation, analysis.

All of it runs in a process of its own (:mod:`jupytrack.dlc.worker`), so that it survives the kernel, and so
that a kernel loads neither torch nor deeplabcut.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, cast

from jupytrack.dlc.checks import (
    check_labels,
    check_pytorch,
    check_source,
    check_split,
    is_indexed,
    labelled_frame_count,
    network_of,
    project_videos,
)
from jupytrack.dlc.extraction import label_sources
from jupytrack.dlc.starting import labels_changed, options_of, start_run, train_options, wait_telling
from jupytrack.dlc.training import Training, is_active, trainings_in
from jupytrack.dlc.videos import PathLike
from jupytrack.errors import TrainingError

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject

__all__ = ["Learning", "RefineMode"]

Videos = Sequence[int | PathLike] | int | PathLike
RefineMode = Literal["scratch", "pretrained", "in_project", "external", "auto"]
P = ParamSpec("P")
Q = ParamSpec("Q")
S = TypeVar("S")


def _takes_arguments_of(
    start: Callable[Concatenate[Any, P], Any],
) -> Callable[[Callable[Concatenate[S, Q], S]], Callable[Concatenate[S, P], S]]:
    """Give a method the arguments of another one, for people, editors and type checkers."""

    def give(method: Any) -> Any:
        method.__signature__ = inspect.signature(start).replace(return_annotation="DLCProject")
        return method

    return give


class Learning:
    """The learning side of :class:`jupytrack.DLCProject`.

    Methods that wait for what they do return the project, so that calls can be chained.
    """

    @property
    def _project(self) -> DLCProject:
        """The same object, as the class that mixes this one in."""
        return cast("DLCProject", self)

    @property
    def trainings(self) -> list[Training]:
        """The trainings of this project, oldest first, whichever kernel began them."""
        return [training for training in trainings_in(self._project.path) if "train" in training.stages]

    @property
    def training(self) -> Training | None:
        """The newest training that waits or runs, else the newest of all; None if there never was one."""
        found = self.trainings
        active = [training for training in found if is_active(training.state)]
        return next(reversed(active or found), None)

    def start_training(
        self,
        *,
        refine_mode: RefineMode = "scratch",
        source_iteration: int | None = None,
        source_snapshot: int | None = None,
        external_snapshot_path: PathLike | None = None,
        epochs: int | None = None,
        maxiters: int | None = None,
        batch_size: int | None = None,
        max_snapshots_to_keep: int | None = None,
        create_video: bool = False,
        videos: Videos | None = None,
        analyze_batchsize: int | None = None,
        device: str | None = None,
        net_type: str | None = None,
        pytorch_cfg_updates: Mapping[str, Any] | None = None,
        annotation_file_names: Sequence[PathLike] | None = None,
    ) -> Training:
        """Train the next iteration in a process of its own, and return at once.

        The process extracts the labelled frames, goes to the next iteration if the latest one is trained,
        makes the training dataset, trains, evaluates all snapshots, and analyses videos with the best one. It
        goes on when the kernel is restarted or interrupted and when the browser is closed; any kernel finds
        it as :attr:`training`.

        ``epochs``, ``batch_size``, ``max_snapshots_to_keep``, ``analyze_batchsize``, ``device``, ``net_type``
        and ``pytorch_cfg_updates`` may be kept in ``project.settings["training"]``, a dict; what is None here
        is as it says there.

        Parameters
        ----------
        refine_mode : {"scratch", "pretrained", "in_project", "external", "auto"}
            Weights to begin with: random; ImageNet's, from the hub or its cache; those of a snapshot in this
            project; those of a snapshot file; ImageNet's where they can be had, else random.
        source_iteration : int, optional
            For ``"in_project"``: the trained iteration whose weights to take.
        source_snapshot : int, optional
            For ``"in_project"``: the snapshot's number; the best one by default.
        external_snapshot_path : path, optional
            For ``"external"``: the ``.pt`` file.
        epochs, maxiters : int, optional
            How long to train; 50 epochs by default. Two names for one thing, the second is DUSTrack's.
        batch_size : int, optional
            Frames a step; the model's default if omitted.
        max_snapshots_to_keep : int, optional
            Snapshots that stay on disk beside the best one; 20 by default. One is saved every fifth of the
            epochs, at least every 25.
        create_video : bool
            Write a labelled video (H.264) for each analysed one.
        videos : sequence of int or path, optional
            Videos to analyse, by index, name or path; all of the project by default.
        analyze_batchsize : int, optional
            Frames a step in the analysis; the project's ``batch_size`` or 4 by default.
        device : str, optional
            ``"auto"`` (a CUDA GPU when there is one; the default), or a name that torch knows. If another run
            uses the device, this one waits.
        net_type : str, optional
            DeepLabCut's name of the network; by default that of the source, or the project's.
        pytorch_cfg_updates : mapping, optional
            Options of the model by dotted name, as ``{"train_settings.batch_size": 4}``.
        annotation_file_names : sequence of path, optional
            Annotation files to learn from; by default all that people made.

        Returns
        -------
        Training
            The run.

        Raises
        ------
        ValueError
            If ``refine_mode`` and the other arguments do not fit together, if the source is not trained, if a
            video is not there, or if the settings keep another option.
        TypeError
            If ``source_iteration``, ``source_snapshot`` or ``epochs`` is no int.
        FileNotFoundError
            If ``external_snapshot_path`` does not exist.
        TrainingError
            If there are too few labelled frames for training and testing, or if another run of this project
            goes on. Labels of videos that were never opened are checked by the run itself, since that takes
            long.
        MissingDependencyError
            If deeplabcut is not installed, or the iteration belongs to TensorFlow.
        """
        project = self._project
        begin = check_source(
            project,
            refine_mode,
            source_iteration=source_iteration,
            source_snapshot=source_snapshot,
            external_snapshot_path=external_snapshot_path,
        )
        how = options_of(
            project,
            epochs=epochs,
            maxiters=maxiters,
            batch_size=batch_size,
            max_snapshots_to_keep=max_snapshots_to_keep,
            analyze_batchsize=analyze_batchsize,
            device=device,
            net_type=net_type,
            pytorch_cfg_updates=pytorch_cfg_updates,
        )
        iteration = project.latest_iteration + project.latest_iteration_is_trained()
        check_pytorch(project.layout(iteration).engine, f"The project {project.name}", "trained")
        chosen = project_videos(project, videos)
        names = None if annotation_file_names is None else [str(Path(n)) for n in annotation_file_names]
        if all(is_indexed(project.video_list[place]) for place in label_sources(project, names)):
            check_labels(project, names)
        return start_run(
            project,
            ["frames", "dataset", "train", "evaluate", "analyse", *(["video"] if create_video else [])],
            iteration,
            begin=begin,
            epochs=how["epochs"],
            device=how["device"],
            net_type=network_of(project, begin, net_type) or how["net_type"],
            pytorch_cfg_updates=dict(how["pytorch_cfg_updates"]),
            videos=[str(path) for path in chosen],
            annotation_file_names=names,
            train_options=train_options(how),
            analyse_options={"batch_size": how["analyze_batchsize"]},
        )

    @_takes_arguments_of(start_training)
    def train_iteration(self, /, **options: Any) -> Self:
        """Train the next iteration and wait for it; arguments and errors are those of :meth:`start_training`.

        Interrupting this leaves the training going; ``project.training.cancel()`` stops it.

        Raises
        ------
        TrainingError
            If the training failed or was cancelled.
        """
        return self._finish(self.start_training(**options))

    def start_analysis(
        self,
        iteration_num: int | None = None,
        snapshotindex: int | None = None,
        *,
        create_video: bool = False,
        device: str = "auto",
        videos: Videos | None = None,
        **options: Any,
    ) -> Training:
        """Analyse videos in a process of its own, and return at once; see :meth:`analyze_videos`.

        Returns
        -------
        Training
            The run; its ``predictions`` are the files once it is done.
        """
        iteration = self._project.current_iteration if iteration_num is None else iteration_num
        layout = self._project.layout(iteration)
        check_pytorch(layout.engine, f"Iteration {iteration}", "analysed")
        if not layout.snapshots:
            trained = [number for number, found in self._project.all_snapshots.items() if found]
            raise ValueError(f"Iteration {iteration} is not trained. Trained iterations: {trained}.")
        name = None
        if snapshotindex is not None:
            try:
                name = layout.snapshots[snapshotindex].path.name
            except IndexError:
                raise ValueError(
                    f"snapshotindex {snapshotindex} is out of range: iteration {iteration} has "
                    f"{len(layout.snapshots)} snapshots."
                ) from None
        return start_run(
            self._project,
            ["analyse", "video"] if create_video else ["analyse"],
            iteration,
            device=device,
            videos=[str(path) for path in project_videos(self._project, videos)],
            snapshot=name,
            analyse_options=options,
        )

    def analyze_videos(
        self,
        iteration_num: int | None = None,
        snapshotindex: int | None = None,
        create_video: bool = True,
        **kwargs: Any,
    ) -> Self:
        """Predict the body parts in videos, anew if there are predictions already.

        The results go to ``videos/iteration-<N>``.

        Parameters
        ----------
        iteration_num : int, optional
            Whose model; the current iteration's by default.
        snapshotindex : int, optional
            Place of the snapshot in ``all_snapshots[iteration_num]``, from the end if negative; the best one
            by default.
        create_video : bool
            Write a labelled video (H.264) for each.
        **kwargs
            ``videos`` (indices, names or paths; all by default), ``device``, and more for
            ``deeplabcut.analyze_videos``.

        Raises
        ------
        ValueError
            If the iteration is not trained, or a video or snapshot is not there.
        TrainingError
            If the analysis fails.
        MissingDependencyError
            If deeplabcut is not installed, or the iteration belongs to TensorFlow.
        """
        kwargs.setdefault("save_as_csv", True)
        return self._finish(
            self.start_analysis(iteration_num, snapshotindex, create_video=create_video, **kwargs)
        )

    def create_training_dataset(self, **kwargs: Any) -> Self:
        """Make the training dataset of the current iteration from the extracted frames.

        Parameters
        ----------
        **kwargs
            For ``deeplabcut.create_training_dataset``, such as ``net_type``.

        Raises
        ------
        TrainingError
            If the iteration is trained already (its model would be described anew, and its snapshots not fit
            any more), or there are too few labelled frames.
        """
        iteration = self._project.current_iteration
        layout = self._project.layout(iteration)
        check_pytorch(layout.engine, f"Iteration {iteration}", "trained")
        options = {"Shuffles": kwargs.pop("Shuffles", [1]), **kwargs}
        if layout.snapshots and layout.shuffle in options["Shuffles"]:
            raise TrainingError(
                f"Iteration {iteration} is trained already, with the dataset that it has.",
                "Go to a new one with increment_iteration().",
            )
        check_split(self._project, labelled_frame_count(self._project))
        net = options.pop("net_type", None) or options_of(self._project)["net_type"]
        return self._finish(
            start_run(self._project, ["dataset"], iteration, net_type=net, dataset_options=options)
        )

    def train(self, **kwargs: Any) -> Self:
        """Train the current iteration, whose training dataset exists.

        It begins with what :meth:`initialize_weights` chose, else with ImageNet weights where they can be had
        and random ones elsewhere; ``training.began_with`` says which.

        Parameters
        ----------
        **kwargs
            ``maxiters`` or ``epochs`` (50 by default), ``max_snapshots_to_keep`` (20), ``snapshot_path``,
            ``device``, ``pytorch_cfg_updates``, and more for ``deeplabcut.train_network``.

        Raises
        ------
        TrainingError
            If there is no dataset, if the iteration is trained already, or if the training fails.
        """
        iteration = self._project.current_iteration
        layout = self._project.layout(iteration)
        check_pytorch(layout.engine, f"Iteration {iteration}", "trained")
        if layout.folder is None:
            raise TrainingError(
                f"Iteration {iteration} has no training dataset.", "Call create_training_dataset() first."
            )
        if layout.snapshots:
            raise TrainingError(
                f"Iteration {iteration} is trained already.",
                "Train a new one with train_iteration(), or go to it with increment_iteration().",
            )
        begin = self._project.settings.get("weights", {}).get(str(iteration), {"mode": "auto"})
        snapshot = kwargs.pop("snapshot_path", None)
        if snapshot is not None:
            begin = check_source(self._project, "external", external_snapshot_path=snapshot)
        ours = ("epochs", "maxiters", "batch_size", "max_snapshots_to_keep", "device", "pytorch_cfg_updates")
        how = options_of(self._project, **{name: kwargs.pop(name) for name in ours if name in kwargs})
        return self._finish(
            start_run(
                self._project,
                ["train"],
                iteration,
                begin=begin,
                epochs=how["epochs"],
                device=how["device"],
                pytorch_cfg_updates=dict(how["pytorch_cfg_updates"]),
                train_options={**train_options(how), **kwargs},
            )
        )

    def evaluate(self, **kwargs: Any) -> Self:
        """Evaluate every snapshot of the current iteration on the labelled frames.

        Parameters
        ----------
        **kwargs
            ``device``, and more for ``deeplabcut.evaluate_network``, such as ``plotting``.
        """
        return self._evaluate(self._project.current_iteration, **kwargs)

    def _evaluate(self, iteration: int, **kwargs: Any) -> Self:
        layout = self._project.layout(iteration)
        check_pytorch(layout.engine, f"Iteration {iteration}", "evaluated")
        if not layout.snapshots:
            raise TrainingError(f"Iteration {iteration} has no snapshot to evaluate.", "Train it first.")
        device = kwargs.pop("device", "auto")
        return self._finish(
            start_run(self._project, ["evaluate"], iteration, device=device, evaluate_options=kwargs)
        )

    def initialize_weights(
        self,
        source_iteration: int | None = None,
        source_snapshot: int | None = None,
        dest_iteration: int | None = None,
    ) -> Self:
        """Choose the weights of an earlier iteration for the next :meth:`train` to begin with.

        Parameters
        ----------
        source_iteration : int, optional
            Whose weights; the last but one's by default. Nothing happens if there is only one iteration.
        source_snapshot : int, optional
            The snapshot's number; the best one by default.
        dest_iteration : int, optional
            Which iteration to begin with them; the latest by default.
        """
        known = self._project.all_iterations
        if source_iteration is None:
            if len(known) < 2:
                return self
            source_iteration = known[-2]
        begin = check_source(
            self._project, "in_project", source_iteration=source_iteration, source_snapshot=source_snapshot
        )
        target = str(self._project.latest_iteration if dest_iteration is None else dest_iteration)
        self._project.settings["weights"] = {**self._project.settings.get("weights", {}), target: begin}
        return self

    def process(
        self,
        iteration_num: int | str | None = None,
        maxiters: int | None = None,
        refine: bool | PathLike = True,
        create_video: bool = True,
        source_snapshot: int | None = None,
        **kwargs: Any,
    ) -> Self:
        """Do what the project needs next: extract frames, train, evaluate, analyse.

        An iteration that was asked for and is trained is evaluated (unless it was) and its videos are
        analysed. The latest one is trained if it is not; if it is, and labels have changed since (or
        ``maxiters`` is given), a new one is trained; else its videos are analysed.

        Parameters
        ----------
        iteration_num : int or "latest", optional
            Which iteration; the latest by default.
        maxiters : int, optional
            Epochs; 50 by default.
        refine : bool or path
            Begin with the weights of the latest trained iteration if there is one, or with those of a
            snapshot file. Without either, with ImageNet weights where they can be had, else random ones.
        create_video : bool
            Write a labelled video for each.
        source_snapshot : int, optional
            The snapshot to begin with, in the latest trained iteration; the best one by default.
        **kwargs
            ``videos`` and the other options of :meth:`start_training`.
        """
        latest = self._project.latest_iteration
        asked = None if iteration_num in (None, "latest") else int(iteration_num)
        if asked is not None and asked > max(latest, 0):
            raise ValueError(f"There is no iteration {asked}. Iterations: {self._project.all_iterations}.")
        number = latest if asked is None else asked
        unchanged = maxiters is None and not labels_changed(self._project, number)
        if number >= 0 and self._project.iteration_is_trained(number) and (asked is not None or unchanged):
            if asked is None:
                print(f"No labels have changed since iteration {number} was trained: analysing its videos.")
            if self._project.layout(number).evaluation_file is None:
                self._evaluate(number)
            chosen = {"videos": kwargs.get("videos"), "batch_size": kwargs.get("analyze_batchsize")}
            more = {key: value for key, value in chosen.items() if value is not None}
            return self.analyze_videos(number, create_video=create_video, **more)
        source = self._project.latest_trained_iteration
        begin: dict[str, Any] = {"refine_mode": "auto"}
        if not isinstance(refine, bool):
            begin = {"refine_mode": "external", "external_snapshot_path": refine}
        elif refine and source >= 0:
            begin = {
                "refine_mode": "in_project",
                "source_iteration": source,
                "source_snapshot": source_snapshot,
            }
        return self.train_iteration(maxiters=maxiters, create_video=create_video, **begin, **kwargs)

    def _finish(self, run: Training) -> Self:
        wait_telling(run)
        return self
