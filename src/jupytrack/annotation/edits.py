"""What can be done to points, as commands that know their inverse."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.history import register_edit
from jupytrack.annotation.table import PointTable, column_type, label_order
from jupytrack.errors import FormatError

if TYPE_CHECKING:
    from jupytrack.annotation.editing import EditablePoints
    from jupytrack.annotation.store import PointStore

__all__ = ["CellChange", "PointsEdit", "compose", "difference"]

Frames = NDArray[np.int64]
Columns = dict[str, tuple[NDArray[Any], NDArray[Any]]]

_READABLE = 256
"""Changes of up to this many points are written out as numbers, larger ones compressed."""


@dataclass(frozen=True, eq=False)
class CellChange:
    """What one edit does to the points of one label.

    Attributes
    ----------
    label : str
        Whose points.
    frames : ndarray, int64, shape (n,)
        On which frames, ascending and unique.
    before, after : ndarray, float64, shape (n, 2)
        Positions; NaN for no point.
    columns : dict of str to (ndarray, ndarray), each shape (n,)
        Values before and after of every column that exists at the time, so that edits can be composed.
    """

    label: str
    frames: Frames
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    columns: Columns = field(default_factory=dict)

    def inverse(self) -> CellChange:
        """Return the change that takes this one back."""
        columns = {name: (after, before) for name, (before, after) in self.columns.items()}
        return CellChange(self.label, self.frames, self.after, self.before, columns)

    def is_empty(self) -> bool:
        """Whether nothing differs before and after."""
        return np.array_equal(self.before, self.after, equal_nan=True) and all(
            np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
            for before, after in self.columns.values()
        )


@register_edit
@dataclass(frozen=True, eq=False)
class PointsEdit:
    """Any change of labels and points of one annotation.

    Attributes
    ----------
    title : str
        What was done, for people.
    labels_before, labels_after : tuple of str
        The labels; the points of a label that goes are in ``changes``, so that the inverse brings them back.
    changes : tuple of CellChange
        At most one for each label.
    edit_id : str
        Identity of the command, passed on to whoever listens for changes.
    """

    kind: ClassVar[str] = "points"

    title: str
    labels_before: tuple[str, ...]
    labels_after: tuple[str, ...]
    changes: tuple[CellChange, ...]
    edit_id: str = ""

    def apply(self, target: EditablePoints) -> None:
        """Write what the edit says into an annotation and tell its listeners."""
        self.write(target._store)
        target._edited(self)

    def write(self, store: PointStore) -> None:
        """Write what the edit says into arrays."""
        union = [
            *self.labels_after,
            *(label for label in self.labels_before if label not in self.labels_after),
        ]
        # Rows that go are emptied before they go, rows that come are there before they are filled.
        present = [label for label in union if label in store or label in self.labels_after]
        store.set_labels(present)
        for change in self.changes:
            if change.label not in store or not change.frames.size:
                continue
            store.reserve(int(change.frames[-1]) + 1)
            row = store.row(change.label)
            store.xy[row, change.frames] = change.after
            for name, (_, after) in change.columns.items():
                store.column(name, after.dtype)[row, change.frames] = after
        store.set_labels(self.labels_after)

    def inverse(self) -> PointsEdit:
        """Return the edit that takes this one back."""
        changes = tuple(change.inverse() for change in self.changes)
        return replace(
            self, labels_before=self.labels_after, labels_after=self.labels_before, changes=changes
        )

    def is_empty(self) -> bool:
        """Whether the edit changes nothing."""
        return self.labels_before == self.labels_after and all(c.is_empty() for c in self.changes)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that the edit touches."""
        changed = dict.fromkeys(change.label for change in self.changes)
        if self.labels_before != self.labels_after:
            changed.update(dict.fromkeys((*self.labels_before, *self.labels_after)))
        return tuple(changed)

    @property
    def frames(self) -> Frames | None:
        """Frames that the edit touches, ascending; None for all of them (labels came, went or moved)."""
        if self.labels_before != self.labels_after:
            return None
        if len(self.changes) == 1:
            return self.changes[0].frames
        parts = [change.frames for change in self.changes]
        return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)

    def to_record(self) -> dict[str, Any]:
        """Return the edit as JSON-able content, exact to the last bit."""
        record: dict[str, Any] = {"title": self.title, "labels": list(self.labels_before), "changes": []}
        if self.labels_after != self.labels_before:
            record["labels_after"] = list(self.labels_after)
        for change in self.changes:
            item: dict[str, Any] = {
                "label": change.label,
                "frames": _pack(change.frames),
                "before": _pack(change.before),
                "after": _pack(change.after),
            }
            if change.columns:
                item["columns"] = {
                    name: {"dtype": before.dtype.str, "before": _pack(before), "after": _pack(after)}
                    for name, (before, after) in change.columns.items()
                }
            record["changes"].append(item)
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> PointsEdit:
        """Make an edit from what :meth:`to_record` returned.

        Raises
        ------
        FormatError
            If the record does not have that shape.
        """
        try:
            labels = tuple(map(str, record["labels"]))
            changes = tuple(
                CellChange(
                    str(item["label"]),
                    _unpack(item["frames"], "<i8"),
                    _unpack(item["before"], "<f8", 2),
                    _unpack(item["after"], "<f8", 2),
                    {
                        str(name): (
                            _unpack(values["before"], values["dtype"]),
                            _unpack(values["after"], values["dtype"]),
                        )
                        for name, values in item.get("columns", {}).items()
                    },
                )
                for item in record["changes"]
            )
            for change in changes:
                sizes = {len(change.frames), len(change.before), len(change.after)}
                sizes.update(len(part) for pair in change.columns.values() for part in pair)
                if len(sizes) > 1 or (change.frames < 0).any():
                    raise ValueError(f"label {change.label!r} has arrays of lengths {sorted(sizes)}")
            return cls(str(record["title"]), labels, tuple(record.get("labels_after", labels)), changes)
        except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
            raise FormatError(
                f"A recorded edit of points cannot be read ({type(error).__name__}: {error}).",
                "The journal was changed by hand or by another program; restore it from a backup.",
            ) from error

    def to_code(self, variable: str) -> str:
        """Return Python that does the edit to the annotation named ``variable``."""
        lines = [f"with {variable}.edit({self.title!r}):"]
        order = [label for label in self.labels_before if label in self.labels_after]
        lines += [f"    del {variable}.data[{label!r}]" for label in self.labels_before if label not in order]
        for label in self.labels_after:
            if label not in self.labels_before:
                lines.append(f"    {variable}.add_label({label!r})")
                order = sorted([*order, label], key=label_order)
        if order != list(self.labels_after):
            data = ", ".join(f"{label!r}: {variable}.data[{label!r}]" for label in self.labels_after)
            lines.append(f"    {variable}.data = {{{data}}}")
        for change in self.changes:
            if change.label in self.labels_after:
                lines += ["    " + line for line in _change_code(change, variable)]
        return "\n".join(lines if len(lines) > 1 else [*lines, "    pass"])


