"""Decoded pictures to arrays, with FFmpeg's own filters so that colours are those that ``ffmpeg`` gives.

The chain is what ``ffmpeg -i FILE -pix_fmt rgb24`` builds: rotation as its ``-autorotate`` does, then the
``scale`` filter with its bicubic default. For 8-bit 4:2:0 and 4:2:2 that repeats chroma samples; for deeper
formats it interpolates them. (``VideoFrame.reformat`` alone differs by up to 100 there, and accurate rounding
or full chroma interpolation by up to 255.) Matrix and range are those of the stream's tags; untagged means
BT.601, limited range.

Gray is the luma plane stretched to the full range 0..255: the cheapest picture there is, and the same for
BT.601 and BT.709 streams. For BT.601 it equals the gray of the RGB picture (``cv2.cvtColor``) up to rounding
and clipping. RGB sources become BT.601 gray.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, cast

import av
import av.filter
import numpy as np
from av.sidedata.sidedata import SideData, Type
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

__all__ = ["Converter", "Format", "display_matrix", "displayed_size", "is_gray", "is_rgb", "rotation_filters"]

Format = Literal["rgb", "gray"]


def is_gray(pixel_format: str) -> bool:
    """Tell whether a pixel format holds brightness alone."""
    return pixel_format.startswith(("gray", "mono", "ya8", "ya16"))


def is_rgb(pixel_format: str) -> bool:
    """Tell whether a pixel format holds red, green and blue rather than luma and chroma."""
    return pixel_format.startswith(
        ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8", "bayer", "x2")
    )


def display_matrix(frame: VideoFrame) -> tuple[int, ...]:
    """Return the nine numbers of a picture's display matrix, empty if it has none."""
    # The container iterates over its entries, whatever its stub says.
    for data in cast("Iterable[SideData]", frame.side_data):
        if data.type == Type.DISPLAYMATRIX:
            return struct.unpack("=9i", bytes(data)[:36])
    return ()


def rotation_filters(matrix: tuple[int, ...]) -> list[tuple[str, str]]:
    """Return the filters (name, arguments) that turn a stored picture as ffmpeg turns it for display."""
    if not matrix:
        return []
    scale = math.hypot(matrix[0], matrix[3]), math.hypot(matrix[1], matrix[4])
    if not all(scale):
        return []
    angle = round(math.degrees(math.atan2(matrix[1] / scale[1], matrix[0] / scale[0]))) % 360
    if abs(angle - 90) < 1:
        return [("transpose", "cclock_flip" if matrix[3] > 0 else "clock")]
    if abs(angle - 270) < 1:
        return [("transpose", "clock_flip" if matrix[3] < 0 else "cclock")]
    if abs(angle - 180) < 1:
        return [("hflip", "")] * (matrix[0] < 0) + [("vflip", "")] * (matrix[4] < 0)
    if angle >= 1:
        return [("rotate", f"{angle:f}*PI/180")]
    return [("vflip", "")] if matrix[4] < 0 else []


def displayed_size(width: int, height: int, matrix: tuple[int, ...]) -> tuple[int, int]:
    """Return width and height after rotation, in pixels."""
    turned = any(name == "transpose" for name, _ in rotation_filters(matrix))
    return (height, width) if turned else (width, height)


class Converter:
    """Turns pictures of one stream into arrays. Not thread-safe: one for each thread.

    Parameters
    ----------
    matrix : tuple of int
        Display matrix, empty for none.
    """

    def __init__(self, matrix: tuple[int, ...]) -> None:
        self._rotation = rotation_filters(matrix)
        self._graphs: dict[tuple[object, ...], av.filter.Graph] = {}

    def array(self, frame: VideoFrame, kind: Format) -> NDArray[np.uint8]:
        """Return a picture as it is displayed.

        Parameters
        ----------
        frame : av.VideoFrame
            As it was decoded.
        kind : {"rgb", "gray"}
            What to return.

        Returns
        -------
        ndarray of uint8
            Shape ``(height, width, 3)`` or ``(height, width)``; the caller's own, shared with nothing.
        """
        target = "rgb24" if kind == "rgb" else "gray"
        key = (frame.format.name, frame.width, frame.height, frame.colorspace, frame.color_range, kind)
        graph = self._graphs.get(key)
        if graph is None:
            if len(self._graphs) > 8:  # a stream that changes size again and again
                self._graphs.clear()
            graph = self._graphs[key] = self._graph(frame, target)
        graph.vpush(frame)
        array: NDArray[np.uint8] = np.asarray(graph.vpull().to_ndarray(), np.uint8)
        # A picture that was in the target format already passes through the filters uncopied.
        return array.copy() if frame.format.name == target else array

    def _graph(self, frame: VideoFrame, target: str) -> av.filter.Graph:
        luma = target == "gray" and not is_rgb(frame.format.name)
        # Equal matrices on both sides keep the luma as it is; the range is then all that changes.
        space = 6 if luma else int(frame.colorspace)
        graph = av.filter.Graph()
        time_base = frame.time_base or Fraction(1, 1000)
        last = graph.add(
            "buffer",
            video_size=f"{frame.width}x{frame.height}",
            pix_fmt=frame.format.name,
            time_base=f"{time_base.numerator}/{time_base.denominator}",
            pixel_aspect="1/1",
            colorspace=str(int(frame.colorspace)),
            range=str(int(frame.color_range)),
        )
        steps = list(self._rotation)
        if luma:
            steps.append(("setparams", f"colorspace={space}"))
        steps += [("scale", "flags=bicubic"), ("format", target)]
        for name, arguments in [*steps, ("buffersink", "")]:
            node = graph.add(name, arguments) if arguments else graph.add(name)
            last.link_to(node)
            last = node
        graph.configure()
        return graph
