"""What a training is asked for, and what it begins with."""

from __future__ import annotations

from trainings import make_project

from jupytrack.dlc.project import DLCProject
from jupytrack.widgets.projects.train_form import TrainForm, defaults_of


def test_the_form_begins_with_the_best_there_is(folder, clip, opened):
    assert defaults_of(opened.project) == {"refine_mode": "auto", "epochs": 50}
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
    form.batch.value = "many"
    form.take.click()
    assert "no number of frames" in form.message.value
    form.batch.value = ""
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
