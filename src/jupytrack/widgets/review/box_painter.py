"""Box tracks over the picture: colours by class, ids, and the box that is being looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jupytrack.annotation.palettes import palette
from jupytrack.errors import AnnotationError
from jupytrack.widgets.colors import css

if TYPE_CHECKING:
    from ipycanvas import Canvas

    from jupytrack.annotation.boxes import BoxTracks
    from jupytrack.widgets.overlay import Overlay

__all__ = ["BoxPainter"]

# sizes on the screen, in CSS pixels
_WIDTH, _SELECTED_WIDTH, _FONT, _DASH = 2.0, 3.0, 12, 5.0
# from edges of the picture to centres of pixels
_SHIFT = -0.5


class BoxPainter:
    """Paints the boxes of a frame; hidden ones are dashed.

    Parameters
    ----------
    tracks : BoxTracks
        The boxes, in pixels of the video.
    overlay : Overlay
        What it paints on.

    Attributes
    ----------
    selected : str, int or None
        Id of the track that stands out.

    Raises
    ------
    AnnotationError
        If the tracks go on after the end of the video.
    """

    def __init__(self, tracks: BoxTracks, overlay: Overlay) -> None:
        n_frames = overlay.session.n_frames
        if len(tracks) and int(tracks.frame[-1]) >= n_frames:
            raise AnnotationError(
                f"The tracks go on to frame {int(tracks.frame[-1])}, but the video ends with {n_frames - 1}.",
                "Give the tracks of this video.",
            )
        self.tracks = tracks
        self.selected: Any = None
        self._overlay = overlay
        # one colour a class; without classes, one a track
        by_class = bool((tracks.class_code >= 0).any())
        self._colors = palette("tab10" if by_class else "Set1")
        self._code = tracks.class_code if by_class else tracks.track
        self._hidden = np.asarray(tracks.occluded, np.bool_)
        self.__name__ = "box tracks"

    def color_of(self, row: int) -> str:
        """Return the colour of a row of the tracks as ``#rrggbb``; gray where the class is not known."""
        code = int(self._code[row])
        return "#bbbbbb" if code < 0 else css(self._colors[code % len(self._colors)])

    def __call__(self, canvas: Canvas, frame: int) -> None:
        """Paint the boxes of a frame."""
        tracks, px = self.tracks, self._overlay.scale
        start, stop = np.searchsorted(tracks.frame, [frame, frame + 1])
        rows = np.arange(start, stop)
        rows = rows[tracks.has_box[rows]]
        canvas.line_join = "round"
        for row in rows.tolist():
            x, y, width, height = (float(value) for value in tracks.boxes[row])
            x, y = x + _SHIFT, y + _SHIFT
            chosen = self.selected is not None and tracks.id[row] == self.selected
            line = (_SELECTED_WIDTH if chosen else _WIDTH) * px
            canvas.set_line_dash([])
            # seen on any picture: a dark line under the coloured one
            canvas.stroke_style, canvas.line_width = ("#ffffff" if chosen else "#00000080"), line + 2 * px
            canvas.stroke_rect(x, y, width, height)
            if self._hidden[row]:
                canvas.set_line_dash([_DASH * px, _DASH * px])
            canvas.stroke_style, canvas.line_width = self.color_of(row), line
            canvas.stroke_rect(x, y, width, height)
        canvas.set_line_dash([])
        canvas.text_baseline = "bottom"
        for row in rows.tolist():
            x, y = (float(value) for value in tracks.boxes[row, :2])
            name = tracks.class_[row]
            text = str(tracks.id[row]) if name is None else f"{tracks.id[row]} {name}"
            above = y + _SHIFT - 3 * px
            # inside the box where there is no room above it
            at = (x + _SHIFT + px, above if above > _FONT * px else y + _SHIFT + (_FONT + 5) * px)
            bold = "bold " if self.selected is not None and tracks.id[row] == self.selected else ""
            canvas.font = f"{bold}{_FONT * px:.6g}px sans-serif"
            canvas.stroke_style, canvas.line_width = "#000000c0", 3 * px
            canvas.stroke_text(text, *at)
            canvas.fill_style = self.color_of(row)
            canvas.fill_text(text, *at)
