"""What stands between the layers and a training: edits that are not saved, frames that lack a body part.

Frames that are dropped are written beside their layer first, under a name that no program takes for a layer,
and :func:`restore_dropped` brings them back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.journal import flush_journal
from jupytrack.annotation.journal_content import JournalContent
from jupytrack.annotation.layer_files import journal_of
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.saved import Unsaved
from jupytrack.annotation.storage import annotation_folder
from jupytrack.annotation.table import PointTable, column_type
from jupytrack.dlc.files import is_manual_layer, manual_layers
from jupytrack.errors import AnnotationError, FormatError
from jupytrack.files import entries, read_error, write_atomic
from jupytrack.formats import dustrack, sidecar
from jupytrack.video.reader import VideoReader

__all__ = [
    "LayerIssues",
    "dropped_files",
    "incomplete_frames",
    "layer_issues",
    "restore_dropped",
    "save_and_clean",
    "save_cancelled_out",
    "save_if_edited",
    "scan",
]

DROPPED = "jupytrack-dropped-incomplete"
"""What the names of recovery files have after the layer's stem, and before the time."""
_THEIRS = "dustrack-dropped-incomplete"


@dataclass(frozen=True)
class LayerIssues:
    """What is to be settled in a layer before a model learns from it.

    Attributes
    ----------
    ann : VideoAnnotation
        The layer.
    video : Path
        Its video.
    unsaved : Unsaved
        How it differs from its file.
    incomplete : dict of int to list of str
        Frames with some points, and the labels that each lacks.
    new : bool
        Whether there is no file yet.
    is_open : bool
        Whether somebody works on it here; else it was read for this, with the edits in its journal.
    """

    ann: VideoAnnotation
    video: Path
    unsaved: Unsaved = field(default_factory=Unsaved)
    incomplete: dict[int, list[str]] = field(default_factory=dict)
    new: bool = False
    is_open: bool = True

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.ann.name

    @property
    def title(self) -> str:
        """The video's and the layer's name."""
        return f"{self.video.stem}, {self.name}"

    def __bool__(self) -> bool:
        """Whether there is anything to settle."""
        return bool(self.unsaved or self.incomplete or self.new)

    def __str__(self) -> str:
        """Say it in one line."""
        signs = (("+", self.unsaved.added), ("−", self.unsaved.removed), ("~", self.unsaved.moved))
        counts = " ".join(f"{sign}{count}" for sign, count in signs if count)
        parts = []
        if self.unsaved or self.new:
            parts.append(f"unsaved ({counts or ('no file yet' if self.new else 'labels')})")
        if self.incomplete:
            missing = list(dict.fromkeys(label for labels in self.incomplete.values() for label in labels))
            count = len(self.incomplete)
            parts.append(
                f"{count} incomplete frame{'' if count == 1 else 's'} "
                f"({_frames(list(self.incomplete))}; lacking {self.shown(missing)})"
            )
        return ", ".join(parts)

    def shown(self, labels: Iterable[str]) -> str:
        """Return labels for people, with their names where they have some."""
        return ", ".join(" ".join(filter(None, (label, self.ann.names.get(label)))) for label in labels)


def _frames(frames: Sequence[int], most: int = 6) -> str:
    shown = ", ".join(map(str, frames[:most]))
    return shown + (", …" if len(frames) > most else "")


def incomplete_frames(
    ann: VideoAnnotation, required: Sequence[str] | None = None, others: Iterable[VideoAnnotation] = ()
) -> dict[int, list[str]]:
    """Return the frames that have some of the required labels, but not all.

    Parameters
    ----------
    ann : VideoAnnotation
        A layer.
    required : sequence of str, optional
        The labels a frame must have: those of a project's body parts. By default every label that has a point
        somewhere in the layer.
    others : iterable of VideoAnnotation
        Layers that a model learns from as well: what they have on a frame is not lacking there.

    Returns
    -------
    dict of int to list of str
        For each such frame, ascending, the labels that it lacks. A frame with a point of any label counts.
    """
    present = ann.present
    if required is None:
        required = [label for label, row in zip(ann.labels, present, strict=True) if row.any()]
    if not required or not present.any():
        return {}
    rows = {label: present[ann.labels.index(label)] for label in required if label in ann.labels}
    nothing = np.zeros(present.shape[1], np.bool_)
    has = np.stack([rows.get(label, nothing) for label in required])
    for other in others:
        for row, label in zip(has, required, strict=True):
            if label in other.labels:
                frames = other.get_frames(label)
                row[[frame for frame in frames if frame < len(row)]] = True
    found = np.flatnonzero(present.any(axis=0) & ~has.all(axis=0))
    return {
        int(frame): [label for label, there in zip(required, has[:, frame], strict=True) if not there]
        for frame in found
    }


