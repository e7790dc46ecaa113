"""Files of the videos in a project: annotations, predictions, labelled data."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from jupytrack.annotation.journal import flush_journal
from jupytrack.annotation.journal_content import JournalContent
from jupytrack.annotation.layer_files import journal_of
from jupytrack.annotation.layer_list import BUFFER
from jupytrack.annotation.layers import is_dense_layer_name
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.storage import is_writable, private_folder
from jupytrack.errors import AnnotationError, ConflictError, FormatError, VideoNotFoundError
from jupytrack.files import entries, file_fingerprint
from jupytrack.formats.dustrack import discover_layers, layer_name_of, make_annotation_file_name
from jupytrack.video.reader import VideoReader

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject
    from jupytrack.video.source import FrameSource

__all__ = [
    "LabelledDataError",
    "VideoFileManager",
    "check_saved",
    "is_manual_layer",
    "manual_layers",
    "merge_annotations_in_folder",
    "merged_annotation",
]

MERGED = "merged"
VIDEO_SUFFIXES = frozenset(
    [".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv"]
)
"""Files that are looked at as videos in a folder."""


class LabelledDataError(FormatError, AssertionError):
    """There is not exactly one file of labelled data for a video."""


class VideoFileManager:
    """The files of one video in a project.

    Parameters
    ----------
    d : DLCProject
        The project.
    video_index : int
        Place of the video in :attr:`DLCProject.video_list`; negative ones count from the end.

    Attributes
    ----------
    project_name : str
        Name of the project.
    video_stem : str
        The video's file name without suffix.
    video_fname : Path
        The video.
    """

    def __init__(self, d: DLCProject, video_index: int) -> None:
        self.project = d
        self.project_name = d.name
        self.video_fname = d.video_list[d.video_index(video_index)]
        self.video_stem = self.video_fname.stem

    def __repr__(self) -> str:
        return f"VideoFileManager({self.project_name!r}, {self.video_stem!r})"

    @property
    def annotations(self) -> dict[str, Path]:
        """The layers beside the video, name → JSON file, in natural order of names.

        Where nothing may be written beside the video, the layers in the user's data folder, too.
        """
        return _layers_of(self.video_fname)

    @property
    def annotation_files(self) -> list[Path]:
        """The files of :attr:`annotations`."""
        return list(self.annotations.values())

    @property
    def annotation_names(self) -> list[str]:
        """The names of :attr:`annotations`."""
        return list(self.annotations)

    @staticmethod
    def canonical_layer_name(fname: str | Path) -> str:
        """Return the name of the layer in a file, as :meth:`jupytrack.LayerStack.canonical_layer_name`."""
        return layer_name_of(fname)

    @property
    def dlc_traces(self) -> dict[str, Path]:
        """Predictions of the video and what was smoothed from them, ``dlc_iteration-<N>_<snapshot>`` → file.

        They are in ``videos/iteration-<N>``, by number of the iteration; what deeplabcut itself wrote into
        ``videos`` comes first. Of two files with the same name for their layer, the newer one has it and the
        other one is named after the whole end of its file name.
        """
        videos = self.project.paths["videos"]
        folders = [videos]
        if videos.is_dir():
            within = [path for path in videos.glob("iteration-*") if path.is_dir()]
            folders += sorted(within, key=lambda path: _natural(path.name))
        start = f"{self.video_stem}DLC"
        found: dict[str, Path] = {}
        for folder in folders:
            paths = [path for path in _files(folder) if path.name.startswith(start)]
            traces = sorted(
                (p for p in paths if p.suffix in (".h5", ".json")), key=lambda p: _natural(p.name)
            )
            for path in sorted(traces, key=lambda path: path.stat().st_mtime, reverse=True):
                if layer_name_of(path) in found:
                    rest = path.stem[len(start) :].lstrip("_")
                    found[f"dlc_{folder.name}_{rest}"] = path
                else:
                    found[layer_name_of(path)] = path
        order = {path: place for place, path in enumerate(_in_order(found.values(), folders))}
        return dict(sorted(found.items(), key=lambda item: order[item[1]]))

    @property
    def dlc_trace_files(self) -> list[Path]:
        """The files of :attr:`dlc_traces`."""
        return list(self.dlc_traces.values())

    @property
    def dlc_trace_names(self) -> list[str]:
        """The names of :attr:`dlc_traces`."""
        return list(self.dlc_traces)

    @property
    def labeled_data(self) -> Path:
        """The h5 file with the labels that DeepLabCut trains on.

        Raises
        ------
        LabelledDataError
            If there is none, or several and none of them of the project's own scorer. It is an
            AssertionError, too, as in DUSTrack.
        """
        folder = self.project.paths["labels"] / self.video_stem
        own = folder / f"CollectedData_{self.project.scorer}.h5"
        if own.is_file():
            return own
        found = [path for path in _files(folder) if re.fullmatch(r"CollectedData_.*\.h5", path.name)]
        if len(found) == 1:
            return found[0]
        if not found:
            raise LabelledDataError(
                f"There is no labelled data for {self.video_stem} in {folder}.",
                "Label frames, save, and call extract_frames().",
            )
        raise LabelledDataError(
            f"{folder} holds labelled data of {len(found)} scorers, none of them {self.project.scorer!r}.",
            "Open the file of one of them by its path.",
        )

    def get_new_json(self, new_suffix: str) -> Path:
        """Return the path for a new layer of the video.

        Parameters
        ----------
        new_suffix : str
            Name of the layer.

        Raises
        ------
        AnnotationError
            If there is a file for that layer already; it is a ValueError.
        """
        path = make_annotation_file_name(self.video_fname, new_suffix)
        if path.exists():
            raise AnnotationError(
                f"{path} is there already.", "Choose another suffix, or open that layer to go on with it."
            )
        return path

    def get_all_annotation_layers(self, new_annotation_suffix: str | None = None) -> dict[str, Path]:
        """Return all that there is to see of the video, name of the layer → file.

        Parameters
        ----------
        new_annotation_suffix : str, optional
            Name of a further, new layer, whose file does not exist yet.

        Returns
        -------
        dict of str to Path
            Annotations, the new layer, ``"labeled_data"`` if there is such, predictions.

        Raises
        ------
        AnnotationError
            If there is a layer of the new name already; it is a ValueError.
        """
        layers = self.annotations
        if new_annotation_suffix is not None:
            layers[new_annotation_suffix] = self.get_new_json(new_annotation_suffix)
        with contextlib.suppress(LabelledDataError):
            layers["labeled_data"] = self.labeled_data
        return layers | self.dlc_traces


def is_manual_layer(video: str | Path, name: str, fname: str | Path | None) -> bool:
    """Whether a layer of a video is made by people, so that it may be trained on.

    Parameters
    ----------
    video : path
        The video.
    name : str
        The layer's name.
    fname : path or None
        Its file.

    Returns
    -------
    bool
        False for the buffer, DeepLabCut's traces (``dlc...``, also with corrections spliced in, ``dlccorr``),
        what was smoothed (``...lkmovavg...``), and whatever is not saved as ``<video>_annotations*.json``.
    """
    if fname is None or name == BUFFER or name.startswith("dlc") or is_dense_layer_name(name):
        return False
    path, start = Path(fname), f"{Path(video).stem}_annotations"
    return path.suffix == ".json" and (path.stem == start or path.stem.startswith(f"{start}_"))


def manual_layers(video: str | Path, suffix_merged: str = MERGED) -> dict[str, Path]:
    """Return the layers of a video that people made, in the order in which they are merged.

    That is the natural order of their names, so ``iteration-2`` comes before ``iteration-10`` and the layer
    without a name first. An earlier result of merging is left out, unless it is all there is.

    Parameters
    ----------
    video : path
        The video.
    suffix_merged : str
        Name of the layer that merging writes.
    """
    found = {name: path for name, path in _layers_of(video).items() if is_manual_layer(video, name, path)}
    sources = {name: path for name, path in found.items() if name != suffix_merged}
    return sources or found


def check_saved(layer: Path) -> None:
    """Refuse a layer with edits that are in its journal only.

    Raises
    ------
    ConflictError
        If there are such edits.
    """
    path = journal_of(layer)
    flush_journal(path)
    if path.is_file() and JournalContent(path).holds_more_than(file_fingerprint(layer)):
        raise ConflictError(
            f"{layer} has edits that are not saved.",
            "Save the layer, or discard its unsaved edits, and try again.",
        )


def merged_annotation(video: FrameSource, files: Iterable[str | Path], name: str = MERGED) -> VideoAnnotation:
    """Merge layers of one video; where several have the same label on the same frame, the last file wins.

    Parameters
    ----------
    video : FrameSource
        The video.
    files : iterable of path
        The layers, at least one.
    name : str
        Name of the merged layer. It has no file; write it with ``save(path)``.

    Raises
    ------
    FormatError
        If a file cannot be read, or is of another length than the video.
    ConflictError
        If one was made on another video, or has unsaved edits.
    """
    paths = [Path(file) for file in files]
    for path in paths:
        check_saved(path)
    nowhere = Path(video.fname).with_name(f".{name}-{uuid4().hex}.json")
    return VideoAnnotation.from_multiple_files(paths, video.fname, name, nowhere, video=video)


def merge_annotations_in_folder(
    path: str | Path,
    annotation_suffix: str = MERGED,
    *,
    tell: Callable[[str], object] = print,
) -> dict[str, Path]:
    """Merge the annotation files of every video in a folder, for instance of several people.

    For each video the layers beside it that people made (``<video>_annotations*.json``, no predictions or
    corrections) are merged into ``<video>_annotations_<annotation_suffix>.json``, which is replaced. Where
    several have the same label on the same frame, the last file in natural order of names wins.

    Parameters
    ----------
    path : path
        The folder.
    annotation_suffix : str
        Name of the merged layers.
    tell : callable
        Is told which files are merged.

    Returns
    -------
    dict of str to Path
        Stem of the video → merged file, for the videos that have annotations.

    Raises
    ------
    VideoNotFoundError
        If there is no such folder.
    VideoError, FormatError, ConflictError
        If a file cannot be read, was made on another video or has unsaved edits; files of the videos before
        it are merged already.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise VideoNotFoundError(f"There is no folder {folder}.", "Check the path.")
    written = {}
    for video in sorted(_files(folder), key=lambda each: _natural(each.name)):
        if video.suffix.lower() not in VIDEO_SUFFIXES:
            continue
        sources = list(manual_layers(video, annotation_suffix).values())
        if not sources:
            continue
        fname = make_annotation_file_name(video, annotation_suffix)
        tell(f"{video.name}: {', '.join(source.name for source in sources)} → {fname.name}")
        with VideoReader(video) as reader:
            merged_annotation(reader, sources, annotation_suffix).save(fname, overwrite=True)
        written[video.stem] = fname
    return written


def _layers_of(video: str | Path) -> dict[str, Path]:
    video = Path(video)
    found = discover_layers(video)
    if video.parent.is_dir() and not is_writable(video.parent):
        found |= discover_layers(video, private_folder(video))
    return dict(sorted(found.items(), key=lambda item: _natural(item[0])))


def _files(folder: Path) -> list[Path]:
    return [path for path in entries(folder) if path.is_file()]


def _in_order(paths: Iterable[Path], folders: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (folders.index(path.parent), _natural(path.name)))


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Return what to sort by so that 2 comes before 10."""
    return [
        (part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"([0-9]+)", name)
    ]
