"""Speed of box tracks and of MOT Challenge's files, beside numpy reading the same numbers."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from jupytrack import BoxTracks
from jupytrack.formats import mot

N_FRAMES, N_TRACKS = 10_000, 50


def seconds(action, times=3):
    spans = []
    for _ in range(times):
        start = time.perf_counter()
        result = action()
        spans.append(time.perf_counter() - start)
    return sorted(spans)[times // 2], result


@pytest.mark.skipif(not os.environ.get("JUPYTRACK_BENCHMARKS"), reason="`make bench` runs the benchmarks")
def test_large_files(tmp_path):
    random = np.random.default_rng(0)
    boxes = np.round(random.random((N_FRAMES * N_TRACKS, 4)) * 1000, 3)
    frame, id = np.divmod(np.arange(len(boxes)), N_TRACKS)
    span = {}
    span["make"], tracks = seconds(lambda: BoxTracks(frame, id + 1, boxes, class_="cup", confidence=1))
    path = tmp_path / "boxes.txt"
    span["write"], _ = seconds(lambda: mot.write(tracks, path))
    span["read"], again = seconds(lambda: mot.read(path))
    assert again == tracks
    span["to_dataframe"], table = seconds(tracks.to_dataframe)
    span["from_dataframe"], _ = seconds(lambda: BoxTracks.from_dataframe(table))
    span["every track"], _ = seconds(lambda: dict(tracks.items()))
    numpy, _ = seconds(lambda: np.loadtxt(path, delimiter=","))
    print(f"\n{N_FRAMES} frames x {N_TRACKS} tracks; numpy.loadtxt of the same file {numpy:.2f} s")
    for name, value in span.items():
        print(f"  {name:16} {value:6.3f} s  {value / numpy:5.2f} times that")
    assert span["read"] < 3 * numpy