def layer_issues(
    ann: VideoAnnotation,
    video: str | Path,
    required: Sequence[str] | None = None,
    others: Iterable[VideoAnnotation] = (),
    is_open: bool = True,
) -> LayerIssues:
    """Return what is to be settled in one layer; arguments as for :func:`incomplete_frames`."""
    with ann.lock:
        new = not ann.has_file and bool(ann.present.any())
        incomplete = incomplete_frames(ann, required, others)
        return LayerIssues(ann, Path(video), ann.unsaved, incomplete, new, is_open)


def scan(
    layers: Iterable[VideoAnnotation], video: str | Path, required: Sequence[str] | None = None
) -> list[LayerIssues]:
    """Return the layers by hand of a video in which there is anything to settle.

    A model learns from all of them together, so a frame that is complete in sum is not incomplete.

    Parameters
    ----------
    layers : iterable of VideoAnnotation
        The layers that are open, such as a :class:`LayerStack`. The others are read, with the edits that are
        in their journals only; the video itself is not.
    video : path
        The video.
    required : sequence of str, optional
        As for :func:`incomplete_frames`.

    Raises
    ------
    FormatError
        If a layer that is not open, or its journal, cannot be read.
    """
    every = [(ann, True) for ann in layers if is_manual_layer(video, ann.name, ann.fname)]
    every += [(ann, False) for ann in _not_open(video, [ann for ann, _ in every])]
    together = [ann for ann, _ in every]
    found = [layer_issues(ann, video, required, together, is_open) for ann, is_open in every]
    return [issues for issues in found if issues]


def _not_open(video: str | Path, layers: Iterable[VideoAnnotation]) -> Iterator[VideoAnnotation]:
    """Read the layers by hand that are not open as they would be opened, but without their locks."""
    there = {Path(str(ann.fname)).resolve() for ann in layers}
    never_saved = dustrack.never_saved_layers(video, annotation_folder(video))
    for name, path in (manual_layers(video) | never_saved).items():
        if path.resolve() in there or not is_manual_layer(video, name, path):
            continue
        flush_journal(journal_of(path))
        ann = VideoAnnotation(path, name=name, n_labels=0)
        journal = JournalContent(journal_of(path))
        held = journal.place(ann._on_disk)
        if held is not None and len(journal.entries) > held:
            ann.history.replay(journal.entries, held)
        yield ann


def save_if_edited(ann: VideoAnnotation) -> bool:
    """Save a layer if there is anything in its journal that its file does not know; returns whether.

    Edits that cancel out count, too: the points are those of the file then, but whoever reads only the files,
    as a training does, cannot tell.

    Parameters
    ----------
    ann : VideoAnnotation
        The layer.
    """
    if not (ann.unsaved or ann.history.dirty or not ann.has_file):
        return False
    ann.save()
    return True


def save_cancelled_out(layers: Iterable[VideoAnnotation], video: str | Path) -> None:
    """Save the layers by hand whose edits cancel out, so that the files hold what there is.

    Parameters
    ----------
    layers : iterable of VideoAnnotation
        The layers of a video that are open, as for :func:`scan`.
    video : path
        The video.
    """
    layers = list(layers)
    for ann in layers:
        by_hand = is_manual_layer(video, ann.name, ann.fname) and ann.has_file
        if by_hand and not ann.unsaved and not ann.history.read_only:
            save_if_edited(ann)
    for ann in _not_open(video, layers):
        if ann.history.dirty and not ann.unsaved:
            save_and_clean(LayerIssues(ann, Path(video), is_open=False))


def save_and_clean(issues: LayerIssues) -> Path | None:
    """Settle what :func:`scan` found in a layer: drop its incomplete frames, and save it.

    The points of the frames are written to a recovery file first, beside the layer:
    ``<layer>.jupytrack-dropped-incomplete-<time>``. Dropping them is one edit that can be undone.

    Parameters
    ----------
    issues : LayerIssues
        What was found.

    Returns
    -------
    Path or None
        The recovery file; None if no frame was dropped.

    Raises
    ------
    ConflictError
        If the layer is read-only, another kernel has it open, or its file was changed by somebody else.
    SaveError
        If the recovery file or the layer cannot be written. Without a recovery file nothing is dropped.
    VideoError
        If the video of a layer that is not open cannot be read.
    """
    kept: Path | None = None
    with _editable(issues) as ann, ann.lock:
        ann.history.require_writable()
        if issues.incomplete:
            kept = _write_dropped(ann, list(issues.incomplete))
            with ann.edit(f"Drop {len(issues.incomplete)} incomplete frames of {ann.name}"):
                for label, row in zip(ann.labels, ann.present, strict=True):
                    frames = [frame for frame in issues.incomplete if row[frame]]
                    if frames:
                        ann.set_points(label, frames, np.full((len(frames), 2), np.nan))
        save_if_edited(ann)
    return kept


