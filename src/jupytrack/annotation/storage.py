"""Where annotations go: beside the video, or into the user's data folder where that is not allowed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from uuid import uuid4

import platformdirs

__all__ = ["annotation_folder", "is_writable", "storage_notice"]


def annotation_folder(video: str | Path) -> Path:
    """Return the folder for a video's layers, made if need be.

    Parameters
    ----------
    video : path
        The video.

    Returns
    -------
    Path
        The video's own folder. If nothing may be written there, one of its own in the user's data folder, the
        same at every call.
    """
    beside = Path(os.path.abspath(Path(video).expanduser())).parent
    if is_writable(beside):
        return beside
    mark = hashlib.sha256(os.fsencode(beside)).hexdigest()[:12]
    folder = platformdirs.user_data_path("jupytrack", appauthor=False) / "annotations"
    folder = folder / f"{beside.name or 'root'}-{mark}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_writable(folder: str | Path) -> bool:
    """Whether files can be made in a folder; it is tried, because permissions alone do not tell everywhere."""
    probe = Path(folder) / f".jupytrack-{uuid4().hex[:8]}"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        probe.unlink()
    except OSError:
        return False
    return True


def storage_notice(video: str | Path, folder: Path) -> tuple[str, str] | None:
    """Return what to tell the user (problem, remedy) if layers do not lie beside their video, else None."""
    beside = Path(os.path.abspath(Path(video).expanduser())).parent
    if folder == beside:
        return None
    return (
        f"There is no permission to write in {beside}. Annotations go to {folder}.",
        "Copy them beside the video when you may write there, or work on a copy of the video.",
    )