def difference(title: str, before: PointStore, after: PointTable) -> PointsEdit:
    """Return the edit that turns the content of ``before`` into ``after``.

    Parameters
    ----------
    title : str
        What was done, for people.
    before : PointStore
        The present arrays.
    after : PointTable
        What shall be there; columns it lacks are emptied where points change and kept elsewhere.
    """
    length = max(before.capacity, after.n_frames)
    names = sorted({*before.columns, *after.columns})
    changes = []
    for label in dict.fromkeys([*before.labels, *after.labels]):
        old_row = before.row(label) if label in before else None
        new_row = after.labels.index(label) if label in after.labels else None
        old = _row(before.xy, old_row, length, np.nan)
        new = _row(after.xy, new_row, length, np.nan)
        moved = ~((old == new) | (np.isnan(old) & np.isnan(new))).all(axis=1)
        columns: Columns = {}
        for name in names:
            origin = before.columns.get(name)
            goal = after.columns.get(name)
            dtype = (origin if origin is not None else after.columns[name]).dtype
            missing = column_type(name, dtype).missing
            nothing = np.full(length, missing, dtype)
            was = nothing if origin is None else _row(origin, old_row, length, missing)
            kept = np.where(moved, nothing, was)
            columns[name] = (was, kept if goal is None else _row(goal, new_row, length, missing))
        changed = moved.copy()
        for was, will in columns.values():
            differs = was != will
            if was.dtype.kind == "f":
                differs &= ~(np.isnan(was) & np.isnan(will))
            changed |= differs
        frames = np.flatnonzero(changed)
        if frames.size:
            picked = {name: (was[frames], will[frames]) for name, (was, will) in columns.items()}
            changes.append(CellChange(label, frames, old[frames], new[frames], picked))
    return PointsEdit(title, tuple(before.labels), tuple(after.labels), tuple(changes))


