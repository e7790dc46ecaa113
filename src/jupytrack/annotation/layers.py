"""The layers of a video: which there are, which one is edited and which one is shown beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from jupytrack.annotation.conflict import Conflict
from jupytrack.annotation.durable import DurableLayer, open_durable
from jupytrack.annotation.entries import Entry
from jupytrack.annotation.history import History
from jupytrack.annotation.later import ReadLater, is_dense_layer_name
from jupytrack.annotation.layer_edits import Composition, Renaming
from jupytrack.annotation.layer_list import BUFFER
from jupytrack.annotation.marks import Interval
from jupytrack.annotation.points import Unsaved, VideoAnnotation
from jupytrack.annotation.storage import annotation_folder, storage_notice
from jupytrack.errors import AnnotationError, ConflictError, Level
from jupytrack.listeners import listen

if TYPE_CHECKING:
    from jupytrack.video.source import FrameSource

__all__ = ["LayerStack", "is_dense_layer_name"]
Source = str | Path | VideoAnnotation | None
_LONGEST = 225
"""Bytes in a layer's file name; file systems take 255, and temporary files have longer names."""


class LayerStack(ReadLater):
    """The layers of one video, in order.

    ``stack[name]`` is a layer's annotation; iterating gives the annotations. The layer ``"buffer"`` is always
    there and never counted.

    Parameters
    ----------
    video : FrameSource
        The video.
    durable : bool
        Keep every edit on disk as it is made, and lock layers against other processes; see
        :func:`jupytrack.annotation.durable.open_durable`.
    accept_other_video : bool
        Open layers even though they were made on another video.

    Attributes
    ----------
    folder : Path
        Where new layers go: beside the video, or the user's data folder if nothing may be written there.
    messages : list of (level, problem, remedy)
        What the user should know about what was opened; see also :meth:`on_message`.
    history : History
        Layers that came, went, changed places or names. Points and marks have histories of their own;
        :meth:`undo` goes over all of them.
    marks : Marks
        Frames of interest and intervals.
    """

    def __init__(self, video: FrameSource, *, durable: bool = True, accept_other_video: bool = False) -> None:
        super().__init__(video)
        self.durable = durable
        self.accept_other_video = accept_other_video
        self.folder = annotation_folder(video.fname)
        self.messages: list[tuple[Level, str, str]] = []
        self.history = History(self)
        self._message_listeners: list[Callable[[Level, str, str], None]] = []
        notice = storage_notice(video.fname, self.folder)
        if notice is not None:
            self._tell("warning", *notice)
        if durable:
            self.marks.open(self.folder / f"{Path(video.fname).stem}.jupytrack")
            if self.marks.problem is not None:
                self._tell("warning", self.marks.problem.problem, self.marks.problem.remedy)
        self.marks.on_change(self._changed)
        for history in (self.marks.history, self.history):
            history.on_entry(lambda entry, history=history: self._on_entry(history, entry))  # type: ignore[misc]

    @staticmethod
    def canonical_layer_name(fname: str | Path) -> str:
        """Return the name of the layer in a file: the same on every opening, as in DUSTrack."""
        from jupytrack.formats.dustrack import layer_name_of

        return layer_name_of(fname)

    def path_for(self, name: str) -> Path:
        """Return the file for a layer of this name."""
        from jupytrack.formats.dustrack import make_annotation_file_name

        return make_annotation_file_name(self.folder / Path(self.video.fname).name, name)

    def add(
        self,
        name: str | None = None,
        source: Source = None,
        *,
        n_labels: int = 1,
        labels: Sequence[str] | Mapping[str, str] | None = None,
        undoable: bool = False,
    ) -> VideoAnnotation:
        """Add a layer at the end; the first one becomes the active one.

        Parameters
        ----------
        name : str, optional
            Its name; by default the one that the file or annotation has.
        source : path or VideoAnnotation, optional
            Where it comes from. By default the file of that name is read if there is one, else the layer is
            new.
        n_labels : int
            Labels of a new layer.
        labels : sequence of str or mapping, optional
            The labels of a new layer, instead of that number; a mapping also gives names to show for them.
        undoable : bool
            Whether undo takes it away again; leave it out for what is opened at the start.

        Returns
        -------
        VideoAnnotation

        Raises
        ------
        AnnotationError
            If there is such a layer already, or the name is impossible, or ``n_labels`` no number of labels.
        FormatError, ConflictError
            If the file cannot be read or belongs to another video; the stack is as it was then.
        """
        if name is None:
            if source is None:
                raise AnnotationError("A layer without name and file was asked for.", "Give one of them.")
            name = source.name if isinstance(source, VideoAnnotation) else self.canonical_layer_name(source)
        if not isinstance(n_labels, int | np.integer) or n_labels < 0:
            raise AnnotationError(f"A layer cannot have {n_labels!r} labels.", "Give a whole number.")
        with self.lock:
            if name in self.names or (name == BUFFER and self._buffer is not None and source is not None):
                raise AnnotationError(f"There is a layer {name!r} already.", "Choose another name.")
            if name == BUFFER and source is None:
                return self.buffer
            if source is None:
                self._check_name(name)
            ann = self._open(name, source, n_labels, labels)
            if name == BUFFER:
                self._buffer = ann
                self._watch(ann)
                self._changed()
                return ann
            ann.set_plot_type("line" if is_dense_layer_name(name) or ann.is_dense else "dot", draw=False)
            self._watch(ann)
            if undoable:
                self.read_later()
                layers = tuple(self._layers)
                self.history.do(Composition(f"Add layer {name}", layers, (*layers, ann)))
            else:
                self._arrange((*self._layers, ann))
            return ann

    def add_layers(
        self, layers: Iterable[str | VideoAnnotation] | Mapping[str, Source], n_labels: int = 1
    ) -> None:
        """Add several layers: names, annotations, or a mapping of names to files."""
        pairs: list[tuple[str | None, Source]]
        if isinstance(layers, Mapping):
            pairs = list(layers.items())
        else:
            pairs = [(one, None) if isinstance(one, str) else (one.name, one) for one in layers]
        for name, source in pairs:
            self.add(name, source, n_labels=n_labels)

    def _open(
        self,
        name: str,
        source: Source,
        n_labels: int,
        labels: Sequence[str] | Mapping[str, str] | None = None,
    ) -> VideoAnnotation:
        if isinstance(source, VideoAnnotation):
            ann = source
            if ann.fname is None and not self.path_for(name).exists() and name != BUFFER:
                ann.fname = str(self.path_for(name))
                ann.fstem = Path(ann.fname).stem
        else:
            path = self.path_for(name) if source is None else Path(source)
            if not path.exists() and not path.absolute().parent.is_dir():
                raise AnnotationError(
                    f"There is no folder {path.absolute().parent} for layer {name!r}.",
                    "Make it first, or check the path.",
                )
            ours = self.folder / path.name
            if path.parent.absolute() != self.folder and ours.exists() and self._is_beside(path):
                path = ours
            begin: dict[str, dict[int, list[float]]] | None
            begin = None if labels is None or path.exists() else {label: {} for label in labels}
            ann = self._read(name, path, n_labels=n_labels, preloaded_json=begin)
            if begin is not None and isinstance(labels, Mapping):
                ann._meta["names"] = dict(labels)
            if path.suffix == ".json" and path.parent.absolute() != self.folder and self._is_beside(path):
                ann.save_to(ours)
        ann.name = name
        self._make_durable(ann)
        return ann

    def _read(self, name: str, path: Path, **options: Any) -> VideoAnnotation:
        accept = self.accept_other_video
        return VideoAnnotation(path, name=name, video=self.video, accept_other_video=accept, **options)

    def _make_durable(self, ann: VideoAnnotation) -> None:
        if self.durable and ann.fname is not None and ann.name != BUFFER:
            for message in open_durable(ann).messages:
                self._tell(*message)
            ann.history.on_error(lambda error: self._tell("error", error.problem, error.remedy))

    def _check_name(self, name: object) -> None:
        """Refuse a name that no file can have, or whose file would bring back a layer of another name."""
        if not isinstance(name, str):
            raise AnnotationError(f"{name!r} cannot be a layer's name.", "Give a text.")
        path = self.path_for(name)
        if len(os.fsencode(path.name)) > _LONGEST:
            raise AnnotationError(
                f"The file of layer {name[:20]!r}… would have too long a name.",
                "Choose a shorter one, or give the video a shorter name.",
            )
        if self.canonical_layer_name(path) != name:
            raise AnnotationError(
                f"A layer called {name!r} would come back as {self.canonical_layer_name(path)!r}.",
                "Leave out _ at the ends, and _annotations.",
            )

    def _is_beside(self, path: Path) -> bool:
        """Whether a file lies beside the video, while layers are kept elsewhere."""
        beside = Path(self.video.fname).absolute().parent
        return beside != self.folder and path.absolute().parent == beside

    def _watch(self, ann: VideoAnnotation) -> None:
        ann.history.on_entry(lambda entry: self._on_entry(ann.history, entry))

    def remove(self, name: str) -> None:
        """Take a layer out of the session; its file stays. Undo brings it back.

        If it was the active one, the one before it becomes active (the first one, if it was the first); if it
        was the overlay, there is none any more.

        Raises
        ------
        AnnotationError
            If there is no such layer, or no other.
        """
        with self.lock:
            self.read_later()
            ann = self[name]
            if ann is self._buffer:
                raise AnnotationError(
                    "The buffer is always there.", "Remove its points with layers['buffer'].data.clear()."
                )
            if len(self._layers) == 1:
                raise AnnotationError(
                    f"Layer {name!r} is the last one.", "Add another one first, or discard its changes."
                )
            layers = tuple(self._layers)
            kept = tuple(each for each in layers if each is not ann)
            self.history.do(Composition(f"Remove layer {name}", layers, kept))

    def reorder(self, names: Sequence[str]) -> None:
        """Put the layers into another order.

        Raises
        ------
        AnnotationError
            If these are not all layers, each once.
        """
        with self.lock:
            self.read_later()
            if sorted(names) != sorted(self.names):
                raise AnnotationError(
                    f"{list(names)} are not all layers, each once.",
                    f"The layers are {', '.join(self.names)}.",
                )
            if list(names) != self.names:
                after = tuple(self[name] for name in names)
                self.history.do(Composition("Reorder layers", tuple(self._layers), after))

    def rename(self, name: str, new_name: str) -> None:
        """Rename a layer, and its files if there are any; without a file undo takes it back.

        Raises
        ------
        AnnotationError
            If there is no such layer, or the name is taken or impossible.
        ConflictError
            If there is a file of the new name already, or the layer is read-only.
        """
        with self.lock:
            ann = self[name]
            if name == BUFFER or not new_name or new_name in self:
                raise AnnotationError(
                    f"Layer {name!r} cannot be called {new_name!r}.", "Choose another name."
                )
            self._check_name(new_name)
            moved = {key: intervals for key, intervals in self.marks.intervals.items() if key[0] == name}
            saved = ann.fname is not None and Path(ann.fname).exists() and Path(ann.fname).suffix == ".json"
            if saved:
                self._give_name(ann, new_name)
            else:
                self.history.do(Renaming(ann, name, new_name))
            if moved and not self.marks.history.read_only:
                changes: dict[tuple[str, str], list[Interval]] = {key: [] for key in moved}
                changes |= {(new_name, label): kept for (_, label), kept in moved.items()}
                self.marks.set_intervals(changes, f"Intervals of {name} belong to {new_name}")

    def _give_name(self, ann: VideoAnnotation, name: str) -> None:
        if any(each is not ann and each.name == name for each in self._layers):
            raise AnnotationError(f"There is a layer {name!r} already.", "Choose another name.")
        if ann.fname is not None and Path(ann.fname).suffix == ".json":
            path = self.path_for(name)
            if path.exists():
                raise ConflictError(f"There is a file {path} already.", "Choose another name.")
            old = Path(ann.fname)
            if ann.durable is not None:
                ann.durable.move_to(path)
            elif old.exists():
                for suffix in (".sidecar", ".json"):
                    if old.with_suffix(suffix).exists():
                        old.with_suffix(suffix).replace(path.with_suffix(suffix))
            ann.fname, ann.fstem = str(path), path.stem
        ann.name = name
        self._changed()

    # undo

    def _histories(self) -> list[History]:
        layers = [*self._layers] if self._buffer is None else [*self._layers, self._buffer]
        found = [*(ann.history for ann in layers), self.marks.history, self.history]
        return [history for history in found if not history.read_only]

    def _latest(self, which: Literal["undo", "redo"]) -> History | None:
        """Return the history with what was done (or undone) last."""
        found: History | None = None
        newest = (-1, "")
        for history in self._histories():
            entry = history.next_undo if which == "undo" else history.next_redo
            if entry is not None and (entry.order, entry.time) > newest:
                found, newest = history, (entry.order, entry.time)
        return found

    def undo(self) -> Entry | None:
        """Take back what was done last, in whichever layer; returns the entry, None if there is nothing."""
        with self.lock:
            self.read_later()
            history = self._latest("undo")
            return None if history is None else history.undo()

    def redo(self) -> Entry | None:
        """Do again what was undone last, in whichever layer; returns the entry, None if there is nothing."""
        with self.lock:
            self.read_later()
            history = self._latest("redo")
            return None if history is None else history.redo()

    @property
    def undo_title(self) -> str | None:
        """What would be undone; None if there is nothing."""
        history = self._latest("undo")
        return None if history is None else history.undo_title

    @property
    def redo_title(self) -> str | None:
        """What would be redone; None if there is nothing."""
        history = self._latest("redo")
        return None if history is None else history.redo_title

    def _on_entry(self, history: History, entry: Entry) -> None:
        if entry.action == "do":
            for other in self._histories():
                if other is not history:
                    other.forget_redo()

    # files

    def unsaved(self, name: str) -> Unsaved:
        """Return how a layer differs from its file."""
        return self[name].unsaved

    def discard(self, name: str) -> None:
        """Go back to what a layer's file holds; undo brings the changes back.

        Raises
        ------
        AnnotationError
            If the layer is made by a program, from other layers: make it again or remove it instead.
        """
        if is_dense_layer_name(name):
            raise AnnotationError(
                f"Layer {name!r} was made from other layers, not by hand.", "Remove it, or make it again."
            )
        self[name].reload()

    def durable_of(self, name: str) -> DurableLayer | None:
        """Return how a layer is kept on disk as it is edited; None if it is not."""
        return self[name].durable

    def is_read_only(self, name: str) -> bool:
        """Whether a layer's edits are refused, because somebody else holds it or a conflict is open."""
        return self[name].history.read_only

    @property
    def conflicts(self) -> dict[str, Conflict]:
        """Layers whose file changed while edits were unsaved, with the two versions to choose from."""
        found = {ann.name: ann.durable.conflict for ann in self._layers if ann.durable is not None}
        return {name: conflict for name, conflict in found.items() if conflict is not None}

    def take_over(self, name: str) -> None:
        """Edit a layer and the marks here, though another process holds them or took them from this one.

        The layer then holds what the other one left. Edits that the other one never saw are not lost: those
        of a layer are one of two versions to choose from in :attr:`conflicts`, marks are merged as one edit.

        Raises
        ------
        AnnotationError
            If there is no such layer.
        ConflictError
            If the layer was opened again in this process, which has newer edits then.
        SaveError
            If edits that the other one never saw cannot be kept; nothing has changed then.
        """
        ann = self[name]
        with self.lock:
            if ann.durable is None:
                ann.history.require_writable()
            else:
                before = ann.durable
                durable = open_durable(ann, steal_lock=True)
                for message in durable.messages if durable is not before else ():
                    self._tell(*message)
            for message in self.marks.take_over():
                self._tell(*message)
            self._changed()

    def close(self) -> None:
        """Write what is queued and give all locks back."""
        with self.lock:
            self._later = []
        removed = [ann for entry in self.history.entries for ann in _layers_in(entry)]
        for ann in [*self._layers, *removed]:
            if ann.durable is not None:
                ann.durable.close()
        self.marks.close()

    # being told

    def on_message(self, callback: Callable[[Level, str, str], None]) -> Callable[[], None]:
        """Call ``callback(level, problem, remedy)`` for every message; returns a function that stops it."""
        return listen(self._message_listeners, callback)

    def _tell(self, level: Level, problem: str, remedy: str = "") -> None:
        self.messages.append((level, problem, remedy))
        for callback in list(self._message_listeners):
            callback(level, problem, remedy)


def _layers_in(entry: Entry) -> tuple[VideoAnnotation, ...]:
    edit = entry.edit if entry.action == "do" else None
    return (*edit.before, *edit.after) if isinstance(edit, Composition) else ()
