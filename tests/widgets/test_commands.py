"""Every command of the table is run, its effect looked at, and undone."""

from __future__ import annotations

import re

import numpy as np
import pytest

from jupytrack.dlc.preflight import layer_issues, save_and_clean
from jupytrack.errors import AnnotationError
from jupytrack.jobs import Job
from jupytrack.widgets.commands import (
    BY_NAME,
    COMMANDS,
    browser_table,
    key_map_markdown,
    run,
    sections,
    tooltip,
)

# what DUSTrack binds, without projects and matplotlib
DUSTRACK = (  # noqa: SIM905
    "= - ] [ ' ; w q g f d , . alt+, alt+. n p b t y z alt+a ctrl+alt+a x m alt+c c ctrl+alt+c s ` alt+q f5 "
    "j k / l r alt+r left right up down ctrl+k 0 1 2 3 4 5 6 7 8 9 "
    "v alt+v ctrl+alt+v alt+b ctrl+b a ctrl+a ctrl+d alt+left alt+right"
).split()
OURS = "ctrl+z ctrl+shift+z space ctrl+left ctrl+right ? shift+left ctrl+shift+up".split()  # noqa: SIM905


def points(annotator):
    return {
        (layer, label, frame): tuple(xy)
        for layer in annotator.annotations.names
        for label, frames in annotator.annotations[layer].data.items()
        for frame, xy in frames.items()
    }


def interest(annotator):
    return annotator.frames_of_interest


def at(frame):
    return lambda a: a.session.go_to(frame)


def select(start, stop):
    return lambda a: a.select_interval(start, stop)


def marked(frame):
    return lambda a: (at(frame)(a), a.toggle_frame_of_interest(), at(8)(a))


def jump(a):
    """Let label 0 of the model's layer jump away and back, and make the layer active."""
    a.annotations.active = "model"
    a.ann.add([150.0, 90.0], "0", 15)


def complete_frames_only(a):
    return a.ann.frames == [10, 11, 12]


def cleaned(a):
    """Drop the incomplete frames of the active layer."""
    save_and_clean(layer_issues(a.ann, a.session.video.fname, ["0", "1"]))


# command -> (what is done before, frame, pointer, check of the annotator afterwards)
def ten_more(a):
    a.ann.add_label("10")
    a.session.label_range = 0


