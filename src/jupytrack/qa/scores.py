"""One number for how suspicious a track is on a frame, of all that the checks found there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jupytrack.errors import AnnotationError
from jupytrack.qa.table import COLUMNS

__all__ = ["WEIGHTS", "suspicion"]

WEIGHTS = {"info": 0.2, "warning": 0.6, "error": 0.9}
"""How suspicious a flag of each severity makes a frame at most."""


def suspicion(table: pd.DataFrame) -> pd.DataFrame:
    """Return how suspicious each track is on each frame on which it is flagged.

    Parameters
    ----------
    table : pandas.DataFrame
        Flags of any checks; without ``last``, each is on one frame.

    Returns
    -------
    pandas.DataFrame
        One row a frame on which flags begin and track, the most suspicious first: ``video``, ``track``,
        ``frame``, ``last`` (of the longest flag), ``score`` (0 to 1), ``checks`` (those that raised it, the
        strongest first) and ``message`` (of the strongest).

    Raises
    ------
    AnnotationError
        If the table lacks a column or has an unknown severity.

    Notes
    -----
    A flag counts w = W · (1 + e) / 2, with W = 0.2 for ``info``, 0.6 for ``warning`` and 0.9 for ``error``,
    and e = |value − threshold| / (|value| + |threshold|), which is 0 at the threshold and 1 far from it. Of
    one check the strongest flag counts; those of several checks add up as if they were independent, score = 1
    − Π(1 − w) (noisy or; Pearl 1988, Probabilistic reasoning in intelligent systems).

    The score ranks frames for review. It is no probability: checks that see the same fault are not
    independent, and the weights are ours. Where a threshold is near the end of its scale, as for duplicates,
    e stays small.
    """
    missing = [name for name in COLUMNS if name not in table.columns and name != "last"]
    if missing:
        raise AnnotationError(f"The table lacks {', '.join(missing)}.", "Give a table of flags.")
    unknown = set(table["severity"].unique()) - WEIGHTS.keys()
    if unknown:
        raise AnnotationError(
            f"There is no severity {sorted(map(str, unknown))[0]!r}.", f"There are {', '.join(WEIGHTS)}."
        )
    names = ["video", "track", "frame", "last", "score", "checks", "message"]
    if not len(table):
        types = {**COLUMNS, "score": "float64", "checks": "object"}
        return pd.DataFrame({name: pd.Series([], dtype=types[name]) for name in names})
    value = table["value"].to_numpy(np.float64)
    threshold = table["threshold"].to_numpy(np.float64)
    total = np.abs(value) + np.abs(threshold)
    with np.errstate(invalid="ignore"):
        excess = np.where(
            np.isfinite(total) & (total > 0), np.abs(value - threshold) / np.where(total > 0, total, 1), 1.0
        )
    weight = table["severity"].map(WEIGHTS).to_numpy(np.float64) * (1 + excess) / 2
    # one number for each video, track and frame; factorize() tells 1 from "1", and keeps None
    video = pd.factorize(table["video"])[0]
    track = pd.factorize(table["track"], use_na_sentinel=False)[0]
    frame = pd.factorize(table["frame"])[0]
    spot = (video * (track.max() + 1) + track) * (frame.max() + 1) + frame
    check = table["check"].to_numpy(object)
    order = np.lexsort((-weight, spot))
    seen: dict[int, list[int]] = {}
    for row in order.tolist():
        rows = seen.setdefault(int(spot[row]), [])
        if all(check[row] != check[other] for other in rows):
            rows.append(row)
    strongest = np.array([rows[0] for rows in seen.values()])
    last = table["last" if "last" in table.columns else "frame"].to_numpy(np.int64)
    # of every spot the longest flag, though its check may be listed already
    ends = np.maximum.reduceat(last[order], np.flatnonzero(np.diff(spot[order], prepend=-1)))
    scores = pd.DataFrame(
        {
            **{name: table[name].to_numpy()[strongest] for name in ("video", "track", "frame")},
            "last": ends,
            "score": [1 - float(np.prod(1 - weight[rows])) for rows in seen.values()],
            "checks": pd.Series([", ".join(check[rows]) for rows in seen.values()], dtype=object),
            "message": table["message"].to_numpy(object)[strongest],
        }
    )
    return scores.sort_values(["score", "frame"], ascending=[False, True], kind="stable", ignore_index=True)
