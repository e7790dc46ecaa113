"""What a path is, and which annotator it starts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupytrack.errors import AnnotationError, VideoError, VideoNotFoundError

if TYPE_CHECKING:
    from jupytrack.widgets.annotator import Annotator
    from jupytrack.widgets.picker import VideoPicker

__all__ = ["open"]

DEFAULT_LAYER = "iteration-0"
_TABLES = {".json", ".h5", ".hdf5", ".csv"}


def open(  # the name is the package's front door: jupytrack.open(...)
    path: str | os.PathLike[str] | None = None, layer_name: str | None = None, **options: Any
) -> Annotator | VideoPicker:
    """Annotate a video in the cell's output.

    Parameters
    ----------
    path : str or PathLike, optional
        The video. Without one, a file chooser is shown, and the annotator takes its place once a video is
        chosen.
    layer_name : str, optional
        The layer to work on; it is made if it does not exist. By default ``"iteration-0"`` if there is one or
        if there are no layers yet, else the layer that was written last. All other layers beside the video
        (``<video>_annotations*.json``) are there, too; a notice names those that cannot be read.
    **options
        Passed on to :class:`jupytrack.Annotator`: ``dark_mode``, ``clahe_clip``, ``n_labels``, and so on.

    Returns
    -------
    Annotator or VideoPicker
        What to display; the last expression of a cell is displayed by itself. A picker's ``annotator`` is
        None until a video is chosen.

    Raises
    ------
    VideoNotFoundError
        If there is no such file.
    VideoError
        If it is not a video: a folder, a DeepLabCut project, a list, a table of annotations.
    AnnotationError
        If no layer can have this name, or that many labels.
    FormatError, ConflictError
        If the layer to work on cannot be read, or was made on another video (``accept_other_video=True``
        opens it nevertheless).
    OptionError
        If an option does not exist, or cannot have this value.

    Examples
    --------
    >>> annotator = jupytrack.open("video.mp4")  # doctest: +SKIP
    >>> annotator.ann.add([101.5, 64.0], "0", 12)  # doctest: +SKIP
    """
    from jupytrack.widgets.annotator import Annotator
    from jupytrack.widgets.options import check_values, refuse_unknown

    refuse_unknown(options, Annotator.options() - {"annotation_names", "other_layers"}, "jupytrack.open")
    check_values(options)
    if path is None:
        from jupytrack.widgets.picker import VideoPicker

        return VideoPicker(lambda chosen: _start(chosen, layer_name, options))
    return _start(_video_path(path), layer_name, options)


def _start(path: Path, layer_name: str | None, options: dict[str, Any]) -> Annotator:
    from jupytrack.annotation.layer_list import BUFFER
    from jupytrack.annotation.storage import annotation_folder
    from jupytrack.formats.dustrack import discover_layers
    from jupytrack.widgets.annotator import Annotator

    if layer_name == BUFFER:
        raise AnnotationError("The buffer is in memory only.", "Choose another layer to work on.")
    found = {name: Path(fname) for name, fname in discover_layers(path).items()}
    elsewhere = Path(annotation_folder(path)) / path.name
    if elsewhere.parent != path.parent:
        found |= {name: Path(fname) for name, fname in discover_layers(elsewhere).items()}
    if layer_name is None:
        others = {name: fname for name, fname in found.items() if name != BUFFER}
        if DEFAULT_LAYER in found or not others:
            layer_name = DEFAULT_LAYER
        else:
            layer_name = max(others, key=lambda name: others[name].stat().st_mtime)
    return Annotator(path, {layer_name: found.get(layer_name)}, other_layers=found, **options)


def _video_path(path: Any) -> Path:
    """Check that a path may lead to a video, before anything is decoded."""
    if isinstance(path, Sequence) and not isinstance(path, str | bytes):
        if not path:
            raise VideoError("An empty list holds no video.", "Give the path of one video.")
        raise VideoError(
            f"A list of {len(path)} paths was given, and an annotator shows one video.",
            "Open each video in a cell of its own.",
        )
    if path == "":
        raise VideoError("An empty text is no path.", "Give the path of a video.")
    try:
        found = Path(os.fspath(path)).expanduser()
    except TypeError:
        raise VideoError(f"{path!r} is not a path.", "Give the path of a video.") from None
    if not found.exists():
        raise VideoNotFoundError(
            f"There is no file {found}.", f"Check the path; the kernel works in {Path.cwd()}."
        )
    if found.is_dir():
        if (found / "config.yaml").exists():
            raise VideoError(
                f"{found} is a DeepLabCut project, and this version opens videos only.",
                f"Open one of the videos in {found / 'videos'}.",
            )
        raise VideoError(
            f"{found} is a folder, and no DeepLabCut project either: it has no config.yaml.",
            "Give the path of a video.",
        )
    if found.suffix.lower() in {".yaml", ".yml"}:
        raise VideoError(
            f"{found.name} configures a DeepLabCut project, and this version opens videos only.",
            f"Open one of the videos in {found.parent / 'videos'}.",
        )
    if found.suffix.lower() in _TABLES:
        raise VideoError(
            f"{found.name} is a table of annotations, not a video.",
            "Open the video: the layers beside it are found by themselves. "
            f"Another one is added by `annotator.add_annotation_layers({{'name': '{found}'}})`.",
        )
    return found
