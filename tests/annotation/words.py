"""A second kind of thing to edit, so that history and journal are tested with more than points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from jupytrack.annotation.entries import Entry
from jupytrack.annotation.history import History, register_edit
from jupytrack.errors import AnnotationError, FormatError


class Words:
    """Something to edit that has nothing to do with points."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.history = History(self, user="ada")


@register_edit
@dataclass(frozen=True)
class WordEdit:
    """Set or remove a name."""

    kind: ClassVar[str] = "test word"
    name: str
    before: str | None
    after: str | None

    @property
    def title(self) -> str:
        return f"{self.name} = {self.after}"

    def apply(self, target: Words) -> None:
        if self.after == "refused":
            raise AnnotationError("No.", "Try another.")
        if self.after is None:
            target.names.pop(self.name, None)
        else:
            target.names[self.name] = self.after

    def inverse(self) -> WordEdit:
        return WordEdit(self.name, self.after, self.before)

    def to_record(self) -> dict[str, Any]:
        return {"name": self.name, "before": self.before, "after": self.after}

    @classmethod
    def from_record(cls, record: Any) -> WordEdit:
        try:
            return cls(record["name"], record["before"], record["after"])
        except KeyError as error:
            raise FormatError(f"No {error}.", "Restore it.") from error

    def to_code(self, variable: str) -> str:
        return f"{variable}[{self.name!r}] = {self.after!r}"


def set_word(words: Words, name: str, value: str | None, edit_id: str | None = None) -> Entry:
    return words.history.do(WordEdit(name, words.names.get(name), value), edit_id)
