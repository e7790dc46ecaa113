"""What a file could not hold, told to whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import overload

__all__ = ["Loss", "LossReport"]


@dataclass(frozen=True)
class Loss:
    """One thing that a format cannot hold.

    Attributes
    ----------
    what : str
        The column or property, for instance ``"state"``.
    count : int
        In how many rows; 1 for what belongs to the whole.
    message : str
        What becomes of it, and what to do where that matters.
    """

    what: str
    count: int
    message: str

    def __str__(self) -> str:
        return self.message


class LossReport(Sequence[Loss]):
    """What got lost in writing; empty, and false, if the file holds everything.

    Parameters
    ----------
    losses : iterable of Loss
        What got lost.
    """

    def __init__(self, losses: Iterable[Loss] = ()) -> None:
        self._losses = tuple(losses)

    @overload
    def __getitem__(self, index: int) -> Loss: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Loss, ...]: ...
    def __getitem__(self, index: int | slice) -> Loss | tuple[Loss, ...]:
        """Return one of the losses, in the order of columns."""
        return self._losses[index]

    def __len__(self) -> int:
        """Return the number of things that got lost."""
        return len(self._losses)

    def __iter__(self) -> Iterator[Loss]:
        """Yield the losses in the order of columns."""
        return iter(self._losses)

    def __repr__(self) -> str:
        if not self._losses:
            return "Nothing was lost."
        return "\n".join(["Not in the file as it was:", *(f"  {loss}" for loss in self._losses)])

    def _repr_html_(self) -> str:
        if not self._losses:
            return "<p>Nothing was lost.</p>"
        items = "".join(f"<li>{escape(str(loss))}</li>" for loss in self._losses)
        return f"<p>Not in the file as it was:</p><ul>{items}</ul>"