def compose(title: str, edits: Sequence[PointsEdit]) -> PointsEdit:
    """Return one edit that does what several do one after the other.

    Parameters
    ----------
    title : str
        What was done, for people.
    edits : sequence of PointsEdit
        At least one, in the order in which they were applied.
    """
    by_label: dict[str, list[CellChange]] = {}
    for edit in edits:
        for change in edit.changes:
            by_label.setdefault(change.label, []).append(change)
    changes = tuple(
        parts[0] if len(parts) == 1 else _merge(label, parts) for label, parts in by_label.items()
    )
    return PointsEdit(title, edits[0].labels_before, edits[-1].labels_after, changes)


def _change_code(change: CellChange, variable: str) -> list[str]:
    """Return the statements that make one change."""
    data = f"{variable}.data[{change.label!r}]"
    there = ~np.isnan(change.after[:, 0])
    lines = []
    if there.any():
        points = dict(zip(change.frames[there].tolist(), change.after[there].tolist(), strict=True))
        lines.append(f"{data}.update({points!r})")
    gone = change.frames[~there & ~np.isnan(change.before[:, 0])].tolist()
    if gone:
        lines += [f"for frame in {gone!r}:", f"    del {data}[frame]"]
    for name, (_, after) in change.columns.items():
        if there.any():
            values = repr(after[there].tolist()).replace("nan", "float('nan')")
            frames = change.frames[there].tolist()
            lines.append(
                f"{variable}.set_column({name!r}, {values}, label={change.label!r}, frames={frames!r})"
            )
    return lines


def _merge(label: str, parts: Sequence[CellChange]) -> CellChange:
    frames = np.concatenate([part.frames for part in parts])
    unique, first = np.unique(frames, return_index=True)
    last = len(frames) - 1 - np.unique(frames[::-1], return_index=True)[1]
    before = np.concatenate([part.before for part in parts])[first]
    after = np.concatenate([part.after for part in parts])[last]
    columns: Columns = {}
    for name in dict.fromkeys(name for part in parts for name in part.columns):
        dtype = next(part.columns[name][0].dtype for part in parts if name in part.columns)
        empty = column_type(name, dtype).empty
        # A part without the column is older than the column: nothing was known yet.
        pairs = [part.columns.get(name) or (empty(part.frames.shape),) * 2 for part in parts]
        columns[name] = (
            np.concatenate([was for was, _ in pairs])[first],
            np.concatenate([will for _, will in pairs])[last],
        )
    return CellChange(label, unique, before, after, columns)


def _row(array: NDArray[Any], row: int | None, length: int, missing: float | int) -> NDArray[Any]:
    """Return one row, ``length`` long; all missing without a row."""
    out = np.full((length, *array.shape[2:]), missing, array.dtype)
    if row is not None:
        out[: array.shape[1]] = array[row]
    return out


def _pack(array: NDArray[Any]) -> Any:
    """Return an array as JSON: numbers with null for missing, or one compressed text if it is long."""
    if len(array) <= _READABLE:
        return _nullable(array.tolist())
    data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(zlib.compress(data.tobytes(), 1)).decode("ascii")


def _unpack(packed: Any, dtype: str, width: int | None = None) -> NDArray[Any]:
    """Return the array that was packed; ``width`` numbers an entry, or plain entries without."""
    kind = np.dtype(dtype)
    if kind.kind not in "biuf":
        raise ValueError(f"values of type {dtype}")
    shape = (-1,) if width is None else (-1, width)
    if isinstance(packed, str):
        flat = np.frombuffer(zlib.decompress(base64.b64decode(packed, validate=True)), kind)
        return flat.reshape(shape).copy()
    values: list[Any] = []
    for item in packed:
        if width is None:
            values.append(np.nan if item is None else item)
        else:
            values.append([np.nan] * width if item is None else item)
    return np.array(values, kind).reshape(shape)


def _nullable(values: Iterable[Any]) -> list[Any]:
    out: list[Any] = []
    for value in values:
        first = value[0] if isinstance(value, list) else value
        out.append(None if first != first else value)
    return out
