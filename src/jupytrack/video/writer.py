"""Write arrays as an H.264 MP4."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import av
import av.error
import av.filter
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from jupytrack.errors import SaveError

if TYPE_CHECKING:
    from jupytrack.jobs import Progress

__all__ = ["VideoWriter", "write_video"]

_BT709 = 1
_LIMITED = 1


class VideoWriter:
    """An H.264 MP4, written frame by frame and in its place only once it is complete.

    Parameters
    ----------
    path : path-like
        The file to write; an older one is replaced when this one is complete.
    fps : float or fractions.Fraction
        Frames per second.
    size : tuple of int
        ``(width, height)`` in pixels. Odd sizes are stored as 4:4:4, which some players refuse.
    crf : int
        Quality, 0 (lossless) to 51; 18 looks like the original.
    gop : int
        Most frames from one keyframe to the next.
    preset : str
        Speed of x264, from ``"ultrafast"`` to ``"veryslow"``.

    Raises
    ------
    SaveError
        If the file cannot be written; what was there before is still there.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fps: float | Fraction,
        size: tuple[int, int],
        *,
        crf: int = 18,
        gop: int = 60,
        preset: str = "medium",
    ) -> None:
        self.path = Path(path)
        self.size = int(size[0]), int(size[1])
        self.frames_written = 0
        self._graphs: dict[str, av.filter.Graph] = {}
        try:
            handle, self._temporary = tempfile.mkstemp(
                dir=self.path.parent, prefix=f".{self.path.stem}-", suffix=".part"
            )
        except OSError as error:
            raise self._failed(error) from error
        os.close(handle)
        rate = Fraction(fps).limit_denominator(100_000)
        self._time_base = 1 / rate
        self._container = av.open(self._temporary, "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream(
            "libx264", rate=rate, options={"crf": str(crf), "preset": preset}
        )
        self._stream.width, self._stream.height = self.size
        self._stream.pix_fmt = "yuv444p" if self.size[0] % 2 or self.size[1] % 2 else "yuv420p"
        context = self._stream.codec_context
        context.gop_size = gop
        context.time_base = self._time_base
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        self._open = True

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append a frame.

        Parameters
        ----------
        image : ndarray of uint8
            RGB ``(height, width, 3)`` or gray ``(height, width)``.
        """
        width, height = self.size
        if image.dtype != np.uint8 or image.shape not in ((height, width), (height, width, 3)):
            raise ValueError(
                f"a frame must be uint8 of shape {(height, width, 3)} or {(height, width)}, "
                f"not {image.dtype} of shape {image.shape}"
            )
        kind = "gray" if image.ndim == 2 else "rgb24"
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format=kind)
        graph = self._graphs.get(kind)
        if graph is None:
            graph = self._graphs[kind] = self._graph(frame)
        graph.vpush(frame)
        frame = graph.vpull()
        frame.pts = self.frames_written
        frame.time_base = self._time_base
        self._mux(frame)
        self.frames_written += 1

    def _graph(self, frame: VideoFrame) -> av.filter.Graph:
        graph = av.filter.Graph()
        steps: list[tuple[str, dict[str, Any]]] = [
            ("scale", {"flags": "bicubic+accurate_rnd", "out_color_matrix": "bt709", "out_range": "limited"}),
            ("format", {"pix_fmts": str(self._stream.pix_fmt)}),
            ("buffersink", {}),
        ]
        last = graph.add(
            "buffer",
            video_size=f"{self.size[0]}x{self.size[1]}",
            pix_fmt=frame.format.name,
            time_base="1/1",
            pixel_aspect="1/1",
            colorspace=str(int(frame.colorspace)),
            range=str(int(frame.color_range)),
        )
        for name, arguments in steps:
            node = graph.add(name, **arguments)
            last.link_to(node)
            last = node
        graph.configure()
        return graph

    def _mux(self, frame: VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            self.discard()
            raise self._failed(error) from error

    def close(self) -> None:
        """Finish the file and put it in its place."""
        if not self._open:
            return
        self._mux(None)
        try:
            self._container.close()
            with open(self._temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.chmod(self._temporary, 0o666 & ~_umask())
            os.replace(self._temporary, self.path)
        except (av.error.FFmpegError, OSError) as error:
            self.discard()
            raise self._failed(error) from error
        self._open = False

    def discard(self) -> None:
        """Give the file up; what was at the path before stays."""
        if self._open:
            self._open = False
            with contextlib.suppress(av.error.FFmpegError, OSError):
                self._container.close()
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)

    def _failed(self, error: BaseException) -> SaveError:
        return SaveError(
            f"{self.path} could not be written ({error}).",
            "Check the folder, its permissions and free space.",
        )

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


def write_video(
    path: str | os.PathLike[str],
    picture: Callable[[int], NDArray[np.uint8]],
    frames: Sequence[int],
    fps: float | Fraction,
    progress: Progress | None = None,
) -> Path:
    """Write pictures as a new video.

    Parameters
    ----------
    path : path-like
        The file; it must not exist.
    picture : callable
        Returns a frame's picture, as :meth:`VideoWriter.write` takes it. All have the size of the first one.
    frames : sequence of int
        The frames, at least one.
    fps : float or fractions.Fraction
        Frames per second.
    progress : Progress, optional
        Told after every frame; cancelling leaves no file behind.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SaveError
        If the file exists or cannot be written.
    """
    path = Path(path)
    if path.exists():
        raise SaveError(f"{path} is there already.", "Give another name, or remove it first.")
    first = picture(frames[0])
    height, width = first.shape[:2]
    with VideoWriter(path, fps, (width, height)) as writer:
        for done, frame in enumerate(frames):
            writer.write(picture(frame) if done else first)
            if progress is not None:
                progress.update(done + 1, len(frames), "writing")
    return path


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
