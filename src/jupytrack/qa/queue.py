"""Flags of any kind as one ranked list of places to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jupytrack.errors import AnnotationError
from jupytrack.qa.report import Report
from jupytrack.qa.scores import suspicion
from jupytrack.qa.table import COLUMNS, frame_span, runs

__all__ = ["QUEUE", "Where", "flag_queue"]

Where = Report | pd.DataFrame | ArrayLike

QUEUE = {
    "frame": "int64",
    "last": "int64",
    "track": "object",
    "score": "float64",
    "checks": "object",
    "message": "object",
}
"""Columns of a queue and their types; a flag holds from ``frame`` to ``last``, both included."""

UNNAMED = "flagged"
"""What stands for the check where nothing says which it was."""


def flag_queue(where: Where, n_frames: int, video: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Return flags as a ranked list.

    Parameters
    ----------
    where : Report, pandas.DataFrame or array_like of bool
        What :func:`jupytrack.qa.run` or one of the checks returned; any table with a column (or an index)
        ``frame``; or one truth value for each frame of the video, of which each run is one flag. Of a table
        the columns ``last``, ``track`` (or ``label``), ``score``, ``checks`` (or ``check``) and ``message``
        are used, where there are any; it is ranked by ``score``, the highest first, else it stays in its
        order.
    n_frames : int
        Frames of the video.
    video : str or sequence of str, optional
        Which video's flags; may be left out if they are of one video only. Of several names, the first that
        occurs.

    Returns
    -------
    pandas.DataFrame
        Columns ``frame``, ``last``, ``track`` (None: the whole frame), ``score`` (NaN unknown), ``checks``
        and ``message``. Each frame and track stands in it once: of several rows the best ranked, with the
        checks of all. Of what the checks returned, neighbouring frames of a track that the same checks
        flagged are one flag.

    Raises
    ------
    AnnotationError
        If the length or a frame does not fit the video, a frame is missing, there is no column ``frame``, or
        it is not said which video.

    Examples
    --------
    >>> flag_queue([False, True, True, False], 4)[["frame", "last", "message"]].values.tolist()
    [[1, 2, 'frames 1 to 2']]
    """
    if isinstance(where, Report):
        return _joined(_of_table(_of_video(where.scores, video), n_frames))
    if isinstance(where, pd.DataFrame):
        if where.columns.is_unique and COLUMNS.keys() - {"last"} <= set(where.columns):
            return _joined(_of_table(_of_video(suspicion(where), video), n_frames))
        return _of_table(_of_video(where, video), n_frames)
    return _of_mask(where, n_frames)


def _of_mask(where: Any, n_frames: int) -> pd.DataFrame:
    name = getattr(where, "name", None) or UNNAMED
    if isinstance(where, pd.Series) and where.dtype == bool and not isinstance(where.index, pd.RangeIndex):
        # indexed by frame, with or without those that are not flagged
        frames = _whole(where.index.to_numpy()[where.to_numpy()], n_frames)
        mask = np.zeros(n_frames, np.bool_)
        mask[frames] = True
    else:
        mask = np.asarray(where)
    if mask.dtype != np.bool_:
        raise AnnotationError(
            f"{type(where).__name__} of {mask.dtype} does not say which frames are flagged.",
            "Give a truth value for each frame, or a table with a column 'frame'.",
        )
    if mask.shape != (n_frames,):
        shape = " × ".join(map(str, mask.shape)) or "a single one"
        raise AnnotationError(
            f"The video has {n_frames} frames, but there are {shape} truth values.",
            "Give one for each frame of this video.",
        )
    _, start, stop = runs(mask[None])
    messages = [
        frame_span(first, last - 1) for first, last in zip(start.tolist(), stop.tolist(), strict=True)
    ]
    return _queue(start, stop - 1, [None] * len(start), np.full(len(start), np.nan), name, messages)


def _of_video(table: pd.DataFrame, video: str | Sequence[str] | None) -> pd.DataFrame:
    if "video" not in table.columns:
        return table
    known = list(pd.unique(table["video"]))
    if len(known) < 2:
        return table
    wanted = [video] if isinstance(video, str) else list(video or ())
    found = next((name for name in wanted if name in known), None)
    if found is None:
        listed = ", ".join(map(str, known[:8]))
        raise AnnotationError(
            f"The flags are of {len(known)} videos, none of them is {' or '.join(wanted) or 'named'}.",
            f"Give video=, one of {listed}.",
        )
    return table[table["video"] == found]


