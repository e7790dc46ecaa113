"""DeepLabCut projects: what is in their folders, and what is to be labelled next."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from jupytrack.dlc.comparing import Comparing
from jupytrack.dlc.config import KEYS, ConfigFile, base_name, edit_yaml
from jupytrack.dlc.iterations import USE_LAST, Iterations
from jupytrack.dlc.labels import BodyParts
from jupytrack.dlc.layout import made_by, models_folder, predictions_in, results_folder
from jupytrack.dlc.learning import Learning
from jupytrack.dlc.settings import Settings
from jupytrack.dlc.videos import PathLike, Videos, as_list
from jupytrack.errors import AnnotationError, FormatError, VideoError, VideoNotFoundError
from jupytrack.files import read_error

if TYPE_CHECKING:
    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.jobs import Progress

__all__ = ["DLCProject"]


class DLCProject(Videos, BodyParts, Iterations, Comparing, Learning):
    """A DeepLabCut project: label, train, look, correct, train again.

    An existing project of DeepLabCut 3 or 2 is opened without deeplabcut and is not written to. A new one is
    made by deeplabcut, with copies of the videos and of the annotations beside them; its body parts are the
    labels that have points.

    Parameters
    ----------
    path : path
        Folder of a project, or its config.yaml. Else the folder in which a new project gets a folder of its
        own, ``<name>-<experimenter>-<date>``.
    videos : sequence of path
        Videos of a new project.
    name : str
        Name of a new project. It needs an underscore: without one, DeepLabCut breaks long paths in
        config.yaml so that they cannot be read again.
    experimenter : str
        Who labels, in a new project.
    annotation_suffix : str
        Which annotations to copy: ``<video>_annotations_<suffix>.json``. If empty,
        ``<video>_annotations.json``, or all layers that people made if there is no such file.
    internal_to_dlc_labels : dict of str to str, optional
        Body part by label. By default label ``3`` is body part ``point3``; in an existing project whose body
        parts have other names they are ``0``, ``1``, ... by the alphabet. It is kept with the project.
    progress : Progress, optional
        Told of the copying of videos; may cancel.

    Attributes
    ----------
    path : Path
        The project's folder.
    settings : Settings
        What we keep of it beside config.yaml, a mapping that is saved at once: ``DLC3_USE_LAST_SNAPSHOT``,
        ``internal_to_dlc_labels``.

    Raises
    ------
    MissingDependencyError
        If a new project is to be made and deeplabcut is not installed. It is an ImportError.
    FormatError
        If the folder is no project, or its config.yaml is damaged.
    VideoError, VideoNotFoundError
        If a video or the path does not exist or cannot be read.
    AnnotationError
        If the name is not as it should be, or labels and body parts do not fit.
    SaveError
        If the new project's folder exists, or cannot be written; nothing is left of it then.

    Examples
    --------
    >>> project = DLCProject("reach_01-me-2026-01-15")  # doctest: +SKIP
    >>> project.annotate(0)  # doctest: +SKIP
    >>> project.process()  # doctest: +SKIP
    """

    path: Path

    def __init__(
        self,
        path: PathLike,
        videos: Sequence[PathLike] | PathLike = (),
        name: str = "test_01",
        experimenter: str = "x",
        annotation_suffix: str = "",
        internal_to_dlc_labels: Mapping[str, str] | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        videos = as_list(videos)
        self.annotation_suffix = annotation_suffix
        if internal_to_dlc_labels is not None:
            internal_to_dlc_labels = {str(label): str(part) for label, part in internal_to_dlc_labels.items()}
        given = Path(os.path.abspath(Path(path).expanduser()))
        folder = _project_folder(given)
        if folder is None:
            if not videos:
                raise _no_project(given)
            from jupytrack.dlc.creation import create_project

            folder = create_project(
                given, videos, name, experimenter, annotation_suffix, internal_to_dlc_labels, progress
            )
            videos, internal_to_dlc_labels = [], None
        self.path = folder
        self.settings = Settings(folder)
        self._config = ConfigFile(self.config_path)
        self._config.check()
        strangers = [base_name(video) for video in videos if base_name(video) not in self._names()]
        if strangers:
            raise VideoError(
                f"{folder} is a project already, and {', '.join(strangers)} is not in it.",
                "Open the project without videos, and add them with add_videos().",
            )
        if internal_to_dlc_labels is not None:
            self.internal_to_dlc_labels = internal_to_dlc_labels

    def __repr__(self) -> str:
        return f"DLCProject({str(self.path)!r})"

    @classmethod
    def find(cls, path: PathLike) -> Self | None:
        """Return the project that a path belongs to.

        Parameters
        ----------
        path : path
            A project's folder, its config.yaml, or one of its videos in the folder ``videos``.

        Returns
        -------
        DLCProject or None
            None if it belongs to none: neither the video a project was made from nor one that lies in
            ``videos`` without being in config.yaml does. No video is read.

        Raises
        ------
        FormatError
            If the project's config.yaml is damaged.
        """
        given = Path(os.path.abspath(Path(path).expanduser()))
        if given.is_dir() or given.name == "config.yaml":
            folder = _project_folder(given)
        else:
            folder = _project_folder(given.parent.parent) if given.parent.name == "videos" else None
        if folder is None:
            return None
        if ConfigFile(folder / "config.yaml").missing:
            return None
        project = cls(folder)
        if given.is_dir() or given.name == "config.yaml" or given in project.video_list:
            return project
        return None

    # what config.yaml says

    @property
    def config_path(self) -> Path:
        """The project's config.yaml."""
        return self.path / "config.yaml"

    @property
    def paths(self) -> dict[str, Path]:
        """The folders of the project.

        ``project``, ``labels``, ``training_data`` and ``videos``, and for the engine of the current iteration
        ``models`` and ``results``. They need not exist.
        """
        engine = self.layout().engine
        return {
            "project": self.path,
            "models": models_folder(self.path, engine),
            "results": results_folder(self.path, engine),
            "labels": self.path / "labeled-data",
            "training_data": self.path / "training-datasets",
            "videos": self.path / "videos",
        }

    @property
    def config(self) -> dict[str, Any]:
        """What config.yaml holds now; a copy, to be changed by :meth:`edit_config`."""
        return self._config.read()

    @property
    def name(self) -> str:
        """The project's name, ``Task`` in config.yaml."""
        return str(self._config.get("Task"))

    @property
    def scorer(self) -> str:
        """Who labels, as in config.yaml."""
        return str(self._config.get("scorer"))

    def edit_config(self, config_file: PathLike | None = None, **kwargs: Any) -> dict[str, Any]:
        """Change config.yaml; comments and all other lines stay as they are.

        Parameters
        ----------
        config_file : path, optional
            Another YAML file to change instead, such as :meth:`get_pose_cfg_file`.
        **kwargs
            New values by key, for instance ``iteration=2``. With other ``bodyparts``, those that stay keep
            their labels. ``DLC3_USE_LAST_SNAPSHOT`` goes into :attr:`settings`.

        Returns
        -------
        dict
            What the file holds now.

        Raises
        ------
        FormatError
            If DeepLabCut or we would refuse a config.yaml with that, or the file cannot be read.
        SaveError
            If it cannot be written.
        """
        if config_file is not None:
            return edit_yaml(config_file, kwargs)
        if USE_LAST in kwargs:
            self.settings[USE_LAST] = bool(kwargs.pop(USE_LAST))
        unknown = sorted(kwargs.keys() - KEYS - self._config.read().keys())
        if unknown:
            raise FormatError(
                f"DeepLabCut refuses a config.yaml with {', '.join(unknown)}.",
                "Check the name; things of your own go into project.settings.",
            )
        self._config.check(kwargs)
        if "bodyparts" in kwargs:
            self._keep_labels([str(part) for part in kwargs["bodyparts"]])
        return self._config.edit(kwargs)

    # labels and predictions

    def extract_frames(
        self,
        annotation_file_names: Sequence[PathLike] | None = None,
        suffix_merged: str = "merged",
        save_merged_json: bool = False,
        check: bool = False,
        *,
        progress: Progress | None = None,
    ) -> Self:
        """Write the labelled frames and their labels to ``labeled-data``, as DeepLabCut takes them.

        All layers that people made are merged, ``<video>_annotations*.json``; see
        :func:`jupytrack.dlc.files.manual_layers`. Where several have the same label on the same frame, the
        last one in natural order of names wins: ``iteration-10`` over ``iteration-2``. The picture of a frame
        is exactly that frame, whole. Pictures that are there and right are kept; pictures that an earlier
        call wrote go if their frame has no label now. Points that another program labelled and no layer has
        become a layer, ``<video>_annotations_labeled-data.json``, except those that an earlier call wrote;
        their table is kept as ``CollectedData_<scorer>.h5.replaced-<time>``. Videos without annotations are
        left as they are.

        Parameters
        ----------
        annotation_file_names : sequence of path, optional
            The files to use instead; each goes to the video that it is named after, later ones win.
        suffix_merged : str
            Name of the merged layer. A layer of this name is no source unless it is the only one.
        save_merged_json : bool
            Whether to save the merged layer beside the video.
        check : bool
            Whether deeplabcut draws the labels on the pictures, into ``labeled-data/<video>_labeled``.
        progress : Progress, optional
            Told of every picture; may cancel.

        Returns
        -------
        DLCProject
            The project.

        Raises
        ------
        AnnotationError
            If there are no annotations, or none of their labels is a body part.
        FormatError
            If one cannot be read, or is of another length than its video.
        ConflictError
            If one has unsaved edits, or was made on another video.
        SaveError
            If something cannot be written. The project is as it was then.
        """
        from jupytrack.dlc.extraction import extract_frames

        extract_frames(self, annotation_file_names, suffix_merged, save_merged_json, progress)
        if check:
            from jupytrack.dlc.engine import deeplabcut

            self.rebase_paths()
            deeplabcut().check_labels(str(self.config_path))
        return self

    def get_trajectories(
        self, videos: Sequence[int | PathLike] | int | PathLike | None = None, iteration: int | None = None
    ) -> dict[str, VideoAnnotation]:
        """Return the predictions of videos, with their likelihood.

        Parameters
        ----------
        videos : sequence of path or int, optional
            The videos, as for :meth:`video_index`; all by default.
        iteration : int, optional
            Which iteration predicted them; the current one by default, and those that deeplabcut itself left
            in ``videos`` count for it where there are no others. Of its snapshots the best, else the last
            with predictions.

        Returns
        -------
        dict of str to VideoAnnotation
            Stem of the video → its points; likelihoods are ``annotation.column("likelihood")``.

        Raises
        ------
        AnnotationError
            If a video is not in the project, or has no predictions of this iteration; it is a ValueError.
        FormatError
            If a file is damaged, of another video or could run code.
        """
        from jupytrack.annotation.points import VideoAnnotation
        from jupytrack.dlc.files import VideoFileManager

        layout = self.layout(iteration)
        wanted = list(range(len(self.video_list))) if videos is None else as_list(videos)
        found = {}
        for each in wanted:
            video = self.video_list[self.video_index(each)]
            paths = layout.predictions(video.stem)
            if not paths and iteration is None:
                # deeplabcut itself puts them beside the video
                paths = predictions_in(video.parent, video.stem)
            made = made_by(layout.best(), paths) or next(reversed(paths), None)
            if made is None:
                others = VideoFileManager(self, self.video_index(each)).dlc_trace_names
                raise AnnotationError(
                    f"{video.name} has no predictions of iteration {layout.iteration} in "
                    f"{layout.predictions_folder}.",
                    f"There are {', '.join(others)}." if others else "Make them with analyze_videos().",
                )
            found[video.stem] = VideoAnnotation(
                made, video if video.is_file() else None, VideoFileManager.canonical_layer_name(made)
            )
        return found

    # for people

    def annotate(
        self, video_index: int = 0, new_annotation_suffix: str | None = None, **dustrack_kwargs: Any
    ) -> Any:
        """Annotate a video of the project, with all its layers and predictions.

        Parameters
        ----------
        video_index : int
            Place of the video; negative ones count from the end.
        new_annotation_suffix : str, optional
            Name of the layer to label in; by default :attr:`next_layer_name`. It is made if it does not
            exist.
        **dustrack_kwargs
            Passed on to :func:`jupytrack.open`.

        Returns
        -------
        Annotator
            What to display.

        Raises
        ------
        AnnotationError
            If there is no such video.
        """
        from jupytrack import opening

        video = self.video_list[self.video_index(video_index)]
        return opening.open(
            video, layer_name=new_annotation_suffix or self.next_layer_name, **dustrack_kwargs
        )

    def open(self) -> Path:
        """Show the project's folder where there is a desktop, else print where it is; returns it."""
        name = {"win32": "explorer", "darwin": "open"}.get(sys.platform, "xdg-open")
        desktop = sys.platform in ("win32", "darwin") or any(
            os.environ.get(each) for each in ("DISPLAY", "WAYLAND_DISPLAY")
        )
        program = shutil.which(name) if desktop else None
        if program is None:
            print(f"There is no desktop here to show it on; the project is in {self.path}")
        else:
            quiet = subprocess.DEVNULL
            opener = subprocess.Popen(
                [program, str(self.path)], stdout=quiet, stderr=quiet, start_new_session=True
            )
            threading.Thread(target=opener.wait, daemon=True).start()
        return self.path


def _project_folder(path: Path) -> Path | None:
    """Return the folder of the project if the path is one or its config.yaml, else None."""
    folder = path.parent if path.name == "config.yaml" else path
    try:
        return folder if (folder / "config.yaml").is_file() else None
    except OSError as error:
        raise read_error(folder, error) from error


def _no_project(path: Path) -> Exception:
    if not path.exists():
        return VideoNotFoundError(
            f"There is no {path}.", "Check the path, or pass videos=[...] to make a project there."
        )
    if path.is_dir():
        return FormatError(
            f"{path} is no DeepLabCut project: it has no config.yaml.",
            "Choose a project's folder, or pass videos=[...] to make a new project in this one.",
        )
    return FormatError(f"{path} is no DeepLabCut project.", "Give a project's folder or its config.yaml.")
