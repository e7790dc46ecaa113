"""A log on disk that survives a killed process: what it has confirmed is there afterwards.

A journal is a text file of one JSON object a line, each with a number and a checksum. A thread of its own
appends what has queued up, flushes it to the disk and then confirms it, so that edits that come quickly share
one flush. A line that was cut short by a crash was never confirmed and is dropped on opening.

What the lines mean is in :mod:`jupytrack.annotation.journal_content`.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import shutil
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jupytrack.annotation.journal_content import JournalContent
from jupytrack.annotation.journal_lines import (
    Line,
    encode_line,
    format_line,
    number_line,
    pack,
    parse_line,
    strip_old,
)
from jupytrack.annotation.storage import free_name
from jupytrack.errors import ConflictError, JupytrackError, SaveError
from jupytrack.files import save_error, sync_folder, write_atomic
from jupytrack.listeners import call_all, listen

if TYPE_CHECKING:
    from jupytrack.annotation.entries import Entry
    from jupytrack.annotation.history import History

__all__ = ["Journal", "flush_journal"]

log = logging.getLogger(__name__)
Done = Callable[["Entry"], None]

_BASE_LIMIT = 128 * 2**20
_open_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


class Journal(JournalContent):
    """The log of one layer.

    Parameters
    ----------
    path : path
        The journal; made when the first entry comes.
    fingerprint : str
        Content of the layer's file at present, for the head of a new journal.
    guard : callable, optional
        Called before every write; while it raises a ConflictError nothing is written. For a lock that may be
        lost.
    repair : bool
        Whether a journal that is damaged or too long is written anew on reading. Not without its lock.

    Attributes
    ----------
    entries : list of dict
        What was in the file when it was opened, as :meth:`Entry.from_line` takes it.
    problems : list of str
        What was wrong with the file, for people; a copy of it was kept then.
    failing : bool
        Whether the last attempt to write failed; it is repeated until it succeeds.
    error : JupytrackError or None
        Why it failed the last time that it did.
    base_source : callable or None
        Returns the layer's files as ``{suffix: content}``. Asked after the first edit that follows a save, so
        that this version of the file can be brought back if another program overwrites it.

    Raises
    ------
    FormatError
        If the file is no journal, or one of a newer version. It is left as it is.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fingerprint: str = "",
        guard: Callable[[], None] | None = None,
        repair: bool = True,
    ) -> None:
        super().__init__(path, fingerprint)
        self.guard = guard
        self.failing = False
        self.error: JupytrackError | None = None
        self.base_source: Callable[[], Mapping[str, bytes]] | None = None
        self._handle: int | None = None
        self._queue: deque[tuple[Entry, Done]] = deque()
        self._written: deque[tuple[Entry, Done]] = deque()
        self._wake = threading.Condition()
        self._disk = threading.RLock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._history: weakref.ref[History] | None = None
        self._error_listeners: list[Callable[[JupytrackError], None]] = []
        if repair:
            self._repair()
        _open_journals.add(self)

    def _repair(self) -> None:
        """Write a journal anew that is damaged (and keep a copy) or too long."""
        if self._damaged:
            copy = free_name(self.path, "damaged")
            copy.write_bytes(self._damaged)
            self.problems = [
                f"{problem} A copy was kept as {copy.name}; the other edits were recovered."
                for problem in self.problems
            ]
        if self._damaged or self._is_overlong:
            with contextlib.suppress(JupytrackError):
                self._rewrite(self.entries)
        self._damaged = b""

    # writing

    def keep(self, history: History) -> None:
        """Be the journal of a history: errors go there, and a lost file is written again from there."""
        self._history = weakref.ref(history)
        self.entries, self._base = [], None

    def on_error(self, callback: Callable[[JupytrackError], None]) -> Callable[[], None]:
        """Call ``callback(error)`` when writing begins to fail; returns a function that stops it."""
        return listen(self._error_listeners, callback)

    def append(self, entry: Entry, done: Done) -> None:
        """Queue an entry and return at once.

        Parameters
        ----------
        entry : Entry
            What to write.
        done : callable
            Called as ``done(entry)`` in the journal's thread once the entry is on the disk.
        """
        with self._wake:
            self._queue.append((entry, done))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=_run, args=(weakref.ref(self),), daemon=True)
                self._thread.name = f"journal of {self.path.stem}"
                self._thread.start()
            self._wake.notify_all()

    def flush(self) -> bool:
        """Write what is queued from this thread; returns whether everything is on the disk."""
        return self._drain()

    def close(self) -> bool:
        """Write what is queued and end; returns whether everything is on the disk."""
        everything = self._drain()
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)
        self._confirm()
        with self._disk:
            self._release()
        return everything

    @property
    def unwritten(self) -> list[Entry]:
        """Entries that are not on the disk yet, in order."""
        with self._wake:
            return [entry for entry, _ in self._queue]

    def abandon(self) -> None:
        """End without writing what is queued, because the file belongs to somebody else now."""
        with self._disk, self._wake:
            self._queue.clear()
        self.close()

    def relocate(self, path: str | Path, between: Callable[[], object] = lambda: None) -> None:
        """Go on under another name.

        Parameters
        ----------
        path : path
            The new name.
        between : callable
            Called while the journal has both names, to rename what it belongs to: a crash at any moment
            leaves a journal beside that.
        """
        with self._disk:
            self._drain()
            self._release()
            there = self.path.exists()
            if there:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                try:
                    os.link(self.path, path)
                except OSError:
                    shutil.copy2(self.path, path)
            try:
                between()
            except BaseException:
                if there:
                    os.unlink(path)
                raise
            if there:
                os.unlink(self.path)
            self.path = Path(path)

    def _step(self, delay: float) -> float | None:
        """Wait for work and do it; returns how long to wait after a failure, None to end."""
        with self._wake:
            if self.failing:
                self._wake.wait_for(lambda: self._closed, delay)
            elif not self._queue and not self._closed:
                # Not for ever, so that the thread of a journal that nobody holds any more ends.
                self._wake.wait(5)
            if self._closed:
                return None
        fine = self._drain()
        self._confirm()
        return 0.2 if fine else min(delay * 2, 5.0)

    def _confirm(self) -> None:
        """Say what is on the disk, with no lock held that a listener could wait for."""
        while self._written:
            with contextlib.suppress(IndexError):
                entry, done = self._written.popleft()
                try:
                    done(entry)
                except Exception:
                    log.exception("A listener failed on a confirmed entry.")

    def _drain(self) -> bool:
        """Write all queued entries with one flush; they stay queued if that fails."""
        with self._disk:
            with self._wake:
                batch = list(self._queue)
            if not batch:
                return True
            lines = self._lines(batch)
            try:
                self._write(lines)
            except JupytrackError as error:
                self._fail(error)
                return False
            except OSError as error:
                told = save_error(self.path, error)
                self._fail(
                    SaveError(told.problem, "Free some space or restore access; edits wait until then.")
                )
                return False
            with self._wake:
                for _ in lines:
                    self._written.append(self._queue.popleft())
                self._wake.notify_all()
            self.failing = False
            if self._base_due and any("of" in line or line["action"] == "do" for line, _ in lines):
                self._keep_base()
            return True

    def _lines(self, batch: list[tuple[Entry, Done]]) -> list[tuple[Line, bytes]]:
        """Return what to write; an entry that cannot be recorded leaves the queue and is never confirmed."""
        lines = []
        for item in batch:
            try:
                line = item[0].to_line()
                lines.append((line, encode_line(line)))
            except Exception as error:
                log.exception("%r could not be recorded.", item[0])
                with self._wake:
                    self._queue.remove(item)
                history = None if self._history is None else self._history()
                if history is not None:
                    history.give_up(item[0])
                problem = f"{self.path}: the edit {item[0].title!r} could not be recorded ({error})."
                self._tell(SaveError(problem, "Save the layer now; until then this edit is not safe."))
        return lines

    def _write(self, lines: list[tuple[Line, bytes]]) -> None:
        if self.guard is not None:
            self.guard()
        if self._handle is None:
            self._open()
        assert self._handle is not None
        here, there = os.fstat(self._handle), None
        with contextlib.suppress(FileNotFoundError):
            there = os.stat(self.path)
        if there is not None and os.path.samestat(here, there) and here.st_size > self._size:
            raise self._two_writers()
        if there is None or not os.path.samestat(here, there) or here.st_size < self._size:
            self._recover(there is not None)
        numbered = enumerate(lines, self._number + 1)
        self._put(b"".join(number_line(number, encoded) for number, (_, encoded) in numbered))
        self._number += len(lines)
        for line, _ in lines:
            if line["action"] in ("save", "replaced"):
                self._mark, self._base_due = line.get("fingerprint", ""), True

    def _two_writers(self) -> ConflictError:
        return ConflictError(
            f"{self.path} is being written by another process.",
            "Close the layer there, then open it again.",
        )

    def _put(self, data: bytes) -> None:
        """Append bytes so that they are all on the disk, or none of them in the file."""
        assert self._handle is not None
        try:
            os.lseek(self._handle, self._size, os.SEEK_SET)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            os.fsync(self._handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._size)
            raise
        self._size += len(data)

    def _open(self) -> None:
        """Open the file for writing, cut off what a crash left behind, or begin a new one."""
        flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        if self._size:
            self._handle = os.open(self.path, flags)
            if os.fstat(self._handle).st_size > self._size:
                os.lseek(self._handle, self._size, os.SEEK_SET)
                with os.fdopen(os.dup(self._handle), "rb") as file:
                    torn = not _has_lines(file.read())
                if not torn:
                    self._release()
                    raise self._two_writers()
                os.ftruncate(self._handle, self._size)
            return
        with contextlib.suppress(FileNotFoundError):
            content = self.path.read_bytes()
            if _has_lines(content):
                raise self._two_writers()
            if self._void or not content:
                self.path.unlink()
        self._void = False
        handle = os.open(self.path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        self._handle = handle
        try:
            self._put(format_line(0, self._head))
            sync_folder(self.path.parent)
        except OSError:
            self._release()
            self._size = 0
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise

    def _recover(self, other: bool) -> None:
        """Write the whole journal again, because the file was taken away, cut or exchanged."""
        history = None if self._history is None else self._history()
        if other:
            os.replace(self.path, free_name(self.path, "replaced"))
        self._release()
        on_disk = {id(entry) for entry, _ in list(self._written)}
        entries = [] if history is None else list(history.entries)
        self._base_due = True
        self._rewrite(entry.to_line() for entry in entries if entry.confirmed or id(entry) in on_disk)
        self._open()

    def _rewrite(self, entries: Iterable[Line]) -> None:
        """Replace the file by one of these entries, without what is no longer needed for undo."""
        entries = list(entries)
        strip_old(entries)
        base = [] if self._base is None or self._base_due else [self._base]
        text = [format_line(0, self._head)]
        for number, line in enumerate([*entries, *base], 1):
            text.append(format_line(number, {k: v for k, v in line.items() if k != "n"}))
        content = b"".join(text)
        write_atomic(self.path, content)
        self._size, self._number, self._superseded = len(content), len(text) - 1, 0

    def _keep_base(self) -> None:
        """Keep the file that the edits since the last save start from."""
        self._base_due = False
        if self.base_source is None or self._mark == "":
            return
        from hashlib import sha256

        try:
            files = dict(self.base_source())
            if sum(map(len, files.values())) > _BASE_LIMIT:
                return
            if not any(sha256(data).hexdigest() == self._mark for data in files.values()):
                return
            packed = {suffix: pack(data) for suffix, data in files.items()}
            line = {"action": "base", "fingerprint": self._mark, "files": packed}
            self._put(format_line(self._number + 1, line))
            self._number += 1
            self._base = None
        except OSError as error:
            # The edits themselves are safe; only a comparison with what was there before is not possible.
            log.info("%s: the saved version could not be kept (%s).", self.path, error)

    def _fail(self, error: JupytrackError) -> None:
        first, self.failing, self.error = not self.failing, True, error
        history = None if self._history is None else self._history()
        if isinstance(error, ConflictError) and history is not None and history.journal is self:
            # What is edited from now on could never be written.
            history.refuse(error.problem, error.remedy)
        if first:
            self._tell(error)

    def _tell(self, error: JupytrackError) -> None:
        history = None if self._history is None else self._history()
        if history is not None:
            history.report(error)
        call_all(self._error_listeners, error)

    def _release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _has_lines(content: bytes) -> bool:
    """Whether there is any whole line, and so something that was confirmed to somebody."""
    return any(parse_line(line) is not None for line in content.split(b"\n")[:-1])


def _run(reference: weakref.ref[Journal]) -> None:
    """Work for a journal as long as it is there and open."""
    delay: float | None = 0.2
    while delay is not None:
        journal = reference()
        if journal is None:
            return
        delay = journal._step(delay)
        while delay is not None and journal._queue:
            delay = journal._step(delay)
        del journal


def flush_journal(path: str | Path) -> None:
    """Write what still waits to go into a journal, if this process has it open."""
    wanted = os.path.realpath(path)
    for journal in list(_open_journals):
        if os.path.realpath(journal.path) == wanted:
            journal.flush()


@atexit.register
def _close_all() -> None:
    for journal in list(_open_journals):
        with contextlib.suppress(Exception):
            journal.close()
