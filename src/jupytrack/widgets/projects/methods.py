"""The annotator's methods for DeepLabCut projects."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from jupytrack.annotation.layers import LayerStack
from jupytrack.dlc.corrections import (
    CORRECTIONS_LAYER_NAME,
    MANUAL_CORRECTIONS_SUFFIX,
    apply_corrections,
)
from jupytrack.dlc.preflight import (
    LayerIssues,
    restore_dropped,
    save_cancelled_out,
    scan,
)
from jupytrack.errors import AnnotationError, JupytrackError
from jupytrack.jobs import Job
from jupytrack.widgets.actions.layers import select_layer
from jupytrack.widgets.projects.comparison import compare_others
from jupytrack.widgets.projects.creating import Creating
from jupytrack.widgets.projects.train_form import defaults_of

if TYPE_CHECKING:
    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.dlc.comparison import IterationComparison
    from jupytrack.dlc.project import DLCProject
    from jupytrack.dlc.training import Training
    from jupytrack.widgets.projects.panel import ProjectPanel
    from jupytrack.widgets.queue.video_queue import VideoQueue
    from jupytrack.widgets.session import Session

__all__ = ["Projects"]

# arguments of DLCProject.process, in order
_PROCESS = ("iteration_num", "maxiters", "refine", "create_video", "source_snapshot")


class Projects(Creating):
    """The part of the annotator that works with a DeepLabCut project."""

    CORRECTIONS_LAYER_NAME = CORRECTIONS_LAYER_NAME
    MANUAL_CORRECTIONS_SUFFIX = MANUAL_CORRECTIONS_SUFFIX

    session: Session
    jobs: ipywidgets.VBox
    project_panel: ProjectPanel
    queue: VideoQueue | None
    _project: tuple[str, DLCProject | None] | None = None

    @property
    def project(self) -> DLCProject | None:
        """The DeepLabCut project that the video is in; None if it is in none."""
        fname = str(self.session.video.fname)
        if self._project is None or self._project[0] != fname:
            try:
                self._project = (fname, _project_of(Path(fname)))
            except JupytrackError as error:
                # once is enough: nothing of it can be done until the file is mended
                self._project = (fname, None)
                self.session.notify("warning", error.problem, error.remedy)
        return self._project[1]

    @property
    def _dlcproject(self) -> DLCProject | None:
        """DUSTrack's name for :attr:`project`."""
        return self.project

    def _required_labels(self) -> list[str] | None:
        """Return the labels of the project's body parts; None without a project."""
        project = self.project
        return None if project is None else list(project.layer_labels.values())

    def _require_project(self) -> DLCProject:
        project = self.project
        if project is None:
            raise AnnotationError(
                f"{Path(self.session.video.fname).name} is in no DeepLabCut project.",
                "Make one with create_dlc_project(), or open the copy of the video in a project's videos.",
            )
        return project

    # corrections

    def apply_manual_corrections(self, event: Any = None) -> VideoAnnotation:
        """Splice the active layer's points into the overlay, usually a model's trace.

        The result is the layer ``dlccorr``, which is saved beside the video and never trained on: every point
        of the overlay, but where the active layer has one, that. The active layer is saved first and gets
        ``_manual_corrections`` at the end of its name, in the session and on the disk; it becomes the overlay
        and ``dlccorr`` the active layer. To correct more, make the layer with your points active again and
        the trace the overlay, place points, and apply again: ``dlccorr`` is made anew then, and what was
        edited in it by hand is gone from it (undo brings it back).

        Parameters
        ----------
        event : object, optional
            Ignored.

        Returns
        -------
        VideoAnnotation
            The corrections layer.

        Raises
        ------
        AnnotationError
            If there is no overlay; if the active layer is the corrections layer, the overlay, or one made by
            a program.
        ConflictError
            If one of the layers is read-only.
        """
        session = self.session
        session.require_writable()
        with session.lock, session.batch():
            applied = apply_corrections(session.layers)
        for name in (applied.patch, applied.layer.name):
            session.forget_unsaved(name)
        text = (
            f"{applied.points} points of {applied.patch!r} are in {applied.trace!r} now: that is layer "
            f"{applied.layer.name!r}."
        )
        if applied.alone:
            text += f" The trace has no label {', '.join(applied.alone)}: those stay as sparse as they were."
        session.notify("warning" if applied.alone else "info", text, "Undo takes it back.")
        return applied.layer

    def restore_dropped_frames(self, file: str | Path | None = None) -> int:
        """Bring back frames that were dropped from the active layer before a training, as one edit.

        See :func:`jupytrack.dlc.preflight.restore_dropped`, whose ``file`` and result these are.
        """
        session = self.session
        session.require_writable()
        with session.lock, session.batch():
            count = restore_dropped(session.ann, file)
        points = "point" if count == 1 else "points"
        session.notify("info", f"{count} {points} came back into layer {session.layers.active!r}.")
        return count

    # training

    def preflight_issues(self) -> list[LayerIssues]:
        """Return what is unsaved or incomplete in the layers by hand of every video of the project.

        Layers that are not open are read from their files and journals.
        """
        required = self._required_labels()
        return [
            issues for video, layers in self._layers_of_project() for issues in scan(layers, video, required)
        ]

    def _layers_of_project(self) -> list[tuple[Path, list[VideoAnnotation]]]:
        """Return the videos of the project, this one first, each with its layers that are open here."""
        found: dict[Path, tuple[Path, list[VideoAnnotation]]] = {}
        for panel in self.project_panel.all_of_project():
            video = Path(panel.session.video.fname)
            found.setdefault(_place(video), (video, []))[1].extend(panel.session.layers)
        for video in () if self.project is None else self.project.video_list:
            found.setdefault(_place(video), (video, []))
        return list(found.values())

    def ask_process_dlc_project(self, **defaults: Any) -> None:
        """Show the form for a training.

        Parameters
        ----------
        **defaults
            Arguments of :meth:`DLCProject.start_training` that the form begins with; those it has no field
            for are passed on. ``project.settings["training"]`` may hold some for good.
        """
        project = self._require_project()
        self._refuse_second(project)
        self.project_panel.ask_train(project, defaults, self._train)

    def process_dlc_project(
        self,
        event: Any = None,
        *args: Any,
        wait: bool = True,
        clean: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Train the project's next iteration, and show its predictions as the overlay.

        Unsaved layers by hand are saved first. The training is a process of its own, so that it goes on if
        the kernel is restarted; an annotator opened then shows it again.

        Parameters
        ----------
        event : object, optional
            Ignored.
        *args
            As for :meth:`DLCProject.process`: ``iteration_num`` (ignored), ``maxiters``, ``refine``,
            ``create_video``, ``source_snapshot``.
        wait : bool
            Whether to return only when it has ended. Interrupting this leaves the training going on.
        clean : bool, optional
            What to do about frames that lack body parts: drop them, with a copy beside the layer (True), or
            train with what they have (False). By default it is an error if there are any.
        **kwargs
            Arguments of :meth:`DLCProject.start_training`: ``refine_mode``, ``epochs``, ``batch_size``,
            ``device`` and so on. The default is to go on from the best snapshot of the newest iteration;
            the first one begins with weights from ImageNet where they can be had, else with random ones.

        Returns
        -------
        Annotator or Training
            This annotator; the running training if ``wait`` is False.

        Raises
        ------
        AnnotationError
            If there is no project, or frames are incomplete and ``clean`` was not given.
        TrainingError
            If a training is running already, or it fails.
        """
        project = self._require_project()
        self._refuse_second(project)
        given = _arguments(args, kwargs)
        self._settle(self.preflight_issues(), clean)
        training = self._train(**defaults_of(project, given))
        if not wait:
            return training
        try:
            training.wait()
        except KeyboardInterrupt:
            self.session.notify(
                "info",
                "The training goes on.",
                "Stop it with Cancel, or annotator.project.training.cancel().",
            )
            raise
        self.project_panel.settle(training)
        return self

    def _settle(self, issues: list[LayerIssues], clean: bool | None) -> None:
        incomplete = [one for one in issues if one.incomplete]
        if incomplete and clean is None:
            told_of = "; ".join(f"{one.title}: {one}" for one in incomplete)
            raise AnnotationError(
                f"Some frames lack body parts. {told_of}.",
                "Complete them, or give clean=True to drop them (a copy is kept), or clean=False to train "
                "with them.",
            )
        if not clean:
            issues = [each for one in issues if (each := replace(one, incomplete={}))]
        self.project_panel.clean(issues)

    def _refuse_second(self, project: DLCProject) -> None:
        from jupytrack.dlc.training import is_active

        running = project.training
        if running is not None and is_active(running.state):
            self.project_panel.follow(running)
            raise AnnotationError(
                f"Iteration {running.iteration} is being trained already ({running.text}).",
                "Wait for it, or cancel it first.",
            )

    def _train(self, **options: Any) -> Training:
        for video, layers in self._layers_of_project():
            save_cancelled_out(layers, video)
        training: Training = self._require_project().start_training(**options)
        self.project_panel.follow_everywhere(training)
        return training

    def adopt_predictions(self, training: Training) -> list[str]:
        """Add what a training predicted for this video as layers; the last one becomes the overlay.

        Parameters
        ----------
        training : Training
            One that has ended.

        Returns
        -------
        list of str
            Names of the layers.
        """
        session, names = self.session, []
        video = Path(session.video.fname)
        own = [path for path in training.predictions if path.name.startswith(f"{video.stem}DLC")]
        with session.lock, session.batch():
            for path in own:
                name = LayerStack.canonical_layer_name(path)
                if name in session.layers:
                    session.layers[name].reload(title=f"Predict {name} anew")
                else:
                    session.layers.add(name, path, undoable=True)
                session.layers.overlay = name
                names.append(name)
        project = self.project
        error = -1.0 if project is None else project.get_best_snapshot_test_error(training.iteration)
        count = training.test_frames
        on = f" on {count} frame{'s' if count > 1 else ''}" if count else ""
        test = f" (test error {error:.1f} px{on})" if error >= 0 else ""
        if names:
            fresh = "" if project is None else project.next_layer_name
            where = "the active layer" if session.layers.active == fresh else f"a fresh layer ({fresh!r})"
            session.notify(
                "info",
                f"Iteration {training.iteration} is trained{test}. Its predictions, {names[-1]!r}, are the "
                "overlay now.",
                f"Correct what is wrong in {where}, then train again or apply the corrections.",
            )
        else:
            session.notify("info", f"Iteration {training.iteration} is trained{test}.")
        return names

    def go_on_in_next_layer(self, event: Any = None) -> VideoAnnotation:
        """Make the layer active that the project's next iteration is to learn from: ``iteration-{N+1}``.

        It is made if there is none yet, with the project's body parts as labels; undo takes it away again.
        What was labelled so far stays in the layers it is in, and is learned again.

        Parameters
        ----------
        event : object, optional
            Ignored.

        Returns
        -------
        VideoAnnotation
            The layer.

        Raises
        ------
        AnnotationError
            If there is no project.
        """
        # opening is what makes that layer otherwise
        from jupytrack.opening import labels_of

        project, session = self._require_project(), self.session
        name = project.next_layer_name
        with session.lock, session.batch():
            if name not in session.layers:
                session.layers.add(name, labels=labels_of(project), undoable=True)
            select_layer(session, name)
        session.notify("info", f"Layer {name!r} is active: place and correct points in it.")
        return session.ann

    def compare_iterations(
        self, event: Any = None, before: int | None = None, after: int | None = None, **options: Any
    ) -> IterationComparison:
        """Show what a training changed: points that moved, and where the error grew.

        The list stands in the DeepLabCut panel; a click on a row goes to the frame. The other videos of a
        queue are looked at in the background, and listed below it; a click goes to the video.

        Parameters
        ----------
        event : object, optional
            Ignored.
        before, after : int, optional
            The iterations; by default the two newest with predictions of this video.
        **options
            Those of :func:`jupytrack.dlc.compare_iterations`, such as ``min_times``.

        Returns
        -------
        IterationComparison
            See :func:`jupytrack.dlc.compare_iterations`.

        Raises
        ------
        AnnotationError
            If there are no two iterations with predictions of this video.
        """
        project, session = self._require_project(), self.session
        video = session.video.fname
        found = project.compare_iterations(before, after, video, session.layers, **options)
        self.project_panel.compare(found)
        queue = self.queue
        if queue is not None and queue.active is self and len(queue.videos) > 1:
            others = [each for number, each in enumerate(queue.videos) if number != queue.active_index]
            options |= {"before": before, "after": after}
            job = Job(compare_others, project, others, found, title="Comparing other videos", **options)
            job.when_done(self.project_panel.compare_others)
            self.show_job(job, brief=True)
        return found


def _place(video: Path) -> Path:
    """Return what tells a video from others; a link in the project is the video's name there."""
    return Path(os.path.realpath(video.parent)) / video.name


def _project_of(video: Path) -> DLCProject | None:
    # most videos are in none, and need not load what reads one
    if not (video.absolute().parent.parent / "config.yaml").is_file():
        return None
    from jupytrack.dlc.project import DLCProject

    return DLCProject.find(video)


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return arguments of start_training for those of process, which scripts for DUSTrack use."""
    found = dict(zip(_PROCESS, args, strict=False)) | kwargs
    found.pop("iteration_num", None)
    refine = found.pop("refine", None)
    if refine is False:
        found["refine_mode"] = "auto"
    elif refine not in (None, True):
        found |= {"refine_mode": "external", "external_snapshot_path": refine}
    return {name: value for name, value in found.items() if (name, value) != ("maxiters", None)}
