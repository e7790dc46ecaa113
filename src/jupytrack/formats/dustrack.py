"""DUSTrack's JSON: ``{label: {frame: [x, y]}}``, and the names of such files.

It holds labels and positions, exact to the last bit. Likelihood, visibility, source, names to show and the
video's fingerprint go into the sidecar (:mod:`jupytrack.formats.sidecar`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.journal_content import JournalContent
from jupytrack.annotation.table import MAX_FRAMES, PointTable, check_size
from jupytrack.errors import AnnotationError, FormatError
from jupytrack.files import read_error

__all__ = [
    "discover_layers",
    "get_annotation_file_name",
    "layer_name_of",
    "make_annotation_file_name",
    "never_saved_layers",
    "read",
    "to_json",
]


def make_annotation_file_name(video_file_name: str | Path, annotation_suffix: str = "") -> Path:
    """Return the path of a video's layer, ``<video>_annotations[_<suffix>].json``."""
    if {"/", "\\", "\0"} & set(annotation_suffix):
        raise AnnotationError(f"{annotation_suffix!r} is no name for a file.", "Leave out slashes.")
    video = Path(video_file_name)
    suffix = "_" + annotation_suffix if annotation_suffix else ""
    return video.with_name(f"{video.stem}_annotations{suffix}.json")


def get_annotation_file_name(video_file_name: str | Path, annotation_suffix: str = "") -> Path | None:
    """Return the path of a video's layer if that file exists, else None."""
    path = make_annotation_file_name(video_file_name, annotation_suffix)
    return path if path.exists() else None


def layer_name_of(path: str | Path) -> str:
    """Return the name of the layer in a file.

    For ``<video>_annotations_<name>.json`` it is the name (empty without one), for DeepLabCut's predictions
    ``dlc_<folder>_<last part of the stem>``, else the stem.
    """
    path = Path(path)
    _, found, name = path.stem.rpartition("_annotations")
    if found:
        return name.strip("_")
    if "DLC" in path.stem:
        return f"dlc_{path.absolute().parent.name}_{path.stem.split('_')[-1]}"
    return path.stem


def discover_layers(video: str | Path, folder: str | Path | None = None) -> dict[str, Path]:
    """Return the layers of a video, name → path, sorted by name.

    Parameters
    ----------
    video : path
        The video; it need not exist.
    folder : path, optional
        Where to look; by default beside the video.
    """
    return {layer_name_of(path): path for path in _annotations_of(video, folder, ".json")}


def never_saved_layers(video: str | Path, folder: str | Path | None = None) -> dict[str, Path]:
    """Return the layers of a video that have edits in a journal and no file yet, name → path of that file.

    Parameters
    ----------
    video, folder
        As for :func:`discover_layers`.
    """
    found = {}
    for journal in _annotations_of(video, folder, ".journal"):
        path = journal.with_suffix(".json")
        if not path.exists() and _has_edits(journal):
            found[layer_name_of(path)] = path
    return found


def _annotations_of(video: str | Path, folder: str | Path | None, suffix: str) -> Iterator[Path]:
    video = Path(video)
    folder = video.parent if folder is None else Path(folder)
    start = f"{video.stem}_annotations"
    for path in sorted(folder.glob(f"*{suffix}")) if folder.is_dir() else []:
        # Not glob's own pattern, because a video's name may hold brackets.
        if (path.stem == start or path.stem.startswith(start + "_")) and path.is_file():
            yield path


def _has_edits(journal: Path) -> bool:
    try:
        return JournalContent(journal).holds_more_than("")
    except FormatError:
        # opening the layer says what is wrong
        return True


def to_json(table: PointTable) -> bytes:
    """Return the text of a JSON file with all labels and points, in the order of frames."""
    parts = []
    for label in table.labels:
        # The fast encoder writes one line; one line a point makes errors and version control readable.
        points = json.dumps(dict(table.points(label))).replace("], ", "],\n  ")
        points = points if points == "{}" else "{\n  " + points[1:-1] + "\n }"
        parts.append(f"\n {json.dumps(label)}: {points}")
    return ("{" + ",".join(parts) + "\n}\n").encode()


class _Constant(float):
    """NaN or an infinity in the file, which JSON does not know."""


class _Pairs(list[tuple[str, Any]]):
    """An object's members, with repeated names still there."""


