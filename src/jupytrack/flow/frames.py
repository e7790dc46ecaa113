"""Gray pictures for optical flow, in the order in which they are needed, from whatever the caller has."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from jupytrack.errors import JupytrackError, VideoError
from jupytrack.video.convert import is_gray
from jupytrack.video.reader import VideoReader

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


__all__ = ["Gray", "GrayFrames", "decoded_ahead"]

T = TypeVar("T")
Gray = NDArray[np.uint8]

# Pixel formats whose first plane is the luma, one byte a pixel.
_LUMA_PLANE = {
    *(f"yuv{j}{kind}p" for j in ("", "j") for kind in ("420", "422", "444", "440", "411", "410")),
    *("yuva420p", "yuva422p", "yuva444p", "nv12", "nv21", "gray"),
}
# Bytes of pictures that are held at a time when a long stretch is walked backward.
_HELD = 256 * 2**20


class GrayFrames:
    """A video as gray pictures, read in ascending or descending runs.

    Parameters
    ----------
    video : path, FrameSource or sequence of frames
        The video, or its pictures, gray ``(height, width)`` or RGB ``(height, width, 3)``.
    exact : bool
        True: gray is made of the RGB picture, as DUSTrack does. False: it is the luma plane as it is stored,
        which costs nothing.

    Attributes
    ----------
    name : str
        What to call the video in messages.
    """

    def __init__(self, video: Any, exact: bool = False) -> None:
        self.exact = exact
        self._own = isinstance(video, (str, os.PathLike))
        if not self._own and not (hasattr(video, "__len__") and hasattr(video, "__getitem__")):
            raise VideoError(
                f"This is no video: {video!r:.100}.",
                "Give its path, a VideoReader or a sequence of frames, such as a list.",
            )
        self._video = VideoReader(video, cache_bytes=1) if self._own else video
        self._sequence = not hasattr(self._video, "get_avg_fps")
        self.name = "The sequence of frames" if self._sequence else str(self._video.fname)
        # A reader that finds the file damaged on the way becomes shorter.
        self._n_frames = len(self._video)
        if self._sequence and not self._n_frames:
            raise VideoError("The sequence of frames is empty.", "Give one gray picture for each frame.")

    def __len__(self) -> int:
        return self._n_frames

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures, in pixels."""
        if self._sequence:
            height, width = self._gray(self._video[0], 0).shape
            return int(width), int(height)
        return int(self._video.width), int(self._video.height)

    @property
    def contrast(self) -> float:
        """How much smaller differences of brightness are in these pictures than in full-range ones."""
        if self._sequence or self.exact or not isinstance(self._video, VideoReader):
            return 1.0
        frame = self._video.frame(0)
        return 219 / 255 if self._luma_plane(frame) is not None and _limited(frame) else 1.0

    def ascending(self, first: int, stop: int) -> Generator[Gray, None, None]:
        """Yield pictures ``first`` to ``stop - 1``.

        Raises
        ------
        VideoError
            If the video stops decoding on the way, or a picture has another size.
        """
        width, height = self.size
        for n, picture in zip(range(first, stop), self._ascending(first, stop), strict=False):
            if picture.shape != (height, width):
                raise VideoError(
                    f"{self.name}: frame {n} has {picture.shape[1]}×{picture.shape[0]} pixels, the others "
                    f"{width}×{height}.",
                    "Convert the video to one size, for instance with ffmpeg.",
                )
            yield picture

    def _ascending(self, first: int, stop: int) -> Generator[Gray, None, None]:
        if not isinstance(self._video, VideoReader):
            for n in range(first, stop):
                yield self._gray(self._video[n], n)
            return
        # A reader of its own keeps no pictures and does not push out those that somebody is looking at.
        reader = self._video if self._own else VideoReader(self._video.fname, cache_bytes=1)
        try:
            for n in range(first, stop):
                try:
                    frame = reader.frame(n)
                except (IndexError, JupytrackError) as error:
                    # Backward, the first frame that is asked for may lie far beyond where it stops.
                    end = min(n, len(reader))
                    raise VideoError(
                        f"{self.name} stops decoding at frame {end} of {len(self)}.",
                        "Use the frames before it, or repair or convert the video, for instance with ffmpeg.",
                    ) from error
                yield self._picture(reader, frame)
        finally:
            if not self._own:
                reader.close()

    def descending(self, first: int, stop: int) -> Generator[Gray, None, None]:
        """Yield pictures ``stop - 1`` down to ``first``, decoded in ascending stretches."""
        width, height = self.size
        stretch = max(8, _HELD // (2 * width * height))
        for begin in reversed(range(first, stop, stretch)):
            held = list(self.ascending(begin, min(begin + stretch, stop)))
            while held:
                yield held.pop()

    def _picture(self, reader: VideoReader, frame: VideoFrame) -> Gray:
        if not self.exact:
            luma = self._luma_plane(frame)
            return reader.converter.array(frame, "gray") if luma is None else luma
        picture: NDArray[Any]
        if reader.index.matrix:
            picture = reader.converter.array(frame, "gray" if is_gray(frame.format.name) else "rgb")
        else:
            picture = frame.to_ndarray(format="gray" if is_gray(frame.format.name) else "rgb24")
        if picture.ndim == 2:
            return np.asarray(picture, np.uint8)
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)

    def _gray(self, picture: Any, n: int) -> Gray:
        array = np.asarray(picture)
        if array.dtype == np.uint8 and array.ndim == 2:
            return array
        if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3:
            return np.asarray(cv2.cvtColor(array, cv2.COLOR_RGB2GRAY), np.uint8)
        raise VideoError(
            f"{self.name}: frame {n} is {array.dtype} of shape {array.shape}.",
            "Give uint8 pictures, gray (height, width) or RGB (height, width, 3).",
        )

    def _luma_plane(self, frame: VideoFrame) -> Gray | None:
        """Return a view of the luma as it was decoded, None where it is not one byte a pixel."""
        assert isinstance(self._video, VideoReader)
        if frame.format.name not in _LUMA_PLANE or self._video.index.matrix:
            return None
        plane = frame.planes[0]
        # PyAV's planes are buffers, whatever their stubs say.
        stored: Gray = np.frombuffer(cast("Any", plane), np.uint8)
        return stored.reshape(plane.height, plane.line_size)[:, : plane.width]

    def close(self) -> None:
        """Release the file if it was opened here."""
        if self._own:
            self._video.close()

    def __enter__(self) -> GrayFrames:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _limited(frame: VideoFrame) -> bool:
    return int(frame.color_range) != 2 and not frame.format.name.startswith(("yuvj", "gray"))


def decoded_ahead(items: Callable[[], Generator[T, None, None]], depth: int) -> Generator[T, None, None]:
    """Yield what an iterator yields, which runs up to ``depth`` items ahead in a thread of its own.

    Parameters
    ----------
    items : callable
        Returns the iterator.
    depth : int
        How many items may wait.
    """
    waiting: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(entry: tuple[T | None, BaseException | None]) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(entry, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            with closing(items()) as source:
                for item in source:
                    if not put((item, None)):
                        return
            put((None, StopIteration()))
        except BaseException as error:
            put((None, error))

    thread = threading.Thread(target=work, name="jupytrack-decode-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield cast("T", item)
    finally:
        stopped.set()
        thread.join()
