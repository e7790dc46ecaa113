"""Predictions and labels of a part of the video. DeepLabCut 3.0.2 and 2.3 write these files so."""

from __future__ import annotations

import os
import pickle

import cv2
import numpy as np
import pandas as pd
import pytest

from jupytrack.formats import read_layer
from jupytrack.formats.deeplabcut_crop import analysed_corner, labelled_corners

STEM = "mouseDLC_Resnet50_reachOct30shuffle1_snapshot_best-20"


def meta(cropping, **more):
    """Return what DeepLabCut says of an analysis; a model's own configuration may have a key `cropping`."""
    about = {"start": 1.5, "pytorch-config": {"cropping": False, "x": [7, 8]}, "frame_dimensions": (640, 480)}
    return {
        "data": {**about, "cropping": True, "cropping_parameters": cropping, "individuals": ["a"], **more}
    }


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", [list, tuple])
def test_the_corner_that_deeplabcut_wrote(tmp_path, protocol, kind):
    path = tmp_path / f"{STEM}_meta.pickle"
    for numbers, corner in (([20, 640, 300, 470], (20, 300)), ([0, 70000, 0, 480], (0, 0))):
        path.write_bytes(pickle.dumps(meta(kind(numbers)), protocol))
        assert analysed_corner(tmp_path / f"{STEM}.h5") == corner
        assert analysed_corner(tmp_path / f"{STEM}_filtered.csv") == corner


def test_points_are_where_they_are_in_the_whole_frame(tmp_path):
    columns = pd.MultiIndex.from_product(
        [["DLC"], ["point0"], ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )
    values = [[1.5, 2.5, 0.9], [np.nan, np.nan, 0.1], [3.5, 4.5, 0.8]]
    table = pd.DataFrame(values, columns=columns)
    table.to_hdf(tmp_path / f"{STEM}.h5", key="df_with_missing")
    table.to_csv(tmp_path / f"{STEM}.csv")
    (tmp_path / f"{STEM}_meta.pickle").write_bytes(pickle.dumps(meta([20, 640, 300, 470])))
    for suffix in ("h5", "csv"):
        found = read_layer(tmp_path / f"{STEM}.{suffix}")
        np.testing.assert_array_equal(found.xy[0], [[21.5, 302.5], [np.nan, np.nan], [23.5, 304.5]])
        np.testing.assert_array_equal(found.columns["likelihood"][0], np.float32([0.9, 0.1, 0.8]))


class _Runs:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_runs_and_damage_means_nothing(tmp_path):
    path = tmp_path / f"{STEM}_meta.pickle"
    for numbers in (_Runs(tmp_path / "ran"), None, [1, 2], np.array([5, 6, 7, 8])):
        path.write_bytes(pickle.dumps(meta(numbers, more="text")))
        assert analysed_corner(tmp_path / f"{STEM}.h5") == (0, 0)
    assert not (tmp_path / "ran").exists()
    path.write_bytes(pickle.dumps(meta([20, 640, 300, 470], more=_Runs(tmp_path / "ran"))))
    assert analysed_corner(tmp_path / f"{STEM}.h5") == (20, 300)
    assert not (tmp_path / "ran").exists()
    for content in (b"", b"no pickle", path.read_bytes()[:50]):
        path.write_bytes(content)
        assert analysed_corner(tmp_path / f"{STEM}.h5") == (0, 0)


@pytest.mark.parametrize(
    ("crop", "corner"),
    [
        ("crop: 20, 60, 10, 40", (20, 10)),
        ("crop: 0, 40, 0, 30", (0, 0)),
        ("crop: 20, 61, 10, 40", (0, 0)),
        ("crop: all of it", (0, 0)),
        ("crop:", (0, 0)),
        ("crop: [", (0, 0)),
        ("more: 1", (0, 0)),
    ],
)
def test_labels_are_where_they_are_in_the_whole_frame(tmp_path, crop, corner):
    folder = tmp_path / "labeled-data" / "mouse.2"
    folder.mkdir(parents=True)
    (tmp_path / "config.yaml").write_text(
        f"video_sets:\n  C:\\a b\\mouse.2.avi:\n    {crop}\ncorner2move2: !!python/tuple\n- 50\n- 50\n"
    )
    for name, size in (("img03.png", (40, 30)), ("img04.png", (64, 48))):
        cv2.imwrite(str(folder / name), np.zeros((*size[::-1], 3), np.uint8))
    (folder / "img05.png").write_bytes(b"")
    names = ["img03.png", "img04.png", "img05.png", "img06.png"]
    found = labelled_corners(folder / "CollectedData_me.h5", names)
    np.testing.assert_array_equal(found, [corner, (0, 0), (0, 0), (0, 0)])
    lines = ["scorer,me,me", "bodyparts,point0,point0", "coords,x,y"]
    lines += [f"labeled-data\\mouse.2\\{name},1,2" for name in names]
    (folder / "CollectedData_me.csv").write_text("\n".join(lines))
    xy = read_layer(folder / "CollectedData_me.csv").xy[0]
    np.testing.assert_array_equal(xy[3:], [(1 + corner[0], 2 + corner[1]), (1, 2), (1, 2), (1, 2)])


def test_labels_outside_of_a_project_stay(tmp_path):
    assert labelled_corners(tmp_path / "CollectedData_me.h5", ["img1.png"]).tolist() == [[0, 0]]
