from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jupytrack import VideoAnnotation, samples
from jupytrack.annotation.table import PointTable, Source
from jupytrack.errors import AnnotationError, ConflictError
from jupytrack.flow.blips import detect_blips, interpolate_blips
from jupytrack.jobs import Job, JobCancelled, Progress

N = 200


def motion(amplitude: float, period: float, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    t = np.arange(N)
    path = 300 + amplitude * np.stack(
        [np.sin(2 * np.pi * t / period), np.cos(2 * np.pi * t / period / 1.3)], -1
    )
    return path + np.random.default_rng(seed).normal(0, noise, path.shape)


def found(xy: np.ndarray, **options: float) -> list[tuple[int, int]]:
    table = detect_blips(PointTable(["0"], xy[None]), **options)
    return list(zip(table["start"].tolist(), table["end"].tolist(), strict=True))


smooth = st.builds(
    motion,
    amplitude=st.floats(0, 200),
    period=st.floats(20, 500),
    noise=st.sampled_from([0, 0.02, 0.3, 1.0]),
    seed=st.integers(0, 1000),
)


@settings(deadline=None)
@given(smooth)
def test_smooth_motion_has_no_blip(xy):
    assert found(xy) == []


@settings(deadline=None)
@given(smooth, st.integers(1, 5), st.integers(1, N - 7), st.floats(0, 2 * np.pi), st.floats(1, 10))
def test_a_planted_blip_is_found_on_its_frames(xy, length, start, angle, times):
    speed = np.linalg.norm(np.diff(xy, axis=0), axis=1).max()
    distance = times * (20 + 3 * speed * (length + 1))
    xy[start : start + length] += distance * np.array([np.cos(angle), np.sin(angle)])
    assert found(xy) == [(start, start + length - 1)]


@settings(deadline=None)
@given(smooth, st.integers(0, 3), st.integers(2, N - 30), st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_neighbouring_blips_are_found_one_by_one(xy, gap, start, lengths):
    speed = np.linalg.norm(np.diff(xy, axis=0), axis=1).max()
    distance = 30 + 3 * speed * 8
    planted = []
    for length in lengths:
        assume(start + length < N - 1)
        xy[start : start + length] += [distance, 0.0]
        planted.append((start, start + length - 1))
        start += length + 1 + gap
    assert found(xy) == planted


@settings(deadline=None)
@given(smooth, st.integers(1, N - 1), st.floats(30, 3000))
def test_a_step_that_does_not_return_is_no_blip(xy, start, distance):
    xy[start:] += [0.0, distance]
    assert found(xy) == []


@pytest.mark.parametrize("length", [6, 20])
def test_what_lasts_longer_is_no_blip(length):
    xy = motion(50, 100, 0.3)
    xy[80 : 80 + length] += 200
    assert found(xy) == []
    assert found(xy, max_blip_length=length) == [(80, 80 + length - 1)]


def test_ends_without_a_good_frame_beyond_are_left_alone():
    for frames in (slice(0, 3), slice(N - 2, N)):
        xy = motion(50, 100, 0.3)
        xy[frames] += 60
        assert found(xy) == []
    xy = motion(50, 100, 0.3)
    xy[1:3] += 60
    xy[N - 2] += 60
    assert found(xy) == [(1, 2), (N - 2, N - 2)]


def test_gaps_before_beside_and_within_a_blip():
    xy = motion(50, 100, 0.3)
    xy[[40, 42, 81, 130]] += 60
    xy[[10, 11, 12, 41, 82, 128, 129]] = np.nan
    # 40–42 with a gap in it, 81 with a gap behind, 130 behind two lost frames
    assert found(xy) == [(40, 42), (81, 81), (130, 130)]
    table = detect_blips(PointTable(["0"], xy[None]))
    assert table["before"].tolist() == [39, 80, 127]
    assert table["after"].tolist() == [43, 83, 131]
    # a long gap tells nothing of a return
    xy[44:60] = np.nan
    xy[43] += 60
    assert (43, 43) not in found(xy)


@pytest.mark.parametrize("present", [[], [7], [7, 8], [7, 8, 9], [0, 50, 100]])
def test_few_points_are_no_trouble(present):
    xy = np.full((N, 2), np.nan)
    xy[present] = 10.0
    assert found(xy) == []


def test_a_quick_start_and_a_sharp_turn_are_motion():
    start = np.zeros((N, 2))
    start[100:, 0] = 12.0 * np.arange(100)
    turn = 9.0 * np.abs(np.arange(N) - 100)[:, None] * np.ones(2)
    assert found(start) == []
    assert found(turn) == []


def test_the_table_says_what_was_found_and_by_which_threshold():
    calm, wild = motion(50, 100, 0.1), motion(50, 100, 2.0)
    calm[60], calm[61], wild[60] = calm[60] + 30, calm[61] + 50, wild[60] + 200
    layer = PointTable(["a", "b"], np.stack([calm, wild]))
    before = layer.xy.copy()
    table = detect_blips(layer)
    np.testing.assert_array_equal(layer.xy, before)
    assert table["label"].tolist() == ["a", "b"]
    assert table["peak_frame"].tolist() == [61, 60]
    assert table["peak"].tolist() == pytest.approx([50 * 2**0.5, 200 * 2**0.5], rel=0.1)
    assert 0.5 < table["threshold"][0] < 3 < table["threshold"][1] < 30
    assert detect_blips(layer, ["b"])["label"].tolist() == ["b"]
    assert len(detect_blips(layer, "a", min_distance=100)) == 0
    # the threshold is the formula's
    rough = np.linalg.norm(wild[1:-1] - (wild[:-2] + wild[2:]) / 2, axis=1)
    middle = np.median(rough)
    expected = middle + 8 * 1.4826 * np.median(np.abs(rough - middle))
    assert table["threshold"][1] == pytest.approx(expected)


def test_an_empty_table_has_the_columns_and_types_of_a_full_one():
    xy = motion(50, 100)
    empty = detect_blips(PointTable(["0"], xy[None]))
    xy[9] += 80
    full = detect_blips(PointTable(["0"], xy[None]))
    assert len(full) == 1
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_blip_length": 0}, "max_blip_length is 0"),
        ({"threshold_factor": float("nan")}, "threshold_factor is nan"),
        ({"min_distance": -1.0}, "min_distance is -1"),
        ({"labels": ["0", "nose"]}, "no label 'nose'"),
    ],
)
def test_senseless_questions_are_refused(options, message):
    with pytest.raises(AnnotationError, match=message):
        detect_blips(PointTable(["0"], motion(1, 100)[None]), **options)


