"""Layers of a video: roles, names, undo across them, marks."""

from __future__ import annotations

import json

import pytest
from plain_video import PlainVideo

from jupytrack.annotation import layers as module
from jupytrack.annotation.layers import LayerStack, is_dense_layer_name
from jupytrack.annotation.locks import LayerLock
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import AnnotationError, ConflictError, FormatError
from jupytrack.formats import dustrack


@pytest.fixture
def open_stack(tmp_path):
    opened: list[LayerStack] = []

    def open_one(*names: str, **options) -> LayerStack:
        stack = LayerStack(PlainVideo(f"{tmp_path}/v.mp4", "video-1", 100), **options)
        opened.append(stack)
        for name in names:
            stack.add(name)
        return stack

    yield open_one
    for stack in opened:
        stack.close()
    assert not list(tmp_path.glob("*lock"))


def test_layers_are_found_by_name_and_the_buffer_is_not_counted(open_stack, tmp_path):
    stack = open_stack("a", "b")
    assert stack.names == ["a", "b"]
    assert len(stack) == 2
    assert [ann.name for ann in stack] == ["a", "b"]
    assert stack["a"].fname == str(tmp_path / "v_annotations_a.json")
    assert "buffer" in stack
    assert stack["buffer"] is stack.buffer is stack.add("buffer")
    assert stack.names == ["a", "b"]
    with pytest.raises(AnnotationError, match="no layer 'c'"):
        stack["c"]
    with pytest.raises(AnnotationError, match="already"):
        stack.add("a")
    with pytest.raises(AnnotationError):
        stack.add()


def test_there_is_always_an_active_layer(open_stack):
    empty = open_stack()
    with pytest.raises(AnnotationError, match="no layer yet"):
        empty.active
    stack = open_stack("a", "b", "c", durable=False)
    assert (stack.active, stack.overlay) == ("a", None)
    assert [stack.next_active() for _ in range(4)] == ["b", "c", "a", "b"]
    assert [stack.previous_active() for _ in range(2)] == ["a", "c"]
    assert [stack.next_overlay() for _ in range(5)] == ["a", "b", "c", None, "a"]
    assert [stack.previous_overlay() for _ in range(2)] == [None, "c"]
    with pytest.raises(AnnotationError):
        stack.active = "d"
    with pytest.raises(AnnotationError):
        stack.overlay = "d"
    stack.overlay = "buffer"
    stack.active = "buffer"
    assert (stack.active, stack.overlay) == ("buffer", "buffer")


def test_removing_hands_the_roles_on(open_stack):
    stack = open_stack("a", "b", "c", "d")
    stack.active, stack.overlay = "c", "d"
    stack.remove("c")
    assert (stack.names, stack.active, stack.overlay) == (["a", "b", "d"], "b", "d")
    stack.remove("d")
    assert (stack.active, stack.overlay) == ("b", None)
    stack.active = "a"
    stack.remove("a")
    assert stack.active == "b"
    with pytest.raises(AnnotationError, match="last one"):
        stack.remove("b")
    with pytest.raises(AnnotationError, match="always there"):
        stack.remove("buffer")
    while stack.undo():
        pass
    assert stack.names == ["a", "b", "c", "d"]
    while stack.redo():
        pass
    assert stack.names == ["b"]


def test_names_follow_from_files(open_stack, tmp_path):
    name = LayerStack.canonical_layer_name
    assert name("x/v_annotations_pn.json") == "pn"
    assert name("x/v_annotations.json") == ""
    assert name("videos/iteration-2/vDLC_resnet50_projshuffle1_500.h5") == "dlc_iteration-2_500"
    assert name("x/other.json") == "other"
    (tmp_path / "v_annotations_pn.json").write_text('{"0": {"3": [1, 2]}}')
    stack = open_stack()
    ann = stack.add(source=tmp_path / "v_annotations_pn.json")
    assert (ann.name, stack.names) == ("pn", ["pn"])
    assert ann.get_frames("0") == [3]


@pytest.mark.parametrize(
    ("name", "dense"),
    [
        ("dlc_iteration-0_500", True),
        ("dlccorr", True),
        ("x_lkmovavg_0.5", True),
        ("iteration-0", False),
        ("", False),
    ],
)
def test_dense_layers_are_drawn_as_lines(open_stack, name, dense):
    stack = open_stack(name)
    assert is_dense_layer_name(name) is dense
    assert stack[name].plot_type == ("line" if dense else "dot")


def test_dense_data_is_drawn_as_a_line_whatever_its_name(open_stack, tmp_path):
    points = {str(n): [n, n] for n in range(100)}
    (tmp_path / "v_annotations_by-hand.json").write_text(json.dumps({"0": points}))
    assert open_stack("by-hand")["by-hand"].plot_type == "line"


