"""Where tracked points are not to be trusted: forward and backward tracking end up apart.

In the traces a band of that many pixels lies around a line, and the points beyond a limit stand out; over the
picture these have a circle of that radius.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

with warnings.catch_warnings():
    # bqscales sets metadata in a way that traitlets no longer likes
    warnings.simplefilter("ignore", DeprecationWarning)
    import bqplot

from jupytrack.widgets.decimate import MOST

if TYPE_CHECKING:
    from ipycanvas import Canvas
    from numpy.typing import NDArray

    from jupytrack.annotation.points import VideoAnnotation

__all__ = ["COLORS", "DoubtMarks", "doubt_rgb", "envelope", "paint_doubt"]

# from the limit to three times as much
COLORS = (255, 179, 0), (213, 0, 0)
_BAND, _SIZE = 0.28, 22
# sizes on the screen, in CSS pixels
_RING, _WIDTH = 13.0, 2.0
# largest circle, as a share of the picture's shorter side
_LARGEST = 0.25
_EMPTY = np.empty(0)


def doubt_rgb(apart: NDArray[Any], limit: float) -> NDArray[np.uint8]:
    """Return warm colours: amber at the limit, red from three times as much; uint8, shape (n, 3)."""
    over = np.asarray(apart, dtype=np.float64) / max(limit, 1e-9)
    share = np.clip((over - 1) / 2, 0, 1)[:, None]
    low, high = (np.array(color, dtype=np.float64) for color in COLORS)
    return np.round(low + share * (high - low)).astype(np.uint8)


def envelope(
    x: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    view: tuple[float, float],
    most: int = MOST,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return a band with few corners that covers all of a band: where it is long, a corner stands for many.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Ascending positions.
    low, high : ndarray, shape (n,)
        The band; NaN where there is none.
    view : tuple of two float
        Only this range of x, and one corner on either side of it.
    most : int
        Corners at most; gaps come on top.

    Returns
    -------
    x, low, high : ndarray, shape (m,)
        What to draw, with NaN in gaps.
    """
    first, last = np.searchsorted(x, view)
    inside = slice(max(int(first) - 1, 0), int(last) + 2)
    x, low, high = x[inside], low[inside], high[inside]
    present = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(present.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    step = -(-int(present.sum()) // most) if present.any() else 1
    parts: list[tuple[NDArray[np.float64], ...]] = []
    for start, stop in edges.tolist():
        # a point alone is a band without a width
        if stop - start < 2:
            continue
        corners = np.arange(start, stop, step)
        if parts:
            parts.append((x[start : start + 1], np.array([np.nan]), np.array([np.nan])))
        parts.append(
            (
                x[corners],
                np.minimum.reduceat(low[:stop], corners),
                np.maximum.reduceat(high[:stop], corners),
            )
        )
        if corners[-1] != stop - 1:
            parts.append((x[stop - 1 : stop], low[stop - 1 : stop], high[stop - 1 : stop]))
    if not parts:
        return _EMPTY, _EMPTY, _EMPTY
    found = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return found[0], found[1], found[2]


@dataclass(frozen=True)
class _Drawn:
    """A label of a layer as its doubt should look; equal ones look the same."""

    series: Any
    limit: float


class DoubtMarks:
    """Bands and points of doubt in the traces.

    Parameters
    ----------
    time_scale : bqplot.Scale
        The scale along the video.
    value_scales : dict of str to bqplot.Scale
        The other scale, of each plot.
    """

    def __init__(self, time_scale: Any, value_scales: dict[str, Any]) -> None:
        self._time_scale = time_scale
        self._value_scales = value_scales
        self.bands: dict[str, list[Any]] = {name: [] for name in value_scales}
        self.dots: dict[str, list[Any]] = {name: [] for name in value_scales}
        self._shown: list[_Drawn] = []

    def draw(
        self, series: Iterable[tuple[Any, VideoAnnotation]], times: NDArray[np.float64], limit: float
    ) -> bool:
        """Show the doubt of what the traces show; returns whether there are new marks.

        Parameters
        ----------
        series : iterable of (series, annotation)
            ``series`` has ``label``, ``color``, ``opacity`` and ``view``, and equal ones look the same.
        times : ndarray, shape (n_frames,)
            Positions of the frames on the time axis.
        limit : float
            Disagreement from which a point stands out, in pixels.
        """
        drawn: list[_Drawn] = []
        columns: dict[int, NDArray[Any]] = {}
        made = False
        for one, ann in series:
            wanted = _Drawn(one, limit)
            place = len(drawn)
            if place < len(self._shown) and self._shown[place] == wanted:
                drawn.append(wanted)
                continue
            if id(ann) not in columns:
                columns[id(ann)] = ann.column("disagreement")
            apart = columns[id(ann)][ann.labels.index(one.label)].astype(np.float64)
            if not np.isfinite(apart).any():
                continue
            drawn.append(wanted)
            made |= self._make(place)
            self._fill(place, one, np.asarray(ann.to_trace(one.label)), apart, times, limit)
        for name in self.bands:
            for mark in (*self.bands[name][len(drawn) :], *self.dots[name][len(drawn) :]):
                if len(mark.x):
                    with mark.hold_sync():
                        mark.x, mark.y = _EMPTY, _EMPTY
        self._shown = drawn
        return made

    def _make(self, place: int) -> bool:
        if place < len(next(iter(self.bands.values()))):
            return False
        for name, scale in self._value_scales.items():
            common: dict[str, Any] = {
                "x": _EMPTY,
                "y": _EMPTY,
                "scales": {"x": self._time_scale, "y": scale},
                "preserve_domain": {"x": True, "y": True},
                "apply_clip": True,
            }
            self.bands[name].append(bqplot.Lines(fill="between", stroke_width=0, **common))
            self.dots[name].append(
                bqplot.Scatter(default_size=_SIZE, stroke="#000000", stroke_width=0.5, **common)
            )
        return True

    def _fill(
        self,
        place: int,
        one: Any,
        trace: NDArray[np.float64],
        apart: NDArray[np.float64],
        times: NDArray[np.float64],
        limit: float,
    ) -> None:
        n = min(len(trace), len(times), len(apart))
        trace, apart, times = trace[:n], apart[:n], times[:n]
        over = np.flatnonzero(apart > limit)
        over = over[(times[over] >= one.view[0]) & (times[over] <= one.view[1])]
        if len(over) > MOST:
            over = np.sort(over[np.argsort(apart[over])[-MOST:]])
        colors = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in doubt_rgb(apart[over], limit)]
        for column, name in enumerate(self.bands):
            y = trace[:, column]
            x, low, high = envelope(times, y - apart, y + apart, one.view)
            band, dots = self.bands[name][place], self.dots[name][place]
            with band.hold_sync():
                band.x, band.y = (x, np.stack([low, high])) if len(x) else (_EMPTY, _EMPTY)
                band.colors = [one.color]
                band.fill_colors = [one.color]
                band.opacities = [0.0]
                band.fill_opacities = [_BAND * one.opacity]
            with dots.hold_sync():
                dots.x, dots.y = (times[over], y[over]) if len(over) else (_EMPTY, _EMPTY)
                dots.colors = colors or ["#d50000"]
                dots.opacities = [one.opacity]


def paint_doubt(
    canvas: Canvas,
    xy: NDArray[np.float32],
    apart: NDArray[np.float64],
    limit: float,
    alphas: NDArray[np.float32],
    scale: float,
    size: tuple[int, int],
) -> None:
    """Paint a circle around each point of a frame that is in doubt, as large as the disagreement.

    Parameters
    ----------
    canvas : ipycanvas.Canvas
        In pixels of the video.
    xy : ndarray, shape (n_labels, 2)
        Positions, NaN where there is none.
    apart : ndarray, shape (n_labels,)
        Disagreement in pixels, NaN unknown.
    limit : float
        Disagreement from which there is a circle.
    alphas : ndarray, shape (n_labels,)
        Opacities.
    scale : float
        Pixels of the video that a pixel of the screen shows.
    size : tuple of int
        Width and height of the picture; circles stay smaller than a quarter of it.
    """
    over = np.flatnonzero((apart > limit) & np.isfinite(xy).all(axis=1))
    if not len(over):
        return
    x, y = xy[over].T
    # large enough to be seen around the ring of the selected point
    radius = np.clip(apart[over], _RING * scale, max(_LARGEST * min(size), _RING * scale)).astype(np.float32)
    dark = np.zeros((len(over), 3), dtype=np.uint8)
    canvas.line_width = (_WIDTH + 2) * scale
    canvas.stroke_styled_circles(x, y, radius, dark, 0.5 * alphas[over])
    canvas.line_width = _WIDTH * scale
    canvas.stroke_styled_circles(x, y, radius, doubt_rgb(apart[over], limit), alphas[over])
