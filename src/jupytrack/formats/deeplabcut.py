"""DeepLabCut's tables of points, as h5 and CSV: labelled data and predictions of one animal.

Body parts become labels as in DUSTrack: if all are called ``point<number>`` the labels are the numbers, else
they are numbered in alphabetical order and their names are kept as names to show. Predictions bring their
likelihood along (single precision). All points count from the corner of the frame even if only a part of it
was analysed (``cropping``) or labelled (``crop``). Files of several animals, several videos or several
scorers are refused.

In a project whose body parts have labels of their own (``internal_to_dlc_labels``), its files are read with
those, so that predictions have the labels that the layers have that they were learned from.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.table import (
    MAX_FRAMES,
    PointTable,
    Source,
    check_size,
    column_type,
    label_order,
)
from jupytrack.errors import AnnotationError, FormatError
from jupytrack.files import all_or_none, write_atomic
from jupytrack.formats.deeplabcut_crop import analysed_corner, labelled_corners
from jupytrack.formats.pandas_hdf import Frame, read_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["default_labels", "labelled_frame", "read_csv", "read_h5", "write_labelled"]

_LEVELS = ["scorer", "bodyparts", "coords"]
PROJECT_SETTINGS = "jupytrack.json"
"""Our own file in a project's folder; its ``internal_to_dlc_labels`` is body part by label."""
_EXPORT_AGAIN = "Correct the line, or export the table again with DeepLabCut."


def read_h5(
    path: str | Path,
    n_frames: int | None = None,
    *,
    remove_label_prefix: str = "point",
    img_prefix: str = "img",
    img_suffix: str = ".png",
) -> PointTable:
    """Read an h5 file, as written with any pandas from 0.15 to 3.

    Parameters
    ----------
    path : path
        The file.
    n_frames : int, optional
        Frames in the video; points beyond are an error then.
    remove_label_prefix : str
        What to take off the body parts if numbers are left then.
    img_prefix, img_suffix : str
        What stands around the frame number in the names of labelled pictures.

    Raises
    ------
    FormatError
        If the file is damaged, is not DeepLabCut's, or could run code; the message names the row where there
        is one.
    """
    path = Path(path)
    converter = _Converter(path, n_frames, remove_label_prefix, img_prefix, img_suffix, first_row=0)
    return converter.table(read_frame(path))


def read_csv(
    path: str | Path,
    n_frames: int | None = None,
    *,
    remove_label_prefix: str = "point",
    img_prefix: str = "img",
    img_suffix: str = ".png",
) -> PointTable:
    """Read a CSV file; arguments as for :func:`read_h5`, errors name the line."""
    path = Path(path)
    frame, header = _csv_frame(path)
    converter = _Converter(path, n_frames, remove_label_prefix, img_prefix, img_suffix, first_row=header + 1)
    return converter.table(frame)


def default_labels(parts: Sequence[str], prefix: str = "point") -> dict[str, str]:
    """Return body part → label.

    Parameters
    ----------
    parts : sequence of str
        Body parts.
    prefix : str
        What to take off if numbers are left then, each another one.

    Returns
    -------
    dict of str to str
        The numbers, else numbers by the order of the alphabet. In the order of the labels.
    """
    stripped = {part: part.removeprefix(prefix) for part in parts}
    if not all(p.isascii() and p.isdigit() for p in stripped.values()) or (
        len(set(stripped.values())) != len(stripped)
    ):
        stripped = {part: str(number) for number, part in enumerate(sorted(stripped))}
    return dict(sorted(stripped.items(), key=lambda item: label_order(item[1])))


