"""What to call a new DeepLabCut project, and where to make it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets

from jupytrack.errors import AnnotationError
from jupytrack.widgets.projects.forms import Form, PathField

__all__ = ["CreateForm"]


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
        self.explain("The name needs an underscore (_): DeepLabCut's configuration relies on one.")
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
