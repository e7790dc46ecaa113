"""Small clips of every kind the reader must get right, made with PyAV; nothing is recorded beforehand."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.codec
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from av.video.frame import VideoFrame

SIZE = (160, 120)
FRAMES = 100
Make = Callable[[Path], Path]


def pictures(count: int, size: tuple[int, int] = SIZE, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield colour pictures that move smoothly, with a patch of noise so that no two are alike."""
    random = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    for n in range(count):
        red = 128 + 100 * np.sin((x + 2 * n) / 17)
        green = 128 + 100 * np.sin((y - n) / 11)
        blue = 128 + 100 * np.cos((x + y + 3 * n) / 29)
        picture = np.stack([red, green, blue], axis=-1)
        picture[8:40, 8:40] += random.normal(0, 40, (32, 32, 1))
        yield np.clip(picture, 0, 255).astype(np.uint8)


def has_encoder(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except ValueError:
        return False
    return True


def encode(
    path: Path,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    count: int = FRAMES,
    options: dict[str, str] | None = None,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    shift: int = 0,
    size: tuple[int, int] = SIZE,
    tags: tuple[int, int] | None = None,
    gop: int = 20,
    bframes: int = 0,
    faststart: bool = False,
) -> Path:
    """Write a clip.

    ``times`` are presentation times in ``time_base``; ``shift`` is added to the times of the packets, so that
    a negative one makes an MP4 with an edit list; ``tags`` are colour space and range.
    """
    if not has_encoder(codec):
        pytest.skip(f"this PyAV has no encoder {codec}")
    with av.open(str(path), "w", options={"movflags": "+faststart"} if faststart else {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.time_base = time_base
        context.gop_size = gop
        context.max_b_frames = bframes
        if tags is not None:
            context.colorspace, context.color_range = tags
        packets = []
        for n, picture in enumerate(pictures(count, size)):
            frame = VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel_format)
            frame.pts = n if times is None else times[n]
            frame.time_base = time_base
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet in packets:
            if shift:
                packet.pts += round(shift * time_base / packet.time_base)
                packet.dts += round(shift * time_base / packet.time_base)
            container.mux(packet)
    return path


def x264(name: str, **settings: object) -> Make:
    extra = settings.pop("params", "")
    options = {"preset": "veryfast", "x264-params": f"scenecut=0:{extra}".rstrip(":")}
    return lambda folder: encode(folder / name, options=options, **settings)  # type: ignore[arg-type]


def remux(name: str, make: Make) -> Make:
    """Put the packets of a clip into another container."""

    def remuxed(folder: Path) -> Path:
        source = make(folder)
        with av.open(str(source)) as old, av.open(str(folder / name), "w") as new:
            track = old.streams.video[0]
            stream = new.add_stream_from_template(track)
            start_codes = BitStreamFilterContext("h264_mp4toannexb", track)
            for packet in old.demux(track):
                if packet.dts is None:
                    continue
                for coded in (
                    start_codes.filter(packet) if name.endswith((".avi", ".ts", ".h264")) else [packet]
                ):
                    coded.stream = stream
                    new.mux(coded)
        source.unlink()
        return folder / name

    return remuxed


def rotated(degrees: int) -> Make:
    """Write a turn into the track header of an MP4."""
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1), 0: (1, 0)}[degrees]
    one = 1 << 16
    matrix = struct.pack(">9i", cosine * one, sine * one, 0, -sine * one, cosine * one, 0, 0, 0, 1 << 30)

    def make(folder: Path) -> Path:
        path = x264(f"rotated-{degrees}.mp4", bframes=2)(folder)
        data = bytearray(path.read_bytes())
        at = data.index(b"tkhd") + 4 + 40
        data[at : at + 36] = matrix
        path.write_bytes(data)
        return path

    return make


def cut(name: str, make: Make, share: float = 0.6) -> Make:
    """Cut a clip off."""

    def shortened(folder: Path) -> Path:
        source = make(folder)
        data = source.read_bytes()
        source.unlink()
        (folder / name).write_bytes(data[: int(len(data) * share)])
        return folder / name

    return shortened


def _make(name: str, codec: str, pixel_format: str = "yuv420p", **settings: object) -> Make:
    return lambda folder: encode(folder / name, codec, pixel_format, **settings)  # type: ignore[arg-type]


