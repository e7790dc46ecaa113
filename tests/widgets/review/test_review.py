"""Flags are looked at one by one; what is decided is kept, and what is fixed is checked again."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ipycanvas import Canvas
from ipycanvas.canvas import COMMANDS

import jupytrack
from jupytrack import qa
from jupytrack.errors import AnnotationError
from jupytrack.widgets.review.box_painter import BoxPainter
from jupytrack.widgets.review.commands import REVIEW
from jupytrack.widgets.review.heat_strip import DONE, HEAT, heat_levels, rectangles
from jupytrack.widgets.review.review import review

TABLE = pd.DataFrame(
    {
        "frame": [30, 11, 50],
        "track": ["1", "0", None],
        "score": [0.5, 0.9, 0.2],
        "checks": ["gaps", "jumps", "blur"],
        "message": ["a gap", "a jump", "blurred"],
    }
)


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def notices(annotator):
    found = []
    annotator.session.on_notice(lambda *notice: found.append(notice))
    return found


def press(annotator, key):
    command = next(each for each in annotator.commands.values() if key in each.keys)
    annotator.run_command(command.name)


def test_keys_go_from_flag_to_flag_in_the_order_of_suspicion(annotator, notices):
    found = review(annotator, where=TABLE)
    session = annotator.session
    assert (found.current, session.frame) == (None, 0)
    seen = []
    for key in "oooo":
        press(annotator, key)
        seen.append((found.current, session.frame, session.label))
    # a flag of a whole frame leaves the label as it is; after the last comes the first
    assert seen == [(0, 11, "0"), (1, 30, "1"), (2, 50, "1"), (0, 11, "0")]
    press(annotator, "i")
    assert found.current == 0
    assert "first flag" in notices[-1][1]
    found.select(2)
    press(annotator, "i")
    assert (found.current, session.frame) == (1, 30)
    with pytest.raises(AnnotationError, match="no flag 3"):
        found.select(3)


def test_verdicts_go_on_and_are_found_again(annotator, video, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_USER", "anna")
    found = review(annotator, TABLE)
    found.next()
    press(annotator, "e")
    assert found.current == 1
    found.reason.value = "the subject left"
    press(annotator, "h")
    assert found.current == 2
    assert found.count.value == "2 of 3"
    press(annotator, "u")
    assert found.progress == (3, 3)
    assert found.queue["state"].tolist() == ["accepted", "dismissed", "fixed"]
    assert found.queue["reason"].tolist() == ["", "the subject left", ""]
    assert set(found.queue["author"]) == {"anna"}
    assert found.verdicts["verdict"].tolist() == ["accepted", "dismissed", "fixed"]
    found.reopen()
    assert found.queue["state"].tolist() == ["accepted", "dismissed", "open"]
    assert found.path == Path(annotator.ann.fname).with_suffix(".review")
    annotator.close()
    # no file of the review is taken for a layer
    with closing(jupytrack.open(video)) as again:
        assert "review" not in " ".join(again.annotations.names)
        later = review(again, TABLE, layer="iteration-0")
        assert later.queue["state"].tolist() == ["accepted", "dismissed", "open"]
        assert later.next() == 2
        # another table, in which one of them stands
        other = review(again, TABLE[TABLE["frame"] == 30])
        assert other.queue["state"].tolist() == ["dismissed"]


def test_the_flag_is_told_under_the_strip_too(annotator):
    found = review(annotator, TABLE)
    assert "0 of 3 flags reviewed" in found.legend.value
    found.next()
    assert "frame 11, 0</b> a jump (0 of 3 reviewed)" in found.legend.value
    found.accept()
    assert "frame 30, 1</b> a gap (1 of 3 reviewed)" in found.legend.value
    assert "the darker the more suspicious" in found.legend.value


def test_a_verdict_needs_a_flag_and_a_dismissal_a_reason(annotator, notices):
    found = review(annotator, TABLE)
    for act in (found.accept, found.fix, found.reopen, lambda: found.dismiss("x")):
        with pytest.raises(AnnotationError, match="No flag is selected"):
            act()
    press(annotator, "e")
    assert "No flag is selected" in notices[-1][1]
    found.next()
    with pytest.raises(AnnotationError, match="needs a reason"):
        found.dismiss("")
    # by key the box for the reason is asked for
    press(annotator, "h")
    assert found.progress == (0, 3)
    assert not found.path.exists()


def test_an_array_over_frames_is_a_queue_and_its_file_lies_beside_the_layer(annotator):
    mask = np.zeros(60, bool)
    mask[20:25] = mask[40] = True
    found = review(annotator, mask)
    assert found.queue[["frame", "last"]].values.tolist() == [[20, 24], [40, 40]]
    found.next()
    found.accept()
    assert found.current == 1
    with pytest.raises(AnnotationError, match="60 frames"):
        review(annotator, mask[:-1])
    # what did not fit ended nothing
    assert annotator.commands["review_next"].keys == ("o",)
    with pytest.raises(AnnotationError, match="no annotator"):
        review("clip.mp4", mask)
    with pytest.raises(AnnotationError, match="no layer 'modle'"):
        review(annotator, mask, layer="modle")


def test_nothing_flagged_is_said(annotator, notices):
    found = review(annotator, np.zeros(60, bool))
    assert found.progress == (0, 0)
    assert found.next() is None
    assert "no flags" in notices[-1][1]
    assert found.list.layout.display == "none"


def test_a_point_that_is_fixed_clears_its_flag(annotator):
    model = annotator.annotations["model"]
    good = model.to_trace("0")[15].copy()
    model.add([200.0, 200.0], "0", 15)
    report = qa.run(model, ["jumps", "gaps"])
    found = review(annotator, report)
    # the layer that was checked becomes the active one
    assert annotator.ann is model
    jumps = found.queue[found.queue["checks"].str.contains("jumps")]
    assert set(jumps["frame"]) == {15}
    gaps = found.queue["frame"][found.queue["checks"] == "gaps"].tolist()
    place = int(jumps.index[jumps["frame"] == 15][0])
    found.select(place)
    annotator.session.place("0", 15, *good)
    wait_until(lambda: found.queue["state"].tolist().count("cleared") == 1)
    queue = found.queue
    assert queue["frame"][queue["state"] == "open"].tolist() == gaps
    assert queue["edited"].sum() == 1
    assert queue.loc[place, "edited"]
    assert found.progress == (1, len(queue))
    # a new fault is added at the end
    annotator.session.place("1", 50, 300.0, 10.0)
    wait_until(lambda: len(found.queue) > len(queue))
    assert found.queue["frame"][: len(queue)].tolist() == queue["frame"].tolist()
    assert set(found.queue["frame"][len(queue) :]) == {50}
    assert set(found.queue["track"][len(queue) :]) == {"1"}
    # and the fault that comes back is open again
    annotator.session.place("0", 15, 200.0, 200.0)
    wait_until(lambda: "cleared" not in found.queue["state"].tolist())
    # no verdict was given by all that
    assert not len(found.verdicts)


def test_edits_are_marked_where_nothing_can_check_again_and_colours_are_no_edits(annotator):
    found = review(annotator, TABLE)
    annotator.session.select_label("1")
    annotator.session.touch_overlay()
    assert not found.queue["edited"].any()
    annotator.session.place("0", 11, 3.0, 4.0)
    assert found.queue["edited"].tolist() == [True, False, False]
    assert found.queue["state"].tolist() == ["open"] * 3


def test_flags_come_anew_from_a_function_of_the_users(annotator):
    def low():
        return pd.DataFrame({"frame": [f for f in range(60) if f not in annotator.ann.get_frames("0")][:3]})

    found = review(annotator, low(), update=low)
    assert found.queue["frame"].tolist() == [0, 1, 2]
    annotator.session.place("0", 1, 3.0, 4.0)
    wait_until(lambda: len(found.queue) == 4)
    assert found.queue["frame"].tolist() == [0, 1, 2, 3]
    assert found.queue["state"].tolist() == ["open", "cleared", "open", "open"]


def test_an_update_that_fails_is_told_and_the_list_stays(annotator, notices):
    def broken():
        raise RuntimeError("no network")

    found = review(annotator, TABLE, update=broken)
    annotator.session.place("0", 1, 3.0, 4.0)
    wait_until(lambda: notices)
    assert "no network" in notices[-1][1]
    assert len(found.queue) == 3


def test_a_jump_to_a_flagged_frame_selects_its_flag_and_a_step_does_not(annotator):
    found = review(annotator, TABLE)
    annotator.session.go_to(30)
    assert found.current == 1
    annotator.session.go_to(49)
    annotator.session.go_to(50)
    assert found.current == 1
    annotator.session.go_to(11)
    assert found.current == 0
    assert annotator.session.label == "0"


def test_a_click_in_the_list_goes_to_the_flag(annotator):
    found = review(annotator, TABLE)
    assert len(found.list.options) == 3
    assert "jumps" in found.list.options[0]
    found.list.index = 1
    assert (found.current, annotator.session.frame) == (1, 30)
    assert found.detail.value.startswith("a gap")


def test_a_long_list_is_shown_in_parts(annotator):
    frames = np.tile(np.arange(60), 10)
    table = pd.DataFrame({"frame": frames, "track": np.repeat(np.arange(10), 60)})
    found = review(annotator, table)
    assert len(found.list.options) == 200
    found.select(450)
    assert "401–600 of 600" in found.head.value
    assert found.list.index == 50


def test_a_review_ends_and_leaves_nothing_behind(annotator):
    traces, canvas = annotator.traces, annotator.canvas
    before = [list(part.children) for part in (annotator.children[-1].children)]
    keys = {name: each.keys for name, each in annotator.commands.items()}
    found = review(annotator, TABLE)
    assert set(REVIEW) <= set(annotator.commands)
    assert {each["name"] for each in canvas.bindings} >= set(REVIEW)
    assert found.strip.widget in canvas.trace_figures
    second = review(annotator, TABLE)
    found.close()
    assert [each for each in canvas.trace_figures if each not in traces.figures] == [second.strip.widget]
    second.close()
    assert [list(part.children) for part in (annotator.children[-1].children)] == before
    assert {name: each.keys for name, each in annotator.commands.items()} == keys
    assert list(canvas.trace_figures) == list(traces.figures)
    assert list(canvas.marker_models) == list(traces.markers)
    # the traces go on
    traces.zoom(2)
    annotator.session.place("0", 11, 3.0, 4.0)
    annotator.session.go_to(30)
    assert second.current is None


def test_an_annotator_that_is_closed_takes_its_review_along(annotator):
    found = review(annotator, TABLE, update=lambda: TABLE)
    annotator.session.place("0", 11, 3.0, 4.0)
    annotator.close()
    found.close()
    assert found._closed


def test_keys_of_the_user_stay_the_users(annotator):
    pressed = []
    annotator.add_key_binding("e", lambda: pressed.append(1), "mine")
    found = review(annotator, TABLE)
    found.next()
    press(annotator, "e")
    assert pressed == [1]
    assert found.progress == (0, 3)
    assert annotator.commands["review_accept"].keys == ()
    found.close()
    press(annotator, "e")
    assert pressed == [1, 1]


def test_the_keys_are_free_and_documented():
    from jupytrack.widgets.commands import COMMANDS

    taken = {key for command in COMMANDS for key in command.keys}
    text = (Path(__file__).parents[3] / "docs" / "quality.md").read_text()
    for command in REVIEW.values():
        assert not taken & set(command.keys)
        for key in command.keys:
            assert f"| `{key}` | {command.title} |" in text


def test_levels_of_heat_follow_the_scores():
    assert heat_levels([0.1, 0.5, 0.9, np.nan, 0.9], [0, 0, 0, 0, 1]).tolist() == [1, 2, 3, 2, 0]
    assert heat_levels([10, 20, 40], [0, 0, 0]).tolist() == [1, 2, 3]
    assert heat_levels([7, 7], [0, 0]).tolist() == [2, 2]
    assert heat_levels([], []).tolist() == []
    assert len({DONE, *HEAT}) == 4


def test_rectangles_go_around_runs():
    x, y = rectangles(np.array([True, True, False, True]), np.arange(5.0))
    assert x.tolist() == [0, 0, 2, 2, 3, 3, 4, 4]
    assert y.tolist() == [0, 1, 1, 0] * 2
    assert len(rectangles(np.zeros(4, bool), np.arange(5.0))[0]) == 0


def test_the_strip_shows_where_flags_are_and_follows_the_traces(annotator):
    found = review(annotator, TABLE)
    strip = found.strip

    def shown(level):
        return np.reshape(strip.bars[level].x, (-1, 4))[:, 1:3]

    for level, frame in ((3, 11), (2, 30), (1, 50)):
        ((low, high),) = shown(level)
        assert low <= frame <= high
        assert high - low < 0.5
    assert strip.targets.x.tolist() == [11, 30, 50]
    found.next()
    found.accept()
    assert len(shown(3)) == 0
    ((low, high),) = shown(0)
    assert low <= 11 <= high
    annotator.session.go_to(30)
    annotator.traces.zoom(4)
    wait_until(lambda: strip.targets.x.tolist() == [30])
    assert len(shown(0)) == 0
    annotator.traces.show_whole_video()
    annotator.session.trace_unit = "time"
    at = [annotator.session.video.get_frame_timestamp(frame) for frame in (11, 30, 50)]
    wait_until(lambda: np.allclose(strip.targets.x, at) if len(strip.targets.x) == 3 else False)
    assert np.allclose(strip.marker.x, at[1])


@pytest.fixture
def tracks():
    return jupytrack.BoxTracks(
        [5, 5, 5, 6],
        [1, 2, 3, 1],
        [[10.5, 20.5, 30, 40], [100, 100, 20, 20], [np.nan] * 4, [12, 20, 30, 40]],
        class_=["person", "car", "car", "person"],
        state=["visible", "partially_occluded", "out_of_frame", "visible"],
    )


def drawn(overlay, frame):
    """List what is drawn over a frame: name, arguments, and the style at the time."""
    names = {number: name for name, number in COMMANDS.items()}
    attributes = {number: name for name, number in Canvas.ATTRS.items()}
    found, style = [], {}
    for number, *rest in json.loads(bytes(overlay.record(frame).buffers[0])):
        arguments = rest[0] if rest else []
        if names[number] == "set":
            style[attributes[arguments[0]]] = arguments[1]
        else:
            found.append((names[number], arguments, dict(style)))
    return found


def test_boxes_are_painted_with_ids_in_the_colours_of_their_classes(annotator, tracks):
    painter = BoxPainter(tracks, annotator.overlay)
    annotator.overlay.add_painter(painter)
    shown = drawn(annotator.overlay, 5)
    outlines = [args for name, args, _ in shown if name == "strokeRect"]
    # an edge at 10.5 is the centre of pixel 10; one dark and one coloured line each
    assert outlines == [[10.0, 20.0, 30.0, 40.0]] * 2 + [[99.5, 99.5, 20.0, 20.0]] * 2
    assert [args[0] for name, args, _ in shown if name == "fillText"][-2:] == ["1 person", "2 car"]
    colors = [style["stroke_style"] for name, _, style in shown if name == "strokeRect"][1::2]
    assert colors == [painter.color_of(0), painter.color_of(1)]
    assert len(set(colors)) == 2
    assert painter.color_of(0) == painter.color_of(3)
    # what is hidden is dashed
    dashes = [bool(args[0]) for name, args, _ in shown if name == "setLineDash"]
    assert sum(dashes) == 1
    assert "strokeRect" not in [name for name, *_ in drawn(annotator.overlay, 40)]


def test_the_box_of_the_flag_stands_out_and_the_file_lies_beside_the_video(annotator, tracks, video):
    table = pd.DataFrame({"frame": [5, 6], "track": [2, 1], "check": ["temporal_iou", "ghosts"]})
    found = review(annotator, table, tracks=tracks)
    assert found.path == video.with_name("clip.mp4.jupytrack-review")
    found.next()
    shown = drawn(annotator.overlay, 5)
    white = [
        args for name, args, style in shown if name == "strokeRect" and style["stroke_style"] == "#ffffff"
    ]
    assert white == [[99.5, 99.5, 20.0, 20.0]]
    found.accept()
    assert found._painter.selected == 1
    assert found.verdicts["track"].tolist() == [2]
    painters = len(annotator.overlay._painters)
    found.close()
    assert len(annotator.overlay._painters) == painters - 1
    with pytest.raises(AnnotationError, match="go on to frame 99"):
        review(annotator, table, tracks=jupytrack.BoxTracks([99], [1], [[0, 0, 1, 1]]))
