"""How far two annotators, or an annotator and a model, agree on the same video."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from jupytrack.annotation.boxes import BoxTracks
from jupytrack.errors import AnnotationError
from jupytrack.qa.aggregates import COMBINED
from jupytrack.qa.box_agreement import compare_boxes
from jupytrack.qa.html import html_table
from jupytrack.qa.inputs import PointLayer, points_of
from jupytrack.qa.point_agreement import compare_points

__all__ = ["Agreement", "agreement"]

# frames that are shown
_SHOWN = 10


class Agreement:
    """What :func:`jupytrack.agreement` found. The last line of a notebook cell shows it.

    Attributes
    ----------
    table : pandas.DataFrame
        Of points one row a label, of boxes one row a class; the last one, ``COMBINED``, is all together.
    frames : pandas.DataFrame
        Frames on which both sides differ, the worst first.
    bands : pandas.DataFrame
        Of boxes: each measure's ``value``, from where it is ``good``, its ``target`` and the ``verdict``
        (``below``, ``good``, ``target reached``). Empty for points.
    """

    def __init__(self, table: pd.DataFrame, frames: pd.DataFrame, bands: pd.DataFrame) -> None:
        self.table = table
        self.frames = frames
        self.bands = bands

    @property
    def good(self) -> bool | None:
        """Whether box tracks agree well: MOTA above 0.85 and IDF1 above 0.80. None for points."""
        if not len(self.bands):
            return None
        asked = self.bands[self.bands["good"].notna()]
        return bool((asked["value"] > asked["good"]).all())

    def summary(self) -> str:
        """Return the result as one line."""
        whole: dict[Any, float] = self.table.loc[COMBINED].to_dict()
        if self.good is None:
            both, *only = (int(whole[name]) for name in ("points", "only_a", "only_b"))
            text = f"{both:,} points in both, RMSE {whole['rmse']:.3g} px"
            alone = sum(only)
            return f"{text}; {alone:,} in one only" if alone else text
        values = ", ".join(f"{name} {row['value']:.3f}" for name, row in self.bands.iterrows())
        return f"{'good agreement' if self.good else 'agreement below the bands'}: {values}"

    def __repr__(self) -> str:
        parts = [self.summary(), self.table.round(3).to_string()]
        if len(self.bands):
            parts.append(self.bands.round(3).to_string(na_rep=""))
        if len(self.frames):
            worst = self.frames.head(_SHOWN).round(3).to_string(index=False, na_rep="")
            parts += ["Where both differ most:", worst]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{escape(self.summary())}</b></p>", html_table(self.table.reset_index())]
        if len(self.bands):
            parts.append(html_table(self.bands.reset_index()))
        if len(self.frames):
            parts += ["<p><b>Where both differ most</b></p>", html_table(self.frames.head(_SHOWN))]
        return "".join(parts)


def agreement(
    a: PointLayer | BoxTracks,
    b: PointLayer | BoxTracks,
    *,
    labels: Any = None,
    thresholds: Any = None,
    area: Any = None,
    sigma: Any = None,
    iou_threshold: float | None = None,
) -> Agreement:
    """Say how far two layers of points, or two sets of box tracks, of the same video agree.

    Parameters
    ----------
    a, b : VideoAnnotation, PointTable or BoxTracks
        Both of points or both of boxes. Where it matters, ``a`` counts as the truth.
    labels : iterable of str, optional
        Of points: only these; by default all that are in both.
    thresholds : iterable of float, optional
        Of points: distances for the percentage of correct keypoints, in pixels; 2, 5 and 10 by default.
    area : float or array-like of shape (n_frames,), optional
        Of points: size of the subject for OKS, in square pixels; by default the box around ``a``'s points.
    sigma : float or mapping of str to float, optional
        Of points: how far off a label may be for OKS, one for all or by label; 0.1 by default.
    iou_threshold : float, optional
        Of boxes: intersection over union from which two boxes are the same; 0.5 by default.

    Returns
    -------
    Agreement
        ``table``: of points ``points`` (in both), ``only_a``, ``only_b``, ``rmse``, ``mean``, ``median`` and
        ``max`` distance in pixels, ``pck@…`` and ``oks``; of boxes the columns of :func:`jupytrack.evaluate`
        and ``IoU``, the mean over the pairs found. ``frames``: where they differ, the worst first. ``bands``:
        how good the agreement of boxes is.

    Raises
    ------
    AnnotationError
        If they are of different kinds, lengths or frame rates, share no label or no frame, or an option is of
        the other kind or makes no sense.
    MissingDependencyError
        For boxes, if the package trackers is not installed: ``pip install jupytrack[tracks]``.

    Notes
    -----
    Distance d is Euclidean, on frames where both have the point. RMSE = √(mean d²). PCK at t = share of
    d ≤ t (Yang & Ramanan 2013, with t in pixels). OKS = mean of exp(−d² / (2 · area · (2σ)²)) as COCO defines
    it; σ = 0.1 for all labels and the box around the points as area are DeepLabCut's choice. OKS is NaN
    where that box is empty, as that of a single point is. Frames are ranked by the largest distance.

    Of boxes, MOTA above 0.85 and IDF1 above 0.80 is good agreement, 0.90 the target for MOTA and 0.85 for
    IoU (*How to Build an Object Tracking Dataset*, Claru). Frames are ranked by 1 − 2 ΣIoU / (boxes of a +
    boxes of b), the sum over pairs that are the same object by the best assignment of ids: 0 where both are
    alike, 1 where they have nothing in common.

    OKS of far too few points misleads, and so does RMSE with a few large slips: compare the median.

    Examples
    --------
    >>> import numpy as np
    >>> from jupytrack.annotation.table import PointTable
    >>> xy = np.zeros((2, 10, 2)) + [[[10.0, 10.0]], [[50.0, 40.0]]]
    >>> agreement(PointTable(["0", "1"], xy), PointTable(["0", "1"], xy + [3, 4])).table["rmse"].tolist()
    [5.0, 5.0, 5.0]
    """
    boxes = [isinstance(each, BoxTracks) for each in (a, b)]
    if boxes[0] != boxes[1]:
        raise AnnotationError(
            "One side holds boxes, the other points.",
            "Compare two of a kind; jupytrack.tracks_from_points() makes boxes of points.",
        )
    if isinstance(a, BoxTracks) and isinstance(b, BoxTracks):
        _refuse("points", labels=labels, thresholds=thresholds, area=area, sigma=sigma)
        return Agreement(*compare_boxes(a, b, 0.5 if iou_threshold is None else iou_threshold))
    _refuse("boxes", iou_threshold=iou_threshold)
    table, frames = compare_points(
        points_of(a),  # type: ignore[arg-type]
        points_of(b),  # type: ignore[arg-type]
        labels=labels,
        thresholds=(2, 5, 10) if thresholds is None else thresholds,
        area=area,
        sigma=0.1 if sigma is None else sigma,
    )
    return Agreement(table, frames, pd.DataFrame(columns=["value", "good", "target", "verdict"]))


def _refuse(kind: str, **options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise AnnotationError(f"{name} is for {kind} only.", "Leave it out.")
