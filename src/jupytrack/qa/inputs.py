"""What the checks take: layers of points, boxes, chosen labels, the picture's size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable
from jupytrack.errors import AnnotationError
from jupytrack.qa.table import closest

if TYPE_CHECKING:
    from jupytrack.video.source import FrameSource

__all__ = ["PairList", "PointLayer", "Points", "left_right_pairs", "picture_size", "points_of"]

FloatArray = NDArray[np.float64]
PointLayer = VideoAnnotation | PointTable
PairList = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Points:
    """The points of a layer, as the checks use them.

    Attributes
    ----------
    name : str
        What the table calls the video.
    labels : list of str
        The chosen labels.
    xy : ndarray, float64, shape (n_labels, n_frames, 2)
        Positions in pixels, NaN where there is none.
    columns : dict of str to ndarray, shape (n_labels, n_frames)
        Likelihood, visibility and the like, where known.
    names : dict of str to str
        Names to show for labels.
    video : FrameSource or None
        The layer's video.
    """

    name: str
    labels: list[str]
    xy: FloatArray
    columns: dict[str, NDArray[Any]]
    names: dict[str, str]
    video: FrameSource | None

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where there is a point; bool, shape (n_labels, n_frames)."""
        present: NDArray[np.bool_] = ~np.isnan(self.xy[:, :, 0])
        return present

    def chosen(self, labels: Iterable[str] | None) -> Points:
        """Return only some labels.

        Raises
        ------
        AnnotationError
            If there is no such label.
        """
        if labels is None:
            return self
        names = list(dict.fromkeys([labels] if isinstance(labels, str) else labels))
        rows = [self.row(label) for label in names]
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Points(self.name, names, self.xy[rows], columns, self.names, self.video)

    def row(self, label: str) -> int:
        """Return the row of a label.

        Raises
        ------
        AnnotationError
            If there is no such label.
        """
        if label not in self.labels:
            raise AnnotationError(f"There is no label {label!r}.", closest(label, self.labels))
        return self.labels.index(label)

    def pairs(self, pairs: PairList) -> list[tuple[int, int]]:
        """Return pairs of labels as pairs of rows.

        Raises
        ------
        AnnotationError
            If one is no pair of two labels of this layer.
        """
        found = []
        for pair in pairs:
            if isinstance(pair, str) or len(tuple(pair)) != 2 or pair[0] == pair[1]:
                raise AnnotationError(f"{pair!r} is no pair of labels.", "Give pairs such as ('0', '1').")
            found.append((self.row(pair[0]), self.row(pair[1])))
        return found


def points_of(annotation: PointLayer | Points, labels: Iterable[str] | None = None) -> Points:
    """Return what the checks need of a layer.

    Raises
    ------
    AnnotationError
        If it is no layer of points, or there is no such label.
    """
    if isinstance(annotation, Points):
        return annotation.chosen(labels)
    if isinstance(annotation, PointTable):
        table, name, video = annotation, "", None
    elif isinstance(annotation, VideoAnnotation):
        table, video = annotation.to_table(), annotation.video
        name = annotation.name if video is None else Path(video.fname).stem
    else:
        raise AnnotationError(
            f"{type(annotation).__name__} is no layer of points.", "Give a VideoAnnotation or a PointTable."
        )
    names = dict(table.meta.get("names", {}))
    return Points(name, list(table.labels), table.xy, dict(table.columns), names, video).chosen(labels)


def picture_size(given: Any, video: FrameSource | None, shown: str) -> tuple[float, float]:
    """Return width and height of the picture, as given or those of the video.

    Raises
    ------
    AnnotationError
        If neither is known, or the size makes no sense.
    """
    if given is None:
        if video is None:
            raise AnnotationError(
                f"The picture size of {shown or 'the layer'} is not known.",
                "Give image_size=(width, height).",
            )
        return float(video.width), float(video.height)
    try:
        width, height = (float(each) for each in given)
    except (TypeError, ValueError):
        width = height = float("nan")
    if not (width > 0 and height > 0 and np.isfinite(width * height)):
        raise AnnotationError(f"{given!r} is no picture size.", "Give (width, height) in pixels.")
    return width, height


_SIDES = {"left": "right", "l": "r"}


def left_right_pairs(labels: Iterable[str], names: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Return the pairs of labels whose names differ only by left and right.

    Parameters
    ----------
    labels : iterable of str
        The labels.
    names : mapping of str to str, optional
        Names to go by where they are not the labels themselves, for instance body parts.

    Returns
    -------
    list of (left, right)

    Examples
    --------
    >>> left_right_pairs(["nose", "left_paw", "right_paw", "EarL", "EarR"])
    [('left_paw', 'right_paw'), ('EarL', 'EarR')]
    """
    labels = list(labels)
    by_words: dict[tuple[str, ...], str] = {}
    for label in labels:
        by_words.setdefault(_words((names or {}).get(label, label)), label)
    pairs = []
    for words, label in by_words.items():
        for place, word in enumerate(words):
            if word in _SIDES:
                other = by_words.get((*words[:place], _SIDES[word], *words[place + 1 :]))
                if other is not None:
                    pairs.append((label, other))
    return pairs


def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: at separators, at capitals, and after left and right."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = [word.lower() for word in re.split(r"[\W_]+", apart) if word]
    return tuple(part for word in words for part in re.split(r"(?<=^left)|(?<=^right)", word) if part)
