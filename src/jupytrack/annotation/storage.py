"""Where annotations go: beside the video, or into the user's data folder where that is not allowed."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from uuid import uuid4

import platformdirs

__all__ = ["annotation_folder", "free_name", "is_writable", "private_folder", "storage_notice"]


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
    return beside if is_writable(beside) else private_folder(video)


def private_folder(file: str | Path) -> Path:
    """Return the folder in the user's data folder that stands for a file's own, made if need be."""
    beside = Path(os.path.abspath(Path(file).expanduser())).parent
    mark = hashlib.sha256(os.fsencode(beside)).hexdigest()[:12]
    folder = platformdirs.user_data_path("jupytrack", appauthor=False) / "annotations"
    folder = folder / f"{beside.name or 'root'}-{mark}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_writable(folder: str | Path) -> bool:
    """Whether files can be made in a folder; it is tried, because permissions do not always tell."""
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


def free_name(path: Path, what: str) -> Path:
    """Return a name beside a file that is not taken, such as ``x.journal.damaged-20300101T120000Z``."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    name = f"{path.name}.{what}-{stamp}"
    names = [name, *(f"{name}-{n}" for n in range(2, 1000))]
    return next(path.with_name(n) for n in names if not path.with_name(n).exists())
