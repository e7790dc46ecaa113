"""Blips: a label jumps away for a few frames and returns. Found in the positions, re-tracked in the video."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable, Source, column_type
from jupytrack.errors import AnnotationError
from jupytrack.flow.checks import check_disagreement, check_number, points_in_video
from jupytrack.flow.lucas_kanade import check_points, lucas_kanade_rstc
from jupytrack.flow.opencv import flow_options
from jupytrack.video.reader import VideoReader

if TYPE_CHECKING:
    import pandas as pd

    from jupytrack.jobs import Progress
    from jupytrack.video.source import FrameSource

__all__ = ["BlipRepair", "detect_blips", "interpolate_blips"]

FloatArray = NDArray[np.float64]

# Standard deviation over median absolute deviation, for normally distributed values.
_GAUSSIAN = 1.4826
# A label has returned if it ends within this share of the jump from where it began.
_RETURNED = 0.5
# A jump is this many times faster than the label moves around it.
_FASTER = 2.0

_COLUMNS = {
    "label": "object",
    "start": "int64",
    "end": "int64",
    "before": "int64",
    "after": "int64",
    "peak_frame": "int64",
    "peak": "float64",
    "threshold": "float64",
}


class BlipRepair(NamedTuple):
    """What :func:`interpolate_blips` returns.

    Attributes
    ----------
    layer : VideoAnnotation
        Only the re-tracked points.
    table : pandas.DataFrame
        The blips, and how far each repair can be trusted.
    """

    layer: VideoAnnotation
    table: pd.DataFrame


def detect_blips(
    annotation: VideoAnnotation | PointTable,
    labels: Iterable[str] | None = None,
    *,
    max_blip_length: int = 5,
    threshold_factor: float = 8.0,
    min_distance: float = 1.0,
) -> pd.DataFrame:
    """Find short runs of frames in which a label is away from its path and then back on it.

    The video is not read.

    Parameters
    ----------
    annotation : VideoAnnotation or PointTable
        The layer; it is not changed.
    labels : iterable of str, optional
        Which labels to look at; all by default.
    max_blip_length : int
        Longest blip, in frames.
    threshold_factor : float
        How far from the ordinary a jump is, in robust standard deviations.
    min_distance : float
        Nothing nearer to the path than this is a blip, in pixels.

    Returns
    -------
    pandas.DataFrame
        One row a blip, ordered by frame, with the columns ``label``, ``start`` and ``end`` (first and last
        frame of the blip), ``before`` and ``after`` (the good frames on both sides), ``peak_frame``, ``peak``
        (largest distance from the path) and ``threshold``, both in pixels.

    Raises
    ------
    AnnotationError
        If there is no such label, or a number makes no sense.

    Notes
    -----
    With p[t] a label's position on frame t, its roughness is r[t] = |p[t] − (p[t−1] + p[t+1]) / 2|, which
    steady motion leaves at 0. The threshold is T = median(r) + ``threshold_factor`` · 1.4826 · MAD(r), but at
    least ``min_distance``, where MAD(r) = median(|r − median(r)|). The blips themselves hardly move median
    and MAD (Hampel 1974, J. Am. Stat. Assoc. 69:383; Leys et al. 2013, J. Exp. Soc. Psychol. 49:764).

    The frames between a and b are a blip if (1) there are at most ``max_blip_length``, (2) on each of them
    the label is further than T from the straight line from p[a] to p[b], (3) it returns: |p[b] − p[a]| is at
    most half of the first and of the last of these distances, and (4) both are more than twice the label's
    speed (pixels a frame) just before a or just after b, whichever is slower.

    It misleads where a label really moves away and back within ``max_blip_length``, such as a blink or a
    tremor of few frames a period: lower it. It is blind to blips at the beginning or the end of a label's
    points, since there is no good frame on one side; to those that are slower than the motion around them;
    to steps from which the label does not return; and, where more than half of the points are off, to
    everything.

    Examples
    --------
    >>> xy = np.full((1, 20, 2), 50.0)
    >>> xy[0, 7:9] += 30
    >>> detect_blips(PointTable(["0"], xy))[["label", "start", "end", "peak"]].values.tolist()
    [['0', 7, 8, 42.42640687119285]]
    """
    import pandas as pd

    _check_layer(annotation, (VideoAnnotation, PointTable))
    if not check_number(max_blip_length, "max_blip_length", "Give a number of frames from 1.") >= 1:
        raise AnnotationError(f"max_blip_length is {max_blip_length}.", "Give a number of frames from 1.")
    for name, value in (("threshold_factor", threshold_factor), ("min_distance", min_distance)):
        remedy = "Give a finite number from 0."
        if not (np.isfinite(check_number(value, name, remedy)) and value >= 0):
            raise AnnotationError(f"{name} is {value}.", remedy)
    table = annotation if isinstance(annotation, PointTable) else annotation.to_table()
    rows: list[tuple[Any, ...]] = []
    for label in _chosen(table, labels):
        xy = table.xy[table.labels.index(label)]
        frames = np.flatnonzero(np.isfinite(xy).all(axis=1))
        threshold = _threshold(frames, xy[frames], threshold_factor, min_distance)
        rows += [
            (label, *found, threshold) for found in _blips_of(frames, xy[frames], max_blip_length, threshold)
        ]
    rows.sort(key=lambda row: (row[1], table.labels.index(row[0])))
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _check_layer(annotation: Any, kinds: tuple[type, ...]) -> None:
    if not isinstance(annotation, kinds):
        raise AnnotationError(f"This is no layer: {annotation!r:.100}.", "Give a VideoAnnotation.")


def _chosen(table: PointTable, labels: Iterable[str] | None) -> list[str]:
    if labels is None:
        return table.labels
    chosen = list(labels) if isinstance(labels, Iterable) and not isinstance(labels, str) else [labels]
    unknown = [label for label in chosen if label not in table.labels]
    if unknown:
        raise AnnotationError(
            f"There is no label {', '.join(map(repr, unknown))}.", f"Choose from {', '.join(table.labels)}."
        )
    return list(dict.fromkeys(chosen))


def _threshold(
    frames: NDArray[np.intp], xy: FloatArray, threshold_factor: float, min_distance: float
) -> float:
    inner = np.flatnonzero(frames[2:] - frames[:-2] == 2) + 1
    if not inner.size:
        return min_distance
    rough = np.linalg.norm(xy[inner] - (xy[inner - 1] + xy[inner + 1]) / 2, axis=1)
    middle = np.median(rough)
    spread = _GAUSSIAN * np.median(np.abs(rough - middle))
    return float(max(min_distance, middle + threshold_factor * spread))


def _blips_of(
    frames: NDArray[np.intp], xy: FloatArray, max_blip_length: int, threshold: float
) -> list[tuple[int, int, int, int, int, float]]:
    """Return (start, end, before, after, peak frame, peak) of one label's points."""
    found = []
    steps = np.linalg.norm(np.diff(xy, axis=0), axis=1)
    # (2) and (3) together let no step into a blip be shorter
    jumps = np.flatnonzero(steps > (1 - _RETURNED / 2) * threshold)
    previous = np.arange(len(frames)) - 1  # the good point before each
    free = 0  # first point that is not part of a blip that was found
    for a in jumps.tolist():
        if a < free:
            continue
        for b in range(a + 2, len(frames)):
            if frames[b] - frames[a] - 1 > max_blip_length:
                break
            away = _off_the_line(frames, xy, a, b)
            jump = min(away[0], away[-1])
            net = float(np.linalg.norm(xy[b] - xy[a]))
            if away.min() <= threshold or net > _RETURNED * jump:
                continue
            if jump <= _FASTER * _speed(frames, xy, int(previous[a]), a, b):
                continue
            top = int(away.argmax())
            inside = frames[a + 1 : b]
            ends = int(inside[0]), int(inside[-1]), int(frames[a]), int(frames[b])
            found.append((*ends, int(inside[top]), float(away[top])))
            previous[b] = a
            free = b
            break
    return found


