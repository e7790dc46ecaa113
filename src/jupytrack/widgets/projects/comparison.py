"""What a training changed: places ranked by how much they ask to be looked at; a click goes to the frame."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from jupytrack.dlc.comparison import COMBINED, IterationComparison
from jupytrack.errors import JupytrackError
from jupytrack.jobs import Progress
from jupytrack.qa.table import frame_span
from jupytrack.widgets.panels import Panel, row, text_button

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject
    from jupytrack.widgets.annotator import Annotator

__all__ = ["ComparisonView", "compare_others"]

# places that are listed; nobody goes through more by hand
_MOST = 500
# letters of a label
_WIDEST = 12


def compare_others(
    progress: Progress,
    project: DLCProject,
    videos: Iterable[Path],
    like: IterationComparison,
    **options: Any,
) -> dict[Path, IterationComparison]:
    """Make the same comparison of other videos, as their layers are saved; for a :class:`Job`.

    Parameters
    ----------
    progress : Progress
        Told which video is looked at.
    project : DLCProject
        The project.
    videos : iterable of Path
        The videos.
    like : IterationComparison
        The comparison; videos that are not predicted by the same two iterations are left out.
    **options
        Arguments of :meth:`DLCProject.compare_iterations` that it was made with.

    Returns
    -------
    dict of Path to IterationComparison
        What was found, what asks most to be looked at first.
    """
    videos, found = list(videos), {}
    for n, video in enumerate(videos):
        progress.update(n, len(videos), video.name)
        with contextlib.suppress(JupytrackError):
            one = project.compare_iterations(video=video, **options)
            if (one.before, one.after) == (like.before, like.after):
                found[video] = one
    return dict(sorted(found.items(), key=lambda item: (-item[1].worse, -len(item[1].moves))))


class ComparisonView(Panel):
    """Lists what changed from one iteration to the next.

    Parameters
    ----------
    annotator : Annotator
        Where clicks lead.
    on_close : callable
        Called without arguments when the user wants to see it no more.
    """

    title = "What changed"

    def __init__(self, annotator: Annotator, on_close: Callable[[], Any]) -> None:
        self.found: IterationComparison | None = None
        video = Path(annotator.session.video.fname).stem
        heading = ipywidgets.HTML(escape(f"{self.title} in {video}"))
        heading.add_class("jupytrack-heading")
        self.summary = ipywidgets.HTML()
        self.summary.add_class("jupytrack-form-message")
        self.labels = ipywidgets.HTML()
        self.head = ipywidgets.HTML(layout=ipywidgets.Layout(margin="0"))
        self.head.add_class("jupytrack-flags-head")
        self.list = ipywidgets.Select(options=[], rows=8, layout=ipywidgets.Layout(width="auto"))
        self.list.add_class("jupytrack-flags")
        self.detail = ipywidgets.HTML()
        self.detail.add_class("jupytrack-review-detail")
        self.review = text_button(
            "Review one by one", "Go through these places by keys, and keep what is decided", "list-ol"
        )
        self.shut = text_button("Close", "Show this no more; Compare brings it back", "check")
        self._others: list[tuple[Path, IterationComparison]] = []
        self.others_head = ipywidgets.HTML("Other videos of the queue:")
        self.others_head.add_class("jupytrack-hint")
        self.others = ipywidgets.Select(options=[], rows=4, layout=ipywidgets.Layout(width="auto"))
        self.others.add_class("jupytrack-flags")
        self.others.observe(self.asked(lambda change: self._go_to_video(change["new"])), "index")
        parts = (heading, self.summary, self.labels, self.head, self.list, self.detail)
        others = (self.others_head, self.others)
        super().__init__(annotator, (*parts, *others, row(self.review, self.shut)))
        self.remove_class("jupytrack-panel")
        self.add_class("jupytrack-comparison")
        self.layout.overflow = None
        self.list.observe(self.asked(lambda change: self._go(change["new"])), "index")
        self.review.on_click(self.asked(lambda _: self._review()))
        self.shut.on_click(lambda _: on_close())
        self.session.observe(self._let_go, ["frame"])

    def fill(self, found: IterationComparison) -> None:
        """Show a comparison."""
        self.found, self._others = found, []
        moves = found.moves.head(_MOST)
        self.summary.value = escape(found.summary())
        self.labels.value = _label_table(found)
        names = [_shown(one)[:_WIDEST] for _, one in moves.iterrows()]
        wide = max([5, *map(len, names)])
        lines = []
        for name, frame, moved, was, now in zip(
            names, *(moves[key] for key in ("worst", "moved", "error_before", "error_after")), strict=True
        ):
            error = "" if np.isnan(was) else f"{was:.1f}→{now:.1f}"
            lines.append(f"{name:<{wide}} {frame:>6} {moved:>6.1f} {error:>11}".replace(" ", "\u00a0"))
        self.head.value = f"<pre>{'label':<{wide}} {'frame':>6} {'moved':>6} {'error, px':>11}</pre>"
        with self.showing():
            self.list.options = lines
            self.list.index = None
        self.detail.value = ""
        self.show()

    def fill_others(self, found: Mapping[Path, IterationComparison]) -> None:
        """List what changed in other videos of the queue; a click goes there."""
        self._others = [(video, one) for video, one in found.items() if len(one.moves)]
        lines = [f"{video.stem}: {one.extent}" for video, one in self._others]
        with self.showing():
            self.others.options, self.others.rows = lines, min(max(len(lines), 2), 6)
            self.others.index = None
        self.show()

    def _go_to_video(self, index: int | None) -> None:
        queue = self.annotator.queue
        if index is None or queue is None:
            return
        video, found = self._others[index]
        with self.showing():
            self.others.index = None
        if video in queue.videos and queue.swap_to(queue.videos.index(video)):
            queue.active.project_panel.compare(found)

    def _go(self, index: int | None) -> None:
        if index is None or self.found is None:
            return
        move = self.found.moves.iloc[index]
        session = self.session
        if session.layers.overlay is None and self.found.after in session.layers.names:
            session.layers.overlay = self.found.after
        if move["label"] in session.labels:
            session.select_label(move["label"])
        session.go_to(int(move["worst"]))
        frames = frame_span(move["frame"], move["last"])
        self.detail.value = escape(f"Label {_shown(move)}, {frames}: {move['message']}")

    def _let_go(self, _: Any) -> None:
        """Choose no row once another frame is shown, so that a click on the same row goes there again."""
        index = self.list.index
        if index is None or self.found is None or self._showing:
            return
        if self.session.frame != int(self.found.moves["worst"].iloc[index]):
            with self.showing():
                self.list.index = None
            self.detail.value = ""

    def _review(self) -> None:
        # it makes panels itself, and knows the annotator
        from jupytrack.widgets.review.review import review

        if self.found is not None:
            review(self.annotator, self.found.moves, layer=self.session.layers.active)

    def show(self) -> None:
        """Show the list, if there is anything in it."""
        there = self.found is not None and len(self.found.moves) > 0
        for part in (self.head, self.list, self.detail, self.review):
            part.layout.display = None if there else "none"
        for part in (self.others_head, self.others):
            part.layout.display = None if self._others else "none"


def _label_table(found: IterationComparison) -> str:
    def number(value: float) -> str:
        return "" if np.isnan(value) else f"{value:.1f}"

    rows = []
    for label, one in found.labels.iterrows():
        error = f"{number(one['rmse_before'])}→{number(one['rmse_after'])}" if one["manual"] else ""
        shown = "all" if label == COMBINED else _shown(one, str(label))
        rows.append(
            f"<tr><td>{escape(shown)}</td><td>{number(one['median_moved'])}</td>"
            f"<td>{number(one['max_moved'])}</td><td>{error}</td></tr>"
        )
    head = (
        "<tr><th>label</th><th title='Median of all frames, in pixels'>moved</th>"
        "<th title='On one frame, in pixels'>at most</th><th>RMSE, px</th></tr>"
    )
    return f"<table class='jupytrack-changes'>{head}{''.join(rows)}</table>"


def _shown(one: Any, label: str = "") -> str:
    """Return a label for people, with its name where that says more."""
    label, name = label or str(one["label"]), str(one["name"])
    return label if name in ("", label) else f"{label} {name}"
