"""What opens when a project does: its videos, and their layers."""

from __future__ import annotations

import os
import shutil

import pytest
from projects import LENGTHS, make_trained_project, videos_of
from trainings import told, wait_for

import jupytrack
from jupytrack.errors import AnnotationError, ConflictError, VideoError, VideoNotFoundError
from jupytrack.widgets.options import OptionError
from jupytrack.widgets.queue.video_queue import VideoQueue

LATEST = "dlc_iteration-1_best-20"
NAMES = ["iteration-2", LATEST, "iteration-0", "labeled_data", "dlc_iteration-0_best-20"]


def test_a_project_opens_with_all_its_videos_and_layers(queue, project):
    assert isinstance(queue, VideoQueue)
    assert queue.videos == videos_of(project)
    assert queue.active_index == 0
    assert [annotator is not None for annotator in queue.annotators] == [True, False, False]
    layers = queue.annotations
    assert layers.names == NAMES
    assert (layers.active, layers.overlay) == ("iteration-2", LATEST)
    assert queue.ann.labels == ["0", "1"]
    assert not queue.ann.frames
    assert layers["iteration-0"].data["0"][3] == [50, 60]
    assert layers["dlc_iteration-0_best-20"].data["1"][7] == [50, 37]
    assert layers.buffer.frames == []
    assert queue.project.path == project


@pytest.mark.parametrize("which", ["config", "relative", "video", "list", "backwards"])
def test_all_that_means_a_project(project, which, monkeypatch):
    every = videos_of(project)
    given, expected = {
        "config": (project / "config.yaml", every),
        "relative": (project.name, every),
        "video": (every[1], [every[1]]),
        "list": ([str(every[2])], [every[2]]),
        "backwards": ([every[2], every[0], every[2]], [every[2], every[0]]),
    }[which]
    monkeypatch.chdir(project.parent)
    queue = jupytrack.open(given)
    assert [os.path.realpath(path) for path in queue.videos] == [str(path) for path in expected]
    assert queue.session.n_frames == LENGTHS[every.index(expected[0])]
    queue.close()


def test_a_project_can_be_chosen(project):
    picker = jupytrack.open()
    picker.choose(project / "config.yaml")
    assert picker.children == (picker.annotator,)
    assert picker.annotator.videos == videos_of(project)
    picker.annotator.close()
    picker.close()


def test_a_project_annotates_a_video(project):
    queue = jupytrack.DLCProject(project).annotate(1, "mine", dark_mode=True)
    assert queue.videos == [videos_of(project)[1]]
    assert queue.annotations.active == "mine"
    assert queue.session.theme == "dark"
    queue.close()


def test_body_parts_with_names_are_shown_by_them(tmp_path):
    project = make_trained_project(tmp_path, ("wrist", "elbow"), lengths=(40,), iterations=0)
    queue = jupytrack.open(project)
    assert queue.annotations.active == "iteration-0"
    queue.close()
    (project / "videos" / "clip0_annotations_iteration-0.json").unlink()
    queue = jupytrack.open(project)
    # as reading a prediction numbers them: by the alphabet
    assert queue.ann.labels == ["0", "1"]
    assert queue.ann.names == {"0": "elbow", "1": "wrist"}
    assert queue.annotations.overlay is None
    queue.close()


def test_the_layer_goes_on_where_it_was_left(project):
    queue = jupytrack.open(project)
    queue.ann.add([1, 2], "0", 5)
    queue.close()
    queue = jupytrack.open(project, n_labels=7)
    assert queue.annotations.active == "iteration-2"
    assert queue.ann.data["0"][5] == [1, 2]
    queue.swap_next()
    assert len(queue.ann.labels) == 7
    queue.close()


def test_what_does_not_go_together(project, tmp_path):
    other = make_trained_project(tmp_path / "other", lengths=(40,), iterations=0)
    bare = tmp_path / "bare.mp4"
    shutil.copy(videos_of(project)[0], bare)
    empty = make_trained_project(tmp_path / "empty", lengths=(), iterations=0)
    first = videos_of(project)[0]
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.yaml").write_text("something: else")
    cases = [
        ([], VideoError, "empty list"),
        ((), VideoError, "empty list"),
        ([first, videos_of(other)[0]], VideoError, "different projects"),
        ([first, bare], VideoError, "no DeepLabCut project"),
        ([bare], VideoError, "no DeepLabCut project"),
        ([first, project], VideoError, "no video"),
        ([first, first.with_name("missing.mp4")], VideoNotFoundError, "no file"),
        (project / "missing.mp4", VideoNotFoundError, "no file"),
        (project / "videos", VideoError, "folder"),
        (empty, VideoNotFoundError, "no video that is there"),
        ([first, 3], VideoError, "not a path"),
    ]
    for given, kind, match in cases:
        with pytest.raises(kind, match=match) as caught:
            jupytrack.open(given)
        assert isinstance(caught.value, ValueError | FileNotFoundError)
        assert caught.value.remedy
    for given in (folder, folder / "config.yaml"):
        with pytest.raises(ValueError, match=r"config\.yaml"):
            jupytrack.open(given)
    with pytest.raises(OptionError):
        jupytrack.open(project, darkmode=True)
    with pytest.raises(AnnotationError):
        jupytrack.open(project, "buffer")
    assert not list(tmp_path.rglob("*.lock"))


