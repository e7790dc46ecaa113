"""One writer for a layer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from jupytrack.annotation import locks as module
from jupytrack.annotation.locks import Holder, LayerLock
from jupytrack.errors import ConflictError, SaveError

HOLD = """
import sys, time
from jupytrack.annotation import locks as module
from jupytrack.annotation.locks import LayerLock
lock = LayerLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def write(path: Path, holder: Holder) -> None:
    path.write_text(json.dumps(asdict(holder)))


def test_a_lock_names_its_holder_and_is_given_back(tmp_path):
    path = tmp_path / "v_annotations_x.lock"
    lock = LayerLock(path)
    lock.acquire()
    lock.acquire()
    content = json.loads(path.read_text())
    assert content["process"] == os.getpid()
    assert {"host", "started", "user", "since"} <= content.keys()
    other = LayerLock(path)
    with pytest.raises(ConflictError) as told:
        other.acquire()
    assert f"process {os.getpid()}" in told.value.problem
    assert "annotator.take_over()" in told.value.remedy
    other.release()
    assert lock.is_held()
    lock.release()
    assert list(tmp_path.iterdir()) == []
    other.acquire()
    other.release()


def test_the_lock_of_a_killed_process_is_taken(tmp_path):
    path = tmp_path / "v_annotations_x.lock"
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    lock = LayerLock(path)
    with pytest.raises(ConflictError, match=f"process {process.pid}"):
        lock.acquire()
    process.kill()
    # Also while it is a zombie that nobody has waited for.
    for _ in range(100):
        holder = lock.holder()
        if holder is not None and holder.is_gone:
            break
        time.sleep(0.01)
    lock.acquire()
    assert lock.is_held()
    process.wait()
    process.stdout.close()
    lock.release()


def test_a_process_number_given_to_another_program_is_recognised(tmp_path):
    path = tmp_path / "x.lock"
    write(path, replace(Holder.me(), started=Holder.me().started - 1000))
    lock = LayerLock(path)
    lock.acquire()
    lock.release()


def test_another_machine_is_never_robbed_by_itself(tmp_path):
    path = tmp_path / "x.lock"
    far = replace(Holder.me(), host="far-away", process=1)
    write(path, far)
    lock = LayerLock(path)
    with pytest.raises(ConflictError, match="far-away"):
        lock.acquire()
    assert lock.holder() == far
    lock.acquire(steal=True)
    assert lock.is_held()
    lock.release()


def test_another_machine_of_the_same_name_is_not_robbed_but_an_earlier_boot_is(tmp_path, monkeypatch):
    path = tmp_path / "x.lock"
    me = Holder.me()
    lock = LayerLock(path)
    monkeypatch.setattr(module, "_machine", lambda: "this-boot pid:[1] this-system")
    for machine in (
        "this-boot pid:[2]",
        "another-boot pid:[1]",
        "another-boot pid:[1] another-system",
        "this-boot pid:[2] this-system",
        "",
    ):
        write(path, replace(me, machine=machine, process=2**22 + 1))
        with pytest.raises(ConflictError):
            lock.acquire()
    write(path, replace(me, machine="another-boot pid:[1] this-system"))
    lock.acquire()
    lock.release()
    monkeypatch.setattr(module, "_machine", lambda: "")
    write(path, replace(me, machine="another-boot pid:[1] this-system"))
    with pytest.raises(ConflictError):
        lock.acquire()


def test_drafts_that_killed_processes_left_are_swept(tmp_path):
    path = tmp_path / "x.lock"
    old, new, other = (
        tmp_path / f".{name}" for name in ("x.lock.0123abcd", "x.lock.89abcdef", "y.lock.0123abcd")
    )
    for rest in (old, new, other):
        rest.touch()
    for rest in (old, other):
        os.utime(rest, (time.time() - 60,) * 2)
    lock = LayerLock(path)
    lock.acquire()
    assert sorted(tmp_path.iterdir()) == sorted([new, other, path])
    lock.release()


def test_a_lock_that_cannot_be_read_for_a_moment_is_still_held(tmp_path):
    path = tmp_path / "x.lock"
    lock = LayerLock(path)
    lock.acquire()
    aside = path.with_name("aside")
    path.rename(aside)
    back = threading.Timer(0.1, aside.rename, (path,))
    back.start()
    lock.require()
    back.join()
    # What cannot be read for long is no reason to think that somebody else has it.
    path.rename(aside)
    path.mkdir()
    with pytest.raises(SaveError, match="cannot be read"):
        lock.require()
    assert not lock.is_held()
    path.rmdir()
    aside.rename(path)
    lock.require()
    lock.release()


def test_somebody_elses_file_is_no_lock(tmp_path):
    path = tmp_path / "x.lock"
    path.write_text("[[package]]\n")
    os.utime(path, (time.time() - 60,) * 2)
    with pytest.raises(ConflictError, match="not made by jupytrack"):
        LayerLock(path).acquire()
    assert path.read_text() == "[[package]]\n"


def test_a_lock_that_was_taken_over_is_noticed_and_left_alone(tmp_path):
    path = tmp_path / "x.lock"
    first, second = LayerLock(path), LayerLock(path)
    first.acquire()
    first.require()
    second.acquire(steal=True)
    with pytest.raises(ConflictError, match="taken over"):
        first.require()
    first.release()
    assert second.is_held()
    path.unlink()
    with pytest.raises(ConflictError, match="was removed"):
        second.require()


def test_rest_of_a_crash_without_content(tmp_path):
    path = tmp_path / "x.lock"
    path.write_bytes(b"")
    os.utime(path, (time.time() - 60,) * 2)
    lock = LayerLock(path)
    lock.acquire()
    lock.release()


@pytest.mark.parametrize("attempt", range(20))
def test_only_one_of_many_gets_it(tmp_path, attempt):
    path = tmp_path / "x.lock"
    write(path, replace(Holder.me(), started=0.0))
    start = threading.Barrier(8)
    won: list[LayerLock] = []

    def acquire() -> None:
        lock = LayerLock(path)
        start.wait()
        try:
            lock.acquire()
        except ConflictError:
            return
        won.append(lock)

    threads = [threading.Thread(target=acquire) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [lock.is_held() for lock in won] == [True]
    assert list(tmp_path.iterdir()) == [path]


def test_without_links_the_file_is_made_plainly(tmp_path, monkeypatch):
    def no_links(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", no_links)
    lock, other = LayerLock(tmp_path / "x.lock"), LayerLock(tmp_path / "x.lock")
    lock.acquire()
    with pytest.raises(ConflictError):
        other.acquire()
    lock.release()


def test_no_folder_to_lock_in(tmp_path):
    with pytest.raises(SaveError, match="folder does not exist"):
        LayerLock(tmp_path / "nowhere" / "x.lock").acquire()
