"""Labelled frames for DeepLabCut: the pictures, and the table of labels, from our annotations.

The picture of frame n is frame n of :class:`jupytrack.VideoReader`, whole and in colour. Everything is
written aside first and put in place at the end, so that an error leaves the project as it was.
"""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.storage import free_name
from jupytrack.dlc.adoption import (
    PICTURES,
    labels_of_others,
    merged_with,
    new_layer,
    points_by_part,
    write_layer,
)
from jupytrack.dlc.files import MERGED, manual_layers, merged_annotation
from jupytrack.dlc.labels import by_body_part
from jupytrack.errors import AnnotationError, FormatError, JupytrackError
from jupytrack.files import all_or_none, file_fingerprint, save_error, write_atomic
from jupytrack.formats import deeplabcut
from jupytrack.formats.deeplabcut_crop import picture_size
from jupytrack.formats.dustrack import make_annotation_file_name
from jupytrack.jobs import Progress
from jupytrack.video.reader import VideoReader

if TYPE_CHECKING:
    import pandas as pd

    from jupytrack.annotation.table import PointTable
    from jupytrack.dlc.project import DLCProject

__all__ = ["extract_frames", "label_sources", "labelled_frames"]


@dataclass
class _Extraction:
    """What is to be put in place for one video."""

    stem: str
    frame: pd.DataFrame
    folder: Path
    aside: Path
    record: dict[str, Any]
    merged: Any
    others: PointTable | None = None

    @property
    def names(self) -> list[str]:
        """Names of the pictures."""
        return [str(entry[-1]) for entry in self.frame.index]


def label_sources(
    project: DLCProject,
    annotation_file_names: Sequence[str | os.PathLike[str]] | None = None,
    suffix_merged: str = MERGED,
) -> dict[int, list[Path]]:
    """Return the annotation files that each video of a project is to be learned from.

    Parameters
    ----------
    project : DLCProject
        The project.
    annotation_file_names : sequence of path, optional
        Files to use instead of all; names without a folder are looked for in ``videos``.
    suffix_merged : str
        Name of the layer that merging writes, which is no source.

    Returns
    -------
    dict of int to list of Path
        Place of the video → files in the order of merging, for the videos that have some.

    Raises
    ------
    FormatError
        If a file that was named does not exist, or belongs to no video of the project.
    """
    videos = project.video_list
    if annotation_file_names is None:
        found = {
            place: list(manual_layers(video, suffix_merged).values()) for place, video in enumerate(videos)
        }
        return {place: files for place, files in found.items() if files}
    if isinstance(annotation_file_names, str | os.PathLike):
        annotation_file_names = [annotation_file_names]
    sources: dict[int, list[Path]] = {}
    for name in annotation_file_names:
        path = Path(name)
        if not path.exists() and not path.is_absolute():
            path = project.paths["videos"] / path
        if not path.is_file():
            raise FormatError(f"There is no annotation file {name}.", "Check its name.")
        stems = [video.stem for video in videos if path.name.startswith(f"{video.stem}_annotations")]
        if not stems and len(videos) > 1:
            raise FormatError(
                f"{path.name} is of no video in {project.path}.",
                "Files are called <video>_annotations[_<name>].json.",
            )
        stem = max(stems, key=len, default=videos[0].stem)
        sources.setdefault(next(n for n, video in enumerate(videos) if video.stem == stem), []).append(path)
    return dict(sorted(sources.items()))


def labelled_frames(
    project: DLCProject,
    annotation_file_names: Sequence[str | os.PathLike[str]] | None = None,
    suffix_merged: str = MERGED,
) -> dict[str, int]:
    """Return how many frames of each video are labelled, as the annotations are now.

    For videos without annotations those count that deeplabcut has in ``labeled-data`` already.

    Returns
    -------
    dict of str to int
        Stem of the video → frames with at least one body part.
    """
    sources = label_sources(project, annotation_file_names, suffix_merged)
    counts = {}
    for place, video in enumerate(project.video_list):
        if place in sources:
            with VideoReader(video) as reader:
                table = _labels(project, reader, sources[place], suffix_merged)[0]
            if annotation_file_names is None:
                table = merged_with(table, labels_of_others(project, video.stem, table))
        else:
            path = project.paths["labels"] / video.stem / f"CollectedData_{project.scorer}.h5"
            if not path.is_file():
                continue
            table = deeplabcut.read_h5(path)
        counts[video.stem] = int(np.count_nonzero(table.present.any(axis=0)))
    return counts