def test_videos_that_are_gone_are_passed_over(project):
    videos_of(project)[0].unlink()
    queue = jupytrack.open(project)
    assert queue.videos == videos_of(project)[1:]
    queue.close()


def test_an_annotator_of_a_bare_video_has_no_queue(video):
    annotator = jupytrack.open(video)
    assert not isinstance(annotator, VideoQueue)
    assert annotator.queue is None
    assert not any([annotator.swap_to(0), annotator.swap_prev(), annotator.swap_next("event")])
    assert not annotator.remove_video(0)
    for change in (annotator.add_video, annotator.replace_active_with):
        with pytest.raises(AnnotationError, match="needs a DeepLabCut project"):
            change(video)
    offered = {each["name"]: each["offered"] for each in annotator.canvas.bindings}
    assert not offered["swap_next"]
    assert offered["save"]
    annotator.close()


# layers that are read later


def test_layers_nobody_looks_at_come_by_themselves(queue):
    stack, session = queue.annotations, queue.session
    assert session.status["layers"] == NAMES
    wait_for(lambda: len(stack.loaded) == len(NAMES))
    assert [ann.name for ann in stack.loaded] == NAMES
    assert session.status["layers"] == NAMES
    assert session.save_state == "saved"
    assert not stack["dlc_iteration-0_best-20"].display.visible
    assert stack["dlc_iteration-0_best-20"].plot_type == "line"


def test_asking_for_a_layer_reads_it_at_once_and_keeps_the_order(queue):
    stack = queue.annotations
    assert len(stack.loaded) < len(NAMES)
    stack.active = "dlc_iteration-0_best-20"
    assert queue.ann.data["0"][0] == [40, 30]
    assert [ann.name for ann in stack] == stack.names == NAMES
    queue.ann.add([1, 1], "0", 0)
    assert queue.annotations.undo() is not None
    assert queue.ann.data["0"][0] == [40, 30]


def test_asking_while_they_come_waits_for_nothing_else(project):
    for place in range(1, 6):
        queue = jupytrack.open(videos_of(project)[place % 3])
        stack = queue.annotations
        job = stack.read_in_background(0)
        # as a command of the browser does, whose lock the background wants, too
        with queue.session.lock:
            assert stack[NAMES[-place % len(NAMES)]].labels == ["0", "1"]
            assert stack.names == NAMES
        if place == 5:
            queue.close()
        job.result(10)
        queue.close()
    assert not list(project.rglob("*.lock"))


def test_a_label_that_only_a_later_layer_has_is_known(project):
    path = project / "videos" / "clip0_annotations_more.json"
    path.write_text('{"tip": {"3": [1.0, 2.0]}}')
    queue = jupytrack.open(project)
    assert "more" not in [ann.name for ann in queue.annotations.loaded]
    queue.session.select_label("tip")
    assert queue.session.label == "tip"
    queue.close()


@pytest.mark.parametrize("wanted", [False, True])
def test_a_damaged_layer_is_left_out_with_a_notice(project, wanted, capfd):
    path = project / "videos" / "iteration-0" / videos_of(project)[0].with_suffix(".h5").name
    (path,) = path.parent.glob("clip0DLC*.h5")
    path.write_bytes(path.read_bytes()[:3000])
    queue = jupytrack.open(project)
    stack = queue.annotations
    damaged = "dlc_iteration-0_best-20"
    if wanted:
        with pytest.raises(jupytrack.errors.FormatError, match="HDF5"):
            stack[damaged]
    wait_for(lambda: len(stack.loaded) == len(stack.names) == len(NAMES) - 1)
    assert damaged not in stack.names
    assert sum(path.name in problem for problem in told(queue.active)) == 1
    assert stack.overlay == LATEST
    assert capfd.readouterr().err == ""
    queue.close()


def test_a_damaged_latest_prediction_leaves_the_one_before(project):
    (path,) = (project / "videos" / "iteration-1").glob("clip0DLC*.h5")
    path.write_bytes(b"nothing")
    queue = jupytrack.open(project)
    assert queue.annotations.overlay == "dlc_iteration-0_best-20"
    assert any(path.name in problem for problem in told(queue.active))
    queue.close()


def test_labelled_data_is_for_looking(queue, project):
    queue.annotations.active = "labeled_data"
    assert queue.ann.data["0"][3] == [55, 55]
    with pytest.raises(ConflictError, match="trains on"):
        queue.session.place("0", 3, 1, 1)
    assert queue.session.read_only
    before = sorted(path.name for path in (project / "labeled-data" / "clip0").iterdir())
    assert before == ["CollectedData_me.h5"]
