"""How fast frames come, as ratios: `make bench` prints them, and no absolute time is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable

import av
import numpy as np
import pytest

from jupytrack.video import VideoReader, VideoWriter
from jupytrack.video.indexing import build_index

SIZE = (1920, 1080)
GOP = 60
FRAMES = 240
REFERENCE = os.environ.get("JUPYTRACK_REFERENCE_PYTHON")

pytestmark = pytest.mark.skipif(
    not os.environ.get("JUPYTRACK_BENCHMARKS"), reason="`make bench` runs the benchmarks"
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "1080p.mp4"
    random = np.random.default_rng(0)
    width, height = SIZE
    x, y = np.arange(width), np.arange(height)[:, None]
    grain = random.normal(0, 6, (height + 64, width + 64))
    with VideoWriter(path, 30, SIZE, crf=23, gop=GOP, preset="veryfast") as writer:
        for n in range(FRAMES):
            dx, dy = np.round(31 + 31 * np.array([np.sin(n / 20), np.cos(n / 13)])).astype(int)
            picture = 128 + 80 * np.sin((x + 3 * n) / 40) * np.cos((y - 2 * n) / 55)
            picture = picture + grain[dy : dy + height, dx : dx + width]
            writer.write(np.clip(picture, 0, 255).astype(np.uint8))
    return path


def milliseconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - start)


def steps(path) -> dict[str, list[float]]:
    with VideoReader(path) as reader:
        forward = [milliseconds(lambda n=n: reader.read(n)) for n in range(3 * GOP)]
    with VideoReader(path) as reader:
        reader.read(4 * GOP - 1)
        backward = [milliseconds(lambda n=n: reader.read(n)) for n in range(4 * GOP - 2, GOP, -1)]
    return {"forward": forward[5:], "backward": backward}


def test_steps(clip):
    times = steps(clip)
    forward = np.median(times["forward"])
    backward = np.percentile(times["backward"], 95)
    ratio = f"{backward / forward:.2f} (goal 1.5)"
    print(f"\nforward step p50 {forward:.1f} ms, backward p95 {backward:.1f} ms: {ratio}")
    assert backward / forward < 5


def decode_prefix(container, stream, reader, first: int, last: int) -> float:
    """Return the time that the bare decoder takes from the first frame of a group to one of its frames."""
    pts = reader.index.frame_pts
    container.seek(int(pts[first]), stream=stream)
    packets = [packet for _, packet in zip(range(last - first + 40), container.demux(stream), strict=False)]
    kept = []
    start = time.perf_counter()
    for packet in packets:
        for frame in stream.codec_context.decode(packet):
            kept.append(frame)
            if frame.pts == pts[last]:
                return 1000 * (time.perf_counter() - start)
    raise AssertionError("the frame did not come out")


def test_random_access(clip):
    rows = []
    with VideoReader(clip) as reader, av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "FRAME"
        for n in (17, 62, 85, 98, 155, 175, 190, 221):
            first = reader.group_of(n)[0]
            row = []
            for _ in range(3):
                reader._cache.clear()
                reader.frame((n + 2 * GOP) % FRAMES)
                ours = milliseconds(lambda n=n: reader.frame(n))
                row.append((ours, decode_prefix(container, stream, reader, first, n)))
            rows.append(np.min(row, axis=0))
    ours, bare = np.sum(rows, axis=0)
    ratio = f"{ours / bare:.2f} (goal 1.2)"
    print(f"\nrandom access {ours / len(rows):.0f} ms, bare decoding {bare / len(rows):.0f} ms: {ratio}")
    assert ours / bare < 3


def test_index(clip):
    index = milliseconds(lambda: build_index(str(clip)))
    with av.open(str(clip)) as container:
        decode = milliseconds(lambda: sum(1 for _ in container.decode(video=0)))
    print(f"\nindexing {index:.0f} ms, decoding everything {decode:.0f} ms: {index / decode:.3f}")
    assert index < decode


REFERENCE_SCRIPT = """
import json, sys, time
from datanavigator import VideoReader
path, gop = sys.argv[1], int(sys.argv[2])
def milliseconds(function):
    start = time.perf_counter(); function(); return 1000 * (time.perf_counter() - start)
reader = VideoReader(path)
forward = [milliseconds(lambda: reader[n].asnumpy()) for n in range(3 * gop)]
backward = [milliseconds(lambda: reader[n].asnumpy()) for n in range(4 * gop - 2, 3 * gop - 2, -3)]
jumps = [milliseconds(lambda: reader[n].asnumpy()) for n in (17, 98, 155, 221, 62, 190)]
print(json.dumps({"forward": forward[5:], "backward": backward, "random": jumps}))
"""


@pytest.mark.skipif(
    not REFERENCE, reason="JUPYTRACK_REFERENCE_PYTHON names no interpreter with datanavigator"
)
def test_against_datanavigator(clip):
    answer = subprocess.run(
        [str(REFERENCE), "-c", REFERENCE_SCRIPT, str(clip), str(GOP)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": "", "QT_QPA_PLATFORM": "offscreen", "MPLBACKEND": "agg"},
    )
    theirs = json.loads(answer.stdout.splitlines()[-1])
    ours = steps(clip)
    with VideoReader(clip, cache_bytes=1) as reader:
        reader.read(0)
        ours["random"] = [milliseconds(lambda n=n: reader.read(n)) for n in (17, 98, 155, 221, 62, 190)]
    for kind in ("forward", "backward", "random"):
        a, b = np.median(ours[kind]), np.median(theirs[kind])
        print(f"\n{kind}: datanavigator {b:.1f} ms, ours {a:.1f} ms: {b / a:.1f} times as fast", end="")
    print()
    assert np.median(ours["backward"]) < np.median(theirs["backward"])
