from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pandas as pd
import pytest
from box_tracks import N_FRAMES, at, columns, found, tracks

import jupytrack
from jupytrack import BoxTracks, VideoAnnotation, qa, samples
from jupytrack.annotation.table import PointTable
from jupytrack.errors import AnnotationError
from jupytrack.jobs import JobCancelled, Progress
from jupytrack.qa.registry import CHECKS
from jupytrack.qa.table import COLUMNS


def faulty() -> BoxTracks:
    """Return tracks with a slipped box, a duplicate, and an occlusion."""
    c = columns()
    c["boxes"][at(c, 2, 40), 0] += 50
    rows = at(c, 3, range(60, 70))
    c = {name: np.concatenate([values, values[rows]]) for name, values in c.items()}
    c["id"][-10:] = 9
    c["state"][at(c, 1, range(10, 15)) | at(c, 1, 20)] = "partially_occluded"
    return tracks(c)


def points(n: int = 60) -> PointTable:
    t = np.arange(n)
    path = np.stack([200 + 80 * np.sin(t / 20), 150 + 60 * np.cos(t / 27)], -1)
    xy = np.stack([path, path + np.array([70, 10])]) + np.random.default_rng(0).normal(0, 0.3, (2, n, 2))
    xy[0, 20:21] += 40
    xy[1, 40:42] = np.nan
    return PointTable(["paw_L", "paw_R"], xy)


def test_all_checks_run_on_boxes_and_say_which_did_not():
    report = qa.run(faulty())
    assert list(report.table.columns) == list(COLUMNS)
    assert report.table["frame"].is_monotonic_increasing
    assert found(report.table[report.table["check"] == "temporal_iou"]) == [(2, 40), (2, 41)]
    assert found(report.table[report.table["check"] == "duplicates"]) == [(9, 60)]
    assert list(report.checks.index) == [name for name, check in CHECKS.items() if check.kind == "boxes"]
    skipped = report.checks["skipped"]
    assert skipped[skipped != ""].to_dict() == {"coverage": "no reference", "id_switches": "no video"}
    assert report.checks.loc["temporal_iou", ["flags", "tracks", "frames"]].tolist() == [2, 1, 2]
    assert report.checks.loc["temporal_iou", "thresholds"] == "min_iou=0.5, max_step=1"
    assert report.checks["flags"].sum() == len(report.table)


def test_aggregates_are_those_of_a_data_set_card():
    report = qa.run(faulty())
    assert list(report.aggregates.index) == [""]
    assert report.aggregates.iloc[0].to_dict() == {
        "frames": N_FRAMES,
        "tracks": 4,
        "boxes": 310,
        "boxes_per_frame": 3.1,
        "track_length": 77.5,
        "occlusion_events": 2,
        "occlusion_events_per_track": 0.5,
        "id_consistency": 0.75,
    }
    assert report.categories.to_dict("index") == {"mug": {"tracks": 4, "boxes": 310, "share": 1.0}}
    assert report.sizes["boxes"].to_dict() == {"small": 0, "medium": 310, "large": 0}
    assert qa.run(faulty(), min_iou=0).aggregates["id_consistency"].tolist() == [1]
    sizes = BoxTracks(
        [0, 0, 0], [1, 2, 3], [[0, 0, 31, 32], [0, 0, 32, 32], [0, 0, 96, 96]], class_=["a", "b", None]
    )
    report = qa.run(sizes)
    assert report.sizes["boxes"].tolist() == [1, 1, 1]
    assert report.categories["boxes"].to_dict() == {"unknown": 1, "a": 1, "b": 1}


