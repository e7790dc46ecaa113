"""Fills the key map page from the same table that the annotator's keys, buttons and cheat sheet come from."""

from __future__ import annotations

from typing import Any

MARKER = "<!-- key map -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marker by the key map."""
    if MARKER not in markdown:
        return markdown
    from jupytrack.widgets.commands import key_map_markdown

    return markdown.replace(MARKER, key_map_markdown())
