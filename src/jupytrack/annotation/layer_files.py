"""The files of a layer, and the versions of them that are kept beside it."""

from __future__ import annotations

import contextlib
import glob
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jupytrack.annotation.storage import free_name, is_writable, private_folder
from jupytrack.files import write_atomic

if TYPE_CHECKING:
    from jupytrack.annotation.table import PointTable

__all__ = [
    "companion_stem",
    "journal_of",
    "keep_files",
    "keep_table",
    "layer_content",
    "rename_layer",
    "sweep",
    "table_of",
]


def companion_stem(path: Path) -> str:
    """Return how the names of a layer's journal and lock begin: no two layers of a folder share them."""
    return path.stem if path.suffix == ".json" else path.name


def journal_of(path: Path) -> Path:
    """Return a layer's journal: beside it, or in the user's data folder if nothing may be written there."""
    folder = path.parent if is_writable(path.parent) else private_folder(path)
    return folder / f"{companion_stem(path)}.journal"


def layer_content(path: Path) -> dict[str, bytes]:
    """Return the content of a layer's file and of its sidecar by suffix, as far as they exist."""
    found = {}
    for each in (path, path.with_suffix(".sidecar")):
        try:
            found[each.suffix] = each.read_bytes()
        except FileNotFoundError:
            continue
    return found


def table_of(files: Mapping[str, bytes], suffix: str) -> PointTable | None:
    """Read a layer from the content of its files; None if the file itself is not among them."""
    from jupytrack import formats
    from jupytrack.annotation.table import PointTable

    if not files:
        return PointTable.empty([])
    if suffix not in files:
        return None
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, f"layer{name}").write_bytes(content)
        return formats.read_layer(Path(folder, f"layer{suffix}"))


def keep_files(path: Path, what: str) -> Path:
    """Copy a layer's file and its sidecar to a free name beside it, such as ``x.json.theirs-<time>``.

    Returns
    -------
    Path
        The copy; the one of the sidecar has ``.sidecar`` at the end of its name.

    Raises
    ------
    SaveError
        If they cannot be written.
    """
    return _keep(free_name(path, what), layer_content(path))


def keep_table(path: Path, table: PointTable, what: str) -> Path:
    """Write points as JSON to a free name beside a layer's file, as :func:`keep_files` does with files."""
    from jupytrack.formats import dustrack, sidecar

    content = {".json": dustrack.to_json(table)}
    extra = sidecar.to_bytes(table)
    if extra is not None:
        content[".sidecar"] = extra
    return _keep(free_name(path, what), content)


def _keep(kept: Path, files: Mapping[str, bytes]) -> Path:
    for suffix, content in files.items():
        write_atomic(kept if suffix != ".sidecar" else kept.with_name(kept.name + ".sidecar"), content)
    return kept


def rename_layer(old: Path, new: Path) -> None:
    """Rename a layer's file and sidecar, the file last, so that a crash leaves a whole layer."""
    sidecars = old.with_suffix(".sidecar"), new.with_suffix(".sidecar")
    if sidecars[0].exists():
        os.replace(*sidecars)
    if old.exists():
        os.replace(old, new)


def sweep(path: Path) -> None:
    """Remove what saves of a layer that were killed left behind, once it is too old to be in use."""
    for name in (f"{path.stem}.json", f"{path.stem}.sidecar", f"{companion_stem(path)}.journal"):
        for rest in path.parent.glob(f".{glob.escape(name)}.*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - rest.stat().st_mtime > 600:
                    rest.unlink()
