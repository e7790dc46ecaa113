"""What is settled before a training: unsaved edits, incomplete frames, and the way back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from plain_video import PlainVideo

from jupytrack import samples
from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.layers import LayerStack
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import Visibility
from jupytrack.dlc import preflight
from jupytrack.dlc.files import check_saved
from jupytrack.errors import AnnotationError, ConflictError, FormatError, SaveError
from jupytrack.formats.dustrack import discover_layers


@pytest.fixture
def stack(tmp_path):
    """Give a layer with two complete frames and two incomplete ones, and one without issues."""
    stack = LayerStack(PlainVideo(str(tmp_path / "clip.mp4")))
    mine = stack.add("mine", labels=["0", "1"])
    for frame in (3, 5):
        mine.add_at_frame(frame, [[frame, 1], [frame, 2]])
    mine.add([7.25, 1.0], "0", 7)
    mine.add([9.5, 2.0], "1", 9)
    mine.set_column("visibility", Visibility.FULLY_OCCLUDED, label="1", frames=[9])
    mine.save()
    fine = stack.add("fine", labels=["0", "1"])
    fine.add_at_frame(11, [[1, 1], [2, 2]])
    fine.save()
    yield stack
    stack.close()


@pytest.fixture
def clip(tmp_path):
    """Give a real video that nobody has opened."""
    return shutil.copy(samples.ultrasound(60, size=(320, 240)).video, tmp_path / "clip.mp4")


def scan(stack, required=("0", "1")):
    return preflight.scan(stack, stack.video.fname, required)


def test_incomplete_frames_say_what_they_lack(stack):
    found = scan(stack)
    assert [(one.name, one.incomplete, bool(one.unsaved)) for one in found] == [
        ("mine", {7: ["1"], 9: ["0"]}, False)
    ]
    assert str(found[0]) == "2 incomplete frames (7, 9; lacking 1, 0)"
    # a label nobody used counts where the project asks for it, and only there
    stack["fine"].add_label("2")
    assert preflight.incomplete_frames(stack["fine"]) == {}
    assert preflight.incomplete_frames(stack["fine"], ["0", "1", "2"]) == {11: ["2"]}
    # a stray label alone on a frame makes the frame incomplete
    stack["fine"].add([5, 5], "2", 30)
    assert preflight.incomplete_frames(stack["fine"], ["0", "1"]) == {30: ["0", "1"]}


def test_a_frame_that_is_complete_in_all_layers_together_is_not_incomplete(stack):
    # a correction of one point of a frame that was labelled before
    stack["fine"].add([7.5, 2.0], "1", 7)
    stack["fine"].add([5.0, 1.0], "0", 5)
    stack["fine"].save()
    assert [(one.name, one.incomplete) for one in scan(stack)] == [("mine", {9: ["0"]})]


def test_unsaved_edits_and_new_layers_are_found(stack):
    stack["fine"].add([3, 3], "1", 11)
    new = stack.add("new", labels=["0", "1"])
    assert [one.name for one in scan(stack)] == ["mine", "fine"]
    new.add_at_frame(2, [[1, 1], [2, 2]])
    found = {one.name: str(one) for one in scan(stack)}
    assert found["fine"] == "unsaved (~1)"
    assert found["new"] == "unsaved (+2)"


def write(video, name, content):
    """Write a layer beside a video."""
    path = video.with_name(f"{video.stem}_annotations_{name}.json")
    path.write_text(json.dumps(content))
    return path


INCOMPLETE = {"0": {"4": [1, 1], "6": [1, 2]}, "1": {"4": [2, 2]}}
COMPLETE = {"0": {"4": [1, 1]}, "1": {"4": [2, 2]}}


def edit_and_leave(path, *points, labels=2):
    """Edit a layer without saving it, as a kernel does that ends."""
    ann = VideoAnnotation(path, n_labels=labels)
    durable = open_durable(ann)
    for label, frame in points:
        ann.add([9.0, 9.0], label, frame)
    durable.close()


def test_layers_that_are_not_open_are_found_and_settled(clip):
    other = write(clip, "other", INCOMPLETE)
    write(clip, "dlccorr", {"0": {"4": [1, 1]}})
    (found,) = preflight.scan([], clip, ["0", "1"])
    assert (found.name, list(found.incomplete), found.video, found.is_open) == ("other", [6], clip, False)
    kept = preflight.save_and_clean(found)
    assert json.loads(kept.read_text())["0"] == {"6": [1, 2]}
    assert json.loads(other.read_text()) == COMPLETE
    assert preflight.scan([], clip, ["0", "1"]) == []
    # whoever opens it can take it back
    ann = VideoAnnotation(other)
    durable = open_durable(ann)
    ann.history.undo()
    assert ann.frames == [4, 6]
    durable.close()


def test_edits_that_only_a_journal_has_are_found_and_saved(clip):
    saved, new = write(clip, "saved", COMPLETE), clip.with_name("clip_annotations_new.json")
    edit_and_leave(saved, ("0", 7), ("1", 7))
    edit_and_leave(new, ("0", 3))
    before = {path: path.read_bytes() for path in clip.parent.iterdir()}
    found = preflight.scan([], clip, ["0", "1"])
    assert [f"{one.name}: {one}" for one in found] == [
        "saved: unsaved (+2)",
        "new: unsaved (+1), 1 incomplete frame (3; lacking 1)",
    ]
    # only looked at
    assert {path: path.read_bytes() for path in clip.parent.iterdir()} == before
    for one in found:
        preflight.save_and_clean(one)
    assert json.loads(saved.read_text())["0"] == {"4": [1, 1], "7": [9, 9]}
    assert json.loads(new.read_text()) == {"0": {}, "1": {}}
    assert preflight.scan([], clip, ["0", "1"]) == []
    check_saved(saved)
    # what cancels out is nothing to ask about, and saved
    ann = VideoAnnotation(saved)
    durable = open_durable(ann)
    ann.add([1, 1], "0", 20)
    ann.remove("0", 20)
    durable.close()
    assert preflight.scan([], clip, ["0", "1"]) == []
    preflight.save_cancelled_out([], clip)
    check_saved(saved)


def test_a_layer_that_another_kernel_has_open_is_left_to_it(clip):
    path = write(clip, "other", INCOMPLETE)
    code = f"""
