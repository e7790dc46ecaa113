"""Loading and reading many predictions, next to DUSTrack. Prints figures; never fails for being slow."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

N_FRAMES, N_LABELS = 36_715, 10

OURS = "from jupytrack.annotation.points import VideoAnnotation"
THEIRS = "from dustrack.annotations import VideoAnnotation"
MEASURE = """
import json, sys, time
{}
def best(function, times):
    spans = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        spans.append(time.perf_counter() - start)
    return 1e3 * sorted(spans)[len(spans) // 2]
ann = VideoAnnotation(sys.argv[1])
print(json.dumps({{
    "load from h5": best(lambda: VideoAnnotation(sys.argv[1]), int(sys.argv[2])),
    "to_traces": best(ann.to_traces, 2 * int(sys.argv[2])),
    "save": best(lambda: ann.save(sys.argv[3]), 1),
    "load from JSON": best(lambda: VideoAnnotation(sys.argv[3]), 1),
    "place a point": best(lambda: ann.add([time.perf_counter(), 2.0], "0", 5), 100),
}}))
"""
GOALS = {"load from h5": 150, "to_traces": 5}


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmark") / "predictions.h5"
    parts = [f"point{number}" for number in range(N_LABELS)]
    names = ["scorer", "bodyparts", "coords"]
    columns = pd.MultiIndex.from_product([["somebody"], parts, ["x", "y", "likelihood"]], names=names)
    values = np.random.default_rng(0).uniform(0, 500, (N_FRAMES, 3 * N_LABELS))
    frame = pd.DataFrame(values, columns=columns)
    # The fixed format, because DUSTrack's older pandas can read it whichever pandas wrote it.
    frame.to_hdf(path, key="df_with_missing", mode="w", format="fixed")
    return path


def measure(python, importing, path, times):
    environment = {**os.environ, "MPLBACKEND": "agg"}
    if importing == THEIRS:
        environment.pop("PYTHONPATH", None)
    saved = path.with_suffix(".json" if importing == OURS else ".dustrack.json")
    done = subprocess.run(
        [python, "-c", MEASURE.format(importing), path, str(times), saved],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.skipif(not os.environ.get("JUPYTRACK_BENCHMARKS"), reason="`make bench` runs the benchmarks")
def test_many_predictions(predictions):
    ours = measure(sys.executable, OURS, predictions, 9)
    reference = os.environ.get("JUPYTRACK_REFERENCE_PYTHON")
    theirs = measure(reference, THEIRS, predictions, 3) if reference else {}
    print(f"\n{N_FRAMES} frames x {N_LABELS} labels, medians in ms")
    for name, span in ours.items():
        goal = f"goal {GOALS[name]}" if name in GOALS else ""
        beside = f"DUSTrack {theirs[name]:10.2f}, {theirs[name] / span:8.1f} times ours" if theirs else ""
        print(f"  {name:16} {span:8.2f}  {goal:9} {beside}")
        assert span > 0