def extract_frames(
    project: DLCProject,
    annotation_file_names: Sequence[str | os.PathLike[str]] | None = None,
    suffix_merged: str = MERGED,
    save_merged_json: bool = False,
    progress: Progress | None = None,
) -> None:
    """Do what :meth:`DLCProject.extract_frames` describes."""
    progress = progress or Progress()
    sources = label_sources(project, annotation_file_names, suffix_merged)
    if not sources:
        if annotation_file_names is None and any(_labelled_by_others(project)):
            # they are as DeepLabCut wants them
            return
        raise AnnotationError(
            f"There are no annotations of the videos in {project.path}.",
            f"Label frames and save; files are called <video>_annotations_<name>.json, in "
            f"{project.paths['videos']}.",
        )
    labels = project.paths["labels"]
    aside = labels / f".new-{uuid4().hex[:8]}"
    try:
        with _errors_of(labels):
            aside.mkdir(parents=True)
        ready = []
        for number, (place, files) in enumerate(sources.items()):
            video = project.video_list[place]
            with VideoReader(video) as reader:
                table, merged = _labels(project, reader, files, suffix_merged, warn=True)
                others = labels_of_others(project, video.stem, table)
                if annotation_file_names is None:
                    table = merged_with(table, others)
                elif others is not None and (layers := list(manual_layers(video, suffix_merged).values())):
                    # learned from another time: what is in no layer at all
                    known = _labels(project, reader, [*layers, *files], suffix_merged)[0]
                    others = labels_of_others(project, video.stem, known)
                extraction = _write_aside(project, reader, table, merged, aside / video.stem)
                extraction.others = others
                for done, total in _pictures(extraction, reader, table):
                    progress.update(
                        number + done / max(total, 1),
                        len(sources),
                        f"frames of {reader.name}: {done} of {total}",
                    )
            ready.append(extraction)
        progress.update(len(sources), len(sources), "labels")
        records = project.settings.get(PICTURES, {})
        with _errors_of(labels), all_or_none() as keep:
            for extraction, place in zip(ready, sources, strict=True):
                if extraction.others is not None:
                    layer = new_layer(project.video_list[place])
                    keep(layer)
                    write_layer(project, layer, extraction.others)
                if _put_in_place(project, extraction, keep):
                    records[extraction.stem] = extraction.record
            project.settings[PICTURES] = records
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    if save_merged_json:
        for extraction, place in zip(ready, sources, strict=True):
            path = make_annotation_file_name(project.video_list[place], suffix_merged)
            extraction.merged.save(path, overwrite=True)


def _labelled_by_others(project: DLCProject) -> Iterator[Path]:
    """Yield the tables of labels of the project's videos."""
    for video in project.video_list:
        path = project.paths["labels"] / video.stem / f"CollectedData_{project.scorer}.h5"
        if path.is_file():
            yield path


def _labels(
    project: DLCProject, reader: VideoReader, files: Sequence[Path], name: str, *, warn: bool = False
) -> tuple[PointTable, Any]:
    """Return the labels of a video by body part, and the merged annotation."""
    merged = merged_annotation(reader, files, name)
    table, strays = by_body_part(merged.to_table().resized(len(reader)), project.layer_labels)
    if strays:
        told = ", ".join(f"{label!r} ({count} points)" for label, count in strays.items())
        if not table.present.any():
            wanted = ", ".join(project.layer_labels.values())
            raise AnnotationError(
                f"{', '.join(path.name for path in files)}: no label is a body part of the project. There "
                f"are {told}; the body parts have the labels {wanted}.",
                "Rename the labels, or give internal_to_dlc_labels.",
            )
        if warn:
            warnings.warn(
                f"{reader.name}: labels {told} are no body parts in config.yaml and are left out. To learn "
                "them, add body parts with edit_config(bodyparts=[...]).",
                stacklevel=4,
            )
    return table, merged