def read(path: str | Path, n_frames: int | None = None) -> PointTable:
    """Read a JSON file.

    Parameters
    ----------
    path : path
        The file.
    n_frames : int, optional
        Frames in the video.

    Returns
    -------
    PointTable
        Labels in the order of the file; ends with the last point.

    Raises
    ------
    FormatError
        On anything but ``{label: {frame: [x, y]}}`` with finite numbers and frames that exist, each once; the
        message names the line.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")
        document = _parse(text)
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{path} is not text.", "Choose a JSON file that DUSTrack or jupytrack wrote."
        ) from error
    except json.JSONDecodeError as error:
        what = "is empty" if not text.strip() else f"line {error.lineno}: {error.msg}"
        raise FormatError(
            f"{path}: {what}." if text.strip() else f"{path} {what}.",
            "The file is damaged or cut short; restore it from a backup, or remove it to start anew.",
        ) from error
    except RecursionError as error:
        raise FormatError(
            f"{path} is nested too deeply.", "Choose a file of {label: {frame: [x, y]}}."
        ) from error
    except OSError as error:
        raise read_error(path, error) from error
    return _Reader(path, text, n_frames).table(document)


def _parse(text: str) -> Any:
    """Return the document, its objects as pairs if a name may be there twice."""
    document = json.loads(text, parse_constant=_Constant)
    # As many colons as members: no name was dropped, as usual, and faster than asking for pairs.
    if isinstance(document, dict) and all(isinstance(points, dict) for points in document.values()):
        members = len(document) + sum(map(len, document.values()))
        if text.count(":") == members:
            return document
    return json.loads(text, object_pairs_hook=_Pairs, parse_constant=_Constant)


class _Reader:
    """Turns a parsed document into a table, or says what is wrong in which line."""

    def __init__(self, path: Path, text: str, n_frames: int | None) -> None:
        self.path = path
        self.text = text
        self.n_frames = n_frames

    def fail(self, problem: str, remedy: str, *keys: str, nth: int = 0) -> FormatError:
        line = _line_of(self.text, keys, nth)
        return FormatError(f"{self.path}, line {line}: {problem}", remedy)

    def table(self, document: Any) -> PointTable:
        if not isinstance(document, (dict, _Pairs)):
            raise self.fail("the file does not hold labels.", "Its shape is {label: {frame: [x, y]}}.")
        labels: list[str] = []
        cells = []
        for label, points in document.items() if isinstance(document, dict) else document:
            if label in labels:
                raise self.fail(f"label {label!r} is there twice.", "Merge the two by hand.", label, nth=1)
            if not label:
                raise self.fail("a label has no name.", "Give it one.", label)
            if not isinstance(points, (dict, _Pairs)):
                raise self.fail(f"label {label!r} holds no points.", "Its shape is {frame: [x, y]}.", label)
            labels.append(label)
            names = list(points) if isinstance(points, dict) else [name for name, _ in points]
            values = list(points.values()) if isinstance(points, dict) else [value for _, value in points]
            cells.append(self.points(label, names, values))
        length = max((int(frames.max()) + 1 for frames, _ in cells if frames.size), default=0)
        try:
            check_size(len(labels), length)
        except AnnotationError as error:
            raise FormatError(f"{self.path}: {error.problem}", error.remedy) from error
        table = PointTable.empty(labels, length)
        for row, (frames, xy) in enumerate(cells):
            table.xy[row, frames] = xy
        return table

    def points(
        self, label: str, names: list[str], values: list[Any]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return frames and positions of one label; looks closer only if something is wrong."""
        if not names:
            return np.empty(0, np.int64), np.empty((0, 2))
        try:
            digits = all(name.isascii() and name.isdigit() for name in names)
            numbers = set(map(type, chain.from_iterable(values))) <= {int, float}
            frames = np.array(list(map(int, names)), np.int64)
            xy = np.array(values, np.float64).reshape(len(values), -1)
            limit = MAX_FRAMES if self.n_frames is None else min(self.n_frames, MAX_FRAMES)
            sound = (
                digits
                and numbers
                and xy.shape[1] == 2
                and np.isfinite(xy).all()
                and frames.max() < limit
                and len(np.unique(frames)) == len(frames)
            )
        except (TypeError, ValueError, OverflowError):
            sound = False
        if not sound:
            raise self.problem(label, names, values)
        return frames, xy

    def problem(self, label: str, names: list[str], values: list[Any]) -> FormatError:
        """Return what is wrong with the first point that is not as it should be."""
        seen: dict[int, str] = {}
        for key, value in zip(names, values, strict=True):
            where = f"label {label!r}, frame {key}"
            if not re.fullmatch("-?[0-9]{1,18}", key):
                return self.fail(
                    f"label {label!r}: {key!r} is not a frame number.",
                    "Frames are whole numbers.",
                    label,
                    key,
                )
            frame = int(key)
            if frame in seen:
                # The same frame may be written in two ways, as 5 and 05.
                nth = 1 if seen[frame] == key else 0
                return self.fail(f"{where} is there twice.", "Remove one of the two.", label, key, nth=nth)
            seen[frame] = key
            if frame < 0:
                return self.fail(f"{where} is negative.", "Frames count from 0; remove it.", label, key)
            if self.n_frames is not None and frame >= self.n_frames:
                return self.fail(
                    f"{where} is beyond the video's end (frames 0 to {self.n_frames - 1}).",
                    "Check that the layer belongs to this video; if it does, open the layer without it, "
                    "use clip_labels() and save.",
                    label,
                    key,
                )
            if frame >= MAX_FRAMES:
                return self.fail(
                    f"{where} is too large.", f"Frames may go up to {MAX_FRAMES - 1}.", label, key
                )
            if (
                not isinstance(value, list)
                or isinstance(value, _Pairs)
                or len(value) != 2
                or not all(isinstance(number, (int, float)) and type(number) is not bool for number in value)
            ):
                return self.fail(
                    f"{where} is not a position.", "Its shape is [x, y], two numbers.", label, key
                )
            if any(isinstance(number, _Constant) or not _finite(number) for number in value):
                return self.fail(f"{where} is not finite (NaN or infinity).", "Remove the point.", label, key)
        return self.fail(f"label {label!r} cannot be read.", "Its shape is {frame: [x, y]}.", label)


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]')


def _members(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield (names from the outside in, offset) of every member of every object of well-formed JSON."""
    path: list[str] = []
    last = ("", 0)
    openers: list[str] = []
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word in "{[":
            openers.append(word)
            path.append("")
        elif word in "}]":
            openers.pop()
            path.pop()
        elif word == ":":
            path[-1] = last[0]
            yield tuple(name for name, opener in zip(path, openers, strict=True) if opener == "{"), last[1]
        elif word != ",":
            last = (json.loads(word, strict=False), token.start())


def _line_of(text: str, keys: tuple[str, ...], nth: int) -> int:
    """Return the line, from 1, of the nth member under these names; of the first character without names."""
    if not keys:
        return text.count("\n", 0, len(text) - len(text.lstrip())) + 1
    for path, offset in _members(text):
        if path == keys:
            if nth == 0:
                return text.count("\n", 0, offset) + 1
            nth -= 1
    return 1
