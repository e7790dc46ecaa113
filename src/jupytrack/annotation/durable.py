"""Durable editing of a layer: lock, journal, recovery, and what to do when the file changed meanwhile."""

from __future__ import annotations

import os
import threading
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from jupytrack.annotation.conflict import Conflict
from jupytrack.annotation.editing import EditablePoints
from jupytrack.annotation.edits import difference
from jupytrack.annotation.journal import Journal
from jupytrack.annotation.layer_files import (
    companion_stem,
    keep_files,
    keep_table,
    layer_content,
    rename_layer,
    sweep,
    table_of,
)
from jupytrack.annotation.locks import LayerLock
from jupytrack.annotation.storage import is_writable, private_folder
from jupytrack.errors import AnnotationError, ConflictError, FormatError, JupytrackError, Level, SaveError
from jupytrack.files import file_fingerprint, save_error

if TYPE_CHECKING:
    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.annotation.table import PointTable

__all__ = ["DurableLayer", "open_durable"]

_here: weakref.WeakValueDictionary[str, DurableLayer] = weakref.WeakValueDictionary()
_opening = threading.Lock()
"""Held to look into ``_here`` or change it, and never while anything else is waited for."""
_PATIENCE = 5.0
"""Seconds to wait for what is being done to a layer that is to be closed. Not for ever: two places that close
a layer of each other would wait for each other."""


@dataclass(frozen=True)
class Unseen:
    """What a layer holds that was taken over by another process.

    Attributes
    ----------
    table : PointTable
        Its points.
    edits : int
        How many edits the other process never saw.
    kept : Path or None
        Where the points were kept, if there are such edits.
    """

    table: PointTable
    edits: int
    kept: Path | None


