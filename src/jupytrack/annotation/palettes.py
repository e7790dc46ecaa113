"""Colours for labels."""

from __future__ import annotations

from jupytrack.errors import AnnotationError

__all__ = ["PALETTES", "Color", "palette"]

Color = tuple[float, float, float]

# ColorBrewer's qualitative schemes (colorbrewer2.org), Tableau's ten, Okabe and Ito's for the colour-blind.
_HEX = {
    "Set2": "66c2a5 fc8d62 8da0cb e78ac3 a6d854 ffd92f e5c494 b3b3b3",
    "Set1": "e41a1c 377eb8 4daf4a 984ea3 ff7f00 ffff33 a65628 f781bf 999999",
    "Set3": "8dd3c7 ffffb3 bebada fb8072 80b1d3 fdb462 b3de69 fccde5 d9d9d9 bc80bd ccebc5 ffed6f",
    "Dark2": "1b9e77 d95f02 7570b3 e7298a 66a61e e6ab02 a6761d 666666",
    "Paired": "a6cee3 1f78b4 b2df8a 33a02c fb9a99 e31a1c fdbf6f ff7f00 cab2d6 6a3d9a ffff99 b15928",
    "tab10": "1f77b4 ff7f0e 2ca02c d62728 9467bd 8c564b e377c2 7f7f7f bcbd22 17becf",
    "colorblind": "e69f00 56b4e9 009e73 f0e442 0072b2 d55e00 cc79a7",
}

PALETTES: dict[str, tuple[Color, ...]] = {
    name: tuple(
        (int(code[:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:], 16) / 255) for code in codes.split()
    )
    for name, codes in _HEX.items()
}
"""The palettes by name, as RGB from 0 to 1."""


def palette(name: str) -> tuple[Color, ...]:
    """Return a palette's colours, RGB from 0 to 1.

    Raises
    ------
    AnnotationError
        If there is no palette of that name.
    """
    try:
        return PALETTES[name]
    except KeyError:
        raise AnnotationError(
            f"There is no palette {name!r}.", f"Choose one of {', '.join(PALETTES)}."
        ) from None
