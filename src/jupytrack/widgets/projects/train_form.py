"""What to train with: where the model begins, for how long, on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from jupytrack.dlc.devices import available_devices
from jupytrack.dlc.starting import DEFAULTS, KEPT
from jupytrack.errors import AnnotationError
from jupytrack.widgets.projects.forms import Form, PathField

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject

__all__ = ["TrainForm", "defaults_of"]

_MODES = {
    "auto": "Pretrained if possible",
    "pretrained": "Pretrained on ImageNet",
    "scratch": "Random weights",
    "in_project": "A snapshot of this project",
    "external": "Another snapshot file",
}
_ABOUT = {
    "auto": "With weights from ImageNet, downloaded once; with random ones where they cannot be had.",
    "pretrained": "With weights from ImageNet, downloaded once.",
    "scratch": "It knows nothing yet, so it needs more epochs and more labelled frames.",
    "in_project": "It goes on with what that iteration learned.",
    "external": "It goes on with what a model of the same network learned elsewhere.",
}
_BEST = "best"


def defaults_of(project: DLCProject, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what a training of a project begins with unless somebody says otherwise.

    Parameters
    ----------
    project : DLCProject
        The project; ``project.settings["training"]`` may keep some, see :meth:`DLCProject.start_training`.
    given : mapping, optional
        Arguments that go before those.

    Returns
    -------
    dict
        Arguments of :meth:`DLCProject.start_training`. Once an iteration is trained, the next one begins with
        its best snapshot; the first one begins with weights from ImageNet where they can be had.
    """
    trained = _trained(project)
    begin: dict[str, Any] = {"refine_mode": "auto", "epochs": DEFAULTS["epochs"]}
    if trained:
        begin |= {"refine_mode": "in_project", "source_iteration": max(trained)}
    given = dict(given or {})
    if "maxiters" in given:
        given["epochs"] = given.pop("maxiters")
    found = {**begin, **project.settings.get(KEPT, {}), **given}
    if found["refine_mode"] != "in_project":
        for name in ("source_iteration", "source_snapshot"):
            if name not in given:
                found.pop(name, None)
    return found


def _trained(project: DLCProject) -> dict[int, list[int]]:
    """Return the snapshots of each iteration that a training can begin with."""
    found = {}
    for iteration, numbers in project.all_snapshots.items():
        if numbers and project.layout(iteration).engine == "pytorch":
            found[int(iteration)] = sorted({int(number) for number in numbers})
    return found


