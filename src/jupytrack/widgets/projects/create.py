"""Making a DeepLabCut project of a video and the points on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from jupytrack.dlc.training import is_active
from jupytrack.errors import AnnotationError
from jupytrack.jobs import JobCancelled, Progress
from jupytrack.widgets.projects.forms import Form, PathField

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject

__all__ = ["CreateForm", "make_project"]


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


class CreateForm(Form):
    """Asks for what a project needs.

    Parameters
    ----------
    video : Path
        The video.
    layer : str
        The active layer.
    empty : bool
        Whether that layer has no points, so that the project begins with a seed bundle.
    on_take : callable
        Called with the arguments ``name``, ``path``, ``experimenter``, ``seed_bundle_path``.
    on_leave : callable
        Called without arguments.
    """

    def __init__(
        self,
        video: Path,
        layer: str,
        empty: bool,
        on_take: Callable[..., Any],
        on_leave: Callable[[], Any],
    ) -> None:
        self._empty = empty
        self._take = on_take
        super().__init__("Create a DeepLabCut project", "Create", self._submit, on_leave)
        self.name = ipywidgets.Text(f"{video.stem}_{layer}", continuous_update=False)
        self.folder = PathField(str(video.parent), "Folder in which the project's folder is made")
        self.experimenter = ipywidgets.Text("x", continuous_update=False)
        self.bundle = PathField("", "Folder of a seed bundle: the model of another project")
        self.add("Name", self.name, "Also the beginning of the folder's name")
        self.explain("It needs an underscore (_) in it: DeepLabCut's configuration relies on one.")
        self.add("In folder", self.folder)
        self.add("Experimenter", self.experimenter, "DeepLabCut calls this the scorer")
        if empty:
            self.add("Seed bundle", self.bundle)
            self.explain(
                f"Layer {layer!r} has no points: the project begins with the model of a seed bundle, "
                "which predicts every frame. Or cancel, and place points on some frames first."
            )
        else:
            self.explain(
                f"The video and layer {layer!r} are copied into the project, and you go on in the copy. "
                "The original stays as it is."
            )

    def _submit(self) -> None:
        from jupytrack.dlc.creation import check_name

        bundle = self.bundle.value if self._empty else ""
        if self._empty and not bundle:
            raise AnnotationError(
                "No seed bundle is chosen.", "Choose its folder, or cancel and place points first."
            )
        self._take(
            name=check_name(self.name.value.strip()),
            path=self.folder.value,
            experimenter=self.experimenter.value.strip() or "x",
            seed_bundle_path=bundle or None,
        )
