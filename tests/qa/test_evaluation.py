"""Evaluation of box tracks; most of it needs the package trackers, which `make test-tracks` has."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess

import numpy as np
import pytest
from tud import SEQUENCES, tud_folder

import jupytrack
from jupytrack import BoxTracks
from jupytrack.errors import AnnotationError, MissingDependencyError
from jupytrack.formats import mot
from jupytrack.jobs import JobCancelled, Progress

INSTALLED = importlib.util.find_spec("trackers") is not None
needs_trackers = pytest.mark.skipif(not INSTALLED, reason="needs trackers; `make test-tracks` has it")

KNOWN = {
    "TUD-Campus": (0.526462, 0.557659, 0.391397, 7, 13, 150, 1, 1),
    "TUD-Stadtmitte": (0.564014, 0.644619, 0.397849, 7, 45, 452, 5, 1),
    "COMBINED": (0.555116, 0.624296, 0.399957, 14, 58, 602, 6, 2),
}
NAMES = ["MOTA", "IDF1", "HOTA", "IDSW", "FP", "FN", "MT", "ML"]


def tud() -> tuple[dict[str, BoxTracks], dict[str, BoxTracks]]:
    folder = tud_folder()
    gt, results = ({s: mot.read(folder / s / f"{n}.txt") for s in SEQUENCES} for n in ("gt", "test"))
    return gt, results


def rows(*given: tuple, **options) -> BoxTracks:
    """Return tracks of (frame, id, left edge); boxes are 10 px wide and high, 20 px apart if edges are."""
    frame, id, x = zip(*given, strict=True) if given else ((), (), ())
    boxes = np.stack([np.array(x, float), *np.broadcast_to([[0], [10], [10]], (3, len(x)))], axis=1)
    return BoxTracks(list(frame), list(id), boxes, **options)


def line(id: int, x: float, n: int = 10) -> list[tuple]:
    return [(frame, id, x) for frame in range(n)]


# known numbers


@needs_trackers
def test_known_values_of_real_sequences():
    gt, results = tud()
    table = jupytrack.evaluate(gt, results)
    assert list(table.index) == [*SEQUENCES, "COMBINED"]
    assert list(table.columns) == ["MOTA", "IDF1", "HOTA", "DetA", "AssA", "MT", "ML", "FP", "FN", "IDSW"]
    for sequence, values in KNOWN.items():
        assert table.loc[sequence, NAMES].tolist() == pytest.approx(values, abs=1e-6)
    for name in ("MT", "ML", "FP", "FN", "IDSW"):
        assert table[name].dtype == np.int64


@needs_trackers
def test_tracks_of_one_video_are_the_combined_row():
    gt, results = tud()
    table = jupytrack.evaluate(gt["TUD-Campus"], results["TUD-Campus"])
    assert list(table.index) == ["COMBINED"]
    assert table.loc["COMBINED", NAMES].tolist() == pytest.approx(KNOWN["TUD-Campus"], abs=1e-6)


@needs_trackers
def test_a_switch_and_a_missed_box_by_hand():
    gt = rows(*line(1, 0), *line(2, 100))
    predicted = rows(
        *((frame, "a" if frame < 6 else "b", 0) for frame in range(10)),
        *((frame, "c", 100) for frame in range(9)),
        (9, "d", 500),
    )
    row = jupytrack.evaluate(gt, predicted).loc["COMBINED"]
    assert row[["FP", "FN", "IDSW", "MT", "ML"]].tolist() == [1, 1, 1, 2, 0]
    assert row["MOTA"] == pytest.approx(1 - 3 / 20)
    # a and c are right in 6 + 9 boxes; b's four and d are wrong, and 5 boxes of the truth are left
    assert row["IDF1"] == pytest.approx(2 * 15 / (2 * 15 + 5 + 5))
    assert row["DetA"] == pytest.approx(19 / 21)


@needs_trackers
def test_the_threshold_decides_what_is_found():
    gt, predicted = rows(*line(1, 0)), rows(*line(1, 5))  # they share a third
    assert jupytrack.evaluate(gt, predicted).loc["COMBINED", "FN"] == 10
    row = jupytrack.evaluate(gt, predicted, iou_threshold=0.3).loc["COMBINED"]
    assert row[["MOTA", "FN", "FP"]].tolist() == [1, 0, 0]


# classes


def animals(swap: bool = False) -> BoxTracks:
    names = ["cat"] * 10 + ["dog"] * 10
    return rows(*line(1, 0), *line(2, 100), class_=names[::-1] if swap else names)


@needs_trackers
def test_boxes_are_compared_class_by_class():
    table = jupytrack.evaluate(animals(), animals(), per_class=True)
    assert list(table.index) == [("COMBINED", "cat"), ("COMBINED", "dog"), ("COMBINED", "COMBINED")]
    assert (table["MOTA"] == 1).all()
    table = jupytrack.evaluate(animals(), animals(swap=True), per_class=True)
    assert table["FP"].tolist() == table["FN"].tolist() == [10, 10, 20]
    assert table["MOTA"].tolist() == [-1, -1, -1]
    # without classes on one side all are compared with all
    assert jupytrack.evaluate(animals(), animals(swap=True).assign(class_=None)).loc["COMBINED", "MOTA"] == 1


@needs_trackers
def test_classes_of_several_sequences():
    gt = {"one": animals(), "two": animals().select(classes="cat")}
    predicted = {"one": animals(), "two": animals()}
    table = jupytrack.evaluate(gt, predicted, per_class=True)
    assert table.index.names == ["sequence", "class"]
    assert table.loc[("two", "dog"), "FP"] == 10
    assert np.isnan(table.loc[("two", "dog"), "MOTA"])
    assert table.loc[("two", "COMBINED"), "MOTA"] == 0
    assert table.loc[("COMBINED", "dog"), "MOTA"] == 0
    assert table.loc[("COMBINED", "cat"), "MOTA"] == 1
    assert table.loc[("COMBINED", "COMBINED"), "FP"] == 10


@needs_trackers
def test_unknown_and_missing_classes():
    named = animals().assign(class_=["cat"] * 10 + ["dgo"] * 10)
    with pytest.raises(
        AnnotationError, match=r"'dgo', which the ground truth does not know. Did you mean 'dog'"
    ):
        jupytrack.evaluate(animals(), named)
    partly = animals().assign(class_=["cat"] * 19 + [None])
    with pytest.raises(AnnotationError, match="In the predictions track 2 has no class on frame 9"):
        jupytrack.evaluate(animals(), partly)
    with pytest.raises(AnnotationError, match="class by class"):
        jupytrack.evaluate(rows(*line(1, 0)), rows(*line(1, 0)), per_class=True)


# what is ignored


def with_ignored(class_: str) -> BoxTracks:
    n = 10
    return rows(
        *line(1, 0),
        *line(2, 100),
        class_=["pedestrian"] * n + [class_] * n,
        confidence=[1] * n + [0] * n,
        classes=mot.CLASSES,
    )


@needs_trackers
def test_ignored_ground_truth_need_not_be_found():
    only = rows(*line(1, 0))
    assert jupytrack.evaluate(with_ignored("car"), only).loc["COMBINED", ["MOTA", "FN"]].tolist() == [1, 0]


@needs_trackers
@pytest.mark.parametrize(("class_", "false"), [("distractor", 0), ("reflection", 0), ("car", 10)])
def test_predictions_on_distractors_count_for_nothing(class_, false):
    both = rows(*line(1, 0), *line(2, 100))
    assert jupytrack.evaluate(with_ignored(class_), both).loc["COMBINED", "FP"] == false
    named = both.assign(class_="pedestrian")
    table = jupytrack.evaluate(with_ignored(class_), named, per_class=True)
    assert list(table.index) == [("COMBINED", "pedestrian"), ("COMBINED", "COMBINED")]
    assert table["FP"].tolist() == [false, false]


@needs_trackers
def test_other_distractors_can_be_named():
    both = rows(*line(1, 0), *line(2, 100))
    assert jupytrack.evaluate(with_ignored("car"), both, distractors="car").loc["COMBINED", "FP"] == 0
    assert jupytrack.evaluate(with_ignored("reflection"), both, distractors=()).loc["COMBINED", "FP"] == 10


@needs_trackers
def test_a_prediction_that_fits_a_scored_box_stays_beside_a_distractor():
    gt = rows(
        *line(1, 0),
        *line(2, 2),
        class_=["pedestrian"] * 10 + ["distractor"] * 10,
        confidence=[1] * 10 + [0] * 10,
    )
    assert jupytrack.evaluate(gt, rows(*line(7, 0))).loc["COMBINED", ["FP", "FN"]].tolist() == [0, 0]
    assert jupytrack.evaluate(gt, rows(*line(7, 2))).loc["COMBINED", ["FP", "FN"]].tolist() == [0, 10]


@needs_trackers
def test_rows_without_a_box_do_not_count():
    boxes = np.tile([[0.0, 0, 10, 10]], (10, 1))
    boxes[5:] = np.nan
    hidden = BoxTracks(
        np.arange(10), [1] * 10, boxes, state=["visible"] * 5 + ["fully_occluded"] * 5, n_frames=10
    )
    row = jupytrack.evaluate(hidden, rows(*line(1, 0, 5))).loc["COMBINED"]
    assert row[["MOTA", "FN", "FP"]].tolist() == [1, 0, 0]


EVALUATE = """
import json, sys, warnings
warnings.simplefilter("ignore")
import trackeval
root, = sys.argv[1:]
config = trackeval.datasets.MotChallenge2DBox.get_default_dataset_config()
config |= {
    "GT_FOLDER": f"{root}/truth", "TRACKERS_FOLDER": f"{root}/results", "SKIP_SPLIT_FOL": True,
    "SEQ_INFO": {"one": None}, "BENCHMARK": "MOT17", "PRINT_CONFIG": False,
}
quiet = {"PRINT_RESULTS": False, "PRINT_CONFIG": False, "TIME_PROGRESS": False, "OUTPUT_SUMMARY": False,
         "OUTPUT_DETAILED": False, "PLOT_CURVES": False, "OUTPUT_EMPTY_CLASSES": False}
