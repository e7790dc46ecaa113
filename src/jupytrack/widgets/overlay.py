"""What is painted over a frame: recorded in Python with ipycanvas, replayed in the browser with its frame."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ipycanvas import Canvas
from numpy.typing import NDArray

from jupytrack.annotation.points import VideoAnnotation
from jupytrack.widgets.colors import css
from jupytrack.widgets.doubt import paint_doubt
from jupytrack.widgets.recording import RecordingManager, TaggedCanvas, make_recorder
from jupytrack.widgets.session import Session

__all__ = ["TRANSLUCENT", "Overlay", "Painter", "Recording"]

Painter = Callable[[Canvas, int], Any]

# sizes on the screen, in CSS pixels
_RADIUS, _SELECTED_RADIUS, _RING = 4.5, 6.0, 10.0
_TRAIL_RADIUS, _TRAIL_WIDTH = 1.8, 1.4
_FONT = 13
# opacity of a layer that is there for comparison, unless its own says something else
TRANSLUCENT = 0.4
_PAST, _NEXT = 0.75, 0.4
# opacity of the edge of a translucent point, in that of the point
_EDGE = 2.5
# beyond this many frames it is cheaper to call everything out of date
_MANY = 5000


@dataclass(frozen=True)
class Recording:
    """The overlay of one frame.

    Attributes
    ----------
    frame : int
        Which frame.
    meta : object
        Metadata of the command buffer, as ipycanvas in the browser wants it; None if nothing was drawn.
    buffers : list of bytes-like
        The command buffer, then the arrays that commands refer to.
    points : list of dict
        ``label``, ``x``, ``y`` (pixels), ``color`` and ``layer`` of the active layer's points.
    """

    frame: int
    meta: Any = None
    buffers: list[bytes] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)


class Overlay:
    """Paints points, labels, trails and whatever users add over a frame.

    Parameters
    ----------
    session : Session
        What to paint.

    Attributes
    ----------
    canvas : ipycanvas.Canvas
        What painters draw on, in pixels of the video: (0, 0) is the centre of the top-left pixel.
    manager : RecordingManager or None
        Its manager, which records; None where that is not possible.
    tagged : TaggedCanvas or None
        What paints in place of recordings then.
    scale : float
        Pixels of the video that a pixel of the screen shows, while painters run.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.scale = 1.0
        size = session.video.width, session.video.height
        self.manager: RecordingManager | None = None
        self.tagged: TaggedCanvas | None = None
        recorder = make_recorder(*size)
        if recorder is not None:
            self.canvas, self.manager = recorder
        else:
            self.tagged = TaggedCanvas(*size)
            self.canvas = self.tagged.canvas
        self._lock = threading.RLock()
        self._painters: list[Painter] = []
        self._failed: set[int] = set()
        self._traces: dict[int, tuple[int, NDArray[np.float64]]] = {}
        self._aparts: dict[int, tuple[int, NDArray[np.float64] | None]] = {}

    def add_painter(self, painter: Painter) -> Callable[[], None]:
        """Paint something of your own over every frame.

        Parameters
        ----------
        painter : callable
            Called as ``painter(canvas, frame)`` with an ipycanvas canvas in pixels of the video. Multiply
            sizes by :attr:`scale` to have them in pixels of the screen. It must not depend on which frame was
            painted before.

        Returns
        -------
        callable
            Takes the painter away again.
        """
        self._painters.append(painter)
        self.session.touch_overlay()

        def remove() -> None:
            if painter in self._painters:
                self._painters.remove(painter)
                self._failed.discard(id(painter))
                self.session.touch_overlay()

        return remove

    def release(self) -> None:
        """Give back the memory of what was copied out to be quick."""
        with self._lock:
            self._traces.clear()
            self._aparts.clear()

    def close(self) -> None:
        """Forget the painters and the positions."""
        self.release()
        with self._lock:
            self._painters.clear()
        if self.tagged is not None:
            self.tagged.close()

    def affected(self, frames: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
        """Return the frames that look different after a change of points on ``frames``; None for all."""
        if frames is None or self._painters or len(frames) > _MANY:
            return None
        trail = self.session.trail
        around = np.unique(np.asarray(frames)[:, None] + np.arange(-trail, trail + 1))
        inside = around[(around >= 0) & (around < self.session.n_frames)]
        return None if len(inside) > _MANY else inside

    def record(self, frame: int, scale: float = 1.0) -> Recording:
        """Record the overlay of a frame.

        Parameters
        ----------
        frame : int
            Which frame.
        scale : float
            Pixels of the video that a pixel of the screen shows.
        """
        with self.session.lock, self._lock:
            self.scale = scale
            recorded = self._record(frame) if self.manager else self._paint_tagged(frame)
            points = self._points(frame)
        if recorded is None:
            return Recording(frame, points=points)
        return Recording(frame, recorded[0], [bytes(memoryview(b)) for b in recorded[1]], points)

    def _record(self, frame: int) -> tuple[Any, list[Any]] | None:
        assert self.manager is not None
        self.manager.start()
        self._paint(frame)
        try:
            return self.manager.finish()
        except Exception as error:
            self.session.notify(
                "error",
                f"The overlay of frame {frame} cannot be sent: {error}",
                "A painter of your own draws with values that are no numbers or texts.",
            )
            return None

    def _paint_tagged(self, frame: int) -> tuple[Any, list[Any]]:
        assert self.tagged is not None
        # the same for each view that asks, and another one after a change
        tag = 1 + frame + self.session.n_frames * int(self.session.overlay_revision)
        self.tagged.paint(tag, lambda: self._paint(frame))
        return {"tag": tag}, []

    def _paint(self, frame: int) -> None:
        for painter in (self._paint_layers, *self._painters):
            self._run(painter, frame)

    def _run(self, painter: Painter, frame: int) -> None:
        """Let a painter draw; one that fails leaves nothing behind, and the others go on."""
        mark = self.manager.mark() if self.manager else None
        try:
            self.canvas.save()
            painter(self.canvas, frame)
            self.canvas.restore()
        except Exception as error:
            if self.manager and mark:
                self.manager.go_back(mark)
            else:
                self.canvas.restore()
            if id(painter) in self._failed:
                return
            # once is enough: it will fail on every frame
            self._failed.add(id(painter))
            name = getattr(painter, "__name__", type(painter).__name__)
            self.session.notify(
                "error",
                f"The painter {name!r} failed on frame {frame}: {type(error).__name__}: {error}",
                "Correct it and add it again; the rest of the overlay is drawn without it.",
            )

    def _xy(self, ann: VideoAnnotation) -> NDArray[np.float64]:
        """Positions of all labels, (labels, frames, 2), copied out once a revision."""
        known = self._traces.get(id(ann))
        if known is None or known[0] != ann.revision:
            revision, traces = ann.revision, list(ann.to_traces().values())
            xy = np.stack(traces) if traces else np.empty((0, self.session.n_frames, 2))
            present = {id(ann) for ann in self.session.layers.loaded}
            self._traces = {key: value for key, value in self._traces.items() if key in present}
            self._traces[id(ann)] = known = (revision, xy)
        return known[1]

    def _apart(self, ann: VideoAnnotation) -> NDArray[np.float64] | None:
        """Disagreement of tracking, (labels, frames), copied out once a revision; None if none is known."""
        known = self._aparts.get(id(ann))
        if known is None or known[0] != ann.revision:
            revision, apart = ann.revision, ann.column("disagreement").astype(np.float64)
            present = {id(ann) for ann in self.session.layers.loaded}
            self._aparts = {key: value for key, value in self._aparts.items() if key in present}
            known = (revision, apart if np.isfinite(apart).any() else None)
            self._aparts[id(ann)] = known
        return known[1]

    def _points(self, frame: int) -> list[dict[str, Any]]:
        session = self.session
        ann, xy = session.ann, self._xy(session.ann)
        if not ann.display.visible or frame >= xy.shape[1]:
            return []
        return [
            {
                "label": label,
                "x": float(x),
                "y": float(y),
                "color": css(color),
                "layer": session.layers.active,
            }
            for label, color, (x, y) in zip(ann.labels, ann.palette, xy[:, frame], strict=False)
            if np.isfinite(x) and np.isfinite(y)
        ]

    def _paint_layers(self, canvas: Canvas, frame: int) -> None:
        session = self.session
        overlay = session.overlay_ann
        if overlay is not None and overlay is not session.ann:
            self._paint_layer(canvas, overlay, frame, active=False)
        self._paint_layer(canvas, session.ann, frame, active=True)

    def _paint_layer(self, canvas: Canvas, ann: VideoAnnotation, frame: int, active: bool) -> None:
        xy = self._xy(ann)
        if not ann.display.visible or not len(xy):
            return
        colors = np.round(255 * np.array(ann.palette[: len(xy)])[:, :3]).astype(np.uint8)
        alphas = np.array([ann.display.alpha_of(label) for label in ann.labels], dtype=np.float32)
        if not active:
            alphas[alphas >= 1] = TRANSLUCENT
        selected = np.array([label == self.session.label for label in ann.labels])
        self._paint_trail(canvas, xy, frame, colors, alphas, selected)
        if frame >= xy.shape[1]:
            return
        # half the bytes, and still a thousandth of a pixel
        here = xy[:, frame].astype(np.float32)
        there = np.isfinite(here[:, 0] + here[:, 1])
        if not there.any():
            return
        px = self.scale
        radius = np.where(selected & active, _SELECTED_RADIUS * px, _RADIUS * px).astype(np.float32)
        x, y = here[there].T
        canvas.fill_styled_circles(x, y, radius[there], colors[there], alphas[there])
        if active:
            canvas.line_width = 1.5 * px
            canvas.stroke_styled_circles(x, y, radius[there], np.zeros_like(colors[there]), alphas[there])
        else:
            # a fill that is seen through needs an edge that is not, on any picture
            edge = np.minimum(_EDGE * alphas[there], 1).astype(np.float32)
            for width, color in ((4.0, np.zeros_like(colors[there])), (2.0, colors[there])):
                canvas.line_width = width * px
                canvas.stroke_styled_circles(x, y, radius[there], color, edge)
        apart = self._apart(ann) if self.session.doubt else None
        if apart is not None and frame < apart.shape[1]:
            size = self.session.video.width, self.session.video.height
            paint_doubt(canvas, here, apart[: len(here), frame], self.session.doubtful, alphas, px, size)
        if active:
            self._paint_names(canvas, ann, here, there, selected)

    def _paint_names(
        self,
        canvas: Canvas,
        ann: VideoAnnotation,
        here: NDArray[np.float32],
        there: NDArray[np.bool_],
        selected: NDArray[np.bool_],
    ) -> None:
        px = self.scale
        canvas.line_join = "round"
        canvas.text_baseline = "middle"
        taken: list[tuple[float, float]] = []
        for row in np.flatnonzero(there):
            x, y = (float(value) for value in here[row])
            weight = "bold " if selected[row] else ""
            canvas.font = f"{weight}{_FONT * px:.6g}px sans-serif"
            canvas.stroke_style, canvas.line_width = "#000000b0", 3 * px
            text, at = ann.names.get(ann.labels[row], ann.labels[row]), (x + 9 * px, y - 9 * px)
            # names of points in one place stand one above the other
            while any(abs(at[0] - a) < _FONT * px and abs(at[1] - b) < 0.9 * _FONT * px for a, b in taken):
                at = at[0], at[1] - 1.1 * _FONT * px
            taken.append(at)
            canvas.stroke_text(text, *at)
            canvas.fill_style = css(ann.palette[row])
            canvas.fill_text(text, *at)
            if selected[row]:
                canvas.stroke_style, canvas.line_width = "#000000a0", 3 * px
                canvas.stroke_circle(x, y, _RING * px)
                canvas.stroke_style, canvas.line_width = "#ffffff", 1.5 * px
                canvas.stroke_circle(x, y, _RING * px)

    def _paint_trail(
        self,
        canvas: Canvas,
        xy: NDArray[np.float64],
        frame: int,
        colors: NDArray[np.uint8],
        alphas: NDArray[np.float32],
        selected: NDArray[np.bool_],
    ) -> None:
        """Paint the way to and from a frame: paler the further away, and paler still for what comes."""
        trail = self.session.trail
        start, stop = max(frame - trail, 0), min(frame + trail + 1, xy.shape[1])
        part = xy[:, start:stop].astype(np.float32)
        if trail == 0 or part.shape[1] < 2:
            return
        px = self.scale
        finite = np.isfinite(part[..., 0] + part[..., 1])
        away = np.arange(start, stop) - frame
        fade = (1 - np.abs(away) / (trail + 1)) * np.where(away <= 0, _PAST, _NEXT)
        fade = fade.astype(np.float32)
        rows, columns = np.nonzero(finite[:, :-1] & finite[:, 1:])
        if len(rows):
            segments = np.stack([part[rows, columns], part[rows, columns + 1]], axis=1)
            # a segment is as pale as its end that is further away
            strength = np.minimum(fade[columns], fade[columns + 1])
            canvas.line_width = _TRAIL_WIDTH * px
            canvas.stroke_styled_line_segments(segments, colors[rows], strength * alphas[rows])
        rows, columns = np.nonzero(finite & (away != 0) & selected[:, None])
        if len(rows):
            x, y = part[rows, columns].T
            radius = np.full(len(rows), _TRAIL_RADIUS * px, dtype=np.float32)
            canvas.fill_styled_circles(x, y, radius, colors[rows], fade[columns] * alphas[rows])
