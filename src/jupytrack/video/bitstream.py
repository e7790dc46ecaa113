"""The few bits of a coded packet that say whether decoding may start there and whether it shows a picture.

Containers promise both, and some lie: these checks read headers only, never pictures.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["ONE_PICTURE_A_PACKET", "is_entry_point", "shows_picture"]

# Decoders that answer each packet that is not hidden with one picture; other streams are counted by decoding.
_ONE_PICTURE = """
h264 hevc vp8 vp9 av1 libdav1d libaom-av1 mjpeg mpeg4 mpeg1video mpeg2video ffv1 ffvhuff huffyuv utvideo png
rawvideo prores dnxhd dvvideo jpeg2000 bmp tiff webp qtrle v210 msmpeg4 msmpeg4v2 wmv1 wmv2 h263
"""
ONE_PICTURE_A_PACKET = frozenset(_ONE_PICTURE.split())
_START_CODE = b"\x00\x00\x01"


def is_entry_point(codec: str, packet: bytes, extradata: bytes | None) -> bool:
    """Tell whether a packet that the container calls a keyframe gives all later pictures exactly.

    Parameters
    ----------
    codec : str
        Name of the decoder, as FFmpeg calls it.
    packet : bytes
        The coded packet.
    extradata : bytes or None
        The codec's global header.

    Returns
    -------
    bool
        False where decoding from here could differ from decoding from the start: an H.264 picture that is
        neither IDR nor an exact recovery point, an HEVC picture that is no random access point, an MPEG-4
        picture that is not intra. True for codecs whose keyframe flag needs no second look.
    """
    if codec == "h264":
        return _h264_entry(packet, extradata)
    if codec == "hevc":
        return _hevc_entry(packet, extradata)
    if codec == "mpeg4":
        at = packet.find(b"\x00\x00\x01\xb6")
        return at >= 0 and at + 4 < len(packet) and packet[at + 4] >> 6 == 0
    return True


def shows_picture(codec: str, packet: memoryview) -> bool | None:
    """Tell whether a packet shows a picture; None where the header does not settle it.

    Parameters
    ----------
    codec : str
        Name of the decoder, as FFmpeg calls it.
    packet : memoryview
        The coded packet, not empty.
    """
    if codec == "vp8":
        return bool(packet[0] >> 4 & 1)
    if codec == "vp9":
        return _vp9_shows(packet)
    # A skipped MPEG-4 picture ("N-VOP") is a header and nothing more.
    if codec in ("mpeg4", "msmpeg4", "msmpeg4v2", "h263") and len(packet) <= 16:
        return None
    return True


def _vp9_shows(packet: memoryview) -> bool | None:
    if packet[-1] & 0xE0 == 0xC0:
        return True  # a superframe ends with the picture that it shows
    bits = (packet[0] << 8) | (packet[1] if len(packet) > 1 else 0)
    profile = (bits >> 13 & 1) | (bits >> 12 & 1) << 1
    shift = 11 - (profile == 3)
    show_existing = bits >> shift & 1
    return bool(show_existing or bits >> (shift - 2) & 1)


def _nal_units(packet: bytes, extradata: bytes | None, size_at: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of each NAL unit, length-prefixed or with start codes."""
    if extradata and len(extradata) > size_at and extradata[0] == 1:
        length_size = (extradata[size_at] & 3) + 1
        at = 0
        while at + length_size < len(packet):
            size = int.from_bytes(packet[at : at + length_size], "big")
            at += length_size
            yield at, min(at + size, len(packet))
            at += size
        return
    at = packet.find(_START_CODE)
    while at >= 0:
        after = packet.find(_START_CODE, at + 3)
        yield at + 3, after if after >= 0 else len(packet)
        at = after


def _h264_entry(packet: bytes, extradata: bytes | None) -> bool:
    for start, stop in _nal_units(packet, extradata, 4):
        kind = packet[start] & 31 if start < stop else 0
        if kind == 5:
            return True
        if kind == 6 and _recovers_at_once(packet[start + 1 : stop]):
            return True
        if 1 <= kind <= 4:
            return False
    return False


def _recovers_at_once(message: bytes) -> bool:
    """Tell whether an H.264 SEI unit holds a recovery point with a frame count of zero."""
    data = message.replace(b"\x00\x00\x03", b"\x00\x00")
    at = 0
    while at + 2 < len(data):
        fields = []
        for _ in range(2):
            value = 0
            while at < len(data) and data[at] == 255:
                value += 255
                at += 1
            if at >= len(data):
                return False
            fields.append(value + data[at])
            at += 1
        kind, size = fields
        if kind == 6:
            return at < len(data) and data[at] >> 7 == 1
        at += size
    return False


def _hevc_entry(packet: bytes, extradata: bytes | None) -> bool:
    for start, stop in _nal_units(packet, extradata, 21):
        kind = packet[start] >> 1 & 63 if start < stop else 63
        if kind < 32:
            return 16 <= kind <= 21
    return False
