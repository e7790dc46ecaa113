"""What a history consists of: edits, which know their inverse, and the log's entries."""

from __future__ import annotations

import getpass
import itertools
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar, runtime_checkable
from uuid import uuid4

from jupytrack.errors import AnnotationError, FormatError

__all__ = ["Action", "Edit", "Entry", "edit_from_record", "register_edit", "user_name"]

Action = Literal["do", "undo", "redo", "save", "saving", "replaced"]
_order = itertools.count(1)


@runtime_checkable
class Edit(Protocol):
    """A change of something, which knows how to take itself back.

    Attributes
    ----------
    kind : str
        Which class of edits this is, the same for ever: journals name it.
    """

    kind: ClassVar[str]

    @property
    def title(self) -> str:
        """What was done, for people."""
        ...

    def apply(self, target: Any) -> Any:
        """Make the change; made twice in a row it must leave what made once leaves."""
        ...

    def inverse(self) -> Edit:
        """Return the edit that takes this one back."""
        ...

    def to_record(self) -> dict[str, Any]:
        """Return the edit as JSON-able content."""
        ...

    @classmethod
    def from_record(cls, record: Mapping[str, Any], /) -> Self:
        """Make the edit again; FormatError if the record is not as :meth:`to_record` makes it."""
        ...

    def to_code(self, variable: str) -> str:
        """Return Python that makes the change to the object of that name."""
        ...


_KINDS: dict[str, type[Any]] = {}
E = TypeVar("E", bound=type[Any])


def register_edit(cls: E) -> E:
    """Make a kind of edit known, so that journals that hold it can be read; use it as a decorator."""
    known = _KINDS.get(cls.kind)
    if known is not None and known.__qualname__ != cls.__qualname__:
        raise AnnotationError(
            f"Edits of kind {cls.kind!r} are {known.__qualname__} already.", "Choose another kind."
        )
    _KINDS[cls.kind] = cls
    return cls


def edit_from_record(kind: str, record: Mapping[str, Any]) -> Edit:
    """Return the edit that a journal recorded.

    Raises
    ------
    FormatError
        If this version knows no such kind, or the record is not as that kind makes it.
    """
    if kind not in _KINDS:
        raise FormatError(
            f"The journal holds edits of kind {kind!r}, which this version does not know.",
            "Update jupytrack, or import the package that made them, and open the layer again.",
        )
    edit: Edit = _KINDS[kind].from_record(record)
    return edit


def user_name() -> str:
    """Return who is working: the JupyterHub user, else the user of the operating system."""
    name = os.environ.get("JUPYTERHUB_USER")
    if name:
        return name
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


class Entry:
    """One line of the log.

    Attributes
    ----------
    id : str
        Its identity; for ``"do"`` the identity of the edit.
    action : {"do", "undo", "redo", "save", "saving", "replaced"}
        What happened. ``"saving"`` comes before a file is written and ``"save"`` after it; ``"replaced"``
        says that the file has another content than ours from here on.
    kind, title : str
        Kind of the edit, and what was done for people.
    user, time : str
        Who, and when (UTC, ISO 8601 with microseconds).
    of : str
        For ``"undo"`` and ``"redo"``, the id of the edit.
    fingerprint : str
        For the other actions than edits, the content of the file.
    needs : str
        For ``"replaced"``, the id of an edit without which it does not count.
    confirmed : bool
        Whether it is safe: in the journal on disk, or, without a journal, as safe as it will be.
    order : int
        Rises with every entry made in this process, whatever it belongs to; 0 for those of earlier ones.
    """

    __slots__ = (
        "_edit",
        "_record",
        "action",
        "confirmed",
        "fingerprint",
        "id",
        "kind",
        "needs",
        "of",
        "order",
        "time",
        "title",
        "user",
    )

    def __init__(
        self,
        action: Action,
        *,
        id: str | None = None,
        kind: str = "",
        title: str = "",
        user: str = "",
        time: str | None = None,
        of: str = "",
        fingerprint: str = "",
        needs: str = "",
        edit: Edit | None = None,
        record: Mapping[str, Any] | None = None,
        confirmed: bool = False,
    ) -> None:
        self.id = id or uuid4().hex
        self.action: Action = action
        self.kind = kind
        self.title = title
        self.user = user
        self.time = time or datetime.now(UTC).isoformat(timespec="microseconds")
        self.of = of
        self.fingerprint = fingerprint
        self.needs = needs
        self.confirmed = confirmed
        self.order = next(_order)
        self._edit = edit
        self._record = record

    def __repr__(self) -> str:
        return f"<{self.action} {self.title or self.fingerprint[:8]!r} by {self.user} at {self.time}>"

    @property
    def edit(self) -> Edit:
        """The edit of a ``"do"``.

        Raises
        ------
        FormatError
            If the journal keeps only the line of the log, or what it keeps cannot be read.
        """
        if self._edit is None:
            if self._record is None:
                raise FormatError(f"Edit {self.title!r} is only known by name.", "It cannot be done again.")
            self._edit = edit_from_record(self.kind, self._record)
            self._record = None
        return self._edit

    @property
    def record(self) -> dict[str, Any] | None:
        """The edit as JSON-able content, made when asked for; None if the entry has none."""
        if self._edit is not None:
            return self._edit.to_record()
        return None if self._record is None else dict(self._record)

    @property
    def is_repeatable(self) -> bool:
        """Whether the content of the edit is known, not only its title."""
        return self._edit is not None or self._record is not None

    @property
    def is_change(self) -> bool:
        """Whether it changed the target."""
        return self.action in ("do", "undo", "redo")

    def to_line(self) -> dict[str, Any]:
        """Return what a journal keeps of it."""
        line: dict[str, Any] = {"id": self.id, "action": self.action, "user": self.user, "time": self.time}
        for name in ("kind", "title", "of", "fingerprint", "needs"):
            if getattr(self, name):
                line[name] = getattr(self, name)
        record = self.record
        if record is not None:
            line["record"] = record
        return line

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> Entry:
        """Make an entry of what :meth:`to_line` returned."""
        names = ("id", "kind", "title", "user", "time", "of", "fingerprint", "needs")
        texts: dict[str, Any] = {name: str(line.get(name, "")) for name in names}
        record = line.get("record")
        if record is not None and not isinstance(record, Mapping):
            raise FormatError("A journal's record is no object.", "Restore the journal from a backup.")
        entry = cls(line["action"], **texts, record=record, confirmed=True)
        entry.order = 0
        return entry