def _off_the_line(frames: NDArray[np.intp], xy: FloatArray, a: int, b: int) -> FloatArray:
    """Return how far the points between two are from the straight line between them, in time as in space."""
    share = ((frames[a + 1 : b] - frames[a]) / (frames[b] - frames[a]))[:, None]
    away: FloatArray = np.linalg.norm(xy[a + 1 : b] - (1 - share) * xy[a] - share * xy[b], axis=1)
    return away


def _speed(frames: NDArray[np.intp], xy: FloatArray, before: int, a: int, b: int) -> float:
    """Return the speed around a run in pixels a frame: the slower side; the other may hold a blip, too."""
    speeds = [
        float(np.linalg.norm(xy[j] - xy[i]) / (frames[j] - frames[i]))
        for i, j in ((before, a), (b, b + 1))
        if i >= 0 and j < len(frames)
    ]
    return min(speeds, default=0.0)


def interpolate_blips(
    annotation: VideoAnnotation,
    blips: pd.DataFrame | None = None,
    video: FrameSource | str | Path | None = None,
    *,
    name: str = "blips",
    fname: str | Path | None = None,
    max_disagreement: float | None = None,
    exact: bool = False,
    progress: Progress | None = None,
    **lk_config: Any,
) -> BlipRepair:
    """Track each blip anew with LK-RSTC, from the good frames on both sides.

    Parameters
    ----------
    annotation : VideoAnnotation
        The layer; it is not changed.
    blips : pandas.DataFrame, optional
        What :func:`detect_blips` returned, or those of its rows that are to be repaired; by default
        ``detect_blips(annotation)``.
    video : VideoReader or path, optional
        By default the annotation's.
    name : str
        Name of the new layer.
    fname : path, optional
        File of the new layer, written by its :meth:`save`; without one it is in memory only.
    max_disagreement : float, optional
        Leave a blip empty if forward and backward tracking are further apart than this on one of its frames,
        in pixels.
    exact : bool
        DUSTrack's numbers, see :func:`lucas_kanade_rstc`.
    progress : Progress, optional
        Told after every blip; may cancel.
    **lk_config
        Passed on to :func:`lucas_kanade_rstc`.

    Returns
    -------
    layer : VideoAnnotation
        All labels of the annotation, with points only on those frames of blips on which it has points. Their
        source is ``LUCAS_KANADE``; the column ``disagreement`` is the distance between forward and backward
        tracking, in pixels.
    table : pandas.DataFrame
        ``blips`` with three more columns: ``disagreement`` (the largest within the blip, pixels), ``moved``
        (the largest distance from the old point to the new one, pixels) and ``problem`` (why there are no new
        points; empty if there are).

    Raises
    ------
    AnnotationError
        If there is no video, it is shorter than the annotation, the table lacks a column, a row does not
        fit the annotation, an option makes no sense, or ``fname`` is the annotation's own file.
    ConflictError
        If the layer was made on another video.
    FormatError
        If ``fname`` exists and is no layer.
    VideoError
        If the video stops decoding on the way.
    JobCancelled
        If cancelled.

    Notes
    -----
    Both ends are taken for granted. Where they are wrong, or what is under the point is hidden during the
    blip, the new points are wrong, too; then the disagreement is usually large.

    Examples
    --------
    >>> repair = interpolate_blips(layer, max_disagreement=3)  # doctest: +SKIP
    >>> repair.table  # doctest: +SKIP
    """
    _check_layer(annotation, (VideoAnnotation,))
    video = annotation.video if video is None else video
    shown = annotation.fname or annotation.name
    if video is None:
        raise AnnotationError(f"{shown} has no video.", "Give video=.")
    if isinstance(video, (str, Path)):
        video = VideoReader(video)
    max_disagreement = check_disagreement(max_disagreement)
    flow_options(lk_config)
    if fname is not None and annotation.fname and Path(fname).resolve() == Path(annotation.fname).resolve():
        raise AnnotationError(
            f"{fname} is the file of the layer itself.",
            "Give fname= another name: the repairs are a new layer.",
        )
    table = points_in_video(annotation, video)
    listed = _listed(detect_blips(table) if blips is None else blips)
    spans = _spans(listed, table, str(shown))
    result = PointTable.empty(table.labels, len(video))
    for column in ("source", "disagreement"):
        result.columns[column] = column_type(column).empty(result.xy.shape[:2])
    outcomes: list[tuple[float, float, str]] = [(np.nan, np.nan, "")] * len(spans)
    # in the order of frames the video is read once
    for done, n in enumerate(sorted(range(len(spans)), key=lambda n: spans[n])):
        if progress is not None:
            progress.update(done, len(spans), f"blip {done} of {len(spans)}")
        outcomes[n] = _retrack(video, table, result, spans[n], str(shown), max_disagreement, exact, lk_config)
    if progress is not None:
        progress.update(len(spans), len(spans), f"{len(spans)} blips")
    for place, column in enumerate(("disagreement", "moved", "problem")):
        values: Any = [outcome[place] for outcome in outcomes]
        listed[column] = np.array(values, object if column == "problem" else np.float64)
    layer = VideoAnnotation(fname, name=name, video=video, palette_name=annotation.display.palette_name)
    layer._replace_all(result, "Interpolate blips")
    return BlipRepair(layer, listed)


