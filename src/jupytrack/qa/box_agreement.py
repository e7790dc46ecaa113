"""Agreement of two sets of box tracks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jupytrack.annotation.boxes import BoxTracks
from jupytrack.qa.aggregates import COMBINED
from jupytrack.qa.evaluation import COLUMNS, DISTRACTORS, classes_of, compared, fraction, measured, row_of
from jupytrack.qa.matching import SidesByFrame, metrics, sides_by_frame

__all__ = ["compare_boxes"]

# measure, good from, target: How to Build an Object Tracking Dataset (Claru)
_BANDS = (("MOTA", 0.85, 0.90), ("IDF1", 0.80, np.nan), ("IoU", np.nan, 0.85))


def compare_boxes(
    a: BoxTracks, b: BoxTracks, iou_threshold: float
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return table, frames and bands of an Agreement."""
    threshold = fraction(iou_threshold, "iou_threshold")
    metrics()
    pairs = compared(a, b)
    classes = classes_of(pairs)
    sides = [sides_by_frame(a, b, each, DISTRACTORS) for each in classes]
    parts = [measured(each, threshold) for each in sides]
    rows = {each: row_of([part]) for each, part in zip(classes, parts, strict=True) if each is not None}
    rows[COMBINED] = row_of(parts)
    table = pd.DataFrame(
        list(rows.values()), index=pd.Index(list(rows), dtype=object, name="class"), columns=[*COLUMNS, "IoU"]
    )
    return table, _frames(sides, threshold), _bands(rows[COMBINED])


def _bands(whole: dict[str, float]) -> pd.DataFrame:
    rows = []
    for name, good, target in _BANDS:
        value = whole[name]
        verdict = "good" if value > good else "below"
        if value >= target:
            verdict = "target reached"
        rows.append((name, value, good, target, verdict))
    columns = ["measure", "value", "good", "target", "verdict"]
    return pd.DataFrame(rows, columns=columns).set_index("measure")


def _frames(by_class: list[SidesByFrame], threshold: float) -> pd.DataFrame:
    """Return the frames on which both sides differ, the worst first."""
    n_frames = max(len(sides.iou) for sides in by_class)
    counts = {name: np.zeros(n_frames, np.int64) for name in ("matched", "only_a", "only_b", "other_id")}
    shared, overlap = np.zeros(n_frames), np.zeros(n_frames)
    n_boxes = np.zeros(n_frames)
    for sides in by_class:
        same = _same_objects(sides, threshold)
        for frame, (one, other, iou) in enumerate(zip(*sides, strict=True)):
            n_boxes[frame] += len(one) + len(other)
            row, column = _assigned(iou, threshold)
            values = iou[row, column]
            right = same[one[row]] == other[column] if len(row) else np.zeros(0, np.bool_)
            counts["matched"][frame] += len(row)
            counts["only_a"][frame] += len(one) - len(row)
            counts["only_b"][frame] += len(other) - len(row)
            counts["other_id"][frame] += int((~right).sum())
            overlap[frame] += values.sum()
            shared[frame] += values[right].sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        table = pd.DataFrame(
            {
                "frame": np.arange(n_frames),
                "disagreement": 1 - 2 * shared / n_boxes,
                **counts,
                "IoU": overlap / counts["matched"],
            }
        )
    differs = table[table["disagreement"] > 1e-9]  # NaN where neither has a box
    return differs.sort_values(["disagreement", "frame"], ascending=[False, True], ignore_index=True)


def _assigned(iou: NDArray[np.float64], threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of the pairs of boxes that are the same, one to one."""
    from scipy.optimize import linear_sum_assignment

    if not iou.size:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    score = np.where(iou >= threshold, iou, 0.0)
    row, column = linear_sum_assignment(-score)
    kept = score[row, column] > 0
    return row[kept], column[kept]


def _same_objects(sides: SidesByFrame, threshold: float) -> NDArray[np.int64]:
    """Return for each track of the one side the track of the other that is the same object, -1 if none.

    As for IDF1: one to one, so that the most boxes overlap.
    """
    from scipy.optimize import linear_sum_assignment

    n_ours = max((int(each.max()) + 1 for each in sides.truth if each.size), default=0)
    n_theirs = max((int(each.max()) + 1 for each in sides.predicted if each.size), default=0)
    together = np.zeros((n_ours, n_theirs), np.int64)
    for one, other, iou in zip(*sides, strict=True):
        row, column = np.nonzero(iou >= threshold)
        together[one[row], other[column]] += 1
    same = np.full(n_ours, -1, np.int64)
    row, column = linear_sum_assignment(-together)
    kept = together[row, column] > 0
    same[row[kept]] = column[kept]
    return same
