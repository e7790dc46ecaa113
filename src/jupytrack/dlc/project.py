"""DeepLabCut projects, as files and as objects."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupytrack.dlc.learning import Learning

if TYPE_CHECKING:
    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.dlc.files import VideoFileManager
    from jupytrack.dlc.layout import IterationLayout

__all__ = ["DLCProject"]

PathLike = str | os.PathLike[str]


class DLCProject(Learning):
    """A DeepLabCut project."""

    path: Path

    def __init__(
        self,
        path: PathLike,
        videos: Sequence[PathLike] = (),
        name: str = "test_01",
        experimenter: str = "x",
        annotation_suffix: str = "",
        internal_to_dlc_labels: Mapping[str, str] | None = None,
    ) -> None:
        raise NotImplementedError

    @classmethod
    def find(cls, path: PathLike) -> DLCProject | None:
        """Return the project that a path belongs to, or None."""
        raise NotImplementedError

    @property
    def config_path(self) -> Path:
        """The project's config.yaml."""
        return self.path / "config.yaml"

    @property
    def paths(self) -> dict[str, Path]:
        """The folders of the project."""
        raise NotImplementedError

    @property
    def config(self) -> dict[str, Any]:
        """What config.yaml holds."""
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, Any]:
        """Our own settings of this project."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The project's name."""
        raise NotImplementedError

    @property
    def trackers(self) -> list[str]:
        """The body parts."""
        raise NotImplementedError

    @property
    def body_parts(self) -> list[str]:
        """The body parts."""
        raise NotImplementedError

    @property
    def layer_labels(self) -> dict[str, str]:
        """Body part → label in our layers."""
        raise NotImplementedError

    @property
    def label_names(self) -> list[str]:
        """Names of the body parts for people."""
        raise NotImplementedError

    @property
    def trackermap(self) -> dict[str, str]:
        """Body part → name for people."""
        raise NotImplementedError

    def edit_config(self, config_file: PathLike | None = None, **kwargs: Any) -> dict[str, Any]:
        """Change config.yaml."""
        raise NotImplementedError

    @property
    def video_list(self) -> list[Path]:
        """The videos."""
        raise NotImplementedError

    @property
    def video_names(self) -> list[str]:
        """The videos' names."""
        raise NotImplementedError

    def video_index(self, path: PathLike) -> int:
        """Return the place of a video in the list."""
        raise NotImplementedError

    def file_manager(self, video: int | PathLike) -> VideoFileManager:
        """Return the files of a video."""
        raise NotImplementedError

    def layout(self, iteration: int | None = None) -> IterationLayout:
        """Return what is on disk of an iteration."""
        raise NotImplementedError

    @property
    def next_layer_name(self) -> str:
        """Name of the layer to label in next."""
        raise NotImplementedError

    @property
    def current_iteration(self) -> int:
        """The iteration in config.yaml."""
        raise NotImplementedError

    @property
    def latest_iteration(self) -> int:
        """The highest iteration with a model folder, -1 if there is none."""
        raise NotImplementedError

    @property
    def latest_trained_iteration(self) -> int:
        """The highest iteration with snapshots, -1 if there is none."""
        raise NotImplementedError

    @property
    def all_iterations(self) -> list[int]:
        """All iterations with a model folder."""
        raise NotImplementedError

    @property
    def all_snapshots(self) -> dict[int, list[int]]:
        """Numbers of the snapshots of each iteration."""
        raise NotImplementedError

    def current_iteration_is_trained(self) -> bool:
        """Tell whether the current iteration has snapshots."""
        raise NotImplementedError

    def latest_iteration_is_trained(self) -> bool:
        """Tell whether the latest iteration has snapshots."""
        raise NotImplementedError

    def iteration_is_trained(self, iteration_num: int) -> bool:
        """Tell whether an iteration has snapshots."""
        raise NotImplementedError

    def increment_iteration(self) -> DLCProject:
        """Go to the next iteration if this one is trained."""
        raise NotImplementedError

    def add_videos(self, videos: Sequence[PathLike]) -> DLCProject:
        """Copy videos and their annotations into the project."""
        raise NotImplementedError

    def copy_annotations(self, video_name: PathLike | Sequence[PathLike]) -> Path | list[Path | None] | None:
        """Copy the annotations of videos into the project."""
        raise NotImplementedError

    def extract_frames(
        self,
        annotation_file_names: Sequence[PathLike] | None = None,
        suffix_merged: str = "merged",
        save_merged_json: bool = False,
        check: bool = False,
    ) -> DLCProject:
        """Write the labelled frames and their labels for DeepLabCut."""
        raise NotImplementedError

    def get_pose_cfg_file(self, iteration_num: int | None = None, type_: str = "train") -> Path:
        """Return the model's configuration file."""
        raise NotImplementedError

    def get_best_snapshot(self, iteration_num: int | None = None) -> int:
        """Return the number of the best snapshot."""
        raise NotImplementedError

    def get_best_snapshot_test_error(self, iteration_num: int | None = None) -> float:
        """Return the test error of the best snapshot."""
        raise NotImplementedError

    def get_best_snapshot_idx(self, iteration_num: int | None = None) -> int:
        """Return the place of the best snapshot."""
        raise NotImplementedError

    def get_trajectories(
        self, videos: Sequence[PathLike] | PathLike | None = None, iteration: int | None = None
    ) -> dict[str, VideoAnnotation]:
        """Return the predictions of videos."""
        raise NotImplementedError

    def annotate(
        self, video_index: int = 0, new_annotation_suffix: str | None = None, **dustrack_kwargs: Any
    ) -> Any:
        """Annotate a video of the project."""
        raise NotImplementedError

    def open(self) -> Path:
        """Show the project's folder."""
        raise NotImplementedError
