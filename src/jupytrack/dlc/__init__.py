"""DeepLabCut projects: their files, and the learning that the real deeplabcut does."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# Resolved when first used, so that a script that only reads a project loads nothing of the learning.
_HOME = {
    "IterationComparison": "jupytrack.dlc.comparison",
    "compare_iterations": "jupytrack.dlc.comparison",
    "DLCProject": "jupytrack.dlc.project",
    "Device": "jupytrack.dlc.devices",
    "Training": "jupytrack.dlc.training",
    "VideoFileManager": "jupytrack.dlc.files",
    "available_devices": "jupytrack.dlc.devices",
    "merge_annotations_in_folder": "jupytrack.dlc.files",
}

__all__ = [
    "DLCProject",
    "Device",
    "IterationComparison",
    "Training",
    "VideoFileManager",
    "available_devices",
    "compare_iterations",
    "merge_annotations_in_folder",
]

if TYPE_CHECKING:
    from jupytrack.dlc.comparison import IterationComparison, compare_iterations
    from jupytrack.dlc.devices import Device, available_devices
    from jupytrack.dlc.files import VideoFileManager, merge_annotations_in_folder
    from jupytrack.dlc.project import DLCProject
    from jupytrack.dlc.training import Training


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'jupytrack.dlc' has no attribute {name!r}; it has {', '.join(__all__)}")