def test_several_videos_are_told_apart_and_taken_together():
    clean = tracks(columns())
    report = qa.run({"a": faulty(), "b": clean, "c": faulty()}, reference={"b": {5: 4}})
    assert set(report.table["video"]) == {"a", "b", "c"}
    assert report.table["video"].is_monotonic_increasing
    assert report.checks.loc["coverage", "skipped"] == "2 of 3 videos: no reference"
    assert found(report.table[report.table["video"] == "b"]) == [(None, 5)]
    assert report.checks.loc["coverage", ["flags", "tracks", "frames"]].tolist() == [1, 0, 1]
    assert "None" not in report._repr_html_() + repr(report)
    assert list(report.aggregates.index) == ["a", "b", "c", "COMBINED"]
    whole = report.aggregates.loc["COMBINED"]
    assert (whole["boxes"], whole["tracks"], whole["frames"]) == (920, 11, 300)
    assert whole["id_consistency"] == pytest.approx(9 / 11)
    assert report.frame_scores("b").gt(0).to_numpy().nonzero()[0].tolist() == [5]
    with pytest.raises(AnnotationError, match="not said which video"):
        report.frame_scores()
    with pytest.raises(AnnotationError, match="no video 'd'"):
        report.frame_scores("d")


def test_all_checks_run_on_points():
    report = qa.run(points(), pairs=[("paw_L", "paw_R")], image_size=(640, 480))
    assert {"jumps", "acceleration", "gaps", "pair_distance"} <= set(report.table["check"])
    assert set(report.table["track"]) == {"paw_L", "paw_R"}
    assert report.scores.iloc[0][["track", "frame"]].tolist() == ["paw_L", 20]
    assert set(report.scores["checks"][0].split(", ")) == {"acceleration", "jumps", "pair_distance"}
    skipped = report.checks["skipped"]
    assert skipped[skipped != ""].to_dict() == {
        "low_likelihood": "no likelihood known",
        "flow_residual": "no video",
    }
    row = report.aggregates.iloc[0]
    assert row.to_dict() == {"frames": 60, "labels": 2, "points": 118, "completeness": 118 / 120}
    assert len(report.categories) == len(report.sizes) == 0
    assert set(qa.run(points(), labels=["paw_R"]).table["track"]) == {"paw_R"}


def test_the_video_is_that_of_the_annotation():
    sample = samples.ultrasound(60, size=(320, 240))
    xy = sample.truth.copy()
    xy[0, 20] += [25, -10]
    layer = VideoAnnotation(None, sample.video, name="model")
    layer.data = PointTable([str(n) for n in range(len(xy))], xy).to_mapping()
    progress, texts = Progress(), []
    progress.listen(lambda p: texts.append(p.text))
    report = qa.run(layer, progress=progress)
    assert report.checks["skipped"]["flow_residual"] == ""
    assert found(report.table[report.table["check"] == "flow_residual"]) == [("0", 20)]
    assert set(report.table["video"]) == {sample.video.stem}
    assert report.scores["checks"][0].split(", ")[0] == "flow_residual"
    assert "optical flow, 1 frames" in texts
    assert texts[-1] == "checked"
    progress.cancel()
    with pytest.raises(JobCancelled):
        qa.run(layer, progress=progress)
    # the video's size is also known to box tracks
    report = qa.run(tracks(columns(n_frames=50), image_size=None), video=layer.video)
    assert (report.checks.loc[["border", "id_switches"], "skipped"] == "").all()
    assert list(report.aggregates.index) == [sample.video.stem]


def test_boxes_that_ground_truth_ignores_are_not_checked():
    given = columns()
    given["confidence"] = np.ones(len(given["frame"]))
    ignored = at(given, 1, range(40, 60)) | at(given, 2, range(N_FRAMES))
    given["confidence"][ignored] = 0
    # everything is wrong with them
    given["boxes"][ignored] = given["boxes"][at(given, 3, [0])]
    given["boxes"][at(given, 1, range(45, 50))] += [400, 0, 300, 0]
    given["class_"][at(given, 1, range(50, 55))] = "plate"
    report = qa.run(tracks(given))
    assert report.checks["flags"].sum() == 0
    whole = report.aggregates.iloc[0]
    assert (whole["tracks"], whole["boxes"], whole["id_consistency"]) == (2, 2 * N_FRAMES - 20, 1)
    assert "plate" not in report.categories.index
    given["confidence"][ignored] = 0.1
    assert set(qa.run(tracks(given)).table["check"]) > {"temporal_iou", "category_changes", "duplicates"}
    # what is ignored needs no box of its own in coverage: the thing is known
    given["confidence"][ignored] = 0
    assert len(qa.run(tracks(given), "coverage", reference=dict.fromkeys(range(10), 3)).table) == 0
    given["confidence"][:] = 0
    with pytest.raises(AnnotationError, match="only boxes with confidence 0"):
        qa.run(tracks(given))


