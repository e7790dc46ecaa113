"""One decoder on one file, fed from a known packet on; pictures come out with the number of their packet."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import av
import av.error
import av.stream

from jupytrack.errors import VideoError, VideoNotFoundError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from jupytrack.video.index import FrameIndex

__all__ = ["Decoder", "LostPlaceError", "open_video"]

# More threads than this only decode pictures nobody asked for when jumping about.
_MAX_THREADS = 8


class LostPlaceError(Exception):
    """The packets that came after a seek are not the ones the index knows."""


def open_video(path: str, stream_index: int | None = None) -> tuple[InputContainer, VideoStream]:
    """Open a file and choose the picture stream that FFmpeg would choose.

    Parameters
    ----------
    path : str
        The file.
    stream_index : int, optional
        Take this stream instead of choosing.

    Raises
    ------
    VideoNotFoundError
        If there is no such file or it may not be read.
    VideoError
        If it is a folder, empty, no video, or has no picture stream.
    """
    _check_readable(path)
    try:
        container = av.open(path, metadata_errors="ignore")
    except av.error.FFmpegError as error:
        raise VideoError(
            f"{path} cannot be read as a video ({error.strerror or error}).",
            "Check that it plays elsewhere and was copied to its end; convert it with ffmpeg if need be.",
        ) from error
    streams = [
        s for s in container.streams.video if s.codec_context is not None and s.codec_context.width > 0
    ]
    if stream_index is not None:
        streams = [s for s in streams if s.index == stream_index]
    if not streams:
        container.close()
        raise VideoError(
            f"{path} holds no pictures (no video stream).", "Choose a file that has a video track."
        )

    def rank(stream: VideoStream) -> int:
        kind = stream.disposition
        if kind & kind.attached_pic:
            return 1
        return stream.codec_context.width * stream.codec_context.height + 5_000_000 * bool(
            kind & kind.default
        )

    chosen = max(streams, key=rank)
    for other in container.streams:
        if other.index != chosen.index:
            with contextlib.suppress(AttributeError):  # older PyAV reads the other streams and drops them
                other.discard = av.stream.Discard.all
    return container, chosen


def _check_readable(path: str) -> None:
    if not os.path.exists(path):
        raise VideoNotFoundError(
            f"There is no file {path}.", "Check the path; relative ones start at the kernel's folder."
        )
    if os.path.isdir(path):
        raise VideoError(f"{path} is a folder, not a video.", "Choose the video file inside it.")
    if not os.access(path, os.R_OK):
        raise VideoNotFoundError(f"{path} may not be read.", "Ask its owner for read permission, or copy it.")
    if os.path.getsize(path) == 0:
        raise VideoError(f"{path} is empty (0 bytes).", "Copy or record the video again.")


class Decoder:
    """A container and its decoder, and where in the file they are.

    Parameters
    ----------
    path : str
        The file.
    stream_index : int
        Which stream.
    threads : {"FRAME", "SLICE"}
        How FFmpeg shares the work. "SLICE" reports errors at the packet that causes them.
    index : FrameIndex, optional
        Needed for :meth:`start_at`, not for reading from the beginning.

    Attributes
    ----------
    position : int
        Number of the packet that is fed next.
    entry : int
        Number of the packet where this run of decoding began.
    errors : int
        Packets that the decoder refused in this run.
    """

    def __init__(
        self,
        path: str,
        stream_index: int,
        threads: Literal["FRAME", "SLICE"] = "FRAME",
        index: FrameIndex | None = None,
    ) -> None:
        self.path = path
        self.stream_index = stream_index
        self.threads = threads
        self.index = index
        self.position = 0
        self.entry = 0
        self.errors = 0
        self.ended = False
        self._untouched = False
        self._open()

    def _open(self) -> None:
        self._container, self._stream = open_video(self.path, self.stream_index)
        context = self._stream.codec_context
        context.thread_type = self.threads
        context.thread_count = min(_MAX_THREADS, (os.cpu_count() or 1) + 1)
        self._packets: Iterator[Packet[VideoStream]] = self._container.demux(self._stream)
        self._untouched = True

    def close(self) -> None:
        """Release the file."""
        self._packets = iter(())
        self._container.close()

    def start(self) -> None:
        """Go back to the first packet."""
        if not self._untouched:
            self.close()
            self._open()
        self.position = self.entry = self.errors = 0
        self.ended = False

    def start_at(self, packet: int) -> None:
        """Go to where decoding can begin and feed ``packet`` next; what lies before it is read, not decoded.

        Raises
        ------
        VideoError
            If the file is no longer the one that was indexed.
        """
        index = self.index
        assert index is not None
        if self._untouched:
            self.start()
            if packet == 0:
                return None
            # The first packet names the encoder, for whose bugs decoders make up: they must have seen it.
            self.pump()
        for target in index.seek_targets(packet):
            with contextlib.suppress(av.error.FFmpegError, LostPlaceError):
                self._container.seek(target, stream=self._stream, backward=True)
                self._untouched = False
                if self._advance_to(packet, self._find_place(index)):
                    return None
        self.start()
        self._advance_to(packet, (0, None))
        return None

    def _find_place(self, index: FrameIndex) -> tuple[int, Packet[VideoStream] | None]:
        """Read until a keyframe that the index knows; returns its number and itself."""
        self._packets = self._container.demux(self._stream)
        for packet in self._packets:
            if packet.size and packet.is_keyframe:
                number = index.number_of(packet.pts, packet.dts, packet.pos, packet.size)
                if number is not None:
                    return number, packet
        raise LostPlaceError

    def _advance_to(self, wanted: int, place: tuple[int, Packet[VideoStream] | None]) -> bool:
        number, packet = place
        if number > wanted:
            return False
        pending = packet
        while number < wanted:
            if pending is None:
                pending = self._read(number)
            if pending is None:
                raise VideoError(f"{self.path} became shorter while it was open.", "Open it again.")
            pending = None
            number += 1
        if pending is not None:
            self._packets = _chain(pending, self._packets)
        self.position = self.entry = wanted
        self.errors = 0
        self.ended = False
        return True

    def _read(self, number: int) -> Packet[VideoStream] | None:
        self._untouched = False
        try:
            packet = next((p for p in self._packets if p.size), None)
        except av.error.FFmpegError:
            return None  # FFmpeg, too, takes a file that cannot be read on as ended
        if packet is not None and self.index is not None and not self.index.matches(number, packet.size):
            raise LostPlaceError
        return packet

    def pump(self) -> Sequence[tuple[int, VideoFrame]]:
        """Feed one packet, or the end of the file, and return the pictures that came out.

        Returns
        -------
        list of (int, av.VideoFrame)
            With each picture the number of its packet. Empty is normal: decoders hold pictures back. Once
            ``ended`` is True nothing more will come.
        """
        if self.ended:
            return []
        packet = self._read(self.position)
        if packet is None:
            self.ended = True
        else:
            # The number travels through the decoder as the time: the file's own may be missing or repeated.
            packet.pts = self.position
            packet.dts = None
            self.position += 1
        try:
            frames = self._stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            self.errors += 1
            return []
        last = self.position - 1
        return [(last if frame.pts is None else int(frame.pts), frame) for frame in frames]


def _chain(first: Packet[VideoStream], rest: Iterator[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
    yield first
    yield from rest
