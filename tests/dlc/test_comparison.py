"""What a new iteration changed: which moves are listed, in which order, and how the error is counted."""

from __future__ import annotations

import time

import numpy as np
import pytest
from projects import annotate, make_project, predict, predictions, train

from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable
from jupytrack.dlc import DLCProject, compare_iterations
from jupytrack.errors import AnnotationError
from jupytrack.qa.queue import flag_queue


def _layer(xy, likelihood=None, labels=None):
    labels = labels or [str(i) for i in range(len(xy))]
    columns = {} if likelihood is None else {"likelihood": np.asarray(likelihood, np.float32)}
    return PointTable(labels, np.array(xy, float), columns)


def _still(n_labels=2, n_frames=100):
    return np.full((n_labels, n_frames, 2), 50.0)


def _moved(**moves):
    """Points at rest, of which some frames of a label are moved to the right: _moved(b=(first, last, px))."""
    xy = _still()
    for label, (first, last, by) in moves.items():
        xy["ab".index(label), first : last + 1, 0] += by
    return xy


def test_a_move_over_several_frames_is_one_row():
    found = compare_iterations(_layer(_still()), _layer(_moved(b=(30, 34, 12)))).moves
    assert found[["rank", "label", "frame", "last", "moved"]].values.tolist() == [[1, "1", 30, 34, 12.0]]


@pytest.mark.parametrize(("gap", "expected"), [(1, [[30, 31], [34, 36]]), (2, [[30, 36]])])
def test_parts_of_a_move_with_a_short_gap_between_are_one_row(gap, expected):
    after = _moved(b=(30, 36, 12))
    after[1, 32:34] = 50
    after[1, 35] += 3
    found = compare_iterations(_layer(_still()), _layer(after), max_gap=gap).moves.sort_values("frame")
    assert found[["frame", "last"]].values.tolist() == expected
    assert found["worst"].iloc[-1] == 35


def test_moves_count_by_how_far_the_label_usually_moves():
    rng = np.random.default_rng(0)
    before = _still(2, 2000)
    after = before + rng.normal(size=before.shape) * np.array([0.5, 4.0])[:, None, None]
    after[0, 100] += 20
    after[1, 700] += 30
    found = compare_iterations(_layer(before), _layer(after)).moves
    # the trembling label moved further, the steady one more unusually
    assert found[["label", "frame"]].values.tolist() == [["0", 100], ["1", 700]]
    assert found["moved"].iloc[1] > found["moved"].iloc[0]


def test_a_label_that_moved_as_a_whole_is_seen():
    before = _still(4)
    after = before.copy()
    after[2] += 30
    comparison = compare_iterations(_layer(before), _layer(after))
    assert comparison.moves[["label", "frame", "last"]].values.tolist() == [["2", 0, 99]]
    assert comparison.labels["median_moved"].tolist() == pytest.approx([0, 0, np.hypot(30, 30), 0, 0])


def test_errors_that_grew_come_before_larger_moves():
    manual = np.full((2, 100, 2), np.nan)
    manual[:, ::10] = 50.0
    after = _moved(a=(40, 40, 8), b=(60, 66, 50))
    found = compare_iterations(_layer(_still()), _layer(after), _layer(manual)).moves
    # frame 60 of b has a manual label, too, and grew most
    assert found[["label", "frame", "last", "worst", "grew"]].values.tolist() == [
        ["1", 60, 66, 60, 50.0],
        ["0", 40, 40, 40, 8.0],
    ]
    manual[1] = np.nan
    found = compare_iterations(_layer(_still()), _layer(after), _layer(manual)).moves
    assert found[["label", "frame"]].values.tolist() == [["0", 40], ["1", 60]]
    assert found[["error_before", "error_after", "grew"]].iloc[0].tolist() == [0, 8, 8]
    assert found[["error_before", "error_after", "grew"]].iloc[1].isna().all()


def test_a_move_towards_the_manual_label_did_not_grow():
    manual = np.full((2, 100, 2), np.nan)
    manual[:, ::10] = 50.0
    comparison = compare_iterations(_layer(_moved(b=(60, 66, 50))), _layer(_still()), _layer(manual))
    row = comparison.moves.iloc[0]
    assert row["grew"] == -50
    assert row["check"].startswith("moved")
    labels = comparison.labels
    assert labels.loc["1", ["manual", "rmse_after", "share_worse"]].tolist() == [10, 0, 0]
    assert labels.loc["1", "rmse_before"] == pytest.approx(50 / np.sqrt(10))
    assert labels.loc["COMBINED", "rmse_before"] == pytest.approx(50 / np.sqrt(20))


