"""Any sequence of writes does to the mapping what it does to a dict of dicts, and can be taken back."""

from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from jupytrack.annotation.points import VideoAnnotation

labels = st.sampled_from(["0", "1", "2"])
frames = st.integers(0, 12)
positions = st.lists(st.floats(-100, 100, allow_nan=False), min_size=2, max_size=2)
points = st.dictionaries(frames, positions, max_size=3)
writes = st.one_of(
    st.tuples(st.just("set"), labels, frames, positions),
    st.tuples(st.just("pop"), labels, frames),
    st.tuples(st.just("update"), labels, points),
    st.tuples(st.just("clear"), labels),
    st.tuples(st.just("replace"), labels, points),
    st.tuples(st.just("drop"), labels),
    st.tuples(st.just("all"), st.dictionaries(labels, points)),
)


def write(data, kind, *arguments):
    """Do one write; both a dict and an annotation's data take it."""
    if kind in ("drop", "replace"):
        (data.pop(arguments[0], None) if kind == "drop" else data.__setitem__(*arguments))
    elif kind == "all":
        data.clear()
        data.update({label: dict(points) for label, points in arguments[0].items()})
    elif arguments[0] in data:
        of_label = data[arguments[0]]
        if kind == "set":
            of_label[arguments[1]] = arguments[2]
        elif kind == "pop":
            of_label.pop(arguments[1], None)
        else:
            getattr(of_label, kind)(*arguments[1:])


@given(st.lists(writes, max_size=12))
@settings(deadline=None)
def test_the_same_as_a_dict(sequence):
    plain = {"0": {1: [1.0, 2.0]}, "1": {}}
    ann = VideoAnnotation(preloaded_json=plain)
    start = ann.data.to_dict()
    steps = []
    ann.on_change(steps.append)
    for kind, *arguments in sequence:
        write(plain, kind, *arguments)
        write(ann.data, kind, *arguments)
        assert ann.data == plain
        assert set(ann.labels) == set(plain)
        assert ann.frames == sorted({frame for of_label in plain.values() for frame in of_label})
        assert ann.n_frames == max(ann.frames, default=-1) + 1
        for label in plain:
            assert ann.get_frames(label) == sorted(plain[label])
            trace = ann.to_trace(label)
            assert {f: trace[f].tolist() for f in plain[label]} == plain[label]
    end = ann.data.to_dict()
    count = len(steps)
    for _ in range(count):
        ann.history.undo()
    assert ann.data == start
    for _ in range(count):
        ann.history.redo()
    assert ann.data == end


def test_several_threads_edit_at_once():
    ann = VideoAnnotation(n_labels=4)

    def work(label):
        for frame in range(200):
            ann.add([frame, int(label)], label, frame)
            ann.to_traces()
            ann.unsaved

    threads = [threading.Thread(target=work, args=(label,)) for label in ann.labels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(ann.data[label] == {f: [f, int(label)] for f in range(200)} for label in ann.labels)
    assert ann.revision == 800
