"""Flags of any kind become one ranked list."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jupytrack import qa
from jupytrack.annotation.table import PointTable
from jupytrack.errors import AnnotationError
from jupytrack.qa.queue import QUEUE, flag_queue


@pytest.fixture
def report():
    xy = np.full((2, 40, 2), 50.0)
    xy[0, 7] += 30
    xy[1, 20:] += 300
    return qa.run(PointTable(["a", "b"], xy), ["jumps"], jump_z=5)


def test_a_report_is_ranked_as_its_scores_are(report):
    queue = flag_queue(report, 40)
    assert {name: str(dtype) for name, dtype in queue.dtypes.items()} == QUEUE
    for name in ("frame", "track", "checks", "message"):
        assert queue[name].tolist() == report.scores[name].tolist()
    assert sorted(zip(queue["track"], queue["frame"], strict=True)) == [("a", 7), ("b", 20)]
    assert np.allclose(queue["score"], report.scores["score"])
    assert queue["score"].is_monotonic_decreasing
    # the table of flags and the table of scores say the same
    assert flag_queue(report.table, 40).equals(queue)
    assert flag_queue(report.scores, 40).equals(queue)


def test_neighbouring_frames_of_the_same_checks_are_one_flag():
    likelihood = np.ones((2, 40), np.float32)
    likelihood[0, 10:15] = [0.5, 0.4, 0.1, 0.4, 0.5]
    likelihood[0, 16], likelihood[1, 15] = 0.3, 0.5
    xy = np.full((2, 40, 2), 50.0)
    xy[0, 13] += 30
    report = qa.run(PointTable(["a", "b"], xy, {"likelihood": likelihood}), ["low_likelihood", "jumps"])
    expected = [
        ("a", 13, 13, "jumps, low_likelihood"),
        ("a", 10, 12, "low_likelihood"),
        ("a", 16, 16, "low_likelihood"),
        ("a", 14, 14, "low_likelihood"),
        ("b", 15, 15, "low_likelihood"),
    ]
    queue = flag_queue(report, 40)
    assert sorted(zip(queue["track"], queue["frame"], queue["last"], queue["checks"], strict=True)) == sorted(
        expected
    )
    assert queue["message"][queue["frame"] == 10].tolist() == [
        "likelihood 0.10 (the worst of frames 10 to 12)"
    ]
    assert queue["score"].is_monotonic_decreasing
    assert flag_queue(report.table, 40).equals(queue)
    # a table of the user's own stays as it is
    own = flag_queue(pd.DataFrame({"frame": [3, 4], "track": ["a", "a"], "check": ["x", "x"]}), 40)
    assert len(own) == 2


def test_each_run_of_an_array_is_one_flag():
    mask = np.zeros(10, bool)
    mask[[0, 3, 4, 5, 9]] = True
    queue = flag_queue(mask, 10)
    assert queue[["frame", "last"]].values.tolist() == [[0, 0], [3, 5], [9, 9]]
    assert queue["message"].tolist() == ["frame 0", "frames 3 to 5", "frame 9"]
    assert queue["track"].tolist() == [None] * 3
    assert queue["score"].isna().all()
    assert set(queue["checks"]) == {"flagged"}
    named = pd.Series(mask, name="blurred")
    assert set(flag_queue(named, 10)["checks"]) == {"blurred"}
    assert flag_queue(list(mask), 10).equals(queue)
    # indexed by frame, some left out
    sparse = pd.Series([True, False, True], index=[4, 7, 5])
    assert flag_queue(sparse, 10)[["frame", "last"]].values.tolist() == [[4, 5]]


def test_any_table_with_frames_will_do():
    table = pd.DataFrame({"frame": [8, 2], "depth": [1.23456, 2.0], "who": ["me", "you"]})
    queue = flag_queue(table, 10)
    assert queue["frame"].tolist() == [8, 2]
    assert queue["message"].tolist() == ["depth 1.235, who me", "depth 2, who you"]
    scored = pd.DataFrame(
        {"frame": [1, 2, 3], "last": [1, 5, 3], "label": ["0", np.nan, 7], "score": [0.1, np.nan, 0.9]}
    )
    queue = flag_queue(scored, 10)
    assert queue[["frame", "last"]].values.tolist() == [[3, 3], [1, 1], [2, 5]]
    assert queue["track"].tolist() == [7, "0", None]
    by_frame = pd.DataFrame({"score": [0.5]}, index=pd.Index([4], name="frame"))
    assert flag_queue(by_frame, 10)["frame"].tolist() == [4]


def test_a_frame_and_track_stand_in_it_once_with_the_checks_of_all_rows():
    table = pd.DataFrame(
        {
            "frame": [4, 4, 4, 4],
            "track": ["a", "a", "b", "a"],
            "check": ["gaps", "jumps", "gaps", "gaps"],
            "score": [0.2, 0.8, 0.3, 0.1],
        }
    )
    queue = flag_queue(table, 10)
    assert queue[["track", "checks"]].values.tolist() == [["a", "jumps, gaps"], ["b", "gaps"]]


def test_of_several_videos_one_is_chosen_by_name():
    table = pd.DataFrame({"video": ["one", "two", "two"], "frame": [1, 2, 3]})
    assert flag_queue(table, 10, "two")["frame"].tolist() == [2, 3]
    assert flag_queue(table, 10, ["clip", "one"])["frame"].tolist() == [1]
    with pytest.raises(AnnotationError, match="none of them is clip") as caught:
        flag_queue(table, 10, "clip")
    assert "one, two" in caught.value.remedy
    # of a single one the name does not matter
    assert flag_queue(table[table["video"] == "one"], 10, "clip")["frame"].tolist() == [1]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (np.zeros(9, bool), "10 frames, but there are 9"),
        (np.zeros((2, 10), bool), "2 × 10"),
        (np.zeros(10), "float64"),
        ([3, 4], "int64"),
        (pd.DataFrame({"start": [1]}), "no column 'frame', only start"),
        (pd.DataFrame({"frame": [10]}), "Frame 10 is flagged, but the video has frames 0 to 9"),
        (pd.DataFrame({"frame": [-1]}), "Frame -1"),
        (pd.DataFrame({"frame": [1.5]}), "Frame 1.5 is no frame number"),
        (pd.DataFrame({"frame": [1, None]}), "Frame nan"),
        (pd.DataFrame({"frame": ["one"]}), "no number"),
        (pd.DataFrame({"frame": [4], "last": [3]}), "frame 4 ends before"),
    ],
)
def test_what_does_not_fit_is_told(where, message):
    with pytest.raises(AnnotationError, match=message) as caught:
        flag_queue(where, 10)
    assert caught.value.remedy


def test_nothing_flagged_is_an_empty_list():
    for where in (np.zeros(10, bool), pd.DataFrame({"frame": []}), pd.DataFrame(columns=["frame", "score"])):
        queue = flag_queue(where, 10)
        assert {name: str(dtype) for name, dtype in queue.dtypes.items()} == QUEUE
        assert not len(queue)


def test_a_report_can_be_made_anew(report):
    table = PointTable(["a"], np.full((1, 40, 2), 50.0))
    table.xy[0, 9] += 30
    first = qa.run(table, ["jumps"], jump_z=5)
    assert [layer() for layer in first.origin.layers.values()] == [table]
    table.xy[0, 9] -= 30
    table.xy[0, 30] += 30
    again = first.origin.again(table)
    assert sorted(first.scores["frame"]) == [9]
    assert sorted(again.scores["frame"]) == [30]
    assert again.checks["thresholds"].tolist() == first.checks["thresholds"].tolist()
    assert list(again.checks.index) == ["jumps"]
