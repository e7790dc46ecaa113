"""All checks on a layer of points, box tracks, or several of them."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from jupytrack.annotation.boxes import BoxTracks
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable
from jupytrack.errors import AnnotationError
from jupytrack.qa import aggregates
from jupytrack.qa.inputs import PairList, Points, left_right_pairs, points_of
from jupytrack.qa.origin import Origin
from jupytrack.qa.registry import Check, Kind, chosen_checks, sorted_thresholds
from jupytrack.qa.report import Report
from jupytrack.qa.table import joined
from jupytrack.qa.tracks import Boxes

if TYPE_CHECKING:
    from jupytrack.jobs import Progress
    from jupytrack.qa.appearance import Embedding
    from jupytrack.qa.reference import Reference
    from jupytrack.video.source import FrameSource

__all__ = ["Layer", "run"]

Layer = VideoAnnotation | PointTable | BoxTracks

# What these flag, the checks that read the video look at.
_TO_FLOW = ("jumps", "acceleration", "swaps", "pair_distance", "low_likelihood")
# Nothing to compare on a single frame.
_OF_MOTION = {
    *("jumps", "acceleration", "frozen", "gaps", "swaps", "flow_residual", "temporal_iou", "size_change"),
    *("category_changes", "ghosts", "box_gaps", "reentry", "broken_tracks", "id_switches"),
}


@dataclass(frozen=True)
class _Task:
    """One video's layer and what the checks may use beside it."""

    layer: Points | Boxes
    inputs: dict[str, Any]

    def missing(self, name: str) -> tuple[str, str] | None:
        """Return why a check cannot run and what to do about it, None if it can."""
        layer, inputs = self.layer, self.inputs
        if name in _OF_MOTION and _n_frames_used(layer) < 2:
            return "only one frame", "Give more frames, or leave it out."
        needed = {
            "coverage": ("reference", "no reference", "Give reference=, boxes or counts."),
            "pair_distance": ("pairs", "no pairs of labels", "Give pairs=[(label, label), ...]."),
            "swaps": ("left_right", "no left and right", "Give left_right=[(label, label), ...]."),
            "flow_residual": ("video", "no video", "Give video=."),
            "id_switches": ("video", "no video", "Give video=."),
            "out_of_picture": ("image_size", "picture size not known", "Give image_size=(width, height)."),
            "border": ("image_size", "picture size not known", "Give image_size=(width, height)."),
        }
        if name in needed and inputs[needed[name][0]] is None:
            return needed[name][1:]
        if isinstance(layer, Points):
            if name == "low_likelihood" and "likelihood" not in layer.columns:
                return "no likelihood known", "Read the model's own file."
            return None
        if name == "category_changes" and not (layer.tracks.class_code >= 0).any():
            return "no classes known", "Give the boxes their classes."
        if name == "missing_occlusion" and not layer.tracks.effective_state.any():
            return "no visibility known", "Mark what is occluded, or leave it out."
        return None


