"""Durable layers: recovery, two kernels, files that change meanwhile."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from jupytrack.annotation import durable as module
from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import AnnotationError, ConflictError, SaveError
from jupytrack.formats import dustrack

OTHER = """
import sys
from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.points import VideoAnnotation
ann = VideoAnnotation(sys.argv[1])
layer = open_durable(ann)
ann.add([1, 1], "0", 1)
ann.history.journal.flush()
print("held", flush=True)
sys.stdin.readline()
ann.save()
layer.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "v_annotations_x.json"


def opened(path: Path, **options):
    ann = VideoAnnotation(path)
    return ann, open_durable(ann, **options)


def reopened(path: Path) -> tuple[dict[str, dict[int, list[float]]], int]:
    """What a layer holds when it is opened again without a question, and how much of that was not saved."""
    ann, layer = opened(path)
    assert layer.conflict is None
    layer.close()
    return points(ann), layer.recovered


def points(ann: VideoAnnotation) -> dict[str, dict[int, list[float]]]:
    return {label: dict(values) for label, values in ann.data.items()}


def test_plain_annotations_leave_no_files(path):
    ann = VideoAnnotation(path)
    ann.add([1, 2], "0", 3)
    assert list(path.parent.iterdir()) == []
    ann.save()
    assert {p.suffix for p in path.parent.iterdir()} <= {".json", ".sidecar"}
    with pytest.raises(AnnotationError, match="no file"):
        open_durable(VideoAnnotation())


def test_edits_survive_without_saving_and_undo_survives_saving(path):
    ann, layer = opened(path)
    assert open_durable(ann) is layer
    ann.add([1, 2], "0", 3)
    ann.save()
    ann.add([5, 6], "0", 4)
    layer.close()
    assert ann.durable is None
    assert not list(path.parent.glob("*.lock"))

    ann, layer = opened(path)
    assert layer.recovered == 1
    assert "came back" in layer.messages[0][1]
    assert points(ann) == {"0": {3: [1.0, 2.0], 4: [5.0, 6.0]}}
    assert (ann.unsaved.added, ann.history.dirty) == (1, True)
    ann.save()
    layer.close()

    ann, layer = opened(path)
    assert (layer.recovered, layer.messages) == (0, [])
    assert [entry.action for entry in ann.history.entries] == ["do", "saving", "save", "do", "saving", "save"]
    assert not ann.history.dirty
    ann.history.undo()
    ann.history.undo()
    assert points(ann) == {"0": {}}
    layer.close()

    ann, layer = opened(path)
    assert layer.recovered == 2
    assert points(ann) == {"0": {}}
    ann.history.redo()
    assert points(ann) == {"0": {3: [1.0, 2.0]}}
    layer.close()


def test_columns_and_labels_come_back_to_the_last_bit(path):
    ann, layer = opened(path)
    rng = np.random.default_rng(1)
    ann.add_label("nose")
    ann.set_points("nose", range(500), rng.normal(size=(500, 2)), columns={"likelihood": rng.random(500)})
    expected, likelihood = ann.to_trace("nose"), ann.column("likelihood")
    layer.close()
    ann, layer = opened(path)
    assert ann.labels == ["0", "nose"]
    assert np.array_equal(ann.to_trace("nose"), expected)
    assert np.array_equal(ann.column("likelihood"), likelihood, equal_nan=True)
    layer.close()


@pytest.mark.parametrize("lost", ["file", "file and sidecar"])
def test_a_save_that_was_cut_short_is_no_conflict(path, lost, monkeypatch):
    ann, layer = opened(path)
    ann.set_points("0", range(10), np.ones((10, 2)), columns={"likelihood": [0.5] * 10})
    ann.save()
    ann.set_points("0", range(5, 15), np.zeros((10, 2)), columns={"likelihood": [0.25] * 10})
    expected = ann.to_trace("0"), ann.column("likelihood"), ann.column("source")
    journal = layer.journal_path
    real = module.Journal.append

    def crash(self, entry, done):
        real(self, entry, done)
        if entry.action == "saving":
            assert self.flush()
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.Journal, "append", crash)
        with pytest.raises(KeyboardInterrupt):
            ann.save()
    before = journal.read_bytes()
    files = {p: p.read_bytes() for p in (path, path.with_suffix(".sidecar"))}
    ann.save()
    layer.close()
    # As after a kill between the intention and the end.
    journal.write_bytes(before)
    path.write_bytes(files[path])
    if lost == "file and sidecar":
        path.with_suffix(".sidecar").write_bytes(files[path.with_suffix(".sidecar")])
    ann, layer = opened(path)
    assert layer.conflict is None
    assert layer.recovered == 1
    for now, then in zip(
        (ann.to_trace("0"), ann.column("likelihood"), ann.column("source")), expected, strict=True
    ):
        assert np.array_equal(now, then, equal_nan=True)
    layer.close()


