"""What all checks together found, for a notebook cell."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jupytrack.errors import AnnotationError
from jupytrack.files import write_atomic
from jupytrack.qa.html import html_table
from jupytrack.qa.origin import Origin
from jupytrack.qa.scores import suspicion
from jupytrack.qa.table import closest

if TYPE_CHECKING:
    from jupytrack.video.source import FrameSource

__all__ = ["Report"]

# rows of the most suspicious frames that are shown
_SHOWN = 10


def _counted(n: float, noun: str) -> str:
    plural = noun + ("es" if noun.endswith("x") else "s")
    return f"{int(n):,} {noun if n == 1 else plural}"


class Report:
    """What :func:`jupytrack.qa.run` found.

    The last line of a notebook cell shows how often each check struck and the most suspicious frames.

    Attributes
    ----------
    table : pandas.DataFrame
        Every flag, by video and frame: ``video``, ``track``, ``frame``, ``last`` (the last frame that it is
        about), ``check``, ``value``, ``threshold``, ``severity``, ``message``.
    checks : pandas.DataFrame
        Indexed by ``check``: ``flags``, ``tracks`` and ``frames`` (how many), ``thresholds``, and ``skipped``
        (why a check did not run; empty if it did).
    aggregates : pandas.DataFrame
        Numbers on the whole, one row a video, see :func:`jupytrack.qa.aggregates.aggregates`.
    categories, sizes : pandas.DataFrame
        Of boxes: how many there are of each class, and of small, medium and large ones. Empty for points.
    origin : Origin or None
        The layers that were checked, and how to check them again.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        checks: pd.DataFrame,
        aggregates: pd.DataFrame,
        categories: pd.DataFrame,
        sizes: pd.DataFrame,
        origin: Origin | None = None,
    ) -> None:
        self.origin = origin
        self.table = table
        self.checks = checks
        self.aggregates = aggregates
        self.categories = categories
        self.sizes = sizes

    @cached_property
    def scores(self) -> pd.DataFrame:
        """How suspicious each track is on each flagged frame, the worst first.

        Columns ``video``, ``track``, ``frame``, ``last``, ``score``, ``checks``, ``message``; see
        :func:`jupytrack.qa.suspicion`.
        """
        return suspicion(self.table)

    def frame_scores(self, video: str | None = None) -> pd.Series[float]:
        """Return the highest score on each frame of a video, 0 where nothing is flagged.

        Parameters
        ----------
        video : str, optional
            Which video; may be left out if there is only one.

        Returns
        -------
        pandas.Series
            Indexed by ``frame``, from 0 to the video's last frame.

        Raises
        ------
        AnnotationError
            If there is no such video, or it is not said which of several.
        """
        videos = [name for name in self.aggregates.index if name in self.videos]
        if video is None and len(videos) == 1:
            video = videos[0]
        if video not in videos:
            what = "It is not said which video." if video is None else f"There is no video {video!r}."
            raise AnnotationError(what, closest(str(video), videos))
        scores = self.scores[self.scores["video"] == video]
        frames = self.aggregates["frames"].to_numpy()[list(self.aggregates.index).index(video)]
        highest = np.zeros(int(frames))
        # the worst one last, so that it stays
        columns = (scores[name].tolist()[::-1] for name in ("frame", "last", "score"))
        for first, last, score in zip(*columns, strict=True):
            highest[first : last + 1] = score
        return pd.Series(highest, pd.RangeIndex(len(highest), name="frame"), name="score")

    @property
    def videos(self) -> list[str]:
        """Names of the videos."""
        return [name for name in self.aggregates.index if len(self.aggregates) == 1 or name != "COMBINED"]

    def _worst(self) -> pd.DataFrame:
        """Return the most suspicious frames as they are shown: of a single video, its name says nothing."""
        worst = self.scores.head(_SHOWN).round({"score": 2})
        worst["track"] = ["" if track is None else str(track) for track in worst["track"]]
        return worst if len(self.videos) > 1 else worst.drop(columns="video")

    def to_html(
        self,
        path: str | os.PathLike[str],
        *,
        video: FrameSource | Mapping[str, FrameSource] | None = None,
        title: str = "Quality",
        pictures: int = 6,
    ) -> Path:
        """Write the report as one HTML file that opens anywhere: no kernel, no network, no other file.

        Parameters
        ----------
        path : path
            The file; an older one is replaced in one step.
        video : FrameSource or mapping of str to FrameSource, optional
            The open video, or videos by name; by default the annotations' own. Without one there are no
            pictures.
        title : str
            Heading of the page.
        pictures : int
            How many of the most suspicious frames are shown, with the tracks on them; at least 10 frames
            apart.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        AnnotationError
            If the video does not fit, or the number makes no sense.
        SaveError
            If the file cannot be written.
        """
        from jupytrack.qa.page import page

        text = page(self, video=video, title=title, pictures=pictures)
        write_atomic(path := Path(path), text.encode())
        return path

    def summary(self) -> str:
        """Return what was found, as one line."""
        whole = self.aggregates.iloc[-1]
        thing, track = ("box", "track") if "boxes" in whole else ("point", "label")
        things = _counted(whole["boxes" if thing == "box" else "points"], thing)
        tracks = _counted(whole[f"{track}s"], track)
        n_frames = len(self.table[["video", "frame"]].drop_duplicates())
        found = "nothing flagged"
        if len(self.table):
            found = f"{_counted(len(self.table), 'flag')} on {_counted(n_frames, 'frame')}"
        of = f"{things} of {tracks} on {_counted(whole['frames'], 'frame')}"
        videos = f" of {len(self.videos)} videos" if len(self.videos) > 1 else ""
        return f"{found}; {of}{videos}"

    def __repr__(self) -> str:
        lines = [self.summary()]
        for name, row in self.checks.iterrows():
            what = f"skipped: {row['skipped']}" if row["skipped"] else f"{row['flags']:,}"
            lines.append(f"  {name:18}{what}")
        if len(self.scores):
            lines += ["Most suspicious:", str(self._worst().to_string(index=False, max_colwidth=80))]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        ran = self.checks[self.checks["skipped"] == ""].drop(columns="skipped").reset_index()
        skipped = self.checks[self.checks["skipped"] != ""]["skipped"]
        parts = [f"<p><b>{escape(self.summary())}</b></p>", html_table(ran)]
        if len(skipped):
            listed = "; ".join(f"{name} ({why})" for name, why in skipped.items())
            parts.append(f"<p>Not run: {escape(listed)}.</p>")
        if len(self.scores):
            parts += ["<p><b>Most suspicious</b></p>", html_table(self._worst())]
        whole = self.aggregates.reset_index()
        parts += [
            "<p><b>As a whole</b></p>",
            html_table(whole.drop(columns="video") if len(whole) == 1 else whole),
        ]
        if len(self.categories):
            both = [html_table(self.categories.reset_index()), html_table(self.sizes.reset_index())]
            beside = "display:flex;gap:2em;align-items:flex-start"
            parts.append(f'<div style="{beside}">{"".join(both)}</div>')
        return "".join(parts)