class DurableLayer:
    """A layer whose edits go to disk as they are made; made by :func:`open_durable`.

    Attributes
    ----------
    ann : VideoAnnotation
        The layer.
    path, journal_path : Path
        Its file and its journal.
    read_only : bool
        Whether edits are refused: somebody else holds the layer, or a conflict is open.
    problem : JupytrackError or None
        Why it is read-only or not durable.
    conflict : Conflict or None
        The two versions to choose from, if the file changed meanwhile.
    recovered : int
        How many edits (undo and redo included) were not in the file and were done again.
    messages : list of (level, problem, remedy)
        What the user should know.
    """

    def __init__(self, ann: VideoAnnotation, path: Path, folder: Path) -> None:
        self.ann = ann
        self.path = path
        self.journal_path = folder / f"{companion_stem(path)}.journal"
        self.lock = LayerLock(folder / f"{companion_stem(path)}.lock")
        self.journal: Journal | None = None
        self.conflict: Conflict | None = None
        self.problem: JupytrackError | None = None
        self.recovered = 0
        self.messages: list[tuple[Level, str, str]] = []
        self._finish: weakref.finalize[[Journal | None, LayerLock], DurableLayer] | None = None

    @property
    def read_only(self) -> bool:
        """Whether edits are refused."""
        return self.ann.history.read_only

    @property
    def durable(self) -> bool:
        """Whether edits go to the journal."""
        return self.ann.history.durable

    @property
    def is_lost(self) -> bool:
        """Whether somebody else holds the layer now, so that it must be taken over to be edited here."""
        if self.conflict is None and self.read_only:
            return True
        return (self.durable or self.conflict is not None) and not self.lock.is_held()

    def _tell(self, level: Level, problem: str, remedy: str = "") -> None:
        self.messages.append((level, problem, remedy))

    def _open(self, steal: bool, unseen: Unseen | None = None) -> None:
        history = self.ann.history
        if unseen is not None:
            history.forget()
        try:
            self.lock.acquire(steal=steal)
        except ConflictError as error:
            self.problem = error
            self._tell("warning", error.problem, f"It is read-only here. {error.remedy}")
            history.refuse(error.problem, f"{error.remedy} Or edit a copy: save it under another name.")
            return
        except SaveError as error:
            self.problem = error
            self._tell("error", error.problem, "Edits are not safe before they are saved. " + error.remedy)
            return
        sweep(self.path)
        try:
            if unseen is None:
                self._read_again()
            else:
                self.ann._adopt_file()
            self._attach()
            if unseen is not None:
                self._keep_both(unseen)
        except (FormatError, ConflictError) as error:
            self.problem = error
            self._tell("error", error.problem, error.remedy)
            history.refuse(error.problem, error.remedy)
            self.lock.release()
        else:
            self._finish = weakref.finalize(self, _release, self.journal, self.lock)

    def _read_again(self) -> None:
        """Take what is in the file now, if somebody saved it after it was read and before it was locked."""
        now = file_fingerprint(self.path)
        if now and now != self.ann._on_disk and not self.ann.history.entries:
            self.ann._adopt_file()

    def _lose(self) -> Unseen:
        """End what can no longer be written, because another process has the layer; say what it misses."""
        assert self.journal is not None
        ann = self.ann
        edits = sum(entry.is_change for entry in self.journal.unwritten)
        table = ann.to_table()
        # First, so that nothing has changed if the disk is full.
        unseen = Unseen(table, edits, self._keep(table, "ours") if edits else None)
        ann.history.detach()
        self.journal.abandon()
        self.lock.release()
        if self._finish is not None:
            self._finish.detach()
        _forget(self)
        return unseen

    def _keep_both(self, unseen: Unseen) -> None:
        """Ask which version to go on with, if there are edits that the other process never saw."""
        if unseen.kept is None or self.conflict is not None:
            return
        if difference("", self.ann._store, unseen.table).is_empty():
            for rest in (unseen.kept, unseen.kept.with_name(unseen.kept.name + ".sidecar")):
                rest.unlink(missing_ok=True)
            return
        self._ask(Conflict(self, self.ann.to_table(), unseen.table, unseen.edits, ours=unseen.kept))

    def _attach(self) -> None:
        history, fingerprint = self.ann.history, self.ann._on_disk
        journal = Journal(self.journal_path, fingerprint=fingerprint, guard=self.lock.require)
        source = self.path if self.path.exists() else Path(self.ann._origin or self.path)
        journal.base_source = lambda: layer_content(source)
        for problem in journal.problems:
            self._tell("warning", problem)
        self.journal = journal
        position = journal.place(fingerprint)
        if position is not None:
            self.recovered = history.attach(journal, position)
            if self.recovered:
                edits = "One edit" if self.recovered == 1 else f"{self.recovered} edits"
                self._tell("info", f"{edits} of {self.path.name} had not been saved and came back.")
            return
        unsaved = journal.entries[journal.last_mark :]
        count = sum(line["action"] in ("do", "undo", "redo") for line in unsaved)
        if not count:
            history.attach(journal, replaced_by=fingerprint)
            self._tell("info", f"{self.path.name} was changed by another program; undo begins anew.")
            return
        self._open_conflict(journal, count)

    def _open_conflict(self, journal: Journal, edits: int) -> None:
        """Make both versions and let nobody edit until the user has chosen."""
        file = self.ann._read(1)[0]
        files = journal.base_files()
        kept = None if files is None else table_of(files, self.path.suffix)
        base = file if kept is None else kept
        ours = EditablePoints(base, self.ann._frame_limit)
        ours.history.replay(journal.entries, journal.last_mark)
        table = ours.to_table()
        table.meta = dict(base.meta)
        self._ask(Conflict(self, file, table, edits, exact=kept is not None))

    def _ask(self, conflict: Conflict) -> None:
        self.conflict = conflict
        self._tell("error", conflict.problem, conflict.remedy)
        self.ann.history.refuse(
            conflict.problem, "Choose with conflict.resolve('journal') or conflict.resolve('file')."
        )

    def _resolve(self, keep: Literal["journal", "file"]) -> Path:
        """Go on with one version; called by the conflict."""
        conflict, journal, ann = self.conflict, self.journal, self.ann
        assert conflict is not None
        assert journal is not None
        with ann.lock:
            foreign = not ann.history.durable
            if keep == "journal":
                kept = keep_files(self.path, "theirs") if foreign else self._keep(conflict.file, "theirs")
            else:
                kept = conflict.ours or self._keep(conflict.journal, "ours")
            self.conflict = None
            ann.history.allow()
            ours = difference("Keep our version", ann._store, conflict.journal)
            ours = replace(ours, edit_id=uuid4().hex)
            keeps = keep == "journal" and not ours.is_empty()
            if foreign:
                ann.history.attach(journal, replaced_by=ann._on_disk, needs=ours.edit_id if keeps else "")
            if keeps:
                ann.history.do(ours, ours.edit_id)
        self._tell("info", f"The other version was kept as {kept.name}.")
        return kept

    def _keep(self, table: PointTable, what: str) -> Path:
        return keep_table(self.path, table, what)

    def close(self, reason: str = "") -> bool:
        """End durable editing: write what is queued, give the lock back.

        Parameters
        ----------
        reason : str
            If given, the annotation allows no edits from now on, with this explanation.

        Returns
        -------
        bool
            Whether all edits are on the disk.
        """
        everything = True
        history = self.ann.history
        waited = history.lock.acquire(timeout=_PATIENCE)
        if reason:
            history.refuse(reason, "Go on in the place where it was opened last.")
        if waited:
            history.lock.release()
        if self.journal is not None:
            everything = self.journal.close()
        history.detach()
        self.lock.release()
        if self._finish is not None:
            self._finish.detach()
        self.ann.durable = None
        _forget(self)
        if not reason and self.conflict is None:
            history.allow()
        return everything

    def move_to(self, path: Path) -> None:
        """Rename the layer's file, sidecar, journal and lock; unsaved edits stay unsaved and safe.

        Raises
        ------
        ConflictError
            If there is a file of that name already, or the layer is read-only.
        SaveError
            If the files cannot be renamed.
        """
        self.ann.history.require_writable()
        lock = LayerLock(self.lock.path.with_name(f"{companion_stem(path)}.lock"))
        with self.ann.lock:
            if path.exists():
                raise ConflictError(f"There is a file {path} already.", "Choose another name.")
            lock.acquire()
            journal_path = self.journal_path.with_name(f"{companion_stem(path)}.journal")
            try:
                if self.journal is None:
                    rename_layer(self.path, path)
                else:
                    self.journal.relocate(journal_path, lambda: rename_layer(self.path, path))
                    self.journal.guard = lock.require
            except OSError as error:
                lock.release()
                raise save_error(path, error) from error
            self.lock.release()
            self.lock, self.journal_path = lock, journal_path
            _forget(self)
            self.path = path
            _enter(self)
            if self.journal is not None:
                self.journal.base_source = lambda: layer_content(path)
            if self._finish is not None:
                self._finish.detach()
            self._finish = weakref.finalize(self, _release, self.journal, lock)
            self.ann.fname, self.ann.fstem = str(path), path.stem


