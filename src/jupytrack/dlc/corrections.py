"""Corrections by hand, spliced into the trace of a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.layer_list import BUFFER
from jupytrack.annotation.layers import is_dense_layer_name
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable, column_type, label_order
from jupytrack.dlc.preflight import save_if_edited
from jupytrack.errors import AnnotationError, ConflictError

if TYPE_CHECKING:
    from jupytrack.annotation.layers import LayerStack

__all__ = [
    "CORRECTIONS_LAYER_NAME",
    "MANUAL_CORRECTIONS_SUFFIX",
    "Applied",
    "apply_corrections",
    "splice",
]

CORRECTIONS_LAYER_NAME = "dlccorr"
"""Name of the layer that holds a trace with corrections in it; training never reads it."""
MANUAL_CORRECTIONS_SUFFIX = "_manual_corrections"
"""End of the name of a layer whose points were spliced into a trace."""


@dataclass(frozen=True)
class Applied:
    """What :func:`apply_corrections` did.

    Attributes
    ----------
    layer : VideoAnnotation
        The corrections layer.
    trace : str
        The layer that was corrected.
    patch : str
        The layer the corrections come from, by its name now.
    points : int
        How many points were spliced in.
    alone : tuple of str
        Labels of the patch that the trace does not have: they stay as sparse as they were clicked.
    """

    layer: VideoAnnotation
    trace: str
    patch: str
    points: int
    alone: tuple[str, ...]


def splice(trace: PointTable, patch: PointTable) -> PointTable:
    """Return a trace with the points of another layer in place of its own.

    Parameters
    ----------
    trace : PointTable
        Usually a model's points on every frame.
    patch : PointTable
        Usually a few points set by hand. Where it has a point, that one counts, with what is known of it; a
        likelihood of the trace's point is not kept for it.

    Returns
    -------
    PointTable
        All labels of both, all frames of both.
    """
    labels = sorted({*trace.labels, *patch.labels}, key=label_order)
    n_frames = max(trace.n_frames, patch.n_frames)
    result = PointTable.empty(labels, n_frames)
    result.meta["names"] = {**patch.meta.get("names", {}), **trace.meta.get("names", {})}
    for source in (trace, patch):
        for row, label in enumerate(source.labels):
            into, there = labels.index(label), np.flatnonzero(source.present[row])
            result.xy[into, there] = source.xy[row, there]
            for name in dict.fromkeys([*source.columns, *result.columns]):
                given = source.columns.get(name)
                kind = column_type(name, (result.columns[name] if given is None else given).dtype)
                values = result.columns.setdefault(name, kind.empty((len(labels), n_frames)))
                values[into, there] = kind.missing if given is None else given[row, there]
    return result


def apply_corrections(layers: LayerStack) -> Applied:
    """Splice the active layer into the overlay layer; the result is the layer ``dlccorr``.

    The active layer is saved first if it has unsaved edits, and gets ``_manual_corrections`` at the end of
    its name, in the session and on the disk. Then the corrections layer is active and the layer the
    corrections come from is the overlay. An earlier corrections layer is replaced, in the session and on the
    disk. Undo brings its points back, or takes a new one out of the session; saved files and the new name
    stay.

    Parameters
    ----------
    layers : LayerStack
        The session's layers.

    Returns
    -------
    Applied

    Raises
    ------
    AnnotationError
        If there is no overlay layer; if the active layer is the corrections layer, the overlay or one that no
        file can hold; or if its new name is taken.
    ConflictError
        If one of the layers is read-only.
    """
    with layers.lock:
        patch, trace = _both(layers)
        name = patch.name
        target = name if name.endswith(MANUAL_CORRECTIONS_SUFFIX) else name + MANUAL_CORRECTIONS_SUFFIX
        if target != name and (target in layers or layers.path_for(target).exists()):
            raise AnnotationError(
                f"Layer {name!r} is to be called {target!r} then, and there is such a layer already.",
                f"Rename one of the two; {target!r} itself can be made active and applied, too.",
            )
        patch.history.require_writable()
        layer = _corrections(layers)
        layer.history.require_writable()
        save_if_edited(patch)
        here, base = patch.to_table(), trace.to_table()
        merged = splice(base, here)
        if target != name:
            layers.rename(name, target)
        layer._meta["names"] = merged.meta["names"]
        layer._replace_all(merged, f"Apply corrections of {target} to {trace.name}")
        layer.save(overwrite=True)
        if CORRECTIONS_LAYER_NAME not in layers:
            layers.add(CORRECTIONS_LAYER_NAME, layer, undoable=True)
        layers.active = CORRECTIONS_LAYER_NAME
        layers.overlay = target
        alone = tuple(label for label in here.labels if label not in base.labels and patch.get_frames(label))
        return Applied(layer, trace.name, target, int(here.present.sum()), alone)


def _both(layers: LayerStack) -> tuple[VideoAnnotation, VideoAnnotation]:
    """Return the layer with corrections and the one to correct."""
    name, overlay = layers.active, layers.overlay
    if overlay is None:
        raise AnnotationError(
            "No overlay layer is selected, and that is the one to correct.",
            "Choose the model's layer (dlc_…) as the overlay, with ] or in the layer panel.",
        )
    if name == CORRECTIONS_LAYER_NAME:
        raise AnnotationError(
            f"The active layer is {name!r} itself, which corrections are spliced into.",
            "Make the layer with your own points active, and the model's layer the overlay.",
        )
    patch = layers[name]
    if overlay == name:
        raise AnnotationError(
            f"Layer {name!r} is both active and overlay: there is nothing to correct it with.",
            "Choose the model's layer (dlc_…) as the overlay.",
        )
    if is_dense_layer_name(name):
        raise AnnotationError(
            f"The active layer {name!r} was made by a program: it would replace every point of {overlay!r}.",
            "Exchange the active and the overlay layer (Swap), and apply again.",
        )
    if name == BUFFER or patch.fname is None or Path(patch.fname).suffix != ".json":
        raise AnnotationError(
            f"The active layer {name!r} is not one that is saved as JSON.",
            "Copy its points into a layer of your own first (c), and make that one active.",
        )
    return patch, layers[overlay]


def _corrections(layers: LayerStack) -> VideoAnnotation:
    """Return the corrections layer of the session, else the one on the disk, else a new one."""
    if CORRECTIONS_LAYER_NAME in layers:
        return layers[CORRECTIONS_LAYER_NAME]
    path = layers.path_for(CORRECTIONS_LAYER_NAME)
    video = layers.video
    layer = VideoAnnotation(path, name=CORRECTIONS_LAYER_NAME, n_labels=0, video=video)
    if layers.durable:
        durable = open_durable(layer)
        if durable.problem is not None and durable.read_only:
            raise ConflictError(durable.problem.problem, durable.problem.remedy)
    return layer