def test_chosen_checks_and_thresholds():
    report = qa.run(faulty(), ["duplicates", "temporal_iou"], duplicate_iou=1, min_iou=0.01)
    assert list(report.checks.index) == ["temporal_iou", "duplicates"]
    assert len(report.table) == 0
    assert qa.run(faulty(), "duplicates").checks["flags"].to_dict() == {"duplicates": 1}
    assert list(report.scores.columns) == ["video", "track", "frame", "last", "score", "checks", "message"]
    assert report.frame_scores().tolist() == [0] * N_FRAMES
    unmarked = tracks({name: values for name, values in columns().items() if name != "state"})
    assert qa.run(unmarked).checks["skipped"]["missing_occlusion"] == "no visibility known"
    assert qa.run(unmarked, "missing_occlusion").checks["skipped"].tolist() == [""]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: qa.run(faulty(), ["temporal_iuo"]),
            r"no check 'temporal_iuo'. Did you mean 'temporal_iou'\?",
        ),
        (lambda: qa.run(faulty(), ["jumps"]), "jumps is a check of points, this is a layer of boxes"),
        (lambda: qa.run(faulty(), []), "No check is chosen"),
        (lambda: qa.run(faulty(), ["coverage"]), "coverage cannot run: no reference"),
        (lambda: qa.run(points(), ["low_likelihood"]), "low_likelihood cannot run: no likelihood"),
        (lambda: qa.run(points(1), ["jumps"]), "jumps cannot run: only one frame"),
        (lambda: qa.run(faulty(), min_iuo=0.3), r"no threshold 'min_iuo'. Did you mean 'min_iou'\?"),
        (lambda: qa.run(faulty(), ["ghosts"], min_iou=0.3), "threshold of temporal_iou, which does not run"),
        (lambda: qa.run(faulty(), min_iou=7), "min_iou is 7"),
        (lambda: qa.run(faulty(), labels=[77]), "77"),
        (lambda: qa.run(points(), labels=["paw"]), r"no label 'paw'. Did you mean"),
        (lambda: qa.run(BoxTracks.empty()), "The layer has no boxes"),
        (lambda: qa.run({"clip": PointTable.empty(["a"], 9)}), "clip has no points"),
        (lambda: qa.run({}), "nothing to check"),
        (lambda: qa.run({"a": faulty(), "b": points()}), "Some layers hold points, others boxes"),
        (lambda: qa.run(faulty().to_dataframe()), "DataFrame can not be checked"),
    ],
)
def test_what_cannot_be_checked_says_so_with_advice(call, message):
    with pytest.raises(AnnotationError, match=message):
        call()


def test_one_frame_has_only_what_one_frame_can_have():
    c = columns(n_frames=1)
    c["boxes"][1] = c["boxes"][0]
    report = qa.run(tracks(c))
    assert set(report.table["check"]) >= {"duplicates"}
    assert report.checks["skipped"]["temporal_iou"] == "only one frame"
    assert qa.run(PointTable(["a"], np.zeros((1, 1, 2)))).checks["skipped"]["jumps"] == "only one frame"


