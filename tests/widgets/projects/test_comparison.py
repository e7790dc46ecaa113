"""What a training changed, listed beside the picture."""

from __future__ import annotations

import pandas as pd
import pytest
from projects import make_trained_project
from trainings import label, make_project, make_training, predict, say, wait_for

import jupytrack
from jupytrack.errors import JupytrackError
from jupytrack.widgets.annotator import Annotator


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
        with pytest.raises(JupytrackError, match="no predictions by two iterations"):
            annotator.compare_iterations()
    finally:
        annotator.close()


def test_other_videos_of_the_queue_are_listed_and_a_click_goes_there(tmp_path):
    project = make_trained_project(tmp_path)
    for video, frames in (("clip1", (7,)), ("clip2", (20, 30))):
        path = next((project / "videos" / "iteration-1").glob(f"{video}*.h5"))
        table = pd.read_hdf(path)
        table.iloc[list(frames), 0] += 40
        table.to_hdf(path, key="df_with_missing", mode="w")
    # one that the newest iteration did not predict is not compared with an older one
    next((project / "videos" / "iteration-1").glob("clip2*.h5")).unlink()
    queue = jupytrack.open(project)
    try:
        queue.run_command("compare_iterations")
        view = queue.project_panel.comparison
        wait_for(lambda: view.others.options)
        assert view.others.options == ("clip1: 1 place to look at",)
        view.others.index = 0
        assert queue.active_index == 1
        there = queue.project_panel.comparison
        assert there.others.layout.display == "none"
        there.list.index = 0
        assert queue.session.frame == 7
    finally:
        queue.close()