def edited(path: Path):
    """A layer with a point on frame 1 that is saved and one on frame 2 that is not."""
    ann, layer = opened(path)
    ann.add([1, 1], "0", 1)
    ann.save()
    ann.add([2, 2], "0", 2)
    return ann, layer


BOTH = {"0": {1: [1.0, 1.0], 2: [2.0, 2.0]}}


def other_program(path: Path, content: dict) -> bytes:
    path.write_text(json.dumps(content))
    return path.read_bytes()


@pytest.fixture
def conflicting(path):
    ann, layer = edited(path)
    layer.close()
    theirs = other_program(path, {"0": {"7": [7, 7]}})
    ann, layer = opened(path)
    return path, theirs, ann, layer


def test_a_file_that_changed_meanwhile_is_a_question(conflicting):
    path, theirs, ann, layer = conflicting
    conflict = layer.conflict
    assert layer.read_only
    assert (conflict.edits, conflict.exact) == (1, True)
    assert "changed by another program" in conflict.problem
    assert conflict.file.to_mapping() == {"0": {7: [7.0, 7.0]}}
    assert conflict.journal.to_mapping() == BOTH
    with pytest.raises(ConflictError, match="resolve"):
        ann.add([3, 3], "0", 3)
    with pytest.raises(ConflictError):
        ann.save()
    assert path.read_bytes() == theirs
    assert points(ann) == {"0": {7: [7.0, 7.0]}}
    with pytest.raises(AnnotationError):
        conflict.resolve("both")
    # Asked again as long as nobody has decided.
    layer.close()
    ann, layer = opened(path)
    assert layer.conflict is not None
    layer.close()


def test_keeping_our_version(conflicting):
    path, theirs, ann, layer = conflicting
    conflict = layer.conflict
    kept = conflict.resolve("journal")
    assert kept.name.startswith("v_annotations_x.json.theirs-")
    assert kept.read_bytes() == theirs == path.read_bytes()
    assert points(ann) == BOTH
    with pytest.raises(ConflictError):
        conflict.resolve("file")
    layer.close()
    ann, layer = opened(path)
    assert layer.conflict is None
    assert points(ann) == BOTH
    ann.history.undo()
    assert points(ann) == {"0": {7: [7.0, 7.0]}}
    ann.history.redo()
    ann.save()
    assert dustrack.read(path).to_mapping() == BOTH
    layer.close()


def test_taking_the_files_version(conflicting):
    path, theirs, ann, layer = conflicting
    kept = layer.conflict.resolve("file")
    assert kept.name.startswith("v_annotations_x.json.ours-")
    assert dustrack.read(kept).to_mapping() == BOTH
    assert path.read_bytes() == theirs
    assert points(ann) == {"0": {7: [7.0, 7.0]}}
    assert not ann.history.can_undo
    assert not layer.read_only
    ann.add([8, 8], "0", 8)
    layer.close()
    assert reopened(path) == ({"0": {7: [7.0, 7.0], 8: [8.0, 8.0]}}, 1)


def test_a_deleted_file_with_unsaved_edits_is_a_question_too(path):
    ann, layer = edited(path)
    layer.close()
    path.unlink()
    path.with_suffix(".sidecar").unlink()
    ann, layer = opened(path)
    assert layer.conflict.journal.to_mapping() == BOTH
    layer.conflict.resolve("journal")
    ann.save()
    assert dustrack.read(path).to_mapping() == BOTH
    layer.close()


def test_a_file_that_changed_while_nothing_was_unsaved_is_simply_taken(path):
    ann, layer = opened(path)
    ann.add([1, 1], "0", 1)
    ann.save()
    layer.close()
    other_program(path, {"0": {"7": [7, 7]}})
    ann, layer = opened(path)
    assert layer.conflict is None
    assert "undo begins anew" in layer.messages[0][1]
    assert not ann.history.can_undo
    assert len(ann.history.entries) == 4
    ann.add([8, 8], "0", 8)
    layer.close()
    assert reopened(path) == ({"0": {7: [7.0, 7.0], 8: [8.0, 8.0]}}, 1)