# (before, after, row of the label)
_Span = tuple[int, int, int]


def _listed(blips: Any) -> pd.DataFrame:
    import pandas as pd

    if not isinstance(blips, pd.DataFrame):
        raise AnnotationError(
            f"Blips cannot be given as {type(blips).__name__}.", "Give rows of what detect_blips() returned."
        )
    return blips.reset_index(drop=True)


def _spans(blips: pd.DataFrame, table: PointTable, shown: str) -> list[_Span]:
    missing = [name for name in ("label", "before", "after") if name not in blips.columns]
    if missing:
        raise AnnotationError(
            f"The table of blips lacks {', '.join(missing)}.", "Give rows of what detect_blips() returned."
        )
    spans = []
    rows = zip(blips["label"].tolist(), blips["before"].tolist(), blips["after"].tolist(), strict=True)
    for label, before, after in rows:
        known = label in table.labels and all(
            isinstance(frame, Real) and frame in range(table.n_frames) for frame in (before, after)
        )
        row = table.labels.index(label) if known else -1
        ends = [int(before), int(after)] if known else []
        if not known or before >= after or not np.isfinite(table.xy[row, ends]).all():
            raise AnnotationError(
                f"{shown} has no points of label {label!r} on frames {before} and {after}.",
                "Give rows that detect_blips() found in this layer as it is now.",
            )
        spans.append((int(before), int(after), row))
    return spans