def test_scores_rank_by_severity_distance_and_number_of_checks():
    def flag(frame, check, severity, value=2.0, track="a", last=0):
        return ("v", track, frame, max(frame, last), check, value, 1.0, severity, f"{check} {frame}")

    rows = [
        flag(1, "jumps", "warning"),
        flag(2, "jumps", "warning", 9.0),
        flag(3, "swaps", "error"),
        flag(4, "jumps", "warning"),
        flag(4, "gaps", "info", last=9),
        flag(5, "low_likelihood", "info"),
        flag(6, "jumps", "warning", 9.0),
        flag(6, "jumps", "warning", 2.0),
        flag(7, "coverage", "info", track=None),
        flag(7, "coverage", "info", track=1),
        flag(7, "coverage", "info", track="1"),
    ]
    scores = qa.suspicion(pd.DataFrame(rows, columns=list(COLUMNS)))
    by_frame = scores.set_index("frame")["score"]
    assert by_frame[1] == pytest.approx(0.6 * (1 + 1 / 3) / 2)
    assert by_frame[4] == pytest.approx(1 - (1 - 0.4) * (1 - 0.2 * (1 + 1 / 3) / 2))
    assert by_frame[2] == by_frame[6] == pytest.approx(0.6 * (1 + 8 / 10) / 2)
    assert scores["frame"].tolist() == [3, 2, 6, 4, 1, 5, 7, 7, 7]
    assert scores.set_index("frame")["checks"][4] == "jumps, gaps"
    assert scores.set_index("frame")["last"].loc[[3, 4]].tolist() == [3, 9]
    without = pd.DataFrame(rows, columns=list(COLUMNS)).drop(columns="last")
    assert qa.suspicion(without)["score"].tolist() == scores["score"].tolist()
    assert scores["track"].tolist()[-3:] == [None, 1, "1"]
    with pytest.raises(AnnotationError, match="no severity 'grave'"):
        qa.suspicion(pd.DataFrame([flag(1, "jumps", "grave")], columns=list(COLUMNS)))
    with pytest.raises(AnnotationError, match="lacks severity"):
        qa.suspicion(pd.DataFrame(rows, columns=list(COLUMNS)).drop(columns="severity"))


def test_infinite_and_zero_values_have_a_score():
    c = columns()
    c["boxes"][at(c, 1, 30), 2:] = 0
    scores = qa.run(tracks(c), ["size_change", "temporal_iou"]).scores
    assert scores["frame"].tolist() == [31, 30]
    assert scores["score"].tolist() == pytest.approx([1 - 0.4 * 0.4, 1 - 0.4 * (1 - 0.6 * (1 + 1 / 3) / 2)])


def test_a_report_shows_itself():
    report = qa.run(faulty())
    text = repr(report)
    assert text.splitlines()[0] == report.summary()
    assert report.summary().startswith(f"{len(report.table)} flags on ")
    assert "310 boxes of 4 tracks on 100 frames" in text
    assert "skipped: no video" in text
    html = report._repr_html_()
    assert "same box as track 3 on frames 60 to 69" in html
    assert "id consistency" in html
    assert "coverage (no reference)" in html
    report = qa.run({"<b>": points(), "other": points()})
    assert "&lt;b&gt;" in report._repr_html_()
    assert "<b>" not in report._repr_html_().replace("<p><b>", "")
    assert "of 2 videos" in repr(report)
    assert "nothing flagged" in repr(qa.run(tracks(columns())))


def test_the_list_of_checks():
    listed = qa.checks()
    assert list(listed.index) == list(CHECKS)
    assert listed.loc["temporal_iou", "thresholds"] == "min_iou=0.5, max_step=1"
    assert all(text.startswith("Find ") for text in listed["finds"])
    # no threshold means one thing here and another there
    defaults: dict[str, set[float]] = {}
    for check in CHECKS.values():
        for name, value in check.thresholds.items():
            defaults.setdefault(name, set()).add(value)
    assert all(len(values) == 1 for values in defaults.values())
    assert all(getattr(qa, name) is check.function for name, check in CHECKS.items())
    for check in CHECKS.values():
        assert "mislead" in check.function.__doc__
        assert "Returns" in check.function.__doc__


def test_qa_is_there_after_importing_the_package():
    assert jupytrack.qa.run is qa.run
    assert "qa" in jupytrack.__all__
    assert sorted(qa.__all__) == list(qa.__all__)
    assert all(hasattr(qa, name) for name in qa.__all__)


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(qa.__path__)])
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(f"jupytrack.qa.{name}")).failed == 0