def _write_aside(
    project: DLCProject, reader: VideoReader, table: PointTable, merged: Any, aside: Path
) -> _Extraction:
    """Write the table of labels aside."""
    stem = Path(reader.fname).stem
    frame = deeplabcut.labelled_frame(table, scorer=project.scorer, video=stem, names=table.labels)
    folder = project.paths["labels"] / stem
    with _errors_of(folder):
        aside.mkdir()
    if len(frame):
        deeplabcut.write_labelled(frame, aside / f"CollectedData_{project.scorer}")
    record = {**project.settings.get(PICTURES, {}).get(stem, {}), "points": points_by_part(table)}
    return _Extraction(stem, frame, folder, aside, record, merged)


def _pictures(extraction: _Extraction, reader: VideoReader, table: PointTable) -> Iterator[tuple[int, int]]:
    """Write the pictures aside that are not there yet or are not what they should be."""
    import cv2

    files = extraction.record.get("files", {})
    known = files if extraction.record.get("video") == reader.fingerprint else {}
    frames = np.flatnonzero(table.present.any(axis=0)).tolist()
    others = np.zeros_like(table.present) if extraction.others is None else extraction.others.present
    foreign = (others == table.present).all(axis=0)
    for done, (n, name) in enumerate(zip(frames, extraction.names, strict=True)):
        yield done, len(frames)
        path = extraction.folder / name
        there = _stamp(path)
        # what only another program labelled is the picture that it took, unless that is a part of the frame
        theirs = bool(foreign[n]) and picture_size(path) == (reader.width, reader.height)
        if there is not None and (theirs or known.get(name) == there):
            continue
        picture = reader.read(n, "rgb")
        if there is not None and _is_picture(path, picture):
            continue
        done_well, png = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        assert done_well
        write_atomic(extraction.aside / name, png.tobytes())
    extraction.record["video"] = reader.fingerprint
    yield len(frames), len(frames)


def _is_picture(path: Path, picture: NDArray[np.uint8]) -> bool:
    """Whether a file holds exactly this picture."""
    import cv2

    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return False
    if not content.size:
        return False
    found = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    if found is None or found.shape != picture.shape:
        return False
    return bool(np.array_equal(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), picture))


def _put_in_place(project: DLCProject, extraction: _Extraction, keep: Callable[[Path], None]) -> bool:
    """Move what was written aside into the video's folder; pictures of ours without a label now go.

    Returns whether it is ours now; else no annotation has a point, and another program labelled what is
    there.
    """
    folder, names = extraction.folder, extraction.names
    folder.mkdir(parents=True, exist_ok=True)
    new = [path for path in extraction.aside.iterdir() if path.suffix == ".png"]
    for path in new:
        keep(folder / path.name)
        os.replace(path, folder / path.name)
    table = folder / f"CollectedData_{project.scorer}.h5"
    ours = file_fingerprint(table) == extraction.record.get("labels")
    if not names and not ours:
        return False
    if table.is_file() and not ours:
        replaced = free_name(table, "replaced")
        keep(replaced)
        shutil.copy2(table, replaced)
    for path in (table.with_suffix(".csv"), table):
        keep(path)
        if names:
            os.replace(extraction.aside / path.name, path)
        else:
            path.unlink(missing_ok=True)
    before = extraction.record.get("files", {})
    for name, stamp in before.items():
        if name not in names and re.fullmatch(r"img\d+\.png", name) and _stamp(folder / name) == stamp:
            keep(folder / name)
            (folder / name).unlink()
    extraction.record["files"] = {name: _stamp(folder / name) for name in names}
    extraction.record["labels"] = file_fingerprint(table)
    return True


def _stamp(path: Path) -> str | None:
    """Return what changes when a file is written again; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return f"{status.st_size} {status.st_mtime_ns}"


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Say what could not be written."""
    try:
        yield
    except OSError as error:
        if isinstance(error, JupytrackError):
            raise
        raise save_error(Path(error.filename or path), error) from error
