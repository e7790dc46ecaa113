"""Checks that run again when points were edited, for everything that shows what they found."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupytrack.errors import JupytrackError
from jupytrack.jobs import Job, Progress
from jupytrack.qa.report import Report

if TYPE_CHECKING:
    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.qa.origin import Origin
    from jupytrack.widgets.annotator import Annotator

__all__ = ["CheckingAgain", "checking_again"]

# seconds without an edit before the checks run again
_REST = 0.4


class CheckingAgain:
    """Runs a check in the background once a layer's points were edited, and tells what it returned.

    Parameters
    ----------
    annotator : Annotator
        In which the layer is edited; shows progress and problems.
    ann : VideoAnnotation
        The layer.
    check : callable
        Called with a Progress, in another thread.
    """

    def __init__(self, annotator: Annotator, ann: VideoAnnotation, check: Callable[[Progress], Any]) -> None:
        self._annotator = weakref.ref(annotator)
        self._ann = ann
        self._check = check
        self._listeners: list[Callable[[Any], None]] = []
        self._revision = ann.revision
        self._timer: threading.Timer | None = None
        self._job: Job[Any] | None = None
        self._count = itertools.count()
        self._asked = next(self._count)
        self._stop: Callable[[], None] | None = None

    def listen(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        """Call something with every result; returns what ends that."""
        annotator = self._annotator()
        if annotator is None or annotator._ended:
            return lambda: None
        if self._stop is None:
            self._revision = self._ann.revision
            self._stop = annotator.session.on_points_changed(self._on_points)
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)
            if not self._listeners:
                self._rest()

        return stop

    def _rest(self) -> None:
        if self._stop is not None:
            self._stop()
            self._stop = None
        if self._timer is not None:
            self._timer.cancel()
        if self._job is not None:
            self._job.cancel()

    def _on_points(self, _: Any) -> None:
        # also called when only colours or the like changed
        if self._ann.revision == self._revision:
            return
        self._revision = self._ann.revision
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(_REST, self._run)
        self._timer.daemon = True
        self._timer.start()

    def _run(self) -> None:
        annotator = self._annotator()
        if annotator is None or annotator._ended or not self._listeners:
            return
        if self._job is not None:
            self._job.cancel()
        self._asked = asked = next(self._count)
        self._job = Job(self._check, title="Checking again")
        self._job.when_done(lambda job: self._on_checked(job, asked))
        annotator.show_job(self._job, brief=True)

    def _on_checked(self, job: Job[Any], asked: int) -> None:
        annotator = self._annotator()
        if annotator is None or asked != self._asked or job.state == "cancelled":
            return
        error = job.future.exception()
        try:
            if error is not None:
                raise error
            result = job.result()
            for listener in list(self._listeners):
                listener(result)
        except JupytrackError as problem:
            annotator.session.notify("warning", problem.problem, problem.remedy)
        except Exception as problem:
            what = f"Checking again failed: {type(problem).__name__}: {problem}"
            annotator.session.notify("warning", what, "What is shown stays as it was.")


def checking_again(annotator: Annotator, where: object, ann: VideoAnnotation | None) -> CheckingAgain | None:
    """Return what makes a report anew when a layer is edited, None where nothing can.

    Everything that shows the same report shares it, so that an edit is checked once.

    Parameters
    ----------
    annotator : Annotator
        In which the layer is edited.
    where : object
        The report, or something else.
    ann : VideoAnnotation, optional
        The layer; by default the one in the annotator that the report is of.
    """
    origin = where.origin if isinstance(where, Report) else None
    if origin is None:
        return None
    found = _layer(annotator, origin, ann)
    if found is None:
        return None
    name, layer = found
    # in the annotator itself, so that it ends with it
    shared: dict[tuple[int, int], CheckingAgain] = annotator.__dict__.setdefault("_checking_again", {})
    # the objects behind the ids are held by what is kept under them
    key = id(origin), id(layer)
    if key not in shared:
        shared[key] = CheckingAgain(
            annotator, layer, lambda progress: origin.again({name: layer}, progress=progress)
        )
    return shared[key]


def _layer(
    annotator: Annotator, origin: Origin, ann: VideoAnnotation | None
) -> tuple[str, VideoAnnotation] | None:
    layers = list(annotator.session.layers) if ann is None else [ann]
    for name, checked in origin.layers.items():
        for layer in layers:
            if checked() is layer:
                return name, layer
    return None
