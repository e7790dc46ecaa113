"""Projects of DeepLabCut 2 and 3 read as they are, without deeplabcut, wherever they were made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from clips import encode
from projects import SIZE, annotate, evaluate, files_of, make_project, predict, predictions, train
from small_disk import small_disk

from jupytrack import DLCProject, VideoAnnotation
from jupytrack.annotation.durable import open_durable
from jupytrack.errors import (
    AnnotationError,
    ConflictError,
    FormatError,
    SaveError,
    VideoError,
    VideoNotFoundError,
)
from jupytrack.jobs import JobCancelled, Progress


def wait_for(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path / "p", videos=("mouse.mp4", "rat.mp4"))


@pytest.mark.parametrize("home", [r"C:\Users\me\reach", r"\\lab\share\reach 1", "/data/reach"])
@pytest.mark.parametrize("engine", [None, "pytorch"])
def test_a_moved_project_is_read_whole_and_not_written_to(tmp_path, home, engine):
    folder = make_project(tmp_path / "p", engine=engine, home=home, videos=("mouse.mp4", "rat.mp4"))
    used = engine or "tensorflow"
    train(folder, 0, used, (10, 20))
    evaluate(folder, 0, used, [(10, 1.5), (20, 3.0)])
    predict(folder, 0, "mouse", "10")
    annotate(folder, "iteration-0", {"0": {3: [1.0, 2.0]}})
    before = files_of(folder)
    moved = tmp_path / "deep" / "renamed"
    moved.parent.mkdir()
    shutil.move(folder, moved)
    for path in (moved, str(moved), moved / "config.yaml"):
        project = DLCProject(path)
        assert (project.path, project.name, project.scorer) == (moved, "reach_01", "me")
    assert project.video_list == [moved / "videos" / "mouse.mp4", moved / "videos" / "rat.mp4"]
    assert project.video_names == ["mouse", "rat"]
    assert project.trackers == project.body_parts == project.label_names == ["point0", "point1"]
    assert project.layer_labels == {"point0": "0", "point1": "1"}
    assert project.engine == used
    assert project.current_iteration == project.latest_trained_iteration == 0
    assert project.all_snapshots == {0: [10, 20]}
    assert (project.get_best_snapshot(), project.get_best_snapshot_test_error()) == (10, 1.5)
    assert project.file_manager(0).annotation_names == ["iteration-0"]
    found = project.get_trajectories("mouse")["mouse"]
    expected = predictions().to_numpy()
    np.testing.assert_array_equal(found.to_trace("1"), expected[:, 3:5])
    np.testing.assert_array_equal(found.column("likelihood")[0], expected[:, 2].astype(np.float32))
    assert files_of(moved) == before


def test_reading_needs_no_deeplabcut(folder):
    train(folder, 0, "pytorch", (10,), best=10)
    predict(folder, 0, "mouse", "snapshot_best-10")
    code = (
        "import sys; sys.modules['deeplabcut'] = sys.modules['torch'] = sys.modules['tensorflow'] = None\n"
        f"import jupytrack; project = jupytrack.DLCProject({str(folder)!r})\n"
        "print(project.get_best_snapshot(), project.get_trajectories('mouse')['mouse'].n_frames)\n"
        "print([m for m in ('ipywidgets', 'jupytrack.widgets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["10 20", "[]"]


def test_paths_are_rewritten_when_asked(folder):
    project = DLCProject(folder)
    text = project.config_path.read_text()
    assert project.rebase_paths() is project
    assert project.config["project_path"] == str(folder)
    sets = project.config["video_sets"]
    assert list(sets) == [str(folder / "videos" / name) for name in ("mouse.mp4", "rat.mp4")]
    assert list(sets.values()) == [{"crop": f"0, {SIZE[0]}, 0, {SIZE[1]}"}] * 2
    changed = [line for line in project.config_path.read_text().splitlines() if line not in text.splitlines()]
    assert len(changed) == 4
    assert changed[-1] == "corner2move2:"
    assert project.config["corner2move2"] == [50, 50]
    stamp = os.stat(project.config_path).st_mtime_ns
    project.rebase_paths()
    assert os.stat(project.config_path).st_mtime_ns == stamp


def test_a_video_that_is_named_twice_is_one(folder):
    text = (folder / "config.yaml").read_text()
    twice = "video_sets:\n  /mnt/old/videos/rat.mp4:\n    crop: 0, 1, 0, 1\n"
    (folder / "config.yaml").write_text(text.replace("video_sets:\n", twice))
    project = DLCProject(folder)
    assert project.video_names == ["rat", "mouse"]
    sets = project.rebase_paths().config["video_sets"]
    assert list(sets) == [str(video) for video in project.video_list]
    assert sets[str(folder / "videos" / "rat.mp4")]["crop"] == f"0, {SIZE[0]}, 0, {SIZE[1]}"


def test_videos_by_path_name_or_place(folder, tmp_path):
    project = DLCProject(folder)
    videos = project.video_list
    for name in (
        1,
        -1,
        "rat",
        "rat.mp4",
        videos[1],
        str(videos[1]),
        folder / "videos" / ".." / "videos" / "rat.mp4",
    ):
        assert project.video_index(name) == 1
        assert project.file_manager(name).video_stem == "rat"
    outside = shutil.copy(videos[1], tmp_path / "rat.mp4")
    for name in (2, -3, "cat", outside, str(outside), "videos/rat.mp4"):
        with pytest.raises(
            AnnotationError, match=r"is not in the project .*|Its videos are mouse\.mp4, rat\.mp4"
        ):
            project.video_index(name)


def test_finding_the_project_of_a_path(folder, tmp_path):
    videos = DLCProject(folder).video_list
    for path in (folder, folder / "config.yaml", videos[0], str(videos[1])):
        assert DLCProject.find(path).path == folder
    outside = shutil.copy(videos[0], tmp_path / "mouse.mp4")
    not_listed = shutil.copy(videos[0], folder / "videos" / "new.mp4")
    for path in (
        tmp_path,
        outside,
        not_listed,
        folder / "videos",
        tmp_path / "none",
        tmp_path / "config.yaml",
    ):
        assert DLCProject.find(path) is None
    other = tmp_path / "other"
    (other / "videos").mkdir(parents=True)
    (other / "config.yaml").write_text("site_name: a page\n")
    assert DLCProject.find(other) is None
    (other / "config.yaml").write_text("site_name: [\n")
    with pytest.raises(FormatError, match=r"config\.yaml, line"):
        DLCProject.find(other / "videos" / "x.mp4")


def test_what_is_no_project(folder, tmp_path):
    with pytest.raises(VideoNotFoundError, match="There is no"):
        DLCProject(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match=r"no DeepLabCut project: it has no config\.yaml"):
        DLCProject(tmp_path / "empty")
    with pytest.raises(FormatError, match="is no DeepLabCut project"):
        DLCProject(folder / "videos" / "mouse.mp4")
    (tmp_path / "empty" / "config.yaml").write_text("site_name: a page\n")
    with pytest.raises(FormatError, match="has no Task, scorer, bodyparts, video_sets"):
        DLCProject(tmp_path / "empty")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("multianimalproject: false", "multianimalproject: true", "several animals"),
        ("bodyparts:\n- point0\n- point1", "bodyparts: MULTI!", "several animals"),
        ("bodyparts:\n- point0\n- point1", "bodyparts: nose", "bodyparts is no list of names"),
        ("bodyparts:\n- point0\n- point1", "bodyparts:", "bodyparts is no list of names"),
        ("- point0\n", "- {}\n", "bodyparts is no list of names"),
        ("- point0\n", "- point1\n", "bodyparts is there twice"),
        ("video_sets:\n", "video_sets:\n  5: x\n", "video_sets is not as"),
        ("scorer: me", "scorer: ../../me", "scorer is '../../me'"),
        ("scorer: me", "scorer:", "scorer is None"),
        ("iteration: 0", "iteration: first", "iteration is 'first'"),
        ("iteration: 0", "iteration: -1", "iteration is -1"),
        ("iteration: 0", "iteration: [", r"config\.yaml, line"),
    ],
)
def test_configurations_that_cannot_be_worked_with(folder, old, new, message):
    text = (folder / "config.yaml").read_text()
    assert old in text
    (folder / "config.yaml").write_text(text.replace(old, new))
    with pytest.raises(FormatError, match=message):
        DLCProject(folder)


def test_videos_for_a_project_that_exists(folder, tmp_path):
    assert DLCProject(folder, ["mouse.mp4"]).video_names == ["mouse", "rat"]
    with pytest.raises(VideoError, match=r"cat\.mp4 is not in it.*add_videos"):
        DLCProject(folder, [tmp_path / "cat.mp4"])


def test_names_for_people(folder):
    project = DLCProject(folder)
    assert project.trackermap == {}
    path = folder / "dlc_trackermap.txt"
    path.write_text("\ufeffpoint0 - muscle - upper\n\npoint7 - bone\n", "utf-8")
    assert project.trackermap == {"point0": "muscle - upper", "point7": "bone"}
    assert project.label_names == ["muscle - upper", "point1"]
    path.write_text("point0 - a\npoint1: b\n")
    with pytest.raises(FormatError, match=r"dlc_trackermap\.txt, line 2"):
        project.label_names
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="UTF-8"):
        project.trackermap


def test_body_parts_have_the_labels_that_the_project_gives_them(tmp_path):
    parts = ("nose", "ear")
    folder = make_project(tmp_path / "p", parts=parts)
    path = predict(folder, 0, "mouse", "5", parts=parts)
    project = DLCProject(folder)
    assert project.internal_to_dlc_labels is None
    assert project.layer_labels == {"nose": "1", "ear": "0"}
    nose = predictions(parts).to_numpy()[:, :2]
    np.testing.assert_array_equal(project.get_trajectories()["mouse"].to_trace("1"), nose)
    project = DLCProject(folder, internal_to_dlc_labels={0: "nose", "1": "ear"})
    assert project.layer_labels == {"nose": "0", "ear": "1"}
    assert DLCProject(folder).internal_to_dlc_labels == {"0": "nose", "1": "ear"}
    for found in (project.get_trajectories()["mouse"], VideoAnnotation(path)):
        assert found.labels == ["0", "1"]
        assert found.names == {"0": "nose", "1": "ear"}
        np.testing.assert_array_equal(found.to_trace("0"), nose)
    outside = shutil.copy(path, tmp_path / path.name)
    np.testing.assert_array_equal(VideoAnnotation(outside).to_trace("1"), nose)


def test_labels_stay_when_body_parts_are_added(tmp_path):
    folder = make_project(tmp_path / "p", parts=("nose", "ear"))
    project = DLCProject(folder)
    project.edit_config(bodyparts=["nose", "tail", "ear", "arm"])
    labels = {"nose": "1", "tail": "3", "ear": "0", "arm": "2"}
    assert project.layer_labels == DLCProject(folder).layer_labels == labels
    project.edit_config(bodyparts=["arm", "nose"])
    assert project.layer_labels == {"arm": "2", "nose": "1"}
    project = DLCProject(make_project(tmp_path / "numbers"))
    project.edit_config(bodyparts=["point0", "point1", "point7"])
    assert project.internal_to_dlc_labels is None
    project.edit_config(bodyparts=["nose", "point1", "point7"])
    assert project.layer_labels == {"nose": "0", "point1": "1", "point7": "7"}


@pytest.mark.parametrize("parts", ["nose", [], ["nose", "nose"], None])
def test_a_project_that_could_not_be_opened_again_is_not_made(folder, parts):
    project, before = DLCProject(folder), files_of(folder)
    with pytest.raises(FormatError, match=r"config\.yaml: .*bodyparts"):
        project.edit_config(bodyparts=parts)
    assert files_of(folder) == before


def test_labels_that_do_not_fit(tmp_path):
    folder = make_project(tmp_path / "p", parts=("nose", "ear"))
    with pytest.raises(AnnotationError, match=r"tail is no body part .* Body parts are nose, ear"):
        DLCProject(folder, internal_to_dlc_labels={"0": "tail"})
    with pytest.raises(AnnotationError, match="Label '0' would be body part 'nose' and 'ear'"):
        DLCProject(folder, internal_to_dlc_labels={"0": "nose"})
    assert not (folder / "jupytrack.json").exists()
    (folder / "jupytrack.json").write_text('{"format": "jupytrack project", "internal_to_dlc_labels": ["x"]}')
    with pytest.raises(FormatError, match=r"jupytrack\.json: internal_to_dlc_labels is \['x'\]"):
        DLCProject(folder).layer_labels


def test_trajectories_of_the_best_snapshot_of_the_iteration_asked_for(folder):
    train(folder, 0, "pytorch", (5, 20), best=20)
    train(folder, 1, "pytorch", (5,))
    for seed, (iteration, name) in enumerate([(0, "snapshot_best-20"), (0, "snapshot_5"), (1, "snapshot_5")]):
        predict(folder, iteration, "mouse", name, seed=seed)
    predict(folder, 1, "rat", "snapshot_77", seed=3)
    project = DLCProject(folder)

    def seed_of(annotation):
        first = annotation.to_trace("0")
        return next(n for n in range(4) if np.array_equal(first, predictions(seed=n).to_numpy()[:, :2]))

    assert seed_of(project.get_trajectories("mouse")["mouse"]) == 0
    found = project.get_trajectories(iteration=1)
    assert {stem: seed_of(each) for stem, each in found.items()} == {"mouse": 2, "rat": 3}
    assert found["mouse"].name == "dlc_iteration-1_5"
    assert found["mouse"].video.name == "mouse"
    with pytest.raises(
        AnnotationError, match=r"rat\.mp4 has no predictions of iteration 0 .*dlc_iteration-1_77"
    ):
        project.get_trajectories(["rat"], 0)
    with pytest.raises(ValueError, match="cat is not in the project"):
        project.get_trajectories(["mouse", "cat"])


def test_predictions_where_deeplabcut_itself_leaves_them_are_of_the_current_iteration(folder):
    train(folder, 0, "tensorflow", (100, 200))
    evaluate(folder, 0, "tensorflow", [(100, 1.0), (200, 2.0)])
    paths = [predict(folder, None, "mouse", name, seed=seed) for seed, name in enumerate(("200", "100"))]
    project = DLCProject(folder)
    assert project.get_trajectories("mouse")["mouse"].fname == str(paths[1])
    assert project.file_manager("mouse").dlc_traces == {
        "dlc_videos_100": paths[1],
        "dlc_videos_200": paths[0],
    }
    with pytest.raises(AnnotationError, match="no predictions of iteration 1"):
        project.get_trajectories("mouse", 1)
    inside = predict(folder, 0, "mouse", "200")
    assert project.get_trajectories("mouse")["mouse"].fname == str(inside)


def test_predictions_that_cannot_be_trusted(folder):
    project = DLCProject(folder)
    path = predict(folder, 0, "mouse", "5", frames=30)
    with pytest.raises(FormatError, match=r"DLC_Resnet50.*beyond the video's end"):
        project.get_trajectories("mouse")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(FormatError, match=path.name):
        project.get_trajectories("mouse")
    path.unlink()
    with pytest.warns(pd.errors.PerformanceWarning):
        pd.DataFrame({"a": [{"any": "object"}]}).to_hdf(path, key="df_with_missing", mode="w")
    with pytest.raises(FormatError, match=path.name):
        project.get_trajectories("mouse")


def test_predictions_are_there_without_the_video(folder):
    predict(folder, 0, "mouse", "5")
    (folder / "videos" / "mouse.mp4").unlink()
    assert DLCProject(folder).get_trajectories("mouse")["mouse"].n_frames == 20


def test_adding_videos_with_their_annotations(folder, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    cat = encode(source / "cat.mp4", count=10, size=(80, 64))
    ann = VideoAnnotation(source / "cat_annotations_a.json", cat)
    ann.add([3.0, 4.0], "0", 2)
    ann.save()
    (source / "cat_annotations_dlccorr.json").write_text("{}")
    project = DLCProject(folder)
    text = project.config_path.read_text()
    progress, seen = Progress(), []
    progress.listen(lambda each: seen.append((each.text, each.fraction)))
    assert project.add_videos([cat], progress=progress) is project
    assert seen[-1] == ("copying cat.mp4", 1.0)
    copy = folder / "videos" / "cat.mp4"
    assert project.video_list[-1] == copy
    assert not copy.is_symlink()
    assert copy.read_bytes() == cat.read_bytes()
    assert project.config["video_sets"][str(copy)] == {"crop": "0, 80, 0, 64"}
    assert [
        line for line in text.splitlines() if line not in project.config_path.read_text().splitlines()
    ] == []
    names = {path.name for path in (folder / "videos").iterdir() if path.name.startswith("cat")}
    assert names - {"cat.mp4.jupytrack-index.npz"} == {
        "cat.mp4",
        "cat_annotations_a.json",
        "cat_annotations_a.sidecar",
    }
    assert VideoAnnotation(folder / "videos" / "cat_annotations_a.json", copy).data["0"][2] == [3.0, 4.0]


def test_adding_what_cannot_be_added_leaves_the_project_as_it_was(folder, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    cat, rat = encode(source / "cat.mp4", count=5), encode(source / "rat.mp4", count=5)
    (source / "bad.mp4").write_bytes(b"no video at all")
    project = DLCProject(folder)
    before = files_of(folder)
    for videos, error, message in (
        ([cat, rat], VideoError, "Two videos are called rat"),
        ([cat, cat], VideoError, "Two videos are called cat"),
        ([cat, source / "none.mp4"], VideoNotFoundError, "There is no video"),
        ([cat, source / "bad.mp4"], VideoError, r"bad\.mp4"),
    ):
        with pytest.raises(error, match=message):
            project.add_videos(videos)
        assert files_of(folder) == before
        assert not list((folder / "videos").glob("cat*"))
    layer = source / "cat_annotations_x.json"
    (folder / "videos" / layer.name).write_text('{"0": {}}')
    layer.write_text('{"0": {"1": [1, 2]}}')
    layer.with_suffix(".sidecar").write_text("{}")
    before = files_of(folder)
    with pytest.raises(SaveError, match="is there already and differs"):
        project.add_videos([cat])
    assert files_of(folder) == before
    shutil.copy(layer, folder / "videos")
    config = project.config_path.read_text()
    project.config_path.write_text(config.replace("scorer: me", "scorer: m/e"))
    before = files_of(folder)
    with pytest.raises(FormatError, match="scorer is"):
        project.add_videos([cat])
    assert files_of(folder) == before
    project.config_path.write_text(config)
    before = files_of(folder)
    progress = Progress()
    progress.cancel()
    with pytest.raises(JobCancelled):
        project.add_videos([cat], progress=progress)
    assert files_of(folder) == before


def test_unsaved_edits_are_not_left_behind_unseen(folder, tmp_path):
    cat = encode(tmp_path / "cat.mp4", count=5)
    path = tmp_path / "cat_annotations_x.json"
    path.write_text('{"0": {"1": [1, 2]}}')
    ann = VideoAnnotation(path, cat)
    layer = open_durable(ann)
    project = DLCProject(folder)
    ann.add([5.0, 6.0], "0", 3)
    wait_for(lambda: ann.history.all_confirmed)
    with pytest.raises(ConflictError, match=r"cat_annotations_x\.json has edits that are not saved"):
        project.add_videos(cat)
    ann.history.undo()
    ann.add([5.0, 6.0], "0", 3)
    ann.save()
    layer.close()
    project.add_videos(cat)
    copy = json.loads((folder / "videos" / path.name).read_text())
    assert copy == {"0": {"1": [1.0, 2.0], "3": [5.0, 6.0]}}


def test_copying_annotations(folder, tmp_path):
    videos = [shutil.copy(path, tmp_path / path.name) for path in DLCProject(folder).video_list]
    (tmp_path / "mouse_annotations_a.json").write_text('{"0": {"1": [1, 2]}}')
    (tmp_path / "mouse_annotations_b.json").write_text('{"0": {"1": [3, 4]}}')
    (tmp_path / "rat_annotations_b.json").write_text('{"0": {"1": [5, 6]}}')
    inside = folder / "videos"
    project = DLCProject(folder, annotation_suffix="b")
    assert project.copy_annotations(videos[0]) == inside / "mouse_annotations_b.json"
    assert project.copy_annotations(videos) == [
        inside / "mouse_annotations_b.json",
        inside / "rat_annotations_b.json",
    ]
    assert not (inside / "mouse_annotations_a.json").exists()
    assert DLCProject(folder, annotation_suffix="none").copy_annotations(videos[0]) is None
    assert len(DLCProject(folder).copy_annotations([videos[0]])) == 2
    (inside / "mouse_annotations_b.json").write_text('{"0": {"1": [9, 9]}}')
    with pytest.raises(SaveError, match="differs"):
        project.copy_annotations(videos[0])
    assert (inside / "mouse_annotations_b.json").read_text() == '{"0": {"1": [9, 9]}}'


def test_a_disk_without_room_for_the_videos(folder, tmp_path):
    cat = encode(tmp_path / "cat.mp4", count=50)
    with small_disk(tmp_path / "small", cat.stat().st_size // 2) as small:
        (folder / "videos").rename(folder / "kept")
        (folder / "videos").symlink_to(small)
        with pytest.raises(SaveError, match=r"MB of free space, and the videos take"):
            DLCProject(folder).add_videos(cat)
        assert list(small.iterdir()) == []


def test_annotating_a_video_of_the_project(folder):
    train(folder, 0, "pytorch", (5,), best=5)
    trace = predict(folder, 0, "rat", "snapshot_best-5")
    project = DLCProject(folder)
    for index, suffix, name in ((1, None, "iteration-1"), (-1, "mine", "mine"), (-1, "mine", "mine")):
        annotator = project.annotate(index, suffix)
        try:
            assert annotator.session.video.name == "rat"
            assert annotator.ann.name == name
            assert annotator.session.layers["dlc_iteration-0_best-5"].fname == str(trace)
            annotator.ann.add([1.0, 2.0], "0", 3)
            annotator.save()
        finally:
            annotator.close()
    assert project.file_manager(1).annotation_names == ["iteration-1", "mine"]
    with pytest.raises(AnnotationError, match="2 is not in the project"):
        project.annotate(2)


def test_opening_the_folder_where_there_is_no_desktop(folder, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert DLCProject(folder).open() == folder
    assert str(folder) in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="the desktop's opener has another name")
def test_opening_the_folder_on_a_desktop(folder, tmp_path, monkeypatch, capsys):
    opener, seen = tmp_path / "xdg-open", tmp_path / "seen"
    opener.write_text(f'#!/bin/sh\necho "$1" > {seen}.new && mv {seen}.new {seen}\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("DISPLAY", ":1")
    DLCProject(folder).open()
    assert capsys.readouterr().out == ""
    wait_for(seen.exists)
    assert seen.read_text().strip() == str(folder)
