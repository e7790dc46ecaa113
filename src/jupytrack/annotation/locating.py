"""Which file and which video belong together."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from jupytrack.errors import VideoError

if TYPE_CHECKING:
    from jupytrack.video.source import FrameSource

__all__ = ["find_layer_and_video", "name_in"]

_LAYER_SUFFIXES = {".json", ".h5", ".hdf5", ".csv"}


def find_layer_and_video(
    fname: str | Path | None, vname: str | Path | None, name: str | None, video: FrameSource | None
) -> tuple[str | None, FrameSource | None]:
    """Return the layer's file name and the open video.

    Parameters
    ----------
    fname : path or None
        The layer's file, or a video.
    vname : path or None
        The video.
    name : str or None
        Name of the layer, where its file is to be named.
    video : FrameSource or None
        The video if it is open already.

    Raises
    ------
    VideoError, VideoNotFoundError
        If a video that was named cannot be read; one that is merely beside the layer warns then.
    """
    if fname is not None and vname is None and Path(fname).suffix.lower() not in _LAYER_SUFFIXES:
        fname, vname, name = None, fname, None
    if fname is None and vname is not None:
        path = Path(vname)
        fname = path.with_name(f"{path.stem}_annotations{'' if name is None else '_' + name}.json")
    layer = None if fname is None else str(fname)
    if video is not None:
        return layer, video
    if vname is not None:
        return layer, _open_video(Path(vname))
    if layer is not None:
        stem = Path(layer).stem.removesuffix("_annotations").split("_annotations_")[0]
        beside = Path(layer).with_name(stem + ".mp4")
        if beside.exists():
            try:
                return layer, _open_video(beside)
            except VideoError as error:
                warnings.warn(f"The layer is opened without its video. {error}", stacklevel=3)
    return layer, None


def _open_video(path: Path) -> FrameSource:
    from jupytrack.video.reader import VideoReader

    return VideoReader(path)


def name_in(stem: str | None) -> str:
    """Return the layer's name in the stem of its file."""
    if stem is None or "_annotations_" not in stem:
        return "noname"
    return stem.split("_annotations_")[-1]
