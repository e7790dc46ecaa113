"""Which frames are wrong, and how good is the whole: checks of points and of box tracks.

:func:`run` runs them all; each is a function of its own, too, that returns a table of flags with the columns
``video``, ``track``, ``frame``, ``last``, ``check``, ``value``, ``threshold``, ``severity`` and ``message``.
"""

from jupytrack.qa.appearance import colour_histogram, id_switches
from jupytrack.qa.boxes import (
    border,
    box_gaps,
    category_changes,
    ghosts,
    size_change,
    small_objects,
    temporal_iou,
)
from jupytrack.qa.flow import flow_residual
from jupytrack.qa.identity import broken_tracks, duplicates, missing_occlusion, reentry
from jupytrack.qa.inputs import left_right_pairs
from jupytrack.qa.pairs import pair_distance, swaps
from jupytrack.qa.plotting import plot
from jupytrack.qa.points import acceleration, frozen, gaps, jumps, low_likelihood, out_of_picture
from jupytrack.qa.reference import coverage, detect
from jupytrack.qa.registry import checks
from jupytrack.qa.report import Report
from jupytrack.qa.running import run
from jupytrack.qa.scores import suspicion

__all__ = [
    "Report",
    "acceleration",
    "border",
    "box_gaps",
    "broken_tracks",
    "category_changes",
    "checks",
    "colour_histogram",
    "coverage",
    "detect",
    "duplicates",
    "flow_residual",
    "frozen",
    "gaps",
    "ghosts",
    "id_switches",
    "jumps",
    "left_right_pairs",
    "low_likelihood",
    "missing_occlusion",
    "out_of_picture",
    "pair_distance",
    "plot",
    "reentry",
    "run",
    "size_change",
    "small_objects",
    "suspicion",
    "swaps",
    "temporal_iou",
]
