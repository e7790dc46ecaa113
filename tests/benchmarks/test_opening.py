"""How long a video of a project takes to open, in a real kernel; prints figures and never fails for them."""

from __future__ import annotations

import json
import os
import shutil

import av
import numpy as np
import pandas as pd
import pytest
from jupyter_client.manager import start_new_kernel

pytestmark = pytest.mark.skipif(
    not os.environ.get("JUPYTRACK_BENCHMARKS"), reason="`make bench` runs the benchmarks"
)

N_FRAMES, N_LABELS, N_PREDICTIONS = 36_715, 10, 5
GOAL = 300
# what DUSTrack reports for opening a video of as many frames with 1 JSON and 5 prediction layers
DUSTRACK = 2960
TIMES = 9
MEASURE = """
import json, sys, time
import jupytrack
def ms(function):
    start = time.perf_counter()
    result = function()
    return 1e3 * (time.perf_counter() - start), result
def opened(times):
    spans = []
    for _ in range(times):
        span, queue = ms(lambda: jupytrack.open({video!r}))
        spans.append(span)
        queue.close()
    return spans
spans = {{"first in a kernel, with all imports": opened(1), "open": opened({times})}}
queue = jupytrack.open({project!r})
assert len(queue.annotations.names) == 2 + {predictions}, queue.annotations.names
spans["swap to a video not shown yet"] = [ms(queue.swap_next)[0]]
spans["swap back"] = [ms(lambda: queue.swap_to(n % 2))[0] for n in range({times})]
start = time.perf_counter()
while len(queue.annotations.loaded) < len(queue.annotations.names):
    time.sleep(0.005)
queue.close()
print(json.dumps(spans))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Give a project of two long videos, each with a layer by hand and predictions of five iterations."""
    project = tmp_path_factory.mktemp("benchmark") / "reach-x-2026-01-01"
    videos = project / "videos"
    videos.mkdir(parents=True)
    first = videos / "clip0.mp4"
    with av.open(str(first), "w") as file:
        stream = file.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "40"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((120, 160, 3), np.uint8), format="rgb24")
        for _ in range(N_FRAMES):
            picture.pts = None
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    shutil.copy(first, videos / "clip1.mp4")
    parts = [f"point{number}" for number in range(N_LABELS)]
    scorer = "DLC_Resnet50_reachJan1shuffle1_snapshot_best-20"
    names = ["scorer", "bodyparts", "coords"]
    columns = pd.MultiIndex.from_product([[scorer], parts, ["x", "y", "likelihood"]], names=names)
    random = np.random.default_rng(0)
    for clip in ("clip0", "clip1"):
        points = {str(n): {str(f): [n + 0.5, 2.5] for f in range(0, N_FRAMES, 100)} for n in range(N_LABELS)}
        (videos / f"{clip}_annotations_iteration-0.json").write_text(json.dumps(points))
        for iteration in range(N_PREDICTIONS):
            folder = videos / f"iteration-{iteration}"
            folder.mkdir(exist_ok=True)
            table = pd.DataFrame(random.uniform(0, 120, (N_FRAMES, 3 * N_LABELS)), columns=columns)
            table.to_hdf(folder / f"{clip}{scorer}.h5", key="df_with_missing", mode="w", format="fixed")
            model = project / "dlc-models-pytorch" / f"iteration-{iteration}" / "reachJan1-trainset95shuffle1"
            (model / "train").mkdir(parents=True, exist_ok=True)
            (model / "train" / "snapshot-best-20.pt").touch()
    sets = "".join(f"  {videos / clip}.mp4:\n    crop: 0, 160, 0, 120\n" for clip in ("clip0", "clip1"))
    (project / "config.yaml").write_text(
        "Task: reach\nscorer: x\ndate: Jan1\nmultianimalproject: false\nengine: pytorch\n"
        f"project_path: {project}\nvideo_sets:\n{sets}bodyparts:\n"
        + "".join(f"- {part}\n" for part in parts)
        + f"TrainingFraction:\n- 0.95\niteration: {N_PREDICTIONS - 1}\n"
    )
    return project


def test_opening_a_video_of_a_project(project):
    code = MEASURE.format(
        video=str(project / "videos" / "clip0.mp4"),
        project=str(project),
        times=TIMES,
        predictions=N_PREDICTIONS,
    )
    manager, client = start_new_kernel(kernel_name="python3")
    said = []
    try:
        client.execute_interactive(
            code, timeout=300, output_hook=lambda message: said.append(message["content"])
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    text = "".join(content.get("text", "") for content in said)
    assert text, [content.get("evalue") for content in said]
    spans = json.loads(text.strip().splitlines()[-1])
    print(f"\n{N_FRAMES} frames, 1 JSON and {N_PREDICTIONS} predictions of {N_LABELS} labels, ms in a kernel")
    for name, found in spans.items():
        median = sorted(found)[len(found) // 2]
        goal = f"goal {GOAL}; DUSTrack reports {DUSTRACK}, {DUSTRACK / median:.1f} times ours"
        print(f"  {name:36} {median:8.1f}  {goal if name == 'open' else ''}")
        assert median > 0
