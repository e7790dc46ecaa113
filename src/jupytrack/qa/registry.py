"""The list of checks: which there are, what they look at, and which thresholds they take."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from jupytrack.errors import AnnotationError
from jupytrack.qa import appearance, boxes, flow, identity, pairs, points, reference
from jupytrack.qa.table import closest

__all__ = ["CHECKS", "Check", "Kind", "checks", "chosen_checks", "sorted_thresholds"]

Kind = Literal["points", "boxes"]


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes
    ----------
    kind : {"points", "boxes"}
        What it looks at.
    function : callable
        Takes the layer and keyword arguments, returns a table of flags.
    """

    kind: Kind
    function: Callable[..., pd.DataFrame]

    @property
    def name(self) -> str:
        """What the check is called, in tables and in :func:`jupytrack.qa.run`."""
        return str(self.function.__name__)

    @property
    def title(self) -> str:
        """What it does, as one sentence."""
        return (inspect.getdoc(self.function) or "").split("\n\n")[0].replace("\n", " ")

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """Names and defaults of its thresholds."""
        parameters = inspect.signature(self.function).parameters.values()
        return {each.name: each.default for each in parameters if isinstance(each.default, (int, float))}

    @cached_property
    def inputs(self) -> frozenset[str]:
        """Names of everything else that it takes besides the layer."""
        return frozenset(list(inspect.signature(self.function).parameters)[1:]) - self.thresholds.keys()


CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        Check("points", points.jumps),
        Check("points", points.acceleration),
        Check("points", points.frozen),
        Check("points", points.gaps),
        Check("points", points.low_likelihood),
        Check("points", points.out_of_picture),
        Check("points", pairs.pair_distance),
        Check("points", pairs.swaps),
        Check("points", flow.flow_residual),
        Check("boxes", boxes.temporal_iou),
        Check("boxes", boxes.size_change),
        Check("boxes", boxes.category_changes),
        Check("boxes", reference.coverage),
        Check("boxes", boxes.ghosts),
        Check("boxes", boxes.small_objects),
        Check("boxes", boxes.border),
        Check("boxes", boxes.box_gaps),
        Check("boxes", identity.reentry),
        Check("boxes", identity.broken_tracks),
        Check("boxes", identity.duplicates),
        Check("boxes", identity.missing_occlusion),
        Check("boxes", appearance.id_switches),
    )
}
"""All checks by name, in the order in which they run."""


def checks() -> pd.DataFrame:
    """Return the list of checks.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``check``, with the columns ``of`` (``points`` or ``boxes``), ``finds`` and ``thresholds``
        (with their defaults).
    """
    rows = [
        (
            check.name,
            check.kind,
            check.title,
            ", ".join(f"{name}={value:g}" for name, value in check.thresholds.items()),
        )
        for check in CHECKS.values()
    ]
    return pd.DataFrame(rows, columns=["check", "of", "finds", "thresholds"]).set_index("check")


def chosen_checks(names: Iterable[str] | str | None, kind: Kind) -> list[Check]:
    """Return the checks to run on a kind of layer, in the order in which they run.

    Raises
    ------
    AnnotationError
        If there is no such check, or it looks at something else.
    """
    there = {name: check for name, check in CHECKS.items() if check.kind == kind}
    if names is None:
        return list(there.values())
    wanted = {names} if isinstance(names, str) else set(names)
    if not wanted:
        raise AnnotationError("No check is chosen.", f"Choose from {', '.join(there)}; None is all of them.")
    for name in sorted(wanted, key=str):
        if name in there:
            continue
        if name in CHECKS:
            raise AnnotationError(
                f"{name} is a check of {CHECKS[name].kind}, this is a layer of {kind}.",
                f"For {kind} there are {', '.join(there)}.",
            )
        raise AnnotationError(f"There is no check {name!r}.", closest(name, there))
    return [check for name, check in there.items() if name in wanted]


def sorted_thresholds(given: Mapping[str, Any], chosen: Iterable[Check]) -> dict[str, dict[str, Any]]:
    """Return for each check its thresholds among those that are given.

    Raises
    ------
    AnnotationError
        If no chosen check has such a threshold.
    """
    chosen = list(chosen)
    for name in given:
        if any(name in check.thresholds for check in chosen):
            continue
        owners = [check.name for check in CHECKS.values() if name in check.thresholds]
        if owners:
            raise AnnotationError(
                f"{name} is a threshold of {', '.join(owners)}, which does not run.",
                "Leave it out, or add the check.",
            )
        known = dict.fromkeys(each for check in chosen for each in check.thresholds)
        raise AnnotationError(f"There is no threshold {name!r}.", closest(name, known))
    return {
        check.name: {name: value for name, value in given.items() if name in check.thresholds}
        for check in chosen
    }
