"""Flow at nodes: the cost of a step does not depend on how many windows are open.

The windows' positions of a label lie within a few pixels of each other, and the displacement is smooth there.
Their mean is tracked down the pyramid, five nodes around it are refined at full resolution, and every window
takes the displacement that a second-order fit through the nodes gives at its place. Where that cannot be
trusted, because the windows are far apart or the nodes disagree, each window is tracked for itself.

All labels share the calls: small tiles around them are put below each other into one picture. With numba, a
compiled function does a whole step, see jupytrack.flow.kernel; what it leaves is done here.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from jupytrack.flow.frames import Gray
from jupytrack.flow.opencv import track

__all__ = ["NodeStepper", "Pyramid"]

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Windows farther than this from their mean, in pixels, are tracked for themselves.
_REACH = 12
# Nodes are at least this far from the mean: closer ones would only measure noise.
_SPACING = 1.0
# Pixels around the search windows that a tile leaves for motion beyond the guess: full resolution, and above.
_ROOM = (6, 9)
# Labels in one call: with more, the tall picture falls out of the cache.
_TOGETHER = 16
# How far the displacements of nodes may bend, in pixels, and change from one node to the next, per pixel.
_BEND, _STRAIN = 0.03, 0.1
# Texture that windows must find to be tracked together, as a multiple of what one window must find: on less,
# neighbours can end in different places.
_TEXTURE = 20
_CROSS = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]], np.float32)
# Displacements at the nodes to the coefficients of 1, u, v, u², v².
_FIT = np.array(
    [[1, 0, 0, 0, 0], [0, 0.5, -0.5, 0, 0], [0, 0, 0, 0.5, -0.5], [-1, 0.5, 0.5, 0, 0], [-1, 0, 0, 0.5, 0.5]],
    np.float32,
)


@dataclass(frozen=True)
class Pyramid:
    """A picture and its halves.

    Attributes
    ----------
    levels : list of ndarray, uint8
        Full, half, quarter size, ...
    rows : tuple of ndarray, uint8, one-dimensional
        The same bytes, one row after the other with what may lie between them.
    sizes : ndarray, int64, shape (n_levels, 3)
        Bytes from one row to the next, width and height of each level.
    """

    levels: list[Gray]
    rows: tuple[Gray, ...]
    sizes: NDArray[np.int64]


class NodeStepper:
    """Tracks all windows of a label together.

    Parameters
    ----------
    options : dict
        Arguments of ``cv2.calcOpticalFlowPyrLK``.
    compiled : bool
        Use the compiled step if numba is installed.
    """

    def __init__(self, options: dict[str, Any], compiled: bool = True) -> None:
        self.options = options
        texture = _TEXTURE * options["minEigThreshold"]
        self._level_options = {
            **options,
            **{"maxLevel": 0, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW, "minEigThreshold": texture},
        }
        self.window = max(options["winSize"])
        # From a point to where the last pixel is that its search window and the gradients there need.
        self._half = self.window // 2 + 2
        kind, count, epsilon = options["criteria"]
        self._compiled: Any = _compiled() if compiled and not options.get("flags") else None
        self._compiled_options = (
            tuple(options["winSize"]),
            # As OpenCV does where one of the two is not to count.
            min(max(count, 0), 100) if kind & cv2.TERM_CRITERIA_COUNT else 30,
            np.float32(min(max(epsilon, 0), 10) if kind & cv2.TERM_CRITERIA_EPS else 0.01) ** 2,
            # Its sums of gradients are in other units.
            np.float32(1024 * texture),
            _REACH,
            np.float32(_BEND),
            np.float32(_STRAIN),
        )

    def prepare(self, gray: Gray) -> Pyramid:
        """Return the picture's pyramid."""
        levels = [gray if gray.strides[1] == 1 else np.ascontiguousarray(gray)]
        for _ in range(self.options["maxLevel"]):
            height, width = levels[-1].shape
            # As OpenCV does: no level on which the search window has no room.
            if (width + 1) // 2 <= self.options["winSize"][0] or (height + 1) // 2 <= self.options["winSize"][
                1
            ]:
                break
            levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.uint8))
        sizes = [(level.strides[0], level.shape[1], level.shape[0]) for level in levels]
        rows = tuple(
            as_strided(level, (stride * (height - 1) + width,), (1,), writeable=False)
            for level, (stride, width, height) in zip(levels, sizes, strict=True)
        )
        return Pyramid(levels, rows, np.array(sizes))

    def step(self, previous: Pyramid, following: Pyramid, at: Floats, tracked: Mask) -> Floats:
        """Return where points are on the following picture; see :class:`jupytrack.flow.sweep.Stepper`."""
        if self._compiled is not None:
            return self._step_compiled(previous, following, at, tracked)
        if not tracked.all():
            return self._some(previous, following, at, tracked)
        mean = np.add.reduce(at, axis=0) / np.float32(len(at))
        away = at - mean
        spread = np.maximum.reduce(np.abs(away), axis=(0, 2))
        near = spread <= _REACH
        if not near.all():
            return self._some(previous, following, at, tracked)
        change, bad = self._changes(previous, following, mean, away, spread)
        moved = at + change
        for row in np.flatnonzero(bad):
            moved[:, row] = self._one_by_one(previous, following, at[:, row])
        return moved

    def _step_compiled(self, previous: Pyramid, following: Pyramid, at: Floats, tracked: Mask) -> Floats:
        moved = at.copy()
        told = np.empty(at.shape[1], np.int64)
        self._compiled(
            *(previous.rows, previous.sizes, following.rows, following.sizes, at, tracked),
            *self._compiled_options,
            *(moved, told),
        )
        if told.any():
            left = np.flatnonzero(told)
            moved[:, left] = self._some(previous, following, at[:, left], tracked[:, left])
        return moved

    def _some(self, previous: Pyramid, following: Pyramid, at: Floats, tracked: Mask) -> Floats:
        """Do as :meth:`step`, where some labels are not tracked in every window or are far apart."""
        moved = at.copy()
        rows = np.flatnonzero(tracked.any(axis=0))
        known = tracked[:, rows, None]
        mean = np.where(known, at[:, rows], 0).sum(axis=0) / known.sum(axis=0).astype(np.float32)
        away = np.where(known, at[:, rows] - mean, 0)
        spread = np.abs(away).max(axis=(0, 2))
        near = spread <= _REACH
        alone = rows[~near]
        if near.any():
            change, bad = self._changes(previous, following, mean[near], away[:, near], spread[near])
            moved[:, rows[near]] += change
            alone = np.concatenate([alone, rows[near][bad]])
        for row in alone:
            chosen = tracked[:, row]
            moved[chosen, row] = self._one_by_one(previous, following, at[chosen, row])
        return moved

    def _changes(
        self, previous: Pyramid, following: Pyramid, mean: Floats, away: Floats, spread: Floats
    ) -> tuple[Floats, Mask]:
        """Return displacements of all windows, and which labels they cannot be trusted for."""
        scale = np.maximum(spread, _SPACING)
        shift, bad = self._flow(previous, following, mean, scale)
        place = away / scale[:, None]
        basis = np.empty((*place.shape[:2], 5), np.float32)
        basis[..., 0] = 1
        basis[..., 1:3] = place
        np.multiply(place, place, out=basis[..., 3:])
        change = np.matmul(basis.transpose(1, 0, 2), np.matmul(_FIT, shift)).transpose(1, 0, 2)
        return change, bad

    def _flow(
        self, previous: Pyramid, following: Pyramid, mean: Floats, scale: Floats
    ) -> tuple[Floats, Mask]:
        """Return displacements at nodes, (n_labels, 5, 2), and which labels to trust them for not."""
        guess = np.zeros_like(mean)
        bad = np.zeros(len(mean), np.bool_)
        for level in range(len(previous.levels) - 1, 0, -1):
            centre = (mean * np.float32(0.5**level))[:, None]
            guess += guess
            shift, lost = self._level(previous, following, level, centre, guess, 0)
            guess = np.where(lost[:, None], np.float32(0), shift[:, 0])
            bad |= lost
        nodes = mean[:, None] + _CROSS * scale[:, None, None]
        shift, lost = self._level(previous, following, 0, nodes, guess + guess, int(scale.max()) + 1)
        change = np.maximum.reduce(np.abs(shift[:, 1:] - shift[:, :1]), axis=(1, 2))
        bend = np.maximum.reduce(np.abs(shift[:, 1::2] + shift[:, 2::2] - 2 * shift[:, :1]), axis=(1, 2))
        return shift, bad | lost | ~((change <= _STRAIN * scale + _BEND) & (bend <= 2 * _BEND))

    def _level(
        self, previous: Pyramid, following: Pyramid, level: int, nodes: Floats, guess: Floats, reach: int
    ) -> tuple[Floats, Mask]:
        """Track nodes on one level.

        Parameters
        ----------
        previous, following : Pyramid
            The pictures.
        level : int
            The level; positions are in its pixels.
        nodes : ndarray, float32, shape (n_labels, n_nodes, 2)
            What to track; the first node is the middle.
        guess : ndarray, float32, shape (n_labels, 2)
            How far they probably moved.
        reach : int
            How far nodes are from the middle, at most.

        Returns
        -------
        shift : ndarray, float32, shape (n_labels, n_nodes, 2)
            How far they moved.
        lost : ndarray, bool, shape (n_labels,)
            Where the motion led out of the tile.
        """
        room = _ROOM[min(level, 1)]
        size = 2 * (self._half + reach + room)
        height, width = previous.levels[level].shape
        middle = nodes[:, 0]
        ends = np.concatenate([middle, middle + guess], axis=1)
        limit = np.array([width, height, width, height], np.float32)
        # A window that reaches over the edge of the picture needs what OpenCV does there.
        margin = self._half + reach + 1
        inside = np.logical_and.reduce((ends >= margin) & (ends < limit - margin), axis=1)
        inside &= size <= min(width, height)
        corners = np.minimum(np.maximum(np.rint(ends) - size // 2, 0), limit - size)
        begin = nodes + guess[:, None]
        if inside.all():
            ended = self._tiled(previous, following, level, corners, size, nodes, begin)
        else:
            ended = np.empty_like(nodes)
            if inside.any():
                args = corners[inside], size, nodes[inside], begin[inside]
                ended[inside] = self._tiled(previous, following, level, *args)
            for n in np.flatnonzero(~inside):
                ended[n] = self._at_edge(previous, following, level, ends[n], size, nodes[n], begin[n])
        lost = ~(np.maximum.reduce(np.abs(ended - begin), axis=(1, 2)) < room - 1)
        return ended - nodes, lost

    def _tiled(
        self,
        previous: Pyramid,
        following: Pyramid,
        level: int,
        corners: Floats,
        size: int,
        nodes: Floats,
        begin: Floats,
    ) -> Floats:
        """Track nodes of labels whose windows lie inside the picture, many in one call."""
        before, after = (_squares(pyramid.levels[level], size) for pyramid in (previous, following))
        ended = np.empty_like(nodes)
        for first in range(0, len(nodes), _TOGETHER):
            part = slice(first, first + _TOGETHER)
            corner = corners[part].astype(np.intp)
            stacked = corners[part, None]
            stacked[:, 0, 1::2] -= size * np.arange(len(corner), dtype=np.float32)[:, None]
            one = before[corner[:, 1], corner[:, 0]].reshape(-1, size)
            two = after[corner[:, 3], corner[:, 2]].reshape(-1, size)
            guess = begin[part] - stacked[..., 2:]
            moved = track(one, two, nodes[part] - stacked[..., :2], self._level_options, guess, strict=True)
            np.add(moved.reshape(guess.shape), stacked[..., 2:], out=ended[part])
        return ended

    def _at_edge(
        self,
        previous: Pyramid,
        following: Pyramid,
        level: int,
        ends: Floats,
        size: int,
        nodes: Floats,
        begin: Floats,
    ) -> Floats:
        """Track one label's nodes near the edge: OpenCV treats a cut tile's edge like the picture's."""
        height, width = previous.levels[level].shape
        x1, y1, x2, y2 = ends.tolist()
        half = size // 2
        # Both crops must agree: OpenCV wants pictures of one size.
        left, right = max(int(min(x1, x2)) - half, 0), min(int(max(x1, x2)) + half + 1, width)
        top, bottom = max(int(min(y1, y2)) - half, 0), min(int(max(y1, y2)) + half + 1, height)
        if right - left < 8 or bottom - top < 8:
            return np.full_like(nodes, np.nan)
        origin = np.array([left, top], np.float32)
        one = previous.levels[level][top:bottom, left:right]
        two = following.levels[level][top:bottom, left:right]
        return track(one, two, nodes - origin, self._level_options, begin - origin, strict=True) + origin

    def _one_by_one(self, previous: Pyramid, following: Pyramid, at: Floats) -> Floats:
        """Track a label's windows for themselves."""
        height, width = previous.levels[0].shape
        coarsest = 1 << self.options["maxLevel"]
        # So far around the points a picture looks the same to OpenCV as the whole one.
        margin = coarsest * (self.window // 2 + 6)
        size = np.array([width, height])
        low = np.maximum(np.floor(at.min(axis=0) - margin), 0).astype(int)
        high = np.minimum(np.ceil(at.max(axis=0) + margin).astype(int), size)
        # Narrower ones would have fewer levels.
        low = np.maximum(np.minimum(low, high - 2 * margin), 0) // coarsest * coarsest
        high = np.minimum(np.maximum(high, low + 2 * margin), size)
        high = np.minimum(-(-high // coarsest) * coarsest, size)
        if (high <= low).any():
            low, high = np.zeros(2, int), size
        cut = slice(low[1], high[1]), slice(low[0], high[0])
        origin = low.astype(np.float32)
        moved = track(previous.levels[0][cut], following.levels[0][cut], at - origin, self.options)
        moved += origin
        return moved


@functools.cache
def _compiled() -> Any:
    """Return the compiled step, None without numba or where it cannot work."""
    try:
        from jupytrack.flow.kernel import compiled_step
    except (ImportError, RuntimeError):
        # Not installed, made for another numpy, or no place for what it compiles.
        return None
    return compiled_step


def _squares(level: Gray, size: int) -> Gray:
    """Return a view of all squares of a picture, (height - size + 1, width - size + 1, size, size)."""
    height, width = level.shape
    shape = (height - size + 1, width - size + 1, size, size)
    return as_strided(level, shape, level.strides * 2, writeable=False)
