"""The panel of DeepLabCut projects: what there is, and what can be done next."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from jupytrack.dlc.corrections import CORRECTIONS_LAYER_NAME
from jupytrack.dlc.preflight import LayerIssues, dropped_files, save_and_clean
from jupytrack.errors import AnnotationError
from jupytrack.widgets.lifetime import widgets_of
from jupytrack.widgets.panels import Panel, command_button, row
from jupytrack.widgets.projects.comparison import ComparisonView
from jupytrack.widgets.projects.create_form import CreateForm
from jupytrack.widgets.projects.forms import Form, told
from jupytrack.widgets.projects.preflight_form import PreflightForm
from jupytrack.widgets.projects.train_form import TrainForm
from jupytrack.widgets.projects.training_view import TrainingView

if TYPE_CHECKING:
    from jupytrack.dlc.comparison import IterationComparison
    from jupytrack.dlc.project import DLCProject
    from jupytrack.dlc.training import Training
    from jupytrack.jobs import Job
    from jupytrack.widgets.annotator import Annotator

__all__ = ["ProjectPanel"]

# seconds after which a browser has drawn what it was sent
_SHOWN = 0.3
# names in a message
_MOST = 4
_open: weakref.WeakSet[ProjectPanel] = weakref.WeakSet()


class ProjectPanel(Panel):
    """A project: made, trained, compared, corrected.

    Attributes
    ----------
    form : Form or None
        What is being asked.
    training : TrainingView or None
        The training that is shown.
    comparison : ComparisonView or None
        What is shown of the newest training's changes.
    """

    title = "DeepLabCut"

    def __init__(self, annotator: Annotator) -> None:
        self.form: Form | None = None
        self.training: TrainingView | None = None
        self.comparison: ComparisonView | None = None
        self._guard = threading.RLock()
        self.text = ipywidgets.HTML()
        self.text.add_class("jupytrack-form-message")
        names = (
            "create_dlc_project",
            "process_dlc_project",
            "go_on_in_next_layer",
            "compare_iterations",
            "apply_manual_corrections",
            "restore_dropped_frames",
        )
        self.buttons = {name: command_button(annotator, name) for name in names}
        self.place = ipywidgets.VBox([])
        super().__init__(annotator, (self.text, row(*self.buttons.values()), self.place))
        self.add_class("jupytrack-project")
        self.session.observe(lambda _: self.show(), ["status"])
        self._described = self._next = ""
        self._dropped: tuple[str | None, bool] | None = None
        self.describe()
        _open.add(self)

    def close(self) -> None:
        """Leave the screen; a training goes on, and is shown by those that are still there."""
        _open.discard(self)
        super().close()

    # what there is

    def all_of_project(self) -> list[ProjectPanel]:
        """Return this panel, and those of the other videos of its project that are open in this kernel."""
        project = self.annotator.project
        others = [panel for panel in _open if panel is not self]
        return [self, *(panel for panel in others if project is not None and panel._is_of(project))]

    def _is_of(self, project: DLCProject) -> bool:
        own = self.annotator.project
        return own is not None and own.path.resolve() == project.path.resolve()

    def describe(self) -> None:
        """Look at the project on the disk, and at its newest training."""
        project = self.annotator.project
        self._described = _description(project)
        # what is labelled from now on is for the next iteration, also while one is trained
        name = "iteration-0" if project is None else project.next_layer_name
        self._next = "" if name == "iteration-0" else name
        self.buttons["go_on_in_next_layer"].description = f"Go on in {self._next}"
        self._dropped = None
        if project is not None and self.training is None:
            newest = project.training
            if newest is not None and newest.state in ("waiting", "running", "interrupted", "failed"):
                self.follow(newest)
        self.show()

    def show(self) -> None:
        """Show what there is, and offer what can be done."""
        project, session = self.annotator.project, self.session
        if self.text.value != self._described:
            self.text.value = self._described
        # called on every edit: nothing here looks at the disk
        busy = self.training is not None and self.training.follows
        status = session.status
        there = {
            "create_dlc_project": project is None,
            "process_dlc_project": project is not None,
            "go_on_in_next_layer": self._next not in ("", status["layer"]),
            "compare_iterations": project is not None,
            "apply_manual_corrections": True,
            "restore_dropped_frames": self._has_dropped(),
        }
        for name, shown in there.items():
            self.buttons[name].layout.display = None if shown else "none"
        self.buttons["process_dlc_project"].disabled = busy
        active = status["layer"]
        self.buttons["apply_manual_corrections"].disabled = (
            status["overlay"] in (None, active) or active == CORRECTIONS_LAYER_NAME
        )

    def _has_dropped(self) -> bool:
        """Whether the active layer has a recovery file; looked up when it may have changed."""
        fname = self.session.ann.fname
        if self._dropped is None or self._dropped[0] != fname:
            self._dropped = (fname, fname is not None and bool(dropped_files(fname)))
        return self._dropped[1]

    def _arrange(self) -> None:
        parts = (self.form, self.training, self.comparison)
        self.place.children = tuple(part for part in parts if part is not None)
        self.show()

    # asking

    def ask(self, form: Form) -> None:
        """Show a form in place of the one before."""
        with self._guard:
            before, self.form = self.form, form
            self._arrange()
        _close(before)
        # once it is on the screen
        timer = threading.Timer(_SHOWN, form.begin)
        timer.daemon = True
        timer.start()

    def leave(self) -> None:
        """Take the form away."""
        with self._guard:
            before, self.form = self.form, None
            self._arrange()
        _close(before)

    def ask_create(self, create: Callable[..., Any]) -> None:
        """Ask for what a project needs, then call ``create`` with it."""
        session = self.session

        def take(**values: Any) -> None:
            create(**values)
            self.leave()

        video = Path(session.video.fname)
        empty = not session.ann.present.any()
        self.ask(CreateForm(video, session.layers.active, empty, take, self.leave))

    def ask_train(self, project: DLCProject, given: Mapping[str, Any], start: Callable[..., Any]) -> None:
        """Ask how to train, and what to do about unsaved or incomplete frames; then call ``start``."""
        self.ask(TrainForm(project, given, lambda **values: self._settle(values, start), self.leave))

    def _settle(self, values: dict[str, Any], start: Callable[..., Any]) -> None:
        issues = self.annotator.preflight_issues()
        if not issues:
            start(**values)
            self.leave()
            return

        def clean() -> None:
            # looked at anew: points may have been placed meanwhile, and the start may have failed before
            self.clean(self.annotator.preflight_issues())
            start(**values)
            self.leave()

        self.ask(PreflightForm(issues, clean, self.leave))

    def clean(self, issues: list[LayerIssues]) -> None:
        """Save layers, without their incomplete frames, and say where these went."""
        if not issues:
            return
        with self.session.batch():
            kept = [path for path in map(save_and_clean, issues) if path is not None]
        self._dropped = None
        text = f"Saved {_listed([one.title for one in issues], 'layers')}."
        if kept:
            text += (
                f" Dropped frames are kept in {_listed([path.name for path in kept], 'files')} beside them."
            )
        self.session.notify("info", text, "Undo, or Restore dropped, brings them back." if kept else "")
        self.show()

    # training

    def follow(self, training: Training, is_new: bool = False) -> None:
        """Show a training, and take over its predictions when it is done.

        Parameters
        ----------
        training : Training
            The training.
        is_new : bool
            Whether it was started here just now, so that its end is told even if it has ended already.
        """
        with self._guard:
            before = self.training
            if before is not None and before.follows and before.training.folder == training.folder:
                return
            self.training = TrainingView(training, self._on_end, self._resume, self._forget_training, is_new)
            self._arrange()
        _close(before)
        self.describe()

    def follow_everywhere(self, training: Training) -> None:
        """Show a training that was started here in every annotator of its project."""
        for panel in self.all_of_project():
            panel.follow(training, is_new=True)

    def settle(self, training: Training) -> None:
        """Take over what a training brought, now; nothing happens if that was done."""
        if self.training is not None and self.training.training.folder == training.folder:
            self.training.look()

    def _resume(self) -> None:
        view = self.training
        if view is None:
            return
        try:
            training = view.training.resume()
        except Exception as error:
            self.session.notify("error", *told(error))
            return
        self._forget_training()
        self.follow_everywhere(training)

    def _forget_training(self) -> None:
        with self._guard:
            before, self.training = self.training, None
            self._arrange()
        _close(before)

    def _on_end(self, training: Training) -> None:
        """Say how a training ended, and take over what it brought."""
        state = training.state
        if state == "done":
            with self.session.reporting():
                self.annotator.adopt_predictions(training)
                self._compare_if_any()
        elif state == "cancelled":
            self.session.notify(
                "info",
                "The training was cancelled.",
                "Its snapshots so far stay, and Resume goes on with it.",
            )
        else:
            problem, remedy = told(training.problem())
            self.session.notify("error", problem, remedy.partition("\n")[0])
        self.describe()

    # comparing

    def _compare_if_any(self) -> None:
        project = self.annotator.project
        if project is not None and len(project.all_iterations) > 1:
            # this video may not be among those that were predicted
            with contextlib.suppress(AnnotationError):
                self.annotator.compare_iterations()

    def compare(self, found: IterationComparison) -> None:
        """Show what a training changed."""
        with self._guard:
            if self.comparison is None:
                self.comparison = ComparisonView(self.annotator, self._forget_comparison)
            self.comparison.fill(found)
            self._arrange()

    def compare_others(self, job: Job[dict[Path, IterationComparison]]) -> None:
        """Show what the training changed in the other videos, once that is known."""
        if job.state == "done":
            with self._guard:
                if self.comparison is not None:
                    self.comparison.fill_others(job.future.result())

    def _forget_comparison(self) -> None:
        with self._guard:
            before, self.comparison = self.comparison, None
            self._arrange()
        _close(before)


def _listed(names: list[str], what: str) -> str:
    return "; ".join(names) if len(names) <= _MOST else f"{len(names)} {what}"


def _close(widget: ipywidgets.Widget | None) -> None:
    if widget is None:
        return
    for part in widgets_of(widget):
        if part is not widget:
            part.close()
    widget.close()


def _description(project: DLCProject | None) -> str:
    if project is None:
        return "No project yet: label some frames, then make one."
    parts = [f"<b>{escape(project.name)}</b>"]
    count = len(project.body_parts)
    parts.append(f"{count} body part{'' if count == 1 else 's'}")
    latest = project.latest_trained_iteration
    if latest < 0:
        parts.append("not trained yet")
    else:
        error = project.get_best_snapshot_test_error(latest)
        shown = f", test error {error:.1f} px" if error >= 0 else ""
        parts.append(f"iteration {latest} is trained{shown}")
    return "; ".join(parts) + "."
