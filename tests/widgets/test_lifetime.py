"""Annotators that end: nothing of them stays, and nobody loses an edit."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from ipywidgets.widgets import widget as registry

import jupytrack
from jupytrack.errors import ConflictError, VideoError
from jupytrack.widgets.annotator import Annotator
from jupytrack.widgets.lifetime import widgets_of


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.is_alive()}


def wait_for_threads(before: set[threading.Thread]) -> None:
    deadline = time.monotonic() + 10
    while left := threads() - before:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def use(annotator: Annotator) -> None:
    """Let everything run that an annotator has: frames, overlays, edits, plots."""
    canvas = annotator.canvas
    for content in (
        {"type": "hello", "view": "v"},
        {"type": "still", "view": "v", "id": 1, "frames": [0, 1], "fresh": [0, 1], "quality": 80},
        {"type": "overlay", "view": "v", "id": 1, "frames": [0, 1], "scale": 1.0},
    ):
        canvas._on_message(canvas, content, [])
    annotator.data[3]
    annotator.ann.add([1, 2], "0", 3)
    annotator.go_to_frame(5)
    annotator.traces.zoom(2)
    annotator.confirm_discard()
    annotator.question.buttons.children[1].click()


def pieces(annotator: Annotator) -> list[weakref.ref]:
    parts = (
        *(annotator, annotator.session, annotator.data, annotator.ann, annotator.canvas, annotator.traces),
        *(annotator.overlay, annotator.traces.figures[0], annotator.panels[0], annotator.annotations),
    )
    return [weakref.ref(part) for part in parts]


def test_nothing_is_left_of_a_closed_annotator(video):
    Annotator(video, "warm").close()
    gc.collect()
    widgets, running = set(registry._instances), threads()
    annotator = Annotator(video, "mine", n_labels=2)
    use(annotator)
    left = pieces(annotator)
    assert len(registry._instances) > len(widgets) + 50
    annotator.close()
    annotator.close()
    assert set(registry._instances) == widgets
    wait_for_threads(running)
    del annotator
    gc.collect()
    assert [one() for one in left] == [None] * len(left)


def test_opening_again_frees_the_earlier_one(video):
    first = jupytrack.open(video, "mine", n_labels=2)
    running = threads()
    use(first)
    reader, left = first.data, pieces(first)
    widgets = len(registry._instances)
    second = jupytrack.open(video, "mine")
    assert second.ann.data["0"][3] == [1, 2]
    # its output says so, and holds nothing else
    stand_in = registry._instances[first.model_id]
    assert "opened again" in stand_in.children[0].text.value
    assert len(widgets_of(stand_in)) < 15
    assert len(registry._instances) < widgets + 15
    with pytest.raises(VideoError):
        reader[4]
    with pytest.raises(ConflictError, match="opened last"):
        first.session.place("0", 1, 1, 1)
    second.session.place("0", 1, 1, 1)
    del reader, first
    gc.collect()
    assert [one() for one in left] == [None] * len(left)
    assert stand_in.comm is not None
    second.close()
    wait_for_threads(running)


def test_an_annotator_in_a_box_of_the_users_gives_way_there(video):
    first = Annotator(video, "mine")
    box = ipywidgets.VBox([first])
    second = Annotator(video, "mine")
    # as after a reload of the page, for which the whole state is asked again
    assert box.get_state()["children"] == [f"IPY_MODEL_{first.model_id}"]
    stand_in = registry._instances[first.model_id]
    assert stand_in is not first
    first.close()
    assert stand_in.comm is None
    second.close()


def test_others_are_left_alone(video, clip):
    first, layer = Annotator(video, "one"), Annotator(video, "two")
    other = Annotator(Path(clip), "one")
    for annotator in (first, layer, other):
        annotator.session.place("0", 2, 1, 1)
        assert annotator.data[2].ndim == 3
        assert registry._instances[annotator.model_id] is annotator
        annotator.close()


def test_one_that_would_lose_something_stays(video):
    first = Annotator(video, ["mine", "more"])
    second = Annotator(video, "mine")
    # the other layer is still edited here
    first.annotations.active = "more"
    first.session.place("0", 2, 1, 1)
    first.annotations.buffer.set_points("0", [1], np.ones((1, 2)))
    third = Annotator(video, ["mine", "more"])
    assert first.annotations.buffer.data["0"][1] == [1, 1]
    assert first.data[2].ndim == 3
    with pytest.raises(ConflictError, match="opened last"):
        first.session.place("0", 3, 1, 1)
    assert first.read_only_banner.shown
    assert registry._instances[second.model_id] is not second
    for annotator in (first, second, third):
        annotator.close()


def test_a_reader_that_was_given_stays_open(video):
    with jupytrack.VideoReader(video) as reader:
        first = Annotator(reader, "mine")
        second = Annotator(reader, "mine")
        assert registry._instances[first.model_id] is not first
        second.close()
        assert reader[1].ndim == 3
