"""What is refused before deeplabcut is asked to learn; none of it needs deeplabcut."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys

import pytest
from projects import annotate, files_of, make_project, predictions, train

from jupytrack import dlc
from jupytrack.dlc import DLCProject
from jupytrack.dlc.checks import project_videos
from jupytrack.dlc.engine import deeplabcut
from jupytrack.dlc.starting import DEFAULTS, labels_changed, options_of
from jupytrack.errors import (
    AnnotationError,
    ConflictError,
    FormatError,
    MissingDependencyError,
    TrainingError,
    VideoNotFoundError,
)
from jupytrack.video.reader import VideoReader

needs_no_deeplabcut = pytest.mark.skipif(
    importlib.util.find_spec("deeplabcut") is not None, reason="deeplabcut is installed here"
)


@pytest.fixture
def project(tmp_path):
    """A project of DeepLabCut 3 with twenty labelled frames, whose videos were opened before."""
    folder = make_project(tmp_path / "p", engine="pytorch", videos=("mouse.mp4", "rat.mp4"))
    annotate(folder, "iteration-0", {"0": {frame: [1.0, 2.0] for frame in range(20)}, "1": {}})
    for video in folder.glob("videos/*.mp4"):
        VideoReader(video).close()
    return DLCProject(folder)


def refused(project, error, match, **arguments):
    before = files_of(project.path)
    with pytest.raises(error, match=match):
        project.start_training(**arguments)
    assert files_of(project.path) == before


@needs_no_deeplabcut
def test_what_is_missing_is_said(project):
    refused(project, MissingDependencyError, r"jupytrack\[dlc\]")
    with pytest.raises(ImportError, match=r"jupytrack\[dlc\]"):
        project.process()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"refine_mode": "best"}, ValueError, "scratch, pretrained, in_project, external"),
        (
            {"refine_mode": "scratch", "source_iteration": 0},
            ValueError,
            "does not go with source_iteration=0",
        ),
        ({"refine_mode": "pretrained", "external_snapshot_path": "a.pt"}, ValueError, "does not go with"),
        ({"refine_mode": "in_project"}, ValueError, "needs source_iteration"),
        ({"refine_mode": "in_project", "source_iteration": "0"}, TypeError, "int, not str"),
        (
            {"refine_mode": "in_project", "source_iteration": 0, "source_snapshot": 1.5},
            TypeError,
            "not float",
        ),
        ({"refine_mode": "in_project", "source_iteration": 7}, ValueError, r"not trained.*\[0\]"),
        (
            {"refine_mode": "in_project", "source_iteration": 0, "source_snapshot": 3},
            ValueError,
            r"\[10, 20\]",
        ),
        ({"refine_mode": "external"}, ValueError, "needs external_snapshot_path"),
        (
            {"refine_mode": "external", "external_snapshot_path": "nowhere.pt"},
            FileNotFoundError,
            "no snapshot .*nowhere",
        ),
        (
            {"refine_mode": "in_project", "source_iteration": 0, "net_type": "hrnet_w32"},
            ValueError,
            "hrnet_w32.*resnet_50",
        ),
        ({"epochs": 0}, ValueError, "at least 1"),
        ({"epochs": 2.5}, TypeError, "int, not float"),
        ({"epochs": 3, "maxiters": 3}, ValueError, "which mean the same"),
        ({"videos": [2]}, ValueError, r"2 is not in the project.*mouse\.mp4, rat\.mp4"),
        ({"videos": "nowhere.mp4"}, VideoNotFoundError, "nowhere"),
    ],
)
def test_arguments_that_do_not_fit_together(project, arguments, error, match):
    train(project.path, 0, "pytorch", (10, 20))
    refused(project, error, match, **arguments)


def test_too_few_labels(project):
    path = annotate(project.path, "iteration-0", {"0": {3: [1.0, 2.0]}, "1": {3: [2.0, 2.0]}})
    refused(project, TrainingError, "1 labelled frame and TrainingFraction 0.95 .*at least two frames")
    path.write_text(json.dumps({"0": {}, "1": {}}))
    refused(project, TrainingError, "no labelled frames.*save the layer")
    # labels that are no body parts of the project do not count
    path.write_text(json.dumps({"7": {str(frame): [1.0, 2.0] for frame in range(20)}}))
    refused(project, AnnotationError, "no label is a body part")
    # the files that were named count only
    annotate(project.path, "iteration-0", {"0": {frame: [1.0, 2.0] for frame in range(20)}})
    few = annotate(project.path, "few", {"0": {3: [1.0, 2.0]}})
    refused(project, TrainingError, "1 labelled frame", annotation_file_names=[few])


@needs_no_deeplabcut
def test_a_video_that_was_never_opened_is_not_indexed_while_one_waits(project):
    annotate(project.path, "iteration-0", {"0": {3: [1.0, 2.0]}})
    for index in project.path.glob("videos/*index.npz"):
        index.unlink()
    # the labels are checked by the run, which would begin now
    refused(project, MissingDependencyError, "deeplabcut")


def test_what_a_project_keeps_counts_where_a_call_says_nothing(project):
    train(project.path, 0, "pytorch", (10,))
    assert options_of(project) == DEFAULTS
    project.settings["training"] = {"epochs": 7, "device": "cpu", "net_type": "hrnet_w32"}
    found = options_of(project, maxiters=3, batch_size=None)
    assert (found["epochs"], found["device"], found["batch_size"]) == (3, "cpu", None)
    assert options_of(project)["epochs"] == 7
    project.settings["training"] = {"epochs": 0}
    refused(project, ValueError, "at least 1")
    project.settings["training"] = {"refine_mode": "scratch"}
    refused(project, ValueError, "has refine_mode; it may keep only epochs, batch_size")


@pytest.mark.parametrize(("fraction", "kind"), [(1.0, "test"), (0, "train"), (0.01, "train")])
def test_a_training_fraction_that_leaves_nothing(project, fraction, kind):
    project.edit_config(TrainingFraction=[fraction])
    refused(project, TrainingError, rf"(?s)to {kind} with.*TrainingFraction")


def test_a_table_of_labels_that_could_run_code_is_refused(project):
    """DeepLabCut would run it."""
    table = predictions().iloc[:, :2].astype(object)
    path = project.path / "labeled-data" / "mouse" / "CollectedData_me.h5"
    with pytest.warns(Warning, match="pickle"):
        table.to_hdf(path, key="df_with_missing", mode="w")
    refused(project, FormatError, "CollectedData_me")


def test_videos_by_number_name_or_path(project, tmp_path):
    mouse, rat = project.video_list
    outside = shutil.copy(mouse, tmp_path / "cat.mp4")
    assert project_videos(project) == [mouse, rat]
    assert project_videos(project, -1) == project_videos(project, "rat") == [rat]
    assert project_videos(project, [1, outside, mouse]) == [rat, outside, mouse]


def test_what_is_tensorflows_stays_so(tmp_path):
    folder = make_project(tmp_path / "p")
    train(folder, 0, "tensorflow", (1000,))
    annotate(folder, "iteration-1", {"0": {frame: [1.0, 2.0] for frame in range(20)}})
    project = DLCProject(folder)
    refused(project, MissingDependencyError, "TensorFlow.*engine: pytorch")
    for call in (project.analyze_videos, project.evaluate, project.train, project.create_training_dataset):
        with pytest.raises(ImportError, match="TensorFlow"):
            call()
    with pytest.raises(ImportError, match="TensorFlow"):
        project.start_training(refine_mode="in_project", source_iteration=0)


def test_steps_out_of_order(project):
    with pytest.raises(ValueError, match="not trained"):
        project.analyze_videos()
    with pytest.raises(TrainingError, match=r"create_training_dataset\(\)"):
        project.train()
    with pytest.raises(TrainingError, match="Train it first"):
        project.evaluate()
    with pytest.raises(ValueError, match="no iteration 3"):
        project.process(3)
    train(project.path, 0, "pytorch", (10, 20))
    with pytest.raises(TrainingError, match=r"trained already.*increment_iteration\(\)"):
        project.create_training_dataset()
    with pytest.raises(TrainingError, match="trained already"):
        project.train()
    with pytest.raises(ValueError, match="2 snapshots"):
        project.analyze_videos(0, snapshotindex=2)
    assert project.training is None


def test_labels_that_are_newer_than_the_dataset_have_changed(project):
    assert labels_changed(project, -1)
    model = train(project.path, 0, "pytorch", (10, 20))
    layer = next((project.path / "videos").glob("*.json"))
    os.utime(layer, (1000, 1000))
    assert not labels_changed(project, 0)
    # training writes beside the weights, not here
    os.utime(model / "test" / "pose_cfg.yaml", (900, 900))
    assert labels_changed(project, 0)


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundles" / "mouse"
    folder.mkdir(parents=True)
    (folder / "snapshot-best-020.pt").write_bytes(b"cut off")
    (folder / "pytorch_config.yaml").write_text("net_type: resnet_50\nmetadata:\n  bodyparts: [a, b]\n")
    (folder / "pose_cfg.yaml").write_text("dataset: x\n")
    return folder


def test_bundles_are_found(bundle):
    (bundle.parent / "no bundle").mkdir()
    (found,) = dlc.list_seed_bundles(bundle.parent)
    assert (found["name"], found["bodyparts"], found["net_type"]) == ("mouse", ["a", "b"], "resnet_50")
    assert (found["snapshot"].name, found["description"]) == ("snapshot-best-020.pt", "")
    assert dlc.list_seed_bundles(bundle / "nowhere") == []


@pytest.mark.parametrize("name", ["snapshot-best-020.pt", "pytorch_config.yaml", "pose_cfg.yaml"])
def test_a_bundle_that_lacks_a_file(bundle, name, project):
    (bundle / name).unlink()
    with pytest.raises(FileNotFoundError, match=name.replace("-best-020", r"-\*")):
        dlc.inspect_seed_bundle(bundle)
    assert dlc.list_seed_bundles(bundle.parent) == []


def test_bad_bundles_leave_the_project_as_it_was(bundle, project):
    before = files_of(project.path)
    with pytest.raises(FormatError, match=r"snapshot-best-020\.pt is cut off"):
        dlc.import_seed_bundle_into_project(project, bundle)
    (bundle / "snapshot-010.pt").write_bytes(b"another")
    with pytest.raises(ValueError, match="several snapshots"):
        dlc.import_seed_bundle_into_project(project, bundle)
    (bundle / "snapshot-010.pt").unlink()
    (bundle / "pytorch_config.yaml").write_text("net_type: resnet_50\n")
    with pytest.raises(FormatError, match=r"pytorch_config\.yaml names no body parts"):
        dlc.import_seed_bundle_into_project(project, bundle)
    assert files_of(project.path) == before


def test_only_snapshots_of_deeplabcut_3_become_bundles(project, tmp_path):
    model = train(project.path, 0, "pytorch", (10,))
    with pytest.raises(FileNotFoundError, match="no snapshot"):
        dlc.extract_snapshot_for_seeding(model / "train" / "snapshot-020.pt", tmp_path / "b")
    (model / "test" / "pose_cfg.yaml").unlink()
    with pytest.raises(FileNotFoundError, match="pose_cfg"):
        dlc.extract_snapshot_for_seeding(model / "train" / "snapshot-010.pt", tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_the_folder_of_bundles_is_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert dlc.get_seed_bundles_root() is None
    dlc.set_seed_bundles_root(tmp_path)
    assert dlc.get_seed_bundles_root() == tmp_path
    dlc.set_seed_bundles_root(tmp_path / "gone")
    assert dlc.get_seed_bundles_root() is None
    dlc.set_seed_bundles_root(None)
    dlc.set_seed_bundles_root(None)
    assert dlc.get_seed_bundles_root() is None


def test_a_trained_iteration_is_not_replaced_by_a_bundle(bundle, project):
    train(project.path, 0, "pytorch", (10,))
    with pytest.raises(ConflictError, match="trained already"):
        dlc.import_seed_bundle_into_project(project, bundle)


def test_torchvision_that_does_not_fit_torch(tmp_path, monkeypatch):
    (tmp_path / "deeplabcut.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "deeplabcut", raising=False)
    with pytest.raises(ImportError, match=r"nms does not exist.*torch and torchvision do not fit"):
        deeplabcut()
