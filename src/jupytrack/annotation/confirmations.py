"""Which entries of a log wait for the disk, and who is told when they are there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from jupytrack.annotation.entries import Entry
from jupytrack.errors import JupytrackError
from jupytrack.listeners import call_all, listen

if TYPE_CHECKING:
    from jupytrack.annotation.journal import Journal

__all__ = ["Confirmations"]

log = logging.getLogger(__name__)


class Confirmations:
    """The part of a history that follows its entries to the disk."""

    def __init__(self) -> None:
        self._waiting: dict[int, Entry] = {}
        # Not the target's lock: who saves holds that one while the journal confirms.
        self._waiting_lock = threading.Lock()
        self._entry_listeners: list[Callable[[Entry], None]] = []
        self._confirmed_listeners: list[Callable[[Entry], None]] = []
        self._error_listeners: list[Callable[[JupytrackError], None]] = []

    @property
    def all_confirmed(self) -> bool:
        """Whether every entry is safe."""
        return not self._waiting

    def on_entry(self, callback: Callable[[Entry], None]) -> Callable[[], None]:
        """Call ``callback(entry)`` after every new entry; returns a function that stops it."""
        return listen(self._entry_listeners, callback)

    def on_confirmed(self, callback: Callable[[Entry], None]) -> Callable[[], None]:
        """Call ``callback(entry)`` once an entry is safe, from the journal's thread; returns how to stop."""
        return listen(self._confirmed_listeners, callback)

    def on_error(self, callback: Callable[[JupytrackError], None]) -> Callable[[], None]:
        """Call ``callback(error)`` when the journal cannot be written; returns a function that stops it."""
        return listen(self._error_listeners, callback)

    def give_up(self, entry: Entry) -> None:
        """Take note that an entry will never be in the journal; it is not waited for any more."""
        with self._waiting_lock:
            self._waiting.pop(id(entry), None)

    def report(self, error: JupytrackError) -> None:
        """Tell listeners of an error of the journal."""
        if not self._error_listeners:
            log.error("%s", error)
        call_all(self._error_listeners, error)

    def _keep_in(self, journal: Journal, entry: Entry) -> None:
        with self._waiting_lock:
            self._waiting[id(entry)] = entry
        journal.append(entry, self._on_disk)

    def _on_disk(self, entry: Entry) -> None:
        """Take note, in the journal's thread, that an entry is safe."""
        with self._waiting_lock:
            entry.confirmed = True
            self._waiting.pop(id(entry), None)
        call_all(self._confirmed_listeners, entry)

    def _expect_nothing(self) -> None:
        with self._waiting_lock:
            self._waiting = {}
