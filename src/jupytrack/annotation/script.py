"""A history as Python that makes its edits again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jupytrack.annotation.entries import Entry
from jupytrack.errors import FormatError

__all__ = ["to_script"]


def to_script(target: Any, entries: Sequence[Entry], kept: Sequence[Entry], variable: str, user: str) -> str:
    """Return Python that makes edits again, with who made them and when.

    Parameters
    ----------
    target : object
        What they were made to; its ``to_code``, if there is one, says how to make it.
    entries : sequence of Entry
        The log.
    kept : sequence of Entry
        Those of it that hold; the others are mentioned, not made.
    variable : str
        Name for the target in the script.
    user : str
        Who is named where nobody edited.
    """
    holding = {id(entry) for entry in kept}
    setup = getattr(target, "to_code", None)
    lines = [f"# Edits by {', '.join(dict.fromkeys(e.user for e in entries)) or user}"]
    lines += [setup(variable)] if setup else [f"# {variable} is what the edits were made to"]
    for entry in entries:
        what = f"# {entry.time} {entry.user}: {entry.title}".replace("\n", " ")
        if entry.action in ("undo", "redo", "save", "replaced"):
            lines += ["", what if entry.action != "undo" else what + " (undone)"]
        if entry.action != "do":
            continue
        lines += ["", what]
        if id(entry) not in holding:
            lines.append("# not made, because it was undone or what it changed was replaced")
            continue
        try:
            lines.append(entry.edit.to_code(variable))
        except FormatError:
            lines.append("# not made, because the journal no longer holds its content")
    return "\n".join(lines) + "\n"
