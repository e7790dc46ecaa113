"""What a new iteration of a model changed: which points moved, and where the error grew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable
from jupytrack.errors import AnnotationError

__all__ = ["COMBINED", "IterationComparison", "compare_iterations"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Layer = VideoAnnotation | PointTable

COMBINED = "COMBINED"
"""Row of all labels together."""

MOVES = {
    "rank": "int64",
    "video": "object",
    "label": "object",
    "name": "object",
    "frame": "int64",
    "last": "int64",
    "worst": "int64",
    "moved": "float64",
    "likelihood_before": "float64",
    "likelihood_after": "float64",
    "error_before": "float64",
    "error_after": "float64",
    "grew": "float64",
    "times": "float64",
    "check": "object",
    "message": "object",
}
"""Columns of the ranked list, and their types."""

# Kinds of rows, in the order in which they are looked at.
_GREW, _MOVED, _UNSURE = 0, 1, 2
# A label that moved as a whole counts as usual at most this many times what the labels together do.
_MOST_USUAL = 3.0
# rows that are shown
_SHOWN = 10


@dataclass(frozen=True)
class IterationComparison:
    """What :func:`compare_iterations` found. The last line of a notebook cell shows it.

    Attributes
    ----------
    moves : pandas.DataFrame
        What to look at, the most important first; see :func:`compare_iterations`. As it stands it can be
        given to :func:`jupytrack.review`.
    labels : pandas.DataFrame
        One row a label, and of several labels ``COMBINED``: how far they moved, and their error.
    before, after : str
        Names of both iterations.
    left_out : tuple of str
        Labels (body parts, where known) that only one of both iterations has.
    """

    moves: pd.DataFrame
    labels: pd.DataFrame
    before: str
    after: str
    left_out: tuple[str, ...] = ()

    @property
    def worse(self) -> int:
        """On how many of the places in :attr:`moves` the error grew."""
        return int(self.moves["check"].str.startswith("error_grew").sum())

    @property
    def extent(self) -> str:
        """How much there is to look at, in a few words."""
        n = len(self.moves)
        text = f"{n:,} place{'' if n == 1 else 's'} to look at"
        return f"{text}, on {self.worse:,} the error grew" if self.worse else text

    def summary(self) -> str:
        """Return the result as one line."""
        whole = self.labels.iloc[-1]
        text = f"{self.before} → {self.after}: {self.extent}"
        if whole["manual"]:
            text += (
                f"; RMSE to {int(whole['manual']):,} manual points "
                f"{whole['rmse_before']:.3g} → {whole['rmse_after']:.3g} px"
            )
        text += f"; half of the points moved more than {whole['median_moved']:.3g} px"
        return text + (f"; not in both: {', '.join(self.left_out)}" if self.left_out else "")

    def _tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return both tables as they are shown: what says nothing here is left out."""
        worst = self.moves.head(_SHOWN).drop(columns=["check", "times"])
        worst = worst.drop(columns="video").dropna(axis="columns", how="all")
        labels = self.labels.dropna(axis="columns", how="all")
        if all(name in ("", label) for label, name in labels["name"].items()):
            return labels.drop(columns="name"), worst.drop(columns="name", errors="ignore")
        return labels, worst

    def __repr__(self) -> str:
        labels, worst = self._tables()
        parts = [self.summary(), labels.round(3).to_string(na_rep="")]
        if len(worst):
            parts += ["What to look at first:", worst.round(2).to_string(index=False, na_rep="")]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        labels, worst = self._tables()
        parts = [f"<p><b>{escape(self.summary())}</b></p>", labels.round(3).to_html(na_rep="")]
        if len(worst):
            parts += [
                "<p><b>What to look at first</b></p>",
                worst.round(2).to_html(index=False, na_rep=""),
            ]
        return "".join(parts)


class _Layer(NamedTuple):
    """Points of one layer: what both iterations share, or the manual labels among it."""

    xy: FloatArray
    likelihood: FloatArray