@contextmanager
def _editable(issues: LayerIssues) -> Iterator[VideoAnnotation]:
    """Give the layer; one that is not open is opened, with its video, its lock and its journal."""
    if issues.is_open:
        yield issues.ann
        return
    with VideoReader(issues.video) as video:
        ann = VideoAnnotation(issues.ann.fname, name=issues.name, n_labels=0, video=video)
        durable = open_durable(ann)
        try:
            yield ann
        finally:
            durable.close()


def _write_dropped(ann: VideoAnnotation, frames: Sequence[int]) -> Path:
    table = ann.to_table()
    gone = np.ones(table.n_frames, np.bool_)
    gone[list(frames)] = False
    table.xy[:, gone] = np.nan
    for name, values in table.columns.items():
        values[:, gone] = column_type(name, values.dtype).missing
    path = Path(str(ann.fname))
    stamp = time.strftime("%Y%m%dT%H%M%S")
    name = f"{path.stem}.{DROPPED}-{stamp}"
    names = [name, *(f"{name}-{n}" for n in range(2, 1000))]
    kept = next(path.with_name(each) for each in names if not path.with_name(each).exists())
    extra = sidecar.to_bytes(table)
    if extra is not None:
        write_atomic(kept.with_name(f"{kept.name}.sidecar"), extra)
    write_atomic(kept, dustrack.to_json(table))
    return kept


def dropped_files(fname: str | Path) -> list[Path]:
    """Return the recovery files of a layer, the newest first; DUSTrack's are among them.

    Parameters
    ----------
    fname : path
        The layer's file.
    """
    path = Path(fname)
    starts = tuple(f"{path.stem}.{kind}-" for kind in (DROPPED, _THEIRS))
    found = [
        each
        for each in entries(path.parent)
        if each.name.startswith(starts) and each.suffix not in (".sidecar", ".tmp")
    ]
    return sorted(found, key=lambda each: each.name.rpartition("incomplete-")[2], reverse=True)


def restore_dropped(ann: VideoAnnotation, file: str | Path | None = None) -> int:
    """Put points from a recovery file back, as one edit; points set since stay as they are.

    Parameters
    ----------
    ann : VideoAnnotation
        The layer.
    file : path, optional
        The recovery file; the layer's newest one by default. One that DUSTrack wrote is read, too.

    Returns
    -------
    int
        How many points came back.

    Raises
    ------
    AnnotationError
        If the layer has no recovery file.
    FormatError
        If the file cannot be read.
    """
    if file is None:
        files = [] if ann.fname is None else dropped_files(ann.fname)
        if not files:
            raise AnnotationError(
                f"Layer {ann.name!r} has no recovery file beside it.",
                "Give the file's path, if it lies elsewhere.",
            )
        file = files[0]
    path = Path(file)
    table = _read_dropped(path, None if ann.video is None else len(ann.video))
    count = 0
    with ann.lock, ann.edit(f"Restore {path.name}"):
        for row, label in enumerate(table.labels):
            frames = np.flatnonzero(table.present[row])
            if label in ann.labels and frames.size:
                here = ann.get_frames(label)
                frames = frames[~np.isin(frames, here)]
            if not frames.size:
                continue
            ann.add_label(label)
            columns = {name: values[row, frames] for name, values in table.columns.items()}
            ann.set_points(label, frames, table.xy[row, frames], columns=columns)
            count += len(frames)
    return count


def _read_dropped(path: Path, n_frames: int | None) -> PointTable:
    if f".{_THEIRS}-" not in path.name:
        table = dustrack.read(path, n_frames)
        sidecar.read_into(table, path.with_name(f"{path.name}.sidecar"))
        return table
    # theirs is the other way round: a frame's labels
    labels: dict[str, dict[str, object]] = {}
    try:
        for frame, points in json.loads(path.read_bytes()).items():
            for label, xy in points.items():
                labels.setdefault(label, {})[frame] = xy
        return PointTable.from_mapping(labels, n_frames)
    except OSError as error:
        raise read_error(path, error) from error
    except (AttributeError, ValueError) as error:
        raise FormatError(
            f"{path} is no recovery file ({error}).", "Its shape is {frame: {label: [x, y]}}."
        ) from error
