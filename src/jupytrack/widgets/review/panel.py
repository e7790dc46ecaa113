"""The list of a review, its buttons, and what is known of the flag that is selected."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from jupytrack.qa.table import frame_span
from jupytrack.widgets.commands import tooltip
from jupytrack.widgets.panels import Panel, row, text_button
from jupytrack.widgets.review.commands import REVIEW
from jupytrack.widgets.review.heat_strip import DONE, HEAT

if TYPE_CHECKING:
    from jupytrack.qa.flag_list import FlagList
    from jupytrack.widgets.annotator import Annotator

__all__ = ["ReviewPanel"]

_SIGNS = {"open": "·", "accepted": "!", "fixed": "✓", "dismissed": "×", "cleared": "–"}
_REASONS = ("real motion", "occluded", "out of frame", "false alarm", "cannot be decided")
# flags that are listed at a time
_PAGE = 200


class ReviewPanel(Panel):
    """What one sees of a review.

    Attributes
    ----------
    flags : FlagList
        What is reviewed.
    current : int or None
        Row of the flag that is being looked at.
    """

    title = "Review"
    # one that could not be made has nothing to end, and shows nothing
    _closed = True

    flags: FlagList
    current: int | None
    checks_again: bool

    def __init__(self, annotator: Annotator) -> None:
        self._first = 0
        super().__init__(annotator, self._controls(annotator))
        self.add_class("jupytrack-review")

    def select(self, place: int) -> None:
        """Go to a flag."""
        raise NotImplementedError

    def reopen(self) -> None:
        """Take back the verdict on the current flag."""
        raise NotImplementedError

    def _reported(self, action: Callable[[], Any]) -> None:
        with self.session.reporting():
            action()

    def _pick(self, index: int | None) -> None:
        if index is not None:
            self.select(self._first + index)

    def _controls(self, annotator: Annotator) -> tuple[ipywidgets.Widget, ...]:
        heading = ipywidgets.HTML(escape(self.title))
        heading.add_class("jupytrack-heading")
        buttons = {}
        for name, command in REVIEW.items():
            button = text_button(command.button or "", tooltip(command), command.icon)
            button.on_click(lambda _, name=name: annotator.run_command(name))
            button.add_class(f"jupytrack-command-{name}")
            buttons[name] = button
        buttons["review_dismiss"].add_class("jupytrack-default")
        self.undo = text_button("Reopen", "Take back the verdict on this flag", "undo")
        self.undo.on_click(lambda _: self._reported(self.reopen))
        self.count = ipywidgets.HTML(layout=ipywidgets.Layout(margin="0 6px", flex="0 0 auto"))
        self.count.add_class("jupytrack-review-count")
        self.bar = ipywidgets.IntProgress(
            layout=ipywidgets.Layout(flex="1 1 50px", width="auto", min_width="0")
        )
        self.bar.style.bar_color = "#43a047"
        self.reason = ipywidgets.Combobox(
            options=_REASONS,
            placeholder="why it is wrong",
            continuous_update=False,
            layout=ipywidgets.Layout(flex="1 1 90px", width="auto", min_width="0"),
        )
        # return in it dismisses, and gives the keys back to the picture
        self.reason.add_class("jupytrack-field")
        self.head = ipywidgets.HTML(layout=ipywidgets.Layout(margin="0"))
        self.head.add_class("jupytrack-flags-head")
        self.list = ipywidgets.Select(options=[], rows=9, layout=ipywidgets.Layout(width="auto"))
        self.list.add_class("jupytrack-flags")
        self.list.observe(self.asked(lambda change: self._pick(change["new"])), "index")
        self.detail = ipywidgets.HTML()
        self.detail.add_class("jupytrack-review-detail")
        worst = "".join(f'<i class="jupytrack-flag" style="background:{color}"></i>' for color in HEAT)
        self._meaning = (
            f'<span title="Click to go there">Flags: {worst} open, the darker the more suspicious &nbsp; '
            f'<i class="jupytrack-flag" style="background:{DONE}"></i> reviewed</span>'
        )
        # with the flag itself, too: in a narrow window the list is below the picture, out of sight
        self.legend = ipywidgets.HTML(self._meaning)
        self.legend.add_class("jupytrack-heat-legend")
        return (
            heading,
            row(buttons["review_previous"], buttons["review_next"], self.count, self.bar, flex_flow="row"),
            row(buttons["review_accept"], buttons["review_fix"], self.undo),
            row(buttons["review_dismiss"], self.reason, flex_flow="row"),
            self.head,
            self.list,
            self.detail,
        )

    def show(self) -> None:
        """Show where the review stands."""
        if self._closed:
            return
        with self.session.lock, self.showing():
            done, total = self.flags.progress
            self.count.value = f"{done} of {total}"
            self.bar.max, self.bar.value = max(total, 1), done
            self._first = 0 if self.current is None else self.current // _PAGE * _PAGE
            self._fill(total)
            self._describe()
            self.legend.value = f'<div class="jupytrack-here">{self._here(done, total)}</div>{self._meaning}'
            self.undo.disabled = self.current is None or self.flags.found[self.current] is None

    def _fill(self, total: int) -> None:
        page = self.flags.rows.iloc[self._first : self._first + _PAGE]
        tracks = ["" if track is None else str(track) for track in page["track"]]
        wide = min(max([5, *map(len, tracks)]), 10)
        figures = len(str(int(self.flags.rows["last"].max()))) if total else 1
        figures = max(figures, 5)
        lines = []
        columns = (page[name].tolist() for name in ("frame", "score", "checks"))
        for state, track, frame, score, checks in zip(
            self.flags.states[self._first :], tracks, *columns, strict=False
        ):
            number = "" if np.isnan(score) else f"{score:.2f}"
            first, *more = checks.split(", ")
            check = f"{first} +{len(more)}" if more else first
            text = f"{_SIGNS[state]} {frame:>{figures}} {track[:wide]:<{wide}} {number:>5} {check}"
            lines.append(text.replace(" ", "\u00a0"))
        heading = f"  {'frame':>{figures}} {'track':<{wide}} score check"
        if total > _PAGE:
            heading = f"{self._first + 1}–{self._first + len(lines)} of {total}\n{heading}"
        self.head.value = f"<pre>{heading}</pre>"
        if list(self.list.options) != lines:
            self.list.options = lines
        self.list.index = None if self.current is None else self.current - self._first
        for part in (self.head, self.list):
            part.layout.display = None if total else "none"

    def _here(self, done: int, total: int) -> str:
        """Return the current flag as one line."""
        if self.current is None:
            return f"{done} of {total} flags reviewed"
        flag = self.flags.rows.iloc[self.current]
        span = frame_span(flag["frame"], flag["last"])
        track = "" if flag["track"] is None else f", {flag['track']}"
        text = flag["message"] or flag["checks"]
        where = f"{_SIGNS[self.flags.states[self.current]]} {span}{track}"
        return f"<b>{escape(where)}</b> {escape(text)} ({done} of {total} reviewed)"

    def _describe(self) -> None:
        if self.current is None:
            text = "Press <b>o</b> to begin, or click on a flag." if len(self.flags.states) else "No flags."
            self.detail.value = text
            return
        flag, one = self.flags.rows.iloc[self.current], self.flags.found[self.current]
        # the list has room for one
        several = flag["checks"] if ", " in flag["checks"] else ""
        lines = [escape(str(text)) for text in (several, flag["message"]) if text]
        if one is not None:
            what = f"{one.verdict}: {one.reason}" if one.reason else one.verdict
            lines.append(
                f"<b>{escape(what)}</b> ({escape(one.author)}, {escape(one.time[:16].replace('T', ' '))} UTC)"
            )
            if one.verdict == "fixed" and flag["flagged"]:
                lines.append("The check still strikes here." if self.checks_again else "")
        elif not flag["flagged"]:
            lines.append("<b>cleared</b>: the check no longer strikes here.")
        elif flag["edited"]:
            lines.append("Points were changed here.")
        self.detail.value = "<br>".join(filter(None, lines)) or "&nbsp;"
