"""Marks on the time line of a video: frames of interest, and intervals for a label of a layer.

They belong to the video, not to a layer, and live in ``<video>.jupytrack``: a journal from which they are
made anew on opening, so that they can be undone like everything else.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jupytrack.annotation.history import History, register_edit
from jupytrack.annotation.journal import Journal
from jupytrack.annotation.locks import LayerLock
from jupytrack.annotation.table import frame_number
from jupytrack.errors import ConflictError, FormatError, JupytrackError, Level

if TYPE_CHECKING:
    from jupytrack.annotation.entries import Entry
    from jupytrack.video.source import FrameSource

__all__ = ["Interval", "Marks", "MarksEdit", "TimelineMarks"]

Interval = tuple[int, int]
Key = tuple[str, str]
Message = tuple[Level, str, str]
_here: weakref.WeakValueDictionary[str, Marks] = weakref.WeakValueDictionary()


@register_edit
@dataclass(frozen=True)
class MarksEdit:
    """A change of frames of interest and intervals.

    Attributes
    ----------
    title : str
        What was done, for people.
    added, removed : tuple of int
        Frames of interest that come and go.
    intervals : tuple of (layer, label, before, after)
        For each label of a layer whose intervals change, all of them before and after.
    """

    kind: ClassVar[str] = "marks"

    title: str
    added: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()
    intervals: tuple[tuple[str, str, tuple[Interval, ...], tuple[Interval, ...]], ...] = ()

    def apply(self, target: Marks) -> None:
        """Make the change and tell listeners."""
        frames = (target.frames - set(self.removed)) | set(self.added)
        target.frames = frames
        for layer, label, _, after in self.intervals:
            if after:
                target.intervals[layer, label] = list(after)
            else:
                target.intervals.pop((layer, label), None)
        target.changed()

    def inverse(self) -> MarksEdit:
        """Return the edit that takes this one back."""
        back = tuple((layer, label, after, before) for layer, label, before, after in self.intervals)
        return replace(self, added=self.removed, removed=self.added, intervals=back)

    def to_record(self) -> dict[str, Any]:
        """Return the edit as JSON-able content."""
        return {
            "title": self.title,
            "added": list(self.added),
            "removed": list(self.removed),
            "intervals": [
                [layer, label, [list(each) for each in before], [list(each) for each in after]]
                for layer, label, before, after in self.intervals
            ],
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> MarksEdit:
        """Make an edit from what :meth:`to_record` returned."""
        try:
            return cls(
                str(record["title"]),
                tuple(map(int, record["added"])),
                tuple(map(int, record["removed"])),
                tuple(
                    (str(layer), str(label), _intervals(before), _intervals(after))
                    for layer, label, before, after in record["intervals"]
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"A recorded change of marks cannot be read ({type(error).__name__}: {error}).",
                "The file was changed by hand or by another program; restore it from a backup.",
            ) from error

    def to_code(self, variable: str) -> str:
        """Return Python that makes the change to the LayerStack named ``variable``."""
        lines = [f"{variable}.toggle_frame_of_interest({frame})" for frame in (*self.added, *self.removed)]
        for layer, label, _, after in self.intervals:
            lines.append(f"{variable}.set_intervals({layer!r}, {label!r}, {list(after)!r})")
        return "\n".join(lines or ["pass"])


class Marks:
    """Frames of interest and intervals of one video.

    Attributes
    ----------
    frames : set of int
        Frames of interest.
    intervals : dict of (layer, label) to list of (start, stop)
        Both ends included, in the order in which they were made.
    history : History
        Every change goes through it.
    problem : JupytrackError or None
        Why changes are not kept, or not allowed.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.frames: set[int] = set()
        self.intervals: dict[Key, list[Interval]] = {}
        self.history = History(self)
        self.problem: JupytrackError | None = None
        self._listeners: list[Callable[[], None]] = []
        self._journal: Journal | None = None
        self._lock_file: LayerLock | None = None
        self._finish: weakref.finalize[[Journal, LayerLock], Marks] | None = None
        self._place = ""

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call ``callback()`` after every change."""
        self._listeners.append(callback)

    def changed(self) -> None:
        """Tell listeners."""
        for listener in list(self._listeners):
            listener()

    def toggle(self, frame: int) -> None:
        """Make a frame one of interest, or not any more."""
        if frame in self.frames:
            edit = MarksEdit(f"Frame {frame} is of no more interest", removed=(frame,))
        else:
            edit = MarksEdit(f"Frame {frame} is of interest", added=(frame,))
        self.history.do(edit)

    def set_frames(self, frames: Iterable[int]) -> None:
        """Make exactly these the frames of interest, as one edit."""
        with self.lock:
            wanted = set(map(int, frames))
            added, removed = sorted(wanted - self.frames), sorted(self.frames - wanted)
            if added or removed:
                self.history.do(MarksEdit("Change frames of interest", tuple(added), tuple(removed)))

    def set_intervals(self, changes: Mapping[Key, Iterable[Interval]], title: str) -> None:
        """Give labels of layers these intervals, as one edit."""
        with self.lock:
            items = []
            for (layer, label), after in changes.items():
                before = tuple(self.intervals.get((layer, label), ()))
                if before != (wanted := _intervals(after)):
                    items.append((layer, label, before, wanted))
            if items:
                self.history.do(MarksEdit(title, intervals=tuple(items)))

    def open(self, path: Path, *, steal_lock: bool = False) -> None:
        """Read a file of marks and keep all changes in it; :attr:`problem` says if that is not possible."""
        self._place = os.path.realpath(path)
        earlier = _here.get(self._place)
        if earlier is not None and earlier is not self:
            earlier.close(f"The marks in {path.name} were opened again in this notebook.")
        lock = LayerLock(path.with_name(path.name + "-lock"))
        try:
            lock.acquire(steal=steal_lock)
            journal = Journal(path, guard=lock.require)
            self.history.attach(journal, 0)
        except ConflictError as error:
            self.problem = error
            self.history.refuse(error.problem, error.remedy)
            try:
                self.history.replay(Journal(path, repair=False).entries, 0)
            except FormatError as damage:
                self.problem = ConflictError(f"{error.problem} {damage.problem}", damage.remedy)
            return
        except JupytrackError as error:
            self.problem = error
            lock.release()
            return
        self._journal, self._lock_file = journal, lock
        self._finish = weakref.finalize(self, _release, journal, lock)
        _here[self._place] = self

    @property
    def is_lost(self) -> bool:
        """Whether another process holds the file, so that it must be taken over to be changed here."""
        if self._journal is None or self._lock_file is None:
            return isinstance(self.problem, ConflictError)
        return self.history.read_only or not self._lock_file.is_held()

    def take_over(self) -> list[Message]:
        """Take the file from another process that holds it, or that took it from this one, and read it again.

        Changes that the other one never saw are made again on top of its own, as one edit that can be undone.

        Returns
        -------
        list of (level, problem, remedy)
            What the user should know; empty also if nobody else has the file.
        """
        with self.lock:
            if not self.is_lost:
                return []
            unseen, ours = self._lose(), (self.frames, self.intervals)
            base = Marks()
            base.frames, base.intervals = set(self.frames), dict(self.intervals)
            for entry in reversed(unseen):
                self.history.effect(entry).inverse().apply(base)
            self.problem = None
            self.history.forget()
            self.history.allow()
            self.frames, self.intervals = set(), {}
            self.open(Path(self._place), steal_lock=True)
            self.changed()
            if self.problem is not None:
                return [("warning", self.problem.problem, self.problem.remedy)]
            merged = self._merge(base, *ours)
            if merged is None:
                return []
            self.history.do(merged)
            told = "Another process had taken over the marks; changes that it never saw were made again."
            return [("warning", told, "Undo takes them back.")]

    def _lose(self) -> list[Entry]:
        """End what can no longer be written; returns the changes that are not in the file."""
        if self._journal is None or self._lock_file is None:
            return []
        unseen = [entry for entry in self._journal.unwritten if entry.is_change]
        if self._finish is not None:
            self._finish.detach()
        self.history.detach()
        self._journal.abandon()
        self._lock_file.release()
        self._journal = self._lock_file = None
        return unseen

    def _merge(
        self, base: Marks, frames: set[int], intervals: Mapping[Key, list[Interval]]
    ) -> MarksEdit | None:
        """Return the edit that brings what was changed since ``base`` here, None if there is nothing."""
        added = sorted(frames - base.frames - self.frames)
        removed = sorted((base.frames - frames) & self.frames)
        changes = []
        for key in dict.fromkeys([*base.intervals, *intervals]):
            was, mine = base.intervals.get(key, []), intervals.get(key, [])
            theirs = self.intervals.get(key, [])
            kept = [each for each in theirs if each in mine or each not in was]
            kept += [each for each in mine if each not in was and each not in theirs]
            if kept != theirs:
                changes.append((*key, tuple(theirs), tuple(kept)))
        if not (added or removed or changes):
            return None
        title = "Changes made before the marks were taken over"
        return MarksEdit(title, tuple(added), tuple(removed), tuple(changes))

    def close(self, reason: str = "") -> None:
        """Write what is queued and give the file back; with a reason, allow no changes from now on."""
        if self._finish is not None:
            self._finish()
        self.history.detach()
        self._journal = self._lock_file = None
        _here.pop(self._place, None)
        if reason:
            self.history.refuse(reason, "Go on in the place where it was opened last.")


class TimelineMarks:
    """What has a video and marks on its time line.

    Parameters
    ----------
    video : FrameSource
        The video.
    """

    def __init__(self, video: FrameSource) -> None:
        self.video = video
        self.marks = Marks()

    @property
    def frames_of_interest(self) -> list[int]:
        """Frames of interest, ascending; setting them is one undoable edit."""
        return sorted(self.marks.frames)

    @frames_of_interest.setter
    def frames_of_interest(self, frames: Iterable[int]) -> None:
        self.marks.set_frames(frame_number(frame, len(self.video)) for frame in frames)

    def toggle_frame_of_interest(self, frame: int) -> None:
        """Make a frame one of interest, or not any more."""
        self.marks.toggle(frame_number(frame, len(self.video)))

    @property
    def intervals(self) -> dict[tuple[str, str], list[Interval]]:
        """Intervals (start, stop), both included, for each layer and label that has any; a copy."""
        return {key: list(intervals) for key, intervals in self.marks.intervals.items()}

    def get_intervals(self, layer: str, label: str) -> list[Interval]:
        """Return the intervals of a label of a layer, the newest last."""
        return list(self.marks.intervals.get((layer, label), []))

    def add_interval(self, layer: str, label: str, start: int, stop: int) -> None:
        """Add an interval to a label of a layer; the ends may come in either order."""
        n_frames = len(self.video)
        ends = sorted((frame_number(start, n_frames), frame_number(stop, n_frames)))
        with self.marks.lock:
            intervals = [*self.get_intervals(layer, label), (ends[0], ends[1])]
            self.marks.set_intervals({(layer, label): intervals}, f"Select frames {ends[0]} to {ends[1]}")

    def set_intervals(self, layer: str, label: str, intervals: Iterable[Interval]) -> None:
        """Give a label of a layer exactly these intervals."""
        self.marks.set_intervals({(layer, label): list(intervals)}, f"Change intervals of label {label}")


def _release(journal: Journal, lock: LayerLock) -> None:
    journal.close()
    lock.release()


def _intervals(pairs: Iterable[Iterable[int]]) -> tuple[Interval, ...]:
    made = []
    for pair in pairs:
        start, stop = pair
        made.append((int(start), int(stop)))
    return tuple(made)