def test_undo_goes_over_layers_and_marks_in_the_order_of_time(open_stack):
    stack = open_stack("a", "b")
    stack["a"].add([1, 1], "0", 1)
    stack.toggle_frame_of_interest(5)
    stack["b"].add([2, 2], "0", 2)
    stack.add_interval("a", "0", 9, 3)
    stack["a"].add([3, 3], "0", 3)
    stack.remove("b")
    titles = [stack.undo_title]
    while entry := stack.undo():
        titles.append(stack.undo_title)
        assert entry.action == "undo"
    assert titles[0] == "Remove layer b"
    assert titles[2] == "Select frames 3 to 9"
    assert titles[4] == "Frame 5 is of interest"
    assert titles[-1] is None
    assert len(titles) == 7
    assert (stack["a"].frames, stack["b"].frames, stack.frames_of_interest, stack.intervals) == (
        [],
        [],
        [],
        {},
    )
    for _ in range(3):
        stack.redo()
    assert (stack["a"].frames, stack["b"].frames, stack.frames_of_interest) == ([1], [2], [5])
    # Something new in one layer ends redo in all of them.
    stack["b"].add([7, 7], "0", 7)
    assert stack.redo_title is None
    assert stack.redo() is None
    stack.undo()
    assert stack["b"].frames == [2]


def test_the_order_of_undo_survives_reopening(open_stack):
    stack = open_stack("a", "b")
    for frame, name in enumerate("abab"):
        stack[name].add([1, 1], "0", frame)
    stack.toggle_frame_of_interest(5)
    stack["b"].save()
    stack.close()
    stack = open_stack("b", "a")
    assert (stack["a"].frames, stack["b"].frames, stack.frames_of_interest) == ([0, 2], [1, 3], [5])
    stack.undo()
    assert stack.frames_of_interest == []
    stack.undo()
    stack.undo()
    assert (stack["a"].frames, stack["b"].frames) == ([0], [1])
    stack["b"].add([1, 1], "0", 50)
    stack.undo()
    stack.undo()
    assert (stack["a"].frames, stack["b"].frames) == ([0], [])


def test_frames_of_interest(open_stack, tmp_path):
    stack = open_stack("a")
    for frame in (7, 3, 90, 7):
        stack.toggle_frame_of_interest(frame)
    assert stack.frames_of_interest == [3, 90]
    stack.frames_of_interest = [1, 2, 3]
    assert stack.frames_of_interest == [1, 2, 3]
    stack.undo()
    assert stack.frames_of_interest == [3, 90]
    for frame in (-1, 100, 1.5):
        with pytest.raises(AnnotationError):
            stack.toggle_frame_of_interest(frame)
    stack.close()
    assert (tmp_path / "v.jupytrack").exists()
    stack = open_stack("a")
    assert stack.frames_of_interest == [3, 90]
    stack.redo()
    assert stack.frames_of_interest == [1, 2, 3]


def test_intervals(open_stack):
    stack = open_stack("a")
    stack.add_interval("a", "0", 10, 20)
    stack.add_interval("a", "0", 40, 30)
    stack.add_interval("a", "1", 5, 5)
    assert stack.get_intervals("a", "0") == [(10, 20), (30, 40)]
    assert stack.get_intervals("b", "0") == []
    stack.set_intervals("a", "0", [])
    assert stack.intervals == {("a", "1"): [(5, 5)]}
    with pytest.raises(AnnotationError):
        stack.add_interval("a", "0", 10, 100)
    stack.undo()
    stack.close()
    stack = open_stack("a")
    assert stack.intervals == {("a", "0"): [(10, 20), (30, 40)], ("a", "1"): [(5, 5)]}


def test_adding_can_be_undone_if_asked_for(open_stack):
    stack = open_stack("a")
    assert not stack.history.can_undo
    stack.add("b", undoable=True)
    stack.active = "b"
    stack.undo()
    assert (stack.names, stack.active) == (["a"], "a")
    stack.redo()
    assert stack.names == ["a", "b"]


def test_adding_several_in_every_form(open_stack, tmp_path):
    stack = open_stack()
    other = VideoAnnotation(name="mine", n_labels=2)
    stack.add_layers(["a"], n_labels=3)
    stack.add_layers([other])
    (tmp_path / "v_annotations_c.json").write_text('{"0": {"1": [1, 1]}}')
    stack.add_layers({"named": tmp_path / "v_annotations_c.json"})
    assert stack.names == ["a", "mine", "named"]
    assert len(stack["a"].labels) == 3
    assert stack["mine"] is other
    assert other.fname == str(tmp_path / "v_annotations_mine.json")


