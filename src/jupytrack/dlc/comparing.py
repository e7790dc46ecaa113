"""Two iterations of a project compared on one of its videos."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jupytrack.annotation.points import VideoAnnotation
from jupytrack.dlc.comparison import compare_iterations
from jupytrack.dlc.corrections import splice
from jupytrack.dlc.files import is_manual_layer, manual_layers
from jupytrack.errors import AnnotationError

if TYPE_CHECKING:
    from jupytrack.annotation.table import PointTable
    from jupytrack.dlc.comparison import IterationComparison
    from jupytrack.dlc.project import DLCProject
    from jupytrack.dlc.videos import PathLike

__all__ = ["Comparing"]


class Comparing:
    """What a new iteration changed, for :class:`jupytrack.DLCProject`."""

    def compare_iterations(
        self,
        before: int | None = None,
        after: int | None = None,
        video: int | PathLike | None = None,
        layers: Iterable[VideoAnnotation] | None = None,
        **options: Any,
    ) -> IterationComparison:
        """Say what a new iteration changed in its predictions of a video, and where its error grew.

        Parameters
        ----------
        before, after : int, optional
            The iterations; by default the two latest with predictions of the video.
        video : path or int, optional
            Which video, as for :meth:`video_index`; by default the first one with predictions of both.
        layers : iterable of VideoAnnotation, optional
            The video's layers, where those that people made are to be taken as they are in memory.
        **options
            Those of :func:`jupytrack.dlc.compare_iterations`, such as ``min_times``.

        Returns
        -------
        IterationComparison
            The errors are those against the layers that people made beside the video, by default as they are
            saved.

        Raises
        ------
        AnnotationError
            If there are no two iterations with predictions, the video is not in the project, or an option
            makes no sense.
        FormatError
            If a file is damaged or of another video.

        Examples
        --------
        >>> project.compare_iterations()  # doctest: +SKIP
        """
        project = cast("DLCProject", self)
        videos = project.video_list if video is None else [project.video_list[project.video_index(video)]]
        predicted: dict[str, list[int]] = {}
        for path in videos:
            numbers = [
                number for number in project.all_iterations if project.layout(number).predictions(path.stem)
            ]
            predicted[path.name] = numbers
            new = numbers[-1] if after is None and numbers else after
            earlier = [number for number in numbers if new is not None and number < new]
            old = earlier[-1] if before is None and earlier else before
            if old in numbers and new in numbers and old != new:
                one, other = (project.get_trajectories(path, number)[path.stem] for number in (old, new))
                return compare_iterations(one, other, _manual(path, layers), video=path.stem, **options)
        listed = "; ".join(
            f"{name}: {', '.join(map(str, numbers)) or 'none'}" for name, numbers in predicted.items()
        )
        raise AnnotationError(
            f"There are no predictions by two iterations to compare. Iterations that predicted {listed}.",
            "Train another one, or run analyze_videos() with an earlier one.",
        )


def _manual(video: Path, layers: Iterable[VideoAnnotation] | None) -> PointTable | None:
    """Return the points of all layers that people made together, None if there are none."""
    if layers is None:
        reader = video if video.is_file() else None
        layers = [VideoAnnotation(path, reader, name) for name, path in manual_layers(video).items()]
    merged: PointTable | None = None
    for ann in layers:
        if is_manual_layer(video, ann.name, ann.fname) and ann.present.any():
            merged = ann.to_table() if merged is None else splice(merged, ann.to_table())
    return merged
