"""Files of the videos in a project: annotations, predictions, labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject

__all__ = ["VideoFileManager", "merge_annotations_in_folder"]


class VideoFileManager:
    """The files of one video in a project."""

    def __init__(self, d: DLCProject, video_index: int) -> None:
        raise NotImplementedError


def merge_annotations_in_folder(path: str | Path, annotation_suffix: str = "merged") -> dict[str, Path]:
    """Merge the annotation files of every video in a folder."""
    raise NotImplementedError
