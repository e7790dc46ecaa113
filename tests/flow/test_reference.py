"""Our numbers against those of DUSTrack 1.3.2; record_reference.py made the files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import jupytrack

FILES = Path(__file__).parent / "files"
SAME = 1e-6
START, STOP = 3, 27


@pytest.fixture(scope="module")
def theirs():
    with np.load(FILES / "dustrack_1.3.2.npz", allow_pickle=False) as recorded:
        return dict(recorded)


@pytest.fixture
def layer(tmp_path):
    for name in ("tissue.mp4", "tissue_annotations_noisy.json"):
        shutil.copy(FILES / name, tmp_path)
    return jupytrack.VideoAnnotation(tmp_path / "tissue_annotations_noisy.json", tmp_path / "tissue.mp4")


def ends(layer):
    return [np.array(layer.get_at_frame(n)) for n in (START, STOP)]


def test_lucas_kanade_is_theirs(layer, theirs):
    first, last = ends(layer)
    runs = {
        "full": (START, STOP, first, "full", {}),
        "backward": (STOP, START, last, "full", {}),
        "direct": (START, START + 4, first, "direct", {}),
        "small_window": (START, STOP, first, "full", {"winSize": (15, 21), "maxLevel": 1}),
    }
    for name, (start, stop, points, mode, options) in runs.items():
        ours = jupytrack.lucas_kanade(layer.video.fname, start, stop, points, mode, exact=True, **options)
        assert ours.shape == theirs[name].shape, name
        assert np.abs(ours - theirs[name]).max() <= SAME, name


def test_rstc_is_theirs(layer, theirs):
    ours = jupytrack.lucas_kanade_rstc(layer.video, START, STOP, *ends(layer), exact=True)
    assert np.abs(ours - theirs["rstc"]).max() <= SAME


def test_weights_are_theirs(theirs):
    forward, reverse = jupytrack.sigmoid_weights(25)
    assert np.abs(forward - theirs["forward_weights"]).max() < 1e-12
    assert np.abs(reverse - theirs["reverse_weights"]).max() < 1e-12


@pytest.mark.parametrize("seconds", [0.3, 0.5])
@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("raw", [True, False])
def test_filter_is_theirs(layer, theirs, seconds, parallel, raw):
    smooth = layer.postprocess(window_size=seconds, use_parallel=parallel, save_raw=raw, exact=True)
    ours = np.stack(list(smooth.to_traces().values()))
    assert np.abs(ours - theirs[f"filter_{seconds}"]).max() <= SAME
    if raw:
        paths = jupytrack.load_raw_paths(smooth.fname)
        assert paths.shape == (round(30 * seconds), 40, 4, 2)
        assert np.abs(np.nanmean(paths, axis=0) - np.moveaxis(ours, 0, 1)).max() < 1e-9


def test_default_is_close(layer, theirs):
    smooth = layer.postprocess(window_size=0.5)
    difference = np.stack(list(smooth.to_traces().values())) - theirs["filter_0.5"]
    assert np.sqrt((difference**2).mean()) < 0.05
    assert np.abs(difference).max() > 0, "the default is not the exact mode"
