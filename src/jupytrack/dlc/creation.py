"""A new DeepLabCut project, made by deeplabcut itself."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from jupytrack.dlc.config import base_name, edit_yaml, parse_yaml
from jupytrack.dlc.copying import annotation_sources, check_videos, copy_layers, copy_videos
from jupytrack.dlc.labels import body_parts_of, needs_mapping
from jupytrack.dlc.settings import Settings
from jupytrack.errors import AnnotationError, JupytrackError, SaveError, VideoError
from jupytrack.files import all_or_none, save_error
from jupytrack.formats import read_layer
from jupytrack.jobs import Progress

__all__ = ["check_name", "create_project"]


def check_name(name: str, what: str = "name") -> str:
    """Return a project's name, or an experimenter's, if DeepLabCut can work with it.

    Raises
    ------
    AnnotationError
        If it cannot be part of a file's name, or a project's has no underscore.
    """
    bad = sorted(set(name) & set('/\\:*?"<>|')) if isinstance(name, str) else []
    if not isinstance(name, str) or not name.strip() or name != name.strip() or name.startswith(".") or bad:
        reason = f"it holds {' '.join(bad)}" if bad else "it is empty, or begins or ends with a blank or dot"
        raise AnnotationError(
            f"{name!r} cannot be a project's {what}: {reason}.", "Use letters, digits, - and _ ."
        )
    if what == "name" and "_" not in name:
        raise AnnotationError(
            f"The project's name {name!r} has no underscore. DeepLabCut then breaks long paths in "
            "config.yaml in places where they cannot be read again.",
            f"Put one in, as in {name + '_01'!r}.",
        )
    return name


def create_project(
    path: str | os.PathLike[str],
    videos: Sequence[str | os.PathLike[str]],
    name: str,
    experimenter: str,
    annotation_suffix: str = "",
    internal_to_dlc_labels: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Make a project with copies of videos and their annotations.

    All of it is made in a hidden folder beside and gets its name at the end: there is the whole project, or
    nothing.

    Parameters
    ----------
    path : path
        The folder for the project's folder; made if need be.
    videos : sequence of path
        The videos, at least one.
    name, experimenter : str
        The project's folder is ``<name>-<experimenter>-<date>``.
    annotation_suffix : str
        Which annotations come along; see :func:`jupytrack.dlc.copying.annotation_sources`.
    internal_to_dlc_labels : mapping, optional
        Body part by label.
    progress : Progress, optional
        Told of the copying; may cancel.

    Returns
    -------
    Path
        The project's folder.

    Raises
    ------
    MissingDependencyError
        If deeplabcut is not installed.
    VideoError, VideoNotFoundError, AnnotationError, FormatError, ConflictError, SaveError
        If a video, name, annotation or folder is not as it should be.
    """
    check_name(name)
    check_name(experimenter, "experimenter")
    if not videos:
        raise VideoError("A project needs at least one video.", "Pass videos=[...].")
    sources = check_videos(videos)
    layers = {video: annotation_sources(video, annotation_suffix) for video in sources}
    if annotation_suffix and not any(layers.values()):
        raise AnnotationError(
            f"No video has annotations of the name {annotation_suffix!r} beside it.",
            f"The file would be {sources[0].stem}_annotations_{annotation_suffix}.json.",
        )
    labels = _labels(list(layers.values()))
    parts = body_parts_of(labels, internal_to_dlc_labels)
    parent = Path(os.path.abspath(Path(path).expanduser()))
    made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    aside = parent / f".jupytrack-{uuid4().hex[:8]}"
    try:
        aside.mkdir(parents=True)
        return _create(aside, sources, layers, parts, name, experimenter, progress or Progress())
    except OSError as error:
        if isinstance(error, JupytrackError):
            raise
        raise save_error(error.filename or parent, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        _remove_empty(made)


def _create(
    aside: Path,
    videos: Sequence[Path],
    layers: Mapping[Path, list[Path]],
    parts: Mapping[str, str],
    name: str,
    experimenter: str,
    progress: Progress,
) -> Path:
    from jupytrack.dlc.engine import deeplabcut

    progress.update(0, 0, "loading deeplabcut")
    dlc = deeplabcut()
    told = io.StringIO()
    # It links the videos; they are copied below, with progress. What it prints names the hidden folder.
    with contextlib.redirect_stdout(told), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        config = dlc.create_new_project(
            name,
            experimenter,
            [str(video) for video in videos],
            working_directory=str(aside),
            copy_videos=False,
        )
    made = Path(config).parent
    if not Path(config).is_file():
        raise VideoError(
            f"deeplabcut made no project: {' '.join(told.getvalue().split())[-300:]}", "Check the videos."
        )
    project = aside.parent / made.name
    if project.exists():
        raise SaveError(
            f"{project} is there already.",
            f"Open it with DLCProject({str(project)!r}), or choose another name.",
        )
    folder = made / "videos"
    for video in videos:
        (folder / video.name).unlink(missing_ok=True)
    with all_or_none() as keep:
        copy_videos(videos, folder, keep, progress)
        for sources in layers.values():
            copy_layers(sources, folder, keep)
    sets = {base_name(key): value for key, value in parse_yaml(config)["video_sets"].items()}
    unread = [video.name for video in videos if video.name not in sets]
    if unread:
        raise VideoError(
            f"deeplabcut cannot read {', '.join(unread)}.", "Convert to MP4 with H.264, which it reads."
        )
    edit_yaml(
        config,
        {
            "project_path": str(project),
            "video_sets": {str(project / "videos" / video.name): sets[video.name] for video in videos},
            "bodyparts": list(parts.values()),
            "skeleton": [],
            "snapshotindex": "all",
        },
    )
    if needs_mapping(parts):
        Settings(made)["internal_to_dlc_labels"] = dict(parts)
    os.rename(made, project)
    return project


def _labels(layers: Sequence[list[Path]]) -> list[str]:
    """Return the labels with points in any of the layers; all labels if none has points."""
    tables = [read_layer(path) for paths in layers for path in paths]
    used = {label for table in tables for row, label in enumerate(table.labels) if table.present[row].any()}
    # an empty label is a place that was made ready, not a body part
    return sorted(used or {label for table in tables for label in table.labels} or {"0"})


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
