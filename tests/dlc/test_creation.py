"""New projects: what is copied, what becomes a body part, and nothing of them if something fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from clips import encode

from jupytrack import DLCProject, VideoAnnotation
from jupytrack.dlc.creation import check_name
from jupytrack.errors import AnnotationError, FormatError, SaveError, VideoError, VideoNotFoundError
from jupytrack.jobs import JobCancelled, Progress


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        encode(folder / name, count=8, size=(64, 48))
    return folder


def write(folder, name, points):
    (folder / name).write_text(json.dumps(points))


def missing_deeplabcut(videos, into):
    """Try to make a project where deeplabcut is not installed; returns what was raised."""
    code = (
        "import sys; sys.modules['deeplabcut'] = None\n"
        "import jupytrack\n"
        f"try: jupytrack.DLCProject({str(into)!r}, {[str(v) for v in videos]!r})\n"
        "except ImportError as error: print(type(error).__name__, error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout


def test_without_deeplabcut_it_is_told_how_to_get_it(tmp_path, source):
    told = missing_deeplabcut([source / "a.mp4"], tmp_path / "new" / "deep")
    assert told.startswith("MissingDependencyError")
    assert 'pip install "jupytrack[dlc]"' in told
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("reach", "'reach' has no underscore.*'reach_01'"),
        ("", "is empty"),
        (" reach_1", "blank or dot"),
        (".reach_1", "blank or dot"),
        ("a/b_1", "holds /"),
        ("a_1?*", r"holds \* \?"),
        (7, "cannot be a project's name"),
    ],
)
def test_names_that_make_trouble(tmp_path, source, name, message):
    with pytest.raises(AnnotationError, match=message):
        DLCProject(tmp_path / "new", [source / "a.mp4"], name=name)
    assert not (tmp_path / "new").exists()


def test_experimenters_need_no_underscore():
    assert check_name("me", "experimenter") == "me"
    with pytest.raises(AnnotationError, match="experimenter"):
        check_name("m/e", "experimenter")


def test_what_no_project_can_be_made_of(tmp_path, source):
    new = tmp_path / "new"
    (source / "bad.mp4").write_bytes(b"nothing")
    write(source, "b_annotations_x.json", {"0": {"3": [1, 1]}})
    (source / "b_annotations_broken.json").write_text("{")
    a, b = source / "a.mp4", source / "b.mp4"
    for videos, suffix, labels, error, message in (
        ([source / "none.mp4"], "", None, VideoNotFoundError, "There is no video"),
        ([source / "bad.mp4"], "", None, VideoError, r"bad\.mp4"),
        ([a, a], "", None, VideoError, "Two videos are called a"),
        ([a], "x", None, AnnotationError, "No video has annotations of the name 'x'"),
        ([b], "broken", None, FormatError, r"b_annotations_broken\.json"),
    ):
        with pytest.raises(error, match=message):
            DLCProject(new, videos, "t_1", annotation_suffix=suffix, internal_to_dlc_labels=labels)
        assert not new.exists()
    write(source, "a_annotations_x.json", {"0": {"3": [1, 1]}, "1": {"3": [1, 1]}})
    with pytest.raises(AnnotationError, match="Labels '0' and '1' would both be body part 'nose'"):
        DLCProject(new, [a], "t_1", annotation_suffix="x", internal_to_dlc_labels={"0": "nose", "1": "nose"})


@pytest.mark.deeplabcut
def test_a_new_project(tmp_path, source):
    ann = VideoAnnotation(source / "a_annotations_iteration-0.json", source / "a.mp4", n_labels=12)
    for label in ("10", "2"):
        ann.add([3.0, 4.0], label, 2)
    ann.save()
    write(source, "b_annotations_iteration-0.json", {"0": {"1": [1, 1]}, "2": {}})
    write(source, "b_annotations_dlccorr.json", {"9": {"1": [1, 1]}})
    progress, seen = Progress(), []
    progress.listen(lambda each: seen.append(each.text))
    project = DLCProject(
        tmp_path / "new", [source / "a.mp4", source / "b.mp4"], "t_1", "me", progress=progress
    )
    assert seen[0] == "loading deeplabcut"
    assert seen[-1] == "copying b.mp4"
    assert project.path.parent == tmp_path / "new"
    assert project.path.name.startswith("t_1-me-")
    assert [path.name for path in (tmp_path / "new").iterdir()] == [project.path.name]
    assert project.trackers == ["point0", "point2", "point10"]
    assert project.internal_to_dlc_labels is None
    assert (project.name, project.scorer, project.engine) == ("t_1", "me", "pytorch")
    assert project.config["project_path"] == str(project.path)
    assert list(project.config["video_sets"]) == [
        str(project.path / "videos" / n) for n in ("a.mp4", "b.mp4")
    ]
    assert project.config["snapshotindex"] == "all"
    for video, old in zip(project.video_list, ("a.mp4", "b.mp4"), strict=True):
        assert not video.is_symlink()
        assert video.read_bytes() == (source / old).read_bytes()
        assert video.stat().st_mtime_ns == (source / old).stat().st_mtime_ns
    copied = {path.name for path in (project.path / "videos").iterdir() if "annotations" in path.name}
    assert copied == {
        "a_annotations_iteration-0.json",
        "a_annotations_iteration-0.sidecar",
        "b_annotations_iteration-0.json",
    }
    again = [source / "a.mp4"]
    with pytest.raises(SaveError, match=r"is there already.*DLCProject\("):
        DLCProject(tmp_path / "new", again, "t_1", "me")
    assert [path.name for path in (tmp_path / "new").iterdir()] == [project.path.name]
    text = project.config_path.read_text()
    from deeplabcut.utils.auxiliaryfunctions import read_config

    assert list(read_config(project.config_path)["bodyparts"]) == project.trackers
    assert project.config_path.read_text() == text


@pytest.mark.deeplabcut
def test_labels_by_name_and_names_for_labels(tmp_path, source):
    points = {"3": [1, 1]}
    write(source, "a_annotations.json", {"nose": points, "0": points, "1": points})
    write(source, "a_annotations_other.json", {"7": points})
    project = DLCProject(tmp_path, [source / "a.mp4"], "t_1", internal_to_dlc_labels={"1": "ear", "5": "x"})
    assert project.trackers == ["point0", "ear", "nose"]
    assert project.layer_labels == {"point0": "0", "ear": "1", "nose": "nose"}
    assert DLCProject(project.path).layer_labels == project.layer_labels
    assert project.file_manager(0).annotation_names == [""]


@pytest.mark.deeplabcut
def test_a_project_without_annotations_and_one_with_empty_ones(tmp_path, source):
    project = DLCProject(tmp_path, source / "a.mp4", "t_1")
    assert project.trackers == ["point0"]
    write(source, "a_annotations_x.json", {"0": {}, "4": {}})
    assert DLCProject(tmp_path, source / "a.mp4", "t_2", annotation_suffix="x").trackers == [
        "point0",
        "point4",
    ]


@pytest.mark.deeplabcut
def test_cancelling_leaves_nothing(tmp_path, source):
    progress = Progress()
    progress.listen(lambda each: each.cancel() if "copying b" in each.text else None)
    with pytest.raises(JobCancelled):
        DLCProject(tmp_path / "new", [source / "a.mp4", source / "b.mp4"], "t_1", progress=progress)
    assert not (tmp_path / "new").exists()


@pytest.mark.deeplabcut
def test_a_folder_that_cannot_be_written(tmp_path, source):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SaveError, match=r"file.* could not be written"):
        DLCProject(tmp_path / "file" / "new", [source / "a.mp4"], "t_1")
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.deeplabcut
def test_nothing_is_printed_and_the_working_folder_stays(tmp_path, source, capsys):
    here = Path.cwd()
    DLCProject(tmp_path, [source / "a.mp4"], "t_1")
    assert capsys.readouterr().out == ""
    assert here == Path(os.getcwd())