def _of_table(table: pd.DataFrame, n_frames: int) -> pd.DataFrame:
    if "frame" not in table.columns and table.index.name == "frame":
        table = table.reset_index()
    if "frame" not in table.columns:
        listed = ", ".join(map(str, table.columns[:8]))
        raise AnnotationError(
            f"The table has no column 'frame', only {listed or 'none at all'}.",
            "Rename the one that holds the frames: table.rename(columns={...: 'frame'}).",
        )
    frames = _whole(table["frame"].to_numpy(), n_frames)
    last = _whole(table["last"].to_numpy(), n_frames) if "last" in table.columns else frames
    if (last < frames).any():
        frame = int(frames[last < frames][0])
        raise AnnotationError(f"The flag on frame {frame} ends before it begins.", "Give last >= frame.")
    tracks = [_plain(each) for each in _column(table, ("track", "label"), None)]
    checks = [
        UNNAMED if each is None else str(each)
        for each in map(_plain, _column(table, ("checks", "check"), None))
    ]
    scores = np.asarray(_column(table, ("score",), np.nan), np.float64)
    if "message" in table.columns:
        messages = ["" if each is None else str(each) for each in map(_plain, table["message"])]
    else:
        used = {"video", "frame", "last", "track", "label", "score", "checks", "check"}
        rest = [name for name in table.columns if name not in used]
        rows = zip(*(table[name].tolist() for name in rest), strict=True) if rest else [()] * len(table)
        messages = [
            ", ".join(f"{name} {_short(value)}" for name, value in zip(rest, values, strict=True))
            for values in rows
        ]
    if "score" in table.columns:
        # those without a score last
        order = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), kind="stable")
    else:
        order = np.arange(len(table))
    spots: dict[tuple[Any, int], int] = {}
    kept: list[int] = []
    for row in order.tolist():
        place = spots.setdefault((tracks[row], int(frames[row])), row)
        if place == row:
            kept.append(row)
        elif checks[row] not in checks[place].split(", "):
            checks[place] += f", {checks[row]}"
    return _queue(
        frames[kept],
        last[kept],
        [tracks[row] for row in kept],
        scores[kept],
        [checks[row] for row in kept],
        [messages[row] for row in kept],
    )


def _joined(queue: pd.DataFrame) -> pd.DataFrame:
    """Return a queue in which neighbouring frames of a track that the same checks flagged are one row."""
    if not len(queue):
        return queue
    track = pd.factorize(queue["track"], use_na_sentinel=False)[0]
    checks = pd.factorize(queue["checks"].map(lambda names: frozenset(names.split(", "))))[0]
    frame, last = (queue[name].to_numpy(np.int64) for name in ("frame", "last"))
    order = np.lexsort((frame, checks, track))
    same = (np.diff(track[order]) == 0) & (np.diff(checks[order]) == 0)
    run = np.append(0, np.cumsum(~(same & (frame[order][1:] == last[order][:-1] + 1))))
    starts = np.flatnonzero(np.diff(run, prepend=-1))
    # rows stand in the order of their ranks
    best = np.minimum.reduceat(order, starts)
    first, final = frame[order][starts], np.maximum.reduceat(last[order], starts)
    together = np.diff(np.append(starts, len(order))) > 1
    messages = queue["message"].to_numpy(object)[best]
    messages[together] = [
        f"{message} (the worst of {frame_span(begin, end)})"
        for message, begin, end in zip(messages[together], first[together], final[together], strict=True)
    ]
    ranks = np.argsort(best)
    joined = queue.iloc[best[ranks]].reset_index(drop=True)
    return joined.assign(
        frame=first[ranks], last=final[ranks], message=pd.Series(messages[ranks], dtype=object)
    )


def _queue(
    frame: NDArray[np.int64],
    last: NDArray[np.int64],
    track: list[Any],
    score: NDArray[np.float64],
    checks: str | list[str],
    message: list[str],
) -> pd.DataFrame:
    several = [checks] * len(frame) if isinstance(checks, str) else checks
    columns: dict[str, Any] = dict(zip(QUEUE, (frame, last, track, score, several, message), strict=True))
    return pd.DataFrame({name: pd.Series(values, dtype=QUEUE[name]) for name, values in columns.items()})


def _column(table: pd.DataFrame, names: Sequence[str], default: Any) -> list[Any]:
    name = next((name for name in names if name in table.columns), None)
    return [default] * len(table) if name is None else table[name].tolist()


def _whole(values: NDArray[Any], n_frames: int) -> NDArray[np.int64]:
    """Return frames as whole numbers within the video."""
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise AnnotationError("A frame is no number.", "Give frames as whole numbers from 0.") from None
    bad = ~(np.isfinite(numbers) & (numbers == np.floor(numbers)))
    if bad.any():
        raise AnnotationError(
            f"Frame {numbers[bad][0]:g} is no frame number.", "Give frames as whole numbers from 0."
        )
    outside = (numbers < 0) | (numbers >= n_frames)
    if outside.any():
        raise AnnotationError(
            f"Frame {numbers[outside][0]:.0f} is flagged, but the video has frames 0 to {n_frames - 1}.",
            "Check that the flags are of this video, and count its frames from 0.",
        )
    return numbers.astype(np.int64)


def _plain(value: Any) -> Any:
    """Return a value as plain Python, None where there is none."""
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return None
    return value.item() if isinstance(value, np.generic) else value


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