def _labels_in_project(path: Path, parts: Sequence[str]) -> dict[str, str]:
    """Return body part → label as the project around a file has it, empty if it lacks one."""
    for folder in list(path.absolute().parents)[:4]:
        if (folder / "config.yaml").is_file():
            try:
                settings = json.loads((folder / PROJECT_SETTINGS).read_bytes())
                given = {str(part): str(label) for label, part in settings["internal_to_dlc_labels"].items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                # Without that file all labels are the usual ones; the project itself complains of a bad one.
                return {}
            own = {part: given[part] for part in parts if part in given}
            complete = len(own) == len(parts) and len(set(own.values())) == len(parts)
            return dict(sorted(own.items(), key=lambda item: label_order(item[1]))) if complete else {}
    return {}


class _Converter:
    """Turns a data frame into a table of points, or says which row is wrong."""

    def __init__(
        self,
        path: Path,
        n_frames: int | None,
        label_prefix: str,
        img_prefix: str,
        img_suffix: str,
        first_row: int,
    ) -> None:
        self.path = path
        self.n_frames = n_frames
        self.label_prefix = label_prefix
        self.img_prefix = img_prefix
        self.img_suffix = img_suffix
        self.first_row = first_row

    def fail(self, problem: str, remedy: str, row: int | None = None) -> FormatError:
        where = "" if row is None else f", {'line' if self.first_row else 'row'} {row + self.first_row}"
        return FormatError(f"{self.path}{where}: {problem}", remedy)

    def table(self, frame: Frame) -> PointTable:
        scorer, parts = self.header(frame)
        parts, labels, names = self.labels(parts)
        frames, kind = self.frames(frame)
        where = {column: place for place, column in enumerate(frame.columns)}
        length = int(frames.max()) + 1 if frames.size else 0
        try:
            check_size(len(labels), length)
        except AnnotationError as error:
            raise self.fail(error.problem, error.remedy) from error
        table = PointTable.empty(labels, length)
        corner = (
            np.array(analysed_corner(self.path))
            if isinstance(frame.index, np.ndarray)
            else labelled_corners(self.path, [re.split(r"[/\\]", entry[-1])[-1] for entry in frame.index])
        )
        likelihood = column_type("likelihood").empty((len(labels), length))
        for row, part in enumerate(parts):
            xy = frame.values[:, [where[scorer, part, "x"], where[scorer, part, "y"]]]
            self.check(xy, frames, part)
            table.xy[row, frames] = xy + corner
            if (scorer, part, "likelihood") in where:
                likelihood[row, frames] = frame.values[:, where[scorer, part, "likelihood"]]
        present = table.present
        if not np.isnan(likelihood).all():
            table.columns["likelihood"] = likelihood
        table.columns["source"] = np.where(present, np.uint8(kind), np.uint8(Source.UNKNOWN))
        if names:
            table.meta["names"] = names
        table.meta["scorer"] = scorer
        last = table.last_frame() + 1
        if self.n_frames is not None and last > self.n_frames:
            row = int(np.flatnonzero(frames == last - 1)[0])
            raise self.fail(
                f"frame {last - 1} is beyond the video's end (frames 0 to {self.n_frames - 1}).",
                "Check that the file belongs to this video.",
                row,
            )
        return table.resized(last)

    def header(self, frame: Frame) -> tuple[str, list[str]]:
        """Return the scorer and the body parts."""
        levels = len(frame.columns[0]) if frame.columns else 0
        if levels == 4 or "individuals" in frame.column_names:
            raise self.fail(
                "it holds several animals, which a layer of points cannot.",
                "Export each individual to a file of its own and open those.",
            )
        if levels != 3 or any(len(column) != 3 for column in frame.columns):
            raise self.fail(
                f"its columns have {levels} levels instead of {', '.join(_LEVELS)}.",
                "Choose a file of labelled data or predictions that DeepLabCut wrote.",
            )
        scorers = list(dict.fromkeys(column[0] for column in frame.columns))
        if len(scorers) != 1:
            raise self.fail(f"it has {len(scorers)} scorers.", "Choose the file of one.")
        if len(set(frame.columns)) != len(frame.columns):
            raise self.fail("a column is there twice.", "Export it again with DeepLabCut.")
        parts = list(dict.fromkeys(column[1] for column in frame.columns))
        for part in parts:
            for coordinate in ("x", "y"):
                if (scorers[0], part, coordinate) not in frame.columns:
                    raise self.fail(
                        f"body part {part!r} has no {coordinate}.", "Export it again with DeepLabCut."
                    )
        return scorers[0], parts

    def labels(self, parts: Sequence[str]) -> tuple[list[str], list[str], dict[str, str]]:
        """Return body parts, their labels, and the names that labels stand for where numbers do not tell."""
        labels = _labels_in_project(self.path, parts) or default_labels(parts, self.label_prefix)
        names = {
            label: part for part, label in labels.items() if part.removeprefix(self.label_prefix) != label
        }
        return list(labels), list(labels.values()), names

    def frames(self, frame: Frame) -> tuple[NDArray[np.int64], Source]:
        """Return the frame of every row, and where such points come from."""
        if isinstance(frame.index, np.ndarray):
            frames, kind = frame.index, Source.DEEPLABCUT
        else:
            names = [
                re.split(r"[/\\]", entry[0]) if len(entry) == 1 else list(entry) for entry in frame.index
            ]
            folders = {tuple(name[:-1]) for name in names}
            if len(folders) > 1:
                shown = ", ".join(sorted("/".join(folder) for folder in folders)[:3])
                raise self.fail(
                    f"it holds pictures of {len(folders)} videos ({shown}, ...).",
                    "Choose the file in the folder of one video.",
                )
            numbers = [self.number(name[-1], row) for row, name in enumerate(names)]
            frames, kind = np.array(numbers, np.int64), Source.MANUAL
        for row in np.flatnonzero((frames < 0) | (frames >= MAX_FRAMES))[:1]:
            raise self.fail(
                f"frame {frames[row]} is out of range.", f"Frames are 0 to {MAX_FRAMES - 1}.", row
            )
        if len(np.unique(frames)) != len(frames):
            seen = np.unique(frames, return_index=True)[1]
            row = int(np.setdiff1d(np.arange(len(frames)), seen)[0])
            raise self.fail(f"frame {frames[row]} is there twice.", "Remove one of the two rows.", row)
        return frames, kind

    def number(self, name: str, row: int) -> int:
        """Return the frame number in a picture's name."""
        plain = name.removeprefix(self.img_prefix).removesuffix(self.img_suffix)
        digits = [plain] if plain.isascii() and plain.isdigit() else re.findall("[0-9]+", Path(name).stem)
        if not digits or len(digits[-1]) > 18:
            raise self.fail(
                f"the name {name!r} holds no frame number.",
                f"Pictures are called {self.img_prefix}<frame>{self.img_suffix}; rename this one, or pass "
                "img_prefix and img_suffix.",
                row,
            )
        return int(digits[-1])

    def check(self, xy: NDArray[np.float64], frames: NDArray[np.int64], part: str) -> None:
        """Refuse half positions and infinite ones."""
        missing = np.isnan(xy)
        bad = np.isinf(xy).any(axis=1) | (missing.any(axis=1) & ~missing.all(axis=1))
        for row in np.flatnonzero(bad)[:1]:
            raise self.fail(
                f"{part} on frame {frames[row]} is at {xy[row].tolist()}.",
                "A position is two finite numbers, or both are missing.",
                int(row),
            )


def _csv_frame(path: Path) -> tuple[Frame, int]:
    """Return a CSV file's content and the number of its header lines."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(
            f"{path} is not a text table ({error}).", "Choose a CSV file of DeepLabCut."
        ) from error
    header = list(takewhile(lambda cells: cells and cells[0] in (*_LEVELS, "individuals"), lines))
    levels = [cells[0] for cells in header]
    if levels[:1] != ["scorer"] or levels[-1:] != ["coords"]:
        raise FormatError(
            f"{path} does not begin as DeepLabCut's tables do.",
            f"The first cells of its first lines are {', '.join(_LEVELS)}.",
        )
    width = len(header[0])
    # Row labels of several levels take further columns, empty in the header.
    first = next((place for place in range(1, width) if header[-1][place : place + 1] != [""]), width)
    labels: list[tuple[str, ...]] = []
    values = np.full((len(lines) - len(header), width - first), np.nan)
    for line, cells in enumerate(lines, 1):
        where = f"{path}, line {line}"
        if len(cells) != width:
            raise FormatError(f"{where} has {len(cells)} cells instead of {width}.", _EXPORT_AGAIN)
        if line <= len(header):
            continue
        if not all(cells[:first]):
            raise FormatError(f"{where} has no name.", _EXPORT_AGAIN)
        labels.append(tuple(cells[:first]))
        for place, cell in enumerate(cells[first:]):
            if cell:
                try:
                    values[line - len(header) - 1, place] = float(cell)
                except ValueError:
                    raise FormatError(f"{where}: {cell!r} is not a number.", _EXPORT_AGAIN) from None
    columns = list(zip(*(cells[first:] for cells in header), strict=True))
    index: list[tuple[str, ...]] | NDArray[np.int64] = labels
    if first == 1 and all(
        label[0].isascii() and label[0].isdigit() and len(label[0]) < 18 for label in labels
    ):
        index = np.array([int(label[0]) for label in labels], np.int64)
    return Frame(columns, tuple(levels), index, values), len(header)


def labelled_frame(
    table: PointTable,
    *,
    scorer: str,
    video: str,
    names: Sequence[str],
    img_prefix: str = "img",
    img_suffix: str = ".png",
) -> pd.DataFrame:
    """Return points as DeepLabCut's labelled data, one row for every frame with a point.

    Parameters
    ----------
    table : PointTable
        The points.
    scorer : str
        Who labelled.
    video : str
        The video's stem, which is the folder of the pictures.
    names : sequence of str
        Body part for each label.
    img_prefix, img_suffix : str
        What stands around the frame number in the names of the pictures.
    """
    import pandas as pd

    frames = np.flatnonzero(table.present.any(axis=0))
    digits = len(str(table.n_frames))
    rows = pd.MultiIndex.from_arrays(
        [
            ["labeled-data"] * len(frames),
            [video] * len(frames),
            [f"{img_prefix}{frame:0{digits}}{img_suffix}" for frame in frames.tolist()],
        ]
    )
    columns = pd.MultiIndex.from_product([[scorer], list(names), ["x", "y"]], names=_LEVELS)
    values = table.xy[:, frames].transpose(1, 0, 2).reshape(len(frames), 2 * len(table.labels))
    return pd.DataFrame(values, index=rows, columns=columns)


def write_labelled(frame: pd.DataFrame, prefix: str | Path) -> tuple[Path, Path]:
    """Write labelled data as CSV and h5, both or none.

    Parameters
    ----------
    frame : pandas.DataFrame
        What :func:`labelled_frame` returned.
    prefix : path
        File name without suffix.

    Returns
    -------
    tuple of Path
        The CSV and the h5 file.

    Raises
    ------
    SaveError
        If a file cannot be written.
    """
    import pandas as pd

    prefix = Path(prefix)
    text = prefix.with_name(prefix.name + ".csv")
    binary = prefix.with_name(prefix.name + ".h5")
    # in memory first: on a full disk PyTables leaves half a file and says nothing
    memory: dict[str, Any] = {"driver": "H5FD_CORE", "driver_core_backing_store": 0}
    with pd.HDFStore(uuid4().hex, mode="w", **memory) as store:
        store.put("df_with_missing", frame, track_times=False)
        content = store.root._v_file.get_file_image()
    with all_or_none() as keep:
        for path, new in ((text, frame.to_csv(lineterminator="\n").encode()), (binary, content)):
            keep(path)
            write_atomic(path, new)
    return text, binary
