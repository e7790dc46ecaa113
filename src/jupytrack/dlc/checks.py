"""What must be so before deeplabcut is asked to learn; each refusal says what to do."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupytrack.dlc.config import parse_yaml
from jupytrack.dlc.extraction import labelled_frames
from jupytrack.dlc.layout import Engine
from jupytrack.dlc.videos import PathLike, as_list
from jupytrack.errors import AnnotationError, MissingDependencyError, TrainingError, VideoNotFoundError
from jupytrack.formats.pandas_hdf import read_frame
from jupytrack.video.index import content_fingerprint, load_index

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject

__all__ = [
    "check_labels",
    "check_pytorch",
    "check_source",
    "check_split",
    "is_indexed",
    "labelled_frame_count",
    "network_of",
    "project_videos",
]

_MODES = ("scratch", "pretrained", "in_project", "external", "auto")


def check_pytorch(engine: Engine, what: str, done: str) -> None:
    """Pass only what DeepLabCut 3 can train or analyse.

    Raises
    ------
    MissingDependencyError
        If it is TensorFlow's.
    """
    if engine == "tensorflow":
        raise MissingDependencyError(
            f"{what} was made with TensorFlow (DeepLabCut 2) and can be {done} only with that; jupytrack "
            "reads it without.",
            "Use DeepLabCut with TensorFlow for it, or set `engine: pytorch` in config.yaml: the next "
            "iteration is trained with PyTorch then.",
        )


def check_source(
    project: DLCProject,
    refine_mode: str,
    *,
    source_iteration: int | None = None,
    source_snapshot: int | None = None,
    external_snapshot_path: PathLike | None = None,
) -> dict[str, Any]:
    """Check what a training is to begin with.

    Returns
    -------
    dict
        ``"mode"``; for a snapshot also ``"snapshot"`` (the file, relative to the project if it is inside) and
        ``"text"`` for people.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError
        If the arguments do not fit together, or what they name is not there.
    """
    given = {
        "source_iteration": source_iteration,
        "source_snapshot": source_snapshot,
        "external_snapshot_path": external_snapshot_path,
    }
    if refine_mode not in _MODES:
        raise ValueError(f"refine_mode must be one of {', '.join(_MODES)}, not {refine_mode!r}.")
    allowed = {"in_project": {"source_iteration", "source_snapshot"}, "external": {"external_snapshot_path"}}
    for name, value in given.items():
        if value is not None and name not in allowed.get(refine_mode, set()):
            raise ValueError(f"refine_mode={refine_mode!r} does not go with {name}={value!r}.")
    if refine_mode == "in_project":
        return _in_project(project, source_iteration, source_snapshot)
    if refine_mode == "external":
        if external_snapshot_path is None:
            raise ValueError('refine_mode="external" needs external_snapshot_path.')
        path = Path(os.path.abspath(external_snapshot_path))
        if not path.is_file():
            raise FileNotFoundError(f"There is no snapshot {path}. Check external_snapshot_path.")
        if path.suffix != ".pt":
            raise ValueError(f"{path.name} is no snapshot of DeepLabCut 3, whose names end in .pt.")
        return {"mode": "external", "snapshot": str(path), "text": f"snapshot {path}"}
    return {"mode": refine_mode}


def _in_project(project: DLCProject, iteration: int | None, number: int | None) -> dict[str, Any]:
    if iteration is None:
        raise ValueError('refine_mode="in_project" needs source_iteration.')
    for name, value in (("source_iteration", iteration), ("source_snapshot", number)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise TypeError(f"{name} must be an int, not {type(value).__name__}.")
    layout = project.layout(iteration)
    if not layout.snapshots:
        trained = [each for each, found in project.all_snapshots.items() if found]
        raise ValueError(f"source_iteration={iteration} is not trained. Trained iterations: {trained}.")
    check_pytorch(layout.engine, f"Iteration {iteration}", "refined")
    snapshot = layout.best()
    if number is not None:
        snapshot = next((each for each in layout.snapshots if each.number == number), None)
    if snapshot is None:
        known = [each.number for each in layout.snapshots]
        raise ValueError(f"Iteration {iteration} has no snapshot {number}. It has {known}.")
    path = os.path.relpath(snapshot.path, project.path)
    best = ", the best" if snapshot.best else ""
    return {
        "mode": "in_project",
        "snapshot": path,
        "text": f"iteration {iteration}, snapshot {snapshot.number}{best}",
    }


def network_of(project: DLCProject, begin: Mapping[str, Any], net_type: str | None) -> str | None:
    """Return which network to make: that of the snapshot to begin with, else what was asked for.

    Raises
    ------
    ValueError
        If both are given and differ.
    """
    if begin.get("snapshot"):
        beside = (project.path / begin["snapshot"]).with_name("pytorch_config.yaml")
        if beside.is_file():
            model = parse_yaml(beside)
            known = str(model.get("net_type") or "")
            if str(model.get("method", "")).lower() == "td" and not known.startswith("top_down_"):
                known = f"top_down_{known}"
            if net_type is not None and known and net_type != known:
                raise ValueError(
                    f"net_type={net_type!r} does not go with a snapshot of {known}. Leave net_type out."
                )
            return known or net_type
    return net_type


def project_videos(project: DLCProject, videos: Any = None) -> list[Path]:
    """Return videos that are named as for ``project.video_index``, or by any path; all by default.

    Raises
    ------
    AnnotationError
        If there is no video of this number; it is a ValueError.
    VideoNotFoundError
        If there is no such file.
    """
    known, chosen = project.video_list, []
    for each in known if videos is None else as_list(videos):
        try:
            path = known[project.video_index(each)]
        except AnnotationError:
            if isinstance(each, int):
                raise
            path = Path(each)
        if not path.is_file():
            raise VideoNotFoundError(
                f"There is no video {path}.", "Copy it to the videos folder of the project, or leave it out."
            )
        chosen.append(Path(os.path.abspath(path)))
    return chosen


def labelled_frame_count(project: DLCProject) -> int:
    """Return how many frames DeepLabCut will learn and test with: those in its labelled-data folders.

    Raises
    ------
    FormatError
        If a table of labels is damaged or could run code; DeepLabCut would run it.
    """
    count = 0
    for folder in {video.stem for video in project.video_list}:
        name = f"CollectedData_{project.config.get('scorer')}.h5"
        path = project.path / "labeled-data" / folder / name
        if path.is_file():
            count += int(np.isfinite(read_frame(path).values).any(axis=1).sum())
    return count


def check_labels(project: DLCProject, annotation_file_names: Sequence[PathLike] | None = None) -> None:
    """Pass only if there are enough labelled frames to train and to test with.

    Parameters
    ----------
    project : DLCProject
        The project.
    annotation_file_names : sequence of path, optional
        Annotations that will be extracted; all that people made by default.

    Raises
    ------
    TrainingError
        If there are too few, with what to do.
    AnnotationError
        If none of a video's labels is a body part.
    FormatError, ConflictError
        If an annotation cannot be read, was made on another video or has unsaved edits.
    """
    labelled_frame_count(project)  # DeepLabCut reads these tables, too: what could run code is refused here
    check_split(project, sum(labelled_frames(project, annotation_file_names).values()))


def is_indexed(video: Path) -> bool:
    """Whether a video opens at once, because it was opened before."""
    with contextlib.suppress(OSError):
        return load_index(video, content_fingerprint(video)) is not None
    return True  # what cannot be opened is told of at once


def check_split(project: DLCProject, count: int) -> int:
    """Pass only if a number of labelled frames can be divided into some to train and some to test with.

    Returns
    -------
    int
        How many there are to test with.

    Raises
    ------
    TrainingError
        If it cannot, with what to do.
    """
    fractions = project.config.get("TrainingFraction")
    set_one = "Set it to a share between 0 and 1, such as project.edit_config(TrainingFraction=[0.95])."
    if not isinstance(fractions, list) or not fractions:
        raise TrainingError(f"{project.config_path} has no TrainingFraction.", set_one)
    for fraction in fractions:
        number = isinstance(fraction, int | float) and not isinstance(fraction, bool)
        if not number or not 0 < fraction < 1 or not math.isclose(fraction, round(fraction, 2)):
            wrong = f"leaves no frames to {'test' if fraction == 1 else 'train'} with"
            raise TrainingError(
                f"TrainingFraction in {project.config_path} is {fraction}, which "
                f"{wrong if fraction in (0, 1) else 'is no share in whole percent'}.",
                set_one,
            )
    if count == 0:
        labels = ", ".join(project.layer_labels.values())
        raise TrainingError(
            f"The project {project.name} has no labelled frames.",
            f"Label some frames of its videos (labels {labels}) and save the layer.",
        )
    test = []
    for fraction in fractions:
        # DeepLabCut's own rule
        for_training = int(count * round(fraction, 2))
        if for_training < 1 or for_training == count:
            raise TrainingError(
                f"With {count} labelled frame{'s' if count > 1 else ''} and TrainingFraction {fraction:g} "
                f"nothing is left to {'train' if for_training < 1 else 'test'} with.",
                "Label at least two frames, better twenty, or change TrainingFraction.",
            )
        test.append(count - for_training)
    return test[0]  # trained is with the first one
