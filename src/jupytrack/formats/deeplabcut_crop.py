"""Which part of a video DeepLabCut analysed: its predictions count from the corner of that part."""

from __future__ import annotations

import pickletools
from pathlib import Path

__all__ = ["analysed_corner"]

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
