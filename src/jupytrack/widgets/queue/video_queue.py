"""The videos of a DeepLabCut project, one after the other in one place, each as it was left."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from jupytrack.errors import AnnotationError, JupytrackError
from jupytrack.jobs import Job
from jupytrack.widgets.annotator import Annotator
from jupytrack.widgets.dialogs import Banner
from jupytrack.widgets.lifetime import widgets_of
from jupytrack.widgets.queue.bar import QueueBar
from jupytrack.widgets.queue.queued import Paths
from jupytrack.widgets.queue.warming import warm

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject

__all__ = ["VideoQueue", "annotator_of", "require_annotator"]

_open: weakref.WeakSet[VideoQueue] = weakref.WeakSet()
# what a notebook asks every object for, and no annotator is meant by
_NOT_OURS = ("__", "_repr_", "_ipython_")


def annotator_of(given: object) -> Annotator | None:
    """Return the annotator that is meant: of a queue, and of what goes on in one, the one that is shown."""
    if isinstance(given, VideoQueue):
        return given.active
    if isinstance(given, Annotator):
        return given if given._goes_on is None else given._goes_on.active
    return None


@dataclass(eq=False)
class _Entry:
    """A video of the queue, and its annotator once it was shown."""

    path: Path
    layer_name: str | None
    options: dict[str, Any]
    annotator: Annotator | None = None
    stops: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.annotator is not None and not self.annotator.ended

    @property
    def is_unsaved(self) -> bool:
        return self.is_open and self.annotator.session.status["save_state"] != "saved"  # type: ignore[union-attr]


class VideoQueue(ipywidgets.VBox):  # type: ignore[misc]
    """Videos of a project, with a row of buttons to go from one to the other; see :func:`jupytrack.open`.

    Every video has an :class:`Annotator` of its own, made when the video is first shown. Going to another one
    leaves it as it is: layers, frame, zoom, frozen axes, selected label and interval, unsaved edits.

    What a queue does not know itself is asked of the annotator that is shown: ``queue.ann``,
    ``queue.session``, ``queue.save()``.

    Parameters
    ----------
    project : DLCProject
        The project.
    videos : list of Path
        Its videos, in the order of the queue; at least one.
    start : callable
        Called as ``start(project, video, layer_name, options)``; returns an annotator.
    layer_name : str, optional
        The layer to work on; see :func:`jupytrack.open`.
    options : dict, optional
        Options of the annotators.
    forgiving : bool
        Show the first video that can be opened, instead of an error about the first one.

    Attributes
    ----------
    project : DLCProject
        The project.
    bar : QueueBar
        The row on top.
    """

    def __init__(
        self,
        project: DLCProject,
        videos: list[Path],
        start: Callable[[DLCProject, Path, str | None, dict[str, Any]], Annotator],
        layer_name: str | None = None,
        options: dict[str, Any] | None = None,
        forgiving: bool = False,
    ) -> None:
        self.project = project
        self._start = start
        self._lock = threading.RLock()
        self._entries = [_Entry(Path(path), layer_name, dict(options or {})) for path in videos]
        self._active = 0
        self._closed = False
        self._warming: Job[None] | None = None
        left_out = self._open_first(forgiving)
        self.bar = QueueBar(self)
        self._stage = ipywidgets.Box(layout=ipywidgets.Layout(width="100%"))
        self._stage.add_class("jupytrack-queue-stage")
        super().__init__([self.bar, self._stage], layout=ipywidgets.Layout(width="100%"))
        self.add_class("jupytrack-queue")
        self._show()
        for earlier in list(_open):
            if earlier._goes_on_in(self):
                earlier._give_way()
        _open.add(self)
        for error in left_out:
            self.active.session.notify("error", error.problem, error.remedy)
        self._warm()

    def __getattr__(self, name: str) -> Any:
        # only what the queue does not know itself comes here
        if name.startswith(_NOT_OURS) or not self.__dict__.get("_entries"):
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        return getattr(self.active, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self.active)})

    # what there is

    @property
    def videos(self) -> list[Path]:
        """The videos, in order."""
        return [entry.path for entry in self._entries]

    @property
    def annotators(self) -> list[Annotator | None]:
        """The annotator of every video; None where the video was not shown yet."""
        return [entry.annotator if entry.is_open else None for entry in self._entries]

    @property
    def active_index(self) -> int:
        """Which video is shown, from 0."""
        return self._active

    @property
    def active(self) -> Annotator:
        """The annotator that is shown."""
        annotator = self._entries[self._active].annotator
        assert annotator is not None
        return annotator

    @property
    def unsaved(self) -> list[bool]:
        """Which videos have unsaved edits, as far as they were shown."""
        return [entry.is_unsaved for entry in self._entries]

    # going from one to the other

    def swap_to(self, index: int) -> bool:
        """Show another video; the one that is left keeps its whole state.

        Parameters
        ----------
        index : int
            Its place in :attr:`videos`, from 0.

        Returns
        -------
        bool
            Whether it is shown now and was not before; False if there is no such video.

        Raises
        ------
        JupytrackError
            If the video or its layer cannot be opened; the one before is still shown then.
        """
        with self._lock:
            if index == self._active or not 0 <= index < len(self._entries):
                return False
            self._go(index)
            return True

    def swap_prev(self, event: Any = None) -> bool:
        """Show the video before this one; return whether there is one."""
        return self.swap_to(self._active - 1)

    def swap_next(self, event: Any = None) -> bool:
        """Show the video after this one; return whether there is one."""
        return self.swap_to(self._active + 1)

    def add_video(
        self,
        path_or_paths: Paths,
        *,
        layer_name: str | None = None,
        set_active: bool = False,
        **dustrack_kwargs: Any,
    ) -> list[int]:
        """Add videos of the project at the end of the queue.

        Parameters
        ----------
        path_or_paths : path or list of paths
            The videos. One that is in the queue already is not added again.
        layer_name : str, optional
            The layer to work on, as for :func:`jupytrack.open`.
        set_active : bool
            Show the first one of them.
        **dustrack_kwargs
            Options of their annotators, besides those of the queue.

        Returns
        -------
        list of int
            Their places in the queue.

        Raises
        ------
        VideoNotFoundError
            If one does not exist; nothing is added then.
        VideoError
            If one belongs to no project, or to another one; copy a video into the project with
            ``queue.project.add_videos([...])`` first.
        """
        with self._lock:
            found = self._resolve(path_or_paths, dustrack_kwargs)
            places = [self._place(path, layer_name, dustrack_kwargs) for path in found]
            if set_active and places[0] != self._active:
                self._go(places[0])
            self._show()
            self._warm()
            return places

    def remove_video(self, index: int) -> bool:
        """Take a video out of the queue; its files stay, and unsaved edits are safe in the journal.

        Parameters
        ----------
        index : int
            Its place in the queue. If it is shown, the one after it is shown then (before it, for the last).

        Returns
        -------
        bool
            Whether it was taken out: the only one is not, and what does not exist cannot be.

        Raises
        ------
        JupytrackError
            If the video to be shown instead cannot be opened; nothing has changed then.
        """
        with self._lock:
            if not 0 <= index < len(self._entries) or len(self._entries) == 1:
                return False
            if index == self._active:
                self._go(index + 1 if index + 1 < len(self._entries) else index - 1)
            self._drop(index)
            self._show()
            return True

    def replace_active_with(
        self, path_or_paths: Paths, *, layer_name: str | None = None, **dustrack_kwargs: Any
    ) -> list[int]:
        """Put videos of the project in the place of the one that is shown, and show the first of them.

        Parameters
        ----------
        path_or_paths, layer_name, **dustrack_kwargs
            As for :meth:`add_video`.

        Returns
        -------
        list of int
            Their places in the queue.
        """
        with self._lock:
            found = self._resolve(path_or_paths, dustrack_kwargs)
            left = self._entries[self._active]
            at = self._active + 1
            for path in found:
                if path not in self.videos:
                    self._insert(at, path, layer_name, dustrack_kwargs)
                    at += 1
            first = self.videos.index(found[0])
            if first != self._active:
                self._go(first)
            if left.path not in found:
                self._drop(self._entries.index(left))
            self._show()
            self._warm()
            return [self.videos.index(path) for path in found]

    def close(self) -> None:
        """Leave the screen, and let go of all videos, layers and locks. Unsaved edits stay safe."""
        if self._closed:
            return
        self._closed = True
        _open.discard(self)
        self._let_go(*self.children, self.layout)
        super().close()

    # how it is done

    def _resolve(self, given: Paths, options: dict[str, Any]) -> list[Path]:
        from jupytrack.opening import check_options, videos_of_project

        check_options(options)
        return videos_of_project(self.project, given)

    def _place(self, path: Path, layer_name: str | None, options: dict[str, Any]) -> int:
        if path not in self.videos:
            self._insert(len(self._entries), path, layer_name, options)
        return self.videos.index(path)

    def _insert(self, at: int, path: Path, layer_name: str | None, options: dict[str, Any]) -> None:
        common = self._entries[self._active].options
        self._entries.insert(at, _Entry(path, layer_name, {**common, **options}))

    def _open_first(self, forgiving: bool) -> list[JupytrackError]:
        errors: list[JupytrackError] = []
        for index in range(len(self._entries)):
            try:
                self._annotator(index)
            except JupytrackError as error:
                if not forgiving:
                    raise
                errors.append(error)
            else:
                self._active = index
                return errors
        raise errors[0]

    def _annotator(self, index: int) -> Annotator:
        """Return the annotator of a video, made if there is none or if the video was opened elsewhere."""
        entry = self._entries[index]
        if not entry.is_open:
            annotator = self._start(self.project, entry.path, entry.layer_name, entry.options)
            annotator.queue = self
            annotator.set_key_bindings()
            session, show = annotator.session, self._on_status
            session.observe(show, ["status", "theme"])
            entry.stops = [lambda: session.unobserve(show, ["status", "theme"])]
            entry.annotator = annotator
        assert entry.annotator is not None
        return entry.annotator

    def _go(self, index: int) -> None:
        after = self._annotator(index)
        before, self._active = self._entries[self._active].annotator, index
        assert before is not None
        # the old one gives its focus away first, and is there until the new one is: the page would jump
        if not before.ended:
            before.canvas.hide()
        after.layout.display = None
        after.canvas.show()
        self._show()
        before.layout.display = "none"

    def _drop(self, index: int) -> None:
        entry = self._entries.pop(index)
        if index < self._active:
            self._active -= 1
        self._show()
        self._end(entry)

    def _end(self, entry: _Entry) -> None:
        while entry.stops:
            entry.stops.pop()()
        if entry.annotator is not None:
            entry.annotator.queue = None
            entry.annotator.close()

    def _on_status(self, change: Any) -> None:
        # no lock: it comes from whatever changes a session, which another thread may be waiting for here
        if "bar" not in self.__dict__:
            return
        if change["name"] == "theme" or change["new"].get("save_state") != change["old"].get("save_state"):
            self.bar.show()

    def _show(self) -> None:
        shown = tuple(entry.annotator for entry in self._entries if entry.annotator is not None)
        if self._stage.children != shown:
            self._stage.children = shown
        self.bar.show()

    def _warm(self) -> None:
        """Prepare the videos that nobody has looked at yet, in the background."""
        if self._warming is not None:
            self._warming.cancel()
        waiting = [entry.path for entry in self._entries if not entry.is_open]
        if not waiting:
            return
        self._warming = Job(warm, self.project, waiting, title="Preparing the other videos")
        self.bar.follow(self._warming)
        self._warming.when_done(self._on_warmed)

    def _on_warmed(self, job: Job[None]) -> None:
        if job.state == "failed" and not self._closed:
            error = job.future.exception()
            problem = f"The other videos could not be prepared: {type(error).__name__}: {error}"
            self.active.session.notify("warning", problem, "They open all the same, only slower.")

    def _goes_on_in(self, other: VideoQueue) -> bool:
        """Whether all videos are in another queue, too, and closing this one would lose nothing."""
        kept = [entry.annotator for entry in self._entries if entry.is_open]
        return set(self.videos) <= set(other.videos) and all(
            annotator is not None and annotator.loses_nothing for annotator in kept
        )

    def _give_way(self) -> None:
        """Show where it goes on, in place of what can no longer be used."""
        _open.discard(self)
        banner = Banner("info")
        banner.say(
            f"The project {self.project.name} was opened again in this notebook.",
            "Go on in the place where it was opened last.",
        )
        before = (self.bar, self._stage)
        self.children = (banner,)
        self._let_go(*before)

    def _let_go(self, *parts: ipywidgets.Widget) -> None:
        if self._warming is not None:
            self._warming.cancel()
        for entry in self._entries:
            self._end(entry)
        for part in parts:
            for each in widgets_of(part):
                each.close()

    def _report(self, action: Callable[[], Any]) -> None:
        """Carry out what the user asked for; an error becomes a notice over the video that is shown."""
        try:
            action()
        except JupytrackError as error:
            self.active.session.notify("error", error.problem, error.remedy)
        except OSError as error:
            self.active.session.notify("error", str(error), "Check that the file is there and may be read.")


def require_annotator(given: object) -> Annotator:
    """Return the annotator that is meant, as :func:`annotator_of`.

    Raises
    ------
    AnnotationError
        If it is none.
    """
    annotator = annotator_of(given)
    if annotator is None:
        raise AnnotationError(
            f"{type(given).__name__} is no annotator.", "Give what jupytrack.open() returned."
        )
    return annotator
