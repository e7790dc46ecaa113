"""What a path is, and what it starts: an annotator, or a queue of the videos of a project."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from jupytrack.annotation.layer_list import BUFFER
from jupytrack.errors import AnnotationError, JupytrackError, VideoError, VideoNotFoundError

if TYPE_CHECKING:
    from jupytrack.annotation.layers import LayerStack
    from jupytrack.dlc.project import DLCProject
    from jupytrack.widgets.annotator import Annotator
    from jupytrack.widgets.picker import VideoPicker
    from jupytrack.widgets.queue.video_queue import VideoQueue

__all__ = [
    "check_options",
    "labels_of",
    "open",
    "open_project",
    "start_in_project",
    "videos_of_project",
]

Where = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
DEFAULT_LAYER = "iteration-0"
LABELLED = "labeled_data"
_TABLES = {".json", ".h5", ".hdf5", ".csv"}
_CONFIGURATIONS = {".yaml", ".yml"}
_PREDICTION = re.compile(r"dlc_iteration-(\d+)_")
# a video is this many folders below its project at most
_DEEPEST = 3
_FIXED = (
    "The labelled data is what DeepLabCut trains on, and is made from the other layers.",
    "Edit one of those, and extract the frames again.",
)


def open(  # the name is the package's front door: jupytrack.open(...)
    path: Where | None = None, layer_name: str | None = None, **options: Any
) -> Annotator | VideoQueue | VideoPicker:
    """Annotate a video, or the videos of a DeepLabCut project, in the cell's output.

    A video outside of projects opens as an :class:`jupytrack.Annotator`. A video in the ``videos`` folder of
    a DeepLabCut project, a list of such videos, the project's folder or its ``config.yaml`` open as a
    :class:`~jupytrack.widgets.queue.video_queue.VideoQueue`: the first video is shown, and the keys alt+left
    and alt+right go to the others. Reading a project does not need DeepLabCut.

    Parameters
    ----------
    path : str or PathLike, or a list of them, optional
        The video, the videos, or the project. Without one, a file chooser is shown, and the annotator takes
        its place once a video is chosen.
    layer_name : str, optional
        The layer to work on; it is made if it does not exist. In a project it is by default
        ``iteration-{N+1}`` after the latest trained iteration N, with the project's body parts as labels.
        Elsewhere it is ``"iteration-0"`` if there is one or if there are no layers yet, else the layer that
        was written last. All other layers are there, too: those beside the video
        (``<video>_annotations*.json``), and in a project the predictions of every iteration, what was
        smoothed, and the labelled data, which cannot be edited here. The latest prediction is the overlay. A
        notice names what cannot be read.
    **options
        Passed on to :class:`jupytrack.Annotator`: ``dark_mode``, ``clahe_clip``, ``n_labels``, and so on.

    Returns
    -------
    Annotator, VideoQueue or VideoPicker
        What to display; the last expression of a cell is displayed by itself. A picker's ``annotator`` is
        None until a video is chosen.

    Raises
    ------
    VideoNotFoundError
        If there is no such file (a FileNotFoundError, too).
    VideoError
        If it is not a video and no project, an empty list, or a list of videos that are not all of one
        project (a ValueError, too).
    AnnotationError
        If no layer can have this name, or that many labels.
    FormatError, ConflictError
        If the layer to work on, or the project's configuration, cannot be read, or the layer was made on
        another video (``accept_other_video=True`` opens it nevertheless).
    OptionError
        If an option does not exist, or cannot have this value.

    Examples
    --------
    >>> annotator = jupytrack.open("video.mp4")  # doctest: +SKIP
    >>> annotator.ann.add([101.5, 64.0], "0", 12)  # doctest: +SKIP
    >>> queue = jupytrack.open("reaching-x-2026-11-03")  # doctest: +SKIP
    >>> queue.swap_next()  # doctest: +SKIP
    """
    check_options(options)
    if path is None:
        from jupytrack.widgets.picker import VideoPicker

        return VideoPicker(lambda chosen: _open(chosen, layer_name, options))
    return _open(path, layer_name, options)


def check_options(options: dict[str, Any]) -> None:
    """Refuse options of annotators that do not exist, or cannot have their value.

    Raises
    ------
    OptionError
        If there is one.
    """
    from jupytrack.widgets.annotator import Annotator
    from jupytrack.widgets.options import check_values, refuse_unknown

    refuse_unknown(options, Annotator.options() - {"annotation_names", "other_layers"}, "jupytrack.open")
    check_values(options)


def _open(given: Any, layer_name: str | None, options: dict[str, Any]) -> Annotator | VideoQueue:
    if layer_name == BUFFER:
        raise AnnotationError("The buffer is in memory only.", "Choose another layer to work on.")
    if _is_list(given):
        return open_project(*_videos_of_one_project(given), layer_name, options)
    path = existing_path(given)
    project = _project_of(path)
    if project is not None and (path.is_dir() or path.suffix.lower() in _CONFIGURATIONS):
        # one damaged video keeps nobody from the others
        return open_project(project, _all_videos(project), layer_name, options, forgiving=True)
    if project is not None and path.suffix.lower() not in _TABLES:
        return open_project(project, [path], layer_name, options)
    return _start(_video_path(path), layer_name, options)


def open_project(
    project: DLCProject,
    videos: list[Path],
    layer_name: str | None = None,
    options: dict[str, Any] | None = None,
    forgiving: bool = False,
) -> VideoQueue:
    """Open videos of a project as a queue.

    Parameters
    ----------
    project : DLCProject
        The project.
    videos : list of Path
        Its videos; the first one is shown.
    layer_name : str, optional
        The layer to work on, by default the project's next one.
    options : dict, optional
        Options of the annotators.
    forgiving : bool
        Show the first video that can be opened, instead of an error about the first one.
    """
    from jupytrack.widgets.queue.video_queue import VideoQueue

    return VideoQueue(project, videos, start_in_project, layer_name, options, forgiving)


def start_in_project(
    project: DLCProject, video: Path, layer_name: str | None, options: dict[str, Any]
) -> Annotator:
    """Annotate one video of a project, with all its layers.

    Parameters
    ----------
    project : DLCProject
        The project.
    video : Path
        One of its videos.
    layer_name : str or None
        The layer to work on; None for the project's next one.
    options : dict
        Options of the annotator.
    """
    from jupytrack.annotation.layers import LayerStack
    from jupytrack.video.reader import VideoReader
    from jupytrack.widgets.annotator import Annotator

    reader = VideoReader(video)
    stack = LayerStack(reader, accept_other_video=bool(options.get("accept_other_video")))
    try:
        _add_project_layers(project, stack, video, layer_name or project.next_layer_name, options)
        annotator = Annotator(reader, stack, **options)
    except BaseException:
        stack.close()
        reader.close()
        raise
    # nobody else has it
    annotator._owns_video = True
    return annotator


def _add_project_layers(
    project: DLCProject, stack: LayerStack, video: Path, name: str, options: dict[str, Any]
) -> None:
    """Add the layer to work on, the latest prediction as the overlay, and for later what else there is."""
    from jupytrack.formats.dustrack import never_saved_layers

    files = never_saved_layers(video, stack.folder) | project.file_manager(video).get_all_annotation_layers()
    files.pop(BUFFER, None)
    file = files.pop(name, None)
    if "n_labels" in options:
        stack.add(name, file, n_labels=options["n_labels"])
    else:
        stack.add(name, file, labels=labels_of(project))
    stack.buffer.set_plot_type("line", draw=False)
    predictions = [one for one in files if _PREDICTION.match(one)]
    for one in sorted(predictions, key=lambda one: _age(one, files[one]), reverse=True):
        if _is_overlay(stack, one, files.pop(one)):
            break
    for one, path in files.items():
        stack.add_later(one, path, refusal=_FIXED if one == LABELLED else None)


def labels_of(project: DLCProject) -> list[str] | dict[str, str]:
    """Return the labels of a new layer of a project, with the names of body parts that say more than they.

    Parameters
    ----------
    project : DLCProject
        The project.
    """
    from jupytrack.annotation.table import label_order

    parts = {label: part for part, label in project.layer_labels.items()}
    labels = sorted(parts, key=label_order)
    if all(parts[label].removeprefix("point") == label for label in labels):
        return labels
    return {label: parts[label] for label in labels}


def _age(name: str, path: Path) -> tuple[int, float]:
    """Sort predictions by iteration, and within one by the time they were made."""
    match = _PREDICTION.match(name)
    return (int(match[1]) if match else -1, path.stat().st_mtime if path.exists() else 0.0)


def _is_overlay(stack: LayerStack, name: str, path: Path) -> bool:
    """Show a layer beside the active one; one that cannot be read keeps nobody from the video."""
    stack.add_later(name, path)
    try:
        stack.overlay = name
    except JupytrackError:
        # said by the stack
        return False
    return True


def _start(path: Path, layer_name: str | None, options: dict[str, Any]) -> Annotator:
    from jupytrack.annotation.storage import annotation_folder
    from jupytrack.formats.dustrack import discover_layers, never_saved_layers
    from jupytrack.widgets.annotator import Annotator

    found, folder = discover_layers(path), annotation_folder(path)
    if folder != path.parent:
        found |= discover_layers(path, folder)
    found = never_saved_layers(path, folder) | found
    if layer_name is None:
        others = {name: fname for name, fname in found.items() if name != BUFFER}
        if DEFAULT_LAYER in found or not others:
            layer_name = DEFAULT_LAYER
        else:
            layer_name = max(others, key=lambda name: _written(others[name]))
    return Annotator(path, {layer_name: found.get(layer_name)}, other_layers=found, **options)


def _written(layer: Path) -> float:
    """Return when a layer's file was written; of one that was never saved, its journal."""
    return (layer if layer.exists() else layer.with_suffix(".journal")).stat().st_mtime


