"""How the overlay reaches the browser: as recorded commands, or on a canvas that says what it shows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import ipywidgets
from ipycanvas import Canvas, canvas, hold_canvas

__all__ = ["RecordingManager", "TaggedCanvas", "make_recorder"]

# hold_canvas holds the canvases of all threads
_holding = threading.Lock()
log = logging.getLogger(__name__)
_Manager: Any = getattr(canvas, "_CanvasManager", None)
# sides of a tagged canvas, in pixels of its own
_LARGEST, _FINEST = 4096, 4


class RecordingManager(_Manager or ipywidgets.Widget):  # type: ignore[misc]
    """An ipycanvas manager that keeps drawing commands instead of sending them.

    It rests on private names of ipycanvas 0.14: ``_send_custom``, ``_caching``, ``_commands_cache``,
    ``_buffers_cache`` and ``_current_canvas``.
    """

    def __init__(self) -> None:
        super().__init__(caching=True)
        self._recorded: list[tuple[Any, list[Any]]] = []

    def start(self) -> None:
        """Begin a recording."""
        self._recorded = []
        self._commands_cache: list[Any] = []
        self._buffers_cache: list[Any] = []
        self._caching = True
        # so that every recording names its canvas, whatever was replayed before it
        self._current_canvas = None

    def mark(self) -> tuple[int, int]:
        """Return a place in the recording to go back to."""
        return len(self._commands_cache), len(self._buffers_cache)

    def go_back(self, mark: tuple[int, int]) -> None:
        """Forget what was recorded after a mark."""
        del self._commands_cache[mark[0] :]
        del self._buffers_cache[mark[1] :]
        self._current_canvas = None

    def finish(self) -> tuple[Any, list[Any]] | None:
        """Return the metadata and the buffers of what was recorded, None for nothing."""
        self.flush()
        return self._recorded[0] if self._recorded else None

    def _send_custom(self, command: Any, buffers: Any = ()) -> None:
        from ipycanvas.canvas import commands_to_buffer

        metadata, data = commands_to_buffer(command)
        self._recorded.append((metadata, [data, *buffers]))


def make_recorder(width: int, height: int) -> tuple[Canvas, RecordingManager] | None:
    """Make a canvas whose commands are recorded; None if this ipycanvas lacks the private names for that."""
    if _Manager is None:
        return None
    try:
        manager = RecordingManager()
        made = Canvas(width=width, height=height, _canvas_manager=manager)
        manager.start()
        manager.go_back(manager.mark())
        made.fill_rect(0, 0, 1)
        if manager.finish() is not None:
            return made, manager
    except Exception:
        log.warning("This ipycanvas cannot record; overlays are drawn one by one.", exc_info=True)
    return None


class TaggedCanvas:
    """A canvas that says itself what it shows, by the public names of ipycanvas alone.

    Its last command sets ``line_dash_offset`` to a tag, and the first one takes the tag away: the browser
    uses the canvas only while the tag is that of what it wants to show.

    Parameters
    ----------
    width, height : int
        Size of the video, in pixels.

    Attributes
    ----------
    canvas : ipycanvas.Canvas
        What to draw on, in pixels of the video.
    """

    def __init__(self, width: int, height: int) -> None:
        self._factor = factor = max(1, min(_FINEST, _LARGEST // max(width, height)))
        self.canvas = Canvas(width=width * factor, height=height * factor)
        self._other = Canvas(width=1, height=1)

    def paint(self, tag: int, draw: Callable[[], None]) -> None:
        """Draw in place of what was there, and tag it."""
        with _holding, hold_canvas():
            # a page that was reloaded does not know on which canvas to draw, before that changes
            self._other.clear()
            self.canvas.line_dash_offset = 0.0
            self.canvas.reset_transform()
            self.canvas.clear()
            middle = 0.5 * self._factor
            self.canvas.set_transform(self._factor, 0, 0, self._factor, middle, middle)
            draw()
            self.canvas.line_dash_offset = float(tag)

    def close(self) -> None:
        """Let go of what no widget refers to."""
        self._other.layout.close()
        self._other.close()
