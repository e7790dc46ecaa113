"""A training as its folder tells of it: no deeplabcut, but real processes."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
import zipfile

import pytest
from projects import make_project
from tiny import wait_for

from jupytrack.annotation.locks import Holder
from jupytrack.dlc import DLCProject
from jupytrack.dlc import process as processes
from jupytrack.dlc.devices import Device, available_devices, hold
from jupytrack.dlc.snapshots import remove_unreadable, snapshot_files
from jupytrack.dlc.training import FOLDER, Training, require_idle, trainings_in
from jupytrack.dlc.worker import Board, Watch, _forget_after, _told
from jupytrack.errors import TrainingError
from jupytrack.jobs import JobCancelled

SLEEPER = """
import signal, sys, time
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
print("ready", flush=True)
time.sleep(300)
"""
STATISTICS = """\
step,losses/eval.total_loss,losses/train.total_loss,metrics/test.rmse
1,,0.5,
2,0.3,0.25,7.5
"""


@pytest.fixture
def make(tmp_path):
    """A function that writes the folder of a run."""

    def write(name="20260101T000000-iteration-0", **said):
        folder = tmp_path / FOLDER / name
        folder.mkdir(parents=True)
        about = {"state": "running", "iteration": 0, "stages": ["train"], "created": time.time(), **said}
        (folder / "state.json").write_text(json.dumps(about))
        return Training(folder)

    return write


@pytest.fixture
def sleeper():
    """A function that starts a process which sleeps, deaf to the signals that are named."""
    started = []

    def start(*deaf):
        process = subprocess.Popen(
            [sys.executable, "-c", SLEEPER, *deaf], start_new_session=True, stdout=subprocess.PIPE
        )
        started.append(process)
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def holder_of(process, **changes):
    import psutil

    about = dataclasses.asdict(Holder.me())
    about.update(process=process.pid, started=psutil.Process(process.pid).create_time())
    return {**about, **changes}


def test_a_process_that_is_gone_is_told_from_one_that_runs(make, sleeper):
    process = sleeper()
    training = make(holder=holder_of(process))
    assert training.state == "running"
    process.kill()  # nobody asks for it, so it stays in the list of processes
    wait_for(lambda: training.state == "interrupted")
    with pytest.raises(TrainingError, match="cut off"):
        training.wait()


def test_another_process_of_the_same_number_is_not_taken_for_it(make, sleeper):
    process = sleeper()
    training = make(holder=holder_of(process, started=time.time() - 5000))
    assert training.state == "interrupted"
    training.cancel()
    assert process.poll() is None


def test_on_another_machine_signs_of_life_count(make):
    training = make(holder={**dataclasses.asdict(Holder.me()), "host": "elsewhere", "machine": "x"})
    alive = training.folder / "alive"
    alive.touch()
    assert training.state == "running"
    os.utime(alive, (time.time() - 3600, time.time() - 3600))
    assert training.state == "interrupted"


@pytest.mark.parametrize("deaf", [(), ("SIGINT",), ("SIGINT", "SIGTERM")])
def test_cancelling_goes_as_far_as_it_must(make, sleeper, monkeypatch, deaf):
    steps = tuple((name, 0.3 if name in deaf else 10.0) for name, _ in processes._STEPS)
    monkeypatch.setattr(processes, "_STEPS", steps)
    process = sleeper(*deaf)
    training = make(holder=holder_of(process))
    (training.folder / "start.pt").write_bytes(b"weights")
    training.cancel()
    assert process.wait(5) == -(2, 15, 9)[len(deaf)]
    assert training.state == "cancelled"
    assert json.loads((training.folder / "state.json").read_text())["state"] == "cancelled"
    assert not (training.folder / "start.pt").exists()


RESTLESS = """
import signal, sys, time
from pathlib import Path
from jupytrack.dlc import worker
worker.PATIENCE = 0.5
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
worker.Watch(folder, worker.Board(folder / "state.json")).start()
for attempt in range(2):
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_an_interrupt_that_gets_lost_comes_again(make):
    """A wish to stop that only the disk tells of."""
    training = make()
    (training.folder / "cancel").touch()
    run = subprocess.run(
        [sys.executable, "-c", RESTLESS, str(training.folder)], capture_output=True, text=True, timeout=60
    )
    assert run.stdout.split() == ["interrupted", "interrupted"]


