"""Evaluation of many boxes, beside `trackers` alone. Prints figures; never fails for being slow."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

import jupytrack
from jupytrack import BoxTracks

pytestmark = pytest.mark.skipif(
    not os.environ.get("JUPYTRACK_BENCHMARKS"), reason="`make bench` runs the benchmarks"
)


def crowd(n_frames: int = 10_000, n_tracks: int = 30) -> tuple[BoxTracks, BoxTracks]:
    """Return people who cross a large picture, and what a tracker makes of them."""
    random = np.random.default_rng(0)
    t = np.arange(n_frames)[:, None]
    phase, period = random.uniform(0, 6.28, (2, n_tracks)), random.uniform(300, 900, (2, n_tracks))
    x = 900 + 800 * np.sin(t / period[0] * 6.28 + phase[0])
    y = 500 + 380 * np.sin(t / period[1] * 6.28 + phase[1])
    boxes = np.stack([x, y, 60 + 0 * x, 120 + 0 * x], -1).reshape(-1, 4)
    frame, id = np.repeat(np.arange(n_frames), n_tracks), np.tile(np.arange(1, n_tracks + 1), n_frames)
    found = np.flatnonzero(random.random(len(frame)) < 0.93)
    noisy = boxes + random.normal(0, 4, boxes.shape)
    predicted = id + 100 * (frame // 700)
    return BoxTracks(frame, id, boxes), BoxTracks(frame[found], predicted[found], noisy[found])


def test_crowd():
    metrics = pytest.importorskip("trackers.eval", reason="needs trackers; `make test-tracks` has it")
    gt, predicted = crowd()

    def by_frame(tracks):
        cuts = np.searchsorted(tracks.frame, np.arange(1, gt.n_frames))
        return np.split(tracks.track, cuts), np.split(np.ascontiguousarray(tracks.xyxy), cuts)

    sides = by_frame(gt), by_frame(predicted)

    def alone():
        iou = [metrics.box_iou(a, b) for a, b in zip(sides[0][1], sides[1][1], strict=True)]
        ids = sides[0][0], sides[1][0]
        clear = metrics.compute_clear_metrics(*ids, iou)
        metrics.compute_identity_metrics(*ids, iou)
        metrics.compute_hota_metrics(*ids, iou)
        return clear["MOTA"]

    def ours():
        return jupytrack.evaluate(gt, predicted).loc["COMBINED", "MOTA"]

    spans: dict[str, list[float]] = {"alone": [], "ours": []}
    for _ in range(5):
        for name, function in (("alone", alone), ("ours", ours)):
            start = time.perf_counter()
            mota = function()
            spans[name].append(time.perf_counter() - start)
            assert 0.8 < mota < 0.95
    alone_s, ours_s = (sorted(values)[2] for values in spans.values())
    print(
        f"\n10,000 frames x 30 objects: {ours_s:.2f} s, trackers alone {alone_s:.2f} s, "
        f"ratio {ours_s / alone_s:.2f} (goal 1.2)"
    )
    start = time.perf_counter()
    jupytrack.agreement(gt, predicted)
    print(f"agreement of the same: {time.perf_counter() - start:.2f} s")
