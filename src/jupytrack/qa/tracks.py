"""Box tracks as the checks use them: steps within a track, overlaps within a frame, runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.boxes import BoxTracks
from jupytrack.annotation.table import Visibility
from jupytrack.errors import AnnotationError

__all__ = ["BoxLayer", "Boxes", "Overlaps", "Steps", "boxes_of", "iou_of", "over_runs"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Steps(NamedTuple):
    """From each box of a track to its next one.

    Attributes
    ----------
    before, after : ndarray of int64
        Rows of the tracks.
    gap : ndarray of int64
        Frames from one to the other; 1 if there is none between.
    unseen : ndarray of int64
        Frames between for which nothing is said: neither box, not even an ignored one, nor state.
    hidden : ndarray of int64
        Frames between that are marked as fully occluded.
    """

    before: IntArray
    after: IntArray
    gap: IntArray
    unseen: IntArray
    hidden: IntArray


class Overlaps(NamedTuple):
    """Boxes of the same frame that overlap.

    Attributes
    ----------
    first, second : ndarray of int64
        Rows of the tracks; the first one has the lower number.
    area : ndarray of float64
        Area they share, in pixels².
    """

    first: IntArray
    second: IntArray
    area: FloatArray


@dataclass(frozen=True)
class Boxes:
    """Box tracks, with what several checks need of them worked out once.

    Attributes
    ----------
    tracks : BoxTracks
        The tracks.
    name : str
        What the table calls the video.
    """

    tracks: BoxTracks
    name: str = ""

    @cached_property
    def ignored(self) -> BoolArray:
        """Which rows are not checked: those with confidence 0, as in MOT Challenge's ground truth."""
        ignored: BoolArray = self.tracks.confidence == 0  # NaN compares as False
        return ignored

    @cached_property
    def counted(self) -> BoolArray:
        """Which rows are checked: those that have a box and are not ignored."""
        counted: BoolArray = self.tracks.has_box & ~self.ignored
        return counted

    @cached_property
    def order(self) -> IntArray:
        """Rows that are checked, by track and then frame."""
        order = self.tracks.track_order
        return np.asarray(order[self.counted[order]], np.int64)

    @cached_property
    def starts(self) -> IntArray:
        """Where each track with a box begins in :attr:`order`."""
        track = self.tracks.track[self.order]
        return np.flatnonzero(np.diff(track, prepend=-1)).astype(np.int64)

    @cached_property
    def steps(self) -> Steps:
        """From each box of a track to its next one."""
        tracks = self.tracks
        every = tracks.track_order
        place = np.flatnonzero(self.counted[every])
        rows = every[place]
        same = tracks.track[rows[1:]] == tracks.track[rows[:-1]]
        before, after = rows[:-1][same], rows[1:][same]
        gap = tracks.frame[after] - tracks.frame[before]
        hidden = np.cumsum(tracks.state[every] == Visibility.FULLY_OCCLUDED)
        first, last = place[:-1][same], place[1:][same]
        said = last - first - 1
        return Steps(before, after, gap, gap - 1 - said, hidden[last - 1] - hidden[first])

    @cached_property
    def overlaps(self) -> Overlaps:
        """Boxes of the same frame that overlap.

        Boxes are sorted by frame and left edge. Then those that overlap a box in x follow it, and the k-th
        neighbours of all boxes are compared at a time until none is left that overlaps its own in x.
        """
        tracks = self.tracks
        left, top, right, bottom = tracks.xyxy.T
        rows = np.flatnonzero(self.counted & (tracks.area > 0))
        rows = rows[np.lexsort((left[rows], tracks.frame[rows]))]
        frame, x1, y1, x2, y2 = (column[rows] for column in (tracks.frame, left, top, right, bottom))
        active = np.arange(len(rows) - 1) if len(rows) else np.empty(0, np.int64)
        found: list[tuple[IntArray, IntArray]] = []
        k = 1
        while active.size:
            other = active + k
            near = (frame[other] == frame[active]) & (x1[other] < x2[active])
            active, other = active[near], other[near]
            touch = (y1[other] < y2[active]) & (y1[active] < y2[other])
            found.append((active[touch], other[touch]))
            k += 1
            active = active[active < len(rows) - k]
        a = np.concatenate([pair[0] for pair in found]) if found else np.empty(0, np.int64)
        b = np.concatenate([pair[1] for pair in found]) if found else np.empty(0, np.int64)
        shared = (np.minimum(x2[a], x2[b]) - x1[b]) * (np.minimum(y2[a], y2[b]) - np.maximum(y1[a], y1[b]))
        first, second = rows[a], rows[b]
        return Overlaps(np.minimum(first, second), np.maximum(first, second), shared)

    def ids(self, rows: IntArray) -> list[Any]:
        """Return the track ids of rows."""
        ids = self.tracks.ids
        return [ids[track] for track in self.tracks.track[rows].tolist()]

    def runs(self, where: BoolArray) -> tuple[IntArray, IntArray]:
        """Return runs of consecutive frames of a track on which something holds, as places in :attr:`order`.

        Parameters
        ----------
        where : ndarray of bool
            For each row in :attr:`order`.

        Returns
        -------
        first, last : ndarray of int64
        """
        places = np.flatnonzero(where)
        rows = self.order[places]
        return _broken_up(places, self.tracks.track[rows], self.tracks.frame[rows])

    def pair_runs(self, pairs: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Return runs of consecutive frames on which the same two tracks occur in the overlaps.

        Parameters
        ----------
        pairs : ndarray of int64
            Places in :attr:`overlaps`.

        Returns
        -------
        sorted : ndarray of int64
            The pairs, by tracks and then frame.
        first, last : ndarray of int64
            Where each run begins and ends in ``sorted``.
        """
        tracks, overlaps = self.tracks, self.overlaps
        one, other = tracks.track[overlaps.first[pairs]], tracks.track[overlaps.second[pairs]]
        key = np.minimum(one, other) * max(tracks.n_tracks, 1) + np.maximum(one, other)
        frame = tracks.frame[overlaps.first[pairs]]
        order = np.lexsort((frame, key))
        first, last = _broken_up(np.arange(len(order)), key[order], frame[order])
        return pairs[order], first, last

    def ends(self) -> tuple[IntArray, IntArray]:
        """Return the rows of the first and last box of every track that has one."""
        if not self.order.size:
            return self.order, self.order
        last = np.append(self.starts[1:], len(self.order)) - 1
        return self.order[self.starts], self.order[last]


def _broken_up(places: IntArray, group: IntArray, frame: IntArray) -> tuple[IntArray, IntArray]:
    """Return the first and last place of each stretch of the same group on consecutive frames."""
    if not places.size:
        return places, places
    new = (np.diff(group) != 0) | (np.diff(frame) != 1) | (np.diff(places) != 1)
    cut = np.flatnonzero(new)
    return places[np.append(0, cut + 1)], places[np.append(cut, len(places) - 1)]


def over_runs(reduce: np.ufunc, values: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    """Return for each run of values, both ends included, what reduces it to one number."""
    if not first.size:
        return np.empty(0)
    ends = np.stack([first, last + 1], axis=1).ravel()
    reduced: FloatArray = reduce.reduceat(np.append(values, values[-1]), ends)[::2]
    return reduced


def boxes_of(tracks: BoxTracks | Boxes) -> Boxes:
    """Return what the checks need of box tracks.

    Raises
    ------
    AnnotationError
        If they are no BoxTracks.
    """
    if isinstance(tracks, Boxes):
        return tracks
    if not isinstance(tracks, BoxTracks):
        raise AnnotationError(
            f"{type(tracks).__name__} is no BoxTracks.",
            "Make one with BoxTracks.from_dataframe(), or jupytrack.formats.mot.read().",
        )
    return Boxes(tracks)


BoxLayer = BoxTracks | Boxes


def iou_of(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the intersection over union of boxes, row by row; 0 where both are empty.

    Parameters
    ----------
    one, other : ndarray, shape (n, 4)
        Left, upper, right and lower edge.
    """
    low, high = np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    union = _area(one) + _area(other) - shared
    iou: FloatArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return np.minimum(iou, 1.0)  # rounding


def _area(xyxy: FloatArray) -> FloatArray:
    area: FloatArray = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    return area
