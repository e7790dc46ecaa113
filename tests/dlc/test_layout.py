"""Iterations, snapshots and results of both engines, and which snapshot is best."""

from __future__ import annotations

import math

import pytest
from projects import evaluate, make_project, predict, train

from jupytrack.dlc import DLCProject
from jupytrack.errors import AnnotationError, FormatError


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path / "p")


@pytest.mark.parametrize("engine", ["pytorch", "tensorflow"])
def test_an_untrained_project(tmp_path, engine):
    project = DLCProject(make_project(tmp_path / "p", engine=engine))
    assert (project.engine, project.all_iterations, project.all_snapshots) == (engine, [], {})
    assert (project.latest_iteration, project.latest_trained_iteration) == (0, -1)
    assert project.next_layer_name == "iteration-0"
    assert not project.current_iteration_is_trained()
    assert not project.latest_iteration_is_trained()
    assert project.get_best_snapshot_test_error() == -1.0
    layout = project.layout()
    assert (layout.engine, layout.folder, layout.train_folder, layout.snapshots) == (engine, None, None, [])
    assert layout.best() is None
    with pytest.raises(AnnotationError, match=r"Iteration 0 .* is not trained"):
        project.get_best_snapshot()
    with pytest.raises(FormatError, match="no configuration of a model"):
        project.get_pose_cfg_file()


def test_iterations_of_both_engines_in_one_project(folder):
    train(folder, 0, "tensorflow", (1000, 500, 1500))
    train(folder, 1, "pytorch", (10, 20, 30), best=20)
    train(folder, 2, "pytorch", ())
    project = DLCProject(folder)
    assert project.all_iterations == [0, 1, 2]
    assert project.all_snapshots == {0: [500, 1000, 1500], 1: [10, 20, 30, 20], 2: []}
    assert [project.layout(n).engine for n in range(3)] == ["tensorflow", "pytorch", "pytorch"]
    assert (project.latest_iteration, project.latest_trained_iteration) == (2, 1)
    assert project.next_layer_name == "iteration-2"
    assert project.current_iteration_is_trained()
    assert not project.latest_iteration_is_trained()
    assert not project.iteration_is_trained(7)
    assert project.get_pose_cfg_file(0).name == "pose_cfg.yaml"
    assert project.get_pose_cfg_file(1).name == "pytorch_config.yaml"
    assert project.get_pose_cfg_file(1, "test").parts[-2:] == ("test", "pose_cfg.yaml")
    assert project.paths["models"].name == "dlc-models"
    project.current_iteration = 1
    assert project.paths["models"].name == "dlc-models-pytorch"
    assert project.paths["results"].name == "evaluation-results-pytorch"


def test_an_iteration_in_both_layouts_is_the_one_that_is_trained(folder):
    train(folder, 0, "tensorflow", ())
    train(folder, 0, "pytorch", (5,))
    assert DLCProject(folder).layout(0).engine == "pytorch"
    train(folder, 1, "tensorflow", (5,))
    train(folder, 1, "pytorch", ())
    assert DLCProject(folder).layout(1).engine == "tensorflow"
    train(folder, 2, "tensorflow", (5,))
    train(folder, 2, "pytorch", (5,))
    project = DLCProject(folder)
    assert project.layout(2).engine == "pytorch"
    project.edit_config(engine="tensorflow")
    assert project.layout(2).engine == "tensorflow"


def test_going_to_the_next_iteration(folder):
    train(folder, 0, "pytorch", (5,))
    project = DLCProject(folder)
    assert project.increment_iteration() is project
    assert project.current_iteration == 1
    train(folder, 1, "pytorch", ())
    assert project.increment_iteration().current_iteration == 1
    project.current_iteration = 0
    project.current_iteration = "latest"
    assert project.current_iteration == 1
    for bad in (-1, "last", 1.5, True):
        with pytest.raises(AnnotationError, match="is no iteration"):
            project.current_iteration = bad
    assert project.current_iteration == 1


def test_of_several_shuffles_the_first_that_is_trained(folder):
    train(folder, 0, "pytorch", (), shuffle=1)
    train(folder, 0, "pytorch", (7,), shuffle=3)
    train(folder, 0, "pytorch", (9,), shuffle=2, fraction=80)
    layout = DLCProject(folder).layout(0)
    assert (layout.shuffle, layout.training_fraction) == (3, 95)
    assert [snapshot.number for snapshot in layout.snapshots] == [7]