CHECKS = {
    "frame_next": (at(4), 4, lambda a: a.session.frame == 5),
    "frame_previous": (at(4), 4, lambda a: a.session.frame == 3),
    "frame_next_10": (at(4), 4, lambda a: a.session.frame == 14),
    "frame_previous_10": (at(4), 4, lambda a: a.session.frame == 0),
    "frame_next_fraction": (at(4), 4, lambda a: a.session.frame == 7),
    "frame_previous_fraction": (at(4), 4, lambda a: a.session.frame == 1),
    "frame_first": (at(4), 4, lambda a: a.session.frame == 0),
    "frame_last": (at(4), 4, lambda a: a.session.frame == 59),
    "play_toggle": (None, 0, lambda a: a.session.playing),
    "speed_up": (None, 0, lambda a: a.session.speed == 2),
    "speed_down": (None, 0, lambda a: a.session.speed == 0.5),
    "increment_if_unannotated": (at(6), 6, lambda a: a.session.frame == 7),
    "decrement_if_unannotated": (at(5), 5, lambda a: a.session.frame == 5),
    "previous_frame_with_any_label": (at(40), 40, lambda a: a.session.frame == 30),
    "next_frame_with_any_label": (at(20), 20, lambda a: a.session.frame == 30),
    "previous_frame_with_current_label": (at(40), 40, lambda a: a.session.frame == 20),
    "next_frame_with_current_label": (at(5), 5, lambda a: a.session.frame == 10),
    "toggle_frame_of_interest": (at(9), 9, lambda a: interest(a) == [9]),
    "previous_frame_of_interest": (marked(3), 8, lambda a: a.session.frame == 3),
    "next_frame_of_interest": (marked(13), 8, lambda a: a.session.frame == 13),
    "add_annotation": (None, 2, lambda a: a.ann.data["0"][2] == [3.5, 4.25]),
    "remove_annotation": (None, 5, lambda a: 5 not in a.ann.data["0"]),
    "keep_overlapping_continuous_frames": (lambda a: a.ann.remove_empty_labels(), 0, complete_frames_only),
    "keep_overlapping_frames": (lambda a: a.ann.remove_empty_labels(), 0, complete_frames_only),
    "cycle_number_keys_behavior": (None, 0, lambda a: a.session.number_keys == "place"),
    "next_annotation_label": (None, 0, lambda a: a.session.label == "1"),
    "previous_annotation_label": (None, 0, lambda a: a.session.label == "2"),
    "increment_label_range": (ten_more, 0, lambda a: a.session.label == "10"),
    "decrement_label_range": (ten_more, 0, lambda a: a.session.label == "0" and a.session.label_range == 2),
    "add_label": (None, 0, lambda a: a.session.label == "3" and "3" in a.ann.labels),
    "next_annotation_layer": (None, 0, lambda a: a.annotations.active == "model"),
    "previous_annotation_layer": (None, 0, lambda a: a.annotations.active == "model"),
    "next_annotation_overlay": (None, 0, lambda a: a.annotations.overlay is None),
    "previous_annotation_overlay": (None, 0, lambda a: a.annotations.overlay == "iteration-0"),
    "swap_active_and_overlay": (
        None,
        0,
        lambda a: (a.annotations.active, a.annotations.overlay) == ("model", "iteration-0"),
    ),
    "copy_current_annotation_from_overlay": (None, 2, lambda a: a.ann.data["0"][2] == [102, 0]),
    "copy_annotations_from_overlay": (None, 2, lambda a: a.ann.get_at_frame(2)[2] == [102, 60]),
    "copy_frames_of_interest_from_overlay": (
        marked(2),
        9,
        lambda a: a.ann.get_at_frame(2) == [[102, 0], [102, 30], [102, 60]],
    ),
    "copy_frames_in_interval_from_overlay": (
        select(22, 26),
        0,
        lambda a: a.ann.get_frames("0") == [5, 10, 11, 12, 20, 22, 23, 24],
    ),
    "copy_existing_annotations_from_overlay": (
        select(6, 11),
        0,
        lambda a: a.ann.data["0"][10] == [110, 0] and a.ann.data["0"][12] == [22, 20],
    ),
    "select_interval": (
        lambda a: run(a, "select_interval", frame=9),
        4,
        lambda a: a.session.interval == (4, 9),
    ),
    "remove_labels_in_interval": (
        select(10, 12),
        0,
        lambda a: a.ann.get_frames("0") == [5, 20] and a.ann.get_frames("1") == [10, 11, 12, 30],
    ),
    "remove_all_labels_in_interval": (select(10, 12), 0, lambda a: a.ann.frames == [5, 20, 30]),
    "decimate_annotations_in_interval": (select(4, 12), 0, lambda a: a.ann.frames == [10, 12, 20, 30]),
    "interpolate_with_lk": (
        select(20, 24),
        0,
        lambda a: (
            a.ann.get_frames("0") == [5, 10, 11, 12, *range(20, 25)] and len(a.ann.get_frames("1")) == 4
        ),
    ),
    "interpolate_all_with_lk": (
        select(20, 24),
        0,
        lambda a: {20, 21, 22, 23, 24} <= set(a.ann.frames_overlapping),
    ),
    "interpolate_all_with_lk_norstc": (
        select(20, 24),
        0,
        lambda a: {20, 21, 22, 23, 24} <= set(a.ann.frames_overlapping),
    ),
    "check_labels_near_with_lk": (
        at(11),
        11,
        lambda a: a.annotations["buffer"].get_frames("0") == list(range(5, 13)),
    ),
    "check_current_label_with_lk": (
        None,
        0,
        lambda a: a.annotations["buffer"].get_frames("0") == list(range(5, 21)),
    ),
    "check_all_labels_with_lk": (
        None,
        0,
        lambda a: a.annotations["buffer"].get_frames("1") == list(range(10, 31)),
    ),
    "predict_current_label_with_lk": (
        at(14),
        14,
        lambda a: 14 in a.ann.data["0"] and 14 not in a.ann.data["1"],
    ),
    "predict_all_labels_with_lk": (at(14), 14, lambda a: 14 in a.ann.data["0"] and 14 in a.ann.data["1"]),
    "process_with_lk": (
        lambda a: setattr(a.annotations, "active", "model"),
        0,
        lambda a: "lkmovavg" in a.annotations.active and a.annotations.overlay == "model",
    ),
    "find_blips": (jump, 0, lambda a: a.blips_panel.blips["start"].tolist() == [15]),
    "repair_blips": (jump, 0, lambda a: a.annotations["model_blips"].get_frames("0") == [15]),
    "create_dlc_project": (None, 0, lambda a: a.project_panel.form.name.value == "clip_iteration-0"),
    "apply_manual_corrections": (
        None,
        0,
        lambda a: (
            a.ann.name == "dlccorr" and a.ann.data["0"][10] == [20, 20] and a.ann.data["0"][2] == [102, 0]
        ),
    ),
    "restore_dropped_frames": (cleaned, 0, lambda a: a.ann.frames == [5, 10, 11, 12, 20, 30]),
    # without a queue of videos they do nothing; with one, see test_video_queue
    "swap_prev": (None, 0, lambda a: not a.swap_prev() and a.session.frame == 0),
    "swap_next": (None, 0, lambda a: not a.swap_next() and a.session.frame == 0),
    "freeze_plot_axes": (None, 0, lambda a: a.traces.frozen),
    "unfreeze_plot_axes": (lambda a: a.freeze_plot_axes(), 0, lambda a: not a.traces.frozen),
    "reset_view": (lambda a: a.traces.zoom(4), 0, lambda a: a.traces.view[0] < 0 < 59 < a.traces.view[1]),
    "reset_view_to_data": (None, 0, lambda a: 0 < a.traces.view[0] < 5 and 30 < a.traces.view[1] < 40),
    "refresh": (None, 0, lambda a: a.session.frames_revision > 0),
    "save": (None, 0, lambda a: not a.ann.unsaved),
    "save_annotation_as": (None, 0, lambda a: a.question.shown and "iteration-0" in a.question.field.value),
    "discard_unsaved_annotations": (
        None,
        0,
        lambda a: a.question.shown and "9 added" in a.question.text.value,
    ),
    "remove_current_layer": (None, 0, lambda a: a.question.shown and "Save first" in a.question.text.value),
    "undo": (lambda a: a.ann.add([1, 1], "0", 2), 0, lambda a: 2 not in a.ann.data["0"]),
    "redo": (lambda a: (a.ann.add([1, 1], "0", 2), a.undo()), 0, lambda a: 2 in a.ann.data["0"]),
}
for _name, _dx, _dy in (("left", -1, 0), ("right", 1, 0), ("up", 0, -1), ("down", 0, 1)):
    for _suffix, _size in (("", 1.0), ("_fine", 0.1)):
        _place = [15 + _size * _dx, 20 + _size * _dy]
        CHECKS[f"nudge_{_name}{_suffix}"] = (None, 5, lambda a, place=_place: a.ann.data["0"][5] == place)
