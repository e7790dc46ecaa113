"""Corrections by hand in the trace of a model, and the files and names that come of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from plain_video import PlainVideo

from jupytrack.annotation.layers import LayerStack
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable, Source
from jupytrack.dlc.corrections import apply_corrections, splice
from jupytrack.errors import AnnotationError

N = 30


@pytest.fixture
def stack(tmp_path):
    """Give a model's trace of two labels as overlay, and a layer with three corrections."""
    stack = LayerStack(PlainVideo(str(tmp_path / "clip.mp4"), n_frames=N))
    mine = stack.add("iteration-1", labels=["0", "1"])
    trace = VideoAnnotation(name="dlc_iteration-0_20", video=stack.video, n_labels=2)
    trace.set_points("0", range(N), np.full((N, 2), 10.0), columns={"likelihood": np.full(N, 0.9)})
    trace.set_points("1", range(N), np.full((N, 2), 20.0), source=Source.DEEPLABCUT)
    stack.add("dlc_iteration-0_20", trace)
    mine.add([11.0, 12.0], "0", 4)
    mine.add([13.0, 14.0], "0", 5)
    mine.add([21.0, 22.0], "1", 7)
    mine.save()
    mine.add([15.0, 16.0], "0", 6)
    stack.overlay = "dlc_iteration-0_20"
    yield stack
    stack.close()


def on_disk(stack, name):
    return json.loads(stack.path_for(name).read_text())


def test_points_of_the_patch_take_the_place_of_the_traces_own(tmp_path):
    trace = PointTable.from_mapping({"0": {1: [1, 1], 2: [2, 2]}, "nose": {5: [5, 5]}})
    trace.columns["likelihood"] = np.full((2, trace.n_frames), 0.5, np.float32)
    patch = PointTable.from_mapping({"0": {2: [9, 9]}, "3": {8: [8, 8]}})
    merged = splice(trace, patch)
    assert merged.to_mapping() == {
        "0": {1: [1, 1], 2: [9, 9]},
        "3": {8: [8, 8]},
        "nose": {5: [5, 5]},
    }
    likelihood = merged.columns["likelihood"][merged.labels.index("0")]
    assert likelihood[1] == 0.5
    assert np.isnan(likelihood[2])
    assert trace.to_mapping()["0"][2] == [2, 2]


def test_the_active_layer_is_saved_renamed_and_spliced_into_the_overlay(stack):
    old = stack.path_for("iteration-1")
    applied = apply_corrections(stack)
    assert (applied.trace, applied.patch, applied.points) == (
        "dlc_iteration-0_20",
        "iteration-1_manual_corrections",
        4,
    )
    assert applied.alone == ()
    assert stack.names == ["iteration-1_manual_corrections", "dlc_iteration-0_20", "dlccorr"]
    assert (stack.active, stack.overlay) == ("dlccorr", "iteration-1_manual_corrections")
    assert not old.exists()
    # what was not saved yet is in both files
    assert on_disk(stack, "iteration-1_manual_corrections")["0"]["6"] == [15.0, 16.0]
    saved = on_disk(stack, "dlccorr")
    assert saved["0"]["6"] == [15.0, 16.0]
    assert saved["0"]["8"] == [10.0, 10.0]
    assert saved["1"]["7"] == [21.0, 22.0]
    assert len(saved["0"]) == len(saved["1"]) == N
    corrected = stack["dlccorr"]
    assert not corrected.unsaved
    assert corrected.plot_type == "line"
    assert corrected.column("source")[0, 4] == Source.MANUAL
    assert np.isnan(corrected.column("likelihood")[0, 4])
    # the trace is as it was
    assert stack["dlc_iteration-0_20"].data["0"][4] == [10.0, 10.0]


