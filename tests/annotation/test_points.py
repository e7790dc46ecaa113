"""VideoAnnotation as its users meet it: a mapping outside, dense arrays inside."""

from __future__ import annotations

import copy
import sys

import numpy as np
import pytest
from plain_video import PlainVideo

from jupytrack.annotation.points import Unsaved, VideoAnnotation
from jupytrack.annotation.table import Source, Visibility, register_column
from jupytrack.errors import AnnotationError, MissingDependencyError


@pytest.fixture
def annotation():
    return VideoAnnotation(
        name="x", preloaded_json={"0": {3: [1, 2], 5: [3.5, 4]}, "1": {5: [7, 8], 6: [9, 10], 7: [1, 1]}}
    )


def test_without_arguments_there_is_one_empty_label():
    ann = VideoAnnotation()
    assert (ann.labels, ann.name, ann.fname, ann.video) == (["0"], "noname", None, None)
    assert (ann.n_frames, len(ann), ann.frames) == (0, 1, [])
    assert ann.data == {"0": {}}
    assert ann.to_trace("0").shape == (0, 2)


def test_n_labels():
    assert VideoAnnotation(n_labels=3).labels == ["0", "1", "2"]


def test_it_can_be_asked_what_is_there(annotation):
    assert len(annotation) == annotation.n_annotations == 2
    assert annotation.n_frames == 8
    assert annotation.frames == [3, 5, 6, 7]
    assert annotation.frames_overlapping == [5]
    assert annotation.get_frames("1") == [5, 6, 7]
    assert annotation["0"] == {3: [1, 2], 5: [3.5, 4]}
    assert annotation[5] == [[3.5, 4], [7, 8]]
    np.testing.assert_equal(annotation.get_at_frame(3), [[1, 2], [np.nan, np.nan]])
    np.testing.assert_equal(annotation.get_at_frame(3000), np.full((2, 2), np.nan).tolist())
    values = annotation.get_values_cv(5)
    assert values.shape == (2, 1, 2)
    assert values.dtype == np.float32
    with pytest.raises(AnnotationError, match="neither a label nor a frame"):
        annotation[4]
    with pytest.raises(AnnotationError, match="There is no label 'z'"):
        annotation.get_frames("z")


def test_traces_are_copies_as_long_as_the_video(annotation):
    traces = annotation.to_traces()
    assert list(traces) == ["0", "1"]
    np.testing.assert_equal(traces["0"], annotation.to_trace("0"))
    assert traces["0"].shape == (8, 2)
    np.testing.assert_equal(traces["0"][3], [1, 2])
    traces["0"][:] = 0
    assert annotation["0"][3] == [1, 2]
    assert np.isnan(annotation.to_trace("absent")).all()
    assert annotation.to_trace("absent").shape == (8, 2)


def test_reads_give_plain_numbers(annotation):
    assert type(annotation.data["0"][3][0]) is float
    assert all(type(frame) is int for frame in annotation.frames)
    ones = {5: [7, 8], 6: [9, 10], 7: [1, 1]}
    assert annotation.data.to_dict() == {"0": {3: [1, 2], 5: [3.5, 4]}, "1": ones}


WRITES = {
    "set": lambda a: a.data["0"].__setitem__(3, [9, 9]),
    "set anew": lambda a: a.data["0"].__setitem__(100, (9, 9)),
    "set a coordinate": lambda a: a.data["0"][3].__setitem__(0, 5.5),
    "delete": lambda a: a.data["0"].__delitem__(3),
    "pop": lambda a: a.data["0"].pop(5),
    "popitem": lambda a: a.data["1"].popitem(),
    "setdefault": lambda a: a.data["1"].setdefault(0, [1.0, 1.0]),
    "update frames": lambda a: a.data["0"].update({1: [1, 1], 3: [2, 2], 9: [3, 3]}),
    "clear frames": lambda a: a.data["1"].clear(),
    "set a label": lambda a: a.data.__setitem__("1", {2: [5, 5]}),
    "set a new label": lambda a: a.data.__setitem__("nose", {2: [5, 5]}),
    "delete a label": lambda a: a.data.__delitem__("0"),
    "pop a label": lambda a: a.data.pop("1"),
    "update labels": lambda a: a.data.update({"1": {}, "2": {4: [1, 2]}}),
    "clear labels": lambda a: a.data.clear(),
    "replace all": lambda a: setattr(a, "data", {"5": {1: [1, 2]}, "0": {}}),
    "add": lambda a: a.add([1, 2], "0", 0),
    "remove": lambda a: a.remove("0", 3),
    "add_at_frame": lambda a: a.add_at_frame(9, np.ones((2, 2))),
    "add_label": lambda a: a.add_label(),
    "clip_labels": lambda a: a.clip_labels(5, 6),
    "keep_overlapping_frames": lambda a: a.keep_overlapping_frames(),
    "set_column": lambda a: a.set_column("visibility", Visibility.OUT_OF_FRAME, label="0", frames=[3]),
    "set_points": lambda a: a.set_points("0", [8, 2], [[8, 8], [2, 2]]),
}


