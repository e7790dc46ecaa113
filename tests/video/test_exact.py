"""Frame n is the n-th picture that the ffmpeg program puts out."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import av
import clips
import numpy as np
import pytest

from jupytrack.video import VideoReader

DATA = Path(__file__).parents[3] / "shared" / "data"
FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(
    FFMPEG is None, reason="compares with the ffmpeg program, which is not installed"
)

# FFmpeg's own SIMD code for MPEG-4 part 2 rounds differently from one version and processor to the next.
ROUNDS_FREELY = {"mpeg4"}


def ffmpeg(path, *options, before=()):
    command = [FFMPEG, "-v", "quiet", *before, "-i", path, "-fps_mode", "passthrough", *options]
    command += ["-f", "rawvideo", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=False).stdout, np.uint8)


def stored(frame):
    """Return the bytes of a decoded picture as ffmpeg writes them."""
    rows = []
    for plane, component in zip(frame.planes, _row_bytes(frame), strict=True):
        data = np.frombuffer(plane, np.uint8)
        rows.append(
            data[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)[:, :component]
        )
    return np.concatenate([row.ravel() for row in rows])


def _row_bytes(frame):
    deep = any(component.bits > 8 for component in frame.format.components)
    packed = len(frame.format.components) if len(frame.planes) == 1 else 1
    return [plane.width * (2 if deep else 1) * packed for plane in frame.planes]


def visits(count):
    """Return an order of frames that goes forward, jumps, and goes backward."""
    random = np.random.default_rng(1).integers(0, count, 30).tolist()
    return [*range(count), *random, *range(count - 1, max(-1, count - 45), -1)]


def assert_exact(path, exact_planes=True):
    whole = VideoReader(path)
    planes = ffmpeg(path, before=["-noautorotate"]).reshape(-1, stored(whole.frame(0)).size)
    assert len(whole) == len(planes)
    # A budget of one byte makes every jump decode from the start of its group.
    with whole, VideoReader(path, cache_bytes=1) as forgetful:
        for n in visits(len(whole)):
            assert_planes(stored(whole.frame(n)), planes[n], exact_planes, n)
        for n in np.random.default_rng(2).integers(0, len(whole), 15).tolist():
            assert_planes(stored(forgetful.frame(n)), planes[n], exact_planes, n)
        del planes
        for reader in (whole, forgetful):
            frames = np.unique(np.linspace(0, len(whole) - 1, 12).astype(int))
            rgb = ffmpeg(path, "-pix_fmt", "rgb24").reshape(-1, whole.height, whole.width, 3)
            for n in frames.tolist():
                picture = reader.read(n, "rgb")
                assert picture.shape == (whole.height, whole.width, 3)
                assert np.abs(picture.astype(int) - rgb[n]).max() <= 2, f"frame {n}"


def assert_planes(ours, theirs, exact, n):
    if exact:
        assert np.array_equal(ours, theirs), f"frame {n}"
    else:
        assert np.abs(ours.astype(int) - theirs).max() <= 2, f"frame {n}"


@needs_ffmpeg
@pytest.mark.parametrize("kind", clips.SOUND)
def test_clip(kind, tmp_path):
    path = clips.SOUND[kind](tmp_path)
    codec = av.open(str(path)).streams.video[0].codec_context.name
    assert_exact(path, exact_planes=codec not in ROUNDS_FREELY or same_decoder())


def same_decoder():
    text = subprocess.run([FFMPEG, "-version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"libavcodec\s+(\d+)\.\s*(\d+)", text)
    return found is not None and (int(found[1]), int(found[2])) == av.library_versions["libavcodec"][:2]


@needs_ffmpeg
@pytest.mark.parametrize("name", ["flies.mp4", "robot.mp4", "mouse.mp4"])
def test_real_video(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} does not lie beside the project")
    assert_exact(path)
    assert not path.with_name(path.name + ".jupytrack-index.npz").exists()


@needs_ffmpeg
@pytest.mark.parametrize("kind", clips.CUT)
def test_cut_off_clip_gives_its_good_frames(kind, tmp_path):
    path = clips.CUT[kind](tmp_path)
    with VideoReader(path) as reader:
        planes = ffmpeg(path).reshape(-1, stored(reader.frame(0)).size)
        assert len(reader) == len(planes)
        assert 20 < len(reader) < clips.FRAMES
        assert reader.missing_frames == clips.FRAMES - len(reader)
        assert any(str(reader.missing_frames) in text for text in reader.warnings)
        # The last picture may be half there: what fills its other half is up to the decoder.
        for n in visits(len(reader) - 1):
            assert np.array_equal(stored(reader.frame(n)), planes[n]), f"frame {n}"


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["b-frames", "full-range", "gray", "gray-16", "raw-rgb", "10-bit"])
def test_gray_is_that_of_ffmpeg(kind, tmp_path):
    path = clips.SOUND[kind](tmp_path)
    with VideoReader(path) as reader:
        gray = ffmpeg(path, "-pix_fmt", "gray").reshape(-1, reader.height, reader.width)
        for n in (0, 7, len(reader) - 1):
            assert np.abs(reader.read(n, "gray").astype(int) - gray[n]).max() <= 2
