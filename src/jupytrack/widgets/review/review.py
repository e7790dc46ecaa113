"""Flags looked at one by one, beside the picture: where to go, what was decided, and how much is left."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd

from jupytrack.errors import AnnotationError
from jupytrack.qa.flag_list import FlagList
from jupytrack.qa.queue import Where, flag_queue
from jupytrack.qa.report import Report
from jupytrack.qa.verdicts import Decision, Verdicts, verdict_file
from jupytrack.widgets.annotator import Annotator
from jupytrack.widgets.lifetime import widgets_of
from jupytrack.widgets.queue.video_queue import VideoQueue, require_annotator
from jupytrack.widgets.review.box_painter import BoxPainter
from jupytrack.widgets.review.checking_again import CheckingAgain, checking_again
from jupytrack.widgets.review.commands import add_commands, remove_commands
from jupytrack.widgets.review.heat_strip import HeatStrip, heat_levels
from jupytrack.widgets.review.panel import ReviewPanel

if TYPE_CHECKING:
    from jupytrack.annotation.boxes import BoxTracks
    from jupytrack.annotation.points import VideoAnnotation

__all__ = ["Review", "review"]

_open: weakref.WeakKeyDictionary[Annotator, Review] = weakref.WeakKeyDictionary()


def review(
    annotator: Annotator | VideoQueue,
    where: Where,
    *,
    tracks: BoxTracks | None = None,
    layer: str | None = None,
    video: str | None = None,
    update: Callable[[], Where] | None = None,
    file: str | Path | None = None,
) -> Review:
    """Look at flags one by one in an annotator, and keep what is decided about them.

    The flags become a ranked list beside the picture and a strip under the traces. The next one is a key away
    (``o``; ``i`` goes back), and so are the verdicts: ``e`` accepts a flag (it is right), ``u`` says that it
    is fixed (it was right, and is corrected), ``h`` dismisses it for a reason (it is wrong). Each goes on to
    the next open flag. Verdicts are on the disk at once, with author and time, beside the layer or, for box
    tracks, beside the video; they are found again when the same flags are reviewed later.

    Where ``where`` is a report of the points in this annotator, its checks run again when a point was edited:
    what no longer strikes is cleared, what strikes newly is added at the end of the list.

    Parameters
    ----------
    annotator : Annotator or VideoQueue
        Where to look at them; of a queue, the video that is shown. A review that is open there ends.
    where : Report, pandas.DataFrame or array_like of bool
        What :func:`jupytrack.qa.run` or one of the checks returned; any table with a column ``frame`` (and,
        where there are any, ``last``, ``track``, ``score``, ``checks`` and ``message``); or one truth value
        for each frame, of which each run is one flag.
    tracks : BoxTracks, optional
        Boxes to draw over the picture, with their ids, in the colours of their classes.
    layer : str, optional
        The layer whose points are reviewed; by default the one the report is of, else the active one. It
        becomes the active layer.
    video : str, optional
        Whose flags, if they are of several videos; by default those under the name of the annotator's video.
    update : callable, optional
        Called without arguments when points of the layer were edited; returns flags anew, in any of the forms
        of ``where``.
    file : path, optional
        Where to keep the verdicts instead.

    Returns
    -------
    Review
        It shows itself as the output of a cell, too.

    Raises
    ------
    AnnotationError
        If the flags or the tracks do not fit the video, or there is no such layer.
    FormatError
        If earlier verdicts cannot be read.

    Examples
    --------
    >>> report = jupytrack.qa.run(annotator.ann)  # doctest: +SKIP
    >>> jupytrack.review(annotator, report)  # doctest: +SKIP
    """
    annotator = require_annotator(annotator)
    return Review(annotator, where, tracks=tracks, layer=layer, video=video, update=update, file=file)


class Review(ReviewPanel):
    """Flags, and what is decided about them; see :func:`jupytrack.review`.

    Attributes
    ----------
    current : int or None
        Row of :attr:`queue` that is being looked at.
    """

    def __init__(
        self,
        annotator: Annotator,
        where: Where,
        *,
        tracks: BoxTracks | None = None,
        layer: str | None = None,
        video: str | None = None,
        update: Callable[[], Where] | None = None,
        file: str | Path | None = None,
    ) -> None:
        session = annotator.session
        known = Path(session.video.fname)
        self._video: str | Sequence[str] = video if video is not None else (known.stem, known.name)
        rows = flag_queue(where, session.n_frames, self._video)
        self._painter = None if tracks is None else BoxPainter(tracks, annotator.overlay)
        self._ann = _layer_of(annotator, where, layer) if tracks is None or layer is not None else None
        self._checking = None if self._ann is None else _checking(annotator, where, update, self._ann)
        self.checks_again = self._checking is not None
        path = None if self._ann is None or tracks is not None else self._ann.fname
        self.flags = FlagList(rows, Verdicts(verdict_file(known, path) if file is None else file))
        self.current = None
        self._going = False
        self._revision = None if self._ann is None else self._ann.revision
        self._told = 0
        earlier = _open.get(annotator)
        if earlier is not None:
            earlier.close()
        if self._ann is not None and session.ann is not self._ann:
            session.layers.active = self._ann.name
        super().__init__(annotator)
        self.strip = HeatStrip(annotator.traces)
        self._closed = False
        _open[annotator] = self
        self._enter()
        self._draw()

    # what one asks of it

    @property
    def queue(self) -> pd.DataFrame:
        """The flags, ranked.

        Columns ``frame``, ``last`` (the last frame it holds for), ``track``, ``score``, ``checks``,
        ``message``, ``state`` (``open``, ``accepted``, ``fixed``, ``dismissed``; or ``cleared``: the check no
        longer strikes), ``reason``, ``author``, ``time``, ``flagged`` (whether the check strikes now) and
        ``edited`` (whether points of the frame changed since the review began).
        """
        with self.session.lock:
            return self.flags.table

    @property
    def verdicts(self) -> pd.DataFrame:
        """Every verdict ever given here, in order.

        Columns ``frame``, ``track``, ``checks``, ``verdict``, ``reason``, ``author`` and ``time`` (UTC).
        """
        return self.flags.verdicts.to_dataframe()

    @property
    def path(self) -> Path:
        """The file of the verdicts."""
        return self.flags.verdicts.path

    @property
    def progress(self) -> tuple[int, int]:
        """How many flags are reviewed, and how many there are."""
        return self.flags.progress

    def next(self) -> int | None:
        """Go to the next open flag; after the last one, to the first one that was left open.

        Returns
        -------
        int or None
            Its row in :attr:`queue`; None if none is open.
        """
        with self.session.lock:
            place = self.flags.next_open(self.current)
            if place is None:
                self.session.notify(
                    "info", "Every flag is reviewed." if len(self.flags) else "There are no flags."
                )
            else:
                self.select(place)
            return place

    def previous(self) -> int | None:
        """Go to the flag before the current one in the list, reviewed or not.

        Returns
        -------
        int or None
            Its row in :attr:`queue`; None if there is none.
        """
        with self.session.lock:
            n = len(self.flags)
            place = n - 1 if self.current is None else self.current - 1
            if place < 0:
                self.session.notify("info", "This is the first flag." if n else "There are no flags.")
                return None
            self.select(place)
            return place

    def select(self, place: int) -> None:
        """Go to a flag.

        Parameters
        ----------
        place : int
            Its row in :attr:`queue`.

        Raises
        ------
        AnnotationError
            If there is no such row.
        """
        with self.session.lock:
            n = len(self.flags)
            if not 0 <= place < n:
                raise AnnotationError(f"There is no flag {place}.", f"There are {n}, counted from 0.")
            self._going = True
            try:
                self._choose(int(place))
                self.session.go_to(int(self.flags.rows["frame"].iloc[place]))
            finally:
                self._going = False
        self.show()

    def accept(self) -> None:
        """Accept the current flag, it is right; and go to the next open one.

        Raises
        ------
        AnnotationError
            If no flag is selected.
        SaveError
            If the verdict cannot be written; so for all verdicts.
        """
        self._give("accepted")

    def fix(self) -> None:
        """Say that the current flag was right and is corrected; and go to the next open one.

        Raises
        ------
        AnnotationError
            If no flag is selected.
        """
        self._give("fixed")

    def dismiss(self, reason: str) -> None:
        """Dismiss the current flag, it is wrong; and go to the next open one.

        Parameters
        ----------
        reason : str
            Why, in a few words.

        Raises
        ------
        AnnotationError
            If no flag is selected, or the reason is empty.
        """
        self._give("dismissed", reason)

    def reopen(self) -> None:
        """Take back the verdict on the current flag.

        Raises
        ------
        AnnotationError
            If no flag is selected.
        """
        self._give("open")

    def close(self) -> None:
        """End the review: its list, strip and keys go; the verdicts stay in their file."""
        if self._closed:
            return
        self._closed = True
        annotator = self.annotator
        for stop in self._stops:
            stop()
        self.session.unobserve(self._on_frame, ["frame"])
        if _open.get(annotator) is self:
            del _open[annotator]
        # of an annotator that ends, nothing needs to be put right
        if not annotator._ended:
            canvas, strip = annotator.canvas, self.strip
            remove_commands(annotator)
            canvas.trace_figures = [each for each in canvas.trace_figures if each is not strip.widget]
            canvas.marker_models = [each for each in canvas.marker_models if each is not strip.marker]
            for parent, mine in ((self._under, (strip.widget, self.legend)), (self._side, (self,))):
                parent.children = tuple(each for each in parent.children if each not in mine)
        self.strip.close()
        for part in (*widgets_of(self), *widgets_of(self.legend)):
            if part is not self:
                part.close()
        super().close()

    def _enter(self) -> None:
        """Take a place in the annotator."""
        annotator, session, strip = self.annotator, self.session, self.strip
        self._under = _parent_of(annotator, annotator.traces.widget)
        self._side = _parent_of(annotator, annotator.panels[0])
        at = self._under.children.index(annotator.traces.widget) + 1
        above, below = self._under.children[:at], self._under.children[at:]
        self._under.children = (*above, strip.widget, self.legend, *below)
        self._side.children = (self, *self._side.children)
        canvas = annotator.canvas
        canvas.trace_figures = [*canvas.trace_figures, strip.widget]
        canvas.marker_models = [*canvas.marker_models, strip.marker]
        add_commands(annotator, self)
        self._stops = [session.on_points_changed(self._on_points)]
        if self._checking is not None:
            self._stops.append(self._checking.listen(self._on_checked))
        if self._painter is not None:
            self._stops.append(annotator.overlay.add_painter(self._painter))
        session.observe(self._on_frame, ["frame"])

    # what happens

    def _next(self) -> None:
        self.next()

    def _previous(self) -> None:
        self.previous()

    def _accept(self) -> None:
        self.accept()

    def _fix(self) -> None:
        self.fix()

    def _dismiss(self) -> None:
        """Dismiss for the reason in the box, or ask for one."""
        if self.reason.value.strip() or self.current is None:
            self.dismiss(self.reason.value)
        else:
            self.reason.focus()

    def _give(self, verdict: Decision, reason: str = "") -> None:
        with self.session.lock:
            if self.current is None:
                raise AnnotationError("No flag is selected.", "Go to one first: press o, or click on one.")
            self.flags.give(self.current, verdict, reason)
            if verdict != "open" and "open" in self.flags.states:
                self.next()
        self._draw()

    def _choose(self, place: int) -> None:
        """Select a flag, and what it is about, without going there."""
        self.current = place
        track = self.flags.rows["track"].iloc[place]
        if isinstance(track, str) and track in self.session.labels:
            self.session.select_label(track)
        if self._painter is not None and self._painter.selected != track:
            self._painter.selected = track
            self.session.touch_overlay()

    def _on_frame(self, change: Any) -> None:
        """Follow a jump to a flag, as by a click in the strip; steps from frame to frame change nothing."""
        frame = int(change["new"])
        if self._going or self.session.playing or abs(frame - int(change["old"])) < 2:
            return
        with self.session.lock:
            place = self.flags.at(frame, self.current)
            if place is None or place == self.current:
                return
            self._choose(place)
        self.show()

    def _on_points(self, frames: Any) -> None:
        ann = self._ann
        # also called when only colours or the like changed
        if ann is None or self._closed or ann.revision == self._revision:
            return
        with self.session.lock:
            self._revision = ann.revision
            if frames is not None:
                self.flags.mark_edited(frames)
        if not self.checks_again:
            self.show()

    def _on_checked(self, where: Where) -> None:
        if self._closed:
            return
        queue = flag_queue(where, self.session.n_frames, self._video)
        with self.session.lock:
            self.flags.merge(queue)
        self._draw()

    def _draw(self) -> None:
        """Show the flags in the strip, too."""
        if self._closed:
            return
        with self.session.lock:
            rows = self.flags.rows
            done = [state != "open" for state in self.flags.states]
            self.strip.show(rows["frame"], rows["last"], heat_levels(rows["score"], done))
            problems = self.flags.verdicts.problems[self._told :]
            self._told += len(problems)
        for problem in problems:
            self.session.notify("warning", problem, f"Look at it in {self.path}.")
        self.show()


def _checking(
    annotator: Annotator, where: Where, update: Callable[[], Where] | None, ann: VideoAnnotation
) -> CheckingAgain | None:
    """Return what finds the flags anew, None where nothing can."""
    if update is not None:
        return CheckingAgain(annotator, ann, lambda progress: update())
    return checking_again(annotator, where, ann)


def _layer_of(annotator: Annotator, where: Where, name: str | None) -> VideoAnnotation:
    """Return the layer that is reviewed."""
    layers = annotator.session.layers
    if name is not None:
        if name not in layers.names:
            raise AnnotationError(
                f"There is no layer {name!r}.", f"There are {', '.join(map(repr, layers.names))}."
            )
        return layers[name]
    if isinstance(where, Report) and where.origin is not None:
        checked = [layer() for layer in where.origin.layers.values()]
        for ann in layers:
            if any(ann is one for one in checked):
                return ann
    return annotator.session.ann


def _parent_of(root: ipywidgets.Box, child: ipywidgets.Widget) -> ipywidgets.Box:
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if any(each is child for each in one.children):
            return one
        waiting += [each for each in one.children if isinstance(each, ipywidgets.Box)]
    raise AssertionError("the annotator shows no such part")
