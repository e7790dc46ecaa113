"""Building a :class:`~jupytrack.video.index.FrameIndex` from a file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

import av.error
import numpy as np
from numpy.typing import NDArray

from jupytrack.errors import VideoError
from jupytrack.video.bitstream import ONE_PICTURE_A_PACKET, is_entry_point, shows_picture
from jupytrack.video.convert import display_matrix, displayed_size
from jupytrack.video.decoding import Decoder, open_video
from jupytrack.video.index import NO_TIME, FrameIndex, content_fingerprint

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["build_index", "recount"]

Report = Callable[[float, float], None]
_REPORT_EVERY = 2000


@dataclasses.dataclass
class _Packets:
    """What one pass over the container finds."""

    pts: list[int] = dataclasses.field(default_factory=list)
    dts: list[int] = dataclasses.field(default_factory=list)
    pos: list[int] = dataclasses.field(default_factory=list)
    size: list[int] = dataclasses.field(default_factory=list)
    key: list[bool] = dataclasses.field(default_factory=list)
    entry: list[bool] = dataclasses.field(default_factory=list)
    shown: list[bool] = dataclasses.field(default_factory=list)
    doubts: list[str] = dataclasses.field(default_factory=list)
    first_damaged: int | None = None


def build_index(path: str, progress: Report | None = None) -> FrameIndex:
    """Index a video by demuxing it; pictures are decoded only where the container leaves their order open.

    Parameters
    ----------
    path : str
        The file.
    progress : callable, optional
        Called as ``progress(bytes_done, bytes_in_all)``.

    Raises
    ------
    VideoError
        If the file is no video or none of its pictures can be decoded.
    VideoNotFoundError
        If it is not there or may not be read.
    """
    container, stream = open_video(path)
    with container:
        packets = _demux(container, stream, progress)
        unread = _unread(container, stream, packets)
        time_base = stream.time_base or Fraction(1, 1000)
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)
        codec = stream.codec_context.name
        delay = _delay(stream)
        stream_index = stream.index
    if not packets.pts:
        raise VideoError(
            f"{path} holds no pictures.", "It may have been cut off while recording; record or copy it again."
        )
    picture = _first_picture(path, stream_index)
    matrix = display_matrix(picture)
    width, height = displayed_size(picture.width, picture.height, matrix)
    empty = np.empty(0, np.int64)
    index = FrameIndex(
        packet_pts=np.array(packets.pts, np.int64),
        packet_dts=np.array(packets.dts, np.int64),
        packet_pos=np.array(packets.pos, np.int64),
        packet_size=np.array(packets.size, np.int64),
        packet_key=np.array(packets.key, np.bool_),
        frame_packet=empty,
        frame_pts=empty,
        group_frame=empty,
        group_packet=empty,
        stream_index=stream_index,
        codec=codec,
        pixel_format=picture.format.name,
        time_base=(time_base.numerator, time_base.denominator),
        rate=(rate.numerator, rate.denominator),
        width=width,
        height=height,
        matrix=matrix,
        fingerprint=content_fingerprint(path),
        damaged=packets.first_damaged is not None,
    )
    entries = np.flatnonzero(packets.entry)
    order = None if packets.doubts else _presentation_order(index, np.array(packets.shown, np.bool_), delay)
    if order is None or not packets.entry[0]:
        index = recount(path, index, entries, progress=progress)
    else:
        index = _with_frames(index, order, entries)
        if packets.first_damaged is not None:
            index = recount(path, index, entries, packets.first_damaged, progress)
    # A damaged packet that gives no picture is missing, too.
    lost = max(0, sum(packets.shown) - len(index)) if unread else 0
    return _with_missing(index, unread + lost, path)


def _delay(stream: VideoStream) -> int:
    """Return how many pictures the decoder holds back to sort them."""
    context = stream.codec_context
    depth: int | None = getattr(context, "reorder_depth", None)
    # Older PyAV only says whether there are any; 16 is the most that H.264 and HEVC allow.
    return 16 * bool(context.has_b_frames) if depth is None else depth


def _demux(container: InputContainer, stream: VideoStream, progress: Report | None) -> _Packets:
    found = _Packets()
    codec, extradata = stream.codec_context.name, stream.codec_context.extradata
    if codec not in ONE_PICTURE_A_PACKET:
        found.doubts.append(f"{codec} packets need not hold one picture each")
    if codec == "mpeg4" and re.search(rb"DivX\d+[^\0]{0,8}p", extradata or b""):
        found.doubts.append("two pictures in one packet")
    total = float(container.size)
    packets = container.demux(stream)
    while True:
        try:
            packet = next((p for p in packets if p.size), None)
        except av.error.FFmpegError:
            found.first_damaged = min(found.first_damaged or len(found.pts), len(found.pts))
            break
        if packet is None:
            break
        number = len(found.pts)
        found.pts.append(NO_TIME if packet.pts is None else packet.pts)
        found.dts.append(NO_TIME if packet.dts is None else packet.dts)
        found.pos.append(-1 if packet.pos is None else packet.pos)
        found.size.append(packet.size)
        found.key.append(packet.is_keyframe)
        found.entry.append(packet.is_keyframe and is_entry_point(codec, bytes(packet), extradata))
        shows = shows_picture(codec, memoryview(packet))
        if shows is None:
            found.doubts.append(f"packet {number} may hold no picture")
        found.shown.append(bool(shows) and not packet.is_discard)
        if packet.is_corrupt and found.first_damaged is None:
            found.first_damaged = number
        if progress is not None and number % _REPORT_EVERY == 0:
            progress(float(max(packet.pos or 0, 0)), total)
    if progress is not None:
        progress(total, total)
    return found


def _presentation_order(index: FrameIndex, shown: NDArray[np.bool_], delay: int) -> NDArray[np.int64] | None:
    """Return the shown packets in the order of their times, None where the times do not settle it."""
    packets = np.flatnonzero(shown)
    pts = index.packet_pts[packets]
    if (pts == NO_TIME).any():
        return packets if delay == 0 else None
    order = np.argsort(pts, kind="stable")
    if delay == 0:
        return packets if (np.diff(order) == 1).all() else None
    if (np.diff(pts[order]) == 0).any():
        return None
    # A picture that waits for more packets than the decoder holds back comes out elsewhere, or not at all.
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    waits = int((np.maximum.accumulate(position) > position).sum()) and int(
        (np.arange(len(position)) - position).max()
    )
    return packets[order] if waits <= delay else None


def _with_frames(
    index: FrameIndex, frame_packet: NDArray[np.int64], entries: NDArray[np.int64]
) -> FrameIndex:
    """Return the index with its frames, times and groups."""
    frame_packet = np.asarray(frame_packet, np.int64)
    index = dataclasses.replace(index, frame_packet=frame_packet, frame_pts=_frame_times(index, frame_packet))
    # Decoding may begin at an entry point if no picture shown after its own comes from an earlier packet.
    earliest = np.minimum.accumulate(frame_packet[::-1])[::-1]
    frames = np.array([index.frame_of(int(packet)) for packet in entries], np.int64)
    good = (
        (frames > 0) & (earliest[np.maximum(frames, 0)] >= entries) if len(entries) else np.empty(0, np.bool_)
    )
    return dataclasses.replace(
        index,
        group_frame=np.concatenate([[0], frames[good]]).astype(np.int64),
        group_packet=np.concatenate([[0], entries[good]]).astype(np.int64),
    )


def _frame_times(index: FrameIndex, frame_packet: NDArray[np.int64]) -> NDArray[np.int64]:
    pts = index.packet_pts[frame_packet]
    if (pts != NO_TIME).all() and (np.diff(pts) >= 0).all():
        return pts
    dts = np.sort(index.packet_dts[frame_packet])
    if len(dts) and (dts != NO_TIME).all():
        return dts
    step = index.rate[1] * index.time_base[1] / (index.rate[0] * index.time_base[0])
    return np.round(np.arange(len(frame_packet)) * step).astype(np.int64)


def recount(
    path: str,
    index: FrameIndex,
    entries: NDArray[np.int64] | None = None,
    first_damaged: int | None = None,
    progress: Report | None = None,
) -> FrameIndex:
    """Count the pictures by decoding: all, or those from the last sound group before a damaged packet on.

    Parameters
    ----------
    path : str
        The file.
    index : FrameIndex
        Its packets, and the frames known so far.
    entries : ndarray of int64, optional
        Packets where decoding may begin; those of the index's groups if omitted.
    first_damaged : int, optional
        Leave alone what lies in earlier groups than this packet.
    progress : callable, optional
        Called as ``progress(packets_done, packets_in_all)``.
    """
    entries = index.group_packet if entries is None else entries
    start_packet = start_frame = 0
    if first_damaged is not None and len(index.group_packet):
        group = max(0, int(np.searchsorted(index.group_packet, first_damaged, side="right")) - 1)
        start_packet, start_frame = int(index.group_packet[group]), int(index.group_frame[group])
    decoder = Decoder(path, index.stream_index, "SLICE", index)
    came: list[int] = []
    try:
        decoder.start_at(start_packet)
        while not decoder.ended:
            came += [number for number, _ in decoder.pump()]
            if progress is not None and decoder.position % 100 == 0:
                progress(decoder.position, len(index.packet_pts))
        damaged = index.damaged or decoder.errors > 0
    finally:
        decoder.close()
    if start_frame > 0:
        own = came.index(start_packet) if start_packet in came else 0
        came = came[own:]
    order = np.concatenate([index.frame_packet[:start_frame], np.array(came, np.int64)]).astype(np.int64)
    if not len(order):
        raise VideoError(
            f"No picture of {path} can be decoded.", "Check that it plays elsewhere; convert it with ffmpeg."
        )
    return dataclasses.replace(_with_frames(index, order, entries), counted=True, damaged=damaged)


def _first_picture(path: str, stream_index: int) -> VideoFrame:
    decoder = Decoder(path, stream_index, "SLICE")
    try:
        while not decoder.ended:
            for _, frame in decoder.pump():
                return frame
    finally:
        decoder.close()
    raise VideoError(
        f"No picture of {path} can be decoded.", "Check that it plays elsewhere; convert it with ffmpeg."
    )


def _unread(container: InputContainer, stream: VideoStream, packets: _Packets) -> int:
    """Return how many packets the file's header speaks of and the file does not hold."""
    found = len(packets.pts)
    if "mov" in container.format.name.split(","):
        entries = getattr(stream, "index_entries", None)
        cut = packets.first_damaged is not None or stream.frames > found
        announced = len(entries) if entries is not None else stream.frames if cut else found
        return max(0, announced - found)
    # Matroska writers leave each track's length in a tag.
    match = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
    times = [t for t in packets.pts if t != NO_TIME]
    if match and times and stream.time_base and stream.average_rate:
        seconds = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
        end = float(max(times) * stream.time_base + 1 / stream.average_rate)
        return max(0, round((seconds - end) * float(stream.average_rate)))
    return max(0, stream.frames - found) if packets.first_damaged is not None else 0


def _with_missing(index: FrameIndex, missing: int, path: str) -> FrameIndex:
    warnings = []
    if missing:
        warnings.append(
            f"{path} is cut off: {missing} of its {len(index) + missing} frames are missing. "
            "The frames before the cut are used; copy or record the file again to get the rest."
        )
    if index.damaged:
        warnings.append(f"{path} is damaged: some pictures are shown as well as they can be decoded.")
    return dataclasses.replace(index, missing=missing, warnings=tuple(warnings))
