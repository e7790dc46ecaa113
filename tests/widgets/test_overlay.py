from __future__ import annotations

import json
from typing import Any

import ipycanvas
import numpy as np
import pytest
from ipycanvas.canvas import COMMANDS, _CanvasManager, commands_to_buffer
from ipywidgets import widget_serialization

from jupytrack.widgets import recording
from jupytrack.widgets.annotator import Annotator
from jupytrack.widgets.overlay import Overlay, Recording

NAMES = {number: name for name, number in COMMANDS.items()}


def commands(recording: Recording) -> list[Any]:
    return json.loads(bytes(recording.buffers[0])) if recording.buffers else []


def names(recording: Recording) -> list[str]:
    return [NAMES[command[0]] for command in commands(recording)]


@pytest.fixture
def overlay(annotator: Annotator) -> Overlay:
    return annotator.overlay


def test_the_private_names_of_ipycanvas_are_what_the_recorder_expects() -> None:
    assert ipycanvas.__version__.startswith("0.14.")
    manager = _CanvasManager(caching=True)
    assert manager._caching is True
    assert manager._commands_cache == []
    assert manager._buffers_cache == []
    assert manager._current_canvas is None
    sent: list[Any] = []
    manager._send_custom = lambda command, buffers=(): sent.append((command, buffers))
    canvas = ipycanvas.Canvas(width=10, height=10, _canvas_manager=manager)
    canvas.fill_style = "red"
    canvas.fill_styled_circles(np.zeros(2), np.zeros(2), 3, np.zeros((2, 3)))
    assert sent == []
    assert manager._current_canvas is canvas
    manager.flush()
    ((recorded, buffers),) = sent
    assert [NAMES[command[0]] for command in recorded] == ["switchCanvas", "set", "fillStyledCircles"]
    assert recorded[0][1] == [widget_serialization["to_json"](canvas, None)]
    assert len(buffers) == recorded[2][2]
    metadata, data = commands_to_buffer(recorded)
    assert metadata["dtype"] == "uint8"
    assert json.loads(bytes(data))[1] == json.loads(json.dumps(recorded[1]))


def test_nothing_is_sent_while_recording(overlay: Overlay) -> None:
    sent: list[Any] = []
    overlay.manager.send = lambda *message, **buffers: sent.append(message)
    overlay.canvas.send = overlay.manager.send
    overlay.record(10)
    assert sent == []


def test_every_recording_stands_alone(overlay: Overlay) -> None:
    first = overlay.record(10, 0.5)
    other = overlay.record(30, 0.5)
    again = overlay.record(10, 0.5)
    assert names(first)[0] == "switchCanvas"
    assert names(other)[0] == "switchCanvas"
    assert first == again
    assert first.buffers != other.buffers
    saved, restored = names(first).count("save"), names(first).count("restore")
    assert saved == restored > 0


def test_points_are_those_of_the_active_layer(annotator: Annotator) -> None:
    points = annotator.overlay.record(10).points
    assert [(point["label"], point["x"], point["y"]) for point in points] == [("0", 20, 20), ("1", 50, 70)]
    assert {point["layer"] for point in points} == {"iteration-0"}
    assert all(point["color"].startswith("#") for point in points)
    assert annotator.overlay.record(50).points == []


def test_a_frame_without_points_has_no_texts(overlay: Overlay) -> None:
    assert "fillText" not in names(overlay.record(50))
    assert "fillText" in names(overlay.record(10))


def test_hidden_layers_are_not_drawn(annotator: Annotator) -> None:
    annotator.annotations.overlay = None
    annotator.ann.hide()
    recording = annotator.overlay.record(10)
    assert recording.points == []
    assert not any(name.startswith(("fill", "stroke")) for name in names(recording))


def test_sizes_follow_the_scale_and_positions_do_not(overlay: Overlay) -> None:
    def fonts(scale: float) -> set[float]:
        values = [
            command[1][1]
            for command in commands(overlay.record(10, scale))
            if len(command) > 1 < len(command[1])
        ]
        texts = [value for value in values if isinstance(value, str) and "px" in value]
        return {float(text.split("px")[0].split()[-1]) for text in texts}

    def label_width(scale: float) -> float:
        texts = [c[1] for c in commands(overlay.record(10, scale)) if NAMES[c[0]] == "fillText"]
        return float(texts[0][1])

    (one,), (half,) = fonts(1.0), fonts(0.5)
    assert half == pytest.approx(one / 2)
    assert label_width(1.0) - 20 == pytest.approx(2 * (label_width(0.5) - 20))


