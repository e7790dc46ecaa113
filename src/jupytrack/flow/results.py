"""Files of a smoothed layer: taken again only if they are what was written, replaced without loss."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from jupytrack import formats
from jupytrack.annotation.layer_files import companion_stem
from jupytrack.annotation.locks import LayerLock
from jupytrack.annotation.storage import free_name
from jupytrack.annotation.table import PointTable, column_type
from jupytrack.errors import ConflictError, FormatError, SaveError
from jupytrack.files import write_atomic
from jupytrack.flow.raw import MEMBER, RawPaths, made_of, raw_file
from jupytrack.formats.sidecar import sidecar_path
from jupytrack.video.index import content_fingerprint

__all__ = ["content_digest", "earlier_result", "raw_is_of", "refuse_if_open_elsewhere", "write_result"]


def content_digest(table: PointTable, columns: bool = True) -> str:
    """Return a text that tells the content of a layer from any other.

    Parameters
    ----------
    table : PointTable
        The layer; frames after the last point do not count.
    columns : bool
        Whether it also depends on what is known of points besides their positions.
    """
    n_frames = table.last_frame() + 1
    digest = hashlib.sha256(json.dumps([table.labels, n_frames, table.meta.get("names") or {}]).encode())
    xy = table.xy[:, :n_frames]
    digest.update(np.where(np.isnan(xy), np.nan, xy).astype("<f8").tobytes())
    for name, values in sorted(table.columns.items()) if columns else ():
        known = column_type(name, values.dtype).known(values) & table.present
        if known.any():
            digest.update(f"{name} {values.dtype.str}".encode())
            digest.update(known[:, :n_frames].tobytes())
            digest.update(values[known].tobytes())
    return digest.hexdigest()


def earlier_result(path: Path) -> dict[str, Any]:
    """Return how a smoothed layer was made; empty if there is none, or it is not as it was written."""
    try:
        table = formats.read_layer(path)
    except (FormatError, OSError):
        return {}
    kept = made_of(path, table)
    return kept if kept.get("result") == content_digest(table) else {}


def raw_is_of(earlier: dict[str, Any], path: Path) -> bool:
    """Whether the raw paths beside a smoothed layer are those that it was made with."""
    try:
        return bool(earlier) and earlier.get("raw") == content_fingerprint(raw_file(path))
    except OSError:
        return False


def refuse_if_open_elsewhere(path: Path) -> None:
    """Raise if another process works on a smoothed layer, so that it is not replaced under its hands.

    Raises
    ------
    ConflictError
        The message says who has it open.
    """
    holder = LayerLock(path.with_name(f"{companion_stem(path)}.lock")).holder()
    if holder is None or holder.is_gone or (holder.is_here and holder.process == os.getpid()):
        return
    raise ConflictError(
        f"{path} is open elsewhere ({holder}).", "Close it there first, or smooth with another window."
    )


def write_result(path: Path, table: PointTable, kept: dict[str, Any], raw: RawPaths | None) -> None:
    """Write a smoothed layer and the raw paths; if that fails, everything is as it was.

    Parameters
    ----------
    path : Path
        The ``.json`` file. What is there is replaced if it is an earlier result that nobody changed, else
        kept under another name, its sidecar, too.
    table : PointTable
        The layer.
    kept : dict
        How it was made.
    raw : RawPaths, optional
        Complete raw paths. Without them, those of an earlier result are removed.
    """
    kept = {**kept, "result": content_digest(table)}
    if raw is not None:
        kept["raw"] = raw.complete()
    table.meta["extra"] = {MEMBER: kept}
    earlier = earlier_result(path)
    stale = raw is None and raw_is_of(earlier, path)
    with _undone_on_failure(path) as copies:
        if not earlier:
            for file in (path, sidecar_path(path)):
                if file.exists():
                    copies.append(free_name(file, "replaced"))
                    write_atomic(copies[-1], file.read_bytes())
        formats.write_layer(path, table)
        if raw is not None:
            raw.put_in_place()
    if stale:
        with contextlib.suppress(OSError):
            raw_file(path).unlink()


@contextmanager
def _undone_on_failure(path: Path) -> Iterator[list[Path]]:
    """Put a layer's files back as they were, and remove the listed new ones, if the block fails."""
    before = {file: file.read_bytes() if file.exists() else None for file in (path, sidecar_path(path))}
    new: list[Path] = []
    try:
        yield new
    except BaseException:
        # On a full disk what was there may not fit again; a sidecar that is ahead of its layer does no harm.
        with contextlib.suppress(OSError, SaveError):
            for file in new:
                file.unlink(missing_ok=True)
            for file, content in before.items():
                if content is None:
                    file.unlink(missing_ok=True)
                elif file.read_bytes() != content:
                    write_atomic(file, content)
        raise
