"""One frame as a JPEG, for a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from jupytrack.video.convert import is_gray, rotation_filters
from jupytrack.video.enhance import Enhancement
from jupytrack.video.source import FrameSource

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

__all__ = ["encode_still"]

_FULL_RANGE = 2
# JPEG knows one matrix, BT.601 (5 and 6; 2 is untagged, which FFmpeg takes for BT.601), and full range only.
_BT601_TAGS = (2, 5, 6)


def encode_still(
    source: FrameSource, n: int, quality: int = 80, enhancement: Enhancement | None = None
) -> bytes:
    """Return frame ``n`` as a JPEG that decodes to the colours of ``source.read(n)``.

    The planes of unrotated 8-bit 4:2:0 BT.601 video go to the encoder as they are or stretched to full range;
    anything else is converted to RGB first. Gray stays gray.

    Parameters
    ----------
    source : FrameSource
        A :class:`~jupytrack.video.reader.VideoReader`, or anything that hands out frames.
    n : int
        Frame number.
    quality : int
        JPEG quality, 1 to 100.
    enhancement : Enhancement, optional
        Applied first.
    """
    from jupytrack.video.reader import VideoReader

    enhance = enhancement is not None and not enhancement.is_identity
    if isinstance(source, VideoReader):
        frame = source.frame(n)
        if source.gray or is_gray(frame.format.name):
            image = source.read(n, "gray")
        elif not enhance and _has_jpeg_planes(frame) and not rotation_filters(source.index.matrix):
            return _encode_planes(frame, quality)
        else:
            image = source.read(n, "rgb")
    else:
        image = source[n]
    if enhancement is not None:
        image = enhancement.apply(image)
    if image.ndim == 2:
        return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image)[..., None], quality, "GRAY", "Gray"))
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, "RGB", "420"))


def _has_jpeg_planes(frame: VideoFrame) -> bool:
    return frame.format.name in ("yuv420p", "yuvj420p") and int(frame.colorspace) in _BT601_TAGS


def _encode_planes(frame: VideoFrame, quality: int) -> bytes:
    full = frame.format.name == "yuvj420p" or int(frame.color_range) == _FULL_RANGE
    planes = [_plane(frame, number) for number in range(3)]
    if not full:
        tables = (_LUMA, _CHROMA, _CHROMA)
        planes = [np.asarray(cv2.LUT(*pair), np.uint8) for pair in zip(planes, tables, strict=True)]
    return bytes(simplejpeg.encode_jpeg_yuv_planes(*planes, quality))


def _plane(frame: VideoFrame, number: int) -> NDArray[np.uint8]:
    plane = frame.planes[number]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


_LEVELS = np.arange(256)
_LUMA = np.clip(np.round((_LEVELS - 16) * 255 / 219), 0, 255).astype(np.uint8)
_CHROMA = np.clip(np.round((_LEVELS - 128) * 255 / 224 + 128), 0, 255).astype(np.uint8)
