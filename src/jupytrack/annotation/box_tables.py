"""Box tracks as pandas data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.box_columns import COLUMNS, state_name
from jupytrack.annotation.table import Visibility
from jupytrack.errors import AnnotationError

if TYPE_CHECKING:
    import pandas as pd

    from jupytrack.annotation.boxes import BoxTracks

__all__ = ["arguments", "data_frame"]

_KEPT = ("n_frames", "frame_rate", "image_size")
_ATTRS = "jupytrack"


def arguments(table: pd.DataFrame, **given: Any) -> dict[str, Any]:
    """Return what BoxTracks is made of, out of a data frame; see :meth:`BoxTracks.from_dataframe`."""
    missing = [name for name in COLUMNS[:6] if name not in table.columns]
    if missing:
        raise AnnotationError(
            f"The data frame has no column {', '.join(map(repr, missing))}.",
            f"Rename its columns; needed are {', '.join(COLUMNS[:6])}.",
        )
    if not table.columns.is_unique:
        raise AnnotationError("A column of the data frame is there twice.", "Remove one of them.")
    there = {name: table[name].array if name in table.columns else None for name in COLUMNS[6:]}
    if there["state"] is None and _in_words(there["visibility"]):
        there["state"], there["visibility"] = there["visibility"], None
    kept = table.attrs.get(_ATTRS, {})
    return {
        "frame": _plain(table["frame"]),
        "id": _plain(table["id"]),
        "boxes": np.column_stack([_numbers(table[name]) for name in "xywh"]),
        "confidence": None if there["confidence"] is None else _numbers(table["confidence"]),
        "class_": there["class"],
        "visibility": None if there["visibility"] is None else _numbers(table["visibility"]),
        "state": there["state"],
        "extra": {name: _numbers(table[name]) for name in table.columns if name not in COLUMNS},
        "classes": given["classes"],
        **{name: kept.get(name) if given[name] is None else given[name] for name in _KEPT},
    }


def data_frame(tracks: BoxTracks) -> pd.DataFrame:
    """Return a data frame of tracks; see :meth:`BoxTracks.to_dataframe`."""
    import pandas as pd

    classes = pd.Index(tracks.classes, dtype=object)
    states = pd.Index([state_name(state) for state in Visibility], dtype=object)
    table = pd.DataFrame(
        {
            "frame": tracks.frame,
            "id": tracks.id,
            **dict(zip("xywh", tracks.boxes.T, strict=True)),
            "confidence": tracks.confidence,
            "class": pd.Categorical.from_codes(tracks.class_code, categories=classes),
            "visibility": tracks.visibility,
            "state": pd.Categorical.from_codes(tracks.state, categories=states),
            **tracks.extra,
        }
    )
    # plain values only: pandas copies them with the table and compares them
    size = tracks.image_size
    table.attrs[_ATTRS] = {
        "n_frames": tracks.n_frames,
        "frame_rate": tracks.frame_rate,
        "image_size": None if size is None else list(size),
    }
    return table


def _plain(column: pd.Series) -> NDArray[Any]:
    """Return a column as numpy array; missing values stay missing, so that they are refused as such."""
    return column.to_numpy()


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    try:
        return column.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise AnnotationError(
            f"The column {column.name!r} holds what is no number.",
            "Give numbers, NaN where unknown; drop columns that are none.",
        ) from None


def _in_words(column: Any) -> bool:
    return column is not None and any(isinstance(value, str) for value in column.tolist())
