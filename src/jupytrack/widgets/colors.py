"""Colours as browsers write them."""

from __future__ import annotations

__all__ = ["css"]


def css(color: tuple[float, ...]) -> str:
    """Write an RGB colour of parts 0 to 1 the way style sheets do, ``#rrggbb``."""
    return "#" + "".join(f"{round(255 * min(max(float(part), 0.0), 1.0)):02x}" for part in color[:3])
