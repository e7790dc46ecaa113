"""A strip under the traces that shows where the flags are; a click on one goes there."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

with warnings.catch_warnings():
    # bqscales sets metadata in a way that traitlets no longer likes
    warnings.simplefilter("ignore", DeprecationWarning)
    import bqplot

from jupytrack.widgets.traces import MARGIN, Traces

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["COLORS", "DONE", "HEAT", "HeatStrip", "heat_levels", "rectangles"]

HEAT = ("#ffb300", "#f4511e", "#b71c1c")
"""Colours of open flags, from the least to the most suspicious third."""
DONE = "#8d9aa5"
"""Colour of flags that are reviewed."""
COLORS = (DONE, *HEAT)
# places across the strip that can differ; each is some pixels wide
_BINS = 400
_HEIGHT = 30
_EMPTY = np.empty(0)


def heat_levels(scores: ArrayLike, done: ArrayLike) -> NDArray[np.int64]:
    """Return how each flag is drawn: 0 reviewed, else 1 to 3 by its score.

    Parameters
    ----------
    scores : array_like, shape (n,)
        Scores from 0 to 1; others are brought to this range first. NaN counts as the middle.
    done : array_like of bool, shape (n,)
        Whether the flag is reviewed.
    """
    values = np.asarray(scores, np.float64)
    known = values[np.isfinite(values)]
    if len(known) and (known.min() < 0 or known.max() > 1):
        low, high = known.min(), known.max()
        values = (values - low) / (high - low) if high > low else np.full(values.shape, 0.5)
    values = np.where(np.isfinite(values), values, 0.5)
    level = 1 + np.clip(np.floor(3 * values), 0, 2).astype(np.int64)
    return np.where(np.asarray(done, np.bool_), 0, level)


def rectangles(filled: NDArray[np.bool_], edges: NDArray[np.float64]) -> tuple[Any, Any]:
    """Return the outline of a row of rectangles, one for each run of places that are filled.

    Parameters
    ----------
    filled : ndarray of bool, shape (n,)
        Which places are.
    edges : ndarray, shape (n + 1,)
        Where places begin and end.

    Returns
    -------
    x, y : ndarray
        Corners, y from 0 to 1.
    """
    turns = np.flatnonzero(np.diff(filled.astype(np.int8), prepend=0, append=0))
    x = np.repeat(edges[turns], 2)
    return x, np.tile([0.0, 1.0, 1.0, 0.0], len(turns) // 2)


class HeatStrip:
    """Where the flags are, on the time axis of the traces.

    Parameters
    ----------
    traces : Traces
        What it lies under.

    Attributes
    ----------
    widget : bqplot.Figure
        What to display.
    marker : bqplot.Lines
        The frame marker; the browser sets its ``x``.
    """

    def __init__(self, traces: Traces) -> None:
        self.traces = traces
        self._frames = self._last = self._levels = np.empty(0, np.int64)
        self._timer: threading.Timer | None = None
        unit = bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False)
        common: dict[str, Any] = {
            "scales": {"x": traces.time_scale, "y": unit},
            "apply_clip": True,
            "preserve_domain": {"x": True, "y": True},
        }
        # where a click can lead: the browser takes the nearest one within a few pixels
        self.targets = bqplot.Lines(x=_EMPTY, y=_EMPTY, opacities=[0.0], **common)
        # filled only: an outline would go on along the ground from one to the next
        self.bars = [
            bqplot.Lines(
                x=_EMPTY, y=_EMPTY, fill="bottom", fill_colors=[color], fill_opacities=[1.0],
                colors=[color], stroke_width=0, opacities=[0.0], **common,
            )
            for color in COLORS
        ]  # fmt: skip
        at = traces.position_of(traces.session.frame)
        self.marker = bqplot.Lines(
            x=np.full(2, at), y=np.array([0.0, 1.0]), colors=["var(--jp-ui-font-color0, #000)"],
            stroke_width=1.5, **common,
        )  # fmt: skip
        self.widget = bqplot.Figure(
            marks=[self.targets, *self.bars, self.marker],
            axes=[],
            fig_margin={**MARGIN, "top": 3, "bottom": 3},
            layout=ipywidgets.Layout(
                width="100%", height=f"{_HEIGHT}px", min_height=f"{_HEIGHT}px", min_width="0"
            ),
            background_style={"fill": "var(--jp-layout-color2, #eee)"},
            padding_x=0,
            padding_y=0,
            display_toolbar=False,
            animation_duration=0,
        )
        self.widget.add_class("jupytrack-heat")
        traces.time_scale.observe(self._on_view, ["min", "max"])
        traces.session.observe(self._on_unit, ["trace_unit"])

    def show(self, frames: ArrayLike, last: ArrayLike, levels: ArrayLike) -> None:
        """Show flags.

        Parameters
        ----------
        frames, last : array_like of int, shape (n,)
            First and last frame of each flag, the most important first.
        levels : array_like of int, shape (n,)
            What :func:`heat_levels` returned.
        """
        self._frames, self._last = np.asarray(frames, np.int64), np.asarray(last, np.int64)
        self._levels = np.asarray(levels, np.int64)
        self.refresh()

    def refresh(self) -> None:
        """Draw the part that the traces show."""
        low, high = self.traces.view
        edges = np.linspace(low, high, _BINS + 1)
        times = self.traces.times
        start, stop = times[self._frames], times[self._last]
        seen = np.flatnonzero((stop >= low) & (start <= high))
        size = (high - low) / _BINS
        first = np.clip(((start[seen] - low) / size).astype(np.int64), 0, _BINS - 1)
        final = np.clip(((stop[seen] - low) / size).astype(np.int64), 0, _BINS - 1)
        level = self._levels[seen]
        highest = np.full(_BINS, -1)
        for value in range(len(COLORS)):
            chosen = level == value
            count = np.zeros(_BINS + 1, np.int64)
            np.add.at(count, first[chosen], 1)
            np.add.at(count, final[chosen] + 1, -1)
            highest[np.cumsum(count[:-1]) > 0] = value
        for value, mark in enumerate(self.bars):
            _set(mark, *rectangles(highest == value, edges))
        # of each place its most important flag: open before reviewed, then by rank
        order = np.lexsort((np.arange(len(seen)), level == 0))
        inside = start[seen][order] >= low
        _, places = np.unique(first[order][inside], return_index=True)
        targets = np.sort(start[seen][order][inside][places])
        _set(self.targets, targets, np.zeros(len(targets)))

    def _on_view(self, _: Any) -> None:
        # both ends of the axis change, one after the other
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(0.1, self.refresh)
        self._timer.daemon = True
        self._timer.start()

    def _on_unit(self, _: Any) -> None:
        self.marker.x = np.full(2, self.traces.position_of(self.traces.session.frame))
        self._on_view(None)

    def close(self) -> None:
        """Stop following the traces."""
        if self._timer is not None:
            self._timer.cancel()
        self.traces.time_scale.unobserve(self._on_view, ["min", "max"])
        self.traces.session.unobserve(self._on_unit, ["trace_unit"])
        for part in (*self.widget.marks, self.widget.layout, self.widget):
            part.close()


def _set(mark: Any, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    if not (np.array_equal(mark.x, x) and np.array_equal(mark.y, y)):
        with mark.hold_sync():
            mark.x, mark.y = x, y
