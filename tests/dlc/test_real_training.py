"""Training with the real deeplabcut: the loop, and what may happen to it on the way."""

from __future__ import annotations

import os
import shutil
import signal

import av
import numpy as np
import psutil
import pytest
import tiny
from tiny import wait_for

from jupytrack.dlc import DLCProject
from jupytrack.dlc.config import parse_yaml
from jupytrack.dlc.snapshots import load_snapshot, snapshot_files
from jupytrack.dlc.training import trainings_in
from jupytrack.errors import FormatError, TrainingError
from jupytrack.jobs import JobCancelled

pytestmark = pytest.mark.deeplabcut


def test_a_training_outlives_the_kernel_and_tracks_the_dots(story):
    assert story.state_after_interrupt == "running"
    assert "project.training.cancel()" in story.printed
    assert story.state_after_kill == "running"
    assert 0 < story.epoch_after_kill < tiny.EPOCHS
    project = DLCProject(story.project)
    training = project.training
    assert (training.state, training.error) == ("done", "")
    assert (training.epoch, training.epochs) == (tiny.EPOCHS, tiny.EPOCHS)
    assert training.began_with == "random weights (test_resnet)"
    assert "CPU" in training.device
    assert "GiB free" in training.device
    losses = training.losses
    assert list(losses.index) == list(range(1, tiny.EPOCHS + 1))
    assert losses.train_loss.iloc[-1] < losses.train_loss.iloc[0] / 5
    assert losses.test_rmse.dropna().index.tolist() == [10, 20, 30]
    # every snapshot was evaluated, and the best one analysed
    assert set(project.layout(0).test_errors()) == set(project.all_snapshots[0])
    assert len(project.all_snapshots[0]) >= 5
    (prediction,) = training.predictions
    assert prediction.parent == project.path / "videos" / "iteration-0"
    assert tiny.distance(prediction) < 3
    (points,) = project.get_trajectories().values()
    assert points.n_frames == tiny.FRAMES
    with av.open(str(prediction.with_name(prediction.stem + "_labeled.mp4"))) as video:
        assert video.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in video.decode(video=0)) == tiny.FRAMES
    assert not list(training.folder.glob("*.pt"))
    assert any("Epoch 30/30" in line for line in training.log_tail(1000))
    assert "With 1 frame to test on" in training.hint


def test_refining_goes_on_from_the_weights_but_counts_from_one(trained):
    first = trained.training.losses.train_loss
    tiny.write_labels(trained.path / "videos" / "dots_annotations_iteration-1.json", (1, 10, 19))
    trained.train_iteration(refine_mode="in_project", source_iteration=0, epochs=10)
    training = trained.training
    assert (training.iteration, trained.current_iteration) == (1, 1)
    assert training.began_with.startswith("iteration 0, snapshot 30")
    assert list(training.losses.index) == list(range(1, 11))
    assert training.losses.train_loss[1] < first[1] / 2
    assert max(trained.all_snapshots[1]) == 10
    assert tiny.distance(training.predictions[0]) < 3
    # three more frames were learnt from
    assert trained.settings["began_with"]["1"] == training.began_with
    labelled = next((trained.path / "labeled-data" / "dots").glob("CollectedData*.csv")).read_text()
    assert "img01.png" in labelled or "img001.png" in labelled


