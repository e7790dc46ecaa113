"""What a journal's file says: which edits there are, and which of them the layer's file holds.

A journal is a text file of one JSON object a line, each with a number and a checksum. The first line is a
head that names the content of the file the journal belongs to. Further on, lines of ``"saving"``, ``"save"``
and ``"replaced"`` do. By these :meth:`JournalContent.place` finds which edits a file lacks.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from pathlib import Path

from jupytrack.annotation.journal_lines import KEEP_EDITS, Line, parse_line, unpack
from jupytrack.errors import FormatError
from jupytrack.files import read_error

__all__ = ["JournalContent"]

_FORMAT = "jupytrack journal"
_VERSION = 1
_ACTIONS = {"do", "undo", "redo", "save", "saving", "replaced"}


class JournalContent:
    """A journal as it was read.

    Parameters
    ----------
    path : path
        The journal; it need not exist.
    fingerprint : str
        Content of the layer's file at present, for the head of a new journal.

    Attributes
    ----------
    entries : list of dict
        What is in the file, as :meth:`Entry.from_line` takes it.
    problems : list of str
        What is wrong with the file, for people.

    Raises
    ------
    FormatError
        If the file is no journal, or one of a newer version.
    """

    def __init__(self, path: str | Path, fingerprint: str = "") -> None:
        self.path = Path(path)
        self.problems: list[str] = []
        self.entries: list[Line] = []
        self._head: Line = {
            "format": _FORMAT,
            "version": _VERSION,
            "fingerprint": fingerprint,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._mark = fingerprint
        self._base: Line | None = None
        self._base_due = True
        self._base_size = 0
        self._size = 0
        self._number = 0
        self._superseded = 0
        self._void = False
        self._damaged = b""
        self._read()

    def _read(self) -> None:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise read_error(self.path, error) from error
        if not content:
            return
        complete, newline, torn = content.rpartition(b"\n")
        begin = b'{"n":0,'
        if not newline and (torn.startswith(begin) or begin.startswith(torn) or not torn.strip(b"\0")):
            # Cut short while it was made: nothing in it was ever confirmed.
            self._void = True
            return
        lines = complete.split(b"\n") if newline else []
        parsed = [parse_line(line) for line in lines]
        bad = parsed.count(None)
        head = parsed[0] if parsed else None
        if (head is not None and head.get("format") != _FORMAT) or (head is None and bad == len(parsed)):
            raise FormatError(
                f"{self.path} is no journal of jupytrack, or it is damaged from its first to its last line.",
                "Move it away if it belongs to another program; a new journal is begun then.",
            )
        if head is not None and int(head.get("version", 0)) > _VERSION:
            raise FormatError(
                f"{self.path} was written by a newer version of jupytrack.", "Update jupytrack to open it."
            )
        self._size = len(complete) + 1
        if head is not None:
            self._head = {key: value for key, value in head.items() if key != "n"}
            self._mark = str(head.get("fingerprint", ""))
        last = 0
        made = {line.get("id") for line in parsed if line is not None and line.get("action") == "do"}
        for line, raw in zip(parsed, lines, strict=True):
            if line is None:
                continue
            last = max(last, int(line["n"]))
            if "needs" not in line or line["needs"] in made:
                # Without what it needs it is the rest of a crash, and what came before still holds.
                self._take(line, len(raw))
        self._number = last
        if bad:
            self._damaged = content
            self.problems.append(f"{bad} of {len(lines)} lines of {self.path} are damaged.")

    @property
    def _is_overlong(self) -> bool:
        """Whether much of the file is no longer needed."""
        old = sum("record" in line for line in self.entries[: self.last_mark])
        return self._superseded > max(2**20, self._size // 2) or old > 2 * KEEP_EDITS

    def _take(self, line: Line, size: int) -> None:
        """Sort in one line of the file."""
        action = line.get("action")
        if action == "base":
            self._superseded += self._base_size
            self._base, self._base_size, self._base_due = line, size, False
        elif action in _ACTIONS:
            if action in ("save", "replaced"):
                self._mark, self._base_due = str(line.get("fingerprint", "")), True
                self._superseded += self._base_size
                self._base, self._base_size = None, 0
            self.entries.append(line)
        elif "format" not in line:
            self.problems.append(
                f"{self.path} holds a line of the unknown kind {action!r}, which was skipped."
            )

    def place(self, fingerprint: str) -> int | None:
        """Return how many of :attr:`entries` a file of this content holds; None if it is not ours.

        It is ours if it is what was saved last, or what was about to be saved when the process ended.
        """
        for number in range(len(self.entries), 0, -1):
            line = self.entries[number - 1]
            if line["action"] in ("saving", "save", "replaced"):
                if line.get("fingerprint", "") == fingerprint:
                    return number
                if line["action"] != "saving":
                    return None
        return 0 if self._head.get("fingerprint", "") == fingerprint else None

    def holds_more_than(self, fingerprint: str) -> bool:
        """Whether there are edits that a file of this content lacks.

        What was undone again does not count, and neither does a journal of another file: one that another
        program wrote since is taken as it is.
        """
        held = self.place(fingerprint)
        depth, lost = 0, False
        for line in [] if held is None else self.entries[held:]:
            lost |= line["action"] == "do" and depth < 0
            depth += {"do": 1, "redo": 1, "undo": -1}.get(line["action"], 0)
        return bool(depth) or lost

    @property
    def last_mark(self) -> int:
        """How many of :attr:`entries` the file held that was saved last."""
        for number in range(len(self.entries), 0, -1):
            if self.entries[number - 1]["action"] in ("save", "replaced"):
                return number
        return 0

    def base_files(self) -> dict[str, bytes] | None:
        """Return the layer's files as they were when they were saved last; None if they were not kept."""
        if self._base is None or self._base.get("fingerprint") != self._mark:
            return {} if self._mark == "" else None
        try:
            return {str(suffix): unpack(data) for suffix, data in self._base["files"].items()}
        except (ValueError, zlib.error, AttributeError, KeyError):
            return None
