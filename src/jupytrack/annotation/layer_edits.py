"""Changes of which layers there are and what they are called; known to one session only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from jupytrack.errors import FormatError

if TYPE_CHECKING:
    from jupytrack.annotation.layers import LayerStack
    from jupytrack.annotation.points import VideoAnnotation

__all__ = ["Composition", "Renaming"]


@dataclass(frozen=True, eq=False)
class Composition:
    """Layers that come, go or change places; known to this session only."""

    kind: ClassVar[str] = "layers"

    title: str
    before: tuple[VideoAnnotation, ...]
    after: tuple[VideoAnnotation, ...]

    def apply(self, target: LayerStack) -> None:
        """Make the change."""
        target._arrange(self.after)

    def inverse(self) -> Composition:
        """Return the edit that takes this one back."""
        return Composition(self.title, self.after, self.before)

    def to_record(self) -> dict[str, Any]:
        """Return the names, for the log."""
        return {"before": [ann.name for ann in self.before], "after": [ann.name for ann in self.after]}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Composition:
        """Refuse: other sessions do not know these layers."""
        raise FormatError("Layers that came and went are not kept.", "Open the layers' files.")

    def to_code(self, variable: str) -> str:
        """Return Python that makes the change to the LayerStack of that name."""
        gone = [ann.name for ann in self.before if ann not in self.after]
        new = [ann for ann in self.after if ann not in self.before]
        lines = [f"{variable}.add({ann.name!r}, {ann.fname!r})" for ann in new]
        lines += [f"{variable}.remove({name!r})" for name in gone]
        return "\n".join(lines or [f"{variable}.reorder({[ann.name for ann in self.after]!r})"])


@dataclass(frozen=True, eq=False)
class Renaming:
    """A layer that gets another name, before there is a file of it."""

    kind: ClassVar[str] = "layer name"

    layer: VideoAnnotation
    before: str
    after: str

    @property
    def title(self) -> str:
        """What was done, for people."""
        return f"Rename layer {self.before} to {self.after}"

    def apply(self, target: LayerStack) -> None:
        """Make the change."""
        target._give_name(self.layer, self.after)

    def inverse(self) -> Renaming:
        """Return the edit that takes this one back."""
        return Renaming(self.layer, self.after, self.before)

    def to_record(self) -> dict[str, Any]:
        """Return the names, for the log."""
        return {"before": self.before, "after": self.after}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Renaming:
        """Refuse: other sessions do not know these layers."""
        raise FormatError("Names of layers are not kept.", "Open the layers' files.")

    def to_code(self, variable: str) -> str:
        """Return Python that makes the change to the LayerStack of that name."""
        return f"{variable}.rename({self.before!r}, {self.after!r})"
