"""Questions before something is lost, and news of work in the background."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from jupytrack.annotation.layers import is_dense_layer_name
from jupytrack.errors import SaveError
from jupytrack.jobs import Job
from jupytrack.widgets.actions import files, layers
from jupytrack.widgets.dialogs import Question
from jupytrack.widgets.lifetime import widgets_of
from jupytrack.widgets.progress import JobProgress

if TYPE_CHECKING:
    from jupytrack.widgets.session import Session

__all__ = ["Questions"]


class Questions:
    """The part of the annotator that asks before it acts."""

    session: Session
    question: Question
    jobs: ipywidgets.VBox
    _jobs_guard = threading.Lock()

    def ask_save_as(self) -> None:
        """Ask for a path, and save the active layer there."""
        suggestion = files.suggested_path(self.session)

        def ask(text: str) -> None:
            self.question.ask_for_text(
                f"Save a copy of layer {self.session.layers.active!r} as",
                text,
                "Save",
                answer,
                f"A name without a folder is meant in {suggestion.parent}.",
            )

        def answer(text: str) -> None:
            name = text.strip()
            try:
                # a bare name is meant beside the layer, wherever the kernel runs
                path = files.json_path(suggestion.parent / Path(name).expanduser() if name else "")
            except SaveError as error:
                self.session.notify("error", error.problem, error.remedy)
                ask(text)
                return
            with self.session.reporting():
                if path.exists() and path != Path(str(self.session.ann.fname)):
                    self.question.say(
                        f"{path} is there already.",
                        "Replacing it loses what it holds.",
                        [
                            ("Replace", "danger", lambda: self._reporting(lambda: save(path, True))),
                            ("Keep it", "", None),
                        ],
                    )
                    return
                save(path)

        def save(path: Path, overwrite: bool = False) -> None:
            files.save_annotation_as(self.session, path, overwrite)

        ask(str(suggestion))

    def confirm_discard(self) -> None:
        """Say what discarding would lose, and discard if that is wanted."""
        files.require_by_hand(self.session.layers.active)
        lost = files.what_would_be_lost(self.session)
        if not lost:
            self.session.notify("info", f"Layer {self.session.layers.active!r} has nothing unsaved.")
            return
        self.question.say(
            "Discard?",
            f"{lost} Undo can bring it back.",
            [
                (
                    "Discard",
                    "danger",
                    lambda: self._reporting(lambda: files.discard_unsaved_annotations(self.session)),
                ),
                ("Keep", "", None),
            ],
        )

    def confirm_remove_current_layer(self) -> None:
        """Say what removing the active layer would lose, and remove it if that is wanted."""
        name = self.session.layers.active
        layers.require_removable(self.session, name)
        dense = is_dense_layer_name(name)
        lost = files.what_would_be_lost(self.session, name)
        text = f"{lost} Save first to keep that." if lost else "It has nothing unsaved."
        if dense:
            text += " It was made from other layers, and can be made again."
        self.question.say(
            f"Remove layer {name!r} from the session?",
            f"{text} Its file stays, and opening the video again brings the layer back.",
            [
                (
                    "Remove",
                    # what cannot be made again is not offered as the thing to do
                    "primary" if dense else "danger",
                    lambda: self._reporting(lambda: layers.remove_layer(self.session, name)),
                ),
                ("Keep", "" if dense else "primary", None),
            ],
        )

    def take_over(self) -> None:
        """Edit the active layer and the marks here, though another kernel holds them; it is not asked.

        Raises
        ------
        ConflictError
            If that is impossible.
        """
        with self.session.lock, self.session.batch():
            self.session.layers.take_over(self.session.layers.active)
        self.session.update_read_only()

    def confirm_take_over(self) -> None:
        """Say what taking the active layer over means, and do so if that is wanted."""
        self.question.say(
            f"Take over layer {self.session.layers.active!r}?",
            "Do this only if the other place is gone for good: what is edited there later is not seen here.",
            [("Take over", "danger", lambda: self._reporting(self.take_over)), ("Leave it", "", None)],
        )

    def _reporting(self, action: Callable[[], Any]) -> None:
        with self.session.reporting():
            action()

    def show_job(self, job: Job[Any], brief: bool = False) -> None:
        """Show the progress of work in the background, with a button to cancel it.

        Parameters
        ----------
        job : Job
            The work.
        brief : bool
            Show it only while it runs, and only if it takes longer than a moment.
        """
        ended = threading.Event()

        def forget() -> None:
            with self._jobs_guard:
                ended.set()
                gone = [child for child in self.jobs.children if child.job is job]
                self.jobs.children = tuple(child for child in self.jobs.children if child.job is not job)
            for part in itertools.chain.from_iterable(map(widgets_of, gone)):
                part.close()

        bar = JobProgress(job, on_close=forget, brief=brief)
        with self._jobs_guard:
            # brief work may have ended before its bar was there
            if not ended.is_set():
                self.jobs.children = (*self.jobs.children, bar)