def test_other_body_parts_take_over_the_backbone_only(trained, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    video = tiny.write_video(source / "dots.mp4")
    tiny.write_labels(source / "dots_annotations_iteration-0.json", labels=("0", "2"))
    project = DLCProject(tmp_path / "other", [video], name="dots_two", annotation_suffix="iteration-0")
    assert len(project.body_parts) == 2
    options = {k: v for k, v in tiny.model_options().items() if not k.startswith("model.")}
    snapshot = trained.layout(0).best().path
    project.train_iteration(
        refine_mode="external", external_snapshot_path=snapshot, epochs=10, pytorch_cfg_updates=options
    )
    training = project.training
    assert "without its output layers" in training.began_with
    # a backbone that knows the dots learns faster than a random one
    assert training.losses.train_loss[10] < trained.training.losses.train_loss[10]


def test_a_killed_worker_resumes_from_the_newest_readable_snapshot(untrained, stopped):
    index = untrained.path / "videos" / "dots.mp4.jupytrack-index.npz"
    assert not index.exists(), "the video was never opened"
    training = stopped(untrained.start_training(epochs=20))
    assert not index.exists(), "it returned at once"
    told = set()
    wait_for(lambda: told.add(training.text) or training.epoch >= 9)
    assert {"loading deeplabcut", "preparing the network"} <= told
    assert index.exists()
    train = untrained.layout(0).train_folder
    worker = psutil.Process(training._said()["holder"]["process"])
    os.killpg(worker.pid, signal.SIGKILL)
    wait_for(lambda: training.state != "running")
    assert DLCProject(untrained.path).training.state == "interrupted"
    with pytest.raises(TrainingError, match=r"resume\(\)"):
        training.wait()
    # as if it had been killed while it wrote the newest one
    *_, good, newest = snapshot_files(train)
    os.truncate(newest, newest.stat().st_size // 2)
    epoch = load_snapshot(good)["metadata"]["epoch"]
    resumed = DLCProject(untrained.path).training.resume()
    assert resumed.folder == training.folder
    assert not newest.exists()
    resumed.wait(600)
    assert training.state == "done"
    log = training.log_tail(2000)
    assert any(f"Going on from {good.name}, after epoch {epoch} of 20" in line for line in log)
    assert any("Epoch 20/20" in line for line in log)
    assert list(training.losses.index) == list(range(1, 21))
    assert tiny.distance(training.predictions[0]) < 6
    with pytest.raises(TrainingError, match="is done"):
        training.resume()


def test_two_trainings_wait_for_each_other_and_are_cancelled(untrained, trained, stopped):
    first = stopped(untrained.start_training(epochs=500))
    wait_for(lambda: first.epoch >= 2)
    second = stopped(trained.start_training(epochs=500))
    with pytest.raises(TrainingError, match="being worked on"):
        trained.start_training(epochs=1)
    wait_for(lambda: "Another training uses CPU" in second.text)
    assert second.state == "waiting"
    assert trained.training.folder == second.folder
    assert first.seconds_left > 0
    process = psutil.Process(first._said()["holder"]["process"])
    job = first.follow()
    job.cancel()
    with pytest.raises(JobCancelled):
        job.result(120)
    assert first.state == "cancelled"
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    for path in snapshot_files(untrained.layout(0).train_folder):
        load_snapshot(path)
    wait_for(lambda: second.state == "running")
    second.cancel()
    assert second.state == "cancelled"
    # an iteration that has nothing is gone back from, and is the next one again
    assert trained.latest_trained_iteration == trained.current_iteration == 0


def cache_imagenet_weights(hub):
    """Put weights that are all 0.5 where the hub's client looks before it asks the hub."""
    import timm
    import torch
    from safetensors.torch import save_file

    model = timm.create_model("test_resnet", pretrained=False)
    repository = hub / "models--timm--test_resnet.r160_in1k"
    snapshot = repository / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    weights = {name: torch.full_like(w, 0.5) for name, w in model.state_dict().items()}
    save_file(weights, snapshot / "model.safetensors")


def test_what_fails_says_why_and_can_be_trained_again(untrained, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    training = untrained.start_training(refine_mode="pretrained", epochs=1)
    with pytest.raises(TrainingError, match=r"ImageNet weights.*scratch"):
        training.wait(300)
    assert training.state == "failed"
    assert not (untrained.path / "dlc-models-pytorch").exists(), "it failed before anything changed"

    training = untrained.start_training(epochs=1, pytorch_cfg_updates={"train_settings.bach_size": 4})
    with pytest.raises(TrainingError, match="bach_size"):
        training.wait(300)
    assert not untrained.iteration_is_trained(0)
    assert not list(training.folder.glob("*.pt"))

    untrained.process(maxiters=2, create_video=False)
    assert untrained.training.iteration == 0
    assert "random weights" in untrained.training.began_with
    assert "random weights" in capsys.readouterr().out
    assert [each.state for each in untrained.trainings] == ["failed", "failed", "done"]

    # weights that were downloaded before need no hub
    cache_imagenet_weights(tmp_path / "hub" / "hub")
    training = untrained.start_training(refine_mode="pretrained", epochs=1).wait(300)
    assert training.began_with == "ImageNet weights (test_resnet)"
    assert training.iteration == 1
    newest = snapshot_files(untrained.layout(1).train_folder)[-1]
    backbone = load_snapshot(newest)["model"]["backbone.model.layer1.0.conv1.weight"]
    assert abs(backbone - 0.5).max() < 0.1, "one epoch changes them a little"


def test_step_by_step(trained):
    """As scripts for DUSTrack do it; what is analysed again is analysed anew."""
    trained.edit_config(project_path=str(trained.path))
    config = trained.config_path.read_bytes()
    (prediction,) = trained.training.predictions
    prediction.write_bytes(b"old")
    trained.layout(0).evaluation_file.unlink()
    trained.evaluate(plotting=False)
    trained.analyze_videos(videos=[0], create_video=False, batchsize=8)
    assert trained.config_path.read_bytes() == config
    assert set(trained.layout(0).test_errors()) == set(trained.all_snapshots[0])
    assert tiny.distance(prediction) < 3
    trained.analyze_videos(0, snapshotindex=0, create_video=False, videos=trained.video_list)
    number = trained.layout(0).snapshots[0].number
    assert list(prediction.parent.glob(f"*snapshot_{number}.h5"))
    with pytest.raises(TrainingError, match="no_such_option"):
        trained.evaluate(no_such_option=1)
    trained.increment_iteration().extract_frames().create_training_dataset()
    trained.initialize_weights(0, dest_iteration=1).train(maxiters=1, max_snapshots_to_keep=2)
    assert trained.training.began_with.startswith("iteration 0, snapshot 30")
    assert trained.all_snapshots[1] == [1]
    # analysing an older iteration leaves the project where it was
    trained.analyze_videos(0, create_video=False)
    assert trained.current_iteration == 1
    # what did one step is kept only if it failed, for its log
    assert [each.state for each in trainings_in(trained.path)] == ["done", "failed", "done"]
    assert len(trained.trainings) == 2


class _Runs:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_snapshot_runs_no_code_even_if_the_project_allows_it(trained, tmp_path):
    import torch

    snapshot = trained.layout(0).best().path
    torch.save({**load_snapshot(snapshot), "more": _Runs(tmp_path / "ran")}, snapshot)
    model = trained.get_pose_cfg_file(0)
    runner = {**parse_yaml(model)["runner"], "load_weights_only": False}
    trained.edit_config(model, runner=runner)
    with pytest.raises(TrainingError, match="Weights only load failed"):
        trained.analyze_videos(0, create_video=False)
    assert not (tmp_path / "ran").exists()


def test_a_seed_bundle_goes_round(trained, tmp_path):
    from jupytrack import dlc

    best = trained.layout(0).best().path
    bundle = dlc.extract_snapshot_for_seeding(best, tmp_path / "bundles" / "dots", "Three dots.")
    (found,) = dlc.list_seed_bundles(tmp_path / "bundles")
    assert (found["name"], found["description"]) == ("dots", "Three dots.")
    assert found["bodyparts"] == list(tiny.BODY_PARTS)

    source = tmp_path / "source"
    source.mkdir()
    video = tiny.write_video(source / "dots.mp4")
    project = DLCProject(tmp_path / "new", [video], name="dots_new")
    folder = dlc.import_seed_bundle_into_project(project, bundle)
    assert project.body_parts == list(tiny.BODY_PARTS)
    assert project.all_snapshots == {0: [30]}
    assert folder == project.layout(0).folder
    run = project.start_analysis(0).wait(600)
    assert tiny.distance(run.predictions[0]) < 3
    assert project.next_layer_name == "iteration-1"

    # one whose weights are cut off leaves the project as it was
    bad = shutil.copytree(bundle, tmp_path / "bad")
    snapshot = next(bad.glob("*.pt"))
    os.truncate(snapshot, 1000)
    other = DLCProject(tmp_path / "other", [video], name="dots_other")
    before = other.config_path.read_bytes()
    with pytest.raises(FormatError, match=snapshot.name):
        dlc.import_seed_bundle_into_project(other, bad)
    assert other.config_path.read_bytes() == before
    assert not (other.path / "dlc-models-pytorch" / "iteration-0").exists()


class Harm:
    """Runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_snapshots_that_run_code_are_refused(tmp_path):
    import torch

    harmed = tmp_path / "harmed"
    path = tmp_path / "snapshot-010.pt"
    torch.save({"model": {"a": torch.zeros(3)}, "metadata": {"epoch": Harm(harmed)}}, path)
    with pytest.raises(FormatError, match=r"snapshot-010\.pt"):
        load_snapshot(path)
    assert not harmed.exists()
    # numbers as early releases of DeepLabCut saved them are read
    torch.save({"model": {}, "metadata": {"metrics": {"test.rmse": np.float64(1.5)}}}, path)
    assert load_snapshot(path)["metadata"]["metrics"]["test.rmse"] == 1.5


def test_a_resumed_training_keeps_the_best_so_far(tmp_path):
    import torch
    from deeplabcut.pose_estimation_pytorch.runners.snapshots import TorchSnapshotManager

    from jupytrack.dlc.engine import keeping_best

    def state(quality):
        return {"model": {}, "metadata": {"metrics": {"metrics/test.mAP": quality}}}

    def names():
        return [path.name for path in snapshot_files(tmp_path)]

    torch.save(state(90.0), tmp_path / "snapshot-best-010.pt")
    with keeping_best(tmp_path):
        manager = TorchSnapshotManager("snapshot", tmp_path, key_metric="test.mAP")
    manager.update(25, state(80.0))
    assert names() == ["snapshot-best-010.pt", "snapshot-025.pt"]
    manager.update(30, state(95.0))
    assert names() == ["snapshot-025.pt", "snapshot-best-030.pt"]


def test_a_snapshot_of_another_network_is_refused(untrained, trained, stopped):
    """The options of the project describe a network that the snapshot does not fit."""
    (config,) = trained.path.glob("dlc-models-pytorch/*/*/train/pytorch_config.yaml")
    config.unlink()
    untrained.settings["training"] = {"pytorch_cfg_updates": {"model.backbone.model_name": "resnet18"}}
    snapshot = next(config.parent.glob("snapshot-best*.pt"))
    training = stopped(
        untrained.start_training(refine_mode="external", external_snapshot_path=snapshot, epochs=1)
    )
    with pytest.raises(TrainingError, match=r"another network.*pytorch_config"):
        training.wait(300)
    assert untrained.current_iteration == 0


def test_snapshots_that_were_cut_off_are_removed(tmp_path):
    import torch

    from jupytrack.dlc.snapshots import newest_readable, remove_unreadable

    for epoch in (10, 20, 30):
        torch.save({"model": {"a": torch.zeros(1000)}}, tmp_path / f"snapshot-{epoch:03}.pt")
        os.utime(tmp_path / f"snapshot-{epoch:03}.pt", (epoch, epoch))
    os.truncate(tmp_path / "snapshot-030.pt", 1500)
    os.utime(tmp_path / "snapshot-030.pt", (30, 30))
    assert newest_readable(tmp_path).name == "snapshot-020.pt"
    assert [path.name for path in remove_unreadable(tmp_path)] == ["snapshot-030.pt"]
    assert [path.name for path in snapshot_files(tmp_path)] == ["snapshot-010.pt", "snapshot-020.pt"]
    assert remove_unreadable(tmp_path) == []
