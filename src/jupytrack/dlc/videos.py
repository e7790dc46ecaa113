"""The videos of a project: where they are, and how they come in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupytrack.dlc.config import ConfigFile, plain_lists, rebase_to_config
from jupytrack.errors import AnnotationError
from jupytrack.files import all_or_none

if TYPE_CHECKING:
    from typing import Self

    from jupytrack.dlc.files import VideoFileManager
    from jupytrack.jobs import Progress

__all__ = ["PathLike", "Videos", "as_list"]

PathLike = str | os.PathLike[str]


class Videos:
    """Videos of :class:`jupytrack.DLCProject`."""

    path: Path
    annotation_suffix: str
    _config: ConfigFile

    @property
    def video_list(self) -> list[Path]:
        """The videos, in the order of config.yaml.

        Each is the file of that name in the folder ``videos``, wherever the project was made; only if there
        is none but the path in config.yaml exists, that.
        """
        return list(self.video_sets)

    @property
    def video_sets(self) -> dict[Path, Any]:
        """Video → what config.yaml says of it (``crop``); of names that are the same file now the last."""
        sets = self._config.get("video_sets") or {}
        return {Path(rebase_to_config(self.path, key)): value for key, value in sets.items()}

    @property
    def video_names(self) -> list[str]:
        """The videos' file names without suffix."""
        return [video.stem for video in self.video_list]

    def _names(self) -> list[str]:
        return [video.name for video in self.video_list]

    def video_index(self, path: int | PathLike) -> int:
        """Return the place of a video in :attr:`video_list`.

        Parameters
        ----------
        path : int or path
            The video's path, its file name with or without suffix, or its place (negative from the end).

        Raises
        ------
        AnnotationError
            If it is not in the project; it is a ValueError.
        """
        videos = self.video_list
        if isinstance(path, int):
            if -len(videos) <= path < len(videos):
                return path % len(videos)
        else:
            given = Path(path)
            if given.name == str(path):
                names = [video.name for video in videos]
                for found in (names, [video.stem for video in videos]):
                    if given.name in found:
                        return found.index(given.name)
            given = Path(os.path.abspath(given.expanduser()))
            if given in videos:
                return videos.index(given)
        raise AnnotationError(
            f"{path} is not in the project {self.path}.",
            f"Its videos are {', '.join(video.name for video in videos)}.",
        )

    def file_manager(self, video: int | PathLike) -> VideoFileManager:
        """Return the files of a video; argument and errors as for :meth:`video_index`."""
        from jupytrack.dlc.files import VideoFileManager
        from jupytrack.dlc.project import DLCProject

        assert isinstance(self, DLCProject)
        return VideoFileManager(self, self.video_index(video))

    def rebase_paths(self) -> Self:
        """Write into config.yaml where the project and its videos are now; to be done before DeepLabCut runs.

        Nothing is written if they are where it says, and lists are not the tuples of old versions.
        """
        here = {str(video): value for video, value in self.video_sets.items()}
        self._config.edit({"project_path": str(self.path), "video_sets": here})
        plain_lists(self._config.path)
        return self

    def add_videos(self, videos: Sequence[PathLike] | PathLike, *, progress: Progress | None = None) -> Self:
        """Copy videos and the annotations beside them into the project; returns the project.

        Parameters
        ----------
        videos : sequence of path
            The videos.
        progress : Progress, optional
            Told of the copying; may cancel.

        Raises
        ------
        VideoError, VideoNotFoundError
            If one cannot be read, or has the name of a video that is in the project.
        ConflictError
            If an annotation has unsaved edits.
        SaveError
            If something cannot be written. Nothing was added then.
        """
        from jupytrack.dlc.copying import annotation_sources, check_videos, copy_layers, copy_videos
        from jupytrack.video.reader import VideoReader

        sources = check_videos(as_list(videos), self.video_names)
        folder = self.path / "videos"
        folder.mkdir(exist_ok=True)
        sets = {}
        for video in sources:
            with VideoReader(video) as reader:
                sets[str(folder / video.name)] = {"crop": f"0, {reader.width}, 0, {reader.height}"}
        with all_or_none() as keep:
            copy_videos(sources, folder, keep, progress)
            for video in sources:
                copy_layers(annotation_sources(video, self.annotation_suffix), folder, keep)
            self._config.edit({"video_sets": {**(self._config.get("video_sets") or {}), **sets}})
        return self

    def copy_annotations(self, video_name: PathLike | Sequence[PathLike]) -> Path | list[Path] | None:
        """Copy the annotations beside a video into the project, with their sidecars.

        Which they are is told by ``annotation_suffix``; see :class:`DLCProject`.

        Parameters
        ----------
        video_name : path or sequence of path
            The video outside the project.

        Returns
        -------
        Path, list of Path or None
            The copy, for several videos the list of all; None if a single video has none. Of several layers
            of one video, the last.

        Raises
        ------
        ConflictError
            If an annotation has unsaved edits.
        SaveError
            If the project has a layer of that name that differs, or something cannot be written.
        """
        from jupytrack.dlc.copying import annotation_sources, copy_layers

        folder = self.path / "videos"
        copies = []
        with all_or_none() as keep:
            for video in as_list(video_name):
                path = Path(os.path.abspath(Path(video).expanduser()))
                copies += copy_layers(annotation_sources(path, self.annotation_suffix), folder, keep)
        if isinstance(video_name, str | os.PathLike):
            return copies[-1] if copies else None
        return copies


def as_list(values: Any) -> list[Any]:
    """Return one path or place, or several, as a list."""
    return [values] if isinstance(values, str | os.PathLike | int) else list(values)