def run(
    tracks_or_annotation: Layer | Mapping[str, Layer],
    checks: Iterable[str] | str | None = None,
    *,
    labels: Iterable[Any] | None = None,
    video: FrameSource | Mapping[str, FrameSource] | None = None,
    image_size: tuple[float, float] | None = None,
    pairs: PairList | None = None,
    left_right: PairList | None = None,
    reference: Reference | Mapping[str, Reference] | None = None,
    embedding: Embedding | None = None,
    progress: Progress | None = None,
    **thresholds: float,
) -> Report:
    """Run checks and rank what they find.

    Boxes with confidence 0, which ground truth marks as to be ignored, are not checked.

    Parameters
    ----------
    tracks_or_annotation : VideoAnnotation, PointTable, BoxTracks, or mapping of str to these
        The layer; or several, by name of the video, all of points or all of boxes.
    checks : iterable of str, optional
        Names of checks, see :func:`jupytrack.qa.checks`. By default all that can run on what is given; the
        others are listed as skipped, with the reason.
    labels : iterable, optional
        Only these labels, or ids of tracks.
    video : FrameSource or mapping of str to FrameSource, optional
        The open video, for the checks that look at pictures; by default the annotation's.
    image_size : (width, height), optional
        In pixels; by default that of the video or the tracks.
    pairs : iterable of (label, label), optional
        For ``pair_distance``.
    left_right : iterable of (label, label), optional
        For ``swaps``; by default labels whose names differ by left and right only.
    reference : BoxTracks, mapping or pandas.Series, optional
        For ``coverage``: detections, or frame → count; with several videos a mapping of their names to these.
    embedding : callable, optional
        For ``id_switches``; by default a colour histogram.
    progress : Progress, optional
        Told after every check, and every frame that is read; may cancel.
    **thresholds
        Any threshold of the checks that run, by name.

    Returns
    -------
    Report
        With ``table`` (every flag), ``scores`` (ranked frames, and which checks raised them), ``checks`` and
        ``aggregates``.

    Raises
    ------
    AnnotationError
        If there is nothing to check, there is no such check or threshold, or a check that is asked for by
        name lacks something.
    JobCancelled
        If cancelled.

    Examples
    --------
    >>> import numpy as np
    >>> xy = np.full((1, 20, 2), 50.0)
    >>> xy[0, 7:] += 30
    >>> report = run(PointTable(["0"], xy), ["jumps", "gaps"], jump_z=5)
    >>> report.scores[["track", "frame", "checks"]].values.tolist()
    [['0', 7, 'jumps']]
    """
    several = isinstance(tracks_or_annotation, Mapping)
    given: dict[str, Any] = {"": tracks_or_annotation}
    if isinstance(tracks_or_annotation, Mapping):
        given = dict(tracks_or_annotation)
    if not given:
        raise AnnotationError("There is nothing to check.", "Give at least one layer.")
    beside = {
        "image_size": image_size,
        "pairs": None if pairs is None else list(pairs),
        "left_right": None if left_right is None else list(left_right),
        "embedding": embedding,
    }
    labels = None if labels is None else [labels] if isinstance(labels, str) else list(labels)
    checks = checks if checks is None or isinstance(checks, str) else list(checks)
    tasks = []
    for name, layer in given.items():
        own = {"video": _own(video, name, several), "reference": _own(reference, name, several)}
        tasks.append(_task(layer, name, labels, {**beside, **own}))
    kinds: set[Kind] = {_kind(task.layer) for task in tasks}
    if len(kinds) > 1:
        raise AnnotationError("Some layers hold points, others boxes.", "Check them one kind at a time.")
    chosen = chosen_checks(checks, kinds.pop())
    numbers = sorted_thresholds(thresholds, chosen)
    tables, skipped = _run_all(tasks, chosen, numbers, checks is not None, progress)
    same: dict[str, Any] = {"checks": checks, "labels": labels, "video": video, "reference": reference}
    again = partial(run, **{**same, **beside, **thresholds})
    layers = {task.layer.name: weakref.ref(layer) for task, layer in zip(tasks, given.values(), strict=True)}
    return _report(tasks, chosen, numbers, tables, skipped, Origin(layers, again))


def _own(given: Any, name: str, several: bool) -> Any:
    return given.get(name) if several and isinstance(given, Mapping) else given


def _kind(layer: Points | Boxes) -> Kind:
    return "points" if isinstance(layer, Points) else "boxes"


def _n_frames_used(layer: Points | Boxes) -> int:
    if isinstance(layer, Points):
        return int(layer.present.any(axis=0).sum())
    return len(layer.tracks.frames)


