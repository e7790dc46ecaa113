from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupytrack.widgets import messages
from jupytrack.widgets.messages import MessageError, parse

STILL = {"type": "still", "view": "v", "id": 1, "frames": [3, 4], "fresh": [4], "quality": 80}
OVERLAY = {"type": "overlay", "view": "v", "id": 1, "frames": [3], "scale": 0.5, "revision": 2}
PLACE = {"type": "edit", "id": "a", "op": "place", "label": "0", "frame": 3, "x": 1.5, "y": 2}
REMOVE = {"type": "edit", "id": "a", "op": "remove", "label": "0", "frame": 3}
COMMAND = {"type": "command", "id": 1, "name": "save", "frame": 0, "pointer": {"x": 1, "y": 2}, "args": {}}


def test_good_messages_become_requests() -> None:
    assert parse(STILL, 10) == messages.StillRequest("v", 1, (3, 4), (4,), 80)
    assert parse(OVERLAY, 10) == messages.OverlayRequest("v", 1, (3,), 0.5)
    assert parse(PLACE, 10) == messages.EditRequest("a", "place", "0", 3, 1.5, 2.0)
    removal = parse(REMOVE, 10)
    assert isinstance(removal, messages.EditRequest)
    assert math.isnan(removal.x)
    assert parse(COMMAND, 10) == messages.CommandRequest(1, "save", 0, {"x": 1.0, "y": 2.0}, {})
    assert parse({**COMMAND, "pointer": None, "args": None}, 10) == messages.CommandRequest(
        1, "save", 0, None, {}
    )
    assert parse({"type": "select", "label": "0"}, 10) == messages.Selection("0")
    assert parse({"type": "seek", "frame": 9}, 10) == messages.Seek(9)
    assert parse({"type": "hello", "view": "v"}, 10) == messages.Hello("v")
    assert parse({"type": "bye", "view": "v"}, 10) == messages.Bye("v")


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "still",
        {},
        {"type": "nonsense"},
        {"type": ["still"]},
        {**STILL, "frames": [10]},
        {**STILL, "frames": [-1]},
        {**STILL, "frames": [1.5]},
        {**STILL, "frames": [True]},
        {**STILL, "frames": "1"},
        {**STILL, "frames": [0] * 5000},
        {**STILL, "fresh": None},
        {**STILL, "quality": 0},
        {**STILL, "view": ""},
        {**OVERLAY, "scale": 0},
        {**OVERLAY, "scale": math.inf},
        {**PLACE, "x": math.nan},
        {**PLACE, "x": "1"},
        {**PLACE, "y": None},
        {**PLACE, "op": "move"},
        {**PLACE, "label": 0},
        {**PLACE, "id": "x" * 1000},
        {**PLACE, "frame": 10},
        {**COMMAND, "pointer": {"x": 1}},
        {**COMMAND, "pointer": 3},
        {**COMMAND, "args": [1]},
        {**COMMAND, "frame": "0"},
    ],
)
def test_bad_messages_are_refused_with_a_remedy(message: Any) -> None:
    with pytest.raises(MessageError) as caught:
        parse(message, 10)
    assert caught.value.problem.endswith(".")
    assert "Reload" in caught.value.remedy
    assert len(caught.value.problem) < 300


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=6,
)
_FIELDS = st.sampled_from(sorted({*STILL, *OVERLAY, *PLACE, *COMMAND}))


@given(st.sampled_from([STILL, OVERLAY, PLACE, REMOVE, COMMAND]), st.dictionaries(_FIELDS, _JSON, max_size=3))
def test_whatever_arrives_is_a_request_or_refused(message: dict[str, Any], changes: dict[str, Any]) -> None:
    try:
        request = parse({**message, **changes}, 10)
    except MessageError:
        return
    assert isinstance(request, messages.Request)
