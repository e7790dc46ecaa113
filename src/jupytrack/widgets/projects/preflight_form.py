"""The question before a training: what is not saved, what is not complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets

from jupytrack.dlc.preflight import LayerIssues
from jupytrack.widgets.panels import row
from jupytrack.widgets.projects.forms import Form

__all__ = ["PreflightForm"]

# frames that are named; nobody reads more
_MOST = 200


class PreflightForm(Form):
    """Lists what is to be settled in each layer, and offers to save and clean them.

    Parameters
    ----------
    issues : sequence of LayerIssues
        What was found.
    on_clean : callable
        Called without arguments, if that is wanted.
    on_leave : callable
        Called without arguments, if nothing is to be done.
    """

    def __init__(
        self,
        issues: Sequence[LayerIssues],
        on_clean: Callable[[], Any],
        on_leave: Callable[[], Any],
    ) -> None:
        dropping = any(one.incomplete for one in issues)
        title = "Before the training" + (": frames lack body parts" if dropping else ": unsaved edits")
        super().__init__(title, "Save and clean" if dropping else "Save", on_clean, on_leave)
        lines = "".join(
            f"<p>{escape(one.video.stem)}, <b>{escape(one.name)}</b>: {escape(str(one))}</p>"
            for one in issues
        )
        self.table = ipywidgets.HTML(lines)
        self.table.add_class("jupytrack-issues")
        self.fields.children = (self.table,)
        if dropping:
            self.explain(
                "Incomplete frames are dropped from these layers, after a copy of their points was written "
                "beside each layer. Undo, or Restore dropped, brings them back."
            )
            self.details = ipywidgets.HTML(_listed(issues))
            self.details.add_class("jupytrack-log")
            self.unfold = ipywidgets.ToggleButton(
                description="All frames", tooltip="List every incomplete frame", icon="list",
                layout=ipywidgets.Layout(width="auto"),
            )  # fmt: skip
            self.details.layout.display = "none"
            self.unfold.observe(self._on_unfold, "value")
            self.fields.children = (*self.fields.children, row(self.unfold), self.details)
        self.add_class("jupytrack-preflight")

    def begin(self) -> None:
        """Give the keyboard to what changes nothing."""
        if self.comm is not None:
            self.leave.focus()

    def _on_unfold(self, change: Any) -> None:
        self.details.layout.display = None if change["new"] else "none"


def _listed(issues: Sequence[LayerIssues]) -> str:
    lines = []
    for one in issues:
        if not one.incomplete:
            continue
        lines.append(f"{one.title}:")
        lines += [
            f"  frame {frame}: no {one.shown(missing)}"
            for frame, missing in list(one.incomplete.items())[:_MOST]
        ]
        if len(one.incomplete) > _MOST:
            lines.append(f"  and {len(one.incomplete) - _MOST} more")
    return f"<pre>{escape(chr(10).join(lines))}</pre>"