for _digit in range(10):
    CHECKS[f"number_key_{_digit}"] = (
        None,
        0,
        # a label that is not there is not made by choosing it
        lambda a, digit=_digit: (
            a.session.label == (str(digit) if digit < 3 else "0") and len(a.ann.labels) == 3
        ),
    )
# what needs a project: looked at in test_projects
IN_PROJECT = {"process_dlc_project", "compare_iterations", "go_on_in_next_layer"}
# what only a browser can do: looked at in the browser tests
IN_BROWSER = {c.name for c in COMMANDS if c.action is None}
EDITS = {
    *("add_annotation", "remove_annotation", "keep_overlapping_continuous_frames", "keep_overlapping_frames"),
    *(name for name in BY_NAME if name.startswith(("nudge_", "copy_"))),
    *("interpolate_with_lk", "interpolate_all_with_lk", "interpolate_all_with_lk_norstc"),
    *("predict_current_label_with_lk", "predict_all_labels_with_lk"),
    *("process_with_lk", "repair_blips", "restore_dropped_frames"),
    *("remove_labels_in_interval", "remove_all_labels_in_interval", "decimate_annotations_in_interval"),
    *("add_label", "toggle_frame_of_interest"),
}


@pytest.mark.parametrize("name", [c.name for c in COMMANDS if c.name not in IN_BROWSER | IN_PROJECT])
def test_a_command_does_what_it_says_and_undo_takes_it_back(annotator, name):
    before, frame, check = CHECKS[name]
    if before is not None:
        before(annotator)
    state = points(annotator), list(annotator.ann.labels), interest(annotator)
    errors = []
    annotator.session.on_notice(lambda level, *text: errors.append(text) if level == "error" else None)
    done = annotator.run_command(name, frame=frame, pointer={"x": 3.5, "y": 4.25})
    if isinstance(done, Job):
        done.result(60)
    assert errors == []
    assert check(annotator), name
    if name not in EDITS:
        return
    assert (points(annotator), list(annotator.ann.labels), interest(annotator)) != state
    annotator.undo()
    assert (points(annotator), list(annotator.ann.labels), interest(annotator)) == state
    annotator.redo()
    assert (points(annotator), list(annotator.ann.labels), interest(annotator)) != state


