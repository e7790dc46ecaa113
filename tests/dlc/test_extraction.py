"""Labelled frames for DeepLabCut: exact pictures, the table of labels, and nothing by halves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from clips import encode
from projects import FRAMES, SIZE, annotate, files_of, label_data, make_project
from small_disk import small_disk

from jupytrack import DLCProject, VideoAnnotation, VideoReader
from jupytrack.annotation.durable import open_durable
from jupytrack.dlc.checks import check_labels
from jupytrack.dlc.extraction import labelled_frames
from jupytrack.errors import AnnotationError, ConflictError, FormatError, SaveError, TrainingError
from jupytrack.jobs import JobCancelled, Progress

POINTS = {"0": {2: [1.5, 2.25], 3: [3.0, 4.0]}, "1": {3: [5.0, 6.0], 11: [7.0, 8.0]}}


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path / "p", videos=("mouse.mp4", "mouse2.mp4"))


@pytest.fixture
def project(folder):
    return DLCProject(folder)


def table(folder, video="mouse"):
    return pd.read_hdf(folder / "labeled-data" / video / "CollectedData_me.h5")


def pictures(folder, video="mouse"):
    return sorted(path.name for path in (folder / "labeled-data" / video).glob("*.png"))


def picture(folder, name, video="mouse"):
    return cv2.imread(str(folder / "labeled-data" / video / name), cv2.IMREAD_UNCHANGED)[..., ::-1]


def stamps(folder, video="mouse"):
    paths = (folder / "labeled-data" / video).glob("*.png")
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def test_pictures_and_labels(folder, project):
    annotate(folder, "iteration-0", POINTS)
    progress, seen = Progress(), []
    progress.listen(lambda each: seen.append(each.fraction))
    assert project.extract_frames(progress=progress) is project
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert pictures(folder) == ["img02.png", "img03.png", "img11.png"]
    with VideoReader(folder / "videos" / "mouse.mp4") as reader:
        for n in (2, 3, 11):
            np.testing.assert_array_equal(picture(folder, f"img{n:02}.png"), reader.read(n, "rgb"))
    found = table(folder)
    assert list(found.columns) == [("me", p, c) for p in ("point0", "point1") for c in ("x", "y")]
    assert found.columns.names == ["scorer", "bodyparts", "coords"]
    assert list(found.index) == [("labeled-data", "mouse", f"img{n:02}.png") for n in (2, 3, 11)]
    nan = np.nan
    np.testing.assert_array_equal(found.to_numpy(), [[1.5, 2.25, nan, nan], [3, 4, 5, 6], [nan, nan, 7, 8]])
    csv = (folder / "labeled-data" / "mouse" / "CollectedData_me.csv").read_text().splitlines()
    assert csv[0] == "scorer,,,me,me,me,me"
    assert csv[3] == "labeled-data,mouse,img02.png,1.5,2.25,,"
    assert pictures(folder, "mouse2") == []
    assert [path.name for path in (folder / "labeled-data").iterdir() if path.name.startswith(".")] == []
    read = VideoAnnotation(project.file_manager(0).labeled_data)
    assert read.data["0"].keys() == {2, 3}


def test_gray_videos_give_pictures_in_colour(tmp_path):
    folder = make_project(tmp_path / "p")
    encode(folder / "videos" / "mouse.mp4", pixel_format="gray", count=FRAMES, size=SIZE)
    annotate(folder, "", {"0": {4: [1, 1]}})
    DLCProject(folder).extract_frames()
    assert picture(folder, "img04.png").shape == (SIZE[1], SIZE[0], 3)


def test_layers_are_merged_and_later_ones_win(folder, project):
    annotate(folder, "iteration-10", {"0": {1: [10, 10]}})
    annotate(folder, "iteration-9", {"0": {1: [9, 9], 2: [9, 9]}})
    annotate(folder, "", {"0": {2: [0, 0], 3: [0, 0]}})
    for name in ("dlccorr", "buffer", "dlc_iteration-0_5", "iteration-9_lkmovavg_0.500", "merged"):
        annotate(folder, name, {"0": {7: [7, 7]}})
    (
        folder / "videos" / "mouse_annotations_iteration-9.dustrack-dropped-incomplete-20260101T000000"
    ).write_text("{")
    project.extract_frames()
    np.testing.assert_array_equal(table(folder).to_numpy()[:, :2], [[10, 10], [9, 9], [0, 0]])
    merged = folder / "videos" / "mouse_annotations_merged.json"
    before = merged.read_bytes()
    project.extract_frames(save_merged_json=True, suffix_merged="all")
    assert merged.read_bytes() == before
    found = VideoAnnotation(folder / "videos" / "mouse_annotations_all.json").data
    assert {n: list(xy) for n, xy in found["0"].items()} == {7: [7, 7], 1: [10, 10], 2: [9, 9], 3: [0, 0]}


def test_files_that_are_named(folder, project):
    a = annotate(folder, "a", {"0": {1: [1, 1]}})
    b = annotate(folder, "b", {"0": {1: [2, 2]}})
    c = annotate(folder, "c", {"0": {5: [3, 3]}}, video="mouse2")
    project.extract_frames([b, a.name, str(c)])
    assert table(folder).to_numpy()[0, 0] == 1
    assert pictures(folder, "mouse2") == ["img05.png"]
    project.extract_frames(a)
    with pytest.raises(FormatError, match="There is no annotation file none"):
        project.extract_frames(["none.json"])
    stranger = annotate(folder, "x", {"0": {1: [1, 1]}}, video="rat")
    with pytest.raises(FormatError, match=r"rat_annotations_x\.json is of no video"):
        project.extract_frames([stranger])


def test_right_pictures_stay_and_wrong_ones_are_replaced(folder, project):
    annotate(folder, "a", POINTS)
    project.extract_frames()
    before = stamps(folder)
    project.extract_frames()
    assert stamps(folder) == before
    moved = folder.with_name("moved")
    shutil.copytree(folder, moved, copy_function=shutil.copyfile)
    copied = stamps(moved)
    DLCProject(moved).extract_frames()
    assert stamps(moved) == copied
    (folder / "labeled-data" / "mouse" / "img02.png").write_bytes(b"")
    shutil.copy(
        folder / "labeled-data" / "mouse" / "img03.png", folder / "labeled-data" / "mouse" / "img11.png"
    )
    project.extract_frames()
    with VideoReader(folder / "videos" / "mouse.mp4") as reader:
        for n in (2, 3, 11):
            np.testing.assert_array_equal(picture(folder, f"img{n:02}.png"), reader.read(n, "rgb"))
    assert stamps(folder)["img03.png"] == before["img03.png"]


def test_another_video_of_the_same_name_has_other_pictures(folder, project):
    annotate(folder, "a", POINTS)
    project.extract_frames()
    encode(folder / "videos" / "mouse.mp4", count=FRAMES, size=SIZE, options={"crf": "45"})
    before = picture(folder, "img02.png")
    project.extract_frames()
    with VideoReader(folder / "videos" / "mouse.mp4") as reader:
        np.testing.assert_array_equal(picture(folder, "img02.png"), reader.read(2, "rgb"))
    assert not np.array_equal(before, picture(folder, "img02.png"))


def test_labels_that_are_gone(folder, project):
    layer = annotate(folder, "a", POINTS)
    project.extract_frames()
    foreign = folder / "labeled-data" / "mouse" / "img07.png"
    shutil.copy(folder / "labeled-data" / "mouse" / "img02.png", foreign)
    annotate(folder, "a", {"0": {3: [3.0, 4.0]}})
    project.extract_frames()
    assert pictures(folder) == ["img03.png", "img07.png"]
    assert [entry[-1] for entry in table(folder).index] == ["img03.png"]
    annotate(folder, "a", {"0": {}})
    project.extract_frames()
    assert pictures(folder) == ["img07.png"]
    assert not list((folder / "labeled-data" / "mouse").glob("CollectedData*"))
    layer.unlink()
    with pytest.raises(AnnotationError, match="There are no annotations of the videos"):
        project.extract_frames()


def test_labels_of_another_program_are_kept_aside(folder, project):
    annotate(folder, "a", POINTS)
    project.extract_frames()
    path = folder / "labeled-data" / "mouse" / "CollectedData_me.h5"
    changed = table(folder) + 1
    changed.to_hdf(path, key="df_with_missing", mode="w")
    theirs = path.read_bytes()
    project.extract_frames()
    kept = list(path.parent.glob("CollectedData_me.h5.replaced-*"))
    assert [each.read_bytes() for each in kept] == [theirs]
    assert table(folder).to_numpy()[0, 0] == 1.5
    project.extract_frames()
    assert len(list(path.parent.glob("CollectedData_me.h5.replaced-*"))) == 1
    annotate(folder, "empty", {"0": {}}, video="mouse2")
    hers = folder / "labeled-data" / "mouse2" / path.name
    hers.write_bytes(theirs)
    project.extract_frames()
    np.testing.assert_array_equal(table(folder, "mouse2").to_numpy(), changed.to_numpy())
    assert (folder / "videos" / "mouse2_annotations_labeled-data.json").exists()


def test_frames_that_only_another_program_labelled_become_a_layer(folder, project):
    annotate(folder, "a", {"0": {5: [1.0, 2.0]}, "1": {5: [3.0, 4.0]}})
    project.extract_frames()
    video = table(folder)
    shutil.copy(
        folder / "labeled-data" / "mouse" / "img05.png", folder / "labeled-data" / "mouse" / "img07.png"
    )
    theirs = picture(folder, "img07.png").copy()
    more = video.copy()
    more.index = pd.MultiIndex.from_tuples([("labeled-data", "mouse", "img07.png")])
    both = pd.concat([video + 1, more + 10])
    both.to_hdf(folder / "labeled-data" / "mouse" / "CollectedData_me.h5", key="df_with_missing", mode="w")
    assert labelled_frames(project)["mouse"] == 2
    project.extract_frames()
    layer = folder / "videos" / "mouse_annotations_labeled-data.json"
    assert json.loads(layer.read_text()) == {"0": {"7": [11.0, 12.0]}, "1": {"7": [13.0, 14.0]}}
    # the picture that was labelled stays, whatever frame it is
    assert (picture(folder, "img07.png") == theirs).all()
    assert table(folder).to_numpy()[:, 0].tolist() == [1.0, 11.0]
    # from now on it is a layer like any other
    project.extract_frames()
    assert table(folder).to_numpy()[:, 0].tolist() == [1.0, 11.0]
    layer.unlink()
    project.extract_frames()
    assert table(folder).to_numpy()[:, 0].tolist() == [1.0]
    assert not layer.exists()


def test_points_that_only_another_program_has_become_a_layer(folder, project):
    annotate(folder, "a", {"0": {5: [1.0, 2.0], 6: [3.0, 4.0]}, "1": {5: [5.0, 6.0]}})
    project.extract_frames()
    theirs = table(folder)
    theirs.iloc[1, 2:] = [7.0, 8.0]
    theirs.iloc[0, :2] = [9.0, 9.0]
    theirs.to_hdf(folder / "labeled-data" / "mouse" / "CollectedData_me.h5", key="df_with_missing", mode="w")
    # taken out of the layer since: label 1 on frame 5, which is no new label in their table
    annotate(folder, "a", {"0": {5: [1.0, 2.0], 6: [3.0, 4.0]}})
    cv2.imwrite(str(folder / "labeled-data" / "mouse" / "img06.png"), np.zeros((*SIZE[::-1], 3), np.uint8))
    project.extract_frames()
    layer = folder / "videos" / "mouse_annotations_labeled-data.json"
    assert {label: points for label, points in json.loads(layer.read_text()).items() if points} == {
        "1": {"6": [7.0, 8.0]}
    }
    nan = np.nan
    np.testing.assert_array_equal(table(folder).to_numpy(), [[1, 2, nan, nan], [3, 4, 7, 8]])
    with VideoReader(folder / "videos" / "mouse.mp4") as reader:
        # points of ours are on exactly this frame
        np.testing.assert_array_equal(picture(folder, "img06.png"), reader.read(6, "rgb"))


def test_labels_of_another_program_are_not_lost_when_files_are_named(folder, project):
    named = annotate(folder, "a", {"0": {5: [1.0, 2.0]}})
    annotate(folder, "b", {"0": {7: [3.0, 4.0]}})
    label_data(folder, {"img07.png": [5.0, 6.0, 7.0, 8.0]})
    project.extract_frames([named])
    nan = np.nan
    np.testing.assert_array_equal(table(folder).to_numpy(), [[1, 2, nan, nan]])
    layer = json.loads((folder / "videos" / "mouse_annotations_labeled-data.json").read_text())
    assert layer["1"] == {"7": [7.0, 8.0]}
    assert not layer["0"]
    project.extract_frames()
    np.testing.assert_array_equal(table(folder).to_numpy(), [[1, 2, nan, nan], [3, 4, 7, 8]])


def test_labels_of_another_program_go_by_the_names_of_body_parts(tmp_path):
    """A body part that came later is in none of the older tables, and changes the labels of the others."""
    folder = make_project(tmp_path / "p", parts=("nose", "ear", "0"))
    label_data(folder, {"img07.png": [1.0, 2.0, 3.0, 4.0]}, parts=("nose", "old"))
    project = DLCProject(folder)
    annotate(folder, "a", {"2": {5: [5.0, 6.0]}})
    project.extract_frames()
    layer = json.loads((folder / "videos" / "mouse_annotations_labeled-data.json").read_text())
    assert project.layer_labels == {"nose": "2", "ear": "1", "0": "0"}
    assert {label: points for label, points in layer.items() if points} == {"2": {"7": [1.0, 2.0]}}


def test_labels_on_a_part_of_the_frame_come_to_the_whole_one(folder, project):
    """deeplabcut.extract_frames(crop=True) writes such pictures, and its labels count from their corner."""
    whole = f"crop: 0, {SIZE[0]}, 0, {SIZE[1]}"
    config = project.config_path.read_text()
    project.config_path.write_text(config.replace(whole, "crop: 20, 60, 10, 40", 1))
    labelled = folder / "labeled-data" / "mouse"
    with VideoReader(project.video_list[0]) as reader:
        frames = [cv2.cvtColor(reader.read(n, "rgb"), cv2.COLOR_RGB2BGR) for n in (3, 4)]
    cv2.imwrite(str(labelled / "img03.png"), frames[0][10:40, 20:60])
    cv2.imwrite(str(labelled / "img04.png"), frames[1])
    annotate(folder, "a", {"0": {5: [1.0, 2.0]}, "1": {5: [3.0, 4.0]}})
    label_data(folder, {"img03.png": [1.0, 2.0, np.nan, np.nan], "img04.png": [5.0, 6.0, 7.0, 8.0]})
    shown = VideoAnnotation(project.file_manager(0).labeled_data)
    assert {n: list(xy) for n, xy in shown.data["0"].items()} == {3: [21.0, 12.0], 4: [5.0, 6.0]}
    project.extract_frames()
    layer = folder / "videos" / "mouse_annotations_labeled-data.json"
    assert json.loads(layer.read_text()) == {
        "0": {"3": [21.0, 12.0], "4": [5.0, 6.0]},
        "1": {"4": [7.0, 8.0]},
    }
    np.testing.assert_array_equal(
        table(folder).to_numpy()[:2], [[21.0, 12.0, np.nan, np.nan], [5.0, 6.0, 7.0, 8.0]]
    )
    for name, frame in zip(("img03.png", "img04.png"), frames, strict=True):
        np.testing.assert_array_equal(cv2.imread(str(labelled / name)), frame)


def test_what_another_program_labelled_is_trained_on_without_layers(folder, project):
    layer = annotate(folder, "a", POINTS)
    project.extract_frames()
    path = folder / "labeled-data" / "mouse" / "CollectedData_me.h5"
    layer.unlink()
    theirs = path.read_bytes()
    project.extract_frames()
    assert path.read_bytes() == theirs


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:900]), "HDF5"),
        (lambda path: path.unlink() or path.mkdir(), "could not be read"),
        (lambda path: label_data(path.parents[2], {"img99.png": [1.0] * 4}), "row 0: frame 99 is beyond"),
        (lambda path: label_data(path.parents[2], {"a.png": [1.0] * 4}), "row 0: the name 'a.png' holds no"),
        (lambda path: label_data(path.parents[2], {"img1.png": [1.0, {}, 1.0, 1.0]}), "Python objects"),
    ],
)
@pytest.mark.filterwarnings("ignore:(?s).*PyTables will pickle")
def test_damaged_labels_of_another_program_leave_the_project_as_it_was(folder, project, damage, message):
    annotate(folder, "a", POINTS, "mouse2")
    annotate(folder, "a", POINTS)
    damage(label_data(folder, {"img07.png": [1.0, 2.0, 3.0, 4.0]}))
    before = files_of(folder)
    with pytest.raises(FormatError, match=rf"CollectedData_me\.h5.*{message}"):
        project.extract_frames()
    assert files_of(folder) == before


def test_body_parts_by_their_own_names(tmp_path):
    folder = make_project(tmp_path / "p", parts=("nose", "ear", "tail"))
    annotate(folder, "a", {"0": {1: [1, 1]}, "5": {1: [5, 5], 2: [6, 6]}})
    project = DLCProject(folder, internal_to_dlc_labels={"5": "nose", "0": "ear", "2": "tail"})
    project.extract_frames()
    found = table(folder)
    assert list(found.columns.unique("bodyparts")) == ["nose", "ear", "tail"]
    nan = np.nan
    np.testing.assert_array_equal(found.to_numpy(), [[5, 5, 1, 1, nan, nan], [6, 6, nan, nan, nan, nan]])
    read = VideoAnnotation(project.file_manager(0).labeled_data)
    assert read.names == {"0": "ear", "2": "tail", "5": "nose"}
    assert read.data["5"][2] == [6, 6]


def test_labels_that_are_no_body_part(folder, project):
    annotate(folder, "a", {"0": {1: [1, 1]}, "7": {1: [2, 2], 2: [2, 2]}, "8": {}})
    with pytest.warns(UserWarning, match=r"mouse: labels '7' \(2 points\) are no body parts"):
        project.extract_frames()
    assert pictures(folder) == ["img01.png"]
    annotate(folder, "a", {"7": {1: [2, 2]}})
    before = files_of(folder)
    with pytest.raises(AnnotationError, match=r"mouse_annotations_a\.json: no label is a body part"):
        project.extract_frames()
    assert files_of(folder) == before


def test_annotations_that_cannot_be_taken_leave_the_project_as_it_was(folder, project, tmp_path):
    annotate(folder, "a", POINTS)
    bad = annotate(folder, "b", POINTS, video="mouse2")
    before = files_of(folder)
    bad.write_text('{"0": {"1": [1, 2]')
    with pytest.raises(FormatError, match=r"mouse2_annotations_b\.json"):
        project.extract_frames()
    bad.write_text('{"0": {"99": [1, 2]}}')
    with pytest.raises(FormatError, match=r"mouse2_annotations_b\.json.*frame 99 is beyond"):
        project.extract_frames()
    other = VideoAnnotation(tmp_path / "o_annotations_b.json", folder / "videos" / "mouse.mp4")
    other.add([1.0, 1.0], "0", 1)
    other.save()
    for suffix in (".json", ".sidecar"):
        (tmp_path / f"o_annotations_b{suffix}").replace(bad.with_suffix(suffix))
    with pytest.raises(ConflictError, match=r"mouse2_annotations_b\.json was made on another video"):
        project.extract_frames()
    bad.with_suffix(".sidecar").unlink()
    bad.write_bytes(before[f"videos/{bad.name}"])
    ann = VideoAnnotation(bad, folder / "videos" / "mouse2.mp4")
    layer = open_durable(ann)
    ann.add([9.0, 9.0], "0", 9)
    layer.close()
    with pytest.raises(ConflictError, match=r"mouse2_annotations_b\.json has edits that are not saved"):
        project.extract_frames()
    bad.with_suffix(".journal").unlink()
    progress = Progress()
    progress.listen(lambda each: each.cancel() if each.fraction > 0.6 else None)
    with pytest.raises(JobCancelled):
        project.extract_frames(progress=progress)
    assert {
        name: content for name, content in files_of(folder).items() if not name.endswith(".lock")
    } == before


def test_a_disk_that_fills_up_leaves_the_project_as_it_was(folder, project, tmp_path):
    for video in ("mouse", "mouse2"):
        annotate(folder, "a", {"0": {1: [1, 1]}}, video)
        label_data(folder, {"img07.png": [1.0, 2.0, 3.0, 4.0]}, video)
    for video in project.video_list:
        VideoReader(video).close()
    with small_disk(tmp_path / "small", 2 * 2**20) as small:
        project = DLCProject(shutil.copytree(folder, small / "p"))
        before, ballast, full = files_of(project.path), small / "ballast", set()
        free, room, done = shutil.disk_usage(small).free, 0, False
        while not done:
            ballast.write_bytes(b"x" * (free - room))
            try:
                done = project.extract_frames() is project
            except SaveError as error:
                name, _, reason = error.problem.partition(" could not be written: ")
                full.add((Path(name).name, reason))
            assert done or files_of(project.path) == before
            room += 4096
    assert {reason for _, reason in full} == {"the disk is full."}
    assert {name for name, _ in full} >= {
        "img07.png",
        "mouse2_annotations_labeled-data.json",
        "jupytrack.json",
    }


def test_a_damaged_settings_file_is_named(folder, project):
    annotate(folder, "a", POINTS)
    (folder / "jupytrack.json").write_text("{")
    before = files_of(folder)
    with pytest.raises(FormatError, match=r"jupytrack\.json is no settings file"):
        project.extract_frames()
    assert files_of(folder) == before


def test_how_many_frames_are_labelled(folder, project):
    assert labelled_frames(project) == {}
    annotate(folder, "a", POINTS)
    annotate(folder, "b", {"0": {3: [1, 1], 4: [1, 1]}})
    assert labelled_frames(project) == {"mouse": 4}
    annotate(folder, "c", {"0": {1: [1, 1], 2: [1, 1]}}, video="mouse2")
    project.extract_frames()
    (folder / "videos" / "mouse2_annotations_c.json").unlink()
    assert labelled_frames(project) == {"mouse": 4, "mouse2": 2}
    assert labelled_frames(project, ["mouse_annotations_b.json"]) == {"mouse": 2, "mouse2": 2}


@pytest.mark.parametrize(
    ("fractions", "frames", "message"),
    [
        ([0.95], 0, "no labelled frames"),
        ([0.95], 1, "With 1 labelled frame and .* nothing is left to train with"),
        ([0.1], 9, "With 9 labelled frames .* nothing is left to train with"),
        ([1.0], 9, r"is 1\.0, which leaves no frames to test with"),
        ([0.5, 1.0], 9, r"is 1\.0, which .*edit_config"),
        ([0.955], 9, "no share in whole percent"),
        (["half"], 9, "is half, which is no share"),
        ([], 9, "has no TrainingFraction"),
        ([0.95], 2, None),
        ([0.5], 2, None),
        ([0.29], 9, None),
    ],
)
def test_what_deeplabcut_would_fail_on_later(folder, project, fractions, frames, message):
    annotate(folder, "a", {"0": {n: [1, 1] for n in range(frames)}})
    project.edit_config(TrainingFraction=fractions)
    if message is None:
        check_labels(project)
    else:
        with pytest.raises(TrainingError, match=message):
            check_labels(project)
    assert not (folder / "jupytrack.json").exists()


@pytest.mark.deeplabcut
def test_deeplabcut_reads_what_was_extracted(folder, project):
    from deeplabcut.generate_training_dataset.trainingsetmanipulation import merge_annotateddatasets
    from deeplabcut.utils.auxiliaryfunctions import read_config

    annotate(folder, "a", POINTS)
    annotate(folder, "b", {"1": {0: [1, 2]}}, video="mouse2")
    project.extract_frames()
    project.rebase_paths()
    project.edit_config(engine="pytorch")
    merged = merge_annotateddatasets(read_config(project.config_path), folder / "training-datasets")
    names = [(entry[1], entry[2]) for entry in merged.index]
    assert names == [("mouse", f"img{n:02}.png") for n in (2, 3, 11)] + [("mouse2", "img00.png")]
    nan = np.nan
    np.testing.assert_array_equal(
        merged.to_numpy(), [[1.5, 2.25, nan, nan], [3, 4, 5, 6], [nan, nan, 7, 8], [nan, nan, 1, 2]]
    )


@pytest.mark.deeplabcut
def test_deeplabcut_draws_the_labels(folder, project):
    project.edit_config(engine="pytorch")
    annotate(folder, "a", POINTS)
    annotate(folder, "b", POINTS, video="mouse2")
    project.extract_frames(check=True)
    assert len(list((folder / "labeled-data" / "mouse_labeled").glob("*.png"))) == 3
