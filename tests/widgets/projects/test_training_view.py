"""Trainings as the panel shows them, said by hand what a worker would say."""

from __future__ import annotations

import dataclasses
import html
import json
import threading

import pytest
from projects import train
from trainings import make_project, make_training, notices, predict, say, shown, wait_for

from jupytrack.annotation.locks import Holder
from jupytrack.errors import AnnotationError
from jupytrack.widgets.annotator import Annotator


@pytest.fixture
def running(folder, clip):
    """Give an annotator on a project whose first training runs, and the training."""
    video = make_project(folder, clip)
    training = make_training(folder, "running")
    annotator = Annotator(video, "iteration-0", n_labels=2)
    yield annotator, training
    annotator.close()


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


def test_cancelling_is_asked_once(running, folder):
    annotator, _ = running
    view = annotator.project_panel.training
    assert shown(view.cancel)
    assert not shown(view.really)
    view.cancel.click()
    assert shown(view.really)
    assert not shown(view.cancel)
    view.stay.click()
    assert shown(view.cancel)
    assert not (view.training.folder / "cancel").exists()


def test_predictions_of_a_finished_training_become_the_overlay(running, folder):
    annotator, training = running
    train(folder, 0, "pytorch", (10,), best=10)
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


def test_a_training_that_ends_while_it_is_drawn_is_shown_as_ended(running, folder, monkeypatch):
    annotator, training = running
    train(folder, 0, "pytorch", (10,), best=10)
    seen = notices(annotator)
    view = annotator.project_panel.training
    fill = view.plot.fill

    def end(*losses):
        fill(*losses)
        say(training, state="done")

    monkeypatch.setattr(view.plot, "fill", end)
    wait_for(lambda: any("Iteration 0 is trained" in notice for notice in seen))
    wait_for(lambda: "done" in view.title.value, 10)
    assert view.bar.value == 1


def test_after_a_training_one_goes_on_in_a_fresh_layer(running, folder):
    annotator, training = running
    panel = annotator.project_panel
    button = panel.buttons["go_on_in_next_layer"]
    # what is labelled while it runs is for the next one, too
    assert shown(button)
    seen = notices(annotator)
    train(folder, 0, "pytorch", (10,), best=10)
    path = predict(folder, 0)
    say(training, state="done", predictions=[str(path.relative_to(folder))])
    wait_for(lambda: any("is trained" in notice for notice in seen))
    assert button.description == "Go on in iteration-1"
    assert "a fresh layer ('iteration-1')" in next(notice for notice in seen if "is trained" in notice)
    button.click()
    assert annotator.annotations.active == "iteration-1"
    assert annotator.ann.labels == ["0", "1"]
    assert annotator.annotations.overlay == "dlc_iteration-0_best-10"
    # another thread may be telling what the training brought
    wait_for(lambda: not shown(button))
    annotator.undo()
    assert "iteration-1" not in annotator.annotations.names
    wait_for(lambda: shown(button))


def test_a_failure_says_why_and_what_to_do(running):
    annotator, training = running
    seen = notices(annotator)
    say(training, state="failed", error="out of memory")
    wait_for(lambda: any(notice.startswith("error:") for notice in seen))
    assert "out of memory" in next(notice for notice in seen if notice.startswith("error:"))
    view = annotator.project_panel.training
    wait_for(lambda: "failed" in view.title.value)
    assert "Epoch 12" in view.text.value
    assert shown(view.resume)
    wait_for(lambda: not annotator.project_panel.buttons["process_dlc_project"].disabled)


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
        assert training.error in html.unescape(panel.training.text.value)
    finally:
        annotator.close()