def state(ann):
    columns = {n: ann.column(n).tolist() for n in ("visibility", "source")}
    return ann.labels, ann.data.to_dict(), columns, repr(ann.column("likelihood").tolist())


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_every_write_is_one_edit_that_can_be_undone(annotation, write):
    before = state(annotation)
    changes = []
    annotation.on_change(changes.append)
    revision = annotation.revision
    write(annotation)
    after = state(annotation)
    assert after != before
    assert annotation.revision > revision
    changes.clear()
    annotation.history.undo()
    assert state(annotation) == before
    assert len(changes) == 1
    annotation.history.redo()
    assert state(annotation) == after
    assert len(changes) == 2


def test_sorting_and_removing_labels_can_be_undone():
    ann = VideoAnnotation(preloaded_json={"9": {1: [1, 2]}, "2": {}, "10": {2: [3, 4]}})
    before = state(ann)
    ann.sort_labels()
    ann.remove_empty_labels()
    assert ann.labels == ["9", "10"]
    ann.history.undo()
    assert ann.labels == ["2", "9", "10"]
    ann.history.undo()
    assert state(ann) == before


def test_mapping_behaves_as_a_dict(annotation):
    frames = annotation.data["0"]
    assert frames.get(4) is None
    assert 3 in frames
    assert np.int64(3) in frames
    assert "3" not in frames
    assert -1 not in frames
    assert frames.pop(4, "none") == "none"
    assert list(frames) == [3, 5]
    assert list(reversed(frames)) == [5, 3]
    assert len(frames) == 2
    assert {**frames} == {3: [1, 2], 5: [3.5, 4]}
    assert list(frames.items()) == [(3, [1, 2]), (5, [3.5, 4])]
    assert frames.copy() == {3: [1, 2], 5: [3.5, 4]}
    with pytest.raises(KeyError):
        frames[4]
    with pytest.raises(KeyError):
        del frames[4]
    with pytest.raises(KeyError):
        annotation.data["z"]
    with pytest.raises(KeyError):
        del annotation.data["z"]
    with pytest.raises(KeyError):
        annotation.data.pop("z")
    with pytest.raises(KeyError):
        VideoAnnotation().data["0"].popitem()
    copied = copy.deepcopy(frames[3])
    copied[0] = 99
    assert frames[3] == [1, 2]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda a: a.add([1, np.nan], "0", 0), "not finite"),
        (lambda a: a.add([1, np.inf], "0", 0), "not finite"),
        (lambda a: a.add([1, 2, 3], "0", 0), "not a position"),
        (lambda a: a.add("ab", "0", 0), "not a position"),
        (lambda a: a.add([1, 2], "7", 0), "no label '7'"),
        (lambda a: a.add([1, 2], "0", -1), "negative"),
        (lambda a: a.add([1, 2], "0", 1.5), "not a frame number"),
        (lambda a: a.add([1, 2], "0", 2**40), "too large"),
        (lambda a: a.data["0"].update({1: [1, 2], 2: [np.nan, 2]}), "frame 2"),
        (lambda a: a.data.update({"1": {0: [1, 2]}, "2": {1: [1]}}), "Label '2', frame 1"),
        (lambda a: setattr(a, "data", {"0": {-5: [1, 2]}}), "negative"),
        (lambda a: setattr(a, "data", {"0": 3}), "holds 3"),
        (lambda a: setattr(a, "data", {"": {}}), "cannot be a label"),
        (lambda a: a.add_at_frame(1, [[1, 2]]), "shape"),
        (lambda a: a.set_points("0", [1, 1], [[1, 2], [3, 4]]), "different frames"),
        (lambda a: a.set_points("0", [1], [[np.nan, 2]]), "frame 1"),
        (lambda a: a.set_column("nonsense", 1), "no column"),
        (lambda a: a.set_column("visibility", [1, 2, 3], label="0", frames=[1, 2]), "do not fit"),
        (lambda a: a.remove("7", 0), "no label '7'"),
    ],
)
def test_wrong_edits_change_nothing(annotation, write, message):
    before, revision = state(annotation), annotation.revision
    with pytest.raises(AnnotationError, match=message):
        write(annotation)
    assert state(annotation) == before
    assert annotation.revision == revision