def test_every_command_is_looked_at():
    assert set(CHECKS) | IN_BROWSER | IN_PROJECT == set(BY_NAME)
    assert not set(CHECKS) & IN_BROWSER


@pytest.mark.parametrize("name", sorted(IN_BROWSER))
def test_a_browser_command_is_sent_to_the_browser(annotator, name, monkeypatch):
    sent = []
    monkeypatch.setattr(annotator.canvas, "send", lambda content, buffers=None: sent.append(content))
    annotator.run_command(name)
    assert sent == [{"type": "perform", "name": name}]


def test_no_key_means_two_things():
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))
    assert {*DUSTRACK, *OURS} <= set(keys)


def test_keys_are_written_the_way_the_browser_reads_them():
    for command in COMMANDS:
        for key in command.keys:
            assert re.fullmatch(r"(ctrl\+)?(alt\+)?(shift\+)?([^\s+]+|\+)", key), key


def test_what_replaces_a_key_of_dustrack_says_so():
    assert "pagedown" in BY_NAME["nudge_left"].replaces
    assert "pagedown" in key_map_markdown()


def test_the_browser_gets_the_table_as_plain_data():
    import json

    table = browser_table()
    assert json.loads(json.dumps(table)) == table
    assert {row["where"] for row in table} == {"browser", "kernel"}
    assert next(row for row in table if row["name"] == "nudge_left")["args"] == {"dx": -1.0, "dy": 0.0}


def test_the_cheat_sheet_lists_the_digits_once():
    rows = sections()["Labels"]
    assert [keys for keys in rows.values() if "0" in keys] == [list("0123456789")]
    assert "`0` … `9`" in key_map_markdown()
    assert "| `` ` `` |" in key_map_markdown()


def test_a_tooltip_names_the_keys():
    assert tooltip(BY_NAME["undo"]) == "Undo (ctrl+z)"
    assert tooltip(BY_NAME["add_label"]) == "Add a label"


def test_an_unknown_command_is_a_notice(annotator):
    seen = []
    annotator.session.on_notice(lambda *notice: seen.append(notice))
    annotator.run_command("fly")
    assert seen[0][0] == "error"
    assert "fly" in seen[0][1]


def test_digits_place_in_place_mode(annotator):
    annotator.cycle_number_keys_behavior()
    annotator.run_command("number_key_2", frame=33, pointer={"x": 1, "y": 2})
    assert annotator.ann.data["2"][33] == [1, 2]
    assert annotator.session.label == "2"
    # a new label and its first point are one edit
    labels = annotator.ann.labels
    annotator.run_command("number_key_7", frame=33, pointer={"x": 3, "y": 4})
    assert annotator.ann.data["7"][33] == [3, 4]
    annotator.undo()
    assert annotator.ann.labels == labels


