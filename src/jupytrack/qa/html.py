"""Tables as they stand in a notebook cell."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import pandas as pd

__all__ = ["html_table"]


def html_table(table: pd.DataFrame) -> str:
    """Return a table with texts on the left, numbers on the right, and nothing where there is nothing."""
    sides = ["right" if pd.api.types.is_numeric_dtype(dtype) else "left" for dtype in table.dtypes]

    def row(tag: str, values: Iterable[object]) -> str:
        cells = zip(sides, values, strict=True)
        return "".join(f'<{tag} style="text-align:{side}">{_cell(value)}</{tag}>' for side, value in cells)

    body = "".join(f"<tr>{row('td', values)}</tr>" for values in table.itertuples(index=False))
    names = [escape(str(name).replace("_", " ")) for name in table.columns]
    return f"<table><thead><tr>{row('th', names)}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN
        return ""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
