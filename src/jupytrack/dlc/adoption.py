"""Labels that another program made, on frames that no layer of ours has.

A project that was labelled in DeepLabCut has its labels in ``labeled-data`` alone. Once layers are made for
its videos, those labels become a layer, too: else the next training would learn from the new frames only.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupytrack.annotation.table import PointTable
from jupytrack.dlc.labels import by_body_part
from jupytrack.files import file_fingerprint, write_atomic
from jupytrack.formats import deeplabcut, dustrack

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject

__all__ = ["PICTURES", "labels_of_others", "merged_with", "picture_size", "write_layer"]

PICTURES = "pictures"
"""Our setting that tells which pictures and labels we wrote."""
_LAYER = "labeled-data"


def labels_of_others(project: DLCProject, stem: str, table: PointTable) -> PointTable | None:
    """Return the labels of a video that are in ``labeled-data`` and in none of its layers.

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
        By body part, in pixels of the whole frame, for the frames on which no layer has a body part; None if
        there are none, or if what is in ``labeled-data`` is what we wrote. Frames whose labels we wrote once
        are left out: they were removed from the layers since.

    Raises
    ------
    FormatError
        If the labelled data cannot be read or goes beyond the video's end.
    """
    path = project.paths["labels"] / stem / f"CollectedData_{project.scorer}.h5"
    record: dict[str, Any] = project.settings.get(PICTURES, {}).get(stem, {})
    if not path.is_file() or file_fingerprint(path) == record.get("labels"):
        return None
    theirs = deeplabcut.read_h5(path, table.n_frames).resized(table.n_frames)
    found, _ = by_body_part(theirs, project.layer_labels)
    frames = np.asarray(found.present.any(axis=0) & ~table.present.any(axis=0))
    for name in record.get("files", {}):
        digits = Path(name).stem.removeprefix("img")
        if digits.isdigit() and int(digits) < table.n_frames:
            frames[int(digits)] = False
    if not frames.any():
        return None
    found.xy[:, ~frames] = np.nan
    _uncrop(project, stem, found)
    return found


def picture_size(path: Path) -> tuple[int, int] | None:
    """Return width and height of a PNG picture in pixels; None if there is none."""
    try:
        with open(path, "rb") as file:
            head = file.read(24)
    except OSError:
        return None
    if len(head) < 24 or head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", head[16:])
    return width, height


def _uncrop(project: DLCProject, stem: str, table: PointTable) -> None:
    """Count points from the corner of the frame where DeepLabCut had them labelled on a part of it.

    ``deeplabcut.extract_frames(crop=True)`` writes pictures of the part that ``crop`` in config.yaml names.
    """
    crops = [about for video, about in project.video_sets.items() if video.stem == stem]
    try:
        x1, x2, y1, y2 = (round(float(number)) for number in str(crops[0]["crop"]).split(","))
    except (IndexError, KeyError, TypeError, ValueError):
        return
    if (x1, y1) == (0, 0):
        return
    for path in (project.paths["labels"] / stem).glob("*.png"):
        digits = path.stem.removeprefix("img")
        if digits.isdigit() and int(digits) < table.n_frames and picture_size(path) == (x2 - x1, y2 - y1):
            table.xy[:, int(digits)] += (x1, y1)


def merged_with(table: PointTable, others: PointTable | None) -> PointTable:
    """Return the points of both; they have no frame in common."""
    if others is None:
        return table
    both = PointTable.empty(table.labels, table.n_frames)
    both.xy[:] = np.where(np.isnan(table.xy), others.xy, table.xy)
    return both


def write_layer(project: DLCProject, video: Path, others: PointTable) -> Path:
    """Write the labels of another program as the layer ``labeled-data`` of a video.

    Raises
    ------
    SaveError
        If it cannot be written.
    """
    path, number = dustrack.make_annotation_file_name(video, _LAYER), 1
    while path.exists():
        number += 1
        path = dustrack.make_annotation_file_name(video, f"{_LAYER}-{number}")
    layer = PointTable.empty([project.layer_labels[part] for part in others.labels], others.n_frames)
    layer.xy[:] = others.xy
    write_atomic(path, dustrack.to_json(layer))
    return path
