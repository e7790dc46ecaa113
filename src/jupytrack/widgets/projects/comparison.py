"""What a training changed: places ranked by how much they ask to be looked at; a click goes to the frame."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from jupytrack.annotation.layers import LayerStack
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable
from jupytrack.dlc.comparison import COMBINED, IterationComparison, compare_iterations
from jupytrack.dlc.corrections import splice
from jupytrack.dlc.files import is_manual_layer
from jupytrack.errors import AnnotationError
from jupytrack.widgets.panels import Panel, row, text_button

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject
    from jupytrack.widgets.annotator import Annotator
    from jupytrack.widgets.session import Session

__all__ = ["ComparisonView", "comparable", "compare_in", "manual_points"]

# places that are listed; nobody goes through more by hand
_MOST = 500
# letters of a label
_WIDEST = 12


def comparable(project: DLCProject, video: Path) -> dict[int, Path]:
    """Return the prediction of a video by the best snapshot (else the last) of each iteration that has one.

    Parameters
    ----------
    project : DLCProject
        The project.
    video : Path
        One of its videos.
    """
    found: dict[int, Path] = {}
    for iteration in project.all_iterations:
        layout = project.layout(iteration)
        path = layout.prediction_of(video.stem, layout.best())
        others = layout.predictions(video.stem) if path is None else []
        if path is not None or others:
            found[int(iteration)] = others[-1] if path is None else path
    return dict(sorted(found.items()))


def manual_points(session: Session) -> PointTable | None:
    """Return the points of all layers by hand together, the last layer's first; None if there are none."""
    merged: PointTable | None = None
    for ann in session.layers:
        if is_manual_layer(session.video.fname, ann.name, ann.fname) and ann.present.any():
            table = ann.to_table()
            merged = table if merged is None else splice(merged, table)
    return merged


def compare_in(
    session: Session,
    project: DLCProject,
    before: int | None = None,
    after: int | None = None,
    **options: Any,
) -> IterationComparison:
    """Compare two iterations' predictions of the video that is open.

    Parameters
    ----------
    session : Session
        What is open; layers that are there are not read again.
    project : DLCProject
        Its project.
    before, after : int, optional
        The iterations; by default the two newest that have predicted this video.
    **options
        Those of :func:`jupytrack.dlc.compare_iterations`.

    Raises
    ------
    AnnotationError
        If there are no two.
    """
    there = comparable(project, Path(session.video.fname))
    numbers = list(there)
    if after is None and numbers:
        after = numbers[-1]
    if before is None:
        earlier = [number for number in numbers if after is not None and number < after]
        before = earlier[-1] if earlier else None
    missing = [number for number in (before, after) if number not in there]
    if missing or before is None or after is None:
        have = ", ".join(map(str, numbers)) or "none"
        raise AnnotationError(
            f"There are no two iterations to compare; iterations with predictions of this video: {have}.",
            "Train another iteration, or analyse the video with an earlier one.",
        )
    old, new = (_layer(session, there[number]) for number in (before, after))
    return compare_iterations(old, new, manual_points(session), **options)


def _layer(session: Session, path: Path) -> VideoAnnotation:
    for ann in session.layers:
        if ann.fname is not None and Path(ann.fname).resolve() == path.resolve():
            return ann
    name = LayerStack.canonical_layer_name(path)
    return VideoAnnotation(path, name=name, video=session.video)


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
        heading = ipywidgets.HTML(escape(self.title))
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
        parts = (heading, self.summary, self.labels, self.head, self.list, self.detail)
        super().__init__(annotator, (*parts, row(self.review, self.shut)))
        self.remove_class("jupytrack-panel")
        self.add_class("jupytrack-comparison")
        self.layout.overflow = None
        self.list.observe(self.asked(lambda change: self._go(change["new"])), "index")
        self.review.on_click(self.asked(lambda _: self._review()))
        self.shut.on_click(lambda _: on_close())
        self.session.observe(self._let_go, ["frame"])

    def fill(self, found: IterationComparison) -> None:
        """Show a comparison."""
        self.found = found
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
        frames = (
            f"frame {move['frame']}"
            if move["frame"] == move["last"]
            else f"frames {move['frame']}–{move['last']}"
        )
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
    head = "<tr><th>label</th><th>moved (median)</th><th>(most)</th><th>RMSE, px</th></tr>"
    return f"<table class='jupytrack-changes'>{head}{''.join(rows)}</table>"


def _shown(one: Any, label: str = "") -> str:
    """Return a label for people, with its name where that says more."""
    label, name = label or str(one["label"]), str(one["name"])
    return label if name in ("", label) else f"{label} {name}"
