"""Points that another program labelled and no layer of ours has.

A project that was labelled in DeepLabCut has its labels in ``labeled-data`` alone. Once layers are made for
its videos, those labels become a layer, too: else the next training would learn from the new ones only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupytrack.annotation.table import PointTable
from jupytrack.dlc.labels import by_body_part
from jupytrack.files import file_fingerprint, write_atomic
from jupytrack.formats import deeplabcut, dustrack

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject

__all__ = ["PICTURES", "labels_of_others", "merged_with", "new_layer", "points_by_part", "write_layer"]

PICTURES = "pictures"
"""Our setting that tells which pictures and labels we wrote."""
_LAYER = "labeled-data"


def labels_of_others(project: DLCProject, stem: str, table: PointTable) -> PointTable | None:
    """Return the points of a video that are in ``labeled-data`` and in none of its layers.

    Parameters
    ----------
    project : DLCProject
        The project.
    stem : str
        Name of the video without suffix.
    table : PointTable
        What its layers hold, by body part and for all of its frames.

    Returns
    -------
    PointTable or None
        By body part, in pixels of the whole frame; None if there are none, or if what is in ``labeled-data``
        is what we wrote. Points that we wrote the last time are left out: they were removed from the layers
        since.

    Raises
    ------
    FormatError
        If the labelled data cannot be read or goes beyond the video's end.
    """
    path = project.paths["labels"] / stem / f"CollectedData_{project.scorer}.h5"
    record: dict[str, Any] = project.settings.get(PICTURES, {}).get(stem, {})
    if file_fingerprint(path) in ("", record.get("labels")):
        return None
    # by the names of body parts: which label one has in that file depends on the others in it
    theirs = deeplabcut.read_h5(path, table.n_frames, remove_label_prefix="").resized(table.n_frames)
    names = theirs.meta.get("names", {})
    theirs.labels = [names.get(label, label) for label in theirs.labels]
    found, _ = by_body_part(theirs, {part: part for part in project.body_parts})
    known = table.present
    for part, frames in record.get("points", {}).items():
        if part in found.labels:
            known[found.labels.index(part), [n for n in frames if n < table.n_frames]] = True
    found.xy[known] = np.nan
    return found if found.present.any() else None


def points_by_part(table: PointTable) -> dict[str, list[int]]:
    """Return body part → frames with a point, which the record of what we wrote keeps."""
    return {part: np.flatnonzero(row).tolist() for part, row in zip(table.labels, table.present, strict=True)}


def merged_with(table: PointTable, others: PointTable | None) -> PointTable:
    """Return the points of both; they have none in common."""
    if others is None:
        return table
    both = PointTable.empty(table.labels, table.n_frames)
    both.xy[:] = np.where(np.isnan(table.xy), others.xy, table.xy)
    return both


def new_layer(video: Path) -> Path:
    """Return the file for a layer of another program's labels, which is not there yet."""
    path, number = dustrack.make_annotation_file_name(video, _LAYER), 1
    while path.exists():
        number += 1
        path = dustrack.make_annotation_file_name(video, f"{_LAYER}-{number}")
    return path


def write_layer(project: DLCProject, path: Path, others: PointTable) -> None:
    """Write the labels of another program as a layer.

    Raises
    ------
    SaveError
        If it cannot be written.
    """
    layer = PointTable.empty([project.layer_labels[part] for part in others.labels], others.n_frames)
    layer.xy[:] = others.xy
    write_atomic(path, dustrack.to_json(layer))
