"""Durable editing of a layer: lock, journal, recovery, and what to do when the file changed meanwhile."""

from __future__ import annotations

import contextlib
import glob
import os
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jupytrack.annotation.editing import EditablePoints
from jupytrack.annotation.journal import Journal
from jupytrack.annotation.locks import LayerLock
from jupytrack.annotation.storage import free_name, is_writable, private_folder
from jupytrack.errors import AnnotationError, ConflictError, FormatError, JupytrackError, SaveError
from jupytrack.files import file_fingerprint, save_error, write_atomic

if TYPE_CHECKING:
    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.annotation.table import PointTable

__all__ = ["Conflict", "DurableLayer", "open_durable"]

Level = Literal["info", "warning", "error"]
_here: weakref.WeakValueDictionary[str, DurableLayer] = weakref.WeakValueDictionary()
_opening = threading.Lock()
"""Held to look into ``_here`` or change it, and never while anything else is waited for."""
_PATIENCE = 5.0
"""Seconds to wait for what is being done to a layer that is to be closed. Not for ever: two places that close
a layer of each other would wait for each other."""


class Conflict:
    """A file that somebody else changed while edits of ours were not in it yet.

    Attributes
    ----------
    path : Path
        The file.
    file, journal : PointTable
        The two versions: what the file holds now, and what we had.
    edits : int
        How many edits only the journal's version has.
    exact : bool
        Whether the journal's version is exactly what was there; if not, it is our edits on top of the file.
    """

    def __init__(
        self, layer: DurableLayer, file: PointTable, journal: PointTable, edits: int, exact: bool
    ) -> None:
        self._layer = weakref.ref(layer)
        self.path = layer.path
        self.file = file
        self.journal = journal
        self.edits = edits
        self.exact = exact

    @property
    def problem(self) -> str:
        """What happened, for people."""
        edits = "an edit" if self.edits == 1 else f"{self.edits} edits"
        return f"{self.path} was changed by another program while {edits} of ours had not been saved to it."

    @property
    def remedy(self) -> str:
        """What can be done, for people."""
        return "Keep our version or take the file's; the other one is kept beside it either way."

    def resolve(self, keep: Literal["journal", "file"]) -> Path:
        """Decide which version to go on with.

        Parameters
        ----------
        keep : {"journal", "file"}
            Our version (not saved yet then, and undo brings the file's), or what the file holds.

        Returns
        -------
        Path
            Where the other version was put: ``<file>.theirs-<time>`` or ``<file>.ours-<time>``.

        Raises
        ------
        SaveError
            If the copy cannot be written; nothing has changed then, and it can be tried again.
        ConflictError
            If it was decided already, or the layer was closed.
        """
        layer = self._layer()
        if layer is None or layer.conflict is not self:
            raise ConflictError(f"The conflict about {self.path} is over.", "Open the layer again.")
        if keep not in ("journal", "file"):
            raise AnnotationError(f"There is no version {keep!r}.", "Choose 'journal' or 'file'.")
        return layer._resolve(keep)


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
        self.journal_path = folder / f"{_stem(path)}.journal"
        self.lock = LayerLock(folder / f"{_stem(path)}.lock")
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

    def _tell(self, level: Level, problem: str, remedy: str = "") -> None:
        self.messages.append((level, problem, remedy))

    def _open(self, steal: bool) -> None:
        history = self.ann.history
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
        _sweep(self.path)
        try:
            self._read_again()
            self._attach()
        except FormatError as error:
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
            self.ann.reload()

    def _attach(self) -> None:
        history, fingerprint = self.ann.history, self.ann._on_disk
        journal = Journal(self.journal_path, fingerprint=fingerprint, guard=self.lock.require)
        source = self.path if self.path.exists() else Path(self.ann._origin or self.path)
        journal.base_source = lambda: _files(source)
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
        kept = None if files is None else _table(files, self.path.suffix)
        base = file if kept is None else kept
        ours = EditablePoints(base, self.ann._frame_limit)
        ours.history.replay(journal.entries, journal.last_mark)
        table = ours.to_table()
        table.meta = dict(base.meta)
        self.conflict = Conflict(self, file, table, edits, kept is not None)
        self._tell("error", self.conflict.problem, self.conflict.remedy)
        self.ann.history.refuse(
            self.conflict.problem, "Choose with conflict.resolve('journal') or conflict.resolve('file')."
        )

    def _resolve(self, keep: Literal["journal", "file"]) -> Path:
        from jupytrack.formats import dustrack, sidecar

        assert self.journal is not None
        conflict = self.conflict
        assert conflict is not None
        with self.ann.lock:
            if keep == "journal":
                kept = free_name(self.path, "theirs")
                for suffix, content in _files(self.path).items():
                    write_atomic(_beside(kept, suffix), content)
            else:
                kept = free_name(self.path, "ours")
                write_atomic(kept, dustrack.to_json(conflict.journal))
                extra = sidecar.to_bytes(conflict.journal)
                if extra is not None:
                    write_atomic(_beside(kept, ".sidecar"), extra)
            self.conflict = None
            history = self.ann.history
            history.allow()
            history.attach(self.journal, replaced_by=self.ann._on_disk)
            if keep == "journal":
                self.ann._replace_all(conflict.journal, "Keep our version")
        self._tell("info", f"The other version was kept as {kept.name}.")
        return kept

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
        lock = LayerLock(self.lock.path.with_name(f"{_stem(path)}.lock"))
        with self.ann.lock:
            if path.exists():
                raise ConflictError(f"There is a file {path} already.", "Choose another name.")
            lock.acquire()
            journal_path = self.journal_path.with_name(f"{_stem(path)}.journal")
            try:
                if self.journal is None:
                    _rename(self.path, path)
                else:
                    self.journal.relocate(journal_path, lambda: _rename(self.path, path))
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
                self.journal.base_source = lambda: _files(path)
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
        Take the layer from another process that holds it.

    Returns
    -------
    DurableLayer
        Also when it is read-only or a conflict is open: look at ``problem``, ``conflict`` and ``messages``.

    Raises
    ------
    AnnotationError
        If the annotation has no file.
    ConflictError
        If it is to be taken back from another process that took it from this one; read it again instead.
    """
    if ann.fname is None:
        raise AnnotationError(f"Layer {ann.name!r} has no file to keep a journal beside.", "Give it a name.")
    if ann.durable is not None and not (steal_lock and ann.durable.read_only):
        return ann.durable
    path = Path(os.path.abspath(ann.fname))
    if ann.durable is not None:
        if ann.durable.durable:
            # It lost its lock while it was edited: what it holds is older than what the other place wrote.
            ann.history.require_writable()
        ann.durable.close()
        ann.history.allow()
    with _opening:
        earlier = _here.pop(os.path.realpath(path), None)
    if earlier is not None:
        earlier.close(f"{path.name} was opened again in this notebook.")
    layer = DurableLayer(ann, path, path.parent if is_writable(path.parent) else private_folder(path))
    ann.durable = layer
    with ann.lock:
        layer._open(steal_lock)
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


def _stem(path: Path) -> str:
    """Return how the names of a layer's journal and lock begin: no two layers of a folder share them."""
    return path.stem if path.suffix == ".json" else path.name


