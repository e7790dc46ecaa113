"""Making a project in the annotator; with the real deeplabcut it is in tests/e2e/test_project_loop.py."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from trainings import make_project, notices, shown, wait_for

from jupytrack.errors import AnnotationError
from jupytrack.widgets.annotator import Annotator
from jupytrack.widgets.projects import creating
from jupytrack.widgets.projects.forms import PathField


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
    assert "reach_01" in panel.text.value
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
    assert "reach_01" in seen[0]
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