def test_what_a_killed_run_leaves_is_cleaned_up_by_the_next(make, sleeper, tmp_path):
    config, models = tmp_path / "config.yaml", tmp_path / "models"
    config.write_text("iteration: 1\n")
    models.mkdir()
    (models / "snapshot-010.pt").write_bytes(b"PK cut off")
    process = sleeper()
    training = make(iteration=1, iteration_before=0, train_folder="models", holder=holder_of(process))
    (training.folder / "start.pt").write_bytes(b"weights")
    with pytest.raises(TrainingError, match="being worked on"):
        require_idle(tmp_path)
    assert config.read_text() == "iteration: 1\n"
    process.kill()
    wait_for(lambda: training.state == "interrupted")
    require_idle(tmp_path)
    assert config.read_text() == "iteration: 0\n"
    assert not list(tmp_path.rglob("*.pt"))
    assert training.state == "interrupted"
    # once only
    config.write_text("iteration: 1\n")
    require_idle(tmp_path)
    assert config.read_text() == "iteration: 1\n"


def test_modules_are_found_by_a_path_from_here(tmp_path, monkeypatch):
    """The process starts in another folder."""
    for name in ("lib", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "lib" / "sitecustomize.py").write_text("print('found')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"lib{os.pathsep}")
    assert processes.launch(tmp_path / "run").wait(60) == 2
    assert (tmp_path / "run" / "log.txt").read_text().startswith("found")


def test_a_job_follows_a_run(make, sleeper):
    process = sleeper()
    training = make(
        holder=holder_of(process), stage="train", epoch=5, epochs=10, epoch_seconds=2, epoch_ended=time.time()
    )
    assert 8 < training.seconds_left <= 10
    job = training.follow(every=0.01)
    wait_for(lambda: job.progress.text)
    assert (job.progress.text, job.progress.fraction) == ("epoch 5 of 10", 0.5)
    job.cancel()
    with pytest.raises(JobCancelled):
        job.result(30)
    assert process.wait(5) == -2

    ended = make(
        "20260102T000000-iteration-1", state="done", iteration=1, test_frames=1, predictions=["a.h5"]
    )
    assert ended.follow().result(10) is ended
    assert ended.hint.startswith(
        "Correct its predictions in a new layer, iteration-2. With 1 frame to test on"
    )
    failed = make("20260103T000000-iteration-2", state="failed", iteration=2, error="It broke.")
    (failed.folder / "log.txt").write_text("first\n 10%|#\r 20%|##\r 30%|###\nTraceback\n\n")
    assert failed.log_tail() == ["first", " 30%|###", "Traceback"]
    with pytest.raises(TrainingError, match=r"It broke.*\n(.*\n)+Traceback"):
        failed.follow().result(10)
    project = failed.folder.parents[1]
    assert [each.iteration for each in trainings_in(project)] == [0, 1, 2]


def test_losses_come_from_whole_lines_only(make, tmp_path):
    training = make(epoch=0, epochs=10)
    assert training.losses.empty
    statistics = tmp_path / "learning_stats.csv"
    watch = Watch(training.folder, Board(training.folder / "state.json"))
    watch.follow(statistics, 0)
    watch.look()
    statistics.write_text(STATISTICS)
    watch.look()
    assert training.epoch == 2
    told = training.losses
    assert told.train_loss.tolist() == [0.5, 0.25]
    assert (told.test_loss[2], told.test_rmse[2]) == (0.3, 7.5)
    # the file is rewritten in place: a look in the middle of that changes nothing
    for cut in ("", STATISTICS[:70], STATISTICS[:-22]):
        statistics.write_text(cut)
        watch.look()
        assert training.epoch == 2
        assert training.losses.equals(told)
    statistics.write_text(STATISTICS + "3,,0.2,\n")
    watch.look()
    assert training.epoch == 3
    assert training.losses.train_loss[3] == 0.2
    assert watch.board["epoch_seconds"] is not None


def test_what_to_do_about_a_full_disk_is_said():
    """Of which torch says nothing."""
    told = _told(RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 87232 vs 87128\n"))
    assert told.endswith("most likely the disk is full. Free some space and resume.")
    assert "Free some space" in _told(OSError(28, "No space left on device"))


def test_epochs_without_a_snapshot_are_forgotten(tmp_path):
    statistics = tmp_path / "learning_stats.csv"
    statistics.write_text(STATISTICS + "3,,0.2,\n4,,0.1")
    _forget_after(statistics, 2)
    assert statistics.read_text() == STATISTICS


HOLDER = """
import sys
from jupytrack.dlc.devices import Device, hold
with hold([Device("cuda:0", "A card", identity="GPU-1")]):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_device_is_one_run_s_until_that_ends_or_is_killed(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTRACK_DEVICE_LOCKS", str(tmp_path / "locks"))
    card = Device("cuda:0", "A card", 2**30, 2**31, "GPU-1")
    # another process may count the same card differently
    same = Device("cuda:1", "A card", identity="GPU-1")
    other = Device("cuda:1", "A card", identity="GPU-2")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        waited = []
        with hold([card, other], waited.append) as device:
            assert device is other
        assert waited == []

        def kill(text):
            waited.append(text)
            process.kill()

        with hold([same], kill, every=0.01) as device:
            assert device is same
        assert waited == ["Another training uses A card (cuda:1)."]
    assert str(card) == "A card (cuda:0), 1.0 of 2.0 GiB free"


def test_the_processor_is_always_a_device():
    device = available_devices()[-1]
    assert device.name == "cpu"
    assert 0 < device.free <= device.total


SMI = """#!/bin/sh
echo "0, GPU-aa, NVIDIA A, 1000, 2000"
echo "1, GPU-bb, NVIDIA B, 1500, 2000"
echo "2, GPU-cc, NVIDIA C, [N/A], [N/A]"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for nvidia-smi")
def test_cards_are_counted_as_torch_does(tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").write_text(SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [each.name for each in available_devices()] == ["cuda:1", "cuda:0", "cuda:2", "cpu"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-bb,0")
    found = {each.name: each for each in available_devices()}
    assert list(found) == ["cuda:0", "cuda:1", "cpu"]
    assert found["cuda:0"].title == "NVIDIA B"
    assert found["cuda:0"].free == 1500 * 2**20


def test_only_snapshots_that_were_cut_off_are_removed(tmp_path):
    paths = [tmp_path / f"snapshot-{epoch:03}.pt" for epoch in (10, 20, 30, 40)]
    for time_, path in enumerate(paths):
        with zipfile.ZipFile(path, "w") as archive:  # whole, but nothing that torch could load
            archive.writestr("archive/data.pkl", b"0" * 3000)
        if path in paths[2:]:
            path.write_bytes(path.read_bytes()[: 1000 * (3 - time_)])
        os.utime(path, (time_, time_))
    assert remove_unreadable(tmp_path) == [paths[3], paths[2]]
    assert snapshot_files(tmp_path) == paths[:2]
    assert remove_unreadable(tmp_path) == []
    assert remove_unreadable(tmp_path / "nowhere") == []


def test_what_is_labelled_during_a_training_is_for_the_next_one(tmp_path, make, sleeper):
    project = DLCProject(make_project(tmp_path))
    assert project.next_layer_name == "iteration-0"
    process = sleeper()
    make(holder=holder_of(process))
    assert project.next_layer_name == "iteration-1"
    process.kill()
    process.wait()
    assert project.next_layer_name == "iteration-0"
