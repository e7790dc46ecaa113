"""Options a person mistyped, or knows from elsewhere."""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jupytrack.errors import JupytrackError
from jupytrack.video.enhance import Enhancement

__all__ = ["OptionError", "Options", "check_values", "checked", "refuse_unknown"]

_ELSEWHERE = {
    "figure_or_ax_handle": "There is no matplotlib figure to draw into; leave it out.",
    "image_process_func": "Use clahe_clip, clahe_grid, gamma and brightness, or paint with add_painter.",
    "palette_name": "Set it on the layer: `annotator.ann.display.set_palette(name)`.",
}


class OptionError(JupytrackError, TypeError):
    """An option that does not exist, or that cannot have this value."""


@dataclass(frozen=True)
class Options:
    """Options of an annotator, checked."""

    enhancement: Enhancement
    theme: Literal["auto", "dark", "light"]
    height_ratios: tuple[float, float, float]


def checked(
    *,
    clahe_clip: float = 1.0,
    clahe_grid: int = 8,
    gamma: float = 1.0,
    brightness: float = 0,
    dark_mode: bool | None = None,
    titlefunc: Callable[[Any], str] | None = None,
    height_ratios: Iterable[float] = (10, 1, 1),
) -> Options:
    """Check the values of an annotator's options before anything is opened.

    Raises
    ------
    OptionError
        If a value is impossible.
    """
    try:
        enhancement = Enhancement(clahe_clip, clahe_grid, gamma, brightness)
    except ValueError as error:
        raise OptionError(f"{error}.", "Leave the option out to see frames as they are.") from None
    except TypeError:
        given = {
            "clahe_clip": clahe_clip, "clahe_grid": clahe_grid, "gamma": gamma, "brightness": brightness
        }  # fmt: skip
        wrong = next(name for name, value in given.items() if not _is_number(value))
        raise OptionError(
            f"{wrong} must be a number, not {given[wrong]!r}.", "Leave it out to see frames as they are."
        ) from None
    if dark_mode not in (None, True, False):
        raise OptionError(
            f"dark_mode must be True or False, not {dark_mode!r}.", "Leave it out to follow the notebook."
        )
    if titlefunc is not None and not callable(titlefunc):
        raise OptionError(
            f"titlefunc must be a function, not {titlefunc!r}.",
            "Give one that takes the annotator and returns a text: titlefunc=lambda a: str(a.session.frame).",
        )
    ratios = (
        None
        if isinstance(height_ratios, str) or not isinstance(height_ratios, Iterable)
        else tuple(height_ratios)
    )
    if (
        ratios is None
        or len(ratios) != 3
        or not all(_is_number(one) and 0 < one < math.inf for one in ratios)
    ):
        raise OptionError(
            f"height_ratios must be three numbers above 0, not {height_ratios!r}.",
            "They are the heights of the picture and the two traces, for instance (10, 1, 1).",
        )
    theme: Literal["auto", "dark", "light"] = (
        "auto" if dark_mode is None else "dark" if dark_mode else "light"
    )
    x, y, z = map(float, ratios)
    return Options(enhancement, theme, (x, y, z))


def check_values(given: Mapping[str, Any]) -> None:
    """Check those of some options whose values can be wrong; see :func:`checked`."""
    known = inspect.signature(checked).parameters
    checked(**{name: value for name, value in given.items() if name in known})


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real)


def refuse_unknown(given: Mapping[str, object], known: Iterable[str], where: str) -> None:
    """Raise an error that names the nearest known options, if any option is unknown.

    Parameters
    ----------
    given : mapping
        Options as they came.
    known : iterable of str
        Options that there are.
    where : str
        What they were given to.

    Raises
    ------
    OptionError
        If one is unknown.
    """
    known = sorted(known)
    for name in given:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, 3, 0.5)
        remedy = _ELSEWHERE.get(name) or (
            f"Did you mean {' or '.join(near)}?" if near else f"The options are {', '.join(known)}."
        )
        raise OptionError(f"{where} has no option {name!r}.", remedy)
