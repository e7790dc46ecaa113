"""DeepLabCut projects in the annotator, on a project made by hand: forms, questions, trainings, comparisons.

What needs deeplabcut itself is in tests/e2e/test_project_loop.py.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import jupytrack
from jupytrack.annotation.locks import Holder
from jupytrack.dlc.preflight import dropped_files
from jupytrack.dlc.project import DLCProject
from jupytrack.dlc.training import Training
from jupytrack.errors import AnnotationError, JupytrackError
from jupytrack.widgets.annotator import Annotator
from jupytrack.widgets.projects import creating
from jupytrack.widgets.projects.forms import PathField
from jupytrack.widgets.projects.train_form import TrainForm, defaults_of

CONFIG = """\
Task: knee_test
scorer: x
date: Jan1
multianimalproject: false
identity:
project_path: {folder}
engine: pytorch
video_sets:
  {folder}/videos/clip.mp4:
    crop: 0, 320, 0, 240
bodyparts:
- point0
- point1
start: 0
stop: 1
numframes2pick: 20
skeleton: []
TrainingFraction:
- 0.95
iteration: {iteration}
default_net_type: resnet_50
snapshotindex: all
batch_size: 8
"""
N = 60


def make_project(folder: Path, clip: Path, trained: int = 0) -> Path:
    """Write a project whose first iterations are trained; returns its copy of the video."""
    (folder / "videos").mkdir(parents=True)
    shutil.copy(clip, folder / "videos" / "clip.mp4")
    (folder / "config.yaml").write_text(CONFIG.format(folder=folder, iteration=max(trained - 1, 0)))
    for iteration in range(trained):
        train = folder / f"dlc-models-pytorch/iteration-{iteration}/knee_testJan1-trainset95shuffle1/train"
        train.mkdir(parents=True)
        for name in ("snapshot-010.pt", "snapshot-020.pt", "snapshot-best-010.pt"):
            (train / name).write_bytes(b"weights")
    return folder / "videos" / "clip.mp4"


def predict(project: Path, iteration: int, shift: float = 0.0, jump: int | None = None) -> Path:
    """Write what a model might have predicted."""
    path = (
        project / f"videos/iteration-{iteration}/clipDLC_Resnet50_knee_testJan1shuffle1_snapshot_best-10.h5"
    )
    path.parent.mkdir(exist_ok=True)
    columns = pd.MultiIndex.from_product(
        [["DLC_x"], ["point0", "point1"], ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )
    values = np.empty((N, 6))
    values[:, 0] = 100 + np.arange(N) + shift
    values[:, 1], values[:, 3], values[:, 4] = 50, 150, 100 + np.arange(N)
    values[:, 2] = values[:, 5] = 0.99
    if jump is not None:
        values[jump, 3] += 40
    pd.DataFrame(values, columns=columns).to_hdf(path, key="df_with_missing", mode="w")
    return path


def make_training(project: Path, state: str, iteration: int = 0, **said: object) -> Training:
    """Write what a worker says of itself."""
    folder = project / "jupytrack-training" / f"20300101T12000{iteration}-iteration-{iteration}"
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "state": state,
        "iteration": iteration,
        "stages": ["frames", "dataset", "train", "evaluate", "analyse"],
        "stage": "train",
        "epoch": 12,
        "epochs": 50,
        "created": time.time(),
        "holder": dataclasses.asdict(Holder.me()),
        **said,
    }
    (folder / "state.json").write_text(json.dumps(content))
    (folder / "log.txt").write_text("Loading…\nEpoch 11\nEpoch 12 <done>\n")
    (folder / "losses.csv").write_text(
        "epoch,train_loss,test_rmse\n"
        + "".join(f"{n},{1 / n},{20 / n if n % 5 == 0 else ''}\n" for n in range(1, 13))
    )
    return Training(folder)


def say(training: Training, **said: object) -> None:
    path = training.folder / "state.json"
    new = training.folder / "new"
    new.write_text(json.dumps({**json.loads(path.read_text()), **said}))
    new.replace(path)


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def notices(annotator):
    seen = []
    annotator.session.on_notice(lambda level, problem, remedy: seen.append(f"{level}: {problem} {remedy}"))
    return seen


def label(annotator, frames=(3, 9, 27), labels="01"):
    for frame in frames:
        for one in labels:
            xy = [100.0 + frame, 50.0] if one == "0" else [150.0, 100.0 + frame]
            annotator.ann.add(xy, one, frame)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "knee_test-x-2030-01-01"


@pytest.fixture
def opened(folder, clip):
    """Give an annotator on the video of a project that is not trained yet."""
    annotator = Annotator(make_project(folder, clip), "iteration-0", n_labels=2)
    yield annotator
    annotator.close()


def shown(button):
    return button.layout.display != "none"


# what the panel offers


def test_a_bare_video_can_become_a_project(annotator):
    panel = annotator.project_panel
    assert annotator.project is None
    assert shown(panel.buttons["create_dlc_project"])
    assert not shown(panel.buttons["process_dlc_project"])
    assert not shown(panel.buttons["restore_dropped_frames"])
    assert "No project yet" in panel.text.value


def test_a_projects_video_can_be_trained(opened, folder):
    panel = opened.project_panel
    assert opened.project.path == folder
    assert opened._dlcproject is opened.project
    assert not shown(panel.buttons["create_dlc_project"])
    assert shown(panel.buttons["process_dlc_project"])
    assert "knee_test" in panel.text.value
    assert "not trained yet" in panel.text.value
    assert panel.training is None


def test_a_damaged_project_is_told_and_the_video_opens_all_the_same(folder, clip):
    video = make_project(folder, clip)
    (folder / "config.yaml").write_text("Task: [unclosed")
    annotator = Annotator(video, "iteration-0")
    try:
        assert annotator.project is None
        with pytest.raises(AnnotationError, match="no DeepLabCut project"):
            annotator.compare_iterations()
    finally:
        annotator.close()


# creating


def test_the_form_explains_and_checks_the_name(annotator, tmp_path):
    annotator.run_command("create_dlc_project")
    form = annotator.project_panel.form
    assert form.name.value == "clip_iteration-0"
    assert form.folder.value == str(tmp_path)
    assert any("underscore" in getattr(line, "value", "") for line in form.fields.children)
    form.name.value = "knee"
    form.take.click()
    assert "underscore" in form.message.value
    assert annotator.project_panel.form is form
    form.leave.click()
    assert annotator.project_panel.form is None
    assert list(tmp_path.glob("*/config.yaml")) == []


def test_an_empty_layer_needs_a_seed_bundle(video):
    annotator = Annotator(video, "iteration-0")
    try:
        annotator.run_command("create_dlc_project")
        form = annotator.project_panel.form
        form.take.click()
        assert "No seed bundle" in form.message.value
        with pytest.raises(AnnotationError, match="nothing to learn from"):
            annotator.create_dlc_project()
    finally:
        annotator.close()


def test_a_video_of_a_project_is_made_into_no_other(opened):
    seen = notices(opened)
    opened.run_command("create_dlc_project")
    assert "knee_test" in seen[0]
    assert opened.project_panel.form is None


def test_without_deeplabcut_nothing_is_lost(annotator, tmp_path):
    pytest.importorskip("jupytrack.dlc.creation")
    try:
        import deeplabcut  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("deeplabcut is installed here")
    before = sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".json")
    seen = notices(annotator)
    with pytest.raises(ImportError, match="deeplabcut"):
        annotator.create_dlc_project(name="knee_01")
    assert annotator.ann.get_frames("0")
    assert (
        sorted(path.name for path in tmp_path.iterdir() if path.suffix not in (".json", ".sidecar")) == before
    )
    job = annotator.create_dlc_project(name="knee_01", wait=False)
    with pytest.raises(ImportError):
        job.result(60)
    wait_for(lambda: any("deeplabcut" in notice for notice in seen))


def test_a_path_is_chosen_among_folders(tmp_path):
    (tmp_path / "inner").mkdir()
    field = PathField(str(tmp_path / "gone" / "deeper"), "where")
    field.button.click()
    (chooser,) = field.place.children
    assert Path(chooser.default_path) == tmp_path
    chooser.reset(path=str(tmp_path / "inner"), filename="")
    chooser._apply_selection()
    field._choose(chooser)
    assert Path(field.value) == tmp_path / "inner"
    assert field.place.children == ()


# training: the form


def test_the_form_begins_with_random_weights_and_then_with_the_newest_best(folder, clip, opened):
    assert defaults_of(opened.project) == {"refine_mode": "scratch", "epochs": 50}
    make_project(folder.parent / "other", clip, trained=2)
    trained = DLCProject(folder.parent / "other")
    assert defaults_of(trained) == {"refine_mode": "in_project", "epochs": 50, "source_iteration": 1}
    given = defaults_of(trained, {"refine_mode": "scratch", "maxiters": 7})
    assert given == {"refine_mode": "scratch", "epochs": 7}


def test_defaults_of_the_project_fill_the_form_and_what_has_no_field_is_passed_on(opened):
    opened.project.settings["training"] = {"epochs": 30, "net_type": "resnet_50"}
    taken = {}
    form = TrainForm(opened.project, {"device": "cpu"}, lambda **values: taken.update(values), lambda: None)
    assert form.epochs.value == 30
    assert "in_project" not in [mode for _, mode in form.mode.options]
    form.mode.value = "external"
    form.take.click()
    assert "No snapshot file" in form.message.value
    form.file.text.value = "/x/snapshot-010.pt"
    form.epochs.value = 12
    form.take.click()
    assert taken == {
        "refine_mode": "external",
        "external_snapshot_path": "/x/snapshot-010.pt",
        "epochs": 12,
        "batch_size": None,
        "create_video": False,
        "device": "cpu",
        "net_type": "resnet_50",
    }


def test_iterations_and_snapshots_are_offered(folder, clip):
    make_project(folder, clip, trained=2)
    taken = {}
    form = TrainForm(DLCProject(folder), {}, lambda **values: taken.update(values), lambda: None)
    assert form.mode.value == "in_project"
    assert [n for _, n in form.iteration.options] == [1, 0]
    assert [n for _, n in form.snapshot.options] == ["best", 20, 10]
    assert form.snapshot.label == "best (after 10 epochs)"
    form.iteration.value, form.snapshot.value = 0, 20
    form.take.click()
    assert (taken["source_iteration"], taken["source_snapshot"]) == (0, 20)
    form.mode.value = "scratch"
    taken.clear()
    form.take.click()
    assert "source_iteration" not in taken


def test_what_is_unsaved_or_incomplete_is_asked_about_and_cancel_changes_nothing(opened, folder):
    label(opened)
    opened.ann.add([1.0, 1.0], "0", 40)
    opened.run_command("process_dlc_project")
    panel = opened.project_panel
    panel.form.take.click()
    dialog = panel.form
    assert "iteration-0" in dialog.table.value
    assert "unsaved (+7)" in dialog.table.value
    assert "1 incomplete frame (40; lacking 1)" in dialog.table.value
    dialog.unfold.value = True
    assert "frame 40: no 1" in dialog.details.value
    dialog.leave.click()
    assert panel.form is None
    assert opened.ann.unsaved
    assert opened.ann.frames == [3, 9, 27, 40]
    assert not list((folder / "videos").glob("*dropped*"))


def test_save_and_clean_is_told_and_can_be_taken_back(opened, folder):
    label(opened)
    opened.ann.add([1.0, 1.0], "0", 40)
    seen = notices(opened)
    opened.run_command("process_dlc_project")
    panel = opened.project_panel
    panel.form.take.click()
    for _ in range(2):
        # the training itself is refused: so few frames leave none for testing, or there is no deeplabcut
        panel.form.take.click()
        assert panel.form.message.value
    assert opened.ann.frames == [3, 9, 27]
    assert not opened.ann.unsaved
    # twice pressed, once written
    (kept,) = dropped_files(opened.ann.fname)
    assert any("Saved iteration-0" in notice and kept.name in notice for notice in seen)
    assert opened.session.status["unsaved"]["iteration-0"]["total"] == 0
    assert shown(panel.buttons["restore_dropped_frames"])
    opened.run_command("restore_dropped_frames")
    assert opened.ann.frames == [3, 9, 27, 40]


def test_other_videos_of_the_queue_are_looked_at_too(folder, clip):
    first = make_project(folder, clip)
    config = folder / "config.yaml"
    config.write_text(
        config.read_text().replace(
            "bodyparts:", f"  {folder}/videos/second.mp4:\n    crop: 0, 320, 0, 240\nbodyparts:"
        )
    )
    shutil.copy(clip, folder / "videos" / "second.mp4")
    queue = jupytrack.open(folder)
    try:
        assert [path.stem for path in queue.videos] == [first.stem, "second"]
        label(queue)
        queue.swap_next()
        label(queue, labels="0")
        queue.run_command("process_dlc_project")
        panel = queue.project_panel
        panel.form.take.click()
        assert "clip, <b>iteration-0</b>: unsaved (+6)" in panel.form.table.value
        assert "second, <b>iteration-0</b>: unsaved (+3), 3 incomplete frames" in panel.form.table.value
        panel.form.take.click()
        assert queue.ann.frames == []
        queue.swap_prev()
        assert not queue.ann.unsaved
        assert queue.ann.frames == [3, 9, 27]
    finally:
        queue.close()


def test_from_python_incomplete_frames_are_an_error_unless_told(opened):
    label(opened)
    opened.ann.add([1.0, 1.0], "0", 40)
    with pytest.raises(AnnotationError, match=r"iteration-0: .*incomplete frame.*clean=True"):
        opened.process_dlc_project(wait=False)
    assert opened.ann.unsaved


def test_decimating_asks_for_every_body_part_of_the_project(opened):
    for frame in range(10, 18):
        opened.ann.add([1, 1], "0", frame)
    opened.select_interval(10, 17)
    # label 1 is used nowhere, but it is a body part: no frame is complete
    opened.decimate_annotations_in_interval()
    assert opened.ann.frames == []


# training: the run


def test_a_running_training_is_shown_by_an_annotator_that_is_opened_later(folder, clip):
    video = make_project(folder, clip)
    training = make_training(folder, "running", device="CPU with 2 cores", began_with="random weights")
    annotator = Annotator(video, "iteration-0", n_labels=2)
    try:
        panel = annotator.project_panel
        view = panel.training
        assert view.training.folder == training.folder
        assert "epoch 12 of 50" in view.text.value
        assert "random weights" in view.text.value
        assert 0.1 < view.bar.value < 0.3
        assert view.plot.train.x.tolist() == list(range(1, 13))
        assert view.plot.test.x.tolist() == [5, 10]
        assert panel.buttons["process_dlc_project"].disabled
        view.unfold.value = True
        assert "Epoch 12 &lt;done&gt;" in view.said.value
        with pytest.raises(AnnotationError, match="being trained already"):
            annotator.process_dlc_project()
        say(training, epoch=30)
        wait_for(lambda: "epoch 30 of 50" in view.text.value)
    finally:
        annotator.close()
    # nobody looks any more
    wait_for(lambda: not any(t.name == "jupytrack-watch" for t in threading.enumerate()))
    assert training.state == "running"


def test_cancelling_is_asked_once(folder, clip):
    video = make_project(folder, clip)
    make_training(folder, "running")
    annotator = Annotator(video, "iteration-0", n_labels=2)
    try:
        view = annotator.project_panel.training
        assert shown(view.cancel)
        assert not shown(view.really)
        view.cancel.click()
        assert shown(view.really)
        assert not shown(view.cancel)
        view.stay.click()
        assert shown(view.cancel)
        assert not (view.training.folder / "cancel").exists()
    finally:
        annotator.close()


def test_predictions_of_a_finished_training_become_the_overlay(folder, clip):
    video = make_project(folder, clip, trained=1)
    training = make_training(folder, "running")
    annotator = Annotator(video, "iteration-0", n_labels=2)
    try:
        seen = notices(annotator)
        path = predict(folder, 0)
        say(training, state="done", predictions=[str(path.relative_to(folder))])
        wait_for(lambda: annotator.annotations.overlay is not None)
        assert annotator.annotations.overlay == "dlc_iteration-0_best-10"
        assert annotator.annotations.active == "iteration-0"
        assert annotator.annotations["dlc_iteration-0_best-10"].data["0"][5] == [105, 50]
        wait_for(lambda: any("Iteration 0 is trained" in notice for notice in seen))
        view = annotator.project_panel.training
        wait_for(lambda: "done" in view.title.value)
        assert annotator.project_panel.comparison is None
        view.shut.click()
        assert annotator.project_panel.training is None
        # one step back
        annotator.undo()
        assert annotator.annotations.names == ["iteration-0"]
    finally:
        annotator.close()


def test_a_failure_says_why_and_what_to_do(folder, clip):
    video = make_project(folder, clip)
    training = make_training(folder, "running")
    annotator = Annotator(video, "iteration-0", n_labels=2)
    try:
        seen = notices(annotator)
        say(training, state="failed", error="out of memory")
        wait_for(lambda: any(notice.startswith("error:") for notice in seen))
        assert "out of memory" in next(notice for notice in seen if notice.startswith("error:"))
        view = annotator.project_panel.training
        wait_for(lambda: "failed" in view.title.value)
        assert "Epoch 12" in view.text.value
        assert shown(view.resume)
        assert not annotator.project_panel.buttons["process_dlc_project"].disabled
    finally:
        annotator.close()


def test_one_that_was_cut_off_offers_to_resume(folder, clip):
    video = make_project(folder, clip)
    gone = dataclasses.asdict(dataclasses.replace(Holder.me(), process=2**22 - 3, started=1.0))
    make_training(folder, "running", holder=gone)
    annotator = Annotator(video, "iteration-0", n_labels=2)
    try:
        view = annotator.project_panel.training
        assert "interrupted" in view.title.value
        assert shown(view.resume)
        assert shown(view.shut)
        assert not shown(view.cancel)
    finally:
        annotator.close()


def test_resume_goes_on_and_is_shown(folder, clip):
    video = make_project(folder, clip)
    gone = dataclasses.asdict(dataclasses.replace(Holder.me(), process=2**22 - 3, started=1.0))
    options = {
        "stages": ["frames", "dataset", "train"],
        "epochs": 50,
        "device": "cpu",
        "begin": {"mode": "scratch"},
    }
    training = make_training(folder, "running", holder=gone)
    (training.folder / "options.json").write_text(json.dumps(options))
    annotator = Annotator(video, "iteration-0", n_labels=2)
    try:
        panel = annotator.project_panel
        seen = notices(annotator)
        panel.training.resume.click()
        # there is nothing to learn from: it runs again, and says why it stops
        wait_for(lambda: training.state == "failed", 60)
        wait_for(lambda: "failed" in panel.training.title.value)
        wait_for(lambda: any(notice.startswith("error:") for notice in seen))
        assert training.error in panel.training.text.value.replace("&#x27;", "'")
    finally:
        annotator.close()


def test_two_projects_are_not_made_at_once(annotator, monkeypatch):
    go_on = threading.Event()

    def waiting(progress, **options):
        assert go_on.wait(30)
        raise AnnotationError("Enough.", "Stop.")

    monkeypatch.setattr(creating, "make_project", waiting)
    job = annotator.create_dlc_project(name="knee_01", wait=False)
    with pytest.raises(AnnotationError, match="being made already"):
        annotator.create_dlc_project(name="knee_01")
    go_on.set()
    with pytest.raises(AnnotationError, match="Enough"):
        job.result(30)


# comparing


@pytest.fixture
def compared(folder, clip):
    """Give an annotator on a project with two iterations, of which the second is wrong on frame 27."""
    video = make_project(folder, clip, trained=2)
    predict(folder, 0)
    predict(folder, 1, shift=0.2, jump=27)
    annotator = Annotator(video, "iteration-0", n_labels=2)
    label(annotator)
    yield annotator
    annotator.close()


def test_what_changed_is_ranked_and_a_click_goes_there(compared):
    annotator = compared
    annotator.run_command("compare_iterations")
    view = annotator.project_panel.comparison
    move = view.found.moves.iloc[0]
    assert (move["label"], move["worst"], move["error_after"]) == ("1", 27, 40)
    assert "0.0→40.0" in view.list.options[0]
    view.list.index = 0
    assert (annotator.session.frame, annotator.session.label) == (27, "1")
    assert "error grew from 0.0 to 40.0 px" in view.detail.value
    annotator.session.go_to(3)
    assert view.list.index is None
    view.list.index = 0
    assert annotator.session.frame == 27
    view.shut.click()
    assert annotator.project_panel.comparison is None


def test_what_changed_is_shown_after_a_retraining(folder, clip):
    video = make_project(folder, clip, trained=2)
    predict(folder, 0)
    training = make_training(folder, "running", iteration=1)
    annotator = Annotator(video, "iteration-1", n_labels=2)
    try:
        path = predict(folder, 1, jump=40)
        say(training, state="done", predictions=[str(path.relative_to(folder))])
        wait_for(lambda: annotator.project_panel.comparison is not None)
        view = annotator.project_panel.comparison
        wait_for(lambda: view.list.options)
        view.list.index = 0
        assert annotator.session.frame == 40
    finally:
        annotator.close()


def test_places_are_reviewed_one_by_one(compared):
    annotator = compared
    annotator.run_command("compare_iterations")
    annotator.project_panel.comparison.review.click()
    annotator.run_command("review_next")
    assert annotator.session.frame == 27


def test_one_iteration_is_nothing_to_compare(folder, clip):
    annotator = Annotator(make_project(folder, clip, trained=1), "iteration-0")
    try:
        predict(folder, 0)
        with pytest.raises(JupytrackError, match="no two iterations"):
            annotator.compare_iterations()
    finally:
        annotator.close()


# corrections, and layers


def test_corrections_are_applied_by_the_button(annotator):
    seen = notices(annotator)
    button = annotator.project_panel.buttons["apply_manual_corrections"]
    assert not button.disabled
    button.click()
    assert annotator.ann.name == annotator.CORRECTIONS_LAYER_NAME == "dlccorr"
    assert annotator.annotations.overlay == f"iteration-0{annotator.MANUAL_CORRECTIONS_SUFFIX}"
    assert "9 points of 'iteration-0_manual_corrections'" in seen[-1]
    assert button.disabled
    assert annotator.session.status["unsaved"]["dlccorr"]["total"] == 0
    annotator.annotations.overlay = None
    annotator.annotations.active = "model"
    with pytest.raises(ValueError, match="No overlay layer"):
        annotator.apply_manual_corrections()


def test_layers_made_by_a_program_are_not_discarded_and_easily_removed(annotator):
    annotator.apply_manual_corrections()
    annotator.ann.add([1.0, 1.0], "0", 0)
    with pytest.raises(AnnotationError, match="Remove layer"):
        annotator.discard_unsaved_annotations()
    seen = notices(annotator)
    annotator.run_command("discard_unsaved_annotations")
    assert "Remove layer" in seen[0]
    assert not annotator.question.shown
    annotator.run_command("remove_current_layer")
    remove, keep = annotator.question.buttons.children
    assert (remove.button_style, keep.button_style) == ("primary", "")
    assert "can be made again" in annotator.question.text.value
    remove.click()
    assert "dlccorr" not in annotator.annotations.names
    annotator.annotations.active = "iteration-0_manual_corrections"
    annotator.run_command("remove_current_layer")
    remove, keep = annotator.question.buttons.children
    assert (remove.button_style, keep.button_style) == ("danger", "primary")


def test_the_last_layer_is_not_even_asked_about(annotator):
    annotator.remove_current_layer()
    seen = notices(annotator)
    annotator.run_command("remove_current_layer")
    assert not annotator.question.shown
    assert "cannot be removed" in seen[0]
