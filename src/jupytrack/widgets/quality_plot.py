"""Bars for the checks and a map of frames by tracks; a click goes to the frame."""

from __future__ import annotations

import warnings
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

with warnings.catch_warnings():
    # bqscales sets metadata in a way that traitlets no longer likes
    warnings.simplefilter("ignore", DeprecationWarning)
    import bqplot

from jupytrack.errors import AnnotationError
from jupytrack.qa.report import Report
from jupytrack.widgets.annotator import Annotator
from jupytrack.widgets.heat_strip import HEAT, heat_levels
from jupytrack.widgets.video_queue import VideoQueue, require_annotator

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["QualityPlot"]

# places across the map that can differ, and tracks that are shown
_BINS = 150
_TRACKS = 30
_ROW = 22
_INK = "var(--jp-ui-font-color1, #444)"
_STYLE = {"color": _INK, "label_color": _INK, "grid_lines": "none"}
# a flag that stands for the frame and not for a track
_WHOLE = "(frame)"


class QualityPlot(ipywidgets.VBox):  # type: ignore[misc]
    """Where the flags of a report are; see :func:`jupytrack.qa.plot`.

    Attributes
    ----------
    bars, map : bqplot.Figure
        How often each check struck; frames by tracks.
    caption : ipywidgets.HTML
        Says what was clicked.
    """

    def __init__(
        self, report: Report, annotator: Annotator | VideoQueue | None = None, *, video: str | None = None
    ) -> None:
        if not isinstance(report, Report):
            raise AnnotationError(
                f"{type(report).__name__} is no report.", "Give what jupytrack.qa.run() returned."
            )
        annotator = None if annotator is None else require_annotator(annotator)
        n_frames = len(report.frame_scores(video))
        if annotator is not None and n_frames > annotator.session.n_frames:
            raise AnnotationError(
                f"The report has {n_frames} frames, the annotator's video {annotator.session.n_frames}.",
                "Open the video that was checked.",
            )
        self.annotator = annotator
        name = report.videos[0] if video is None else video
        self._scores = report.scores[report.scores["video"] == name].reset_index(drop=True)
        self._flags = self._ranked(report.table[report.table["video"] == name])
        ran = [check for check in report.checks.index if not report.checks["skipped"][check]]
        counts = self._flags["check"].value_counts()
        self._checks = sorted(ran, key=lambda check: -int(counts.get(check, 0)))
        self._turns = dict.fromkeys(self._checks, 0)
        self._cells, tracks, left_out = _cells(self._scores, n_frames)
        self.caption = ipywidgets.HTML(
            f"{left_out} less suspicious tracks are not shown." if left_out else ""
        )
        self.bars = self._draw_bars([int(counts.get(check, 0)) for check in self._checks])
        self.map = self._draw_map(tracks, n_frames)
        super().__init__([self.bars, self.map, self.caption])
        self.add_class("jupytrack-quality-plot")

    def _ranked(self, flags: pd.DataFrame) -> pd.DataFrame:
        rank = {(row.track, row.frame): n for n, row in enumerate(self._scores.itertuples())}
        places = [rank[row.track, row.frame] for row in flags.itertuples()]
        return flags.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)

    def _draw_bars(self, counts: list[int]) -> Any:
        scales = {
            "x": bqplot.OrdinalScale(reverse=True),
            "y": bqplot.LinearScale(min=0.0, max=float(max([1, *counts]))),
        }
        bars = bqplot.Bars(
            x=np.array(self._checks), y=np.array(counts), scales=scales, orientation="horizontal",
            colors=[HEAT[1]], padding=0.25,
        )  # fmt: skip
        bars.on_element_click(lambda _, message: self.choose_check(int(message["data"]["index"])))
        axes = [
            bqplot.Axis(scale=scales["x"], side="left", **_STYLE),
            bqplot.Axis(
                scale=scales["y"], label="flags", num_ticks=5, tick_format="~d", label_offset="32px", **_STYLE
            ),
        ]
        return _figure(bars, axes, len(counts))

    def _draw_map(self, tracks: list[str], n_frames: int) -> Any:
        scales = {
            "x": bqplot.LinearScale(min=0.0, max=float(max(n_frames - 1, 1))),
            "y": bqplot.OrdinalScale(domain=tracks, reverse=True),
        }
        levels = heat_levels(self._cells["score"], np.zeros(len(self._cells), np.bool_))
        squares = bqplot.Scatter(
            x=self._cells["frame"].to_numpy(np.float64), y=self._cells["row"].to_numpy(str), scales=scales,
            colors=[HEAT[level - 1] for level in levels] or [HEAT[0]], marker="square", default_size=90,
        )  # fmt: skip
        squares.on_element_click(lambda _, message: self.choose_cell(int(message["data"]["index"])))
        axes = [
            bqplot.Axis(scale=scales["y"], side="left", **_STYLE),
            bqplot.Axis(scale=scales["x"], label="frame", tick_format="~d", label_offset="32px", **_STYLE),
        ]
        return _figure(squares, axes, len(tracks))

    def choose_check(self, place: int) -> None:
        """Go to the next flag of a check, as a click on its bar does.

        Parameters
        ----------
        place : int
            Which bar, from the top.
        """
        check = self._checks[place]
        flags = self._flags[self._flags["check"] == check]
        if not len(flags):
            return
        turn = self._turns[check] % len(flags)
        self._turns[check] = turn + 1
        flag = flags.iloc[turn]
        self._go(int(flag["frame"]), flag["track"])
        self._say(f"{check}, {turn + 1} of {len(flags)}", flag)

    def choose_cell(self, place: int) -> None:
        """Go to the most suspicious frame of a square, as a click on it does.

        Parameters
        ----------
        place : int
            Which square; they are ordered by score.
        """
        cell = self._cells.iloc[place]
        self._go(int(cell["frame"]), cell["track"])
        self._say(f"{cell['checks']}, score {cell['score']:.2f}", cell)

    def _go(self, frame: int, track: Any) -> None:
        if self.annotator is None:
            return
        queue = self.annotator.queue
        if queue is not None and self.annotator in queue.annotators:
            queue.swap_to(queue.annotators.index(self.annotator))
        session = self.annotator.session
        with session.lock:
            session.go_to(frame)
            if isinstance(track, str) and track in session.labels:
                session.select_label(track)

    def _say(self, what: str, row: pd.Series[Any]) -> None:
        where = f"Frame {row['frame']}" + ("" if row["track"] is None else f", track {row['track']}")
        self.caption.value = escape(f"{where}: {row['message']} ({what})")


