"""Points that can be edited: every change a command in the history, every change announced once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jupytrack.annotation.edits import CellChange, PointsEdit, compose, difference
from jupytrack.annotation.history import History
from jupytrack.annotation.reading import ReadablePoints
from jupytrack.annotation.table import (
    PointTable,
    Source,
    column_type,
    frame_number,
    label_name,
    label_order,
    position,
)
from jupytrack.annotation.views import FramesView, LabelsView
from jupytrack.errors import AnnotationError
from jupytrack.listeners import call_all, listen

__all__ = ["Change", "EditablePoints"]


@dataclass(frozen=True)
class Change:
    """What one command changed.

    Attributes
    ----------
    labels : tuple of str
        The labels that it touched.
    frames : ndarray of int64 or None
        The frames that it touched, ascending; None if any may have changed.
    revision : int
        The annotation's revision after it.
    edit_id : str
        The command's identity, the same when it is undone or redone.
    """

    labels: tuple[str, ...]
    frames: NDArray[np.int64] | None
    revision: int
    edit_id: str


class EditablePoints(ReadablePoints):
    """Labels × frames × (x, y), with undo.

    Parameters
    ----------
    table : PointTable
        What to start with; copied.
    n_frames : int, optional
        Frames in the video, if there is one.
    """

    def __init__(self, table: PointTable, n_frames: int | None = None) -> None:
        super().__init__(table, n_frames)
        self._group: list[PointsEdit] | None = None
        self._listeners: list[Callable[[Change], None]] = []
        self.history = History(self)

    @property
    def data(self) -> LabelsView:
        """Points as ``data[label][frame] = [x, y]``; every write is one undoable edit."""
        return LabelsView(self)

    @data.setter
    def data(self, value: Mapping[Any, Mapping[Any, Any]]) -> None:
        self._replace_all(PointTable.from_mapping(value, self._frame_limit), "Replace all points")

    def __getitem__(self, key: str | int) -> FramesView | list[list[float]]:
        """Return the points of a label, or of all labels at a frame that has any.

        Raises
        ------
        AnnotationError
            If it is neither.
        """
        if key in self._store:
            return FramesView(self, str(key))
        if (
            isinstance(key, (int, np.integer))
            and 0 <= key < self._store.capacity
            and self.present[:, key].any()
        ):
            return self.get_at_frame(int(key))
        raise AnnotationError(
            f"{key!r} is neither a label nor a frame with a point.",
            f"The labels are {', '.join(self.labels) or 'none yet'}; .frames lists the frames.",
        )

    # changing it

    def on_change(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call ``callback(change)`` once for every command, undo and redo; return how to stop it."""
        return listen(self._listeners, callback)

    @contextmanager
    def edit(self, title: str, *, edit_id: str | None = None) -> Iterator[None]:
        """Make all changes inside the ``with`` block one undoable edit; an error takes them all back.

        Parameters
        ----------
        title : str
            What is being done, for the undo menu.
        edit_id : str, optional
            Identity of the command: one that was done already is not done again. Within another block, that
            block's counts.
        """
        with self.lock:
            if self._group is not None:
                yield
                return
            group: list[PointsEdit] = []
            self._group = group
            try:
                yield
                self._group = None
                if group and edit_id is not None and edit_id in self.history:
                    self._take_back(group)
                elif group:
                    self._do(compose(title, group), edit_id)
            except BaseException:
                self._take_back(group)
                raise
            finally:
                self._group = None

    def _take_back(self, group: Sequence[PointsEdit]) -> None:
        for done in reversed(group):
            done.inverse().write(self._store)
        self._revision += 1

    def add(
        self,
        location: Sequence[float],
        label: str,
        frame_number: int,
        *,
        source: Source | None = None,
        edit_id: str | None = None,
    ) -> None:
        """Place a point, or move the one that is there.

        Parameters
        ----------
        location : sequence of two float
            x and y in pixels.
        label : str
            One of :attr:`labels`.
        frame_number : int
            The frame, from 0.
        source : Source, optional
            Where the point comes from; by default manual, or edited if it is moved.
        edit_id : str, optional
            Identity of the command: one that was done already is not done again.

        Raises
        ------
        AnnotationError
            If the position is not two finite numbers, or there is no such label or frame.
        """
        xy = position(location, label, frame_number)
        self.set_points(label, [frame_number], [xy], source=source, edit_id=edit_id)

    def remove(self, label: str, frame_number: int, *, edit_id: str | None = None) -> None:
        """Remove a point; nothing happens where there is none.

        Raises
        ------
        AnnotationError
            If there is no such label.
        """
        self._store.row(label)
        if frame_number in FramesView(self, label):
            self.set_points(label, [frame_number], [[np.nan, np.nan]], edit_id=edit_id)

    def add_at_frame(self, frame_num: int, values: ArrayLike) -> None:
        """Place the points of all labels at a frame as one edit.

        Parameters
        ----------
        frame_num : int
            The frame, from 0.
        values : array_like, shape (n_labels, 2)
            Pixels, in the order of :attr:`labels`; NaN removes.

        Raises
        ------
        AnnotationError
            If the shape is another, or there is no such frame.
        """
        xy = np.asarray(values, np.float64)
        if xy.shape != (self.n_annotations, 2):
            raise AnnotationError(
                f"Values of shape {xy.shape} do not fit.", f"The shape is ({self.n_annotations}, 2)."
            )
        with self.edit(f"Place all labels on frame {frame_num}"):
            for label, value in zip(self.labels, xy, strict=True):
                self.set_points(label, [frame_num], value[None])

    def set_points(
        self,
        label: str,
        frames: Iterable[int] | NDArray[np.integer[Any]],
        xy: ArrayLike,
        *,
        columns: Mapping[str, ArrayLike] | None = None,
        source: Source | None = None,
        title: str | None = None,
        edit_id: str | None = None,
    ) -> None:
        """Place, move and remove many points of one label as one edit.

        Parameters
        ----------
        label : str
            One of :attr:`labels`.
        frames : iterable of int, length n
            The frames, from 0, each at most once.
        xy : array_like, shape (n, 2)
            Pixels; NaN removes the point.
        columns : mapping of str to array_like of length n, optional
            What else is known of these points. Otherwise a moved point keeps its visibility only.
        source : Source, optional
            Where the points come from; by default manual, or edited where they are moved.
        title : str, optional
            What was done, for the undo menu.
        edit_id : str, optional
            Identity of the command: one that was done already is not done again.

        Raises
        ------
        AnnotationError
            If there is no such label or frame, a frame repeats, or a position is half NaN or infinite.
        """
        with self.lock:
            self._store.row(label)
            numbers = np.array([frame_number(f, self._frame_limit) for f in frames], np.int64)
            after = np.array(xy, np.float64).reshape(-1, 2)
            if len(after) != len(numbers) or len(np.unique(numbers)) != len(numbers):
                raise AnnotationError(
                    f"{len(after)} positions were given for {len(np.unique(numbers))} different frames.",
                    "Give one position for each frame, and each frame once.",
                )
            gone = np.isnan(after).all(axis=1)
            if not np.isfinite(after[~gone]).all():
                bad = numbers[~np.isfinite(after).all(axis=1) & ~gone][0]
                raise AnnotationError(
                    f"Label {label!r}, frame {bad}: the position is not finite.", "Give two finite numbers."
                )
            order = np.argsort(numbers)
            given = {name: np.asarray(values)[order] for name, values in (columns or {}).items()}
            change = self._change(label, numbers[order], after[order], given, source)
            if title is None:
                title = _title(change)
            labels = tuple(self._store.labels)
            self._do(PointsEdit(title, labels, labels, (change,)), edit_id)

    def set_column(
        self,
        name: str,
        values: ArrayLike,
        *,
        label: str | None = None,
        frames: Iterable[int] | None = None,
        title: str | None = None,
    ) -> None:
        """Set what is known of points, as one edit.

        Parameters
        ----------
        name : str
            A column, as for :meth:`column`.
        values : array_like
            One value for all, or an array that broadcasts to (labels, frames).
        label : str, optional
            Only this label.
        frames : iterable of int, optional
            Only these frames; by default frames 0 to n_frames - 1.
        title : str, optional
            What was done, for the undo menu.

        Raises
        ------
        AnnotationError
            If there is no such column, label or frame, or the values do not fit.
        """
        with self.lock:
            kind = column_type(name, self._store.columns[name].dtype if name in self._store.columns else None)
            labels = self.labels if label is None else [label_name(label)]
            numbers = (
                np.arange(self.n_frames)
                if frames is None
                else np.array([frame_number(f, self._frame_limit) for f in frames], np.int64)
            )
            numbers, order = np.unique(numbers, return_index=True)
            try:
                given = np.asarray(values).astype(kind.dtype)
                if given.ndim and given.shape[-1] == len(order):
                    given = given[..., order]
                given = np.broadcast_to(given, (len(labels), len(numbers)))
            except (TypeError, ValueError) as error:
                raise AnnotationError(
                    f"The values do not fit column {name!r}: {error}.",
                    f"Give numbers of shape ({len(labels)}, {len(numbers)}).",
                ) from error
            changes = []
            for row, one in zip(given, labels, strict=True):
                xy = self._store.read(one, numbers)
                changes.append(self._change(one, numbers, xy, {name: row}, None))
            all_labels = tuple(self._store.labels)
            self._do(PointsEdit(title or f"Set {name}", all_labels, all_labels, tuple(changes)))

    def add_label(self, label: str | None = None) -> None:
        """Add a label (by default the lowest free number); nothing happens if it is there."""
        with self.lock:
            if label is None:
                label = next(str(n) for n in range(len(self.labels) + 1) if str(n) not in self._store)
            label = label_name(label)
            if label not in self._store:
                labels = sorted([*self.labels, label], key=label_order)
                self._do(PointsEdit(f"Add label {label}", tuple(self.labels), tuple(labels), ()))

    def sort_labels(self) -> None:
        """Put the labels in order: numbers by value, then names."""
        labels = tuple(sorted(self.labels, key=label_order))
        self._do(PointsEdit("Sort labels", tuple(self.labels), labels, ()))

    def sort_data(self) -> None:
        """Do nothing: points are always in the order of frames."""

    def remove_empty_labels(self) -> None:
        """Remove the labels that have no point."""
        filled = np.flatnonzero(self.present.any(axis=1)).tolist()
        self._keep_labels([self.labels[row] for row in filled], "Remove empty labels")

    def clip_trailing_empty_labels(self) -> None:
        """Remove labels without points after the last one with points; the first label stays."""
        filled = np.flatnonzero(self.present.any(axis=1))
        last = int(filled[-1]) if filled.size else 0
        self._keep_labels(self.labels[: last + 1], "Remove trailing empty labels")

    def clip_labels(self, start_frame: int, end_frame: int) -> None:
        """Remove the points outside of a range of frames, both ends included in it."""
        frames = np.arange(self._store.capacity)
        self._keep_frames(
            (frames >= start_frame) & (frames <= end_frame), f"Keep frames {start_frame} to {end_frame}"
        )

    def keep_overlapping_frames(self) -> None:
        """Keep only the points on frames where every label has one; warns if that were none."""
        self._keep_some(self._complete(), "Keep complete frames")

    def keep_overlapping_continuous_frames(self) -> None:
        """Keep only runs of two or more frames with points of every label; warns if that were none."""
        keep = self._complete()
        beside = np.zeros_like(keep)
        beside[1:] |= keep[:-1]
        beside[:-1] |= keep[1:]
        self._keep_some(keep & beside, "Keep complete runs of frames")

    def _complete(self) -> NDArray[np.bool_]:
        """Return where every label has a point; shape (capacity,)."""
        complete = np.zeros(self._store.capacity, bool)
        complete[self.frames_overlapping] = True
        return complete

    # how it is done

    def _keep_some(self, keep: NDArray[np.bool_], title: str) -> None:
        if keep.any():
            self._keep_frames(keep, title)
        else:
            warnings.warn("Nothing was removed, because no frame would have been left.", stacklevel=3)

    def _keep_frames(self, keep: NDArray[np.bool_], title: str) -> None:
        with self.lock:
            changes = []
            for label in self.labels:
                frames = np.flatnonzero(self.present[self._store.row(label)] & ~keep)
                changes.append(self._change(label, frames, np.full((len(frames), 2), np.nan), {}, None))
            labels = tuple(self.labels)
            self._do(PointsEdit(title, labels, labels, tuple(changes)))

    def _keep_labels(self, labels: Sequence[str], title: str) -> None:
        with self.lock:
            table = self.to_table()
            rows = [table.labels.index(label) for label in labels]
            columns = {name: values[rows] for name, values in table.columns.items()}
            self._replace_all(PointTable(list(labels), table.xy[rows], columns), title)

    def _replace_labels(self, given: Mapping[Any, Mapping[Any, Any]], title: str) -> None:
        with self.lock:
            new = PointTable.from_mapping(given, self._frame_limit)
            merged = {label: label for label in [*self.labels, *new.labels]}
            table = PointTable.empty(merged, max(self._store.capacity, new.n_frames))
            for row, label in enumerate(merged):
                if label in new.labels:
                    table.xy[row, : new.n_frames] = new.xy[new.labels.index(label)]
                else:
                    table.xy[row, : self._store.capacity] = self._store.xy[self._store.row(label)]
            self._replace_all(table, title)

    def _replace_all(self, table: PointTable, title: str) -> None:
        with self.lock:
            self._do(difference(title, self._store, table))

    def _change(
        self,
        label: str,
        frames: NDArray[np.int64],
        after: NDArray[np.float64],
        given: Mapping[str, NDArray[Any]],
        source: Source | None,
    ) -> CellChange:
        """Return the change of one label, with what becomes of every column."""
        before = self._store.read(label, frames)
        had, has = ~np.isnan(before[:, 0]), ~np.isnan(after[:, 0])
        moved = has & ~(before == after).all(axis=1)
        columns = {}
        for name in dict.fromkeys([*self._store.columns, "source", *given]):
            was = self._store.read_column(name, label, frames)
            kind = column_type(name, was.dtype)
            will = was.copy()
            will[~has] = kind.missing
            if name in given:
                will[:] = given[name]
            elif name == "source" and source is not None:
                will[has] = source
            elif name == "source":
                will[moved] = np.where(had[moved], Source.EDITED, Source.MANUAL)
            elif name != "visibility":
                will[moved] = kind.missing
            columns[name] = (was, will)
        return CellChange(label, frames, before, after, columns)

    def _do(self, edit: PointsEdit, edit_id: str | None = None) -> None:
        """Do an edit through the history, or now and as part of the group that is open."""
        with self.lock:
            if edit.is_empty():
                return
            if self._group is not None:
                self.history.require_writable()
                edit.write(self._store)
                self._group.append(edit)
                self._revision += 1
                return
            edit = replace(edit, edit_id=edit_id or uuid4().hex)
            self.history.do(edit, edit.edit_id)

    def _edited(self, edit: PointsEdit) -> None:
        """Announce an edit that was just written."""
        self._revision += 1
        change = Change(edit.labels, edit.frames, self._revision, edit.edit_id)
        call_all(self._listeners, change)


def _title(change: CellChange) -> str:
    gone = np.isnan(change.after[:, 0])
    verb = "Remove" if gone.all() else "Move" if not np.isnan(change.before[:, 0]).any() else "Place"
    where = f"on frame {change.frames[0]}" if len(change.frames) == 1 else f"on {len(change.frames)} frames"
    return f"{verb} {change.label} {where}"