# what paths are


def existing_path(given: Any) -> Path:
    """Return a path that is there.

    Raises
    ------
    VideoNotFoundError, VideoError
        If it is not there, or no path.
    """
    if given == "":
        raise VideoError("An empty text is no path.", "Give the path of a video.")
    try:
        found = Path(os.fspath(given)).expanduser()
    except TypeError:
        raise VideoError(f"{given!r} is not a path.", "Give the path of a video.") from None
    if not found.exists():
        raise VideoNotFoundError(
            f"There is no file {found}.", f"Check the path; the kernel works in {Path.cwd()}."
        )
    return found


def videos_of_project(project: DLCProject, given: Any) -> list[Path]:
    """Return videos of a project, each once.

    Parameters
    ----------
    project : DLCProject
        The project.
    given : path or list of paths
        Videos of it.

    Raises
    ------
    VideoNotFoundError
        If one is not there.
    VideoError
        If one is in no project, or in another one, or there are none.
    """
    theirs, videos = _videos_of_one_project(given if _is_list(given) else [given])
    if not _is_same(theirs.path, project.path):
        raise VideoError(
            f"{videos[0]} belongs to the project {theirs.path}, and this is {project.path}.",
            "Open the two projects one by one.",
        )
    return videos


def _videos_of_one_project(given: Sequence[Any]) -> tuple[DLCProject, list[Path]]:
    if not given:
        raise VideoError("An empty list holds no video.", "Give the path of at least one video.")
    # first what is not there at all: it is the more helpful thing to hear
    paths = [existing_path(one) for one in given]
    projects: list[DLCProject] = []
    videos: list[Path] = []
    for path in paths:
        if path.is_dir() or path.suffix.lower() in _CONFIGURATIONS:
            raise VideoError(
                f"{path} is no video, and a list holds videos of one project.",
                "Open the project by itself, without a list.",
            )
        project = projects[-1] if projects and _is_inside(path, projects[-1]) else _project_of(path)
        if project is None:
            raise VideoError(
                f"{path} is in no DeepLabCut project, and a list holds videos of one project.",
                "Copy it into the project with project.add_videos([...]), or open it by itself.",
            )
        if projects and not _is_same(projects[-1].path, project.path):
            raise VideoError(
                f"The videos belong to different projects, {projects[-1].path} and {project.path}.",
                "Open the projects one by one.",
            )
        projects.append(project)
        video = _in_project(project, path)
        if video not in videos:
            videos.append(video)
    return projects[0], videos


