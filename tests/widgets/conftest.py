from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jupytrack import samples
from jupytrack.widgets.annotator import Annotator

N_FRAMES = 60


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a short video in a folder of its own."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    shutil.copy(samples.ultrasound(N_FRAMES, size=(320, 240)).video, path)
    return path


@pytest.fixture
def video(clip: Path, tmp_path: Path) -> Path:
    """Give a video that nobody has annotated yet."""
    path = tmp_path / "clip.mp4"
    shutil.copy(clip, path)
    return path


@pytest.fixture
def annotator(video: Path) -> Iterator[Annotator]:
    """Give an annotator with points in two layers and three labels."""
    annotator = Annotator(video, ["iteration-0", "model"], n_labels=3)
    fill(annotator)
    yield annotator
    annotator.close()


def fill(annotator: Annotator) -> None:
    """Place label 0 and 1 here and there, and label 0 to 2 almost everywhere in the model's layer."""
    for frame in (5, 10, 11, 12, 20):
        annotator.ann.add([10.0 + frame, 20.0], "0", frame)
    for frame in (10, 11, 12, 30):
        annotator.ann.add([50.0, 60.0 + frame], "1", frame)
    model = annotator.annotations["model"]
    frames = np.r_[0:25, 35:N_FRAMES]
    for number, label in enumerate("012"):
        xy = np.stack([100.0 + frames, np.full(len(frames), 30.0 * number)], axis=1)
        model.set_points(label, frames, xy)
    model.set_plot_type("line")
    annotator.annotations.overlay = "model"
