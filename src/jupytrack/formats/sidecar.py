"""What a layer's JSON cannot hold, in a file beside it that no other program takes for a layer.

``x_annotations_y.sidecar`` is JSON: per-point columns (likelihood, visibility, source, ...), the fingerprint
and frame count of the video, names to show for labels. Arrays are compressed and base64-coded. Every value
comes with a check of the position it was written for, so that a point that another program moved since does
not inherit it. What this version does not understand is kept when the file is written again.
"""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.table import PointTable, column_type
from jupytrack.errors import FormatError
from jupytrack.files import read_error

__all__ = ["read_into", "sidecar_path", "to_bytes"]

_FORMAT = "jupytrack sidecar"
_OURS = {"format", "version", "video", "names", "points"}
_MAX_ARRAY = 2**28


def sidecar_path(layer: str | Path) -> Path:
    """Return where the sidecar of a layer is."""
    return Path(layer).with_suffix(".sidecar")


def to_bytes(table: PointTable, previous: bytes | None = None) -> bytes | None:
    """Return a sidecar's content, or None if there is nothing to say.

    Parameters
    ----------
    table : PointTable
        Columns and meta are written; positions only as checks.
    previous : bytes, optional
        The sidecar that will be replaced; what is not understood in it is kept.
    """
    content: dict[str, Any] = {}
    if previous is not None:
        content.update(_unknown(previous))
    content.update(table.meta.get("extra", {}))
    if table.meta.get("video"):
        content["video"] = table.meta["video"]
    names = {label: name for label, name in table.meta.get("names", {}).items() if label in table.labels}
    if names:
        content["names"] = names
    points = {}
    for row, label in enumerate(table.labels):
        present = table.present[row]
        known = np.zeros_like(present)
        columns = {}
        for name, values in table.columns.items():
            told = column_type(name, values.dtype).known(values[row]) & present
            if told.any():
                columns[name] = values[row]
                known |= told
        if columns:
            frames = np.flatnonzero(known)
            points[label] = {
                "frames": _pack(frames.astype("<i4")),
                "check": _pack(_check(table.xy[row, frames])),
                "columns": {name: _pack(values[frames]) for name, values in columns.items()},
            }
    if points:
        content["points"] = points
    if not content:
        return None
    return (json.dumps({"format": _FORMAT, "version": 1, **content}, indent=1) + "\n").encode()


def read_into(table: PointTable, path: str | Path) -> None:
    """Add a sidecar's columns and meta to the table of its layer.

    Parameters
    ----------
    table : PointTable
        The layer; changed in place.
    path : path
        The sidecar; nothing happens if it does not exist.

    Raises
    ------
    FormatError
        If it is damaged.
    """
    path = Path(path)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise read_error(path, error) from error
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError("it is no sidecar")
        video = content.get("video", {})
        names = {str(label): str(name) for label, name in content.get("names", {}).items()}
        if not isinstance(video, dict):
            raise ValueError("the video is not described by an object")
        for label, item in content.get("points", {}).items():
            frames, check = _unpack(item["frames"]), _unpack(item["check"])
            columns = {str(name): _unpack(packed) for name, packed in item["columns"].items()}
            if {len(frames), len(check)} | {len(values) for values in columns.values()} != {len(frames)}:
                raise ValueError(f"arrays of label {label} differ in length")
            if label in table.labels:
                _fill(table, table.labels.index(label), frames, check, columns)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error, RecursionError) as error:
        raise FormatError(
            f"{path} is damaged ({type(error).__name__}: {error}).",
            "Restore it from a backup, or rename it to open the layer without likelihoods and the like.",
        ) from error
    if video:
        table.meta["video"] = video
    if names:
        table.meta["names"] = names
    extra = {key: value for key, value in content.items() if key not in _OURS}
    if extra:
        table.meta["extra"] = extra


def _fill(
    table: PointTable,
    row: int,
    frames: NDArray[Any],
    check: NDArray[Any],
    columns: dict[str, NDArray[Any]],
) -> None:
    inside = (frames >= 0) & (frames < table.n_frames)
    frames, check = frames[inside], check[inside]
    same = _check(table.xy[row, frames]) == check
    for name, values in columns.items():
        kind = column_type(name, values.dtype)
        if name not in table.columns:
            table.columns[name] = kind.empty((table.n_labels, table.n_frames))
        table.columns[name][row, frames[same]] = values[inside][same].astype(kind.dtype)


def _unknown(previous: bytes) -> dict[str, Any]:
    """Return what an existing sidecar holds beyond our own members; nothing if it cannot be read."""
    try:
        content = json.loads(previous)
    except ValueError:
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if key not in _OURS}


def _check(xy: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Return a 32-bit hash of every position; shape (n,)."""
    bits = np.ascontiguousarray(xy, "<f8").view("<u8").reshape(-1, 2)
    mixed = bits[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ (
        bits[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
    ) >> np.uint64(7)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    hashed: NDArray[np.uint32] = (mixed >> np.uint64(32)).astype("<u4")
    return hashed


def _pack(array: NDArray[Any]) -> dict[str, str]:
    array = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    data = base64.b64encode(zlib.compress(array.tobytes(), 6)).decode("ascii")
    return {"dtype": array.dtype.str, "data": data}


def _unpack(packed: dict[str, str]) -> NDArray[Any]:
    dtype = np.dtype(str(packed["dtype"]))
    if dtype.kind not in "biuf":
        raise ValueError(f"an array of {dtype}")
    unzip = zlib.decompressobj()
    # Bounded, so that a few forged bytes cannot fill the memory.
    data = unzip.decompress(base64.b64decode(packed["data"], validate=True), _MAX_ARRAY)
    if not unzip.eof:
        raise ValueError("an array is cut short or too large")
    return np.frombuffer(data, dtype)
