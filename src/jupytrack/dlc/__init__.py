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
    "extract_snapshot_for_seeding": "jupytrack.dlc.seed",
    "get_seed_bundles_root": "jupytrack.dlc.seed",
    "import_seed_bundle_into_project": "jupytrack.dlc.seed",
    "inspect_seed_bundle": "jupytrack.dlc.seed",
    "list_seed_bundles": "jupytrack.dlc.seed",
    "set_seed_bundles_root": "jupytrack.dlc.seed",
}

__all__ = [
    "DLCProject",
    "Device",
    "IterationComparison",
    "Training",
    "VideoFileManager",
    "available_devices",
    "compare_iterations",
    "extract_snapshot_for_seeding",
    "get_seed_bundles_root",
    "import_seed_bundle_into_project",
    "inspect_seed_bundle",
    "list_seed_bundles",
    "merge_annotations_in_folder",
    "set_seed_bundles_root",
]

if TYPE_CHECKING:
    from jupytrack.dlc.comparison import IterationComparison, compare_iterations
    from jupytrack.dlc.devices import Device, available_devices
    from jupytrack.dlc.files import VideoFileManager, merge_annotations_in_folder
    from jupytrack.dlc.project import DLCProject
    from jupytrack.dlc.seed import (
        extract_snapshot_for_seeding,
        get_seed_bundles_root,
        import_seed_bundle_into_project,
        inspect_seed_bundle,
        list_seed_bundles,
        set_seed_bundles_root,
    )
    from jupytrack.dlc.training import Training


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'jupytrack.dlc' has no attribute {name!r}; it has {', '.join(__all__)}")
