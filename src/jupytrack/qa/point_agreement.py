"""Agreement of two layers of points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jupytrack.errors import AnnotationError
from jupytrack.qa.aggregates import COMBINED
from jupytrack.qa.inputs import Points
from jupytrack.qa.table import closest

__all__ = ["compare_points"]

FloatArray = NDArray[np.float64]


def compare_points(
    a: Points, b: Points, *, labels: Any, thresholds: Iterable[float], area: Any, sigma: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return table and frames of an Agreement."""
    limits = _limits(thresholds)
    _check_same_video(a, b)
    if labels is None:
        labels = [label for label in a.labels if label in b.labels]
        if not labels:
            raise AnnotationError(
                "Both layers share no label.",
                f"One has {', '.join(a.labels)}, the other {', '.join(b.labels)}.",
            )
    a, b = a.chosen(labels), b.chosen(labels)
    n_frames = max(a.xy.shape[1], b.xy.shape[1])
    one, other = _resized(a.xy, n_frames), _resized(b.xy, n_frames)
    distance: FloatArray = np.hypot(*np.moveaxis(one - other, 2, 0))
    if np.isnan(distance).all():
        raise AnnotationError(
            "There is no frame on which both layers hold the same label.", "Annotate some frames in both."
        )
    alone = (
        np.isnan(other[:, :, 0]) & ~np.isnan(one[:, :, 0]),
        np.isnan(one[:, :, 0]) & ~np.isnan(other[:, :, 0]),
    )
    size = _area(area, one, n_frames)
    width = np.array([_sigma(sigma, label) for label in a.labels])[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        similarity: FloatArray = np.exp(-(distance**2) / (2 * size * (2 * width) ** 2))
    similarity[np.isnan(distance) | ~(size > 0)] = np.nan
    rows = {
        label: _row(distance[row], similarity[row], alone[0][row], alone[1][row], limits)
        for row, label in enumerate(a.labels)
    }
    rows[COMBINED] = _row(distance, similarity, *alone, limits)
    table = pd.DataFrame(list(rows.values()), index=pd.Index(list(rows), dtype=object, name="label"))
    return table, _frames(distance, similarity, alone, a.labels)


def _row(
    distance: FloatArray,
    similarity: FloatArray,
    only_a: NDArray[np.bool_],
    only_b: NDArray[np.bool_],
    limits: list[float],
) -> dict[str, float]:
    known = distance[~np.isnan(distance)]
    compared = similarity[~np.isnan(similarity)]
    nothing = not known.size
    return {
        "points": known.size,
        "only_a": int(only_a.sum()),
        "only_b": int(only_b.sum()),
        "rmse": np.nan if nothing else float(np.sqrt(np.mean(known**2))),
        "mean": np.nan if nothing else float(known.mean()),
        "median": np.nan if nothing else float(np.median(known)),
        "max": np.nan if nothing else float(known.max()),
        # a little more than the limit, for rounding
        **{f"pck@{t:g}": np.nan if nothing else float((known <= t * (1 + 1e-9)).mean()) for t in limits},
        "oks": float(compared.mean()) if compared.size else np.nan,
    }


def _frames(
    distance: FloatArray,
    similarity: FloatArray,
    alone: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    labels: list[str],
) -> pd.DataFrame:
    """Return the frames on which both layers hold something and differ, the worst first."""
    both = ~np.isnan(distance)
    n_both = both.sum(axis=0)
    n_oks = (~np.isnan(similarity)).sum(axis=0)
    worst = np.where(both, distance, -1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        table = pd.DataFrame(
            {
                "frame": np.arange(distance.shape[1]),
                "distance": worst.max(axis=0),
                "label": np.array(labels, object)[worst.argmax(axis=0)],
                "mean": np.nansum(distance, axis=0) / n_both,
                "oks": np.where(n_oks > 0, np.nansum(similarity, axis=0) / n_oks, np.nan),
                "only_a": alone[0].sum(axis=0),
                "only_b": alone[1].sum(axis=0),
            }
        )
    table["missing"] = table["only_a"] + table["only_b"]
    differs = table[(n_both > 0) & ((table["distance"] > 0) | (table["missing"] > 0))]
    ranked: pd.DataFrame = differs.sort_values(
        ["distance", "missing", "frame"], ascending=[False, False, True], ignore_index=True
    )
    return ranked.drop(columns="missing")


def _check_same_video(a: Points, b: Points) -> None:
    if a.video is None or b.video is None or a.video is b.video:
        return
    lengths = len(a.video), len(b.video)
    if lengths[0] != lengths[1]:
        raise AnnotationError(
            f"The videos differ: {a.name} has {lengths[0]} frames, {b.name} {lengths[1]}.",
            "Give two layers of the same video.",
        )
    rates = a.video.get_avg_fps(), b.video.get_avg_fps()
    if not np.isclose(*rates, rtol=1e-3):
        raise AnnotationError(
            f"The videos differ: {a.name} has {rates[0]:g} frames per second, {b.name} {rates[1]:g}.",
            "Give two layers of the same video.",
        )


def _resized(xy: FloatArray, n_frames: int) -> FloatArray:
    out = np.full((xy.shape[0], n_frames, 2), np.nan)
    out[:, : xy.shape[1]] = xy
    return out


def _limits(thresholds: Any) -> list[float]:
    try:
        limits = [float(each) for each in np.atleast_1d(thresholds)]
    except (TypeError, ValueError):
        limits = []
    if not limits or not all(0 < each < np.inf for each in limits):
        raise AnnotationError(
            f"thresholds={thresholds!r} are no distances.", "Give numbers above 0, in pixels."
        )
    return sorted(set(limits))


def _sigma(sigma: Any, label: str) -> float:
    value = sigma
    if isinstance(sigma, Mapping):
        if label not in sigma:
            raise AnnotationError(f"There is no sigma for label {label!r}.", closest(label, map(str, sigma)))
        value = sigma[label]
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < value < np.inf:
        raise AnnotationError(f"sigma={value!r} makes no sense.", "Give a number above 0, such as 0.1.")
    return float(value)


def _area(area: Any, xy: FloatArray, n_frames: int) -> FloatArray:
    """Return the subject's size on each frame; by default that of the box around its points."""
    if area is None:
        known = ~np.isnan(xy)
        low = np.where(known, xy, np.inf).min(axis=0)
        high = np.where(known, xy, -np.inf).max(axis=0)
        sides = np.where(np.isfinite(low) & np.isfinite(high), high - low, 0.0)
        box: FloatArray = sides[:, 0] * sides[:, 1]
        return box
    try:
        given = np.broadcast_to(np.asarray(area, np.float64), n_frames)
    except (TypeError, ValueError):
        raise AnnotationError(
            "area does not fit the frames.", f"Give one number, or one for each of {n_frames} frames."
        ) from None
    if not (given[~np.isnan(given)] > 0).all() or np.isnan(given).all():
        raise AnnotationError("area has numbers that are not above 0.", "Give square pixels; NaN if unknown.")
    return given