def test_an_edit_that_changes_nothing_is_none(annotation):
    revision = annotation.revision
    annotation.add([1, 2], "0", 3)
    annotation.remove("0", 4)
    annotation.data["0"].update({})
    annotation.add_label("0")
    annotation.sort_labels()
    annotation.sort_data()
    annotation.remove_empty_labels()
    assert annotation.revision == revision


def test_grouped_edits_are_one(annotation):
    before = state(annotation)
    changes = []
    annotation.on_change(changes.append)
    with annotation.edit("tidy up"):
        annotation.add([1, 1], "0", 0)
        annotation.add([2, 2], "0", 0)
        annotation.remove("1", 5)
        with annotation.edit("inner"):
            annotation.add_label("7")
            annotation.add([3, 3], "7", 20)
        assert annotation["7"][20] == [3, 3]
        annotation.set_column("visibility", 2, label="7", frames=[20])
    assert len(changes) == 1
    after = state(annotation)
    assert annotation.data["0"][0] == [2, 2]
    annotation.history.undo()
    assert state(annotation) == before
    annotation.history.redo()
    assert state(annotation) == after


def test_a_failing_group_leaves_no_trace(annotation):
    before = state(annotation)

    def half():
        with annotation.edit("half"):
            annotation.add_label("4")
            annotation.data["0"].clear()
            annotation.add([1, 2], "nowhere", 1)

    with pytest.raises(AnnotationError, match="no label"):
        half()
    assert state(annotation) == before
    annotation.add([5, 5], "0", 1)
    annotation.history.undo()
    assert state(annotation) == before


def test_changes_say_what_changed(annotation):
    changes = []
    stop = annotation.on_change(changes.append)
    annotation.add([1, 1], "1", 2, edit_id="me")
    annotation.add_label()
    stop()
    annotation.add([1, 1], "1", 4)
    assert [c.labels for c in changes] == [("1",), ("0", "1", "2")]
    assert changes[0].frames.tolist() == [2]
    assert changes[0].edit_id == "me"
    assert changes[1].frames is None
    assert changes[1].revision == changes[0].revision + 1


def test_the_same_command_counts_once(annotation):
    annotation.add([1, 1], "0", 0, edit_id="a")
    annotation.add([2, 2], "0", 0, edit_id="b")
    annotation.add([1, 1], "0", 0, edit_id="a")
    assert annotation["0"][0] == [2, 2]


def test_a_failing_listener_does_not_fail_the_edit(annotation, caplog):
    def broken(change):
        raise RuntimeError("broken")

    annotation.on_change(broken)
    annotation.add([1, 1], "0", 0)
    assert annotation["0"][0] == [1, 1]
    assert "broken" in caplog.text


def test_labels_are_added_sorted_and_removed():
    ann = VideoAnnotation(preloaded_json={"1": {0: [1, 2]}, "10": {}, "2": {}})
    ann.add_label()
    assert ann.labels == ["0", "1", "2", "10"]
    ann.add_label("nose", color=(1, 0, 0))
    assert ann.labels[-1] == "nose"
    assert ann.palette[-1] == (1, 0, 0)
    with pytest.raises(AnnotationError, match="colour"):
        ann.add_label("ear", color=(1, 0, 300))
    ann.clip_trailing_empty_labels()
    assert ann.labels == ["0", "1"]
    ann.remove_empty_labels()
    assert ann.labels == ["1"]
    ann.data = {"b": {}, "a": {}, "10": {}, "9": {}}
    ann.sort_labels()
    assert ann.labels == ["9", "10", "a", "b"]
    ann.clip_trailing_empty_labels()
    assert ann.labels == ["9"]


