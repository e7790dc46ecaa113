"""What a model learns, epoch by epoch, as a plot."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

with warnings.catch_warnings():
    # bqscales sets metadata in a way that traitlets no longer likes
    warnings.simplefilter("ignore", DeprecationWarning)
    import bqplot

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TEST", "TRAIN", "LossPlot", "nice_log_ticks", "nice_ticks"]

TRAIN, TEST = "#2196f3", "#f37726"
"""Colours of the loss and of the test error."""
_INK = "var(--jp-ui-font-color1, #444)"
_EMPTY = np.empty(0)


class LossPlot(bqplot.Figure):  # type: ignore[misc]
    """What is lost on the frames a model learns from, and its error on those it does not, over epochs."""

    def __init__(self) -> None:
        self.epochs = bqplot.LinearScale(min=0.0, allow_padding=False)
        # the first epochs are far off, and would flatten the rest
        self.loss = bqplot.LogScale(allow_padding=False)
        self.error = bqplot.LinearScale(min=0.0, allow_padding=False)
        self.train, self.test = (
            bqplot.Lines(
                x=_EMPTY, y=_EMPTY, colors=[color], stroke_width=1.5, scales={"x": self.epochs, "y": scale},
                apply_clip=False, **more,
            )
            for color, scale, more in (
                (TRAIN, self.loss, {}),
                (TEST, self.error, {"marker": "circle", "marker_size": 24}),
            )
        )  # fmt: skip
        self.axes_of = {
            name: bqplot.Axis(
                scale=scale, side=side, tick_format="~g", color=color, label_color=_INK, grid_lines="none"
            )
            for name, scale, side, color in (
                ("epochs", self.epochs, "bottom", _INK),
                ("loss", self.loss, "left", TRAIN),
                ("error", self.error, "right", TEST),
            )
        }
        axes = list(self.axes_of.values())
        super().__init__(
            marks=[self.train, self.test],
            axes=axes,
            fig_margin={"top": 8, "bottom": 24, "left": 52, "right": 36},
            layout=ipywidgets.Layout(
                width="100%", height="150px", min_height="150px", min_width="0", display="none"
            ),
            background_style={"fill": "transparent"},
            display_toolbar=False,
            animation_duration=0,
        )
        self.add_class("jupytrack-loss")

    def fill(self, losses: pd.DataFrame, epochs: int) -> None:
        """Show losses and errors, as :attr:`Training.losses` gives them."""
        at = losses.index.to_numpy(np.float64)
        last = float(max(epochs, at.max() if len(at) else 1, 1))
        self._range("epochs", self.epochs, 0.0, last, nice_ticks(last))
        for mark, name in ((self.train, "train_loss"), (self.test, "test_rmse")):
            values = losses[name].to_numpy(np.float64) if name in losses else _EMPTY
            known = np.isfinite(values) & (values > 0)
            x, y = (at[known], values[known]) if len(values) else (_EMPTY, _EMPTY)
            if not (np.array_equal(mark.x, x) and np.array_equal(mark.y, y)):
                with mark.hold_sync():
                    mark.x, mark.y = x, y
        if len(self.train.y):
            low, high = 0.9 * float(self.train.y.min()), 1.1 * float(self.train.y.max())
            self._range("loss", self.loss, low, high, nice_log_ticks(low, high))
        if len(self.test.y):
            high = 1.1 * float(self.test.y.max())
            self._range("error", self.error, 0.0, high, nice_ticks(high))
        self.axes_of["error"].visible = len(self.test.y) > 0
        self.layout.display = None if len(self.train.x) > 1 else "none"

    def _range(self, name: str, scale: Any, low: float, high: float, ticks: list[float]) -> None:
        if (scale.min, scale.max) == (low, high):
            return
        with scale.hold_sync():
            scale.min, scale.max = low, high
        self.axes_of[name].tick_values = np.array(ticks)


def nice_ticks(high: float, most: int = 5) -> list[float]:
    """Return round numbers from 0 up to a number, at most so many steps."""
    rough = high / most
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * size for size in (1, 2, 5, 10) if power * size >= rough)
    return [float(step * n) for n in range(int(high / step + 1e-9) + 1)]


def nice_log_ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Return round numbers between two for an axis of logarithms."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for sizes in ((1,), (1, 3), (1, 2, 5)):
        ticks = [float(f"{power * size:.3g}") for power in powers for size in sizes]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 3:
            break
    return ticks[:: max(1, -(-len(ticks) // most))]
