"""Which files belong together, and what stands in seqinfo.ini."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from decimal import Decimal, localcontext
from pathlib import Path

from jupytrack.annotation.table import MAX_FRAMES
from jupytrack.errors import FormatError
from jupytrack.files import read_error

__all__ = ["CLASSES", "WORLD", "Files", "SequenceInfo", "read_info", "read_text", "shifted", "write_info"]

CLASSES = (
    "pedestrian",
    "person_on_vehicle",
    "car",
    "bicycle",
    "motorbike",
    "non_mot_vehicle",
    "static_person",
    "distractor",
    "occluder",
    "occluder_on_ground",
    "occluder_full",
    "reflection",
    "crowd",
)
"""MOT Challenge's own classes, 1 to 13: what numbers mean where no names are kept beside the file."""

WORLD = ("world_x", "world_y", "world_z")
"""Extra columns for MOT15's positions in the world."""

_SECTION = "Sequence"
_SUFFIXES = (".txt", ".csv")


@dataclass(frozen=True)
class Files:
    """The files of one sequence, or of one file of results.

    Attributes
    ----------
    boxes : Path
        The lines.
    labels : Path
        Names of the classes.
    ids : Path
        Names of the tracks.
    info : Path
        seqinfo.ini.
    is_truth : bool
        Whether it is ground truth.
    is_sequence : bool
        Whether a folder was named.
    """

    boxes: Path
    labels: Path
    ids: Path
    info: Path
    is_truth: bool
    is_sequence: bool

    @classmethod
    def of(cls, path: str | Path) -> Files:
        """Return the files that a path stands for: a file of lines, or the folder of a sequence."""
        path = Path(path)
        if path.is_dir() or (not path.is_file() and path.suffix.lower() not in _SUFFIXES):
            folder = path / "gt"
            return cls(
                folder / "gt.txt",
                folder / "labels.txt",
                folder / "ids.json",
                path / "seqinfo.ini",
                True,
                True,
            )
        if path.name == "gt.txt":
            gt = path.parent
            info = (gt.parent if gt.name == "gt" else gt) / "seqinfo.ini"
            return cls(path, gt / "labels.txt", gt / "ids.json", info, True, False)
        # results of several sequences share a folder, so that each brings its own names
        return cls(
            path,
            path.with_name(f"{path.stem}.labels.txt"),
            path.with_name(f"{path.stem}.ids.json"),
            path.parent / "seqinfo.ini",
            False,
            False,
        )


@dataclass(frozen=True)
class SequenceInfo:
    """What seqinfo.ini says: frames per second, number of frames, width and height in pixels."""

    frame_rate: float
    n_frames: int
    image_size: tuple[int, int]


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises
    ------
    FormatError
        If it cannot be read, or is no text.
    """
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise read_error(path, error) from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no text ({error}).", "Choose a text file in UTF-8.") from error


def read_info(path: Path) -> SequenceInfo:
    """Return what a seqinfo.ini says.

    Raises
    ------
    FormatError
        If a value is missing or is no number.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(read_text(path))
        section = parser[_SECTION]
        rate = section.getfloat("frameRate")
        length, width, height = (section.getint(key) for key in ("seqLength", "imWidth", "imHeight"))
    except (configparser.Error, KeyError, ValueError) as error:
        raise FormatError(
            f"{path} cannot be read: {error}.",
            "It begins with [Sequence]; frameRate, seqLength, imWidth and imHeight are numbers.",
        ) from error
    values = {"frameRate": rate, "seqLength": length, "imWidth": width, "imHeight": height}
    for key, value in values.items():
        if value is None or not (0 if key == "seqLength" else 1e-9) <= value < float("inf"):
            raise FormatError(
                f"{path}: {key} is {'missing' if value is None else value}.", "Write a positive number."
            )
    assert rate is not None
    assert length is not None
    assert width is not None
    assert height is not None
    if length > MAX_FRAMES:
        raise FormatError(f"{path}: seqLength is {length}.", f"It may go up to {MAX_FRAMES}.")
    return SequenceInfo(rate, length, (width, height))


def write_info(name: str, info: SequenceInfo) -> str:
    """Return the text of a seqinfo.ini."""
    rate = info.frame_rate
    values = {
        "name": name,
        "imDir": "img1",
        # readers mostly take whole numbers only
        "frameRate": str(int(rate)) if rate.is_integer() else repr(rate),
        "seqLength": str(info.n_frames),
        "imWidth": str(info.image_size[0]),
        "imHeight": str(info.image_size[1]),
        "imExt": ".jpg",
    }
    return "\n".join([f"[{_SECTION}]", *(f"{key}={value}" for key, value in values.items()), ""])


def shifted(text: str, by: int) -> str:
    """Return a decimal number plus a whole one without rounding, so that it can be taken off again."""
    with localcontext() as context:
        context.prec = 2000
        return str(Decimal(text) + by)
