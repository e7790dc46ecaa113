"""Two versions of a layer, of which people choose one."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jupytrack.errors import AnnotationError, ConflictError

if TYPE_CHECKING:
    from jupytrack.annotation.durable import DurableLayer
    from jupytrack.annotation.table import PointTable

__all__ = ["Conflict"]


class Conflict:
    """Edits of ours that are not in a layer that somebody else changed.

    Attributes
    ----------
    path : Path
        The layer's file.
    file, journal : PointTable
        The two versions: theirs (what the file holds now, with what they had not saved yet), and ours.
    edits : int
        How many edits only our version has.
    exact : bool
        Whether our version is exactly what was there; if not, it is our edits on top of theirs.
    ours : Path or None
        Where our version was kept already, if it was.
    """

    def __init__(
        self,
        layer: DurableLayer,
        file: PointTable,
        journal: PointTable,
        edits: int,
        *,
        exact: bool = True,
        ours: Path | None = None,
    ) -> None:
        self._layer = weakref.ref(layer)
        self.path = layer.path
        self.file = file
        self.journal = journal
        self.edits = edits
        self.exact = exact
        self.ours = ours

    @property
    def problem(self) -> str:
        """What happened, for people."""
        edits = "an edit" if self.edits == 1 else f"{self.edits} edits"
        if self.ours is not None:
            return f"{self.path} was taken over by another process, which never saw {edits} of ours."
        return f"{self.path} was changed by another program while {edits} of ours had not been saved to it."

    @property
    def remedy(self) -> str:
        """What can be done, for people."""
        which = "the file's" if self.ours is None else "the other one's"
        return f"Keep our version or take {which}; the other one is kept beside it either way."

    def resolve(self, keep: Literal["journal", "file"]) -> Path:
        """Decide which version to go on with.

        Parameters
        ----------
        keep : {"journal", "file"}
            Our version (not saved yet then, and undo brings theirs), or theirs.

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