# re-tracking, on a video whose truth is known

N_FRAMES = 60


@pytest.fixture(scope="module")
def sample() -> samples.Sample:
    return samples.ultrasound(N_FRAMES, size=(320, 240))


@pytest.fixture
def layer(sample: samples.Sample) -> VideoAnnotation:
    """Give the true positions with three blips in them."""
    xy = sample.truth.copy()
    xy[0, 20:24] += [25, -10]
    xy[2, 40] += [0, 30]
    xy[3, 20:23] += [-30, 0]
    xy[3, 24:26] += [30, 5]
    annotation = VideoAnnotation(None, sample.video, name="model")
    annotation.data = PointTable([str(n) for n in range(len(xy))], xy).to_mapping()
    return annotation


def test_blips_are_put_back_where_the_tissue_is(layer, sample):
    before = layer.to_table()
    new, table = interpolate_blips(layer)
    np.testing.assert_array_equal(layer.to_table().xy, before.xy)

    assert list(zip(table["label"], table["start"], table["end"], strict=True)) == [
        ("0", 20, 23),
        ("3", 20, 22),
        ("3", 24, 25),
        ("2", 40, 40),
    ]
    assert (table["problem"] == "").all()
    repaired = new.to_table()
    assert new.name == "blips"
    assert new.fname is None
    assert new.labels == layer.labels
    assert int(repaired.present.sum()) == 10
    there = repaired.present
    error_before = np.linalg.norm(before.xy - sample.truth, axis=2)[there]
    error_after = np.linalg.norm(repaired.xy - sample.truth, axis=2)[there]
    assert error_before.min() > 20
    assert error_after.max() < 1
    assert (repaired.columns["source"][there] == Source.LUCAS_KANADE).all()
    assert (repaired.columns["source"][~there] == Source.UNKNOWN).all()
    apart = repaired.columns["disagreement"]
    assert (apart[there] < 2).all()
    assert np.isnan(apart[~there]).all()
    assert table["disagreement"][3] == pytest.approx(apart[2, 40], abs=1e-6)
    moved = np.linalg.norm(before.xy - repaired.xy, axis=2)
    assert table["moved"].tolist() == pytest.approx(
        [moved[0, 20:24].max(), moved[3, 20:23].max(), moved[3, 24:26].max(), moved[2, 40]]
    )


def test_only_chosen_rows_are_repaired_and_missing_frames_stay_missing(layer):
    layer.remove("0", 21)
    table = detect_blips(layer)
    new, repaired = interpolate_blips(layer, table[table["label"] == "0"])
    assert list(new.to_table().to_mapping()["0"]) == [20, 22, 23]
    assert int(new.to_table().present.sum()) == 3
    assert len(repaired) == 1
    assert "moved" not in table.columns


def test_doubtful_repairs_are_left_empty_and_say_so(layer):
    new, table = interpolate_blips(layer, max_disagreement=1e-9)
    assert not new.to_table().present.any()
    assert table["problem"].str.contains("px apart; at most 1e-09 allowed").all()
    assert (table["disagreement"] > 1e-9).all()