class TrainForm(Form):
    """Asks how to train.

    Parameters
    ----------
    project : DLCProject
        What is trained.
    given : mapping
        Arguments of :meth:`DLCProject.start_training` to begin with; those that have no field are passed on.
    on_take : callable
        Called with the arguments of :meth:`DLCProject.start_training`.
    on_leave : callable
        Called without arguments.
    """

    def __init__(
        self,
        project: DLCProject,
        given: Mapping[str, Any],
        on_take: Callable[..., Any],
        on_leave: Callable[[], Any],
    ) -> None:
        super().__init__(
            f"Train iteration {project.latest_trained_iteration + 1}", "Train", self._submit, on_leave
        )
        self._take = on_take
        self._trained = _trained(project)
        self._best = {i: project.layout(i).best() for i in self._trained}
        values = defaults_of(project, given)
        modes = [(text, mode) for mode, text in _MODES.items() if mode != "in_project" or self._trained]
        known = [mode for _, mode in modes]
        mode = values.pop("refine_mode")
        self.mode = ipywidgets.Dropdown(options=modes, value=mode if mode in known else "auto")
        iterations = sorted(self._trained, reverse=True)
        self.iteration = ipywidgets.Dropdown(options=[(f"iteration {i}", i) for i in iterations])
        source = values.pop("source_iteration", None)
        if source in self._trained:
            self.iteration.value = source
        self.snapshot = ipywidgets.Dropdown(options=[(_BEST, _BEST)])
        self.file = PathField(
            str(values.pop("external_snapshot_path", None) or ""), "A .pt file", False, "*.pt"
        )
        self.epochs = ipywidgets.BoundedIntText(int(values.pop("epochs")), min=1, max=10**6)
        self.batch = ipywidgets.Text(
            str(values.pop("batch_size", None) or ""), placeholder="automatic", continuous_update=False
        )
        self.video = ipywidgets.Checkbox(bool(values.pop("create_video", False)), indent=False)
        self.video.description = "make labelled videos"
        self.device = self._devices(str(values.pop("device", "auto")))
        self.add("Begin with", self.mode, "What the model knows before it learns")
        self.about = self.explain("")
        self._of_project = [
            self.add("Iteration", self.iteration),
            self.add("Snapshot", self.snapshot, "The model as it was after that many epochs"),
        ]
        self._of_file = [self.add("File", self.file, "A snapshot (.pt) of this or another project")]
        self.add("Epochs", self.epochs, "How often the model sees every labelled frame")
        self.add("Batch size", self.batch, "Frames that are learned at a time; fewer need less memory")
        self.add("Afterwards", self.video, "Copies of the videos with the predicted points drawn in")
        self.add("Device", self.device, "Where it runs; auto takes the one with the most free memory")
        self.memory = self.explain("")
        snapshot = values.pop("source_snapshot", None)
        self.rest = values
        if values:
            shown = ", ".join(f"{name}={_short(value)}" for name, value in values.items())
            self.explain(f"Also: {shown}")
        self.mode.observe(lambda _: self._show(), "value")
        self.iteration.observe(lambda _: self._list_snapshots(), "value")
        self._list_snapshots(snapshot)
        self._show()

    def _devices(self, wanted: str) -> ipywidgets.Dropdown:
        devices = available_devices()
        self._memory = {"auto": f"{devices[0]}", **{device.name: str(device) for device in devices}}
        names = dict.fromkeys([*self._memory, wanted])
        field = ipywidgets.Dropdown(options=list(names), value=wanted)
        field.observe(lambda _: self._show(), "value")
        return field

    def _list_snapshots(self, chosen: int | None = None) -> None:
        iteration = self.iteration.value
        numbers = self._trained.get(iteration, [])
        best = self._best.get(iteration)
        text = f"{_BEST} (after {best.number} epochs)" if best is not None else _BEST
        self.snapshot.options = [(text, _BEST), *((f"after {n} epochs", n) for n in reversed(numbers))]
        # a value of None would choose no line at all
        self.snapshot.value = chosen if chosen in numbers else _BEST

    def _show(self) -> None:
        self.about.value = escape(_ABOUT[self.mode.value])
        self.memory.value = escape(self._memory.get(self.device.value, ""))
        for lines, mode in ((self._of_project, "in_project"), (self._of_file, "external")):
            for line in lines:
                line.layout.display = "flex" if self.mode.value == mode else "none"

    @property
    def values(self) -> dict[str, Any]:
        """What is chosen, as arguments of :meth:`DLCProject.start_training`.

        Raises
        ------
        AnnotationError
            If no file is chosen that is needed, or the batch size is no number.
        """
        batch = str(self.batch.value).strip()
        if batch and (not batch.isdecimal() or int(batch) < 1):
            raise AnnotationError(
                f"The batch size {batch!r} is no number of frames.", "Leave it empty, or give one, such as 8."
            )
        found: dict[str, Any] = {
            **self.rest,
            "refine_mode": self.mode.value,
            "epochs": int(self.epochs.value),
            "batch_size": int(batch) if batch else None,
            "create_video": bool(self.video.value),
            "device": self.device.value,
        }
        if self.mode.value == "in_project":
            snapshot = None if self.snapshot.value == _BEST else self.snapshot.value
            found |= {"source_iteration": self.iteration.value, "source_snapshot": snapshot}
        elif self.mode.value == "external":
            if not self.file.value:
                raise AnnotationError("No snapshot file is chosen.", "Choose a .pt file.")
            found["external_snapshot_path"] = self.file.value
        return found

    def _submit(self) -> None:
        self._take(**self.values)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