def test_moves_of_points_that_neither_iteration_was_sure_of_come_last():
    sure = np.full((2, 100), 0.9)
    unsure = sure.copy()
    unsure[1, 60:67] = 0.1
    after = _moved(a=(40, 40, 8), b=(60, 66, 50))
    found = compare_iterations(_layer(_still(), unsure), _layer(after, unsure)).moves
    assert found[["label", "likelihood_after"]].values.tolist() == [
        ["0", pytest.approx(0.9)],
        ["1", pytest.approx(0.1)],
    ]
    assert found["message"].iloc[1].endswith("neither iteration was sure")
    # one of both was sure: it changed its mind
    found = compare_iterations(_layer(_still(), sure), _layer(after, unsure)).moves
    assert found["label"].tolist() == ["1", "0"]


def test_points_and_labels_that_only_one_iteration_has_are_counted():
    before, after = _still(), _still()
    before[0, :3] = np.nan
    after[1, :5] = np.nan
    comparison = compare_iterations(
        _layer(before, labels=["nose", "tail"]), _layer([*after, after[0]], labels=["nose", "tail", "ear"])
    )
    assert comparison.labels[["points", "only_before", "only_after"]].values.tolist() == [
        [97, 0, 3],
        [95, 5, 0],
        [192, 5, 3],
    ]
    assert comparison.left_out == ("ear",)
    assert "not in both: ear" in comparison.summary()


def test_body_parts_say_what_belongs_together_where_they_are_known():
    """A new body part that comes first in the alphabet gives all others another number."""
    before = PointTable(["0", "1"], _still(), meta={"names": {"0": "nose", "1": "tail"}})
    after = np.concatenate([_still(1) + 100, _moved(b=(60, 66, 50))])
    names = {"0": "ear", "1": "nose", "2": "tail"}
    comparison = compare_iterations(before, PointTable(["0", "1", "2"], after, meta={"names": names}), before)
    assert comparison.moves[["label", "name", "frame", "grew"]].values.tolist() == [["2", "tail", 60, 50.0]]
    assert comparison.labels.index.tolist() == ["1", "2", "COMBINED"]
    assert comparison.left_out == ("ear",)


def test_nothing_moved_is_an_empty_list_with_its_columns():
    comparison = compare_iterations(_layer(_still()), _layer(_still()), video="mouse")
    assert len(comparison.moves) == 0
    assert comparison.moves.dtypes.astype(str)[["rank", "frame", "moved", "label"]].tolist() == [
        "int64",
        "int64",
        "float64",
        "object",
    ]
    assert "0 places" in repr(comparison)
    assert "0 places" in comparison._repr_html_()


def test_the_list_is_a_queue_for_a_review_in_the_order_of_its_ranks():
    found = compare_iterations(_layer(_still()), _layer(_moved(a=(40, 42, 8), b=(60, 66, 50)))).moves
    queue = flag_queue(found, 100)
    assert queue[["frame", "last", "track"]].values.tolist() == [[60, 66, "1"], [40, 42, "0"]]
    assert queue["message"].iloc[0] == "moved 50.0 px, 50 times the usual"


def test_it_changes_nothing_and_shows_itself():
    before, after = _layer(_still()), _layer(_moved(b=(60, 66, 50)))
    kept = before.xy.copy(), after.xy.copy()
    comparison = compare_iterations(before, after)
    np.testing.assert_array_equal(before.xy, kept[0])
    np.testing.assert_array_equal(after.xy, kept[1])
    assert "What to look at first" in repr(comparison)
    assert "rmse_before" not in repr(comparison).split("\n")[1], "without manual labels there is no error"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"min_times": -1}, "min_times"),
        ({"min_scale": 0}, "min_scale"),
        ({"min_likelihood": 2}, "min_likelihood"),
        ({"max_gap": True}, "max_gap"),
        ({"labels": ["nose"]}, "nose"),
        ({"manual": "labels.json"}, "manual is str"),
    ],
)
def test_what_makes_no_sense_is_refused(options, problem):
    with pytest.raises(AnnotationError, match=problem):
        compare_iterations(_layer(_still()), _layer(_still()), **options)