def test_best_is_deeplabcuts_own_choice(folder):
    train(folder, 0, "pytorch", (10, 20, 30), best=20)
    evaluate(folder, 0, "pytorch", [(10, 1.0), (20, 5.0), (30, 2.0)])
    project = DLCProject(folder)
    assert (project.get_best_snapshot(0), project.get_best_snapshot_idx(0)) == (20, 3)
    assert project.layout(0).best().path.name == "snapshot-best-020.pt"
    assert project.get_best_snapshot_test_error() == 5.0


def test_the_last_snapshot_if_the_setting_says_so(folder):
    train(folder, 0, "pytorch", (10, 20, 30), best=20)
    train(folder, 1, "tensorflow", (100, 200))
    evaluate(folder, 1, "tensorflow", [(100, 1.0), (200, 2.0)])
    project = DLCProject(folder)
    project.edit_config(DLC3_USE_LAST_SNAPSHOT=True)
    assert "DLC3" not in project.config_path.read_text()
    assert (project.get_best_snapshot(0), project.get_best_snapshot_idx(0)) == (30, 2)
    assert project.get_best_snapshot(1) == 100
    assert DLCProject(folder).get_best_snapshot(0) == 30
    project.settings["DLC3_USE_LAST_SNAPSHOT"] = False
    assert project.get_best_snapshot(0) == 20


def test_the_last_snapshot_may_be_the_best_one(folder):
    """DeepLabCut saves an epoch once, as the best one if it is that."""
    train(folder, 0, "pytorch", (10, 20, 30), best=40)
    train(folder, 1, "pytorch", (10, 20, 40), best=40)
    project = DLCProject(folder)
    project.settings["DLC3_USE_LAST_SNAPSHOT"] = True
    assert project.layout(0).best().path.name == "snapshot-best-040.pt"
    assert project.layout(1).best().path.name == "snapshot-040.pt"
    assert [project.get_best_snapshot(n) for n in (0, 1)] == [40, 40]
    assert [project.get_best_snapshot_idx(n) for n in (0, 1)] == [3, 2]


@pytest.mark.parametrize("engine", ["pytorch", "tensorflow"])
def test_best_by_test_error(folder, engine):
    train(folder, 0, engine, (10, 20, 30, 40))
    project = DLCProject(folder)
    assert (project.get_best_snapshot(), project.get_best_snapshot_test_error()) == (40, -1.0)
    evaluate(folder, 0, engine, [(5, 0.1), (10, None), (20, 3.0), (30, 2.0), (40, 2.0)])
    assert (project.get_best_snapshot(), project.get_best_snapshot_idx()) == (30, 2)
    assert project.get_best_snapshot_test_error() == 2.0
    evaluate(folder, 0, engine, [(30, 9.0)])
    assert project.get_best_snapshot() == 40
    evaluate(folder, 0, engine, [(20, 0.1)], shuffle=2)
    assert project.get_best_snapshot() == 40


def test_results_without_any_number(folder):
    train(folder, 0, "pytorch", (10, 20))
    evaluate(folder, 0, "pytorch", [(10, None), (20, None)])
    project = DLCProject(folder)
    assert project.get_best_snapshot() == 20
    assert math.isnan(project.get_best_snapshot_test_error())


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"Training epochs,test rmse\n1e999,1\n", b"\xff\xfe\n"])
def test_damaged_results_are_refused_with_the_line(folder, content):
    train(folder, 0, "pytorch", (10, 20))
    evaluate(folder, 0, "pytorch", []).write_bytes(content)
    with pytest.raises(FormatError, match=r"CombinedEvaluation-results\.csv"):
        DLCProject(folder).get_best_snapshot()


def test_predictions_come_in_the_order_of_snapshots(folder):
    train(folder, 0, "pytorch", (5, 20), best=20)
    paths = [predict(folder, 0, "mouse", f"snapshot_{name}") for name in ("best-20", "100", "20", "5")]
    predict(folder, 0, "mouse2", "snapshot_5")
    layout = DLCProject(folder).layout(0)
    assert layout.predictions("mouse") == [paths[3], paths[2], paths[1], paths[0]]
    assert layout.prediction_of("mouse", layout.best()) == paths[0]
    assert layout.prediction_of("mouse", layout.snapshots[1]) == paths[2]
    assert layout.predictions("other") == []
    assert layout.prediction_of("other", None) is None
