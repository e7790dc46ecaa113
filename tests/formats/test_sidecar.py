"""What JSON cannot hold stays beside it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from plain_video import PlainVideo

from jupytrack import formats
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable
from jupytrack.errors import ConflictError, FormatError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clip_annotations_a.json"


@pytest.fixture
def saved(path):
    table = PointTable.from_mapping({"0": {1: [1, 2], 3: [3, 4], 5: [5, 6]}, "1": {3: [7, 8]}})
    table.columns["likelihood"] = np.full((2, 6), np.nan, np.float32)
    table.columns["likelihood"][0, [1, 3]] = 0.1, 0.9
    table.columns["source"] = np.where(table.present, np.uint8(1), np.uint8(0))
    table.meta["names"] = {"0": "nose"}
    formats.write_layer(path, table)
    return table


def test_columns_and_names_come_back(path, saved):
    again = formats.read_layer(path)
    for name, values in saved.columns.items():
        np.testing.assert_array_equal(again.columns[name], values)
        assert again.columns[name].dtype == values.dtype
    assert again.meta["names"] == {"0": "nose"}


def test_a_point_moved_elsewhere_does_not_inherit(path, saved):
    data = json.loads(path.read_text())
    data["0"]["3"][0] += 1e-12
    data["0"]["2"] = [9, 9]
    del data["0"]["5"]
    path.write_text(json.dumps(data))
    again = formats.read_layer(path)
    np.testing.assert_array_equal(again.columns["likelihood"][0], np.float32([np.nan, 0.1, np.nan, np.nan]))
    assert again.columns["source"][0].tolist() == [0, 1, 0, 0]


def test_what_is_not_understood_is_kept(path, saved):
    beside = path.with_suffix(".sidecar")
    content = json.loads(beside.read_text())
    content["later"] = {"version": 7}
    packed = content["points"]["0"]["columns"]["source"]
    content["points"]["0"]["columns"]["novel"] = packed
    beside.write_text(json.dumps(content))
    ann = VideoAnnotation(path)
    assert ann.column("source")[0, 1] == 1
    ann.add([2, 2], "1", 0)
    ann.save()
    content = json.loads(beside.read_text())
    assert content["later"] == {"version": 7}
    again = formats.read_layer(path)
    assert again.columns["novel"][0, [1, 3, 5]].tolist() == [1, 1, 1]
    ann.save(path.with_name("copy.json"))
    assert json.loads(path.with_name("copy.sidecar").read_text())["later"] == {"version": 7}
    # Replaced by a table that knows nothing of it, it is kept as well.
    formats.write_layer(path, PointTable.from_mapping({"0": {1: [1, 2]}}))
    assert json.loads(beside.read_text())["later"] == {"version": 7}


def test_without_anything_to_say_there_is_none(path, saved):
    formats.write_layer(path, PointTable.from_mapping({"0": {1: [1, 2]}}))
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_layer_for_another_video(path):
    ann = VideoAnnotation(path, video=PlainVideo("/one/clip.mp4", "one"))
    ann.add([1, 2], "0", 3)
    ann.save()
    assert VideoAnnotation(path, video=PlainVideo("/one/clip.mp4", "one")).data == {"0": {3: [1, 2]}}
    assert VideoAnnotation(path).data == {"0": {3: [1, 2]}}
    with pytest.raises(ConflictError, match=r"made on another video than /two/clip.mp4.*accept_other_video"):
        VideoAnnotation(path, video=PlainVideo("/two/clip.mp4", "two"))
    ann = VideoAnnotation(path, video=PlainVideo("/two/clip.mp4", "two"), accept_other_video=True)
    ann.save()
    assert VideoAnnotation(path, video=PlainVideo("/two/clip.mp4", "two")).data == {"0": {3: [1, 2]}}


def test_without_the_video_its_fingerprint_is_kept(path):
    VideoAnnotation(path, video=PlainVideo("/one/clip.mp4", "one")).save()
    VideoAnnotation(path).save()
    with pytest.raises(ConflictError):
        VideoAnnotation(path, video=PlainVideo("/two/clip.mp4", "two"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:100],
        lambda text: "[]",
        lambda text: '{"format": "other"}',
        lambda text: text.replace('"dtype": "<i4"', '"dtype": "|O"'),
        lambda text: text.replace('"dtype": "<i4"', '"dtype": "<i8"'),
        lambda text: text.replace('"data": "', '"data": "!'),
        lambda text: text.replace('"data": "', '"data": "AAAA'),
        lambda text: text.replace('"columns"', '"rows"'),
        lambda text: text.replace('"names": {', '"names": 3, "x": {'),
        lambda text: '{"format": "jupytrack sidecar", "video": 3}',
    ],
)
def test_damaged_sidecars_are_refused(path, saved, damage):
    beside = path.with_suffix(".sidecar")
    before = beside.read_text()
    beside.write_text(damage(before))
    assert beside.read_text() != before
    with pytest.raises(FormatError, match=r"sidecar is damaged .* rename it"):
        formats.read_layer(path)


def test_a_failed_reload_changes_nothing(path, saved):
    ann = VideoAnnotation(path)
    ann.add([9, 9], "0", 1)
    path.write_text("{")
    with pytest.raises(FormatError):
        ann.reload()
    assert ann["0"][1] == [9, 9]
    assert ann.unsaved.moved == 1
