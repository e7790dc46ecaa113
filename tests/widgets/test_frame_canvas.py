from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from jupytrack.errors import AnnotationError
from jupytrack.video.enhance import Enhancement
from jupytrack.widgets.annotator import Annotator
from jupytrack.widgets.frame_canvas import FrameCanvas

N_FRAMES = 60


class Browser:
    """What a browser would get, and a way to speak to the canvas as it does."""

    def __init__(self, canvas: FrameCanvas) -> None:
        self.canvas = canvas
        self.received: list[tuple[dict[str, Any], list[bytes]]] = []
        canvas.send = lambda content, buffers=None: self.received.append((content, list(buffers or [])))

    def say(self, **message: Any) -> None:
        self.canvas._handle_custom_msg(message, [])

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [content for content, _ in self.received if content["type"] == kind]

    def wait(self, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not is_there():
            assert time.monotonic() < deadline, self.received
            time.sleep(0.005)

    def edit(self, number: str = "e1", frame: int = 7, label: str = "0", **more: Any) -> None:
        values = {
            "type": "edit",
            "id": number,
            "op": "place",
            "label": label,
            "frame": frame,
            "x": 1.5,
            "y": 2.25,
        }
        self.say(**{**values, **more})


@pytest.fixture
def browser(annotator: Annotator) -> Browser:
    browser = Browser(annotator.canvas)
    browser.say(type="hello", view="v")
    browser.received.clear()
    return browser


def test_the_browser_learns_about_the_video(annotator: Annotator) -> None:
    canvas = annotator.canvas
    assert canvas.info["n_frames"] == N_FRAMES
    assert (canvas.info["width"], canvas.info["height"]) == (320, 240)
    np.testing.assert_array_equal(np.frombuffer(canvas.timestamps, "<f8"), annotator.session.video.timestamps)
    assert {"frame_next", "save"} <= {binding["name"] for binding in canvas.bindings}
    assert canvas.recorder_model is annotator.overlay.manager
    assert canvas.canvas_model is annotator.overlay.canvas
    # an attribute of that name would hide the list of what is synced, and break restoring
    assert "frame" in canvas.keys


def test_stills_are_the_frames(annotator: Annotator, browser: Browser) -> None:
    browser.say(type="still", view="v", id=3, frames=[5, 6], fresh=[5, 6], quality=90)
    browser.wait(lambda: len(browser.of("still")) == 2)
    for content, (data,) in browser.received:
        assert content["view"] == "v"
        assert content["id"] == 3
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        exact = annotator.session.video.read(content["frame"], "rgb")
        assert np.abs(picture.astype(int) - exact).mean() < 6
    assert {content["frame"] for content in browser.of("still")} == {5, 6}


def test_enhancing_makes_stills_out_of_date(annotator: Annotator, browser: Browser) -> None:
    annotator.session.enhancement = Enhancement(gamma=2.0)
    (message,) = browser.of("invalidate")
    assert message["what"] == "stills"
    assert message["frames"] is None
    browser.say(type="still", view="v", id=1, frames=[5], fresh=[5], quality=90)
    browser.wait(lambda: bool(browser.of("still")))
    assert browser.of("still")[0]["revision"] == message["revision"]


def test_overlays_come_as_recordings(annotator: Annotator, browser: Browser) -> None:
    browser.say(type="overlay", view="v", id=4, frames=[10, 11, 12], scale=0.5, revision=0)
    browser.wait(lambda: len(browser.of("overlay")) == 2)
    assert [content["frames"] for content in browser.of("overlay")] == [[10], [11, 12]]
    for content, (flat,) in browser.received:
        assert sum(content["sizes"]) == len(flat)
        assert sum(content["lengths"]) == len(content["sizes"])
        assert len(content["metas"]) == len(content["points"]) == len(content["frames"])
        assert content["scale"] == 0.5
        assert content["revision"] == annotator.session.overlay_revision
    recording = annotator.overlay.record(10, 0.5)
    assert browser.received[0][1] == [b"".join(recording.buffers)]


def test_an_edit_is_made_answered_and_confirmed(annotator: Annotator, browser: Browser) -> None:
    browser.edit()
    assert annotator.ann.data["0"][7] == [1.5, 2.25]
    (answer,) = browser.of("edited")
    assert answer == {
        "type": "edited", "edit": "e1", "ok": True, "revision": annotator.session.overlay_revision
    }  # fmt: skip
    (change,) = browser.of("invalidate")
    assert 7 in change["frames"]
    assert change["revision"] <= answer["revision"]
    browser.wait(lambda: browser.of("confirmed") == [{"type": "confirmed", "edit": "e1"}])
    browser.edit("e2", op="remove")
    assert 7 not in annotator.ann.data["0"]


def test_an_edit_that_comes_twice_counts_once(annotator: Annotator, browser: Browser) -> None:
    before = len(annotator.ann.history.entries)
    browser.edit()
    browser.wait(lambda: bool(browser.of("confirmed")))
    browser.edit(x=99)
    assert annotator.ann.data["0"][7] == [1.5, 2.25]
    assert len(annotator.ann.history.entries) == before + 1
    assert [answer["ok"] for answer in browser.of("edited")] == [True, True]
    assert len(browser.of("confirmed")) == 2


def test_an_edit_that_changes_nothing_is_confirmed_too(annotator: Annotator, browser: Browser) -> None:
    before = len(annotator.ann.history.entries)
    browser.edit("e1")
    browser.edit("e2")
    browser.edit("e3", op="remove", frame=31)
    browser.wait(lambda: {answer["edit"] for answer in browser.of("confirmed")} == {"e1", "e2", "e3"})
    assert len(annotator.ann.history.entries) == before + 1


def test_a_layer_saved_from_code_counts_as_saved(annotator: Annotator, browser: Browser) -> None:
    browser.edit()
    browser.wait(lambda: bool(browser.of("confirmed")))
    layer = annotator.annotations.active
    assert annotator.session.status["unsaved"][layer]["total"] > 0
    annotator.ann.save()
    assert annotator.session.status["unsaved"][layer]["total"] == 0


def test_an_edit_that_is_refused_says_why(annotator: Annotator, browser: Browser) -> None:
    annotator.session.read_only = True
    browser.edit()
    (answer,) = browser.of("edited")
    assert answer["ok"] is False
    assert "read-only" in answer["error"]["problem"]
    assert answer["error"]["remedy"]
    assert 7 not in annotator.ann.data["0"]
    annotator.session.read_only = False


@pytest.mark.parametrize(
    "message", [{}, {"type": "nonsense"}, {"type": "still", "frames": None}, {"type": 3}]
)
def test_malformed_messages_leave_the_widget_usable(
    annotator: Annotator, browser: Browser, message: dict[str, Any]
) -> None:
    browser.say(**message)
    (notice,) = browser.of("notice")
    assert notice["level"] == "error"
    assert notice["remedy"]
    browser.edit()
    assert annotator.ann.data["0"][7] == [1.5, 2.25]


def test_a_malformed_edit_is_answered(browser: Browser) -> None:
    browser.edit(frame=10**9)
    (answer,) = browser.of("edited")
    assert answer["ok"] is False


def test_commands_get_what_the_user_saw(annotator: Annotator, browser: Browser) -> None:
    command = {"type": "command", "frame": 12, "pointer": {"x": 3.5, "y": 4.0}, "args": {"label": "2"}}
    browser.say(**command, id=9, name="add_annotation")
    assert annotator.ann.data["2"][12] == [3.5, 4.0]
    assert browser.of("done") == [{"type": "done", "id": 9}]


def test_a_command_that_fails_is_reported_and_answered(annotator: Annotator, browser: Browser) -> None:
    browser.say(type="command", id=1, name="no_such_command", frame=0, pointer=None, args={})
    assert "no_such_command" in browser.of("notice")[0]["problem"]
    assert browser.of("done")[0] == {"type": "done", "id": 1}


def test_errors_nobody_thought_of_are_reported_too(
    annotator: Annotator, caplog: pytest.LogCaptureFixture
) -> None:
    def run(name: str, values: dict[str, Any]) -> None:
        raise AnnotationError("Wrong.", "Do it right.") if name == "known" else ZeroDivisionError("oops")

    canvas = FrameCanvas(annotator.session, [], run, annotator.overlay)
    browser = Browser(canvas)
    browser.say(type="hello", view="v")
    for number, name in enumerate(("known", "unknown")):
        browser.say(type="command", id=number, name=name, frame=0, pointer=None, args={})
    known, unknown = browser.of("notice")
    assert (known["problem"], known["remedy"]) == ("Wrong.", "Do it right.")
    assert "oops" in unknown["problem"]
    assert "ZeroDivisionError" in caplog.text
    canvas.close()


def test_frame_and_session_follow_each_other(annotator: Annotator) -> None:
    canvas, session = annotator.canvas, annotator.session
    session.frame = 12
    assert canvas.frame == 12
    canvas.frame = 20
    assert session.frame == 20
    canvas.frame = 10_000
    assert session.frame == canvas.frame == N_FRAMES - 1
    canvas.speed = 100.0
    assert canvas.speed == session.speed == 1.0
    session.playing = True
    assert canvas.playing


def test_where_the_user_went_last_counts(annotator: Annotator, browser: Browser) -> None:
    # the browser does not know of it yet
    annotator.session.go_to(3)
    browser.say(type="seek", frame=0)
    assert (annotator.session.frame, annotator.canvas.frame) == (0, 0)


def test_a_click_selects(annotator: Annotator, browser: Browser) -> None:
    browser.say(type="select", label="2")
    assert annotator.session.label == "2"
    assert annotator.canvas.status["label"] == "2"
    browser.say(type="select", label="77")
    assert annotator.session.label == "2"
    assert browser.of("notice")


def test_what_is_said_before_anybody_looks_is_shown_later(annotator: Annotator) -> None:
    browser = Browser(annotator.canvas)
    annotator.session.notify("warning", "The video is cut off.", "Copy it again.")
    assert not browser.of("notice")
    browser.say(type="hello", view="v")
    assert [notice["problem"] for notice in browser.of("notice")] == ["The video is cut off."]
    browser.say(type="hello", view="w")
    assert len(browser.of("notice")) == 1


def test_a_closed_canvas_follows_nothing(annotator: Annotator) -> None:
    canvas = FrameCanvas(annotator.session, [], lambda name, values: None, annotator.overlay)
    browser = Browser(canvas)
    canvas.close()
    annotator.session.frame = 30
    annotator.session.place("0", 3, 1, 1)
    assert canvas.frame == 0
    assert browser.received == []
    canvas.close()


def test_the_browser_carries_out_its_own_commands(annotator: Annotator, browser: Browser) -> None:
    annotator.canvas.perform("fit")
    assert browser.of("perform") == [{"type": "perform", "name": "fit"}]
    browser.received.clear()
    annotator.canvas.refresh()
    assert {message["what"] for message in browser.of("invalidate")} == {"overlay", "stills"}