def _uneven(count: int) -> list[int]:
    return np.cumsum(np.random.default_rng(3).integers(1, 90, count) * 100).tolist()


OPEN_GOP = "open-gop=1:keyint=20:min-keyint=20:bframes=3:b-pyramid=strict"
X265 = {"preset": "ultrafast", "x265-params": "open-gop=1:keyint=20:log-level=0"}
VPX = {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"}

SOUND: dict[str, Make] = {
    "constant-rate": x264("constant-rate.mp4"),
    "b-frames": x264("b-frames.mp4", bframes=3),
    "variable-rate": x264(
        "variable-rate.mp4", times=_uneven(FRAMES), time_base=Fraction(1, 90000), bframes=2
    ),
    "open-gop": x264("open-gop.mp4", params=OPEN_GOP),
    "open-gop-mkv": remux("open-gop.mkv", x264("a.mp4", params=OPEN_GOP)),
    "open-gop-ts": remux("open-gop.ts", x264("a.mp4", params=OPEN_GOP)),
    "gop-250": x264("gop-250.mp4", gop=250, bframes=2, count=300),
    "intra-refresh": x264("intra-refresh.mp4", params="intra-refresh=1:keyint=20:bframes=0"),
    "start-offset": x264("start-offset.mp4", shift=75, bframes=2),
    "edit-list": x264("edit-list.mp4", shift=-33, bframes=2),
    "edit-list-open-gop": x264("edit-list-open-gop.mp4", shift=-33, params=OPEN_GOP),
    "rotated-90": rotated(90),
    "rotated-180": rotated(180),
    "rotated-270": rotated(270),
    "bt709": x264("bt709.mp4", tags=(1, 1)),
    "full-range": x264("full-range.mp4", pixel_format="yuvj420p", tags=(5, 2)),
    "4:2:2": x264("422.mp4", pixel_format="yuv422p"),
    "4:4:4": x264("444.mp4", pixel_format="yuv444p", bframes=2),
    "4:4:4-odd": x264("444odd.mp4", pixel_format="yuv444p", size=(161, 121)),
    "10-bit": x264("10bit.mp4", pixel_format="yuv420p10le", bframes=2),
    "10-bit-4:2:2": x264("10bit422.mp4", pixel_format="yuv422p10le"),
    "gray": _make("gray.mkv", "ffv1", "gray"),
    "gray-16": _make("gray16.mkv", "ffv1", "gray16le"),
    "h264-gray": x264("gray.mp4", pixel_format="gray"),
    "h264-rgb": _make("rgb.mp4", "libx264rgb", "rgb24", count=30),
    "raw-rgb": _make("raw.avi", "rawvideo", "bgr24", count=20),
    "mpeg4-avi": _make("mpeg4.avi", "mpeg4"),
    "mpeg4-b-frames-avi": _make("mpeg4b.avi", "mpeg4", bframes=2),
    "h264-avi": remux("h264.avi", x264("a.mp4", params=OPEN_GOP)),
    "raw-h264": remux("raw.h264", x264("a.mp4", bframes=2)),
    "mjpeg": _make("mjpeg.avi", "mjpeg", "yuvj422p"),
    "mpeg2": _make("mpeg2.mpg", "mpeg2video", bframes=2),
    "hevc": _make(
        "hevc.mp4",
        "libx265",
        options={"preset": "ultrafast", "x265-params": "open-gop=1:keyint=20:log-level=0"},
    ),
    "vp8": _make("vp8.webm", "libvpx", options={"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"}),
    "vp9": _make(
        "vp9.webm",
        "libvpx-vp9",
        options={"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8", "g": "30"},
    ),
    "av1": _make("av1.mp4", "libsvtav1", options={"preset": "10"}),
    "still-png": _make("still.png", "png", "rgb24", count=1),
    "still-jpeg": _make("still.jpg", "mjpeg", "yuvj420p", count=1),
}

CUT: dict[str, Make] = {
    "mp4": cut("cut.mp4", x264("whole.mp4", bframes=2, faststart=True)),
    "mkv": cut("cut.mkv", remux("whole.mkv", x264("a.mp4", bframes=2))),
    "mjpeg": cut("cut.avi", _make("whole.avi", "mjpeg", "yuvj422p")),
}


def audio_only(folder: Path) -> Path:
    path = folder / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        for n in range(20):
            samples = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, n * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
