"""The files of each video in a project, and merging those of several people."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from clips import encode
from projects import PARTS, annotate, make_project, predict, predictions

from jupytrack import DLCProject, VideoAnnotation, VideoFileManager, merge_annotations_in_folder
from jupytrack.annotation.durable import open_durable
from jupytrack.dlc.files import check_saved, is_manual_layer, manual_layers
from jupytrack.errors import AnnotationError, ConflictError, FormatError, VideoNotFoundError
from jupytrack.formats.deeplabcut import write_labelled


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path / "p", videos=("mouse.mp4", "mouse2.mp4"))


def labelled(folder, scorer="me", video="mouse"):
    table = predictions(PARTS).drop(columns="likelihood", level="coords").iloc[:2]
    table.index = [f"labeled-data/{video}/img0{n}.png" for n in range(2)]
    return write_labelled(table, folder / "labeled-data" / video / f"CollectedData_{scorer}")[1]


def test_all_there_is_to_see_of_a_video(folder):
    made = {
        name: annotate(folder, name, {"0": {}})
        for name in ("", "iteration-10", "iteration-2", "dlccorr", "iteration-2_manual_corrections")
    }
    annotate(folder, "other", {"0": {}}, video="mouse2")
    dropped = folder / "videos" / "mouse_annotations_iteration-2.dustrack-dropped-incomplete-20260101T000000"
    dropped.write_text("{}")
    traces = {
        "dlc_iteration-2_best-20": predict(folder, 2, "mouse", "snapshot_best-20"),
        "dlc_iteration-10_5": predict(folder, 10, "mouse", "snapshot_5"),
    }
    predict(folder, 2, "mouse2", "snapshot_5")
    smoothed = traces["dlc_iteration-2_best-20"].with_name(
        traces["dlc_iteration-2_best-20"].stem + "_lkmovavg_0.500.json"
    )
    smoothed.write_text("{}")
    traces["dlc_iteration-2_0.500"] = smoothed
    files = VideoFileManager(DLCProject(folder), 0)
    assert (files.project_name, files.video_stem) == ("reach_01", "mouse")
    assert files.video_fname == folder / "videos" / "mouse.mp4"
    assert files.annotations == made
    assert files.annotation_names == [
        "",
        "dlccorr",
        "iteration-2",
        "iteration-2_manual_corrections",
        "iteration-10",
    ]
    assert files.annotation_files == [made[name] for name in files.annotation_names]
    assert files.dlc_traces == traces
    assert set(files.dlc_trace_names[:2]) == {"dlc_iteration-2_best-20", "dlc_iteration-2_0.500"}
    assert files.dlc_trace_names[2] == "dlc_iteration-10_5"
    assert files.dlc_trace_files[2] == traces["dlc_iteration-10_5"]
    table = labelled(folder)
    new = folder / "videos" / "mouse_annotations_iteration-11.json"
    layers = files.get_all_annotation_layers("iteration-11")
    assert layers == {**made, "iteration-11": new, "labeled_data": table, **traces}
    assert not new.exists()
    assert "labeled_data" not in VideoFileManager(DLCProject(folder), 1).get_all_annotation_layers()
    for name, path in {**made, **traces}.items():
        assert VideoFileManager.canonical_layer_name(path) == name
    assert VideoAnnotation(table).labels == ["0", "1"]


def test_a_new_layer(folder):
    files = DLCProject(folder).file_manager("mouse2")
    assert files.get_new_json("a") == folder / "videos" / "mouse2_annotations_a.json"
    annotate(folder, "a", {}, video="mouse2")
    with pytest.raises(AnnotationError, match="'a/b' is no name for a file"):
        files.get_new_json("a/b")
    for new in (files.get_new_json, files.get_all_annotation_layers):
        with pytest.raises(ValueError, match=r"mouse2_annotations_a\.json is there already"):
            new("a")


def test_traces_of_the_same_name_are_all_there(folder):
    first = predict(folder, 0, "mouse", "5")
    second = first.with_name("mouseDLC_Hrnet_reach_01Oct30shuffle2_5.h5")
    second.write_bytes(first.read_bytes())
    os.utime(second, (1, 1))
    files = DLCProject(folder).file_manager(0)
    shuffled = "dlc_iteration-0_Hrnet_reach_01Oct30shuffle2_5"
    assert files.dlc_traces == {"dlc_iteration-0_5": first, shuffled: second}


def test_labelled_data(folder):
    files = DLCProject(folder).file_manager(0)
    with pytest.raises(AssertionError, match="There is no labelled data for mouse"):
        files.labeled_data
    her = labelled(folder, "her")
    assert files.labeled_data == her
    labelled(folder, "him")
    with pytest.raises(FormatError, match="labelled data of 2 scorers, none of them 'me'"):
        files.labeled_data
    mine = labelled(folder, "me")
    assert files.labeled_data == mine


@pytest.mark.parametrize(
    ("name", "manual"),
    [
        ("", True),
        ("iteration-0", True),
        ("iteration-0_manual_corrections", True),
        ("labels of dlc", True),
        ("buffer", False),
        ("dlccorr", False),
        ("dlccorr_lkmovavg_0.500", False),
        ("dlc_iteration-0_100", False),
        ("iteration-0_lkmovavg_0.500", False),
    ],
)
def test_what_people_made(name, manual):
    path = f"/v/clip_annotations{'_' * bool(name)}{name}.json"
    assert is_manual_layer("/v/clip.mp4", name, path) is manual
    assert not is_manual_layer("/v/clip.mp4", name, "/v/CollectedData_x.h5")
    assert not is_manual_layer("/v/clip.mp4", name, "/v/other_annotations_pn.json")
    assert not is_manual_layer("/v/clip.mp4", name, None)


def test_order_of_merging(folder):
    video = folder / "videos" / "mouse.mp4"
    for name in ("iteration-10", "merged", "iteration-9", "", "dlccorr", "buffer"):
        annotate(folder, name, {"0": {}})
    assert list(manual_layers(video)) == ["", "iteration-9", "iteration-10"]
    assert list(manual_layers(video, "all")) == ["", "iteration-9", "iteration-10", "merged"]
    for name in ("", "_iteration-9", "_iteration-10"):
        (folder / "videos" / f"mouse_annotations{name}.json").unlink()
    assert list(manual_layers(video)) == ["merged"]


def test_merging_the_files_of_several_people(tmp_path):
    for name in ("a.mp4", "b.avi", "c.mp4"):
        codec = {"codec": "mpeg4"} if name.endswith("avi") else {}
        encode(tmp_path / name, count=10, size=(64, 48), **codec)
    layers = {
        "a_annotations_ann": {"0": {"1": [1, 1], "2": [2, 2]}},
        "a_annotations_bob": {"0": {"2": [5, 5]}, "1": {"3": [6, 6]}},
        "a_annotations_merged": {"0": {"9": [9, 9]}},
        "a_annotations_dlccorr": {"0": {"8": [8, 8]}},
        "b_annotations": {"x": {"0": [7, 7]}},
        "notes": {"1": 2},
    }
    for name, points in layers.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(points))
    told = []
    written = merge_annotations_in_folder(tmp_path, tell=told.append)
    assert written == {stem: tmp_path / f"{stem}_annotations_merged.json" for stem in ("a", "b")}
    assert json.loads(written["a"].read_text()) == {
        "0": {"1": [1, 1], "2": [5, 5]},
        "1": {"3": [6, 6]},
    }
    assert json.loads(written["b"].read_text()) == {"x": {"0": [7, 7]}}
    assert told[0] == "a.mp4: a_annotations_ann.json, a_annotations_bob.json → a_annotations_merged.json"
    before = sorted(path.name for path in tmp_path.iterdir())
    again = merge_annotations_in_folder(str(tmp_path), tell=told.append)
    assert again == written
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    other = merge_annotations_in_folder(tmp_path, "both", tell=told.append)
    assert other["a"].name == "a_annotations_both.json"


def test_merging_what_cannot_be_merged(tmp_path):
    with pytest.raises(VideoNotFoundError, match="There is no folder"):
        merge_annotations_in_folder(tmp_path / "none")
    assert merge_annotations_in_folder(tmp_path) == {}
    encode(tmp_path / "a.mp4", count=10, size=(64, 48))
    layer = tmp_path / "a_annotations_x.json"
    layer.write_text('{"0": {"10": [1, 1]}}')
    with pytest.raises(FormatError, match=r"a_annotations_x\.json.*beyond the video's end"):
        merge_annotations_in_folder(tmp_path, tell=str)
    encode(tmp_path / "b.mp4", count=10, size=(48, 48))
    ann = VideoAnnotation(tmp_path / "b_annotations_x.json", tmp_path / "b.mp4")
    ann.add([1.0, 1.0], "0", 1)
    ann.save()
    for suffix in (".json", ".sidecar"):
        (tmp_path / f"b_annotations_x{suffix}").replace(layer.with_suffix(suffix))
    with pytest.raises(ConflictError, match="was made on another video"):
        merge_annotations_in_folder(tmp_path, tell=str)
    assert not (tmp_path / "a_annotations_merged.json").exists()


def edits(path, *steps):
    """Do steps on a layer and leave it as a killed kernel would, with its journal."""
    ann = VideoAnnotation(path)
    layer = open_durable(ann)
    for step in steps:
        step(ann)
    layer.close()


def test_edits_that_are_only_in_the_journal(tmp_path):
    path = tmp_path / "a_annotations_x.json"
    path.write_text('{"0": {"1": [1, 1]}}')
    check_saved(path)

    def add(ann):
        ann.add([2.0, 2.0], "0", 5)

    def undo(ann):
        ann.history.undo()

    edits(path, add, undo)
    check_saved(path)
    edits(path, add)
    with pytest.raises(ConflictError, match=r"a_annotations_x\.json has edits that are not saved"):
        check_saved(path)
    edits(path, lambda ann: ann.save())
    check_saved(path)
    edits(path, undo)
    with pytest.raises(ConflictError):
        check_saved(path)
    edits(path, lambda ann: ann.add([3.0, 3.0], "0", 6))
    with pytest.raises(ConflictError):
        check_saved(path)


def test_edits_of_this_very_moment_count(tmp_path):
    path = tmp_path / "a_annotations_x.json"
    path.write_text('{"0": {"1": [1, 1]}}')
    ann = VideoAnnotation(path)
    layer = open_durable(ann)
    for frame in range(5, 25):
        ann.add([2.0, 2.0], "0", frame)
        with pytest.raises(ConflictError):
            check_saved(path)
        ann.save()
        check_saved(path)
    layer.close()


def test_numbers_of_a_trace_are_those_of_the_file(folder):
    path = predict(folder, 0, "mouse", "5", seed=4)
    trace = VideoAnnotation(path, folder / "videos" / "mouse.mp4")
    np.testing.assert_array_equal(trace.to_trace("0"), predictions(seed=4).to_numpy()[:, :2])
    with pytest.raises(AnnotationError):
        DLCProject(folder).file_manager(5)
