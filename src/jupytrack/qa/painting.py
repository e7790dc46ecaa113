"""Tracks painted on pictures: boxes or points, their ids, and trails that fade."""

from __future__ import annotations

import unicodedata
from colorsys import hsv_to_rgb
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

__all__ = ["Drawn", "color_of", "paint_tracks"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Rgb = tuple[int, int, int]

# OpenCV draws at fractions of a pixel when positions are scaled by a power of two
_SHIFT = 4
# hues a golden section apart stay distinct however many there are
_GOLDEN = 0.6180339887498949
_FAINT = 0.15
"""Opacity at the far end of a trail; at the near end it is 0.9."""


@dataclass(frozen=True)
class Drawn:
    """What is drawn: one entry for each box or point, in the order of frames.

    Attributes
    ----------
    frame, track : ndarray of int64, shape (n,)
        Where it belongs; tracks are places in ``ids``.
    ids : tuple
        Ids or labels.
    centers : ndarray of float64, shape (n, 2)
        Positions, counted from pixel centres.
    sizes : ndarray of float64, shape (n, 2), or None
        Width and height of boxes; None for points.
    texts : list of str
        What stands beside each.
    thin : ndarray of bool, shape (n,)
        Whose line is thin.
    n_frames : int
        Frames that there are.
    """

    frame: IntArray
    track: IntArray
    ids: tuple[Any, ...]
    centers: FloatArray
    sizes: FloatArray | None
    texts: list[str]
    thin: NDArray[np.bool_]
    n_frames: int

    @cached_property
    def starts(self) -> IntArray:
        """First entry of each frame, and the end."""
        return np.searchsorted(self.frame, np.arange(self.n_frames + 1)).astype(np.int64)

    @cached_property
    def colors(self) -> list[Rgb]:
        """Colour of each track."""
        return [color_of(id) for id in self.ids]

    @cached_property
    def before(self) -> IntArray:
        """Entry of the same track on the frame before, -1 if there is none."""
        order = np.argsort(self.track, kind="stable")
        joined = np.diff(self.track[order]) == 0
        joined &= np.diff(self.frame[order]) == 1
        before = np.full(len(self.frame), -1, np.int64)
        before[order[1:][joined]] = order[:-1][joined]
        return before

    def on(self, frame: int) -> range:
        """Return the entries of a frame."""
        if not 0 <= frame < self.n_frames:
            return range(0)
        return range(int(self.starts[frame]), int(self.starts[frame + 1]))


def color_of(id: Any) -> Rgb:
    """Return the colour of an id, RGB up to 255: the same wherever the id occurs, apart from its neighbours'.

    Examples
    --------
    >>> color_of(7) == color_of("7")
    True
    """
    text = str(id)
    number = int(text) if text.isascii() and text.lstrip("-").isdigit() else crc32(text.encode())
    # value and saturation change more slowly than the hue
    saturation, value = ((0.75, 1.0), (0.5, 1.0), (0.9, 0.8))[number // 8 % 3]
    red, green, blue = hsv_to_rgb(number * _GOLDEN % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def paint_tracks(
    image: NDArray[Any], drawn: Drawn, frame: int, *, trail: int = 30, names: bool = True
) -> NDArray[np.uint8]:
    """Return a picture with the tracks of a frame on it.

    Parameters
    ----------
    image : ndarray, uint8, shape (height, width) or (height, width, 3)
        The picture, gray or RGB; left as it is.
    drawn : Drawn
        The tracks.
    frame : int
        Whose boxes or points.
    trail : int
        Frames for which the way stays visible.
    names : bool
        Whether texts stand beside them.

    Returns
    -------
    ndarray, uint8, shape (height, width, 3)
        RGB.
    """
    gray = image.ndim == 2
    canvas = np.array(np.repeat(image[:, :, None], 3, 2) if gray else image, np.uint8, order="C")
    unit = max(min(canvas.shape[:2]) / 240, 1.5)
    if trail:
        _paint_trails(canvas, drawn, frame, trail, round(1.2 * unit))
    visible = [entry for entry in drawn.on(frame) if _in_reach(canvas, drawn, entry)]
    for entry in visible:
        _paint_shape(canvas, drawn, entry, unit)
    # texts last, so that no box crosses them
    for entry in visible if names else ():
        _paint_text(canvas, drawn, entry, unit)
    return canvas


def _in_reach(canvas: NDArray[np.uint8], drawn: Drawn, entry: int) -> bool:
    """Whether anything is to be seen; far outside OpenCV's integers would overflow."""
    height, width = canvas.shape[:2]
    half = np.full(2, 20.0) if drawn.sizes is None else drawn.sizes[entry] / 2 + 20
    low, high = drawn.centers[entry] - half, drawn.centers[entry] + half
    return bool(
        (high >= 0).all() and low[0] < width and low[1] < height and (np.abs([low, high]) < 1e6).all()
    )


def _paint_trails(canvas: NDArray[np.uint8], drawn: Drawn, frame: int, trail: int, thickness: int) -> None:
    """Draw where the tracks of a frame came from; the longer ago, the fainter."""
    import cv2

    segments: list[tuple[int, int, int]] = []  # age, from, to
    for entry in drawn.on(frame):
        after = entry
        for age in range(1, trail + 1):
            before = int(drawn.before[after])
            if before < 0:
                break
            segments.append((age, before, after))
            after = before
    height, width = canvas.shape[:2]
    near = np.abs(drawn.centers) < 10 * max(height, width)
    opacity = np.zeros((height, width), np.uint8)
    color = canvas.copy()
    for age, before, after in sorted(segments, reverse=True):  # the near ends on top
        if not (near[before].all() and near[after].all()):
            continue
        start, end = _fixed(drawn.centers[before]), _fixed(drawn.centers[after])
        share = _FAINT + (0.9 - _FAINT) * (1 - (age - 1) / trail)
        cv2.line(color, start, end, drawn.colors[drawn.track[after]], thickness + 2, cv2.LINE_8, _SHIFT)
        cv2.line(opacity, start, end, round(255 * share), thickness, cv2.LINE_AA, _SHIFT)
    rows, columns = np.flatnonzero(opacity.any(axis=1)), np.flatnonzero(opacity.any(axis=0))
    if rows.size:
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        weight = opacity[part][:, :, None].astype(np.float32) / 255
        canvas[part] = np.rint(canvas[part] * (1 - weight) + color[part] * weight).astype(np.uint8)


def _paint_shape(canvas: NDArray[np.uint8], drawn: Drawn, entry: int, unit: float) -> None:
    import cv2

    color = drawn.colors[drawn.track[entry]]
    center = drawn.centers[entry]
    if drawn.sizes is None:
        radius = round(2 * unit * 2**_SHIFT)
        cv2.circle(canvas, _fixed(center), radius, color, -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(canvas, _fixed(center), radius, (0, 0, 0), 1, cv2.LINE_AA, _SHIFT)
        return
    half = drawn.sizes[entry] / 2
    thickness = 1 if drawn.thin[entry] else round(unit)
    corners = _fixed(center - half), _fixed(center + half)
    cv2.rectangle(canvas, corners[0], corners[1], color, thickness, cv2.LINE_AA, _SHIFT)


def _fixed(position: FloatArray) -> tuple[int, int]:
    """Return a position as OpenCV's integers."""
    return round(float(position[0]) * 2**_SHIFT), round(float(position[1]) * 2**_SHIFT)


def _paint_text(canvas: NDArray[np.uint8], drawn: Drawn, entry: int, unit: float) -> None:
    """Write on a plate in the track's colour, above the box or beside the point, within the picture."""
    import cv2

    color = drawn.colors[drawn.track[entry]]
    text = _plain(drawn.texts[entry])
    scale, weight = max(0.22 * unit, 0.38), max(round(0.45 * unit), 1)
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, weight)
    pad = max(round(unit), 2)
    x, y = drawn.centers[entry]
    if drawn.sizes is None:
        left, top = x + 3 * unit, y - 3 * unit - height
    else:
        left, top = x - drawn.sizes[entry][0] / 2, y - drawn.sizes[entry][1] / 2 - height - below - 2 * pad
    full_width, full_height = width + 2 * pad, height + below + 2 * pad
    left = round(min(max(left, 0), max(canvas.shape[1] - full_width, 0)))
    top = round(min(max(top, 0), max(canvas.shape[0] - full_height, 0)))
    corner = left + full_width - 1, top + full_height - 1
    cv2.rectangle(canvas, (left, top), corner, color, -1)
    luminance = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    ink = (0, 0, 0) if luminance > 120 else (255, 255, 255)
    at = left + pad, top + pad + height
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, weight, cv2.LINE_AA)


def _plain(text: str) -> str:
    """Return a text in the letters that OpenCV can write, without accents."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or "?"
