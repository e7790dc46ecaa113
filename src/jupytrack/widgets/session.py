"""The observable state that every widget binds to.

Widgets hold no data: they show what a :class:`Session` says and ask it for changes. A session needs no
notebook and no widget library, so whatever a person can do on the screen a script can do too.
"""

from __future__ import annotations

import difflib
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import traitlets

from jupytrack.annotation.table import label_order
from jupytrack.errors import AnnotationError, ConflictError, JupytrackError, Level
from jupytrack.listeners import call_all, listen
from jupytrack.video.enhance import Enhancement
from jupytrack.widgets.colors import css
from jupytrack.widgets.saving import Saving, after
from jupytrack.widgets.status import snapshot

if TYPE_CHECKING:
    from jupytrack.annotation.layers import LayerStack
    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.video.reader import VideoReader

__all__ = ["Session"]

log = logging.getLogger(__name__)


class Session(traitlets.HasTraits):
    """What is open, what is selected, and how to change it.

    Parameters
    ----------
    video : VideoReader
        The video that is annotated.
    layers : LayerStack
        Its annotation layers.
    **traits
        Initial values of the traits below.

    Attributes
    ----------
    frame : int
        Frame that is shown, from 0.
    playing : bool
        Whether the video plays.
    speed : float
        Playback rate, 0.25 to 4.
    label : str
        Label that is selected.
    label_range : int
        Which ten labels the digit keys stand for: 0 is labels 0 to 9, 1 is 10 to 19.
    number_keys : {"select", "place"}
        What a digit key does.
    enhancement : Enhancement
        How frames are processed before they are shown.
    theme : {"auto", "dark", "light"}
        Colours; ``auto`` follows the notebook.
    trail : int
        Past and next positions drawn around a point, in frames.
    pending_interval : int or None
        First end of an interval whose second end is still to be chosen.
    overlay_revision, frames_revision : int
        Counters that rise when anything drawn over the frame, or the frames themselves, changed.
    status : dict
        JSON-able snapshot for status lines. It holds nothing that changes from frame to frame, so that
        playing a video sends nothing.
    read_only : bool
        Whether somebody else holds the layer, so that edits are refused.
    """

    frame = traitlets.Int(0)
    playing = traitlets.Bool(False)
    speed = traitlets.Float(1.0, min=0.25, max=4.0)
    label = traitlets.Unicode("0")
    label_range = traitlets.Int(0, min=0)
    number_keys = traitlets.Enum(["select", "place"], "select")
    enhancement = traitlets.Instance(Enhancement)
    theme = traitlets.Enum(["auto", "dark", "light"], "auto")
    trail = traitlets.Int(10, min=0)
    pending_interval = traitlets.Int(None, allow_none=True)
    trace_unit = traitlets.Enum(["frame", "time"], "frame", help="What the traces are plotted against.")
    all_traces = traitlets.Bool(False, help="Whether the traces show every label, not only the current one.")
    doubt = traitlets.Bool(True, help="Whether the disagreement of forward and backward tracking is shown.")
    doubtful = traitlets.Float(3.0, min=0.0, help="Disagreement from which a point stands out, in pixels.")
    overlay_revision = traitlets.Int(0)
    frames_revision = traitlets.Int(0)
    layers_revision = traitlets.Int(0, help="Rises when layers come, go, or change their roles.")
    status = traitlets.Dict()
    read_only = traitlets.Bool(False)

    def __init__(self, video: VideoReader, layers: LayerStack, **traits: Any) -> None:
        self.video = video
        self.layers = layers
        self.lock: threading.RLock = layers.lock
        self._notice_listeners: list[Callable[[Level, str, str], None]] = []
        self._points_listeners: list[Callable[[np.ndarray | None], None]] = []
        self._confirmed_listeners: list[Callable[[str], None]] = []
        self._watched: dict[int, list[Callable[[], None]]] = {}
        self._saving = Saving(layers, self.update_status)
        self._versions: dict[tuple[int, str], int] = {}
        self._count = itertools.count(1)
        self._refused = False
        self._depth, self._gate = 0, threading.Lock()
        self._changed_frames: list[np.ndarray] | None = []
        self._points_dirty = self._layers_dirty = self._status_dirty = False
        super().__init__(**traits)
        layers.marks.lock = layers.marks.history.lock = self.lock
        self._watch_layers()
        self._stops = [
            layers.marks.history.on_confirmed(self._on_entry_confirmed),
            layers.on_change(self._on_layers_changed),
            layers.on_message(self._on_layer_message),
        ]
        self.update_status()

    def close(self) -> None:
        """Stop following the layers, so that they may outlive the session."""
        stops, self._stops = [*self._stops, *itertools.chain(*self._watched.values())], []
        self._watched = {}
        for stop in stops:
            stop()

    @traitlets.default("enhancement")
    def _no_enhancement(self) -> Enhancement:
        return Enhancement()

    @property
    def n_frames(self) -> int:
        """Frames in the video."""
        return len(self.video)

    @property
    def ann(self) -> VideoAnnotation:
        """The active layer."""
        return self.layers[self.layers.active]

    @property
    def overlay_ann(self) -> VideoAnnotation | None:
        """The layer shown for comparison, or None."""
        name = self.layers.overlay
        return None if name is None else self.layers[name]

    @property
    def labels(self) -> list[str]:
        """Labels of all layers, in order; a layer gets those it lacks when they are placed in it."""
        found = {label for ann in (*self.layers.loaded, self.ann) for label in ann.labels}
        return sorted(found, key=label_order)

    def color_of(self, label: str) -> str:
        """Colour of a label as ``#rrggbb``: the active layer's, else that of the first layer that has it."""
        ann = next((ann for ann in (self.ann, *self.layers.loaded) if label in ann.labels), self.ann)
        return css(ann.display.color(label, ann.labels.index(label) if label in ann.labels else 0))

    def name_of(self, label: str) -> str:
        """Name to show for a label, such as a body part; empty if it has none."""
        names = (ann.names.get(label, "") for ann in self.layers.loaded)
        return next((name for name in names if name), "")

    @property
    def interval(self) -> tuple[int, int] | None:
        """Interval selected for the current layer and label, both ends included; None without one."""
        intervals = self.layers.get_intervals(self.layers.active, self.label)
        return None if not intervals else (int(intervals[-1][0]), int(intervals[-1][1]))

    def go_to(self, frame: int) -> None:
        """Show a frame; numbers beyond the ends are clipped to the first and last one."""
        self.frame = min(max(int(frame), 0), max(self.n_frames - 1, 0))

    def place(self, label: str, frame: int, x: float, y: float, edit_id: str | None = None) -> None:
        """Put a point at (x, y) pixels; the same ``edit_id`` twice counts once.

        Raises
        ------
        AnnotationError
            If the frame or the position is impossible.
        ConflictError
            If the layer is read-only.
        """
        self.require_writable()
        at = [float(x), float(y)]
        with self.lock, self.batch():
            if label in self.ann.labels:
                self.ann.add(at, label, int(frame), edit_id=edit_id)
                return
            # the label and its first point are one edit
            with self.ann.edit(f"Place {label} on frame {frame}", edit_id=edit_id):
                self.ensure_label(label)
                self.ann.add(at, label, int(frame))

    def remove(self, label: str, frame: int, edit_id: str | None = None) -> None:
        """Take a point away; the same ``edit_id`` twice counts once.

        Raises
        ------
        ConflictError
            If the layer is read-only.
        """
        self.require_writable()
        if label not in self.ann.labels:
            return
        with self.lock, self.batch():
            self.ann.remove(label, int(frame), edit_id=edit_id)

    def undo(self) -> None:
        """Take back the last edit of any layer."""
        self._step_back("undo")

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._step_back("redo")

    def _step_back(self, which: Literal["undo", "redo"]) -> None:
        with self.lock, self.batch():
            entry = self.layers.undo() if which == "undo" else self.layers.redo()
        if entry is None:
            self.notify("info", f"There is nothing to {which}.")
        else:
            self.notify("info", f"{'Undone' if which == 'undo' else 'Redone'}: {entry.title}.")

    def require_writable(self) -> None:
        """Refuse to go on where the active layer may only be read."""
        self.update_read_only()
        self.ann.history.require_writable()
        if self.read_only:
            raise ConflictError(
                f"Layer {self.layers.active!r} is read-only here.",
                "Close the other place where it is open, or copy it with 'Save as' and edit the copy.",
            )

    def count_of(self, label: str) -> int:
        """Count the points of a label in the active layer."""
        labels = self.ann.labels
        return int(self.ann.present[labels.index(label)].sum()) if label in labels else 0

    def update_read_only(self) -> None:
        """Find out whether the active layer may be edited here, now."""
        refused = self.ann.history.read_only
        if refused != self._refused:
            self._refused = refused
            self.read_only = refused

    def frames_of(self, label: str) -> list[int]:
        """Frames on which the active layer has a label, ascending."""
        return self.ann.get_frames(label) if label in self.ann.labels else []

    def ensure_label(self, label: str) -> None:
        """Add a label to the active layer if it lacks it."""
        if label not in self.ann.labels:
            self.ann.add_label(label)

    def select_label(self, label: str) -> None:
        """Select a label, and the range of ten that holds it.

        Raises
        ------
        AnnotationError
            If no layer has such a label.
        """
        self._check_label(label)
        with self.hold_trait_notifications():
            self.label_range = self.range_of(label)
            self.label = label

    def range_of(self, label: str) -> int:
        """Which group of ten a label belongs to: by its number, or by its place where labels have names."""
        labels = self.labels
        if label.isdigit():
            return int(label) // 10
        return labels.index(label) // 10 if label in labels else 0

    def on_notice(self, callback: Callable[[Level, str, str], None]) -> Callable[[], None]:
        """Call ``callback(level, problem, remedy)`` for every message; returns a function that stops it."""
        return listen(self._notice_listeners, callback)

    def on_points_changed(self, callback: Callable[[np.ndarray | None], None]) -> Callable[[], None]:
        """Call ``callback(frames)`` after a change of points, once a command; None means all frames."""
        return listen(self._points_listeners, callback)

    def on_confirmed(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call ``callback(edit_id)`` once an edit is safe on disk, from the thread that wrote it."""
        return listen(self._confirmed_listeners, callback)

    def notify(self, level: Level, problem: str, remedy: str = "") -> None:
        """Tell the user something, wherever the session is shown."""
        if not self._notice_listeners:
            log.log({"info": 20, "warning": 30}.get(level, 40), "%s %s", problem, remedy)
        call_all(self._notice_listeners, level, problem, remedy)

    def is_asked(self, problem: str) -> bool:
        """Whether a problem is a conflict of the active layer, which is asked about above the picture."""
        conflict = self.layers.conflicts.get(self.layers.active)
        return conflict is not None and conflict.problem == problem

    def _on_layer_message(self, level: Level, problem: str, remedy: str) -> None:
        if not self.is_asked(problem):
            self.notify(level, problem, remedy)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Turn a deliberate error inside into a notice, so that a widget stays usable."""
        try:
            yield
        except JupytrackError as error:
            self.notify("error", error.problem, error.remedy)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Gather the changes inside into one round of notifications."""
        # under a lock of its own: cells and messages from the browser run in different threads
        with self._gate:
            self._depth += 1
        try:
            yield
        finally:
            with self._gate:
                self._depth -= 1
                rest = self._depth == 0
            if rest:
                self._flush()

    def touch_overlay(self, frames: np.ndarray | None = None) -> None:
        """Say that what is drawn over ``frames`` (None: over all) is out of date."""
        with self.batch(), self._gate:
            self._points_dirty = True
            if frames is None:
                self._changed_frames = None
            elif self._changed_frames is not None:
                self._changed_frames.append(np.atleast_1d(np.asarray(frames, dtype=np.int64)))

    def update_status(self) -> None:
        """Bring :attr:`status` up to date."""
        with self.batch():
            self._status_dirty = True

    def _flush(self) -> None:
        with self._gate:
            points, layers, status = self._points_dirty, self._layers_dirty, self._status_dirty
            changed = self._changed_frames
            self._points_dirty = self._layers_dirty = self._status_dirty = False
            self._changed_frames = []
        if layers:
            self._watch_layers()
            self.update_read_only()
            self.layers_revision += 1
        if points or layers:
            self._keep_label_valid()
        if points or layers or status:
            self.status = snapshot(self)
        if points:
            frames = None if changed is None else np.unique(np.concatenate(changed)) if changed else None
            self.overlay_revision += 1
            call_all(self._points_listeners, frames)

    def _watch_layers(self) -> None:
        """Follow every layer of the stack once, and let go of those that left it."""
        present = {id(ann): ann for ann in (*self.layers.loaded, self.layers.buffer)}
        for key in [key for key in self._watched if key not in present]:
            for stop in self._watched.pop(key):
                stop()
            self._versions = {at: number for at, number in self._versions.items() if at[0] != key}
        for key, ann in present.items():
            if key not in self._watched:
                # one lock for all: a cell that edits holds the layer's, a command the session's, and each
                # comes to want the other's
                ann.lock = ann.history.lock = self.lock
                self._watched[key] = [
                    ann.on_change(partial(self._on_points, key)),
                    ann.display.on_change(self._on_display),
                    ann.history.on_confirmed(self._on_entry_confirmed),
                    ann.history.on_entry(self._on_entry),
                    ann.history.on_error(self._on_error),
                ]

    def version_of(self, ann: VideoAnnotation, label: str) -> int:
        """Count the changes of a label in a layer, so that displays know whether theirs is out of date."""
        return self._versions.setdefault((id(ann), label), next(self._count))

    def _on_points(self, key: int, change: Any) -> None:
        for label in change.labels:
            self._versions[key, label] = next(self._count)
        with self.batch():
            self.touch_overlay(change.frames)
            self._status_dirty = True

    def _on_display(self, *_: Any) -> None:
        self.touch_overlay()

    def _on_layers_changed(self, *_: Any) -> None:
        with self.batch():
            self._layers_dirty = True
            self.touch_overlay()

    def _on_entry(self, entry: Any) -> None:
        if entry.action in ("save", "replaced"):
            self._saving.forget()
            self.update_status()

    def _on_entry_confirmed(self, entry: Any) -> None:
        # in the journal's thread, for which whoever saves may wait while holding the lock: so take none here
        call_all(self._confirmed_listeners, entry.id)
        if self.status.get("save_state") in ("confirming", "unconfirmed"):
            after(0.05, self.update_status)

    def _on_error(self, _: Any) -> None:
        # in the journal's thread, too: another kernel may have taken the layer
        after(0.05, self.update_read_only)

    def _keep_label_valid(self) -> None:
        labels = self.labels
        if labels and self.label not in labels:
            self.select_label(labels[0])

    @traitlets.validate("frame")
    def _clip_frame(self, proposal: Any) -> int:
        return min(max(int(proposal["value"]), 0), max(self.n_frames - 1, 0))

    @traitlets.validate("label")
    def _known_label(self, proposal: Any) -> str:
        self._check_label(proposal["value"])
        return str(proposal["value"])

    def _check_label(self, label: str) -> None:
        labels = self.labels
        if label not in labels:
            # it may be in a layer that nobody asked for yet
            self.layers.read_later()
            labels = self.labels
        if label not in labels:
            near = difflib.get_close_matches(label, labels, 3, 0.5)
            mean = f"Did you mean {' or '.join(near)}? " if near else ""
            raise AnnotationError(
                f"No layer has a label {label!r}.", f"{mean}Choose one of {', '.join(labels)}."
            )

    @traitlets.observe("label", "trail", "doubt", "doubtful")
    def _on_overlay_trait(self, _: Any) -> None:
        self.touch_overlay()

    @traitlets.observe("number_keys", "pending_interval", "read_only", "label_range")
    def _on_status_trait(self, _: Any) -> None:
        self.update_status()

    @traitlets.observe("enhancement")
    def _on_enhancement(self, _: Any) -> None:
        self.frames_revision += 1
        self.update_status()

    @property
    def save_state(self) -> str:
        """One of ``saved``, ``unsaved``, ``memory``, ``confirming`` and ``unconfirmed``.

        ``unsaved`` edits are safe in the journal; edits in ``memory`` are in a layer that has none.
        """
        return self._saving.state

    def unsaved(self, name: str) -> dict[str, int]:
        """How a layer differs from its file: ``added``, ``removed``, ``moved``, ``total`` and ``labels``."""
        return self._saving.unsaved(name)

    def forget_unsaved(self, name: str) -> None:
        """Count a layer's unsaved changes anew: its file was written or read."""
        self._saving.forget(name)
        self.update_status()