def test_saving_over_a_file_that_changed_is_refused(path):
    ann, layer = edited(path)
    theirs = other_program(path, {"0": {"7": [7, 7]}})
    with pytest.raises(ConflictError, match="overwrite=True"):
        ann.save()
    assert path.read_bytes() == theirs
    ann.save(overwrite=True)
    assert [p.read_bytes() for p in path.parent.glob("*.theirs-*Z")] == [theirs]
    layer.close()
    assert reopened(path) == (BOTH, 0)


def test_two_kernels_on_one_layer(path):
    run = [sys.executable, "-c", OTHER, str(path)]
    process = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    ann, layer = opened(path)
    assert layer.read_only
    assert not layer.durable
    assert f"process {process.pid}" in layer.problem.problem
    with pytest.raises(ConflictError, match="open elsewhere"):
        ann.add([9, 9], "0", 9)
    with pytest.raises(ConflictError):
        ann.save()
    ann.save(path.with_name("copy.json"))
    layer.close()
    # Taken over: the first one is told before it writes anything.
    ann, layer = opened(path, steal_lock=True)
    assert points(ann) == {"0": {1: [1.0, 1.0]}}
    ann.add([2, 2], "0", 2)
    ann.save()
    saved = path.read_bytes()
    process.stdin.write("\n")
    process.stdin.close()
    assert process.wait(20) != 0
    process.stdout.close()
    assert path.read_bytes() == saved
    assert ann.durable is layer
    ann.add([3, 3], "0", 3)
    assert ann.history.journal.flush()
    layer.close()
    assert sorted(reopened(path)[0]["0"]) == [1, 2, 3]


def test_opened_again_in_the_same_process_the_newer_one_goes_on(path):
    first, _ = opened(path)
    first.add([1, 1], "0", 1)
    second, layer = opened(path)
    assert points(second) == {"0": {1: [1.0, 1.0]}}
    with pytest.raises(ConflictError, match="opened again"):
        first.add([2, 2], "0", 2)
    with pytest.raises(ConflictError):
        first.save()
    second.add([3, 3], "0", 3)
    second.save()
    layer.close()


def test_a_forgotten_layer_gives_its_lock_back(path):
    ann, layer = opened(path)
    ann.add([1, 1], "0", 1)
    while not ann.history.all_confirmed:
        time.sleep(0.001)
    del ann, layer
    for _ in range(100):
        gc.collect()
        time.sleep(0.01)
        if not list(path.parent.glob("*.lock")):
            break
    _, layer = opened(path)
    assert layer.recovered == 1
    assert layer.messages == [("info", f"One edit of {path.name} had not been saved and came back.", "")]
    layer.close()


def test_rests_of_killed_saves_are_swept_when_they_are_old(path):
    old, new, other = (
        path.with_name(f".{name}.tmp") for name in (f"{path.name}.1", f"{path.name}.2", "other.1")
    )
    for rest in (old, new, other):
        rest.touch()
    for rest in (old, other):
        os.utime(rest, (time.time() - 3600,) * 2)
    _, layer = opened(path)
    layer.close()
    assert sorted(path.parent.iterdir()) == sorted([new, other])


def test_nowhere_to_keep_a_journal_is_told(path, monkeypatch):
    def full(self, *, steal=False):
        raise SaveError("The disk is full.", "Free some space.")

    monkeypatch.setattr(module.LayerLock, "acquire", full)
    ann, layer = opened(path)
    assert isinstance(layer.problem, SaveError)
    assert not layer.read_only
    assert not layer.durable
    assert layer.messages[0][0] == "error"
    ann.add([1, 1], "0", 1)
    layer.close()


def test_a_damaged_journal_makes_the_layer_read_only(path):
    path.with_suffix(".journal").write_text("notes\n")
    ann, layer = opened(path)
    assert layer.read_only
    assert "no journal" in layer.problem.problem
    with pytest.raises(ConflictError):
        ann.add([1, 1], "0", 1)
    layer.close()
    assert path.with_suffix(".journal").read_text() == "notes\n"


