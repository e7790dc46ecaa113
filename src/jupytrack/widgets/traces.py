"""Positions over time: x and y of the labels, with the frame that is shown marked.

The browser moves the frame marker, and turns clicks and drags into frames; the kernel only sends a line
again when its label changed, so that one edit stays one small message.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import ipywidgets
import numpy as np

with warnings.catch_warnings():
    # bqscales sets metadata in a way that traitlets no longer likes
    warnings.simplefilter("ignore", DeprecationWarning)
    import bqplot

from jupytrack.widgets.colors import css
from jupytrack.widgets.decimate import decimate
from jupytrack.widgets.doubt import DoubtMarks
from jupytrack.widgets.overlay import TRANSLUCENT
from jupytrack.widgets.session import Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupytrack.annotation.points import VideoAnnotation

__all__ = ["Traces"]

COMPONENTS = ("x", "y")
MARGIN = {"top": 8, "bottom": 36, "left": 60, "right": 16}
LOWEST = 140
# a value axis this many times longer than what it shows is fitted anew
_TOO_WIDE = 2.5
_TRANSLUCENT = 0.6
_FADED = "var(--jp-ui-font-color3, #888)"
_INK = "var(--jp-ui-font-color1, #444)"
Kind = Literal["line", "dot"]
_EMPTY = np.empty(0)


@dataclass(frozen=True)
class _Series:
    """One label of one layer, as it should look; equal ones look the same."""

    layer: int
    label: str
    version: int
    kind: Kind
    color: str
    opacity: float
    view: tuple[float, float]
    unit: str


class Traces:
    """Two plots over one time axis.

    Parameters
    ----------
    session : Session
        What to show.
    heights : tuple of two float
        Heights of the two plots, in CSS pixels.

    Attributes
    ----------
    widget : ipywidgets.VBox
        What to display.
    figures : tuple of bqplot.Figure
        x above, y below.
    markers : list of bqplot.Lines
        The frame markers; the browser sets their ``x``.
    intervals : list of bqplot.Lines
        The selected interval; the browser shows one there while it is drawn with the mouse.
    doubt : DoubtMarks
        Bands and points that show where tracking is not to be trusted.
    """

    _FOLLOWED = ("label", "layers_revision", "pending_interval", "trace_unit", "all_traces")

    def __init__(self, session: Session, heights: tuple[float, float] = (LOWEST, LOWEST)) -> None:
        self.session = session
        self.frozen = False
        self._shown: dict[tuple[str, int], _Series] = {}
        self._extents: dict[tuple[str, int], tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        self._timer: threading.Timer | None = None
        self._moving = False
        self.time_scale = _scale(float(max(session.n_frames - 1, 1)))
        self.value_scales = {name: _scale(1.0) for name in COMPONENTS}
        self._fitting = True
        unit = _scale(1.0)
        self.doubt = DoubtMarks(self.time_scale, self.value_scales)
        self.panzoom = bqplot.PanZoom(scales={"x": [self.time_scale], "y": list(self.value_scales.values())})
        self._pools: dict[tuple[str, str], list[Any]] = {
            (name, kind): [] for name in COMPONENTS for kind in ("line", "dot")
        }
        self._fixed: dict[str, dict[str, Any]] = {}
        self._time_axes: list[Any] = []
        self._value_axes: dict[str, Any] = {}
        figures = []
        for name, height in zip(COMPONENTS, heights, strict=True):
            scales = {"x": self.time_scale, "y": unit}
            still: dict[str, Any] = {"scales": scales, "apply_clip": True, "preserve_domain": {"x": True}}
            self._fixed[name] = {
                "interval": bqplot.Lines(
                    x=_EMPTY, y=_EMPTY, fill="bottom", fill_colors=["#888888"], fill_opacities=[0.25],
                    colors=["#888888"], stroke_width=0.5, **still,
                ),
                "interest": bqplot.Lines(
                    x=_EMPTY, y=_EMPTY, colors=["#888888"], opacities=[0.6], stroke_width=1, **still
                ),
                "marker": bqplot.Lines(
                    x=np.zeros(2), y=np.array([0.0, 1.0]), colors=["#f37726"], stroke_width=1.5, **still
                ),
            }  # fmt: skip
            figures.append(self._figure(name, height, with_times=name == COMPONENTS[-1]))
        self.figures = tuple(figures)
        self.markers = [self._fixed[name]["marker"] for name in COMPONENTS]
        self.intervals = [self._fixed[name]["interval"] for name in COMPONENTS]
        self.widget = ipywidgets.VBox(
            list(self.figures), layout=ipywidgets.Layout(width="100%", overflow="hidden")
        )
        self.widget.add_class("jupytrack-traces")
        self._stops = [session.on_points_changed(lambda frames: self.refresh())]
        session.observe(self._on_session, self._FOLLOWED)
        session.observe(self._follow_frame, ["frame"])
        for scale in (self.time_scale, *self.value_scales.values()):
            scale.observe(self._on_view, ["min", "max"])
        self.fit_values()
        self.show_whole_video()

    def _figure(self, name: str, height: float, with_times: bool) -> Any:
        styles = {"color": _INK, "grid_color": "var(--jp-border-color3, #ddd)", "label_color": _INK}
        time_axis = bqplot.Axis(
            scale=self.time_scale, label="frame" if with_times else "", label_offset="26px",
            grid_lines="none", **styles,
            **({} if with_times else {"tick_values": [], "tick_labels": {}}),
        )  # fmt: skip
        self._time_axes.append(time_axis)
        axis = bqplot.Axis(
            scale=self.value_scales[name], side="left", label=f"{name} (px)",
            grid_lines="solid", label_offset="46px", tick_format=".5~g", **styles,
        )  # fmt: skip
        self._value_axes[name] = axis
        return bqplot.Figure(
            marks=self._marks(name),
            axes=[time_axis, axis],
            fig_margin=MARGIN if with_times else {**MARGIN, "bottom": 6},
            layout=ipywidgets.Layout(width="100%", height=f"{height:.0f}px", min_width="0"),
            background_style={"fill": "transparent"},
            padding_x=0,
            padding_y=0,
            display_toolbar=False,
            animation_duration=0,
        )

    def _marks(self, name: str) -> list[Any]:
        fixed = self._fixed[name]
        pools = [mark for kind in ("line", "dot") for mark in self._pools[name, kind]]
        bands, dots = self.doubt.bands[name], self.doubt.dots[name]
        return [fixed["interval"], *bands, fixed["interest"], *pools, *dots, fixed["marker"]]

    @property
    def times(self) -> NDArray[np.float64]:
        """Positions of the frames on the time axis, in frames or seconds."""
        if self.session.trace_unit == "time":
            return np.asarray(self.session.video.timestamps, dtype=np.float64)
        return np.arange(self.session.n_frames, dtype=np.float64)

    def position_of(self, frame: int) -> float:
        """Where a frame lies on the time axis."""
        if self.session.trace_unit == "time":
            return float(self.session.video.get_frame_timestamp(frame))
        return float(frame)

    @property
    def view(self) -> tuple[float, float]:
        """Ends of the time axis that is shown."""
        return float(self.time_scale.min), float(self.time_scale.max)

    def refresh(self) -> None:
        """Show what is there now; only what changed is sent."""
        with self.session.lock:
            series = list(self._series())
            counts: dict[Kind, int] = {"line": 0, "dot": 0}
            for one, ann in series:
                self._draw(one, ann, counts[one.kind])
                counts[one.kind] += 1
            for kind, count in counts.items():
                self._blank(kind, count)
            if self.doubt.draw(series if self.session.doubt else (), self.times, self.session.doubtful):
                for name, figure in zip(COMPONENTS, self.figures, strict=True):
                    figure.marks = self._marks(name)
            if self._fitting and not self._fits():
                self.fit_values()
            self._draw_interest()
            self._draw_interval()
            self._set_ticks()

    def _series(self) -> Iterator[tuple[_Series, VideoAnnotation]]:
        session = self.session
        view, unit = self.view, session.trace_unit
        overlay = session.overlay_ann
        layers = [] if overlay is None or overlay is session.ann else [overlay]
        for ann in (*layers, session.ann):
            colors = dict(zip(ann.labels, ann.palette, strict=False))
            for label in ann.labels:
                if not ann.display.trace_visible(label):
                    continue
                kind: Kind = "line" if ann.plot_type == "line" else "dot"
                opacity = ann.display.alpha_of(label)
                # a line is thinner than a point
                opacity = _TRANSLUCENT if opacity == TRANSLUCENT else opacity
                version = session.version_of(ann, label)
                yield _Series(id(ann), label, version, kind, css(colors[label]), opacity, view, unit), ann

    def _draw(self, series: _Series, ann: VideoAnnotation, place: int) -> None:
        if self._shown.get((series.kind, place)) == series:
            return
        self._shown[series.kind, place] = series
        trace, times = ann.to_trace(series.label), self.times
        # infinite where there is nothing, which fits everywhere
        gone = np.isnan(trace)
        ends = np.where(gone, np.inf, trace).min(axis=0), np.where(gone, -np.inf, trace).max(axis=0)
        self._extents[series.kind, place] = ends
        n = min(len(trace), len(times))
        for column, name in enumerate(COMPONENTS):
            pool = self._pools[name, series.kind]
            if place == len(pool):
                pool.append(self._new_mark(name, series.kind))
                figure = self.figures[COMPONENTS.index(name)]
                figure.marks = self._marks(name)
            x, y = decimate(times[:n], trace[:n, column], gaps=series.kind == "line", view=series.view)
            mark = pool[place]
            with mark.hold_sync():
                mark.x, mark.y = (x, y) if len(x) else (_EMPTY, _EMPTY)
                mark.colors, mark.opacities = [series.color], [series.opacity]

    def _new_mark(self, name: str, kind: str) -> Any:
        common: dict[str, Any] = {
            "x": _EMPTY,
            "y": _EMPTY,
            "scales": {"x": self.time_scale, "y": self.value_scales[name]},
            "preserve_domain": {"x": True, "y": True},
        }
        if kind == "line":
            return bqplot.Lines(stroke_width=1.5, apply_clip=True, **common)
        return bqplot.Scatter(default_size=18, apply_clip=True, **common)

    def _blank(self, kind: Kind, count: int) -> None:
        """Empty the marks of a kind that nothing needs now."""
        for place in range(count, len(self._pools[COMPONENTS[0], kind])):
            if self._shown.pop((kind, place), None) is not None:
                for name in COMPONENTS:
                    mark = self._pools[name, kind][place]
                    with mark.hold_sync():
                        mark.x, mark.y = _EMPTY, _EMPTY

    def _draw_interest(self) -> None:
        frames = [int(frame) for frame in self.session.layers.frames_of_interest]
        # a gap after each but the last: where a line ends, bqplot puts its label
        x = np.repeat([self.position_of(frame) for frame in frames], 3)[:-1] if frames else _EMPTY
        y = np.tile([0.0, 1.0, np.nan], len(frames))[:-1] if frames else _EMPTY
        self._set_fixed("interest", x, y)

    def _draw_interval(self) -> None:
        interval, pending = self.session.interval, self.session.pending_interval
        if pending is not None:
            interval = (pending, pending)
        if interval is None:
            self._set_fixed("interval", _EMPTY, _EMPTY)
            return
        start, stop = (self.position_of(frame) for frame in interval)
        self._set_fixed("interval", np.array([start, start, stop, stop]), np.array([0.0, 1.0, 1.0, 0.0]))

    def _set_fixed(self, which: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        for name in COMPONENTS:
            mark = self._fixed[name][which]
            if not (np.array_equal(mark.x, x, equal_nan=True) and np.array_equal(mark.y, y, equal_nan=True)):
                with mark.hold_sync():
                    mark.x, mark.y = x, y

    def fit_values(self, all_labels: bool = False) -> None:
        """Fit the value axes to the labels that are shown, or to all, of the active and the overlay layer."""
        if self.frozen:
            return
        values = self._values(all_labels)
        if not len(values):
            size = (self.session.video.width, self.session.video.height)
            ends = [(0.0, float(side)) for side in size]
        else:
            ends = [_with_margin(column.min(), column.max()) for column in values.T]
        self._moving = True
        try:
            for name, (low, high) in zip(COMPONENTS, ends, strict=True):
                _set_scale(self.value_scales[name], low, high)
        finally:
            self._moving = False
        self._fitting = True
        self._set_ticks()

    def _fits(self) -> bool:
        """Whether the value axes show every point that is drawn, at a size that can be read."""
        extents = [self._extents[key] for key in self._shown]
        if not extents:
            return True
        lowest = np.min([ends[0] for ends in extents], axis=0)
        highest = np.max([ends[1] for ends in extents], axis=0)
        for name, low, high in zip(COMPONENTS, lowest, highest, strict=True):
            scale = self.value_scales[name]
            if low < scale.min or high > scale.max:
                return False
            if low < high and scale.max - scale.min > _TOO_WIDE * (high - low):
                return False
        return True

    def _values(self, all_labels: bool = False) -> NDArray[np.float64]:
        """Positions of the labels that are drawn, or of all; (n, 2)."""
        session = self.session
        labels = session.labels if all_labels or session.all_traces else [session.label]
        anns = [ann for ann in (session.ann, session.overlay_ann) if ann is not None]
        traces = [ann.to_trace(label) for ann in anns for label in labels if label in ann.labels]
        values = np.concatenate(traces) if traces else np.empty((0, 2))
        return values[np.isfinite(values).all(axis=1)]

    def _set_ticks(self) -> None:
        # the default is as many as fit one above the other without a gap
        for name, axis in self._value_axes.items():
            ticks = round_ticks(float(self.value_scales[name].min), float(self.value_scales[name].max))
            if not np.array_equal(axis.tick_values if axis.tick_values is not None else (), ticks):
                axis.tick_values = ticks
        # no frame lies beyond the ends, or between two others
        first, last = self._ends
        ticks = round_ticks(max(self.view[0], first), min(self.view[1], last), about=8)
        if self.session.trace_unit == "frame":
            ticks = ticks[ticks == np.round(ticks)]
        axis = self._time_axes[-1]
        if not np.array_equal(axis.tick_values if axis.tick_values is not None else (), ticks):
            axis.tick_values = ticks

    @property
    def _ends(self) -> tuple[float, float]:
        """Positions of the first and the last frame."""
        return self.position_of(0), self.position_of(max(self.session.n_frames - 1, 0))

    @property
    def _whole(self) -> tuple[float, float]:
        first, last = self._ends
        # so that nothing on the first and the last frame is cut in half
        margin = 0.01 * (last - first)
        return first - margin, last + margin

    def show_whole_video(self) -> None:
        """Show the whole video on the time axis."""
        self._show(*self._whole)

    def show_annotated(self) -> None:
        """Show the annotated frames on the time axis, and fit the value axes to all labels."""
        frames = self.session.ann.frames
        if frames:
            self._show(*_with_margin(self.position_of(frames[0]), self.position_of(frames[-1])))
        self.fit_values(all_labels=True)

    def zoom(self, factor: float) -> None:
        """Show less (a factor over 1) or more of the time around the current frame."""
        first, last = self._whole
        here = self.position_of(self.session.frame)
        half = max((self.view[1] - self.view[0]) / factor / 2, 2.5 * (last - first) / self.session.n_frames)
        if 2 * half >= last - first:
            self.show_whole_video()
        else:
            start = min(max(here - half, first), last - 2 * half)
            self._show(start, start + 2 * half)

    def _show(self, start: float, stop: float) -> None:
        if self.frozen:
            return
        if stop <= start:
            start, stop = start - 0.5, stop + 0.5
        self._moving = True
        try:
            _set_scale(self.time_scale, start, stop)
        finally:
            self._moving = False
        self.refresh()

    def freeze(self, frozen: bool = True) -> None:
        """Keep the limits of the axes as they are, or let them follow the data again."""
        self.frozen = frozen
        if frozen:
            self.set_panzoom(False)
        else:
            self.fit_values()

    def set_panzoom(self, on: bool) -> None:
        """Let wheel and drag zoom and pan the plots, instead of going to the frame under the pointer."""
        for figure in self.figures:
            figure.interaction = self.panzoom if on and not self.frozen else None

    def _on_session(self, change: Any) -> None:
        if change["name"] == "trace_unit":
            for axis in self._time_axes[-1:]:
                axis.label = "time (s)" if change["new"] == "time" else "frame"
            self.show_whole_video()
            for marker in self.markers:
                marker.x = np.full(2, self.position_of(self.session.frame))
        if change["name"] in ("label", "all_traces"):
            self.fit_values()
        self.refresh()

    def _follow_frame(self, change: Any) -> None:
        """Turn the page when the current frame leaves the part that is shown."""
        here, (start, stop) = self.position_of(change["new"]), self.view
        if not start <= here <= stop and not self.frozen:
            start = here - 0.1 * (stop - start) if here > stop else here - 0.9 * (stop - start)
            self._show(start, start + self.view[1] - self.view[0])

    def _on_view(self, change: Any) -> None:
        """Choose the points anew, once the user's zooming and panning rests."""
        if self._moving:
            return
        # limits that somebody chose by hand stay
        if change["owner"] is not self.time_scale:
            self._fitting = False
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(0.15, self.refresh)
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        """Stop following the session."""
        for stop in self._stops:
            stop()
        if self._timer is not None:
            self._timer.cancel()
        self.session.unobserve(self._on_session, self._FOLLOWED)
        self.session.unobserve(self._follow_frame, ["frame"])


def _scale(high: float) -> Any:
    # padding would shift positions against what the browser computes from a click
    return bqplot.LinearScale(min=0.0, max=high, allow_padding=False)


def round_ticks(low: float, high: float, about: int = 4) -> NDArray[np.float64]:
    """Choose round values between two ends, about so many."""
    rough = (high - low) / about
    magnitude = 10.0 ** np.floor(np.log10(rough)) if rough > 0 else 1.0
    size = magnitude * min((1, 2, 5, 10), key=lambda factor: abs(factor * magnitude - rough))
    return np.arange(np.ceil(low / size), np.floor(high / size) + 1) * size


def _with_margin(low: float, high: float) -> tuple[float, float]:
    margin = 0.05 * (high - low) or max(0.05 * abs(low), 0.5)
    return float(low - margin), float(high + margin)


def _set_scale(scale: Any, low: float, high: float) -> None:
    with scale.hold_sync(), scale.hold_trait_notifications():
        scale.min, scale.max = float(low), float(high)