def compare_iterations(
    before: Layer,
    after: Layer,
    manual: Layer | None = None,
    *,
    video: str | None = None,
    labels: Sequence[str] | None = None,
    min_times: float = 5.0,
    min_scale: float = 1.0,
    min_likelihood: float = 0.6,
    max_gap: int = 5,
) -> IterationComparison:
    """Say what a new iteration of a model changed in its predictions of a video.

    Parameters
    ----------
    before, after : VideoAnnotation or PointTable
        Predictions of both iterations, with the likelihood where it is known; they are not changed.
    manual : VideoAnnotation or PointTable, optional
        Points placed by hand. Every point in it counts as the truth.
    video : str, optional
        Name for the column ``video``; by default that of the layers' video.
    labels : sequence of str, optional
        Only these labels of ``after``; by default all that both iterations have.
    min_times : float
        How many times as far as is usual for its label a point has to move to be listed.
    min_scale : float
        Less than this is never taken for what is usual, in pixels.
    min_likelihood : float
        Moves of points that neither iteration was this sure of come last, 0 to 1. Where it is not known, the
        model counts as sure.
    max_gap : int
        Parts of a label's move that are at most this many frames apart are one row.

    Returns
    -------
    IterationComparison
        ``moves``: one row a move, ranked. ``rank`` (from 1), ``video``, ``label``, ``name`` (its body part
        where it is known), ``frame`` and ``last`` (the first and last frame of the move), ``worst`` (the
        frame to look at: where the error grew most, else where the point moved most), and what holds on that
        frame: ``moved`` in pixels,
        ``likelihood_before`` and ``likelihood_after``, ``error_before`` and ``error_after`` (distance from
        the manual point, in pixels; NaN where there is none), ``grew`` (their difference), ``times`` (what it
        is ranked by),
        ``check`` (``error_grew …``, ``moved …`` or ``moved_unsure …``, with the name of the new iteration)
        and ``message``.

        ``labels``: indexed by ``label``. ``name``, ``points`` (in both), ``only_before``, ``only_after``,
        ``median_moved``, ``max_moved``, ``manual`` (manual points on which both have theirs),
        ``rmse_before``, ``rmse_after`` and ``share_worse`` (share of the manual points that are further off
        than before).

    Raises
    ------
    AnnotationError
        If they are no layers of points, are of videos of different lengths, share no label or no point, or a
        number makes no sense.

    Notes
    -----
    Labels are those of ``after``. Where body parts are known, they and not the labels say what belongs
    together: a body part that was added to a project gives others another number.

    A point moved by m = |after − before|. What is usual for label l is u_l = median(m), at least
    ``min_scale`` and at most three times the median of all labels' medians, so that a label that moved as a
    whole is seen. Listed where m > ``min_times`` · u_l. Were the differences normally distributed in x and
    y, m would be Rayleigh distributed, and beyond k · median in 2^(−k²) of all points: 1 in 33 million for
    the default. Of real predictions it is more, as their tails are longer.

    The error is the distance e from the manual point; its growth is listed where e_after − e_before is more
    than the label's median e_before (at least ``min_scale``). These come first, by growth over that median;
    then moves, by m / u_l; then moves where both likelihoods are below ``min_likelihood``, as of things that
    are hidden. RMSE = √(mean e²). Medians, so that a few large moves do not make themselves usual
    (Huber 1981, Robust statistics); the ranking is ours.

    It misleads on labels that the model was trained on: the new iteration has seen them, so that its error
    there is smaller than elsewhere. A drop of the error says little, growth says more. Where more than half
    of a layer's labels moved as a whole, nothing of it stands out: see ``median_moved``. And a move is no
    fault: a model that learned something moves its points.

    Examples
    --------
    >>> xy = np.full((1, 50, 2), 20.0)
    >>> moved = xy.copy()
    >>> moved[0, 30:34] += 9
    >>> compare_iterations(PointTable(["0"], xy), PointTable(["0"], moved)).moves[["frame", "last"]].values
    array([[30, 33]])
    """
    times, scale = _number("min_times", min_times), _number("min_scale", min_scale)
    sure, gap = _number("min_likelihood", min_likelihood, 1.0), int(_number("max_gap", max_gap))
    if scale == 0:
        raise AnnotationError("min_scale is 0.", "Give a number of pixels above 0.")
    latest = _table_of(after, "after")
    tables = [_like(_table_of(before, "before"), latest), latest]
    truth = None if manual is None else _like(_table_of(manual, "manual"), latest)
    _check_same_video([each for each in (before, after, manual) if isinstance(each, VideoAnnotation)])
    shared = _shared_labels(tables[0], tables[1], labels)
    parts = _body_parts(latest)
    bodies = [parts.get(label, label) for label in shared]
    n_frames = max(table.n_frames for table in tables)
    old, new = (_chosen(table, shared, n_frames) for table in tables)
    hand = np.full(old.xy.shape, np.nan) if truth is None else _chosen(truth, shared, n_frames).xy
    moved, was, now = _distance(new.xy, old.xy), _distance(old.xy, hand), _distance(new.xy, hand)
    if np.isnan(moved).all():
        raise AnnotationError(
            "There is no frame on which both iterations have the same label.", "Give two of the same video."
        )
    both = np.isnan(was) | np.isnan(now)
    was[both], now[both] = np.nan, np.nan
    usual = _usual(moved, scale)
    error = np.maximum(_medians(was), scale)
    growth = (now - was) / error[:, None]
    far = moved / usual[:, None]
    # NaN compares as False
    grew, listed = growth > 1, far > times
    kind = np.where(grew, _GREW, np.where((old.likelihood < sure) & (new.likelihood < sure), _UNSURE, _MOVED))
    names = _name(before, "before"), _name(after, "after")
    row, first, last, worst = _moves(grew | listed, kind, np.where(grew, growth, far), gap)
    at = (row, worst)
    moves = pd.DataFrame(
        {
            "video": pd.Series([_video_name(video, (before, after))] * len(row), dtype=object),
            "label": pd.Series([shared[each] for each in row.tolist()], dtype=object),
            "name": pd.Series([bodies[each] for each in row.tolist()], dtype=object),
            "frame": first,
            "last": last,
            "worst": worst,
            "moved": moved[at],
            "likelihood_before": old.likelihood[at],
            "likelihood_after": new.likelihood[at],
            "error_before": was[at],
            "error_after": now[at],
            "grew": (now - was)[at],
            "times": np.where(grew, growth, far)[at],
            "check": _checks(kind[at], names[1]),
        }
    )
    moves["message"] = pd.Series(_messages(moves, kind[at]), dtype=object)
    only = [~np.isnan(one.xy[:, :, 0]) & np.isnan(two.xy[:, :, 0]) for one, two in ((old, new), (new, old))]
    alone = set(tables[0].labels) ^ set(tables[1].labels) if labels is None else set()
    left_out = tuple(sorted(parts.get(label, label) for label in alone))
    summary = _summary(shared, bodies, moved, was, now, only)
    return IterationComparison(_ranked(moves, kind[at]), summary, *names, left_out)