def open_durable(ann: VideoAnnotation, *, steal_lock: bool = False) -> DurableLayer:
    """Keep every edit of an annotation on disk from now on, and bring back those that its file lacks.

    The journal ``<layer>.journal`` and the lock ``<layer>.lock`` (with the whole name of a file that is not
    JSON, as in ``<layer>.h5.journal``) lie beside the layer, or in the user's data folder if nothing may be
    written there.

    Parameters
    ----------
    ann : VideoAnnotation
        The layer; it needs a file name. If another object of this process has the layer open, that one is
        closed and allows no edits any more.
    steal_lock : bool
        Take the layer from another process that holds it, or that took it from this one. The layer then holds
        what the other one left; edits that it never saw are kept beside it and are a ``conflict``.

    Returns
    -------
    DurableLayer
        Also when it is read-only or a conflict is open: look at ``problem``, ``conflict`` and ``messages``.

    Raises
    ------
    AnnotationError
        If the annotation has no file.
    SaveError
        If edits that another process never saw cannot be kept beside the layer; nothing has changed then.
    """
    if ann.fname is None:
        raise AnnotationError(f"Layer {ann.name!r} has no file to keep a journal beside.", "Give it a name.")
    if ann.durable is not None and not (steal_lock and ann.durable.is_lost):
        return ann.durable
    path = Path(os.path.abspath(ann.fname))
    unseen = None
    if ann.durable is not None:
        lost = ann.durable
        with ann.lock:
            if lost.durable:
                unseen = lost._lose()
            else:
                lost.close()
            ann.history.allow()
    with _opening:
        earlier = _here.pop(os.path.realpath(path), None)
    if earlier is not None:
        earlier.close(f"{path.name} was opened again in this notebook.")
    layer = DurableLayer(ann, path, path.parent if is_writable(path.parent) else private_folder(path))
    ann.durable = layer
    with ann.lock:
        if unseen is not None and unseen.kept is not None:
            layer._tell("warning", f"What was edited here alone is kept as {unseen.kept.name}.")
        layer._open(steal_lock, unseen)
    if layer.lock.mine is not None:
        _enter(layer)
    return layer


def _enter(layer: DurableLayer) -> None:
    with _opening:
        _here[os.path.realpath(layer.path)] = layer


def _forget(layer: DurableLayer) -> None:
    place = os.path.realpath(layer.path)
    with _opening:
        if _here.get(place) is layer:
            del _here[place]


def _release(journal: Journal | None, lock: LayerLock) -> None:
    if journal is not None:
        journal.close()
    lock.release()
