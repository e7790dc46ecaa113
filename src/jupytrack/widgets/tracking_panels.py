"""Controls of optical flow: tracking in the interval, taking out jitter and blips, and what is in doubt."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from jupytrack.widgets.colors import css
from jupytrack.widgets.doubt import COLORS
from jupytrack.widgets.panels import Panel, command_button, row

if TYPE_CHECKING:
    import pandas as pd

    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.widgets.annotator import Annotator

__all__ = ["BlipsPanel", "DoubtBar", "TrackingPanel"]

# blips that are listed; nobody goes through more by hand
_MOST = 500
_DOUBT = "How far the forward path is from the backward path: where they disagree, do not trust the points."


def _caption(text: str, hint: str = "", **layout: Any) -> ipywidgets.HTML:
    shown = f'<span title="{escape(hint)}">{escape(text)}</span>' if hint else escape(text)
    return ipywidgets.HTML(shown, layout=ipywidgets.Layout(**{"margin": "0 4px 0 2px", **layout}))


def _number(value: float, step: float, hint: str, **limits: float) -> ipywidgets.BoundedFloatText:
    return ipywidgets.BoundedFloatText(
        value, step=step, tooltip=hint, layout=ipywidgets.Layout(width="64px"), **limits
    )


class TrackingPanel(Panel):
    """Points from optical flow."""

    title = "Tracking"
    rows = (
        (
            "Fill",
            ("interpolate_with_lk", "interpolate_all_with_lk", "interpolate_all_with_lk_norstc"),
        ),
        ("Predict", ("predict_current_label_with_lk", "predict_all_labels_with_lk")),
        (
            "Check",
            ("check_labels_near_with_lk", "check_current_label_with_lk", "check_all_labels_with_lk"),
        ),
    )

    def __init__(self, annotator: Annotator) -> None:
        self.window = _number(0.5, 0.1, "Length of the moving window, in seconds", min=0.001, max=3600)
        self.exact = ipywidgets.Checkbox(
            description="exact",
            indent=False,
            tooltip="DUSTrack's very numbers: slower, and thousandths of a pixel away",
            layout=ipywidgets.Layout(width="auto", margin="0 4px"),
        )
        self.most = _number(
            0,
            0.5,
            "Leave frames empty on which both directions are further apart; 0 keeps all",
            min=0,
            max=1e6,
        )
        buttons = [
            row(
                _caption(caption, width="50px", flex="0 0 50px"),
                *(command_button(annotator, name) for name in names),
            )
            for caption, names in self.rows
        ]
        self.reduce = command_button(
            annotator,
            "process_with_lk",
            run=lambda: annotator.run_command("process_with_lk", **self.options),
        )
        super().__init__(
            annotator,
            (
                *buttons,
                row(self.reduce, _caption("over"), self.window, _caption("s"), self.exact),
                row(
                    _caption(
                        "Leave empty over", "Reduce jitter and Repair leave a frame empty instead of guessing"
                    ),
                    self.most,
                    _caption("px (0: never)"),
                ),
            ),
        )

    @property
    def max_disagreement(self) -> float | None:
        """Disagreement from which frames are left empty, in pixels; None for never."""
        return float(self.most.value) or None

    @property
    def options(self) -> dict[str, Any]:
        """What is chosen for reducing jitter."""
        return {
            "window_size": float(self.window.value),
            "exact": bool(self.exact.value),
            "max_disagreement": self.max_disagreement,
        }

    def show(self) -> None:
        """Show what the session says now; nothing here depends on it."""


class BlipsPanel(Panel):
    """Short jumps there and back: found, looked at one by one, and tracked anew."""

    title = "Blips"

    def __init__(self, annotator: Annotator) -> None:
        self.blips: pd.DataFrame | None = None
        self._of: VideoAnnotation | None = None
        self.find = command_button(annotator, "find_blips")
        self.repair = command_button(annotator, "repair_blips", run=self._repair)
        self.text = _caption("", flex="1 1 60px")
        self.head = ipywidgets.HTML(layout=ipywidgets.Layout(display="none", margin="0"))
        self.head.add_class("jupytrack-blips-head")
        self.list = ipywidgets.Select(
            options=[], rows=6, layout=ipywidgets.Layout(width="auto", display="none")
        )
        self.list.add_class("jupytrack-blips")
        super().__init__(annotator, (row(self.find, self.repair, self.text), self.head, self.list))
        self.list.observe(self.asked(lambda change: self._go(change["new"])), "index")
        self.session.observe(lambda _: self._let_go(), ["frame"])
        self.session.observe(lambda _: self.show(), ["layers_revision"])
        self.show()

    def fill(self, blips: pd.DataFrame) -> None:
        """List blips of the active layer."""
        self.blips, self._of = blips, self.session.ann
        rows = zip(
            *(blips[name].tolist() for name in ("label", "start", "end", "peak")),
            strict=True,
        )
        names = [str(label)[:12] for label in blips["label"]]
        wide = max([5, *map(len, names)])
        lines = []
        for name, (_, start, end, peak) in zip(names[:_MOST], rows, strict=False):
            frames = str(start) if start == end else f"{start}–{end}"
            lines.append(f"{name:<{wide}}  {frames:<13} {peak:>7.1f} px".replace(" ", "\u00a0"))
        self.head.value = f"<pre>{'label':<{wide}}  {'frames':<13} {'jump':>7}</pre>"
        with self.showing():
            self.list.options = lines
            self.list.index = None
        self.show()

    def _go(self, index: int | None) -> None:
        if index is None or self.blips is None:
            return
        blip = self.blips.iloc[index]
        if blip["label"] in self.session.labels:
            self.session.select_label(blip["label"])
        self.session.go_to(int(blip["peak_frame"]))

    def _let_go(self) -> None:
        """Choose no row once another frame is shown, so that a click on the same row goes there again."""
        index = self.list.index
        if index is None or self.blips is None or self._showing:
            return
        if self.session.frame != int(self.blips.iloc[index]["peak_frame"]):
            with self.showing():
                self.list.index = None

    def _repair(self) -> None:
        if self._of is not self.session.ann:
            self.annotator.run_command("find_blips")
        if self.blips is not None and self._of is self.session.ann:
            limit = self.annotator.tracking_panel.max_disagreement
            self.annotator.run_command("repair_blips", blips=self.blips, max_disagreement=limit)

    def show(self) -> None:
        """Show the blips that were found, as long as their layer is the active one."""
        here = self.blips is not None and self._of is self.session.ann
        count = len(self.blips) if here and self.blips is not None else 0
        if here:
            shown = f", the first {_MOST} listed" if count > _MOST else ""
            self.text.value = f"{count or 'none'} found{shown}"
        else:
            self.text.value = ""
        self.repair.disabled = here and not count
        for part in (self.head, self.list):
            part.layout.display = None if count else "none"


class DoubtBar(Panel):
    """Says what the bands and warm colours mean, where there are any."""

    def __init__(self, annotator: Annotator) -> None:
        self._known: dict[int, tuple[int, bool]] = {}
        self.on = ipywidgets.ToggleButton(
            description="Doubt",
            icon="question-circle",
            tooltip=f"Show where tracking is in doubt. {_DOUBT}",
            layout=ipywidgets.Layout(width="auto", min_width="34px"),
        )
        self.limit = _number(
            annotator.session.doubtful, 0.5, "Points with more disagreement stand out", min=0, max=1e6
        )
        amber, red = (css(tuple(part / 255 for part in color)) for color in COLORS)
        hint = escape(_DOUBT)
        self.legend = ipywidgets.HTML(
            f'<span title="{hint}"><i class="jupytrack-doubt-band"></i> ± forward against backward '
            f'tracking &nbsp; <i class="jupytrack-doubt-dot" style="background:{amber}"></i>'
            f'<i class="jupytrack-doubt-dot" style="background:{red}"></i> over</span>'
        )
        super().__init__(annotator, (row(self.on, self.legend, self.limit, _caption("px: do not trust")),))
        self.remove_class("jupytrack-panel")
        self.add_class("jupytrack-tracebar")
        self.add_class("jupytrack-doubtbar")
        self.on.observe(self.asked(self._set), "value")
        self.limit.observe(self.asked(self._set), "value")
        self.session.observe(lambda _: self.show(), ["layers_revision", "doubt", "doubtful"])
        self.session.on_points_changed(lambda _: self.show())
        self.show()

    def _set(self, _: Any) -> None:
        self.session.doubt = self.on.value
        self.session.doubtful = self.limit.value

    def _is_known(self, ann: VideoAnnotation | None) -> bool:
        """Whether anything is known of a layer's doubt; looked up once a revision."""
        if ann is None:
            return False
        known = self._known.get(id(ann))
        if known is None or known[0] != ann.revision:
            known = (ann.revision, bool(np.isfinite(ann.column("disagreement")).any()))
            present = {id(each) for each in (*self.session.layers.loaded, self.session.layers.buffer)}
            self._known = {key: value for key, value in self._known.items() if key in present}
            self._known[id(ann)] = known
        return known[1]

    def show(self) -> None:
        """Show the legend where there is something that it explains."""
        session = self.session
        there = self._is_known(session.ann) or self._is_known(session.overlay_ann)
        self.layout.display = None if there else "none"
        with self.showing():
            self.on.value = session.doubt
            self.limit.value = session.doubtful
