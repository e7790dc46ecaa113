"""Snapshots of DeepLabCut's PyTorch models: which can be read, and how one is made a beginning.

Snapshots are loaded with torch's ``weights_only``, which reads numbers and refuses everything that runs code.
"""

from __future__ import annotations

import contextlib
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from jupytrack.errors import FormatError
from jupytrack.files import read_error, replacing

__all__ = ["load_snapshot", "newest_readable", "prepare_for_refining", "remove_unreadable", "snapshot_files"]

_NAME = re.compile(r"snapshot(-best)?-(\d+)\.pt")


def snapshot_files(train_folder: Path) -> list[Path]:
    """Return the snapshots of a pose model in a folder, fewest epochs first (of equals, the best last)."""
    found = []
    with contextlib.suppress(OSError):
        for path in train_folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                found.append((int(match[2]), bool(match[1]), path))
    return [path for *_, path in sorted(found)]


def load_snapshot(path: Path) -> dict[str, Any]:
    """Return what a snapshot holds, on the CPU; loads torch.

    Returns
    -------
    dict
        ``"model"`` (name to tensor) and, where there, ``"metadata"``, ``"scheduler"``, ``"optimizer"``.

    Raises
    ------
    FormatError
        If the file is cut off, is no snapshot, or holds more than numbers.
    """
    _check_whole(path)
    import torch

    try:
        # torch has this since 2.5; before, snapshots with numpy's numbers are refused
        allowed = getattr(torch.serialization, "safe_globals", lambda _: contextlib.nullcontext())
        with allowed(_numpy_numbers()):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what torch raises for a damaged file is not said anywhere
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise FormatError(
            f"The snapshot {path} cannot be loaded: {reason}",
            "Use a snapshot that DeepLabCut 3 saved; one that holds more than numbers is refused.",
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("model"), dict):
        raise FormatError(f"{path} is no snapshot of a pose model.", "Use one that DeepLabCut 3 saved.")
    return found


class _CutOffError(FormatError):
    """A snapshot that ends too early, or whose numbers are not those that were written."""


def _check_whole(path: Path) -> None:
    """Pass only a complete archive, which is what torch writes; finds what is cut off without torch."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise read_error(path, error) from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _CutOffError(
            f"The snapshot {path} is cut off or no snapshot ({error}).", "Use another snapshot."
        ) from error
    if damaged is not None:
        raise _CutOffError(f"The snapshot {path} is damaged ({damaged}).", "Use another snapshot.")


def _numpy_numbers() -> list[Any]:
    """Return what numpy's numbers are made of; early releases of DeepLabCut saved metrics as such."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    return [scalar, np.dtype, *(type(np.dtype(k)) for k in ("float32", "float64", "int64"))]


def newest_readable(train_folder: Path) -> Path | None:
    """Return the snapshot with most epochs that can be read, or None; removes nothing."""
    for path in reversed(snapshot_files(train_folder)):
        with contextlib.suppress(FormatError, FileNotFoundError):
            load_snapshot(path)
            return path
    return None


def remove_unreadable(train_folder: Path) -> list[Path]:
    """Remove the newest snapshots as far as they are cut off, as after a kill while one was written.

    What is whole stays, even if it cannot be loaded here and now: memory or permissions may be lacking.

    Returns
    -------
    list of Path
        What was removed.
    """
    removed = []
    by_time = sorted(snapshot_files(train_folder), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in by_time:
        try:
            _check_whole(path)
            break
        except _CutOffError:
            path.unlink(missing_ok=True)
            removed.append(path)
        except (FormatError, FileNotFoundError):
            break
    return removed


def prepare_for_refining(source: Path, target: Path) -> dict[str, Any]:
    """Copy a snapshot as a beginning: epoch 0 and no schedule, else both would go on from where they ended.

    Parameters
    ----------
    source : Path
        The snapshot.
    target : Path
        Where the copy goes.

    Returns
    -------
    dict
        The weights, by name.

    Raises
    ------
    FormatError
        If the snapshot cannot be read.
    """
    model: dict[str, Any] = load_snapshot(source)["model"]
    save_beginning(model, target)
    return model


def save_beginning(model: dict[str, Any], target: Path) -> None:
    """Write weights as a snapshot of epoch 0."""
    import torch

    with replacing(target) as temporary:
        torch.save({"model": model, "metadata": {"epoch": 0, "metrics": {}, "losses": {}}}, temporary)