def test_what_was_removed_is_no_longer_tied_to_the_annotation(annotation):
    popped = annotation.data["0"].pop(3)
    popped[0] = 100
    assert 3 not in annotation.data["0"]
    assert annotation.data["0"].popitem() == (5, [3.5, 4])
    assert annotation.data.pop("0") == {}
    assert annotation.data.pop("0", None) is None
    assert annotation.data.popitem() == ("1", {5: [7, 8], 6: [9, 10], 7: [1, 1]})
    assert annotation.labels == []
    assert (annotation.frames_overlapping, annotation.n_frames, annotation.to_traces()) == ([], 0, {})


def test_number_labels_become_text():
    assert VideoAnnotation(preloaded_json={0: {"3": [1, 2]}}).data == {"0": {3: [1, 2]}}


def test_keeping_what_overlaps(annotation):
    annotation.keep_overlapping_frames()
    assert annotation.frames == [5]
    with pytest.warns(UserWarning, match="Nothing was removed"):
        annotation.keep_overlapping_continuous_frames()
    assert annotation.frames == [5]
    first, second = (1, 2, 3, 5, 8, 9), (2, 3, 5, 7, 8, 9)
    annotation.data = {"0": {f: [f, f] for f in first}, "1": {f: [f, f] for f in second}}
    annotation.keep_overlapping_continuous_frames()
    assert annotation.frames == [2, 3, 8, 9]
    annotation.data = {"0": {1: [1, 1]}, "1": {2: [1, 1]}}
    with pytest.warns(UserWarning, match="Nothing was removed"):
        annotation.keep_overlapping_frames()
    assert annotation.frames == [1, 2]


def test_columns_follow_the_points(annotation):
    known = {"likelihood": [0.5, 0.75]}
    annotation.set_points("0", [10, 11], [[1, 1], [2, 2]], columns=known, source=Source.DEEPLABCUT)
    annotation.set_column("visibility", Visibility.VISIBLE, label="0", frames=[10])
    assert annotation.column("likelihood")[0, [10, 11]].tolist() == [0.5, 0.75]
    assert annotation.column("likelihood").dtype == np.float32
    annotation.add([5, 5], "0", 10)
    assert np.isnan(annotation.column("likelihood")[0, 10])
    assert annotation.column("visibility")[0, 10] == Visibility.VISIBLE
    assert annotation.column("source")[0, [10, 11]].tolist() == [Source.EDITED, Source.DEEPLABCUT]
    annotation.remove("0", 10)
    assert annotation.column("visibility")[0, 10] == Visibility.UNKNOWN
    annotation.history.undo()
    annotation.history.undo()
    assert annotation.column("likelihood")[0, 10] == 0.5
    # Replacing everything keeps what is known of points that stay where they are.
    annotation.data = annotation.data.to_dict() | {"0": {10: [1, 1], 11: [9, 9]}}
    np.testing.assert_equal(annotation.column("likelihood")[0, [10, 11]], [0.5, np.nan])


def test_columns_broadcast_and_keep_order(annotation):
    annotation.set_column("visibility", [[1], [2]], frames=[5, 6])
    assert annotation.column("visibility")[:, 5:7].tolist() == [[1, 1], [2, 2]]
    annotation.set_column("visibility", [3, 4], label="1", frames=[6, 5])
    assert annotation.column("visibility")[1, 5:7].tolist() == [4, 3]


def test_further_columns_can_be_registered(annotation):
    register_column("test_score", np.int16, -1)
    assert annotation.column("test_score").tolist() == [[-1] * 8] * 2
    annotation.set_column("test_score", 7, label="1", frames=[5])
    assert annotation.column("test_score")[1, 5] == 7
    with pytest.raises(AnnotationError, match="exists already"):
        register_column("test_score", np.float64, 0.0)
    with pytest.raises(AnnotationError, match="boolean, integer or float"):
        register_column("test_object", object, 0)


def test_areas():
    square = {
        "0": {0: [0, 0], 1: [1e9, 1e9]},
        "2": {0: [2, 0], 1: [1e9 + 2, 1e9]},
        "3": {0: [2, 2]},
        "1": {0: [0, 2]},
    }
    ann = VideoAnnotation(preloaded_json=square)
    np.testing.assert_equal(ann.get_area("0231"), [4, np.nan])
    np.testing.assert_equal(ann.get_area(["0", "2", "3"]), [2, np.nan])
    with pytest.raises(AnnotationError, match="no label 9"):
        ann.get_area("019")
    with pytest.raises(AnnotationError, match="span no area"):
        ann.get_area("01")


