"""What is asked before a training: edits that are not saved, frames that lack body parts."""

from __future__ import annotations

import json

import pytest
from projects import annotate, make_trained_project, videos_of
from trainings import label, notices, shown

import jupytrack
from jupytrack.dlc.preflight import dropped_files
from jupytrack.errors import AnnotationError


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
    assert any("Saved clip, iteration-0" in notice and kept.name in notice for notice in seen)
    assert opened.session.status["unsaved"]["iteration-0"]["total"] == 0
    assert shown(panel.buttons["restore_dropped_frames"])
    opened.run_command("restore_dropped_frames")
    assert opened.ann.frames == [3, 9, 27, 40]


def test_all_videos_of_the_project_are_looked_at(tmp_path):
    project = make_trained_project(tmp_path)
    # the third one is never shown, and not even in the queue
    annotate(project, "mine", {"0": {9: [1, 1]}}, "clip2")
    queue = jupytrack.open(videos_of(project)[:2])
    try:
        label(queue)
        queue.swap_next()
        label(queue, labels="0")
        queue.run_command("process_dlc_project")
        panel = queue.project_panel
        panel.form.take.click()
        assert "clip0, <b>iteration-2</b>: unsaved (+6)" in panel.form.table.value
        # frame 3 is complete together with iteration-0
        told = "clip1, <b>iteration-2</b>: unsaved (+3), 2 incomplete frames (9, 27; lacking 1)"
        assert told in panel.form.table.value
        assert "clip2, <b>mine</b>: 1 incomplete frame (9; lacking 1)" in panel.form.table.value
        panel.form.take.click()
        assert queue.ann.frames == [3]
        queue.swap_prev()
        assert not queue.ann.unsaved
        assert queue.ann.frames == [3, 9, 27]
        (kept,) = (project / "videos").glob("clip2_annotations_mine.jupytrack-dropped-incomplete-*")
        assert json.loads(kept.read_text()) == {"0": {"9": [1, 1]}}
    finally:
        queue.close()


def test_from_python_incomplete_frames_are_an_error_unless_told(opened):
    label(opened)
    opened.ann.add([1.0, 1.0], "0", 40)
    with pytest.raises(AnnotationError, match=r"clip, iteration-0: .*incomplete frame.*clean=True"):
        opened.process_dlc_project(wait=False)
    assert opened.ann.unsaved


def test_decimating_asks_for_every_body_part_of_the_project(opened):
    for frame in range(10, 18):
        opened.ann.add([1, 1], "0", frame)
    opened.select_interval(10, 17)
    # label 1 is used nowhere, but it is a body part: no frame is complete
    opened.decimate_annotations_in_interval()
    assert opened.ann.frames == []
