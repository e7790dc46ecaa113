"""Checks of many boxes and points. Prints figures; never fails for being slow."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from jupytrack import BoxTracks, qa
from jupytrack.annotation.table import PointTable

pytestmark = pytest.mark.skipif(
    not os.environ.get("JUPYTRACK_BENCHMARKS"), reason="`make bench` runs the benchmarks"
)


def fresh(tracks: BoxTracks) -> BoxTracks:
    """Return the same tracks without what was worked out of them before."""
    return tracks.assign(confidence=1.0)


def crowd(n_frames: int = 10_000, n_tracks: int = 50) -> BoxTracks:
    """Return a crowd that crosses a large picture, with 3 % of the steps flagged as in good annotations."""
    random = np.random.default_rng(0)
    t = np.arange(n_frames)[:, None]
    phase, period = random.uniform(0, 6.28, (2, n_tracks)), random.uniform(300, 900, (2, n_tracks))
    w, h = random.uniform(40, 120, n_tracks) + 0 * t, random.uniform(40, 160, n_tracks) + 0 * t
    x = 900 + 800 * np.sin(t / period[0] * 6.28 + phase[0]) - w / 2
    y = 500 + 380 * np.sin(t / period[1] * 6.28 + phase[1]) - h / 2
    x = x + 0.7 * w * (random.random(x.shape) < 0.015)
    return BoxTracks(
        np.repeat(np.arange(n_frames), n_tracks),
        np.tile(np.arange(1, n_tracks + 1), n_frames),
        np.stack([x, y, w, h], -1).reshape(-1, 4),
        class_="person",
        state="visible",
        image_size=(1920, 1080),
    )


def predictions(n_frames: int = 36_715, n_labels: int = 10) -> PointTable:
    random = np.random.default_rng(0)
    t = np.arange(n_frames)[None, :, None]
    xy = 300 + 100 * np.sin(t / 40) + random.normal(0, 0.3, (n_labels, n_frames, 2))
    xy[random.random((n_labels, n_frames)) < 0.005] += 60
    likelihood = random.uniform(0.58, 1, (n_labels, n_frames)).astype(np.float32)
    return PointTable([str(n) for n in range(n_labels)], xy, {"likelihood": likelihood})


def told(what: str, goal: str, function) -> None:
    spans, report = [], None
    for _ in range(5):
        start = time.perf_counter()
        report = function()
        spans.append(time.perf_counter() - start)
    start = time.perf_counter()
    assert len(report.scores) > 0
    scores = time.perf_counter() - start
    flags = f"{len(report.table):,} flags"
    print(f"\n{what}: {sorted(spans)[2]:.2f} s ({goal}), and {scores:.2f} s for the scores of {flags}")


def test_boxes():
    layers = iter([fresh(crowd()) for _ in range(5)])
    told("10,000 frames x 50 tracks, all geometric checks", "goal 2 s", lambda: qa.run(next(layers)))


def test_points():
    layer = predictions()
    told(
        "36,715 frames x 10 points, all checks without the video",
        "goal 0.5 s",
        lambda: qa.run(layer, pairs=[("0", "1")], left_right=[("2", "3")], image_size=(640, 480)),
    )