def _release(journal: Journal | None, lock: LayerLock) -> None:
    if journal is not None:
        journal.close()
    lock.release()


def _sweep(path: Path) -> None:
    """Remove what saves that were killed left behind, once it is too old to be in use."""
    for name in (f"{path.stem}.json", f"{path.stem}.sidecar", f"{_stem(path)}.journal"):
        for rest in path.parent.glob(f".{glob.escape(name)}.*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - rest.stat().st_mtime > 600:
                    rest.unlink()


def _beside(path: Path, suffix: str) -> Path:
    """Return where a file that belongs to a kept version goes."""
    return path if suffix != ".sidecar" else path.with_name(path.name + ".sidecar")


def _files(path: Path) -> dict[str, bytes]:
    """Return the content of a layer's file and of its sidecar, as far as they exist."""
    found = {}
    for each in (path, path.with_suffix(".sidecar")):
        try:
            found[each.suffix] = each.read_bytes()
        except FileNotFoundError:
            continue
    return found


def _table(files: Mapping[str, bytes], suffix: str) -> PointTable | None:
    """Read a layer from the content of its files; None if the file itself is not among them."""
    from jupytrack import formats
    from jupytrack.annotation.table import PointTable

    if not files:
        return PointTable.empty([])
    if suffix not in files:
        return None
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, f"layer{name}").write_bytes(content)
        return formats.read_layer(Path(folder, f"layer{suffix}"))


def _rename(old: Path, new: Path) -> None:
    """Rename a layer's file and sidecar, the file last, so that a crash leaves a whole layer."""
    sidecars = old.with_suffix(".sidecar"), new.with_suffix(".sidecar")
    if sidecars[0].exists():
        os.replace(*sidecars)
    if old.exists():
        os.replace(old, new)