def _retrack(
    video: FrameSource,
    table: PointTable,
    result: PointTable,
    span: _Span,
    shown: str,
    limit: float | None,
    exact: bool,
    lk_config: dict[str, Any],
) -> tuple[float, float, str]:
    """Fill in one blip; return the largest disagreement, how far points moved, and what went wrong."""
    before, after, row = span
    size, label = (video.width, video.height), table.labels[row : row + 1]
    try:
        starts, ends = (check_points(table.xy[row, n], size, shown, n, label) for n in (before, after))
    except AnnotationError as error:  # outside the picture: the others can be repaired still
        return np.nan, np.nan, str(error)
    paths, apart = lucas_kanade_rstc(
        video, before, after, starts, ends, exact=exact, return_disagreement=True, **lk_config
    )
    inside = before + 1 + np.flatnonzero(table.present[row, before + 1 : after])
    if not inside.size:
        return np.nan, np.nan, "The layer has no points between these frames."
    new, doubt = paths[inside - before, 0], apart[inside - before, 0]
    moved = float(np.linalg.norm(new - table.xy[row, inside], axis=1).max())
    worst = float(doubt.max())
    if limit is not None and worst > limit:
        return (
            worst,
            moved,
            f"Forward and backward tracking are {worst:.2f} px apart; at most {limit:g} allowed.",
        )
    result.xy[row, inside] = new
    result.columns["disagreement"][row, inside] = doubt
    result.columns["source"][row, inside] = Source.LUCAS_KANADE
    return worst, moved, ""