def _task(layer: Any, name: str, labels: list[Any] | None, inputs: dict[str, Any]) -> _Task:
    """Return one video's task, whatever is not given taken from the layer itself."""
    shown = name or "The layer"
    video = inputs["video"]
    if isinstance(layer, BoxTracks):
        tracks = layer if labels is None else layer.select(ids=labels)
        boxes = Boxes(tracks, name or ("" if video is None else Path(video.fname).stem))
        if not tracks.has_box.any():
            raise AnnotationError(f"{shown} has no boxes.", "Give tracks with at least one.")
        if not boxes.counted.any():
            raise AnnotationError(
                f"{shown} has only boxes with confidence 0, which are ignored.",
                "To check them, give tracks.assign(confidence=1).",
            )
        size = inputs["image_size"] or tracks.image_size
        task = _Task(boxes, inputs)
    elif isinstance(layer, (VideoAnnotation, PointTable)):
        points = points_of(layer, labels)
        if not points.present.any():
            raise AnnotationError(f"{name or points.name or 'The layer'} has no points.", "Place some first.")
        points = replace(points, name=name or points.name)
        video, size = video or points.video, inputs["image_size"]
        sides = inputs["left_right"] or left_right_pairs(points.labels, points.names) or None
        task = _Task(points, {**inputs, "left_right": sides})
    else:
        raise AnnotationError(
            f"{type(layer).__name__} can not be checked.",
            "Give a VideoAnnotation, a PointTable or a BoxTracks, or a mapping of names to these.",
        )
    if size is None and video is not None:
        size = (video.width, video.height)
    return replace(task, inputs={**task.inputs, "video": video, "image_size": size})


def _run_all(
    tasks: Sequence[_Task],
    chosen: Sequence[Check],
    numbers: Mapping[str, Mapping[str, Any]],
    by_name: bool,
    progress: Progress | None,
) -> tuple[dict[str, list[pd.DataFrame]], dict[str, list[str]]]:
    """Return the tables of each check, and why it was skipped for which videos."""
    tables: dict[str, list[pd.DataFrame]] = {check.name: [] for check in chosen}
    skipped: dict[str, list[str]] = {check.name: [] for check in chosen}
    for task in tasks:
        found: dict[str, pd.DataFrame] = {}
        for done, check in enumerate(chosen):
            if progress is not None:
                progress.update(done, len(chosen), check.name)
            lack = task.missing(check.name)
            # whoever asks for it by name means it: without any mark all occlusions lack theirs
            if lack is not None and by_name and check.name != "missing_occlusion":
                raise AnnotationError(f"{check.name} cannot run: {lack[0]}.", lack[1])
            if lack is not None and not by_name:
                skipped[check.name].append(lack[0])
                continue
            inputs = {name: task.inputs[name] for name in check.inputs & task.inputs.keys()}
            if check.name == "swaps":
                inputs["pairs"] = task.inputs["left_right"]
            if check.name == "id_switches" and inputs["embedding"] is None:
                del inputs["embedding"]
            if check.name == "flow_residual" and any(name in found for name in _TO_FLOW):
                inputs["candidates"] = joined(found[name] for name in _TO_FLOW if name in found)
            if "progress" in check.inputs:
                inputs["progress"] = progress
            found[check.name] = check.function(task.layer, **inputs, **numbers[check.name])
        for name, table in found.items():
            tables[name].append(table)
    if progress is not None:
        progress.update(len(chosen), len(chosen), "checked")
    return tables, skipped


def _report(
    tasks: Sequence[_Task],
    chosen: Sequence[Check],
    numbers: Mapping[str, Mapping[str, Any]],
    tables: Mapping[str, list[pd.DataFrame]],
    skipped: Mapping[str, list[str]],
    origin: Origin,
) -> Report:
    rows = []
    for check in chosen:
        table = joined(tables[check.name])
        reasons = skipped[check.name]
        why = "; ".join(dict.fromkeys(reasons))
        if tables[check.name] and reasons:
            why = f"{len(reasons)} of {len(tasks)} videos: {why}"
        used = {**check.thresholds, **numbers[check.name]}
        rows.append(
            (
                check.name,
                len(table),
                len(table[table["track"].notna()][["video", "track"]].drop_duplicates()),
                len(table[["video", "frame"]].drop_duplicates()),
                ", ".join(f"{name}={value:g}" for name, value in used.items()),
                why,
            )
        )
    listed = pd.DataFrame(rows, columns=["check", "flags", "tracks", "frames", "thresholds", "skipped"])
    layers = [task.layer for task in tasks]
    boxes = [layer for layer in layers if isinstance(layer, Boxes)]
    return Report(
        joined(table for check in chosen for table in tables[check.name]),
        listed.set_index("check"),
        aggregates.aggregates(layers, numbers.get("temporal_iou", {})),
        aggregates.categories(boxes),
        aggregates.sizes(boxes) if boxes else aggregates.sizes([]).iloc[:0],
        origin,
    )
