"""Reading MOT Challenge's text files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.box_columns import numbered_ids, row_fault, vocabulary
from jupytrack.annotation.boxes import BoxTracks
from jupytrack.errors import AnnotationError, FormatError
from jupytrack.files import read_error
from jupytrack.formats.mot.layout import CLASSES, WORLD, Files, SequenceInfo, read_info, read_text, shifted

__all__ = ["read"]

FloatArray = NDArray[np.float64]

_COLUMNS = ("frame", "id", "x", "y", "w", "h", "conf", "class", "visibility")
_MEANT = f"A line is {', '.join(_COLUMNS)}, numbers with commas between; frame and id count from 1."
_LARGEST = 2**53
"""Whole numbers beyond this cannot be told apart as floats."""


def read(
    path: str | Path, *, classes: Iterable[str] | None = None, one_based_boxes: bool = False
) -> BoxTracks:
    """Read a file or a sequence folder.

    Parameters
    ----------
    path : path
        A file of lines, or a folder with ``gt/gt.txt``. Frame rate, length and picture size come from the
        ``seqinfo.ini`` of the folder, or of the folder in which ``gt/gt.txt`` lies; without one they are not
        known.
    classes : iterable of str, optional
        Names of the classes 1, 2, …; by default those in ``labels.txt`` beside the file (for results,
        ``<file>.labels.txt``), else :data:`CLASSES`.
    one_based_boxes : bool
        Whether the top-left pixel's edges are at (1, 1) in the file, as MOT Challenge's own files count them,
        instead of (0, 0): 1 is taken off x and y then.

    Returns
    -------
    BoxTracks
        Frames count from 0. Confidence −1 is NaN, as are visibility −1 and class −1. A file with ten columns
        has no classes and no visibility; if its last three are not all −1 they are ``extra["world_x"]``,
        ``"world_y"`` and ``"world_z"``.

    Raises
    ------
    FormatError
        If a file cannot be read, or a line is not what it should be; the message names file and line.
    """
    files = Files.of(path)
    if files.is_sequence and not files.boxes.is_file():
        raise FormatError(
            f"{path} is no sequence: there is no {files.boxes}.",
            "Choose a folder that holds gt/gt.txt, or the text file itself.",
        )
    info = read_info(files.info) if files.info.is_file() and files.is_truth else None
    lines = _Lines.of(files.boxes)
    return _Converter(files, lines, info, one_based_boxes).tracks(classes)


@dataclass
class _Lines:
    """The numbers of a file, and where they stand.

    Attributes
    ----------
    path : Path
        The file.
    values : ndarray, float64, shape (n, 6 to 10)
        One row for a line.
    separator : str, optional
        What stands between numbers; None for blanks.
    """

    path: Path
    values: FloatArray
    separator: str | None

    @classmethod
    def of(cls, path: Path) -> _Lines:
        try:
            with open(path, encoding="utf-8-sig", errors="replace") as file:
                first = next((line for line in file if line.strip()), None)
        except OSError as error:
            raise read_error(path, error) from error
        if first is None:
            return cls(path, np.empty((0, 9)), ",")
        separator = "," if "," in first else None
        try:
            values = np.loadtxt(
                str(path), np.float64, comments=None, delimiter=separator, ndmin=2, encoding="utf-8-sig"
            )
        except ValueError:
            values = _slowly(path, read_text(path), separator)
        if not 6 <= values.shape[1] <= 10:
            _fail(path, 1, f"{values.shape[1]} columns.", _MEANT)
        return cls(path, values, separator)

    @cached_property
    def text(self) -> str:
        return read_text(self.path)

    def number_of(self, row: int) -> int:
        """Return the line, from 1, of a row."""
        filled = (number for number, line in enumerate(self.text.split("\n"), 1) if line.strip())
        return next(number for place, number in enumerate(filled) if place == row)

    def cells(self, columns: list[int]) -> list[list[str]]:
        """Return the texts of some columns."""
        rows = [line.split(self.separator) for line in self.text.split("\n") if line.strip()]
        return [[row[column].strip() for row in rows] for column in columns]


def _fail(path: Path, line: int, problem: str, remedy: str) -> NoReturn:
    raise FormatError(f"{path}, line {line}: {problem}", remedy)


def _slowly(path: Path, text: str, separator: str | None) -> FloatArray:
    """Return the numbers of a file with commas at the ends of lines, or say which line is wrong."""
    rows: list[list[float]] = []
    for number, line in enumerate(text.split("\n"), 1):
        cells = line.split(separator)
        if not line.strip():
            continue
        if separator and not cells[-1].strip():
            cells.pop()
        row = []
        for name, cell in zip((*_COLUMNS, "z"), cells, strict=False):
            try:
                row.append(float(cell))
            except ValueError:
                _fail(path, number, f"{name} is {cell.strip()!r}, which is no number.", _MEANT)
        if not 6 <= len(cells) <= 10:
            _fail(path, number, f"{len(cells)} columns.", _MEANT)
        if rows and len(row) != len(rows[0]):
            _fail(path, number, f"{len(row)} columns, {len(rows[0])} in the lines above.", _MEANT)
        rows.append(row)
    return np.array(rows)


class _Converter:
    """Turns numbers into tracks, or says which line is wrong."""

    def __init__(self, files: Files, lines: _Lines, info: SequenceInfo | None, one_based: bool) -> None:
        self.files = files
        self.lines = lines
        self.info = info
        self.one_based = one_based
        # what is not there is unknown
        self.values = np.full((len(lines.values), 10), -1.0)
        self.values[:, : lines.values.shape[1]] = lines.values
        self.n_columns = lines.values.shape[1]

    def fail(self, row: int, problem: str, remedy: str) -> NoReturn:
        _fail(self.files.boxes, self.lines.number_of(row), problem, remedy)

    def tracks(self, classes: Iterable[str] | None) -> BoxTracks:
        values = self.values
        for row, column in np.argwhere(~np.isfinite(values))[:1].tolist():
            name = (*_COLUMNS, "z")[column]
            self.fail(row, f"{name} is {values[row, column]}.", "All numbers are finite; unknown is −1.")
        frame = self.whole(0, "frame") - 1
        ids, track = self.ids(self.whole(1, "id"))
        boxes = values[:, 2:6].copy()
        if self.one_based:
            for place, cells in enumerate(self.lines.cells([2, 3])):
                boxes[:, place] = [float(shifted(cell, -1)) for cell in cells]
        extra = {}
        visibility = np.full(len(values), np.nan)
        names: tuple[str, ...] | None = None if classes is None else vocabulary(classes)
        code = np.full(len(values), -1)
        if self.n_columns == 10:
            if (values[:, 7:] != -1).any():
                extra = dict(zip(WORLD, values[:, 7:].T, strict=True))
            names = names or self.kept_names() or ()
        else:
            visibility = np.where(values[:, 8] == -1, np.nan, values[:, 8])
            code = self.whole(7, "class", or_unknown=True)
            code = np.where(code > 0, code - 1, code)
            names = self.names(code, names)
        n_frames = None if self.info is None else self.info.n_frames
        state = np.zeros(len(values), np.uint8)
        fault = row_fault(frame, track, boxes, visibility, state, ids, n_frames, first_frame=1)
        if fault is not None:
            problem = fault.problem
            if fault.first is not None:
                problem += f" The first is in line {self.lines.number_of(fault.first)}."
            self.fail(fault.row, problem, fault.remedy)
        return BoxTracks(
            frame,
            np.array(ids, object if ids and isinstance(ids[0], str) else np.int64)[track],
            boxes,
            confidence=np.where(values[:, 6] == -1, np.nan, values[:, 6]),
            class_=code,
            visibility=visibility,
            classes=names,
            extra=extra,
            n_frames=n_frames,
            frame_rate=None if self.info is None else self.info.frame_rate,
            image_size=None if self.info is None else self.info.image_size,
        )

    def whole(self, column: int, name: str, *, or_unknown: bool = False) -> NDArray[np.int64]:
        """Return a column of whole numbers from 1, or −1 for unknown where that may be."""
        values = self.values[:, column]
        bad = (values != np.floor(values)) | (values < 1) | (values >= _LARGEST)
        if or_unknown:
            bad &= values != -1
        for row in np.flatnonzero(bad)[:1].tolist():
            value = f"{values[row]:g}"
            if name == "id" and values[row] == -1:
                self.fail(row, "the id is −1.", "These are detections: run a tracker on them first.")
            self.fail(row, f"{name} is {value}.", f"{name.capitalize()}s are whole numbers from 1.")
        return values.astype(np.int64)

    def ids(self, numbers: NDArray[np.int64]) -> tuple[tuple[Any, ...], NDArray[np.int64]]:
        """Return the ids in the order of their numbers, and for every line the place of its id there."""
        unique, track = np.unique(numbers, return_inverse=True)
        if not self.files.ids.is_file():
            return tuple(unique.tolist()), track.reshape(-1)
        try:
            names = json.loads(read_text(self.files.ids))
            if not isinstance(names, dict):
                raise ValueError("it is no JSON object")
        except ValueError as error:
            raise FormatError(
                f"{self.files.ids} cannot be read: {error}.",
                'It says {"1": "name of track 1", …}; correct it, or remove it to see the numbers.',
            ) from error
        for number in unique.tolist():
            if str(number) not in names:
                row = int(np.argmax(numbers == number))
                self.fail(
                    row,
                    f"id {number} has no name in {self.files.ids.name}.",
                    "Add it there, or remove that file to see the numbers.",
                )
        ids = tuple(names[str(number)] for number in unique.tolist())
        try:
            if len(numbered_ids(ids)[0]) < len(ids):
                raise AnnotationError("Two tracks have the same name.", "Give each its own.")
        except AnnotationError as error:
            raise FormatError(f"{self.files.ids}: {error.problem}", error.remedy) from error
        return ids, track.reshape(-1)

    def names(self, code: NDArray[np.int64], given: tuple[str, ...] | None) -> tuple[str, ...]:
        """Return the names of the classes, of which every line's must be one."""
        where = "classes"
        names = given
        if names is None:
            names = self.kept_names()
            where = self.files.labels.name
        if names is None:
            names = CLASSES if (code >= 0).any() else ()
            where = "MOT Challenge's classes"
        for row in np.flatnonzero(code >= len(names))[:1].tolist():
            self.fail(
                row,
                f"class {code[row] + 1} is unknown, {where} has {len(names)}.",
                f"Pass classes=[…], or write their names into {self.files.labels}, one a line.",
            )
        return names

    def kept_names(self) -> tuple[str, ...] | None:
        """Return the names of classes that are kept beside the file, None if none are."""
        path = self.files.labels
        if not path.is_file():
            return None
        lines = [line.strip() for line in read_text(path).split("\n")]
        while lines and not lines[-1]:
            lines.pop()
        try:
            return vocabulary(lines)
        except AnnotationError as error:
            raise FormatError(f"{path}: {error.problem}", error.remedy) from error
