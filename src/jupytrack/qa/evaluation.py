"""How well predicted box tracks agree with the ground truth: MOTA, IDF1, HOTA and what they are made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from jupytrack.annotation.boxes import BoxTracks
from jupytrack.errors import AnnotationError
from jupytrack.qa.aggregates import COMBINED
from jupytrack.qa.matching import SidesByFrame, metrics, scored, sides_by_frame
from jupytrack.qa.table import closest

if TYPE_CHECKING:
    from jupytrack.jobs import Progress

__all__ = [
    "COLUMNS",
    "DISTRACTORS",
    "Measured",
    "classes_of",
    "compared",
    "evaluate",
    "fraction",
    "measured",
    "row_of",
]

COLUMNS = ("MOTA", "IDF1", "HOTA", "DetA", "AssA", "MT", "ML", "FP", "FN", "IDSW")
DISTRACTORS = ("person_on_vehicle", "static_person", "distractor", "reflection")
"""MOT Challenge's classes of things that a tracker may take for a pedestrian without being punished."""

_Given = BoxTracks | Mapping[str, BoxTracks]


def evaluate(
    gt: _Given,
    predictions: _Given,
    iou_threshold: float = 0.5,
    *,
    per_class: bool = False,
    distractors: Collection[str] = DISTRACTORS,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Compare predicted box tracks with the ground truth.

    Parameters
    ----------
    gt, predictions : BoxTracks, or mapping of str to BoxTracks
        Tracks of one video; or several by the name of the sequence, the same names in both.
    iou_threshold : float
        Intersection over union from which a prediction may count as found, 0 to 1; HOTA takes the mean over
        0.05, 0.10, …, 0.95 instead.
    per_class : bool
        Whether there is a row for each class, too.
    distractors : collection of str
        Classes of which ignored boxes excuse the predictions on them; see the notes.
    progress : Progress, optional
        Told after every sequence; may cancel.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``sequence``; the last row, ``COMBINED``, is all of them together. With ``per_class`` the
        index is (``sequence``, ``class``), where the class ``COMBINED`` is all classes together. Columns:
        ``MOTA``, ``IDF1``, ``HOTA``, ``DetA``, ``AssA`` (shares, 1 is best; MOTA may be negative), ``MT`` and
        ``ML`` (tracks of the ground truth found on more than 80 %, less than 20 % of their frames), ``FP``,
        ``FN`` (predicted and missed boxes without partner), ``IDSW`` (identity switches). Shares are NaN
        where there is nothing to divide by.

    Raises
    ------
    AnnotationError
        If names of sequences, lengths, frame rates or picture sizes differ, one side has no boxes, or
        predictions have a class that the ground truth does not know.
    MissingDependencyError
        If the package trackers is not installed: ``pip install jupytrack[tracks]``.
    JobCancelled
        If cancelled.

    Notes
    -----
    The numbers are those of the package trackers (a port of TrackEval): MOTA = 1 − (FN + FP + IDSW) / boxes
    (Bernardin & Stiefelhagen 2008), IDF1 (Ristani et al. 2016), HOTA = √(DetA · AssA) (Luiten et al. 2021).
    Boxes are compared class by class and counts are added up; if either side names no classes, all boxes are
    compared with all.

    Ground truth with confidence 0 is ignored, as in MOT Challenge: nobody has to find it. A prediction on it
    still counts as false, unless its class is one of ``distractors``: then it counts as neither right nor
    wrong. Which prediction is on which box is decided by a one to one assignment from an intersection over
    union of 0.5. A class of which all boxes are ignored is not evaluated. Rows without a box do not count.

    MOTA misleads where boxes are many and switches few: it hardly sees identities, which IDF1 and AssA do.

    Examples
    --------
    >>> gt = jupytrack.formats.mot.read("gt.txt")  # doctest: +SKIP
    >>> jupytrack.evaluate(gt, jupytrack.formats.mot.read("test.txt"))  # doctest: +SKIP
    """
    threshold = fraction(iou_threshold, "iou_threshold")
    metrics()  # says at once what is not installed
    pairs = compared(gt, predictions)
    classes = classes_of(pairs)
    if per_class and classes == [None]:
        raise AnnotationError(
            "Both sides need classes to be compared class by class.",
            "Give them theirs with assign(class_=...), or leave per_class out.",
        )
    excusing = {distractors} if isinstance(distractors, str) else set(distractors)
    results: dict[str, list[Measured]] = {}
    for done, (name, truth, predicted) in enumerate(pairs):
        results[name] = [
            measured(sides_by_frame(truth, predicted, each, excusing), threshold) for each in classes
        ]
        if progress is not None:
            progress.update(done + 1, len(pairs), "evaluating")
    every = [each for by_class in results.values() for each in by_class]
    if isinstance(gt, BoxTracks):
        results = {}
    rows: dict[Any, dict[str, float]] = {}
    for name, by_class in [*results.items(), (COMBINED, every)]:
        if not per_class:
            rows[name] = row_of(by_class)
            continue
        for place, class_ in enumerate(classes):
            rows[name, class_] = row_of(by_class[place :: len(classes)])
        rows[name, COMBINED] = row_of(by_class)
    table = pd.DataFrame(list(rows.values()), columns=list(COLUMNS))
    table.index = (
        pd.MultiIndex.from_tuples(list(rows), names=["sequence", "class"])
        if per_class
        else pd.Index(list(rows), dtype=object, name="sequence")
    )
    return table


class Measured(NamedTuple):
    """What trackers says of one sequence and class, to be added up."""

    clear: dict[str, Any]
    identity: dict[str, Any]
    hota: dict[str, Any]


def measured(sides: SidesByFrame, threshold: float) -> Measured:
    """Return the measures of one sequence and class."""
    functions = metrics()
    return Measured(
        functions.compute_clear_metrics(*sides, threshold=threshold),
        functions.compute_identity_metrics(*sides, threshold=threshold),
        functions.compute_hota_metrics(*sides),
    )


def row_of(parts: Sequence[Measured]) -> dict[str, float]:
    """Return one row of the table, and the mean overlap of found boxes as ``IoU``."""
    functions = metrics()
    clear, identity, hota = parts[0]
    if len(parts) > 1:
        clear = functions.aggregate_clear_metrics([part.clear for part in parts])
        identity = functions.aggregate_identity_metrics([part.identity for part in parts])
        hota = functions.aggregate_hota_metrics([part.hota for part in parts])
    nothing = clear["CLR_TP"] + clear["CLR_FN"] == 0
    neither = nothing and clear["CLR_FP"] == 0
    return {
        "MOTA": np.nan if nothing else clear["MOTA"],
        "IDF1": np.nan if neither else identity["IDF1"],
        **{name: np.nan if neither else hota[name] for name in ("HOTA", "DetA", "AssA")},
        **{name: clear[name] for name in ("MT", "ML")},
        "FP": clear["CLR_FP"],
        "FN": clear["CLR_FN"],
        "IDSW": clear["IDSW"],
        "IoU": clear["MOTP"] if clear["CLR_TP"] else np.nan,
    }


def fraction(value: Any, name: str) -> float:
    """Return a share above 0 and at most 1.

    Raises
    ------
    AnnotationError
        If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < value <= 1:
        raise AnnotationError(f"{name}={value!r} is no share.", "Give a number above 0, up to 1.")
    return float(value)


def compared(gt: _Given, predictions: _Given) -> list[tuple[str, BoxTracks, BoxTracks]]:
    """Return (name, ground truth, predictions) of every sequence.

    Raises
    ------
    AnnotationError
        If they do not fit each other.
    """
    if isinstance(gt, Mapping) != isinstance(predictions, Mapping):
        raise AnnotationError(
            "One side has names of sequences, the other has none.",
            "Give BoxTracks for both, or a mapping of the same names to BoxTracks for both.",
        )
    truths = dict(gt) if isinstance(gt, Mapping) else {"": gt}
    others = dict(predictions) if isinstance(predictions, Mapping) else {"": predictions}
    for side in (truths, others):
        for name, tracks in side.items():
            if not isinstance(tracks, BoxTracks):
                raise AnnotationError(
                    f"{type(tracks).__name__}{_of(name)} is no BoxTracks.",
                    "Read one with jupytrack.formats.mot.read(), or use BoxTracks.from_dataframe().",
                )
    for missing, known, what in (
        (truths.keys() - others.keys(), others, "predictions"),
        (others.keys() - truths.keys(), truths, "ground truth"),
    ):
        if missing:
            name = sorted(missing, key=str)[0]
            raise AnnotationError(f"Sequence {name!r} has no {what}.", closest(str(name), map(str, known)))
    if COMBINED in truths:
        raise AnnotationError(f"A sequence cannot be called {COMBINED}.", "Rename it.")
    for what, side, rows in (
        ("The ground truth has", truths, [scored(tracks).any() for tracks in truths.values()]),
        ("The predictions have", others, [tracks.has_box.any() for tracks in others.values()]),
    ):
        if not any(rows):
            ignored = " that counts" if any(tracks.has_box.any() for tracks in side.values()) else ""
            raise AnnotationError(f"{what} no box{ignored}.", "Give tracks with at least one.")
    pairs = [(name, truth, others[name]) for name, truth in truths.items()]
    for name, truth, predicted in pairs:
        _check_same_video(name, truth, predicted)
    return pairs


def _of(name: str) -> str:
    return f" of sequence {name!r}" if name else ""


def _check_same_video(name: str, truth: BoxTracks, predicted: BoxTracks) -> None:
    rates = truth.frame_rate, predicted.frame_rate
    if rates[0] and rates[1] and not np.isclose(rates[0], rates[1], rtol=1e-3):  # 29.97 for 30000 / 1001
        raise AnnotationError(
            f"The ground truth{_of(name)} has {rates[0]:g} frames per second, the predictions {rates[1]:g}.",
            "Bring both to the same frames of the same video.",
        )
    sizes = truth.image_size, predicted.image_size
    if None not in sizes and sizes[0] != sizes[1]:
        raise AnnotationError(
            f"The ground truth{_of(name)} is on pictures of {sizes[0]} pixels, "
            f"the predictions of {sizes[1]}.",
            "Bring both to the same scale.",
        )
    lengths = truth.n_frames, predicted.n_frames
    # a file without a number of frames ends with its last row, and there a tracker may have found nothing
    guessed = [_last_frame(tracks) + 1 == tracks.n_frames for tracks in (truth, predicted)]
    shorter_ok = guessed[1] if lengths[1] < lengths[0] else guessed[0] and _last_frame(predicted) < lengths[0]
    if lengths[0] != lengths[1] and not shorter_ok:
        raise AnnotationError(
            f"The ground truth{_of(name)} has {lengths[0]} frames, the predictions {lengths[1]}.",
            "Give both of the same video; if only the number is wrong, correct it with assign(n_frames=...).",
        )


def _last_frame(tracks: BoxTracks) -> int:
    return int(tracks.frame[-1]) if len(tracks) else -1


def classes_of(pairs: Sequence[tuple[str, BoxTracks, BoxTracks]]) -> list[Any]:
    """Return the classes to compare one by one; only None if either side names none.

    Raises
    ------
    AnnotationError
        If the predictions have a class that the ground truth does not know, or some boxes of a side have no
        class.
    """
    sides = (
        ("ground truth", [(name, truth, scored(truth)) for name, truth, _ in pairs]),
        ("predictions", [(name, predicted, predicted.has_box) for name, _, predicted in pairs]),
    )
    if not all(any((t.class_code[rows] >= 0).any() for _, t, rows in side) for _, side in sides):
        return [None]
    for what, side in sides:
        for name, tracks, rows in side:
            nameless = np.flatnonzero(rows & (tracks.class_code < 0))
            if nameless.size:
                row = int(nameless[0])
                raise AnnotationError(
                    f"In the {what}{_of(name)} track {tracks.ids[tracks.track[row]]!r} has no class on frame "
                    f"{tracks.frame[row]}, others have.",
                    "Give all of them a class, or none: assign(class_=None).",
                )
    known = list(dict.fromkeys(name for _, truth, _ in pairs for name in truth.classes))
    predicted = list(dict.fromkeys(str(n) for _, t, rows in sides[1][1] for n in np.unique(t.class_[rows])))
    for name in predicted:
        if name not in known:
            raise AnnotationError(
                f"Predictions have the class {name!r}, which the ground truth does not know.",
                closest(name, known),
            )
    counted = {str(n) for _, t, rows in sides[0][1] for n in np.unique(t.class_[rows])}
    present = {str(t.classes[n]) for _, t, _ in pairs for n in np.unique(t.class_code[t.has_box]) if n >= 0}
    return [name for name in known if name in counted or (name in predicted and name not in present)]
