"""VideoReader: exact frames by number."""

from __future__ import annotations

import contextlib
import operator
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.errors import VideoError
from jupytrack.video.convert import Converter, Format, is_gray
from jupytrack.video.decoding import Decoder, LostPlaceError
from jupytrack.video.index import FrameIndex, content_fingerprint, load_index, store_index
from jupytrack.video.indexing import build_index, recount

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

__all__ = ["VideoReader"]

_MAX_DECODERS = 3
# Seconds between frames from which on somebody is watching; a loop is only slowed down by work beside it.
_UNHURRIED = 0.01


class _FrameCache:
    """Decoded pictures, the least recently used given up first once they need more than the budget."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0
        self._frames: OrderedDict[int, tuple[VideoFrame, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, n: int, backward: bool = False) -> VideoFrame | None:
        with self._lock:
            entry = self._frames.get(n)
            if entry is None:
                return None
            # Who steps backward needs the earlier frames next and this one last.
            self._frames.move_to_end(n, last=not backward)
            return entry[0]

    def leaves_room(self, kept: int, wanted: int) -> bool:
        """Tell whether ``wanted`` more pictures fit beside ``kept`` of those that are here."""
        with self._lock:
            size = next(iter(self._frames.values()))[1] if self._frames else 0
            return (kept + wanted) * size <= self.budget

    def put(self, n: int, frame: VideoFrame) -> None:
        size = sum(plane.buffer_size for plane in frame.planes)
        with self._lock:
            if n in self._frames:
                self._frames.move_to_end(n)
                return
            self._frames[n] = frame, size
            self.used += size
            # The newest always stays, or a picture larger than the budget could never be handed out.
            while self.used > self.budget and len(self._frames) > 1:
                self.used -= self._frames.popitem(last=False)[1][1]

    def clear(self) -> None:
        with self._lock:
            self._frames.clear()
            self.used = 0

    def __contains__(self, n: int) -> bool:
        with self._lock:
            return n in self._frames


class _Run:
    """A decoder at work: which frame comes next, and who asked last."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.owner = 0
        self.entry_frame = 0
        self.next_frame = 0
        self.used = 0
        self._repeats: dict[int, int] = {}

    def begin(self, packet: int, frame: int) -> None:
        self.decoder.start_at(packet)
        self.entry_frame = self.next_frame = frame
        self._repeats.clear()

    def pump(self, index: FrameIndex) -> Iterator[tuple[int, VideoFrame]]:
        """Feed one packet and yield the frames that came out, without an open group's leading pictures."""
        for packet, frame in self.decoder.pump():
            repeat = 0
            if index.counted:
                repeat = self._repeats.get(packet, 0)
                self._repeats[packet] = repeat + 1
            n = index.frame_of(packet, repeat)
            if n < self.entry_frame:
                continue
            frame.pts = int(index.frame_pts[n])
            frame.time_base = Fraction(*index.time_base)
            yield n, frame