def test_users_paint_too(annotator: Annotator) -> None:
    overlay = annotator.overlay
    revision = annotator.session.overlay_revision
    seen: list[tuple[int, float]] = []

    def cross(canvas: Any, frame: int) -> None:
        seen.append((frame, overlay.scale))
        canvas.stroke_line(0, 0, frame, frame)

    remove = overlay.add_painter(cross)
    assert annotator.session.overlay_revision > revision
    assert "strokeLine" in names(overlay.record(7, 0.25))
    assert seen == [(7, 0.25)]
    remove()
    assert "strokeLine" not in names(overlay.record(7))


def test_a_painter_that_fails_is_named_once_and_leaves_the_rest(annotator: Annotator) -> None:
    notices: list[str] = []
    annotator.session.on_notice(lambda level, problem, remedy: notices.append(problem))
    before = names(annotator.overlay.record(10))

    def broken(canvas: Any, frame: int) -> None:
        canvas.fill_rects(np.zeros(3), np.zeros(3), 5)
        raise RuntimeError("no such thing")

    annotator.overlay.add_painter(broken)
    first, second = annotator.overlay.record(10), annotator.overlay.record(11)
    assert names(first) == before
    assert len(first.buffers) == 1 + sum(command[2] for command in commands(first) if len(command) > 2)
    assert names(second)[0] == "switchCanvas"
    assert len(notices) == 1
    assert "'broken'" in notices[0]
    assert "no such thing" in notices[0]


def test_what_cannot_be_sent_costs_one_frame_its_overlay(annotator: Annotator) -> None:
    notices: list[str] = []
    annotator.session.on_notice(lambda level, problem, remedy: notices.append(problem))
    remove = annotator.overlay.add_painter(lambda canvas, frame: canvas.fill_text(object(), 0, 0))
    recording = annotator.overlay.record(10)
    assert recording.buffers == []
    assert recording.points
    assert "frame 10" in notices[0]
    remove()
    assert annotator.overlay.record(10).buffers


def test_an_edit_touches_the_frames_whose_trail_it_is_in(annotator: Annotator) -> None:
    annotator.session.trail = 3
    affected = annotator.overlay.affected(np.array([1, 10]))
    assert affected is not None
    assert affected.tolist() == [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13]
    assert annotator.overlay.affected(None) is None
    annotator.overlay.add_painter(lambda canvas, frame: None)
    assert annotator.overlay.affected(np.array([1])) is None


def test_an_edit_is_in_the_next_recording(annotator: Annotator) -> None:
    annotator.overlay.record(10)
    annotator.session.place("2", 10, 33.25, 44.5)
    points = {point["label"]: point for point in annotator.overlay.record(10).points}
    assert (points["2"]["x"], points["2"]["y"]) == (33.25, 44.5)


def test_without_recording_the_canvas_says_what_it_shows(video, monkeypatch):
    monkeypatch.setattr(recording, "_Manager", None)
    annotator = Annotator(video, "mine")
    shared, other = annotator.overlay.canvas._canvas_manager, ipycanvas.Canvas()
    sent = []
    shared.send = lambda meta, buffers=None: sent.append(json.loads(bytes(buffers[0])))
    try:
        annotator.ann.add([1, 2], "0", 3)
        annotator.overlay.add_painter(lambda canvas, frame: 1 / 0)
        first, second = annotator.overlay.record(3), annotator.overlay.record(4)
        annotator.ann.add([5, 2], "0", 3)
        third = annotator.overlay.record(3)
    finally:
        del shared.send
    assert len({one.meta["tag"] for one in (first, second, third)}) == 3
    set_, offset = COMMANDS["set"], ipycanvas.Canvas.ATTRS["line_dash_offset"]
    for batch, one in zip(sent, (first, second, third), strict=True):
        tags = [args[1] for command, args, *_ in batch if command == set_ and args[0] == offset]
        assert tags == [0, one.meta["tag"]]
        assert batch[-1][1] == [offset, one.meta["tag"]]
    annotator.close()
    # the manager is everybody's
    assert shared.comm is not None
    other.close()