def _in_project(project: DLCProject, path: Path) -> Path:
    """Return a video as the project calls it, so that the same one is known by any path."""
    return next((each for each in project.video_list if _is_same(each, path)), _video_path(path))


def _all_videos(project: DLCProject) -> list[Path]:
    videos = [path for path in project.video_list if path.exists()]
    if not videos:
        missing = ", ".join(path.name for path in project.video_list)
        raise VideoNotFoundError(
            f"The project {project.path} has no video that is there{f' ({missing})' if missing else ''}.",
            "Copy videos into it with project.add_videos([...]).",
        )
    return videos


def _project_of(path: Path) -> DLCProject | None:
    """Return the project that a path belongs to; nothing of projects is loaded where there is none."""
    folders = [path] if path.is_dir() else list(path.absolute().parents)[:_DEEPEST]
    if not any((folder / "config.yaml").exists() for folder in folders):
        return None
    from jupytrack.dlc.project import DLCProject

    return DLCProject.find(path)


def _is_list(given: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(given, Sequence) and not isinstance(given, str | bytes)


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _is_inside(path: Path, project: DLCProject) -> bool:
    return _is_same(path.parent, project.path / "videos")


def _video_path(path: Path) -> Path:
    """Check that a path may lead to a video, before anything is decoded."""
    configuration = path / "config.yaml"
    if path.is_dir() and not configuration.exists():
        raise VideoError(
            f"{path} is a folder, and no DeepLabCut project either: it has no config.yaml.",
            "Give the path of a video or of a project.",
        )
    if path.is_dir() or path.suffix.lower() in _CONFIGURATIONS:
        raise VideoError(
            f"{configuration if path.is_dir() else path} is no configuration of a DeepLabCut project.",
            "Give the path of a video, or of a project's folder or its config.yaml.",
        )
    if path.suffix.lower() in _TABLES:
        raise VideoError(
            f"{path.name} is a table of annotations, not a video.",
            "Open the video: the layers beside it are found by themselves. "
            f"Another one is added by `annotator.add_annotation_layers({{'name': '{path}'}})`.",
        )
    return path