def test_a_blip_that_cannot_be_tracked_does_not_stop_the_others(layer):
    layer.add([-40.0, 10.0], "2", 39)  # outside the picture
    table = detect_blips(layer)
    hopeless = table.iloc[[0]].assign(label="2", start=40, end=40, before=39, after=41)
    new, repaired = interpolate_blips(layer, pd.concat([table[table["label"] != "2"], hopeless]))
    assert "39" in repaired["problem"].iloc[-1]
    assert (repaired["problem"].iloc[:-1] == "").all()
    assert int(new.to_table().present.sum()) == 9


def test_the_layer_can_be_saved_and_read_back(layer, sample, tmp_path):
    new, _ = interpolate_blips(layer, fname=tmp_path / "clip_annotations_blips.json")
    assert not Path(new.fname).exists()
    new.save()
    again = VideoAnnotation(new.fname, sample.video)
    np.testing.assert_allclose(again.to_table().xy, new.to_table().xy)
    np.testing.assert_array_equal(again.column("source"), new.column("source"))


def test_misfits_are_refused(layer, sample):
    table = detect_blips(layer)
    with pytest.raises(AnnotationError, match="lacks before"):
        interpolate_blips(layer, table.drop(columns="before"))
    with pytest.raises(AnnotationError, match="no points of label 'nose'"):
        interpolate_blips(layer, table.assign(label="nose"))
    layer.remove("0", 19)
    with pytest.raises(AnnotationError, match="no points of label '0' on frames 19 and 24"):
        interpolate_blips(layer, table)
    with pytest.raises(AnnotationError, match="max_disagreement is 0"):
        interpolate_blips(layer, max_disagreement=0)
    alone = VideoAnnotation(preloaded_json={"0": {0: [1, 1]}}, name="alone")
    with pytest.raises(AnnotationError, match="alone has no video"):
        interpolate_blips(alone)
    short = VideoAnnotation(None, samples.ultrasound(30, size=(320, 240)).video).video
    with pytest.raises(AnnotationError, match=r"label '0' has a point on frame 59, .* ends with frame 29"):
        interpolate_blips(layer, video=short)
    with pytest.raises(AnnotationError, match="no points of label '0' on frames x"):
        interpolate_blips(layer, table.assign(before="x"))
    with pytest.raises(AnnotationError, match="given as list"):
        interpolate_blips(layer, [1, 2])
    with pytest.raises(AnnotationError, match="option winSize is 3"):
        interpolate_blips(layer, winSize=3)
    for function in (detect_blips, interpolate_blips):
        with pytest.raises(AnnotationError, match=r"This is no layer: 'x\.json'"):
            function("x.json")


def test_the_layers_own_file_and_another_video_are_refused(layer, tmp_path):
    own = tmp_path / "model.json"
    layer.save(own)
    saved = VideoAnnotation(own, layer.video.fname)
    content = own.read_bytes()
    with pytest.raises(AnnotationError, match=r"model\.json is the file of the layer itself"):
        interpolate_blips(saved, fname=str(own))
    other = samples.ultrasound(N_FRAMES + 10, size=(320, 240)).video
    with pytest.raises(ConflictError, match=r"model\.json was made on another video \(60 frames\)"):
        interpolate_blips(saved, video=other)
    assert own.read_bytes() == content


def test_the_video_may_be_a_path(layer, sample):
    ours, theirs = (interpolate_blips(layer, video=video).layer for video in (None, sample.video))
    np.testing.assert_array_equal(ours.to_table().xy, theirs.to_table().xy)


def test_a_good_point_outside_the_picture_is_told_by_its_label(layer):
    table = detect_blips(layer)
    layer.set_points("0", [19], [[900, 60]])
    problems = interpolate_blips(layer, table).table.set_index("label")["problem"]
    assert "frame 19, label '0': (900, 60) is outside" in problems["0"]
    assert (problems.drop("0") == "").all()


def test_progress_is_told_and_cancel_leaves_the_layer_as_it_was(layer):
    before, seen = layer.to_table(), []
    progress = Progress()
    progress.listen(lambda p: seen.append((p.done, p.total)))
    interpolate_blips(layer, progress=progress)
    assert seen == [(n, 4) for n in range(5)]

    reached = threading.Event()

    def stop_at_the_second(progress: Progress) -> None:
        if progress.done == 1:
            reached.set()
            progress.cancel()

    def work(progress: Progress) -> object:
        progress.listen(stop_at_the_second)
        return interpolate_blips(layer, progress=progress)

    with pytest.raises(JobCancelled):
        Job(work).result(60)
    assert reached.is_set()
    np.testing.assert_array_equal(layer.to_table().xy, before.xy)
