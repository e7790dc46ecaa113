"""Edits: any sequence can be taken back, repeated, merged, written down and read again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupytrack.annotation.edits import PointsEdit, compose, difference
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.store import PointStore
from jupytrack.annotation.table import PointTable
from jupytrack.errors import FormatError

LABELS = ["0", "1", "10", "nose"]
numbers = st.floats(-1e6, 1e6, allow_nan=False)
positions = st.tuples(numbers, numbers)
frames = st.integers(0, 400)
labels = st.sampled_from(LABELS)
points = st.dictionaries(frames, positions, max_size=6)
tables = st.dictionaries(labels, points, max_size=4)


def table_of(data, likelihood=None):
    table = PointTable.from_mapping(data)
    if likelihood is not None:
        table.columns["likelihood"] = np.where(table.present, np.float32(likelihood), np.float32(np.nan))
    return table


def content(store):
    table = store.table(store.capacity)
    columns = {}
    for name, values in table.columns.items():
        known = values == values if values.dtype.kind == "f" else values != 0
        columns[name] = {
            (label, int(f), float(values[row, f]))
            for row, label in enumerate(table.labels)
            for f in np.flatnonzero(known[row])
        }
    return table.labels, table.to_mapping(), {name: cells for name, cells in columns.items() if cells}


@given(tables, tables, st.none() | st.floats(0, 1, width=32), st.none() | st.floats(0, 1, width=32))
@settings(deadline=None)
def test_a_difference_leads_there_and_back(before, after, known, known_after):
    store = PointStore(table_of(before, known))
    start = content(store)
    target = table_of(after, known_after)
    edit = difference("change", store, target)
    edit.write(store)
    assert store.labels == target.labels
    assert content(store)[1] == target.to_mapping()
    if known_after is not None:
        assert content(store) == content(PointStore(target))
    edit.inverse().write(store)
    assert content(store) == start
    assert difference("again", store, store.table(store.capacity)).is_empty()


@given(st.lists(tables, min_size=2, max_size=5))
@settings(deadline=None)
def test_edits_compose(steps):
    store = PointStore(table_of(steps[0], 0.5))
    start = content(store)
    edits = []
    for number, step in enumerate(steps[1:]):
        edits.append(difference("step", store, table_of(step, number / 8 if number % 2 else None)))
        edits[-1].write(store)
    end = content(store)
    merged = compose("all", edits)
    other = PointStore(table_of(steps[0], 0.5))
    merged.write(other)
    assert content(other) == end
    merged.write(other)
    assert content(other) == end
    merged.inverse().write(other)
    assert content(other) == start


@given(tables, tables)
@settings(deadline=None)
def test_records_are_exact(before, after):
    store = PointStore(table_of(before, 0.1))
    edit = difference("change", store, table_of(after))
    record = json.loads(json.dumps(edit.to_record(), allow_nan=False))
    again = PointsEdit.from_record(record)
    assert again.to_record() == edit.to_record()
    other = PointStore(table_of(before, 0.1))
    edit.write(store)
    again.write(other)
    assert content(other) == content(store)


def test_large_edits_are_packed_small():
    xy = np.random.default_rng(0).normal(300, 100, (2, 3000, 2))
    xy[0, ::7] = np.nan
    store = PointStore(PointTable.empty(["0", "1"], 3000))
    edit = difference("fill", store, PointTable(["0", "1"], xy))
    text = json.dumps(edit.to_record(), allow_nan=False)
    assert len(text) < 1.6 * xy.nbytes
    again = PointsEdit.from_record(json.loads(text))
    again.write(store)
    np.testing.assert_array_equal(store.xy, xy)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"title": "x", "labels": ["0"], "changes": [{}]},
        {
            "title": "x",
            "labels": ["0"],
            "changes": [{"label": "0", "frames": [1], "before": [], "after": [[1, 2]]}],
        },
        {
            "title": "x",
            "labels": ["0"],
            "changes": [{"label": "0", "frames": [-1], "before": [None], "after": [[1, 2]]}],
        },
        {
            "title": "x",
            "labels": ["0"],
            "changes": [{"label": "0", "frames": "!", "before": [], "after": []}],
        },
        {
            "title": "x",
            "labels": ["0"],
            "changes": [{"label": "0", "frames": "YWJj", "before": [], "after": []}],
        },
    ],
)
def test_damaged_records_are_refused(record):
    with pytest.raises(FormatError, match="cannot be read"):
        PointsEdit.from_record(record)


def test_titles_say_what_was_done():
    ann = VideoAnnotation()
    titles = []
    do = ann.history.do
    ann.history.do = lambda edit, edit_id=None: (titles.append(edit.title), do(edit, edit_id))
    ann.add([1, 2], "0", 5)
    ann.add([2, 2], "0", 5)
    ann.data["0"].update({1: [1, 1], 2: [2, 2]})
    ann.remove("0", 5)
    assert titles == ["Place 0 on frame 5", "Move 0 on frame 5", "Place 0 on 2 frames", "Remove 0 on frame 5"]