def test_an_annotation_from_memory_does_not_take_over_a_file(open_stack, tmp_path):
    path = tmp_path / "v_annotations_mine.json"
    path.write_text('{"0": {"1": [1, 1]}}')
    ann = VideoAnnotation(name="mine")
    ann.add([5, 5], "0", 5)
    stack = open_stack()
    stack.add("mine", ann)
    assert ann.frames == [5]
    assert ann.fname is None
    assert path.read_text() == '{"0": {"1": [1, 1]}}'


def test_a_layer_that_cannot_be_read_leaves_the_stack_as_it_was(open_stack, tmp_path):
    (tmp_path / "v_annotations_bad.json").write_text('{"0": {"500": [1, 1]}}')
    stack = open_stack("a")
    with pytest.raises(FormatError, match="beyond the video's end"):
        stack.add("bad")
    assert stack.names == ["a"]


@pytest.mark.parametrize(
    "name", ["a/b", "..\\x", "a\0b", "x" * 250, "é" * 120, "_x", "x_", "a_annotations_b", 5]
)
def test_names_that_cannot_come_back_are_refused(open_stack, tmp_path, name):
    stack = open_stack("a")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(AnnotationError):
        stack.add(name)
    with pytest.raises(AnnotationError):
        stack.rename("a", name)
    assert stack.names == ["a"]
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("n_labels", [-1, 2.5, "3", None])
def test_a_number_of_labels_that_is_none(open_stack, n_labels):
    stack = open_stack("a")
    with pytest.raises(AnnotationError, match="labels"):
        stack.add("b", n_labels=n_labels)
    assert stack.names == ["a"]


def test_a_folder_is_no_layer(tmp_path):
    (tmp_path / "v_annotations_folder.json").mkdir()
    (tmp_path / "v_annotations_file.json").write_text("{}")
    assert list(dustrack.discover_layers(tmp_path / "v.mp4")) == ["file"]


def test_renaming_a_new_layer_can_be_undone(open_stack, tmp_path):
    stack = open_stack("a", "b")
    stack["a"].add([1, 1], "0", 1)
    stack.add_interval("a", "0", 1, 2)
    stack.rename("a", "z")
    assert (stack.names, stack.active) == (["z", "b"], "z")
    assert stack["z"].fname == str(tmp_path / "v_annotations_z.json")
    assert stack.get_intervals("z", "0") == [(1, 2)]
    assert stack.get_intervals("a", "0") == []
    stack.undo()
    stack.undo()
    assert stack.names == ["a", "b"]
    assert stack.get_intervals("a", "0") == [(1, 2)]
    for name in ("b", "", "buffer", "x/y"):
        with pytest.raises(AnnotationError):
            stack.rename("a", name)
    stack.close()
    stack = open_stack("a")
    assert stack["a"].frames == [1]


def test_renaming_a_saved_layer_moves_its_files(open_stack, tmp_path):
    stack = open_stack("a")
    stack["a"].add([1, 1], "0", 1)
    stack["a"].save()
    stack["a"].add([2, 2], "0", 2)
    (tmp_path / "v_annotations_taken.json").write_text("{}")
    with pytest.raises(ConflictError, match="already"):
        stack.rename("a", "taken")
    stack.rename("a", "z")
    assert not list(tmp_path.glob("v_annotations_a.*"))
    assert not stack.history.can_undo
    stack["z"].save()
    stack["z"].add([3, 3], "0", 3)
    stack.close()
    stack = open_stack("z")
    assert stack["z"].frames == [1, 2, 3]
    assert stack["z"].unsaved.added == 1


def test_reordering(open_stack):
    stack = open_stack("a", "b", "c")
    stack.reorder(["c", "a", "b"])
    assert stack.names == ["c", "a", "b"]
    stack.undo()
    assert stack.names == ["a", "b", "c"]
    with pytest.raises(AnnotationError, match="not all layers"):
        stack.reorder(["a", "b"])


def test_discarding(open_stack):
    stack = open_stack("a", "dlccorr")
    stack["a"].add([1, 1], "0", 1)
    stack["a"].save()
    stack["a"].add([2, 2], "0", 2)
    assert (stack.unsaved("a").added, stack.unsaved("dlccorr").added) == (1, 0)
    stack.discard("a")
    assert stack["a"].frames == [1]
    assert not stack.unsaved("a")
    stack.undo()
    assert stack["a"].frames == [1, 2]
    with pytest.raises(AnnotationError, match="not by hand"):
        stack.discard("dlccorr")


