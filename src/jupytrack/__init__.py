"""Annotate video and check trajectories inside a Jupyter notebook.

Names are resolved when they are first used, so that ``import jupytrack`` stays light: a script that only
reads a video loads no widget code.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Annotator": "jupytrack.widgets.annotator",
    "BoxTracks": "jupytrack.annotation.boxes",
    "DLCProject": "jupytrack.dlc.project",
    "DUSTrack": "jupytrack.widgets.annotator",
    "Enhancement": "jupytrack.video.enhance",
    "History": "jupytrack.annotation.history",
    "Job": "jupytrack.jobs",
    "LayerStack": "jupytrack.annotation.layers",
    "VideoAnnotation": "jupytrack.annotation.points",
    "VideoFileManager": "jupytrack.dlc.files",
    "VideoReader": "jupytrack.video.reader",
    "VideoWriter": "jupytrack.video.writer",
    "agreement": "jupytrack.qa.agreement",
    "detect_blips": "jupytrack.flow.blips",
    "evaluate": "jupytrack.qa.evaluation",
    "interpolate_blips": "jupytrack.flow.blips",
    "lk_moving_average_filter": "jupytrack.flow.smoothing",
    "load_raw_paths": "jupytrack.flow.raw",
    "lucas_kanade": "jupytrack.flow.lucas_kanade",
    "lucas_kanade_rstc": "jupytrack.flow.lucas_kanade",
    "merge_annotations_in_folder": "jupytrack.dlc.files",
    "open": "jupytrack.opening",
    "render_tracks": "jupytrack.qa.rendering",
    "review": "jupytrack.widgets.review.review",
    "sigmoid_weights": "jupytrack.flow.lucas_kanade",
    "tracks_from_points": "jupytrack.annotation.point_boxes",
}
_MODULES = {"dlc", "errors", "flow", "formats", "jobs", "qa", "samples"}

__all__ = [
    "Annotator",
    "BoxTracks",
    "DLCProject",
    "DUSTrack",
    "Enhancement",
    "History",
    "Job",
    "LayerStack",
    "VideoAnnotation",
    "VideoFileManager",
    "VideoReader",
    "VideoWriter",
    "agreement",
    "detect_blips",
    "dlc",
    "errors",
    "evaluate",
    "flow",
    "formats",
    "interpolate_blips",
    "jobs",
    "lk_moving_average_filter",
    "load_raw_paths",
    "lucas_kanade",
    "lucas_kanade_rstc",
    "merge_annotations_in_folder",
    "open",
    "qa",
    "render_tracks",
    "review",
    "samples",
    "sigmoid_weights",
    "tracks_from_points",
]

if TYPE_CHECKING:
    from jupytrack import dlc, errors, flow, formats, jobs, qa, samples
    from jupytrack.annotation.boxes import BoxTracks
    from jupytrack.annotation.history import History
    from jupytrack.annotation.layers import LayerStack
    from jupytrack.annotation.point_boxes import tracks_from_points
    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.dlc.files import VideoFileManager, merge_annotations_in_folder
    from jupytrack.dlc.project import DLCProject
    from jupytrack.flow.blips import detect_blips, interpolate_blips
    from jupytrack.flow.lucas_kanade import lucas_kanade, lucas_kanade_rstc, sigmoid_weights
    from jupytrack.flow.raw import load_raw_paths
    from jupytrack.flow.smoothing import lk_moving_average_filter
    from jupytrack.jobs import Job
    from jupytrack.opening import open
    from jupytrack.qa.agreement import agreement
    from jupytrack.qa.evaluation import evaluate
    from jupytrack.qa.rendering import render_tracks
    from jupytrack.video.enhance import Enhancement
    from jupytrack.video.reader import VideoReader
    from jupytrack.video.writer import VideoWriter
    from jupytrack.widgets.annotator import Annotator, DUSTrack
    from jupytrack.widgets.review.review import review


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"jupytrack.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'jupytrack' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
