"""Options a person mistyped, or knows from elsewhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from jupytrack.errors import JupytrackError

__all__ = ["OptionError", "refuse_unknown"]

_ELSEWHERE = {
    "figure_or_ax_handle": "There is no matplotlib figure to draw into; leave it out.",
    "image_process_func": "Use clahe_clip, clahe_grid, gamma and brightness, or paint with add_painter.",
    "palette_name": "Set it on the layer: `annotator.ann.display.set_palette(name)`.",
}


class OptionError(JupytrackError, TypeError):
    """An option that does not exist."""


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
