"""Videos and their annotations, copied into a project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from jupytrack.annotation.storage import annotation_folder
from jupytrack.dlc.files import check_saved, manual_layers
from jupytrack.errors import SaveError, VideoError, VideoNotFoundError
from jupytrack.files import file_fingerprint, replacing
from jupytrack.formats.dustrack import make_annotation_file_name
from jupytrack.formats.sidecar import sidecar_path
from jupytrack.jobs import Progress
from jupytrack.video.reader import VideoReader

__all__ = ["annotation_sources", "check_videos", "copy_layers", "copy_videos"]

_CHUNK = 16 * 2**20


def check_videos(videos: Sequence[str | os.PathLike[str]], present: Sequence[str] = ()) -> list[Path]:
    """Return videos as absolute paths, after a check that each can be read and that their names differ.

    Parameters
    ----------
    videos : sequence of path
        The videos.
    present : sequence of str
        Stems of videos that are in the project already.

    Raises
    ------
    VideoNotFoundError, VideoError
        If one is missing or no video, or two have the same name.
    """
    paths = [Path(os.path.abspath(Path(video).expanduser())) for video in videos]
    stems = list(present)
    for path in paths:
        if path.stem in stems:
            raise VideoError(
                f"Two videos are called {path.stem}, and a project tells its videos by their names.",
                "Rename one of them; its annotations are named after it.",
            )
        stems.append(path.stem)
        if not path.exists():
            raise VideoNotFoundError(f"There is no video {path}.", "Check the path.")
        VideoReader(path).close()
    return paths


def copy_videos(
    videos: Sequence[Path], folder: Path, keep: Callable[[Path], None], progress: Progress | None = None
) -> None:
    """Copy videos into a folder.

    Parameters
    ----------
    videos : sequence of Path
        The videos.
    folder : Path
        Where they go; must exist.
    keep : callable
        Is told each copy before it is made; see :func:`jupytrack.files.all_or_none`.
    progress : Progress, optional
        Told of every few megabytes; may cancel.

    Raises
    ------
    SaveError
        If there is no room, or a file of that name is there already.
    """
    progress = progress or Progress()
    sizes = [video.stat().st_size for video in videos]
    free = shutil.disk_usage(folder).free
    if free < sum(sizes):
        wanted = sum(sizes) / 2**20
        raise SaveError(
            f"{folder} has {free / 2**20:.0f} MB of free space, and the videos take {wanted:.0f} MB.",
            "Free some space, or choose another folder; nothing was copied.",
        )
    done = 0
    for video in videos:
        copy = folder / video.name
        if os.path.lexists(copy):
            raise SaveError(
                f"{copy} is there already.",
                "Remove it if it is of no use, or rename the video to be added.",
            )
        text = f"copying {video.name}"
        keep(copy)
        with replacing(copy) as temporary, open(video, "rb") as source, open(temporary, "wb") as target:
            progress.update(done, sum(sizes), text)
            while chunk := source.read(_CHUNK):
                target.write(chunk)
                done += len(chunk)
                progress.update(min(done, sum(sizes)), sum(sizes), text)
        # The time of change tells whether the kept index of a video still holds.
        shutil.copystat(video, copy)
        if not os.access(copy, os.W_OK):
            copy.chmod(copy.stat().st_mode | 0o200)


def annotation_sources(video: Path, suffix: str = "") -> list[Path]:
    """Return the layers of a video that go into a project with it.

    Parameters
    ----------
    video : Path
        The video.
    suffix : str
        Name of the layer. If empty, it is the layer without a name, or all that people made if there is no
        such.
    """
    folder = annotation_folder(video) if video.parent.is_dir() else video.parent
    for place in (video, folder / video.name):
        named = make_annotation_file_name(place, suffix)
        if named.is_file():
            return [named]
    return [] if suffix else list(manual_layers(video).values())


def copy_layers(layers: Sequence[Path], folder: Path, keep: Callable[[Path], None]) -> list[Path]:
    """Copy layers and the sidecars beside them into a folder, telling ``keep`` each copy before it is made.

    Returns
    -------
    list of Path
        The copied layers, without their sidecars.

    Raises
    ------
    ConflictError
        If a layer has unsaved edits.
    SaveError
        If another layer of that name is there already, or one cannot be written.
    """
    for layer in layers:
        check_saved(layer)
        copy = folder / layer.name
        if copy.exists() and file_fingerprint(copy) != file_fingerprint(layer):
            raise SaveError(
                f"{copy} is there already and differs from {layer}.",
                "Rename one of the two layers, or remove the one in the project.",
            )
    for layer in layers:
        for source in (sidecar_path(layer), layer):
            copy = folder / source.name
            if source.is_file() and not copy.exists():
                keep(copy)
                with replacing(copy) as temporary:
                    shutil.copyfile(source, temporary)
    return [folder / layer.name for layer in layers]