def _cells(scores: pd.DataFrame, n_frames: int) -> tuple[pd.DataFrame, list[str], int]:
    """Return the worst row of each square, the names of the rows, and how many tracks are left out."""
    rows = [_WHOLE if track is None else str(track) for track in scores["track"]]
    scores = scores.assign(row=rows, place=scores["frame"] // max(1, -(-n_frames // _BINS)))
    # scores are sorted, so that the first of each is the worst
    order = scores.groupby("row", sort=False)["score"].sum().sort_values(ascending=False, kind="stable")
    tracks = [str(track) for track in order.index[:_TRACKS]]
    cells = scores[scores["row"].isin(tracks)].drop_duplicates(["row", "place"])
    return cells.reset_index(drop=True), tracks, len(order) - len(tracks)


def _figure(mark: Any, axes: list[Any], rows: int) -> Any:
    margin = {"top": 8, "bottom": 46, "left": 130, "right": 16}
    height = f"{rows * _ROW + margin['top'] + margin['bottom'] + 10}px"
    return bqplot.Figure(
        marks=[mark],
        axes=axes,
        fig_margin=margin,
        # bqplot keeps to a ratio of its own otherwise
        layout=ipywidgets.Layout(width="100%", height=height, min_height=height, min_width="0"),
        background_style={"fill": "transparent"},
        display_toolbar=False,
        animation_duration=0,
    )
