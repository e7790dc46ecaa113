"""How fast optical flow is, as ratios to DUSTrack 1.3.2 and to bare decoding in the same run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from jupytrack import VideoAnnotation, VideoReader, VideoWriter, lk_moving_average_filter

REFERENCE = os.environ.get("JUPYTRACK_REFERENCE_PYTHON")
SIZES = {"640x480": ((640, 480), 600), "1080p": ((1920, 1080), 300)}

pytestmark = pytest.mark.skipif(
    not os.environ.get("JUPYTRACK_BENCHMARKS"), reason="`make bench` runs the benchmarks"
)


def offset(x, y, n, size):
    """How far the texture at a place has moved since frame 0, in pixels."""
    across = 30 * np.sin(2 * np.pi * n / 45) * np.sin(3 * y / size[1]) + 6 * np.sin(n / 5)
    down = 22 * np.sin(2 * np.pi * n / 60) * np.cos(3 * x / size[0]) + 4 * np.cos(n / 7)
    return across, down


def write_clip(path: Path, size, n_frames) -> None:
    """Write a clip of grain at two scales that moves and shears, with noise."""
    random, (width, height), margin = np.random.default_rng(0), size, 80
    shape = height + 2 * margin, width + 2 * margin
    still = 128 + cv2.GaussianBlur(random.normal(0, 130, shape), (0, 0), 2)
    still += cv2.GaussianBlur(random.normal(0, 700, shape), (0, 0), 8)
    still = np.clip(still, 0, 255).astype(np.float32)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    with VideoWriter(path, 30, size, crf=23, gop=60, preset="veryfast") as writer:
        for n in range(n_frames):
            across, down = (np.float32(1) * part for part in offset(x, y, n, size))
            to_x, to_y = (x - across + margin).astype(np.float32), (y - down + margin).astype(np.float32)
            picture = cv2.remap(still, to_x, to_y, cv2.INTER_LINEAR)
            picture += cv2.randn(np.empty_like(picture), 0, 2)
            writer.write(np.clip(picture, 0, 255).astype(np.uint8))


def write_layer(path: Path, rest, size, n_frames) -> np.ndarray:
    """Write noisy points that move with the texture; returns where they really are."""
    truth = np.empty((len(rest), n_frames, 2))
    for n in range(n_frames):
        points = np.array(rest)
        for _ in range(80):
            points = np.array(rest) + np.stack(offset(points[:, 0], points[:, 1], n, size), axis=-1)
        truth[:, n] = points
    noisy = truth + np.random.default_rng(1).normal(0, 0.7, truth.shape)
    noisy = np.clip(noisy, 0, np.array(size) - 1)
    layer = {str(k): {str(n): xy.tolist() for n, xy in enumerate(p)} for k, p in enumerate(noisy)}
    path.write_text(json.dumps(layer))
    return truth


def spread(size, count, share=0.7):
    """Places of points, spread over the middle of the picture."""
    low, high = (1 - share) / 2, (1 + share) / 2
    return np.random.default_rng(2).uniform(np.array(size) * low, np.array(size) * high, (count, 2))


@pytest.fixture(scope="module", params=SIZES)
def clip(request, tmp_path_factory):
    size, n_frames = SIZES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    write_clip(folder / "clip.mp4", size, n_frames)
    return request.param, folder / "clip.mp4", size, n_frames


def ours(video: Path, layer: Path, seconds: float, **options) -> tuple[float, VideoAnnotation]:
    """Return frames a second, files and all, and the result."""
    annotation = VideoAnnotation(layer, video)
    for old in layer.parent.glob("*_lkmovavg_*"):
        old.unlink()
    start = time.perf_counter()
    result = lk_moving_average_filter(annotation, window_size=seconds, save_raw=False, **options)
    return annotation.n_frames / (time.perf_counter() - start), result


def decoding(video: Path) -> float:
    """Return frames a second of luma, without anything else."""
    with VideoReader(video, cache_bytes=1) as reader:
        start = time.perf_counter()
        for n in range(len(reader)):
            reader.frame(n)
        return len(reader) / (time.perf_counter() - start)


SCRIPT = """
import sys, time
from dustrack import VideoAnnotation, lk_filter
video, layer, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
annotation = VideoAnnotation(layer, video)
annotation.video[0]
start = time.perf_counter()
lk_filter.lk_moving_average_filter(annotation, window_size=seconds, save_raw=False)
print(annotation.n_frames / (time.perf_counter() - start))
"""


def theirs(video: Path, layer: Path, seconds: float) -> float:
    folder = layer.parent / f"reference-{seconds}"
    folder.mkdir()
    answer = subprocess.run(
        [str(REFERENCE), "-c", SCRIPT, shutil.copy(video, folder), shutil.copy(layer, folder), str(seconds)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": "", "QT_QPA_PLATFORM": "offscreen", "MPLBACKEND": "agg"},
    )
    return float(answer.stdout.splitlines()[-1])


@pytest.mark.skipif(not REFERENCE, reason="JUPYTRACK_REFERENCE_PYTHON names no interpreter with DUSTrack")
@pytest.mark.parametrize(("seconds", "goal"), [(0.5, 10), (2.0, 25)])
def test_against_dustrack(clip, seconds, goal, monkeypatch):
    name, video, size, n_frames = clip
    layer = video.with_name("clip_annotations_ten.json")
    truth = write_layer(layer, spread(size, 10), size, n_frames)
    ours(video, layer, seconds)  # compiles
    rate, result = max((ours(video, layer, seconds) for _ in range(3)), key=lambda run: run[0])
    exact_rate, exact = ours(video, layer, seconds, exact=True)
    with monkeypatch.context() as without:
        without.setattr("jupytrack.flow.nodes._compiled", lambda: None)
        plain_rate, _ = ours(video, layer, seconds)
    reference = theirs(video, layer, seconds)
    decode = decoding(video)
    found, same = (np.stack(list(a.to_traces().values())) for a in (result, exact))
    apart = np.sqrt(np.mean((found - same) ** 2))
    errors = [np.sqrt(np.mean((a - truth) ** 2)) for a in (found, same)]
    print(
        f"\n{name}, 10 points, W = {round(30 * seconds)}: DUSTrack {reference:.1f} frames/s; ours "
        f"{rate / reference:.1f} times as fast (goal {goal}), without numba {plain_rate / reference:.1f}, "
        f"exact {exact_rate / reference:.1f}; {rate / decode:.2f} of bare decoding"
        f"{' (goal 0.5)' if name == '1080p' else ''}; {apart:.4f} px from exact, error to the truth "
        f"{errors[0]:.3f} (exact {errors[1]:.3f})"
    )
    assert rate > 2 * reference
    assert apart <= 0.05
    assert errors[0] <= errors[1] + 0.01


def test_other_points(clip):
    name, video, size, n_frames = clip
    width, height = np.array(size) - 1
    cases = {
        "ten": spread(size, 10),
        "far apart": spread(size, 10, 0.9),
        "at the border": [[s * width, t * height] for s in (0.02, 0.5, 0.98) for t in (0.02, 0.5, 0.98)],
        "hundred": spread(size, 100),
    }
    rates = {}
    for what, rest in cases.items():
        layer = video.with_name(f"clip_annotations_{what.replace(' ', '_')}.json")
        write_layer(layer, rest, size, n_frames)
        rates[what] = max(ours(video, layer, 0.5)[0] for _ in range(2))
    text = ", ".join(f"{what} {rate / rates['ten']:.2f}" for what, rate in rates.items())
    print(f"\n{name}: frames/s relative to ten points: {text}")
    assert rates["hundred"] > rates["ten"] / 30


MEMORY = """
import resource, sys
from jupytrack import VideoAnnotation, lk_moving_average_filter
annotation = VideoAnnotation(sys.argv[1], sys.argv[2])
lk_moving_average_filter(annotation, save_raw=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_is_flat(tmp_path):
    size, loop, peaks = (640, 480), 180, {}
    write_clip(tmp_path / "loop.mp4", size, loop)
    for n_frames in (1000, 20_000):
        folder = tmp_path / str(n_frames)
        folder.mkdir()
        repeat(tmp_path / "loop.mp4", folder / "clip.mp4", n_frames // loop + 1)
        with VideoReader(folder / "clip.mp4") as reader:
            n_frames = len(reader)
        layer = folder / "clip_annotations_one.json"
        place = spread(size, 2).tolist()
        layer.write_text(
            json.dumps({str(k): {str(n): xy for n in range(n_frames)} for k, xy in enumerate(place)})
        )
        command = [sys.executable, "-c", MEMORY, str(layer), str(folder / "clip.mp4")]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks[n_frames] = int(answer.stdout)
    few, many = peaks.values()
    print(f"\npeak memory of {list(peaks)} frames: ratio {many / few:.3f} (goal 1.1)")
    assert many < 1.5 * few


def repeat(source: Path, target: Path, times: int) -> None:
    """Write a clip several times in a row, without encoding it again."""
    with av.open(str(target), "w") as out:
        stream, shift = None, 0
        for _ in range(times):
            with av.open(str(source)) as container:
                first = container.streams.video[0]
                stream = stream or out.add_stream_from_template(first)
                for packet in container.demux(first):
                    if packet.dts is None:
                        continue
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = stream
                    out.mux(packet)
                shift += int(first.duration)