def _number(name: str, value: Any, high: float = np.inf) -> float:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not (0 <= value <= high and np.isfinite(value)):
        limits = "from 0" + ("" if np.isinf(high) else f" to {high:g}")
        raise AnnotationError(f"{name} is {value!r}.", f"Give a finite number {limits}.")
    return float(value)


def _table_of(layer: Layer, what: str) -> PointTable:
    if isinstance(layer, PointTable):
        return layer
    if isinstance(layer, VideoAnnotation):
        return layer.to_table()
    raise AnnotationError(
        f"{what} is {type(layer).__name__}, no layer of points.", "Give a VideoAnnotation or a PointTable."
    )


def _body_parts(table: PointTable) -> dict[str, str]:
    return {str(label): str(name) for label, name in table.meta.get("names", {}).items()}


def _like(table: PointTable, other: PointTable) -> PointTable:
    """Return a table with the labels that another one uses for the same body parts."""
    names, theirs = _body_parts(table), {name: label for label, name in _body_parts(other).items()}
    if not names or not theirs:
        return table
    labels = [theirs.get(names[label], names[label]) if label in names else label for label in table.labels]
    # two labels of one body part, or a label that is another's body part: keep apart what is apart
    if len(set(labels)) < len(labels):
        return table
    return PointTable(labels, table.xy, table.columns)


def _name(layer: Layer, otherwise: str) -> str:
    return layer.name if isinstance(layer, VideoAnnotation) else otherwise


def _video_name(given: str | None, layers: Sequence[Layer]) -> str:
    videos = [each.video for each in layers if isinstance(each, VideoAnnotation)]
    found = [Path(video.fname).stem for video in videos if video is not None]
    return given if given is not None else found[0] if found else ""


def _check_same_video(layers: Sequence[VideoAnnotation]) -> None:
    videos = [(each.name, len(each.video)) for each in layers if each.video is not None]
    for name, n_frames in videos[1:]:
        if n_frames != videos[0][1]:
            raise AnnotationError(
                f"The videos differ: {videos[0][0]} has {videos[0][1]} frames, {name} {n_frames}.",
                "Give layers of the same video.",
            )


def _shared_labels(before: PointTable, after: PointTable, wanted: Sequence[str] | None) -> list[str]:
    shared = [label for label in after.labels if label in before.labels]
    if wanted is not None:
        wanted = [wanted] if isinstance(wanted, str) else list(wanted)
        missing = [label for label in wanted if label not in shared]
        if missing:
            raise AnnotationError(
                f"Label {missing[0]!r} is not in both iterations.",
                f"In both are {', '.join(shared) or 'none'}.",
            )
        shared = list(dict.fromkeys(wanted))
    if not shared:
        raise AnnotationError(
            "Both iterations share no label.",
            f"One has {', '.join(before.labels)}, the other {', '.join(after.labels)}.",
        )
    return shared


def _chosen(table: PointTable, labels: list[str], n_frames: int) -> _Layer:
    """Return the points of some labels on all frames, NaN where there is none."""
    n = min(table.n_frames, n_frames)
    out = _Layer(np.full((len(labels), n_frames, 2), np.nan), np.full((len(labels), n_frames), np.nan))
    likelihood = table.columns.get("likelihood")
    for row, label in enumerate(labels):
        if label in table.labels:
            there = table.labels.index(label)
            out.xy[row, :n] = table.xy[there, :n]
            if likelihood is not None:
                out.likelihood[row, :n] = likelihood[there, :n]
    return out