def test_applying_again_changes_nothing_and_a_new_point_is_added(stack):
    apply_corrections(stack)
    first = stack.path_for("dlccorr").read_bytes()
    stack.active, stack.overlay = "iteration-1_manual_corrections", "dlc_iteration-0_20"
    apply_corrections(stack)
    assert stack.names == ["iteration-1_manual_corrections", "dlc_iteration-0_20", "dlccorr"]
    assert stack.path_for("dlccorr").read_bytes() == first
    stack.active, stack.overlay = "iteration-1_manual_corrections", "dlc_iteration-0_20"
    stack["iteration-1_manual_corrections"].add([17.0, 18.0], "1", 20)
    stack["iteration-1_manual_corrections"].remove("0", 4)
    stack["dlccorr"].add([99.0, 99.0], "0", 25)
    apply_corrections(stack)
    saved = on_disk(stack, "dlccorr")
    assert saved["1"]["20"] == [17.0, 18.0]
    # taken back in the patch, and never meant to be set in the result: the trace's points again
    assert saved["0"]["4"] == saved["0"]["25"] == [10.0, 10.0]
    assert stack.names == ["iteration-1_manual_corrections", "dlc_iteration-0_20", "dlccorr"]


def test_one_undo_takes_it_back(stack):
    apply_corrections(stack)
    stack.undo()
    assert stack.names == ["iteration-1_manual_corrections", "dlc_iteration-0_20"]
    stack.redo()
    assert stack["dlccorr"].data["0"][4] == [11.0, 12.0]
    stack.active, stack.overlay = "iteration-1_manual_corrections", "dlc_iteration-0_20"
    stack["iteration-1_manual_corrections"].add([17.0, 18.0], "1", 20)
    apply_corrections(stack)
    stack.undo()
    assert stack["dlccorr"].data["1"][20] == [20.0, 20.0]
    assert stack["dlccorr"].data["0"][4] == [11.0, 12.0]
    assert stack["dlccorr"].unsaved


def test_corrections_of_an_earlier_session_are_replaced(stack, tmp_path):
    apply_corrections(stack)
    stack.remove("dlccorr")
    stack.active, stack.overlay = "iteration-1_manual_corrections", "dlc_iteration-0_20"
    stack["iteration-1_manual_corrections"].add([17.0, 18.0], "1", 20)
    apply_corrections(stack)
    assert on_disk(stack, "dlccorr")["1"]["20"] == [17.0, 18.0]
    assert not list(tmp_path.glob("*dlccorr*theirs*"))
    stack.undo()
    assert "dlccorr" not in stack.names


def test_a_label_that_the_trace_lacks_is_told(stack):
    stack["iteration-1"].add_label("5")
    stack["iteration-1"].add([1.0, 2.0], "5", 3)
    assert apply_corrections(stack).alone == ("5",)
    assert stack["dlccorr"].get_frames("5") == [3]


def state(stack):
    return stack.names, stack.active, stack.overlay, sorted(p.name for p in stack.folder.iterdir())


@pytest.mark.parametrize(
    ("active", "overlay", "message"),
    [
        ("iteration-1", None, "No overlay layer"),
        ("iteration-1", "iteration-1", "both active and overlay"),
        ("dlc_iteration-0_20", "iteration-1", "made by a program"),
        ("buffer", "dlc_iteration-0_20", "saved as JSON"),
    ],
)
def test_what_cannot_be_spliced_is_refused_and_nothing_changes(stack, active, overlay, message):
    stack.active, stack.overlay = active, overlay
    before = state(stack)
    with pytest.raises(ValueError, match=message):
        apply_corrections(stack)
    assert state(stack) == before


def test_a_circular_splice_is_refused(stack):
    apply_corrections(stack)
    stack.overlay = "dlc_iteration-0_20"
    before = state(stack)
    with pytest.raises(ValueError, match="itself"):
        apply_corrections(stack)
    assert state(stack) == before


def test_a_name_that_is_taken_is_told_before_anything_happens(stack):
    stack.path_for("iteration-1_manual_corrections").write_text("{}")
    before = state(stack)
    with pytest.raises(AnnotationError, match="there is such a layer already"):
        apply_corrections(stack)
    assert state(stack) == before
    assert stack["iteration-1"].unsaved
