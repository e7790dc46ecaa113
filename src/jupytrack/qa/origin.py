"""Where a report of quality comes from, so that it can be made anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Origin"]


@dataclass(frozen=True)
class Origin:
    """Where a report comes from.

    Attributes
    ----------
    layers : mapping of str to weakref
        What was checked, by name of the video; a layer that is gone is not kept alive.
    again : callable
        Makes the report anew: called with the layers, as :func:`jupytrack.qa.run` is, and ``progress``.
    """

    layers: Mapping[str, Callable[[], Any]]
    again: Callable[..., Any]