import sys
from jupytrack import VideoAnnotation
from jupytrack.annotation.durable import open_durable
ann = VideoAnnotation({str(path)!r})
open_durable(ann)
ann.add([1, 1], "0", 9)
ann.history.journal.flush()
print("ready", flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "ready\n"
        (found,) = preflight.scan([], clip, ["0", "1"])
        assert str(found) == "unsaved (+1), 2 incomplete frames (6, 9; lacking 1)"
        with pytest.raises(ConflictError, match="clip_annotations_other is open elsewhere"):
            preflight.save_and_clean(found)
        assert not preflight.dropped_files(path)
        other.communicate("\n")


def test_cleaning_writes_the_recovery_file_drops_and_saves(stack, tmp_path):
    mine = stack["mine"]
    mine.add([3.5, 3.5], "0", 5)
    before = stack.path_for("fine").stat().st_mtime_ns
    kept = [preflight.save_and_clean(one) for one in scan(stack)]
    assert len(kept) == 1
    assert kept[0].name.startswith("clip_annotations_mine.jupytrack-dropped-incomplete-20")
    assert json.loads(kept[0].read_text()) == {"0": {"7": [7.25, 1.0]}, "1": {"9": [9.5, 2.0]}}
    assert json.loads(stack.path_for("mine").read_text()) == {
        "0": {"3": [3, 1], "5": [3.5, 3.5]},
        "1": {"3": [3, 2], "5": [5, 2]},
    }
    assert not mine.unsaved
    assert scan(stack) == []
    assert stack.path_for("fine").stat().st_mtime_ns == before
    # one step back
    stack.undo()
    assert mine.frames == [3, 5, 7, 9]


def test_edits_that_cancel_out_are_saved_for_those_who_read_files_only(stack):
    fine, path = stack["fine"], stack.path_for("fine")
    fine.add([1, 1], "0", 20)
    fine.remove("0", 20)
    assert not fine.unsaved
    assert fine.history.journal.flush()
    with pytest.raises(ConflictError, match="not saved"):
        check_saved(path)
    preflight.save_cancelled_out(stack, stack.video.fname)
    check_saved(path)
    # dropping what was placed since the last save cancels out, too
    mine = stack["mine"]
    preflight.save_and_clean(scan(stack)[0])
    mine.add([1, 1], "0", 20)
    preflight.save_and_clean(scan(stack)[0])
    check_saved(stack.path_for("mine"))
    # what is not saved for good reason stays so
    fine.add([1, 1], "0", 20)
    preflight.save_cancelled_out(stack, stack.video.fname)
    assert fine.unsaved


def test_a_recovery_file_is_no_layer_and_can_be_read_back(stack, tmp_path):
    preflight.save_and_clean(scan(stack)[0])
    assert set(discover_layers(tmp_path / "clip.mp4")) == {"mine", "fine"}
    again = VideoAnnotation(stack.path_for("mine"), video=stack.video)
    assert again.frames == [3, 5]
    mine = stack["mine"]
    # a point that was set since is not replaced
    mine.add([1.0, 1.0], "0", 7)
    assert preflight.restore_dropped(mine) == 1
    assert mine.data["0"][7] == [1.0, 1.0]
    assert mine.data["1"][9] == [9.5, 2.0]
    assert mine.column("visibility")[1, 9] == Visibility.FULLY_OCCLUDED
    stack.undo()
    assert mine.frames == [3, 5, 7]


def test_two_recovery_files_within_a_second_do_not_replace_each_other(stack):
    first = preflight.save_and_clean(scan(stack)[0])
    stack["mine"].add([1, 1], "0", 20)
    second = preflight.save_and_clean(scan(stack)[0])
    assert first != second
    assert set(preflight.dropped_files(stack.path_for("mine"))) == {first, second}
    assert preflight.restore_dropped(stack["mine"], first) == 2


def test_a_recovery_file_of_dustrack_is_read(stack, tmp_path):
    theirs = tmp_path / "clip_annotations_fine.dustrack-dropped-incomplete-20260101T120000"
    theirs.write_text(json.dumps({"21": {"0": [1.5, 2.5]}, "22": {"1": [3, 4]}}))
    assert preflight.restore_dropped(stack["fine"]) == 2
    assert stack["fine"].frames == [11, 21, 22]
    theirs.write_text(json.dumps([1, 2]))
    with pytest.raises(FormatError, match="no recovery file"):
        preflight.restore_dropped(stack["fine"])
    theirs.unlink()
    with pytest.raises(AnnotationError, match="no recovery file beside it"):
        preflight.restore_dropped(stack["fine"])


def test_nothing_is_dropped_without_a_recovery_file(stack, tmp_path, monkeypatch):
    issues = scan(stack)[0]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(SaveError):
            preflight.save_and_clean(issues)
    assert issues.ann.frames == [3, 5, 7, 9]
    assert not preflight.dropped_files(stack.path_for("mine"))


def test_a_read_only_layer_is_left_alone(stack):
    issues = scan(stack)[0]
    issues.ann.history.refuse("Somebody else edits it.", "Wait.")
    with pytest.raises(ConflictError):
        preflight.save_and_clean(issues)
    issues.ann.history.allow()
    assert issues.ann.frames == [3, 5, 7, 9]
    assert not preflight.dropped_files(stack.path_for("mine"))
