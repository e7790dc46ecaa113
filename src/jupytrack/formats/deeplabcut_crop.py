"""Which part of a frame DeepLabCut analysed or had labelled: points count from the corner of that part."""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

__all__ = ["analysed_corner", "labelled_corners", "picture_size"]

_KEY = "cropping_parameters"
_NUMBERS = frozenset(["BININT", "BININT1", "BININT2", "BINFLOAT", "INT", "LONG", "LONG1", "FLOAT"])
_BETWEEN = frozenset(
    ["BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE", "EMPTY_LIST", "LIST", "MARK", "FRAME", "APPEND"]
)


def analysed_corner(predictions: Path) -> tuple[float, float]:
    """Return where the analysed part of a video begins, which is to be added to the predictions.

    With ``cropping: true`` in config.yaml DeepLabCut (2 and 3) analyses a part of each frame only, counts
    from its corner, and says so in ``<predictions>_meta.pickle``; its own labelled videos add the corner,
    too. That file is only looked through, not unpickled, so nothing in it runs.

    Parameters
    ----------
    predictions : Path
        The h5 or CSV file, filtered or not.

    Returns
    -------
    tuple of float
        x and y of the corner in pixels; (0, 0) if there is no such file, or nothing of it can be read there.
    """
    path = predictions.with_name(f"{predictions.stem.removesuffix('_filtered')}_meta.pickle")
    numbers: list[float] = []
    found = False
    try:
        for code, value, _ in pickletools.genops(path.read_bytes()):
            if found and code.name in _NUMBERS:
                numbers.append(float(value))  # type: ignore[arg-type]
                if len(numbers) == 4:  # x1, x2, y1, y2
                    return numbers[0], numbers[2]
            elif found and code.name not in _BETWEEN:
                break
            found = found or value == _KEY
    except (OSError, ValueError):
        pass
    return 0.0, 0.0


def labelled_corners(labels: Path, pictures: Sequence[str]) -> NDArray[np.float64]:
    """Return where labelled pictures begin in their frames, which is to be added to the labels on them.

    ``deeplabcut.extract_frames(crop=True)`` writes pictures of the part that ``crop`` in config.yaml names,
    and labels count from its corner. Pictures of any other size are whole frames.

    Parameters
    ----------
    labels : Path
        The h5 or CSV file, ``<project>/labeled-data/<video>/CollectedData_<scorer>.h5``.
    pictures : sequence of str
        Names of the pictures beside it.

    Returns
    -------
    numpy.ndarray
        Shape (pictures, 2), x and y in pixels; zeros where there is no such project, crop or picture.
    """
    corners = np.zeros((len(pictures), 2))
    try:
        text = (labels.absolute().parents[2] / "config.yaml").read_text("utf-8-sig")
        # not the safe loader: it refuses the tuples of old versions, and this one runs nothing, either
        sets = YAML(typ="rt").load(text)["video_sets"]
        crops = {PureWindowsPath(video).stem: about["crop"] for video, about in sets.items()}
        x1, x2, y1, y2 = (round(float(number)) for number in crops[labels.absolute().parent.name].split(","))
    except (OSError, ValueError, YAMLError, LookupError, TypeError, AttributeError):
        # The project itself complains of a bad config.yaml.
        return corners
    if (x1, y1) != (0, 0):
        cropped = [picture_size(labels.with_name(name)) == (x2 - x1, y2 - y1) for name in pictures]
        corners[cropped] = x1, y1
    return corners


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
