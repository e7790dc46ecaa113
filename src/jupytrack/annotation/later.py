"""Layers whose files are read after the video is on the screen: those that nobody looks at yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupytrack.annotation.layer_list import LayerList
from jupytrack.errors import AnnotationError, JupytrackError, Level
from jupytrack.jobs import Job, Progress

if TYPE_CHECKING:
    from jupytrack.annotation.points import VideoAnnotation

__all__ = ["LaterLayer", "ReadLater", "is_dense_layer_name"]


def is_dense_layer_name(name: str) -> bool:
    """Whether layers of this name hold a point on (nearly) every frame, made by a program.

    These are DeepLabCut's traces (``dlc_...``), traces with corrections spliced in (``dlccorr``) and what the
    Lucas-Kanade moving average smoothed (``...lkmovavg...``).
    """
    return name.startswith(("dlc_", "dlccorr")) or "lkmovavg" in name


class LaterLayer:
    """A layer that has a name and a file, and is read once, by whoever comes first.

    Parameters
    ----------
    name : str
        Its name.
    path : Path
        Its file.
    read : callable
        Reads it; called without arguments, from any thread.
    """

    def __init__(self, name: str, path: Path, read: Callable[[], VideoAnnotation]) -> None:
        self.name = name
        self.path = path
        self._read = read
        # its own, and nothing else is waited for while it is held: readers may hold the locks of a session
        self._lock = threading.Lock()
        self._ann: VideoAnnotation | None = None
        self._error: JupytrackError | None = None

    def read(self) -> VideoAnnotation:
        """Return the layer.

        Raises
        ------
        JupytrackError
            If it cannot be read; the same error every time.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._ann is None:
                try:
                    self._ann = self._read()
                except JupytrackError as error:
                    self._error = error
                    raise
            return self._ann


class ReadLater(LayerList):
    """The part of a stack of layers that reads some of them when they are needed, or in the background.

    Such a layer is in :attr:`names` from the beginning, and whoever asks for it gets it.
    """

    def read_later(self, name: str | None = None) -> JupytrackError | None:
        """Read now what was left for later: up to a layer of this name, or everything.

        Layers come in their order, so that the order of the list never depends on which was wanted first.

        Returns
        -------
        JupytrackError or None
            What is wrong with the last one, which is then left out; :meth:`on_message` tells it, too.
        """
        error = None
        while waiting := list(self._later):
            error = self._take(waiting[0])
            if waiting[0].name == name:
                break
        return error

    def _take(self, later: LaterLayer) -> JupytrackError | None:
        try:
            # not under the lock: a file takes a while, and edits must not wait for it
            ann = later.read()
        except JupytrackError as error:
            with self.lock:
                if later in self._later:
                    self._later = [each for each in self._later if each is not later]
                    self._leave_out(later, error)
                    self._changed()
            return error
        with self.lock:
            if later in self._later:
                self._adopt(later, ann)
        return None

    def add_later(self, name: str, path: str | Path, *, refusal: tuple[str, str] | None = None) -> None:
        """Add a layer at the end whose file is read when somebody asks for it, or in the background.

        One that cannot be read is left out then, with a warning.

        Parameters
        ----------
        name : str
            Its name.
        path : path
            Its file.
        refusal : tuple of two str, optional
            Why it may not be edited here (problem, remedy); it then has no journal and no lock.

        Raises
        ------
        AnnotationError
            If there is such a layer already.
        """
        path = Path(path)

        def read() -> VideoAnnotation:
            ann = self._read(name, path)
            if refusal is not None:
                ann.history.refuse(*refusal)
            return ann

        with self.lock:
            if name in self:
                raise AnnotationError(f"There is a layer {name!r} already.", "Choose another name.")
            self._later = [*self._later, LaterLayer(name, path, read)]
            self._changed()

    def read_in_background(self, delay: float = 0.3) -> Job[None] | None:
        """Read what was left for later, one layer after the other; cancel the job to stop.

        Parameters
        ----------
        delay : float
            Seconds to leave to whatever else begins now.

        Returns
        -------
        Job or None
            None if there is nothing to read.
        """
        return Job(_read_all, self, delay, title="Reading layers") if self._later else None

    def _adopt(self, later: LaterLayer, ann: VideoAnnotation) -> None:
        if not ann.history.read_only:
            self._make_durable(ann)
        ann.set_plot_type("line" if is_dense_layer_name(ann.name) or ann.is_dense else "dot", draw=False)
        # neither edited nor compared with yet
        ann.hide(draw=False)
        self._watch(ann)
        layers = (*self._layers, ann)
        self._layers = list(layers)
        self._later = [each for each in self._later if each is not later]
        self._arrange(layers)

    def _leave_out(self, later: LaterLayer, error: JupytrackError) -> None:
        problem = f"Layer {later.name!r} ({later.path.name}) was left out. {error.problem}"
        self._tell("warning", problem, error.remedy)

    def _read(self, name: str, path: Path, **options: Any) -> VideoAnnotation:
        raise NotImplementedError

    def _make_durable(self, ann: VideoAnnotation) -> None:
        raise NotImplementedError

    def _tell(self, level: Level, problem: str, remedy: str = "") -> None:
        raise NotImplementedError


def _read_all(progress: Progress, stack: ReadLater, delay: float) -> None:
    until = time.monotonic() + delay
    while stack._later and time.monotonic() < until:
        progress.update(0, len(stack._later))
        time.sleep(0.02)
    done = 0
    while waiting := list(stack._later):
        progress.update(done, done + len(waiting), waiting[0].name)
        stack._take(waiting[0])
        done += 1