evaluator = trackeval.Evaluator(trackeval.Evaluator.get_default_eval_config() | quiet)
metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(), trackeval.metrics.Identity()]
results, _ = evaluator.evaluate([trackeval.datasets.MotChallenge2DBox(config)], metrics)
m = results["MotChallenge2DBox"]["tracker"]["one"]["pedestrian"]
print("RESULT" + json.dumps([
    float(m["CLEAR"]["MOTA"]), float(m["Identity"]["IDF1"]), float(m["HOTA"]["HOTA"].mean()),
    *(float(m["CLEAR"][name]) for name in ("IDSW", "CLR_FP", "CLR_FN", "MT", "ML")),
]))
"""


@needs_trackers
def test_trackeval_says_the_same_of_classes_and_what_is_ignored(tmp_path):
    python = os.environ.get("JUPYTRACK_TRACKEVAL_PYTHON")
    if not python:
        pytest.skip("JUPYTRACK_TRACKEVAL_PYTHON names no interpreter with trackeval; `make test` sets one up")
    random = np.random.default_rng(3)
    n_tracks, n_frames = 12, 40
    id, frame = (each.ravel() for each in np.mgrid[1 : n_tracks + 1, 0:n_frames])
    start, step = random.uniform(0, 400, (n_tracks + 1, 2)), random.normal(0, 4, (n_tracks + 1, 2))
    boxes = np.concatenate([start[id] + frame[:, None] * step[id], np.full((len(id), 2), 90.0)], axis=1)
    kind = np.array([0, 0, 0, 0, 0, 0, 1, 2, 6, 7, 8, 11])[id - 1]
    gt = BoxTracks(
        frame,
        id,
        boxes,
        class_=np.array(mot.CLASSES, object)[kind],
        confidence=np.where((kind == 0) & (random.random(len(id)) < 0.9), 1.0, 0.0),
        classes=mot.CLASSES,
        visibility=1.0,
    )
    keep = np.flatnonzero(random.random(len(id)) < 0.85)
    swapped = np.where((id == 1) & (frame > 20), 99, id)
    predicted = BoxTracks(
        frame[keep], swapped[keep], (boxes + random.normal(0, 6, boxes.shape))[keep], confidence=1.0
    )
    (tmp_path / "results/tracker/data").mkdir(parents=True)
    mot.write(gt, tmp_path / "truth/one", frame_rate=25, image_size=(640, 480))
    mot.write(predicted, tmp_path / "results/tracker/data/one.txt")
    done = subprocess.run(
        [python, "-c", EVALUATE, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": ""},
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    theirs = json.loads(done.stdout.split("RESULT")[1])
    ours = jupytrack.evaluate(
        mot.read(tmp_path / "truth/one"), mot.read(tmp_path / "results/tracker/data/one.txt")
    )
    assert ours.loc["COMBINED", NAMES].tolist() == pytest.approx(theirs, abs=1e-9)
    assert 0 < theirs[0] < 1
    assert theirs[4] > 0


# what does not fit


@needs_trackers
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_frames": 20}, "has 12 frames, the predictions 20"),
        ({"frame_rate": 25.0}, "has 30 frames per second, the predictions 25"),
        ({"image_size": (320, 240)}, "pictures of .640, 480. pixels, the predictions of .320, 240."),
    ],
)
def test_sides_of_different_videos(change, message):
    gt = rows(*line(1, 0), n_frames=12, frame_rate=30, image_size=(640, 480))
    with pytest.raises(AnnotationError, match=message):
        jupytrack.evaluate(gt, gt.assign(**change))
    with pytest.raises(AnnotationError, match="of sequence 'a'"):
        jupytrack.evaluate({"a": gt}, {"a": gt.assign(**change)})


@needs_trackers
def test_a_file_that_ends_early_is_no_other_video():
    gt = rows(*line(1, 0))
    assert jupytrack.evaluate(gt, rows(*line(1, 0, 8))).loc["COMBINED", "FN"] == 2
    assert jupytrack.evaluate(gt, gt.assign(n_frames=12)).loc["COMBINED", "MOTA"] == 1
    with pytest.raises(AnnotationError, match="has 8 frames, the predictions 10"):
        jupytrack.evaluate(rows(*line(1, 0, 8)), gt)
    with pytest.raises(AnnotationError, match="has 10 frames, the predictions 9"):
        jupytrack.evaluate(gt, rows(*line(1, 0, 8), n_frames=9))
    # 29.97 is 30000 / 1001
    ntsc = gt.assign(frame_rate=29.97)
    assert jupytrack.evaluate(ntsc, gt.assign(frame_rate=30000 / 1001)).loc["COMBINED", "MOTA"] == 1


@needs_trackers
def test_names_of_sequences_must_agree():
    gt = rows(*line(1, 0))
    with pytest.raises(AnnotationError, match=r"'clip2' has no predictions. Did you mean 'clip1'"):
        jupytrack.evaluate({"clip2": gt}, {"clip1": gt})
    with pytest.raises(AnnotationError, match="'extra' has no ground truth"):
        jupytrack.evaluate({"clip": gt}, {"clip": gt, "extra": gt})
    with pytest.raises(AnnotationError, match="names of sequences"):
        jupytrack.evaluate({"clip": gt}, gt)
    with pytest.raises(AnnotationError, match="cannot be called COMBINED"):
        jupytrack.evaluate({"COMBINED": gt}, {"COMBINED": gt})
    with pytest.raises(AnnotationError, match="DataFrame is no BoxTracks"):
        jupytrack.evaluate(gt.to_dataframe(), gt)


@needs_trackers
def test_nothing_to_compare():
    gt, empty = rows(*line(1, 0)), BoxTracks.empty(n_frames=10)
    with pytest.raises(AnnotationError, match="The ground truth has no box"):
        jupytrack.evaluate(empty, gt)
    with pytest.raises(AnnotationError, match="The ground truth has no box that counts"):
        jupytrack.evaluate(gt.assign(confidence=0), gt)
    with pytest.raises(AnnotationError, match="The predictions have no box"):
        jupytrack.evaluate(gt, empty)
    with pytest.raises(AnnotationError, match="no box"):
        jupytrack.evaluate({}, {})
    # of several sequences one may be empty
    table = jupytrack.evaluate({"a": gt, "b": gt, "c": empty}, {"a": gt, "b": empty, "c": empty})
    assert table.loc["b", ["MOTA", "FN", "ML"]].tolist() == [0, 10, 1]
    assert table.loc["c", ["MOTA", "IDF1", "HOTA"]].isna().all()
    assert table.loc["COMBINED", "MOTA"] == 0.5


@needs_trackers
def test_a_single_frame():
    one = rows((0, 1, 0), (0, 2, 100))
    row = jupytrack.evaluate(one, one).loc["COMBINED"]
    assert row[["MOTA", "IDF1", "HOTA", "MT"]].tolist() == pytest.approx([1, 1, 1, 2])


@needs_trackers
@pytest.mark.parametrize("threshold", [0, -1, 1.5, float("nan"), "0.5", True])
def test_thresholds_that_make_no_sense(threshold):
    gt = rows(*line(1, 0))
    with pytest.raises(AnnotationError, match="is no share"):
        jupytrack.evaluate(gt, gt, iou_threshold=threshold)


@needs_trackers
def test_progress_and_cancel():
    gt, progress = rows(*line(1, 0)), Progress()
    jupytrack.evaluate({"a": gt, "b": gt}, {"a": gt, "b": gt}, progress=progress)
    assert (progress.done, progress.total) == (2, 2)
    progress.cancel()
    with pytest.raises(JobCancelled):
        jupytrack.evaluate({"a": gt, "b": gt}, {"a": gt, "b": gt}, progress=progress)


@pytest.mark.skipif(INSTALLED, reason="trackers is installed here; `make test-python` runs without it")
def test_without_trackers_it_is_said_how_to_get_it():
    gt = rows(*line(1, 0))
    for function in (jupytrack.evaluate, jupytrack.agreement):
        with pytest.raises(MissingDependencyError, match=r"pip install jupytrack\[tracks\]"):
            function(gt, gt)