def test_the_video_sets_the_number_of_frames(tmp_path):
    ann = VideoAnnotation(tmp_path / "clip_annotations_a.json", video=PlainVideo())
    assert (ann.n_frames, ann.name, ann.video.name) == (40, "a", "clip")
    ann.add([1, 2], "0", 39)
    with pytest.raises(AnnotationError, match="beyond the video's end"):
        ann.add([1, 2], "0", 40)
    with pytest.raises(AnnotationError, match="beyond the video's end"):
        ann.data = {"0": {40: [1, 2]}}
    assert ann.to_trace("0").shape == (40, 2)
    assert not ann.is_dense
    ann.set_points("0", range(33), np.ones((33, 2)))
    assert ann.is_dense


def test_signals_need_a_video_and_pysampled(monkeypatch, annotation):
    with pytest.raises(AnnotationError, match="has no video"):
        annotation.to_signal("0")
    monkeypatch.setitem(sys.modules, "pysampled", None)
    ann = VideoAnnotation(video=PlainVideo(), n_labels=2)
    for call in (lambda: ann.to_signal("0"), ann.to_signals, ann.to_pysampled):
        with pytest.raises(MissingDependencyError, match=r"pip install jupytrack\[signal\]"):
            call()


def test_signals():
    pysampled = pytest.importorskip("pysampled", reason="pysampled is an optional dependency")
    ann = VideoAnnotation(video=PlainVideo(), n_labels=2, preloaded_json={"0": {0: [1, 2]}, "1": {}, "2": {}})
    signals = ann.to_signals()
    assert isinstance(signals["0"], pysampled.Data)
    assert signals["0"].sr == 25
    np.testing.assert_equal(signals["0"](), ann.to_trace("0"))
    everything = ann.to_pysampled()
    assert everything().shape == (40, 6)
    assert list(everything.signal_names) == ["0", "1", "2"]
    assert list(everything.signal_coords) == ["x", "y"]
    assert ann.get_area("012").sr == 25


def test_unsaved_counts(tmp_path):
    ann = VideoAnnotation(tmp_path / "v_annotations_a.json", n_labels=2)
    assert not ann.unsaved
    ann.add([1, 2], "0", 0)
    ann.add([1, 2], "1", 50)
    assert ann.unsaved == Unsaved(added=2)
    ann.save()
    assert ann.unsaved == Unsaved()
    ann.add([5, 5], "0", 0)
    ann.remove("1", 50)
    ann.add([1, 1], "1", 51)
    assert ann.unsaved == Unsaved(added=1, removed=1, moved=1)
    ann.history.undo()
    ann.history.undo()
    ann.history.undo()
    assert not ann.unsaved
    ann.set_column("visibility", 2, label="0", frames=[0])
    assert ann.unsaved == Unsaved(moved=1)
    ann.add_label()
    assert ann.unsaved.labels
    ann.reload()
    assert not ann.unsaved
    assert ann.labels == ["0", "1"]
    # Discarding is an edit, too.
    ann.history.undo()
    assert ann.labels == ["0", "1", "2"]


def test_options_that_do_not_exist_are_refused():
    with pytest.raises(TypeError, match="palette_name"):
        VideoAnnotation(pallete_name="Set1")
    with pytest.raises(AnnotationError, match="layer's name"):
        VideoAnnotation(name=3)


def test_code_redoes_an_edit(annotation):
    edits = []
    history = annotation.history
    do = history.do

    def record(edit, edit_id=None):
        edits.append(edit)
        return do(edit, edit_id)

    history.do = record
    start = annotation.data.to_dict()
    annotation.add([1.25, 2], "0", 9)
    annotation.remove("1", 5)
    annotation.add_label("7")
    annotation.set_points("7", [1, 2], [[1, 1], [2, 2]], columns={"likelihood": [0.25, np.nan]})
    del annotation.data["0"]
    annotation.data = {"9": {1: [1, 2]}, "2": {}}
    annotation.sort_labels()
    other = VideoAnnotation(preloaded_json=start)
    for edit in edits:
        exec(edit.to_code("other"), {"other": other})
    assert state(other) == state(annotation)