def _distance(one: FloatArray, other: FloatArray) -> FloatArray:
    distance: FloatArray = np.hypot(one[:, :, 0] - other[:, :, 0], one[:, :, 1] - other[:, :, 1])
    return distance


def _medians(values: FloatArray) -> FloatArray:
    """Return the median of what is known in each row, NaN where nothing is."""
    known = ~np.isnan(values)
    return np.array(
        [np.median(row[there]) if there.any() else np.nan for row, there in zip(values, known, strict=True)]
    )


def _usual(moved: FloatArray, min_scale: float) -> FloatArray:
    """Return how far each label usually moved."""
    medians = _medians(moved)
    known = medians[~np.isnan(medians)]
    return np.clip(medians, min_scale, max(_MOST_USUAL * float(np.median(known)), min_scale))


def _moves(
    listed: BoolArray, kind: NDArray[np.int64], times: FloatArray, max_gap: int
) -> tuple[NDArray[np.int64], ...]:
    """Return row, first, last and worst frame of every move: frames of a label with no long gap between."""
    row, frame = np.nonzero(listed)
    if not row.size:
        return row, frame, frame, frame
    new = np.ones(len(row), np.bool_)
    new[1:] = (np.diff(row) != 0) | (np.diff(frame) > max_gap + 1)
    start = np.flatnonzero(new)
    move = np.cumsum(new) - 1
    # of each move the first in the order of looking at them
    order = np.lexsort((-times[row, frame], kind[row, frame], move))
    worst = frame[order][start]
    last = frame[np.append(start[1:], len(row)) - 1]
    return row[start], frame[start], last, worst


def _checks(kind: NDArray[np.int64], after: str) -> NDArray[np.object_]:
    # with the iteration's name, so that a verdict on this comparison is none on the next
    kinds = ("error_grew", "moved", "moved_unsure")
    names = np.array([f"{each} {after}".replace(", ", " ") for each in kinds], object)
    named: NDArray[np.object_] = names[kind]
    return named


def _messages(moves: pd.DataFrame, kind: NDArray[np.int64]) -> list[str]:
    columns = (moves[name].tolist() for name in ("moved", "error_before", "error_after", "times"))
    texts = []
    for each, moved, was, now, times in zip(kind.tolist(), *columns, strict=True):
        if each == _GREW:
            texts.append(f"error grew from {was:.1f} to {now:.1f} px")
        else:
            unsure = ", neither iteration was sure" if each == _UNSURE else ""
            texts.append(f"moved {moved:.1f} px, {times:.0f} times the usual{unsure}")
    return texts


def _ranked(moves: pd.DataFrame, kind: NDArray[np.int64]) -> pd.DataFrame:
    order = np.lexsort((moves["frame"], -moves["times"], kind))
    ranked = moves.iloc[order].reset_index(drop=True)
    ranked.insert(0, "rank", np.arange(1, len(ranked) + 1))
    return ranked.astype(MOVES)[list(MOVES)]


def _summary(
    labels: list[str],
    bodies: list[str],
    moved: FloatArray,
    was: FloatArray,
    now: FloatArray,
    only: list[BoolArray],
) -> pd.DataFrame:
    parts = {label: slice(row, row + 1) for row, label in enumerate(labels)}
    if len(labels) > 1:
        parts[COMBINED] = slice(None)
    rows = [_summary_row(moved[at], was[at], now[at], [each[at] for each in only]) for at in parts.values()]
    table = pd.DataFrame(rows, index=pd.Index(list(parts), dtype=object, name="label"))
    table.insert(0, "name", pd.Series([*bodies, ""][: len(parts)], table.index, dtype=object))
    return table


def _summary_row(
    moved: FloatArray, was: FloatArray, now: FloatArray, only: list[BoolArray]
) -> dict[str, float]:
    known, old, new = moved[~np.isnan(moved)], was[~np.isnan(was)], now[~np.isnan(now)]
    return {
        "points": known.size,
        "only_before": int(only[0].sum()),
        "only_after": int(only[1].sum()),
        "median_moved": float(np.median(known)) if known.size else np.nan,
        "max_moved": float(known.max()) if known.size else np.nan,
        "manual": old.size,
        "rmse_before": float(np.sqrt(np.mean(old**2))) if old.size else np.nan,
        "rmse_after": float(np.sqrt(np.mean(new**2))) if new.size else np.nan,
        "share_worse": float((new > old).mean()) if old.size else np.nan,
    }
