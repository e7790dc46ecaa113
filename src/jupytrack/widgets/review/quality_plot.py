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
from jupytrack.qa.table import frame_span
from jupytrack.widgets.annotator import Annotator
from jupytrack.widgets.queue.video_queue import VideoQueue, require_annotator
from jupytrack.widgets.review.checking_again import checking_again
from jupytrack.widgets.review.heat_strip import HEAT, heat_levels

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["QualityPlot"]

# places across the map that can differ, and tracks that are shown
_BINS = 120
_TRACKS = 30
_ROW = 22
# a mark is about as wide as a place is in a narrow window, so that marks do not hide each other
_WIDE, _TALL = 5, 16
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
        self._name = report.videos[0] if video is None else video
        self._n_frames = n_frames
        self._checks: list[str] = []
        self._tracks: list[str] = []
        self._left_out = 0
        self._take(report)
        self.caption = ipywidgets.HTML(self._note())
        self._bar = bqplot.Bars(
            x=np.array(self._checks), y=self._counts(), orientation="horizontal", colors=[HEAT[1]],
            padding=0.25, scales={"x": bqplot.OrdinalScale(reverse=True), "y": bqplot.LinearScale(min=0.0)},
        )  # fmt: skip
        self._bar.on_element_click(lambda _, message: self.choose_check(int(message["data"]["index"])))
        self._marks = bqplot.Scatter(
            x=np.empty(0), y=np.empty(0, str), marker="rectangle", default_size=_WIDE * _TALL,
            default_skew=float(np.log10(_TALL / _WIDE)),
            scales={
                "x": bqplot.LinearScale(min=0.0, max=float(max(n_frames - 1, 1))),
                "y": bqplot.OrdinalScale(reverse=True),
            },
        )  # fmt: skip
        self._marks.on_element_click(lambda _, message: self.choose_cell(int(message["data"]["index"])))
        self.bars = _figure(
            self._bar,
            [
                bqplot.Axis(scale=self._bar.scales["x"], side="left", **_STYLE),
                bqplot.Axis(
                    scale=self._bar.scales["y"],
                    label="flags",
                    tick_format="~d",
                    label_offset="32px",
                    **_STYLE,
                ),
            ],
        )
        self.map = _figure(
            self._marks,
            [
                bqplot.Axis(scale=self._marks.scales["y"], side="left", **_STYLE),
                bqplot.Axis(
                    scale=self._marks.scales["x"],
                    label="frame",
                    tick_format="~d",
                    label_offset="32px",
                    **_STYLE,
                ),
            ],
        )
        self._draw()
        super().__init__([self.bars, self.map, self.caption])
        self.add_class("jupytrack-quality-plot")
        checking = None if annotator is None else checking_again(annotator, report, None)
        self._stop = None if checking is None else checking.listen(self._on_checked)

    def close(self) -> None:
        """Leave the screen, and follow no edits any more."""
        stop, self._stop = getattr(self, "_stop", None), None
        if stop is not None:
            stop()
        super().close()

    def _take(self, report: Report) -> None:
        """Take over what a report found."""
        scores = report.scores
        self._scores = scores[scores["video"] == self._name].reset_index(drop=True)
        self._flags = self._ranked(report.table[report.table["video"] == self._name])
        if not self._checks:
            ran = [check for check in report.checks.index if not report.checks["skipped"][check]]
            counts = self._flags["check"].value_counts()
            self._checks = sorted(ran, key=lambda check: -int(counts.get(check, 0)))
        self._turns = dict.fromkeys(self._checks, 0)
        self._cells, tracks, self._left_out = _cells(self._scores, self._n_frames)
        # no row moves: tracks without flags stay, new ones come last
        kept = self._tracks or tracks
        self._tracks = [*kept, *(track for track in tracks if track not in kept)][: max(_TRACKS, len(kept))]
        self._cells = self._cells[self._cells["row"].isin(self._tracks)].reset_index(drop=True)

    def _ranked(self, flags: pd.DataFrame) -> pd.DataFrame:
        rank = {(row.track, row.frame): n for n, row in enumerate(self._scores.itertuples())}
        places = [rank[row.track, row.frame] for row in flags.itertuples()]
        return flags.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)

    def _counts(self) -> NDArray[np.int64]:
        counts = self._flags["check"].value_counts()
        return np.array([int(counts.get(check, 0)) for check in self._checks], np.int64)

    def _note(self) -> str:
        return f"{self._left_out} less suspicious tracks are not shown." if self._left_out else ""

    def _draw(self) -> None:
        counts = self._counts()
        most = int(max([1, *counts]))
        step = max(1, -(-most // 5))
        self._bar.scales["y"].max = float(most)
        self.bars.axes[1].tick_values = np.arange(0, most + 1, step)
        self._bar.y = counts
        levels = heat_levels(self._cells["score"], np.zeros(len(self._cells), np.bool_))
        marks = self._marks
        marks.scales["y"].domain = self._tracks
        with marks.hold_sync():
            marks.x, marks.y = self._cells["at"].to_numpy(np.float64), self._cells["row"].to_numpy(str)
            marks.colors = [HEAT[level - 1] for level in levels] or [HEAT[0]]
        for figure, rows in ((self.bars, len(self._checks)), (self.map, len(self._tracks))):
            height = f"{rows * _ROW + figure.fig_margin['top'] + figure.fig_margin['bottom'] + 10}px"
            figure.layout.height = figure.layout.min_height = height

    def _on_checked(self, report: Report) -> None:
        self._take(report)
        self._draw()
        self.caption.value = self._note()

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
        """Go to the most suspicious frame of a mark, as a click on it does.

        Parameters
        ----------
        place : int
            Which mark; they are ordered by score.
        """
        cell = self._cells.iloc[place]
        self._go(int(cell["at"]), cell["track"])
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
        span = frame_span(row["frame"], row["last"]).capitalize()
        where = span + ("" if row["track"] is None else f", track {row['track']}")
        self.caption.value = escape(f"{where}: {row['message']} ({what})")


def _cells(scores: pd.DataFrame, n_frames: int) -> tuple[pd.DataFrame, list[str], int]:
    """Return the worst row of each place, the names of the rows, and how many tracks are left out.

    A flag that holds for several places is on each; ``at`` is its first frame there.
    """
    size = max(1, -(-n_frames // _BINS))
    rows = np.array([_WHOLE if track is None else str(track) for track in scores["track"]], object)
    scores = scores.assign(row=rows)
    # scores are sorted, so that the first of each is the worst
    order = scores.groupby("row", sort=False)["score"].sum().sort_values(ascending=False, kind="stable")
    tracks = [str(track) for track in order.index[:_TRACKS]]
    first, last = (scores[name].to_numpy(np.int64) // size for name in ("frame", "last"))
    n = last - first + 1
    cells = scores.iloc[np.repeat(np.arange(len(scores)), n)].reset_index(drop=True)
    place = np.arange(len(cells)) - np.repeat(np.cumsum(n) - n, n) + np.repeat(first, n)
    cells = cells.assign(place=place, at=np.maximum(cells["frame"].to_numpy(np.int64), place * size))
    cells = cells[cells["row"].isin(tracks)].drop_duplicates(["row", "place"])
    return cells.reset_index(drop=True), tracks, len(order) - len(tracks)


def _figure(mark: Any, axes: list[Any]) -> Any:
    return bqplot.Figure(
        marks=[mark],
        axes=axes,
        fig_margin={"top": 8, "bottom": 46, "left": 130, "right": 16},
        # with a height in the layout, too: bqplot keeps to a ratio of its own otherwise
        layout=ipywidgets.Layout(width="100%", min_width="0"),
        background_style={"fill": "transparent"},
        display_toolbar=False,
        animation_duration=0,
    )