def test_named_labels_are_picked_by_their_place(annotator):
    model = annotator.annotations["model"]
    model.add_label("snout")
    run(annotator, "number_key_3")
    assert annotator.session.label == "snout"
    with pytest.raises(Exception, match="names"):
        run(annotator, "number_key_9")


def test_nothing_under_the_pointer_places_nothing(annotator):
    before = points(annotator)
    annotator.run_command("add_annotation", frame=2, pointer=None)
    assert points(annotator) == before


def test_an_interval_command_without_an_interval_says_what_to_press(annotator):
    seen = []
    annotator.session.on_notice(lambda *notice: seen.append(notice))
    annotator.run_command("remove_labels_in_interval")
    assert "Press z" in seen[0][2]


def test_nudging_where_no_point_is_changes_nothing(annotator):
    before = points(annotator)
    annotator.run_command("nudge_left", frame=0)
    assert points(annotator) == before
    assert np.isnan(annotator.ann.to_trace("0")[0]).all()


def told(annotator):
    """Collect what is told from now on."""
    seen = []
    annotator.session.on_notice(lambda level, problem, remedy: seen.append(f"{level}: {problem} {remedy}"))
    return seen


@pytest.mark.parametrize("name", ["number_key_7", "increment_label_range", "decrement_label_range"])
def test_choosing_a_label_that_is_not_there_adds_none(annotator, name):
    seen = told(annotator)
    annotator.run_command(name, frame=0, pointer={"x": 1, "y": 2})
    assert annotator.ann.labels == ["0", "1", "2"]
    assert annotator.session.label == "0"
    (notice,) = seen
    assert "label panel" in notice


def test_a_new_label_that_a_digit_places_is_told_and_taken_back(annotator):
    annotator.cycle_number_keys_behavior()
    annotator.increment_label_range()
    seen = told(annotator)
    annotator.run_command("number_key_4", frame=33, pointer={"x": 1, "y": 2})
    assert annotator.ann.data["14"][33] == [1, 2]
    assert annotator.session.label == "14"
    assert any("14 is new" in notice and "Undo" in notice for notice in seen)
    annotator.undo()
    assert annotator.ann.labels == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        *(("previous_frame_with_current_label", 3), ("next_frame_with_current_label", 40)),
        *(("previous_frame_with_any_label", 3), ("next_frame_with_any_label", 40)),
        *(("previous_frame_of_interest", 3), ("next_frame_of_interest", 3), ("remove_annotation", 3)),
    ],
)
def test_a_key_with_nothing_to_do_says_so(annotator, name, frame):
    before = points(annotator)
    annotator.go_to_frame(frame)
    seen = told(annotator)
    annotator.run_command(name, frame=frame)
    (notice,) = seen
    assert notice.startswith("info:")
    assert str(frame) in notice
    assert annotator.session.frame == frame
    assert points(annotator) == before


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        *(("previous_frame_with_current_label", 3), ("next_frame_with_any_label", 40)),
        *(("next_frame_of_interest", 3), ("increment_if_unannotated", 5)),
    ],
)
def test_a_key_that_moves_nothing_leaves_the_frame_that_is_on_its_way(annotator, name, frame):
    annotator.go_to_frame(20)
    # the picture of frame 20 was not there yet when the key was pressed
    annotator.run_command(name, frame=frame)
    assert annotator.session.frame == 20


def test_names_that_do_not_exist_are_refused_with_the_nearest(annotator):
    with pytest.raises(AnnotationError, match="full_window"):
        annotator.perform("full_windw")
    with pytest.raises(AnnotationError, match="commands"):
        annotator.perform("nonsense")
    annotator.ann.add_label("snout")
    with pytest.raises(AnnotationError, match="Did you mean snout"):
        annotator.session.label = "snot"
    assert annotator.session.label == "0"