def test_in_a_folder_without_permission_the_journal_goes_elsewhere(path, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(module, "is_writable", lambda folder: False)
    monkeypatch.setattr(module, "private_folder", lambda file: elsewhere)
    ann, layer = opened(path)
    ann.add([1, 1], "0", 1)
    layer.close()
    assert [p.name for p in elsewhere.iterdir()] == ["v_annotations_x.journal"]
    ann, layer = opened(path)
    assert layer.recovered == 1
    layer.close()


def test_edits_before_opening_are_kept_with_those_of_the_journal(path):
    ann, layer = opened(path)
    ann.add([1, 1], "0", 1)
    layer.close()
    ann = VideoAnnotation(path)
    ann.add([2, 2], "0", 2)
    layer = open_durable(ann)
    assert sorted(points(ann)["0"]) == [1, 2]
    layer.close()
    assert sorted(reopened(path)[0]["0"]) == [1, 2]


def test_renaming_takes_unsaved_edits_along(path):
    ann, layer = edited(path)
    new = path.with_name("v_annotations_y.json")
    layer.move_to(new)
    ann.add([3, 3], "0", 3)
    assert ann.history.journal.flush()
    assert not [p.name for p in path.parent.iterdir() if "_x" in p.name]
    layer.close()
    found, recovered = reopened(new)
    assert (sorted(found["0"]), recovered) == ([1, 2, 3], 2)


def test_saving_while_listeners_look_at_the_layer_does_not_hang(path):
    ann, layer = opened(path)

    def look(entry) -> None:
        with ann.lock:
            ann.unsaved

    ann.history.on_confirmed(look)
    failures: list[BaseException] = []

    def edit(first: int) -> None:
        try:
            for n in range(first, first + 60):
                ann.add([n, n], "0", n)
                if n % 5 == 0:
                    ann.history.undo()
                if n % 7 == 0:
                    ann.save()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=edit, args=(first,), daemon=True) for first in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []
    expected = points(ann)
    layer.close()
    assert ann.history.all_confirmed
    assert reopened(path)[0] == expected


def test_a_replaced_file_is_kept_with_its_sidecar(path):
    ann, layer = opened(path)
    ann.set_points("0", [1], [[1, 1]], columns={"likelihood": [0.5]})
    ann.save()
    theirs = VideoAnnotation(path)
    theirs.set_points("0", [7], [[7, 7]], columns={"likelihood": [0.25]})
    path.unlink()
    theirs.history.forget()
    theirs._on_disk = ""
    theirs.save()
    files = {p.suffix: p.read_bytes() for p in (path, path.with_suffix(".sidecar"))}
    ann.save(overwrite=True)
    assert {p.suffix: p.read_bytes() for p in (path, path.with_suffix(".sidecar"))} != files
    kept = sorted(p for p in path.parent.iterdir() if ".theirs-" in p.name)
    assert [p.read_bytes() for p in kept] == [files[".json"], files[".sidecar"]]
    assert kept[1].name == kept[0].name + ".sidecar"
    layer.close()


def test_a_copy_replaces_nothing_unasked_and_never_an_open_layer(path):
    ann = VideoAnnotation(path)
    ann.add([1, 1], "0", 1)
    there = path.with_name("there.json")
    there.write_text("{}")
    with pytest.raises(ConflictError, match="overwrite=True"):
        ann.save(there)
    assert there.read_text() == "{}"
    ann.save(there, overwrite=True)
    assert dustrack.read(there).to_mapping() == points(ann)
    run = [sys.executable, "-c", OTHER, str(there)]
    process = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    before = there.read_bytes()
    with pytest.raises(ConflictError, match=f"process {process.pid}"):
        ann.save(there, overwrite=True)
    assert there.read_bytes() == before
    process.kill()
    process.communicate()
    ann.save(there, overwrite=True)
    assert not list(path.parent.glob("*.lock"))
    with pytest.raises(SaveError, match=r"y\.json could not be written: its folder"):
        ann.save(path.parent / "nowhere" / "y.json")


def test_edits_wait_while_the_lock_cannot_be_read(path):
    ann, layer = opened(path)
    lock = layer.lock.path
    aside = lock.with_name("aside")
    lock.rename(aside)
    lock.mkdir()
    errors: list[Exception] = []
    ann.history.on_error(errors.append)
    ann.add([1, 1], "0", 1)
    assert not ann.history.journal.flush()
    assert not layer.read_only
    assert not ann.history.all_confirmed
    lock.rmdir()
    aside.rename(lock)
    assert ann.history.journal.flush()
    assert [type(error) for error in errors] == [SaveError]
    layer.close()
    assert ann.history.all_confirmed
