"""Edits as commands: undo, redo, and a log of who changed what and when.

A history knows nothing of what it edits. An edit is anything with the members of :class:`Edit`; points have
one kind, marks another, and a new kind joins by :func:`register_edit`. With a journal attached
(:mod:`jupytrack.annotation.journal`) every entry goes to the disk and is *confirmed* once it is there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from jupytrack.annotation.confirmations import Confirmations
from jupytrack.annotation.entries import (
    Action,
    Edit,
    Entry,
    edit_from_record,
    register_edit,
    user_name,
)
from jupytrack.annotation.script import to_script
from jupytrack.errors import ConflictError
from jupytrack.listeners import call_all

if TYPE_CHECKING:
    from jupytrack.annotation.journal import Journal

__all__ = ["Action", "Edit", "Entry", "History", "edit_from_record", "register_edit", "user_name"]


class History(Confirmations):
    """What was done to a target, in order, with the way back.

    Parameters
    ----------
    target : object
        What edits are applied to. If it has a ``lock`` (an RLock), the history uses that one.
    user : str, optional
        Who works; see :func:`user_name`.

    Attributes
    ----------
    entries : list of Entry
        The log, oldest first, with those of earlier sessions once a journal is attached.
    journal : Journal or None
        Where entries are kept.
    """

    def __init__(self, target: Any, *, user: str | None = None) -> None:
        super().__init__()
        self.target = target
        self.user = user or user_name()
        self.lock: threading.RLock = getattr(target, "lock", None) or threading.RLock()
        self.entries: list[Entry] = []
        self.journal: Journal | None = None
        self._done: list[Entry] = []
        self._undone: list[Entry] = []
        self._latest: dict[str, Entry] = {}
        self._by_id: dict[str, Entry] = {}
        self._saved_top = ""
        self._depth = 0
        self._unsent: list[Entry] = []
        self._refusal: tuple[str, str] | None = None

    # editing

    def do(self, edit: Edit, edit_id: str | None = None) -> Entry:
        """Make an edit.

        Parameters
        ----------
        edit : Edit
            What to do.
        edit_id : str, optional
            Identity of the command. One that was done already is not done again.

        Returns
        -------
        Entry
            The entry of this edit; of the first time for one that comes twice.

        Raises
        ------
        ConflictError
            If the history is read-only; see :meth:`refuse`.
        """
        with self.lock:
            if edit_id and edit_id in self._by_id:
                return self._by_id[edit_id]
            self.require_writable()
            entry = Entry("do", id=edit_id, kind=edit.kind, title=edit.title, user=self.user, edit=edit)
            undone = self._undone
            # Entered before it is applied, so that whoever hears of the change sees what can be undone.
            self._undone = []
            self._done.append(entry)
            self._latest[entry.id] = entry
            try:
                with self._recording(entry):
                    edit.apply(self.target)
            except BaseException:
                self._done.remove(entry)
                del self._latest[entry.id]
                self._undone = undone
                raise
            return entry

    def undo(self) -> Entry | None:
        """Take the last edit back; returns the entry that says so, None if there is nothing to undo."""
        with self.lock:
            self.require_writable()
            return self._step("undo", self._done, self._undone)

    def redo(self) -> Entry | None:
        """Make the edit again that was undone last; returns the entry, None if there is nothing to redo."""
        with self.lock:
            self.require_writable()
            return self._step("redo", self._undone, self._done)

    def _step(self, action: Literal["undo", "redo"], source: list[Entry], goal: list[Entry]) -> Entry | None:
        if not source:
            return None
        subject = source[-1]
        edit = subject.edit.inverse() if action == "undo" else subject.edit
        entry = Entry(action, kind=subject.kind, title=subject.title, user=self.user, of=subject.id)
        previous = self._latest[subject.id]
        goal.append(source.pop())
        self._latest[subject.id] = entry
        try:
            with self._recording(entry):
                edit.apply(self.target)
        except BaseException:
            source.append(goal.pop())
            self._latest[subject.id] = previous
            raise
        return entry

    @contextmanager
    def _recording(self, entry: Entry) -> Iterator[None]:
        """Enter an entry in the log, and send it on once the outermost edit has been applied."""
        self.entries.append(entry)
        self._by_id[entry.id] = entry
        self._unsent.append(entry)
        self._depth += 1
        try:
            yield
        except BaseException:
            self.entries.remove(entry)
            self._unsent.remove(entry)
            del self._by_id[entry.id]
            raise
        finally:
            self._depth -= 1
            if self._depth == 0:
                unsent, self._unsent = self._unsent, []
                for each in unsent:
                    self._send(each)

    def _send(self, entry: Entry) -> None:
        # It may be detached by another thread meanwhile.
        journal = self.journal
        if journal is None:
            entry.confirmed = True
        else:
            self._keep_in(journal, entry)
        call_all(self._entry_listeners, entry)
        if entry.confirmed and journal is None:
            call_all(self._confirmed_listeners, entry)

    # asking

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is anything to redo."""
        return bool(self._undone)

    @property
    def undo_title(self) -> str | None:
        """What would be undone, for people; None if there is nothing."""
        with self.lock:
            return self._done[-1].title if self._done else None

    @property
    def redo_title(self) -> str | None:
        """What would be redone, for people; None if there is nothing."""
        with self.lock:
            return self._undone[-1].title if self._undone else None

    @property
    def next_undo(self) -> Entry | None:
        """The entry that did (or redid) what would be undone now."""
        with self.lock:
            return self._latest[self._done[-1].id] if self._done else None

    @property
    def next_redo(self) -> Entry | None:
        """The entry that undid what would be redone now."""
        with self.lock:
            return self._latest[self._undone[-1].id] if self._undone else None

    @property
    def dirty(self) -> bool:
        """Whether the target differs from what was saved, going by the edits."""
        with self.lock:
            return self._top != self._saved_top

    @property
    def durable(self) -> bool:
        """Whether entries go to a journal on disk; if not, they last as long as the process."""
        return self.journal is not None

    @property
    def failing(self) -> bool:
        """Whether the journal cannot be written at the moment, so that new edits are not safe."""
        return self.journal is not None and self.journal.failing

    @property
    def _top(self) -> str:
        return self._done[-1].id if self._done else ""

    # files

    def refuse(self, problem: str, remedy: str) -> None:
        """Allow no edits from now on; each raises a ConflictError with this message.

        This does not wait for an edit that is being made, so that it can be called from anywhere.
        """
        self._refusal = (problem, remedy)

    def allow(self) -> None:
        """Allow edits again."""
        with self.lock:
            self._refusal = None

    @property
    def read_only(self) -> bool:
        """Whether edits are refused."""
        return self._refusal is not None

    def require_writable(self) -> None:
        """Raise the ConflictError that :meth:`refuse` gave, if edits are refused."""
        if self._refusal is not None:
            raise ConflictError(*self._refusal)

    def attach(
        self,
        journal: Journal,
        position: int | None = None,
        *,
        replaced_by: str | None = None,
        needs: str = "",
    ) -> int:
        """Keep entries in a journal from now on, and take over the ones that are in it.

        Parameters
        ----------
        journal : Journal
            An open journal.
        position : int, optional
            Number of the journal's entries that the target holds already; the others are done again now. By
            default it holds all of them.
        replaced_by : str, optional
            Fingerprint of a file by somebody else that the target holds instead; the journal's edits are then
            part of the log, but cannot be undone.
        needs : str
            With ``replaced_by``, as for :meth:`mark_replaced`.

        Returns
        -------
        int
            How many edits, undos and redos were done again.

        Raises
        ------
        FormatError
            If the edits that are to be done again cannot all be read. Nothing has changed then.
        """
        with self.lock:
            own, done, undone = self.entries, self._done, self._undone
            applied = self.replay(journal.entries, position)
            self.journal = journal
            journal.keep(self)
            if replaced_by is not None:
                self.entries = self.entries[: len(self.entries) - len(own)]
                self.mark_replaced(replaced_by, needs=needs)
                self.entries += own
                self._done, self._undone = list(done), list(undone)
            for entry in own:
                entry.confirmed = False
                self._keep_in(journal, entry)
            return applied

    def replay(self, lines: Sequence[Mapping[str, Any]], position: int | None = None) -> int:
        """Take over the entries of a journal without keeping new ones there; as :meth:`attach` otherwise."""
        with self.lock:
            restored = [Entry.from_line(line) for line in lines]
            position = len(restored) if position is None else position
            fresh = [entry for entry in restored[position:] if entry.is_change]
            by_id = {entry.id: entry for entry in restored}
            for entry in fresh:
                # All of them are read before the first one is done.
                by_id.get(entry.of or entry.id, entry).edit  # noqa: B018
            own, own_done, own_undone = self.entries, self._done, self._undone
            self.entries, self._done, self._undone, self._saved_top = [], [], [], ""
            if fresh:
                # What this process did already belongs after what an earlier one did.
                for entry in reversed(own_done):
                    entry.edit.inverse().apply(self.target)
            applied = 0
            for number, entry in enumerate(restored, 1):
                applied += self._restore(entry, number > position)
                if number == position:
                    self._saved_top = self._top
            if fresh:
                for entry in own_done:
                    entry.edit.apply(self.target)
            self.entries += own
            self._by_id = {entry.id: entry for entry in self.entries}
            self._done += own_done
            if own:
                self._undone = own_undone
            return applied

    def _restore(self, entry: Entry, apply: bool) -> bool:
        """Take over one entry of a journal; returns whether it was applied to the target."""
        self.entries.append(entry)
        if entry.action == "replaced":
            self._done, self._undone = [], []
        if not entry.is_change:
            return False
        if entry.action == "do":
            # What is known by its title only bars the way back to everything before it.
            if entry.is_repeatable:
                self._done.append(entry)
            else:
                self._done = []
            self._undone = []
            subject = entry
        else:
            source, goal = self._done, self._undone
            if entry.action == "redo":
                source, goal = goal, source
            found = next((each for each in reversed(source) if each.id == entry.of), None)
            if found is None:
                return False
            subject = found
            source.remove(subject)
            goal.append(subject)
        self._latest[subject.id] = entry
        if apply:
            (subject.edit.inverse() if entry.action == "undo" else subject.edit).apply(self.target)
        return apply

    def effect(self, entry: Entry) -> Edit:
        """Return the edit that does what an entry did: for an undo, the inverse of what it undid.

        Raises
        ------
        FormatError
            If the journal no longer keeps the edit.
        """
        subject = entry if entry.action == "do" else self._by_id[entry.of]
        return subject.edit.inverse() if entry.action == "undo" else subject.edit

    def forget(self) -> None:
        """Drop the whole log, to take over another one; the target stays as it is."""
        with self.lock:
            self.entries, self._done, self._undone, self._saved_top = [], [], [], ""
            self._latest, self._by_id = {}, {}
            self._expect_nothing()

    def detach(self) -> None:
        """Keep entries in memory only from now on; the journal stays as it is."""
        self.journal = None

    def mark_saving(self, fingerprint: str) -> None:
        """Note that a file of this content is about to be written, and wait until that is on disk.

        Should the process end between this and :meth:`mark_saved`, the file alone tells which edits it holds.

        Raises
        ------
        ConflictError
            If the layer now belongs to another process, so that the file must not be written.
        """
        with self.lock:
            journal = self.journal
            if journal is None:
                return
            self._note(Entry("saving", user=self.user, fingerprint=fingerprint))
            if not journal.flush() and isinstance(journal.error, ConflictError):
                raise journal.error

    def mark_saved(self, fingerprint: str) -> None:
        """Note that the file holds everything done so far.

        Parameters
        ----------
        fingerprint : str
            The written file's; see :func:`jupytrack.files.file_fingerprint`.
        """
        with self.lock:
            self._saved_top = self._top
            self._note(Entry("save", title="Save", user=self.user, fingerprint=fingerprint))

    def mark_replaced(self, fingerprint: str, *, needs: str = "") -> None:
        """Note that the target now holds what somebody else wrote; what was done before cannot be undone.

        Parameters
        ----------
        fingerprint : str
            The file's.
        needs : str
            Id of an edit that follows and keeps what would be lost otherwise: as long as that is not in the
            journal, this does not count either.
        """
        with self.lock:
            self._done, self._undone = [], []
            self._saved_top = ""
            title = "The file was changed by another program"
            self._note(Entry("replaced", title=title, user=self.user, fingerprint=fingerprint, needs=needs))

    def _note(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._by_id[entry.id] = entry
        self._send(entry)

    def __contains__(self, edit_id: str) -> bool:
        """Whether an edit of this id is in the log; one that changed nothing is not."""
        return edit_id in self._by_id

    def forget_redo(self) -> None:
        """Drop what could be redone, because something else was done since."""
        with self.lock:
            self._undone = []

    # telling

    def to_script(self, variable: str = "annotation") -> str:
        """Return Python that makes all edits again, with who made them and when.

        Parameters
        ----------
        variable : str
            Name for the target in the script.

        Returns
        -------
        str
            Edits that were undone are mentioned, not made.
        """
        with self.lock:
            return to_script(self.target, self.entries, self._done, variable, self.user)
