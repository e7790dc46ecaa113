"""Making a DeepLabCut project of a video and the points on it, and going on in it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from jupytrack.dlc.preflight import save_if_edited
from jupytrack.dlc.training import is_active
from jupytrack.errors import AnnotationError
from jupytrack.jobs import Job, JobCancelled, Progress
from jupytrack.widgets.projects.forms import told

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject
    from jupytrack.widgets.projects.panel import ProjectPanel
    from jupytrack.widgets.queue.video_queue import VideoQueue
    from jupytrack.widgets.session import Session

__all__ = ["Creating", "make_project"]

_CREATING = "Creating the project"


class Creating:
    """The part of the annotator that makes a project."""

    session: Session
    jobs: ipywidgets.VBox
    project_panel: ProjectPanel

    if TYPE_CHECKING:
        # what other parts of the annotator do
        @property
        def project(self) -> DLCProject | None:
            """The DeepLabCut project that the video is in."""

        def show_job(self, job: Job[Any], brief: bool = False) -> None:
            """Show the progress of work in the background."""

        def continue_in(self, queue: VideoQueue) -> None:
            """Give the place on the screen to a queue of videos."""

    def ask_create_dlc_project(self) -> None:
        """Show the form for a new project."""
        self._require_no_project()
        self.project_panel.ask_create(partial(self.create_dlc_project, wait=False))

    def _require_no_project(self) -> None:
        if self.project is not None:
            raise AnnotationError(
                f"This video is in the project {self.project.name!r} already.",
                "Open the original video to make another project of it.",
            )

    def create_dlc_project(
        self,
        event: Any = None,
        name: str | None = None,
        path: str | Path | None = None,
        experimenter: str = "x",
        seed_bundle_path: str | Path | None = None,
        *,
        wait: bool = True,
    ) -> DLCProject | Job[DLCProject]:
        """Make a DeepLabCut project of this video and the active layer, and go on in the project's copy.

        Parameters
        ----------
        event : object, optional
            Ignored.
        name : str, optional
            The project's name, with an underscore in it; by default ``<video>_<layer>``.
        path : path, optional
            Folder to make it in; by default the video's.
        experimenter : str
            Who labels; DeepLabCut calls it the scorer.
        seed_bundle_path : path, optional
            Folder of a seed bundle (see :func:`jupytrack.dlc.extract_snapshot_for_seeding`): its model
            becomes iteration 0, and predicts every frame. Needed if the active layer is empty.
        wait : bool
            Whether to return only when it is made.

        Returns
        -------
        DLCProject or Job
            The project; a job with that result if ``wait`` is False.

        Raises
        ------
        AnnotationError
            If the video is in a project already, or the layer is empty and there is no bundle.
        MissingDependencyError
            If deeplabcut is not installed.
        """
        job = self._create(name, path, experimenter, seed_bundle_path)
        seeded = seed_bundle_path is not None
        if not wait:
            job.when_done(lambda done: self._tell_created(done, seeded))
            return job
        try:
            project = job.result()
        except KeyboardInterrupt:
            job.cancel()
            raise
        self._go_on_in(project, seeded)
        return project

    def _create(
        self,
        name: str | None = None,
        path: str | Path | None = None,
        experimenter: str = "x",
        seed_bundle_path: str | Path | None = None,
    ) -> Job[DLCProject]:
        session = self.session
        self._require_no_project()
        if any(bar.job.title == _CREATING and not bar.job.future.done() for bar in self.jobs.children):
            raise AnnotationError("A project is being made already.", "Wait for it, or cancel it first.")
        ann, video = session.ann, Path(session.video.fname).absolute()
        if not ann.present.any() and seed_bundle_path is None:
            raise AnnotationError(
                f"Layer {ann.name!r} has no points, so there is nothing to learn from.",
                "Label some frames first, or give seed_bundle_path, a model of another project.",
            )
        if ann.fname is None or Path(ann.fname).suffix != ".json":
            raise AnnotationError(
                f"Layer {ann.name!r} is not saved as JSON.", "Save it under a name of its own first."
            )
        session.require_writable()
        save_if_edited(ann)
        session.forget_unsaved(ann.name)
        job: Job[DLCProject] = Job(
            make_project,
            video=video,
            name=name or f"{video.stem}_{ann.name}",
            path=video.parent if path is None else Path(path).expanduser().absolute(),
            experimenter=experimenter,
            suffix=ann.name,
            bundle=None if seed_bundle_path is None else Path(seed_bundle_path).expanduser().absolute(),
            title=_CREATING,
        )
        self.show_job(job)
        return job

    def _tell_created(self, job: Job[DLCProject], seeded: bool) -> None:
        """Go on in the copy of the video once there is one, or say why there is none."""
        session = self.session
        if job.state == "cancelled":
            session.notify("info", "No project was made.")
            return
        if job.state == "failed":
            error = job.future.exception()
            assert error is not None
            session.notify("error", *told(error))
            return
        project = job.future.result()
        try:
            self._go_on_in(project, seeded)
        except Exception as error:
            problem, remedy = told(error)
            session.notify(
                "error",
                f"The project {project.name!r} is made, but could not be opened. {problem}",
                f"{remedy} Open it with jupytrack.open({str(project.path)!r}).",
            )

    def _go_on_in(self, project: DLCProject, seeded: bool) -> None:
        session = self.session
        # it opens the whole annotator, which this is a part of
        from jupytrack.opening import open as open_video

        copy = next(path for path in project.video_list if path.stem == Path(session.video.fname).stem)
        frame, enhancement, theme = session.frame, session.enhancement, session.theme
        options = {} if theme == "auto" else {"dark_mode": theme == "dark"}
        queue: Any = open_video(copy, None if seeded else session.layers.active, **options)
        queue.session.enhancement = enhancement
        queue.session.go_to(frame)
        self.continue_in(queue)
        queue.session.notify(
            "info",
            f"The project {project.name!r} is in {project.path}. You are in its copy of the video now.",
            "Train… in the DeepLabCut panel is the next step.",
        )


def make_project(
    progress: Progress,
    *,
    video: Path,
    name: str,
    path: Path,
    experimenter: str,
    suffix: str,
    bundle: Path | None = None,
) -> DLCProject:
    """Make a project; for a :class:`jupytrack.Job`.

    Parameters
    ----------
    progress : Progress
        Told what is being done; cancelling leaves no project, unless it is predicting already.
    video : Path
        The video; it is copied.
    name, experimenter : str
        Of the project.
    path : Path
        Folder to make it in.
    suffix : str
        Name of the layer that is copied with the video.
    bundle : Path, optional
        Folder of a seed bundle, whose model becomes iteration 0 and predicts every frame.

    Returns
    -------
    DLCProject
    """
    from jupytrack.dlc.project import DLCProject

    project = DLCProject(
        path,
        videos=[video],
        name=name,
        experimenter=experimenter,
        annotation_suffix=suffix,
        progress=progress,
    )
    if bundle is not None:
        from jupytrack.dlc import seed

        progress.update(0, 0, "installing the seed bundle")
        seed.import_seed_bundle_into_project(project, bundle)
        _predict(progress, project)
    return project


def _predict(progress: Progress, project: DLCProject) -> None:
    run = project.start_analysis(0)
    try:
        while is_active(run.state):
            progress.update(0, 0, run.text)
            time.sleep(0.3)
    except JobCancelled:
        run.cancel()
        raise
    run.wait()
