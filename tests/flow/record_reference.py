"""Records what DUSTrack 1.3.2 makes of a small clip.

Run as `.venvs/dustrack/bin/python tests/flow/record_reference.py`.

The clip is made once, by the same script, and committed: encoders differ, decoders do not.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("MPLBACKEND", "agg")

FILES = Path(__file__).parent / "files"
CLIP = FILES / "tissue.mp4"
POINTS = FILES / "tissue_annotations_noisy.json"
REFERENCE = FILES / "dustrack_1.3.2.npz"
SIZE = (256, 192)
FRAMES = 40
REST = np.array([[128.0, 96.0], [60.0, 60.0], [236.0, 20.0], [150.0, 140.0]])


def offset(points: np.ndarray, n: int) -> np.ndarray:
    """How far the tissue that is seen at points has moved since frame 0, in pixels."""
    x, y = points[..., 0] / SIZE[0], points[..., 1] / SIZE[1]
    swing = np.sin(2 * np.pi * n / 34)
    return np.stack([7 * swing * np.sin(1 + 2 * y), 4 * swing * np.cos(2 * x) + 0.05 * n], axis=-1)


def make_clip() -> None:
    import av
    import cv2

    random = np.random.default_rng(3)
    width, height = SIZE
    grain = [
        cv2.GaussianBlur(random.normal(size=(height + 64, width + 64, 3)), (0, 0), scale) * gain
        for scale, gain in ((2.5, 220), (9, 700))
    ]
    tissue = np.clip(118 + grain[0] + grain[1], 0, 255).astype(np.float32)
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float64)
    with av.open(str(CLIP), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "30", "preset": "veryslow"}
        stream.codec_context.time_base = Fraction(1, 30)
        for n in range(FRAMES):
            source = (grid - offset(grid, n) + 32).astype(np.float32)
            picture = cv2.remap(tissue, source[..., 0], source[..., 1], cv2.INTER_CUBIC)
            frame = av.VideoFrame.from_ndarray(np.clip(picture, 0, 255).astype(np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def make_points() -> None:
    random = np.random.default_rng(5)
    truth = np.empty((len(REST), FRAMES, 2))
    for n in range(FRAMES):
        points = REST.copy()
        for _ in range(60):
            points = REST + offset(points, n)
        truth[:, n] = points
    noisy = np.clip(truth + random.normal(0, 0.8, truth.shape), 0, np.array(SIZE) - 1)
    layer = {str(k): {str(n): xy.round(3).tolist() for n, xy in enumerate(p)} for k, p in enumerate(noisy)}
    POINTS.write_text(json.dumps(layer))


def record() -> None:
    from dustrack import VideoAnnotation, lk_filter, lk_opticalflow

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        video, points = shutil.copy(CLIP, folder), shutil.copy(POINTS, folder)
        start, stop = 3, 27
        layer = VideoAnnotation(points, video)
        first, last = (np.array([layer.data[label][n] for label in layer.labels]) for n in (start, stop))
        found["full"] = lk_opticalflow.lucas_kanade(video, start, stop, first)
        found["backward"] = lk_opticalflow.lucas_kanade(video, stop, start, last)
        found["direct"] = lk_opticalflow.lucas_kanade(video, start, start + 4, first, "direct")
        found["small_window"] = lk_opticalflow.lucas_kanade(
            video, start, stop, first, winSize=(15, 21), maxLevel=1
        )
        found["rstc"] = lk_opticalflow.lucas_kanade_rstc(video, start, stop, first, last)
        found["forward_weights"], found["reverse_weights"] = lk_filter.compute_sigmoid_weights(25)
        for seconds in (0.3, 0.5):
            smooth = lk_filter.lk_moving_average_filter(layer, window_size=seconds, save_raw=False)
            found[f"filter_{seconds}"] = np.stack([smooth.to_trace(label) for label in layer.labels])
    np.savez_compressed(REFERENCE, **found)


if __name__ == "__main__":
    FILES.mkdir(exist_ok=True)
    if not CLIP.exists():
        make_clip()
        make_points()
    record()