def test_layers_with_nothing_in_common_are_refused():
    with pytest.raises(AnnotationError, match="share no label"):
        compare_iterations(_layer(_still(1), labels=["a"]), _layer(_still(1), labels=["b"]))
    empty = np.full((2, 100, 2), np.nan)
    with pytest.raises(AnnotationError, match="no frame on which both"):
        compare_iterations(_layer(empty), _layer(_still()))


def test_a_long_video_takes_no_longer_than_reading_its_points_a_few_times():
    rng = np.random.default_rng(0)
    before = rng.normal(size=(10, 36_715, 2)) + 200
    after = before + rng.standard_t(2, size=before.shape)
    manual = np.full(before.shape, np.nan)
    manual[:, ::180] = before[:, ::180]
    began = time.perf_counter()
    for _ in range(20):
        np.hypot(*np.moveaxis(after - before, 2, 0))
    reference = time.perf_counter() - began
    began = time.perf_counter()
    compare_iterations(_layer(before), _layer(after), _layer(manual))
    assert time.perf_counter() - began < 10 * reference


@pytest.fixture
def folder(tmp_path):
    folder = make_project(tmp_path / "p", videos=("mouse.mp4", "rat.mp4"))
    for iteration in range(3):
        train(folder, iteration, "pytorch", (5,))
        predict(folder, iteration, "rat", "snapshot_5", seed=iteration)
    return folder


def test_a_project_compares_its_two_latest_iterations_with_the_labels_made_by_hand(folder):
    before, after = (predictions(seed=seed).to_numpy() for seed in (1, 2))
    hand = after[7, :2] + [3.0, 4.0]
    annotate(folder, "", {"0": {7: [0.0, 0.0]}}, "rat")
    annotate(folder, "iteration-2", {"0": {7: hand.tolist()}}, "rat")
    annotate(folder, "dlccorr", {"0": {8: [1.0, 1.0]}}, "rat")
    project = DLCProject(folder)
    comparison = project.compare_iterations(min_times=0)
    assert (comparison.before, comparison.after) == ("dlc_iteration-1_5", "dlc_iteration-2_5")
    assert set(comparison.moves["video"]) == {"rat"}
    labels = comparison.labels.loc["0"]
    assert (labels["points"], labels["manual"]) == (20, 1)
    assert labels["rmse_after"] == pytest.approx(5)
    assert labels["rmse_before"] == pytest.approx(np.hypot(*(before[7, :2] - hand)))
    assert labels["max_moved"] == pytest.approx(np.hypot(*(after - before)[:, :2].T).max())
    first = project.compare_iterations(0, 2, "rat")
    assert (first.before, first.after) == ("dlc_iteration-0_5", "dlc_iteration-2_5")
    assert project.compare_iterations(after=1).before == "dlc_iteration-0_5"


def test_a_project_without_two_iterations_says_what_there_is(folder):
    project = DLCProject(folder)
    with pytest.raises(AnnotationError, match=r"predicted mouse\.mp4: none\. Train another"):
        project.compare_iterations(video="mouse")
    with pytest.raises(AnnotationError, match=r"predicted mouse\.mp4: none; rat\.mp4: 0, 1, 2\."):
        project.compare_iterations(3)
    with pytest.raises(AnnotationError, match="cat is not in the project"):
        project.compare_iterations(video="cat")


def test_body_parts_of_layers_belong_together_whatever_their_labels(tmp_path):
    layers = []
    for names, x in (({"0": "nose", "1": "paw"}, (10.0, 50.0)), ({"0": "ear", "1": "nose"}, (90.0, 11.0))):
        ann = VideoAnnotation(tmp_path / f"clip_annotations_{x[0]:.0f}.json", n_labels=2)
        for label, at in zip(names, x, strict=True):
            ann.set_points(label, range(20), [[at, 5.0]] * 20)
        ann._meta["names"] = names
        layers.append(ann)
    found = compare_iterations(*layers)
    assert list(found.labels["name"]) == ["nose"]
    assert found.labels["max_moved"].tolist() == [1.0]