def test_listeners_hear_of_layers_roles_and_marks(open_stack):
    stack = open_stack("a", "b")
    heard: list[int] = []
    stop = stack.on_change(lambda: heard.append(1))
    stack.active = "b"
    stack.active = "b"
    stack.overlay = "a"
    stack.toggle_frame_of_interest(1)
    stack.remove("a")
    assert len(heard) == 4
    stop()
    stack.undo()
    assert len(heard) == 4


def test_conflicts_are_gathered(open_stack, tmp_path):
    stack = open_stack("a", "b")
    for name in "ab":
        stack[name].add([1, 1], "0", 1)
    stack.close()
    (tmp_path / "v_annotations_a.json").write_text('{"0": {"9": [9, 9]}}')
    stack = open_stack("a", "b")
    assert list(stack.conflicts) == ["a"]
    assert stack.is_read_only("a")
    assert not stack.is_read_only("b")
    assert any("changed by another program" in problem for _, problem, _ in stack.messages)
    stack["b"].add([2, 2], "0", 2)
    stack.undo()
    assert stack["b"].frames == [1]
    stack.conflicts["a"].resolve("file")
    assert stack.conflicts == {}
    assert not stack.is_read_only("a")


def test_opened_twice_in_one_process_the_newer_stack_goes_on(open_stack):
    first = open_stack("a")
    first.toggle_frame_of_interest(1)
    first["a"].add([1, 1], "0", 1)
    second = open_stack("a")
    assert (second["a"].frames, second.frames_of_interest) == ([1], [1])
    with pytest.raises(ConflictError, match="opened again"):
        first.toggle_frame_of_interest(2)
    assert first.is_read_only("a")
    second.toggle_frame_of_interest(2)
    second.close()


def test_in_memory_only(open_stack, tmp_path):
    stack = open_stack("a", durable=False)
    stack["a"].add([1, 1], "0", 1)
    stack.toggle_frame_of_interest(1)
    stack.undo()
    stack.undo()
    assert stack["a"].frames == []
    assert list(tmp_path.iterdir()) == []


def test_beside_a_video_that_nobody_may_write_to(tmp_path, monkeypatch, open_stack):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "v_annotations_a.json").write_text('{"0": {"1": [1, 1]}}')
    monkeypatch.setattr(module, "annotation_folder", lambda video: elsewhere)

    def open_here() -> LayerStack:
        stack = LayerStack(PlainVideo(f"{videos}/v.mp4", "video-1", 100))
        stack.add("a", videos / "v_annotations_a.json")
        return stack

    stack = open_here()
    assert str(elsewhere) in stack.messages[0][1]
    assert stack["a"].frames == [1]
    stack["a"].add([2, 2], "0", 2)
    stack.close()
    assert sorted(p.name for p in videos.iterdir()) == ["v_annotations_a.json"]
    stack = open_here()
    assert stack["a"].frames == [1, 2]
    stack["a"].save()
    assert dustrack.read(elsewhere / "v_annotations_a.json").to_mapping() == {"0": {1: [1, 1], 2: [2, 2]}}
    stack["a"].add([3, 3], "0", 3)
    stack["a"].reload()
    assert stack["a"].frames == [1, 2]
    stack.close()
    stack = open_here()
    assert stack["a"].frames == [1, 2]
    stack.close()


def test_a_layer_and_the_marks_are_taken_over(open_stack):
    stack = open_stack("a", "b")
    stack["a"].add([1, 2], "0", 3)
    stack.toggle_frame_of_interest(5)
    assert stack["a"].history.journal.flush()
    assert stack.marks.history.journal.flush()
    thieves = [LayerLock(stack["a"].durable.lock.path), LayerLock(stack.folder / "v.jupytrack-lock")]
    for thief in thieves:
        thief.acquire(steal=True)
    stack["a"].add([1, 2], "0", 4)
    stack.toggle_frame_of_interest(6)
    assert not stack["a"].history.journal.flush()
    assert not stack.marks.history.journal.flush()
    told: list[str] = []
    stack.on_message(lambda level, problem, remedy: told.append(problem))
    stack.take_over("a")
    assert not any(thief.is_held() for thief in thieves)
    assert [("kept as" in text, "never saw" in text) for text in told] == [
        (True, False),
        (False, False),
        (False, True),
        (False, True),
    ]
    assert stack.conflicts["a"].edits == 1
    stack.conflicts["a"].resolve("journal")
    assert stack["a"].get_frames("0") == [3, 4]
    assert stack.frames_of_interest == [5, 6]
    before = stack["a"].durable
    stack.take_over("a")
    assert stack["a"].durable is before
    with pytest.raises(AnnotationError):
        stack.take_over("c")