class VideoReader:
    """A video as a sequence of exact frames.

    Frame n is the n-th picture that ``ffmpeg -i FILE -fps_mode passthrough`` puts out, turned as the file
    asks. Frames come as ``uint8`` arrays, RGB ``(height, width, 3)`` or gray ``(height, width)``. Reading is
    safe from several threads at once.

    Parameters
    ----------
    path : path-like
        The video.
    gray : bool, optional
        True: frames are gray. False: they are RGB. None: as the file is (gray pixel formats, else RGB).
    cache_bytes : int
        Memory for decoded pictures, in bytes. One group of pictures should fit, so that stepping backward is
        as cheap as forward; longer groups are decoded again in stretches of that size.
    progress : callable, optional
        Called as ``progress(done, total)`` while a file is indexed for the first time.

    Attributes
    ----------
    fname, name : str
        The path, and the file name without folder and suffix.
    index : FrameIndex
        Packets, times and groups.

    Raises
    ------
    VideoNotFoundError
        If there is no such file, or it may not be read.
    VideoError
        If it is empty, a folder, no video or has no picture that can be decoded.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        gray: bool | None = None,
        cache_bytes: int = 256 * 2**20,
        progress: Callable[[float, float], None] | None = None,
    ) -> None:
        # absolute, so that it is found again after the working folder has changed
        self.fname = os.path.abspath(os.fspath(path))
        self.name = Path(self.fname).stem
        self.index = self._find_index(progress)
        self.gray = is_gray(self.index.pixel_format) if gray is None else bool(gray)
        self._cache = _FrameCache(cache_bytes)
        self._lock = threading.RLock()
        self._runs: list[_Run] = []
        self._clock = 0
        self._last = -1
        self._last_time = 0.0
        self._ahead: ThreadPoolExecutor | None = None
        self._ahead_group = -1
        self._closed = False
        self._local = threading.local()

    def _find_index(self, progress: Callable[[float, float], None] | None) -> FrameIndex:
        if os.path.isfile(self.fname) and os.access(self.fname, os.R_OK) and os.path.getsize(self.fname):
            index = load_index(self.fname, content_fingerprint(self.fname))
            if index is not None:
                return index
        index = build_index(self.fname, progress)
        store_index(self.fname, index)
        return index

    @property
    def width(self) -> int:
        """Width of a displayed picture, in pixels."""
        return self.index.width

    @property
    def height(self) -> int:
        """Height of a displayed picture, in pixels."""
        return self.index.height

    @property
    def fingerprint(self) -> str:
        """Stable id of the content, whatever the file is called."""
        return self.index.fingerprint

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Presentation times in seconds, shape ``(n_frames,)``; the first need not be 0. Read-only."""
        return self.index.timestamps

    @property
    def missing_frames(self) -> int:
        """Frames that the file announces and does not hold (0 for a sound file)."""
        return self.index.missing

    @property
    def warnings(self) -> list[str]:
        """What the user should know about the file: cut off, damaged."""
        return list(self.index.warnings)

    def get_avg_fps(self) -> float:
        """Return the average frame rate, in frames per second."""
        return self.index.fps

    def get_frame_timestamp(self, n: int) -> float:
        """Return the presentation time of frame ``n`` in seconds, as the file has it."""
        return float(self.timestamps[self._number(n)])

    def group_of(self, n: int) -> tuple[int, int]:
        """Return the first frame of frame ``n``'s group of pictures and the first frame after the group."""
        return self.index.group_of(self._number(n))

    def is_cached(self, n: int) -> bool:
        """Tell whether frame ``n`` can be had without decoding."""
        return self._number(n) in self._cache

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, n: Any) -> NDArray[np.uint8]:
        if isinstance(n, slice):
            return self.get_batch(range(*n.indices(len(self))))
        return self.read(n, "gray" if self.gray else "rgb")

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for n in range(len(self)):
            yield self[n]

    def get_batch(self, indices: Iterable[int]) -> NDArray[np.uint8]:
        """Return several frames, in the order asked for.

        Parameters
        ----------
        indices : iterable of int
            Frame numbers; negative ones count from the end, repeats are fine.

        Returns
        -------
        ndarray of uint8
            Shape ``(n, height, width, 3)``, or ``(n, height, width)`` for gray.
        """
        numbers = np.array([self._number(n) for n in indices], np.int64)
        shape = (len(numbers), self.height, self.width) + ((3,) if not self.gray else ())
        batch = np.empty(shape, np.uint8)
        for n in np.unique(numbers):
            batch[numbers == n] = self[int(n)]
        return batch

    def read(self, n: int, format: Format = "rgb") -> NDArray[np.uint8]:
        """Return frame ``n`` as an array.

        Parameters
        ----------
        n : int
            Frame number; a negative one counts from the end.
        format : {"rgb", "gray"}
            RGB is within 2 of ``ffmpeg -pix_fmt rgb24``. Gray is the luma plane stretched to 0..255: for
            BT.601 video the gray of the RGB picture up to rounding and clipping, for BT.709 video that
            standard's own luma.

        Returns
        -------
        ndarray of uint8
            Shape ``(height, width, 3)`` or ``(height, width)``; the caller's own.

        Raises
        ------
        IndexError
            If there is no such frame.
        VideoError
            If the file cannot be read any more.
        """
        if format not in ("rgb", "gray"):
            raise ValueError(f"format must be 'rgb' or 'gray', not {format!r}")
        return self.converter.array(self.frame(n), format)

    @property
    def converter(self) -> Converter:
        """The calling thread's own converter of pictures to arrays."""
        converter: Converter | None = getattr(self._local, "converter", None)
        if converter is None:
            converter = self._local.converter = Converter(self.index.matrix)
        return converter

    def frame(self, n: int) -> VideoFrame:
        """Return frame ``n`` as it was decoded: the stream's own pixel format, not turned.

        The picture is shared with the cache: read it, never write to it.

        Parameters
        ----------
        n : int
            Frame number; a negative one counts from the end.
        """
        n = self._number(n)
        backward = n == self._last - 1
        unhurried = time.monotonic() - self._last_time > _UNHURRIED
        self._last = n
        frame = self._cache.get(n, backward) or self._decoded(n)
        if backward and unhurried:
            self._read_ahead(n)
        self._last_time = time.monotonic()
        return frame

    def _decoded(self, n: int) -> VideoFrame:
        with self._lock:
            return self._cache.get(n) or self._decode(n)

    def _read_ahead(self, n: int) -> None:
        """Decode the group before frame ``n``'s in the background: stepping backward must not stall there."""
        start = self.index.group_of(n)[0]
        if start == 0 or start == self._ahead_group or start - 1 in self._cache:
            return
        if self._cache.leaves_room(n - start + 1, start - self.index.group_of(start - 1)[0]):
            with self._lock:
                if self._closed:
                    return
                self._ahead_group = start
                if self._ahead is None:
                    self._ahead = ThreadPoolExecutor(1, thread_name_prefix="jupytrack-read-ahead")
                self._ahead.submit(self._decoded, start - 1)

    def _number(self, n: int) -> int:
        number = operator.index(n)
        if number < 0:
            number += len(self)
        if not 0 <= number < len(self):
            raise IndexError(
                f"frame {n} does not exist: {self.fname} has {len(self)} frames (0 to {len(self) - 1})"
            )
        return number

    # What follows runs under the lock.

    def _decode(self, n: int) -> VideoFrame:
        if self._closed:
            raise VideoError(f"{self.fname} was closed.", "Open it again with VideoReader.")
        for _ in range(len(self.index.group_frame) + 1):
            group = self.index.group_number(n)
            run = self._choose_run(n, group)
            entry = run.decoder.entry
            try:
                frame = self._decode_to(n, run)
            except LostPlaceError:
                raise self._changed() from None
            if frame is not None:
                return frame
            self._drop(run)
            if entry == 0:
                break
            # Decoding from here does not give what decoding from the start gives: begin a group earlier now.
            self.index = self.index.without_entry(entry)
        self._count_again()
        if n >= len(self.index):
            raise IndexError(f"frame {n} does not exist: {self.fname} turned out to have {len(self)} frames")
        frame = self._decode_to(n, self._choose_run(n, self.index.group_number(n)))
        if frame is None:
            raise self._changed()
        return frame

    def _decode_to(self, n: int, run: _Run) -> VideoFrame | None:
        found = None
        while found is None and not run.decoder.ended:
            for m, frame in run.pump(self.index):
                if m != run.next_frame:
                    return None
                run.next_frame = m + 1
                self._cache.put(m, frame)
                if m == n:
                    found = frame
        return found

    def _choose_run(self, n: int, group: int) -> _Run:
        """Return a decoder that will come to frame ``n`` soonest."""
        entry_packet, entry_frame = int(self.index.group_packet[group]), int(self.index.group_frame[group])
        self._clock += 1
        thread = threading.get_ident()
        ready = [
            run
            for run in self._runs
            if run.next_frame <= n and run.decoder.position >= entry_packet and not run.decoder.ended
        ]
        if ready:
            run = max(ready, key=lambda candidate: candidate.next_frame)
        else:
            own = [run for run in self._runs if run.owner == thread]
            if own:
                run = own[0]
            elif len(self._runs) < _MAX_DECODERS:
                run = _Run(self._decoder())
                self._runs.append(run)
            else:
                run = min(self._runs, key=lambda candidate: candidate.used)
            try:
                run.begin(entry_packet, entry_frame)
            except LostPlaceError:
                raise self._changed() from None
        run.owner, run.used = thread, self._clock
        return run

    def _decoder(self) -> Decoder:
        # Frame threads drop good pictures beside a broken one when the end of the file is flushed.
        return Decoder(
            self.fname, self.index.stream_index, "SLICE" if self.index.damaged else "FRAME", self.index
        )

    def _drop(self, run: _Run) -> None:
        run.decoder.close()
        with contextlib.suppress(ValueError):
            self._runs.remove(run)

    def _count_again(self) -> None:
        for run in list(self._runs):
            self._drop(run)
        self._cache.clear()
        try:
            self.index = recount(self.fname, self.index)
        except LostPlaceError:
            raise self._changed() from None
        store_index(self.fname, self.index)

    def _changed(self) -> VideoError:
        return VideoError(f"{self.fname} changed while it was open.", "Open it again with VideoReader.")

    def release(self) -> None:
        """Give back the memory of pictures and decoders; the next frame that is asked for makes them anew."""
        with self._lock:
            for run in list(self._runs):
                self._drop(run)
            self._cache.clear()
            self._ahead_group = -1

    def close(self) -> None:
        """Release the file and the memory. Frames handed out before stay valid."""
        with self._lock:
            self._closed = True
            if self._ahead is not None:
                self._ahead.shutdown(wait=False, cancel_futures=True)
            for run in list(self._runs):
                self._drop(run)
            self._cache.clear()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        size = f"{self.width}×{self.height}"
        return f"VideoReader({self.fname!r}: {len(self)} frames, {size}, {self.get_avg_fps():.3f} frames/s)"
