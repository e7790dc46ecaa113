from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupytrack import VideoAnnotation, qa, samples
from jupytrack.annotation.table import PointTable, Visibility
from jupytrack.errors import AnnotationError
from jupytrack.qa.table import COLUMNS

N = 200
CHECKS = [qa.jumps, qa.acceleration, qa.frozen, qa.gaps]


def motion(noise: float = 0.3, seed: int = 0, n: int = N) -> np.ndarray:
    """Return smooth positions of two labels with some noise; shape (2, n, 2)."""
    t = np.arange(n)
    path = np.stack([200 + 80 * np.sin(t / 20), 150 + 60 * np.cos(t / 27)], -1)
    return np.stack([path, path + np.array([70, 10])]) + np.random.default_rng(seed).normal(
        0, noise, (2, n, 2)
    )


def table(xy: np.ndarray, **columns: np.ndarray) -> PointTable:
    return PointTable(["nose", "tail"][: len(xy)], xy, columns)


def found(flags) -> list[tuple[str, int]]:
    assert list(flags.columns) == list(COLUMNS)
    assert flags.dtypes.astype(str).to_dict() == COLUMNS
    return list(zip(flags["track"], flags["frame"], strict=True))


@settings(deadline=None)
@given(st.floats(0.05, 1.0), st.integers(0, 1000))
def test_smooth_noisy_motion_is_clean(noise, seed):
    layer = table(motion(noise, seed))
    for check in CHECKS:
        assert found(check(layer)) == []
    assert found(qa.pair_distance(layer, [("nose", "tail")])) == []
    assert found(qa.swaps(layer, [("nose", "tail")])) == []
    assert found(qa.out_of_picture(layer, image_size=(640, 480))) == []


@settings(deadline=None)
@given(st.integers(1, N - 2), st.floats(0, 6.28), st.floats(30, 300))
def test_a_single_wrong_point_is_found_on_its_frame(frame, angle, distance):
    xy = motion()
    xy[1, frame] += distance * np.array([np.cos(angle), np.sin(angle)])
    for check in (qa.jumps, qa.acceleration):
        flags = check(table(xy))
        assert found(flags) == [("tail", frame)]
        assert flags["last"].tolist() == [frame]
    # on request where it goes and where it returns, unless the video ends there
    flags = qa.jumps(table(xy), return_frames=0)
    assert found(flags) == [("tail", frame), ("tail", frame + 1)][: N - frame]


@settings(deadline=None)
@given(st.integers(2, N - 3), st.sampled_from([-1, 1]), st.floats(25, 80))
def test_a_step_is_flagged_once_on_the_frame_behind_it(frame, sign, size):
    xy = motion()
    xy[0, frame:] += sign * size
    for check in (qa.jumps, qa.acceleration):
        flags = check(table(xy))
        assert found(flags) == [("nose", frame)]
        assert "back" not in flags["message"][0]


@pytest.mark.parametrize("check", [qa.jumps, qa.acceleration])
@pytest.mark.parametrize("length", [2, 5, 10])
def test_a_blip_is_one_flag_from_its_first_to_its_last_frame(check, length):
    xy = motion()
    xy[0, 50 : 50 + length] += 60
    flags = check(table(xy))
    assert found(flags) == [("nose", 50)]
    assert flags["last"].tolist() == [49 + length]
    assert f"back on frame {50 + length}" in flags["message"][0]
    assert found(check(table(xy), return_frames=length - 1)) == [("nose", 50), ("nose", 50 + length)]


def spans(flags) -> list[tuple[str, int, int]]:
    return list(zip(flags["track"], flags["frame"], flags["last"], strict=True))


@pytest.mark.parametrize("check", [qa.jumps, qa.acceleration])
def test_wrong_points_with_a_good_one_between_are_two_flags(check):
    xy = motion()
    xy[1, [80, 82]] += [[60, 0], [-60, 0]]
    xy[1, [120, 125]] += [[60, 0], [-60, 0]]
    assert spans(check(table(xy))) == [("tail", at, at) for at in (80, 82, 120, 125)]


def test_wrong_points_that_jump_about_are_one_flag():
    xy = motion()
    xy[0, 50:53] += [[60, 0], [-50, 20], [10, 70]]
    assert spans(qa.jumps(table(xy))) == [("nose", 50, 52)]


@pytest.mark.parametrize("check", [qa.jumps, qa.acceleration])
@pytest.mark.parametrize("between", [3, 9])
def test_steps_that_follow_each_other_stay_two_flags(check, between):
    for back in (40, -15):
        xy = motion()
        xy[0, 50:] += 40
        xy[0, 50 + between :] += back
        assert found(check(table(xy))) == [("nose", 50), ("nose", 50 + between)]


def test_a_blip_beside_a_gap_is_one_flag():
    xy = motion()
    xy[0, 50:53] += 90
    xy[0, 51] = np.nan
    xy[0, 53:55] = np.nan
    flags = qa.jumps(table(xy))
    assert list(zip(flags["frame"], flags["last"], strict=True)) == [(50, 52)]


def test_a_jump_across_a_gap_counts_per_frame():
    xy = motion()
    xy[0, 50:60] = np.nan
    xy[0, 60:] += 20
    assert found(qa.jumps(table(xy))) == []
    xy[0, 60:] += 200
    flags = qa.jumps(table(xy))
    assert found(flags) == [("nose", 60)]
    assert "in 11 frames" in flags["message"][0]


def test_values_are_those_of_the_formulas():
    xy = motion(noise=1.5)
    xy[0, 80] += 90
    speed = np.linalg.norm(np.diff(xy[0], axis=0), axis=1)
    middle = np.median(speed)
    scale = 1.4826 * np.median(np.abs(speed - middle))
    assert scale > 0.5
    flags = qa.jumps(table(xy))
    assert flags["value"].tolist() == pytest.approx([(speed[79] - middle) / scale])
    assert flags["threshold"].tolist() == [8.0]
    change = np.linalg.norm(np.diff(xy[0], 2, axis=0), axis=1)
    middle = np.median(change)
    expected = (change[79] - middle) / (1.4826 * np.median(np.abs(change - middle)))
    assert qa.acceleration(table(xy))["value"].tolist() == pytest.approx([expected])


@settings(deadline=None)
@given(st.floats(-500, 500), st.floats(-500, 500), st.integers(1, 40), st.integers(0, 100))
def test_flags_do_not_depend_on_the_place_and_move_with_the_frames(dx, dy, shift, seed):
    xy = motion(seed=seed)
    xy[0, 40] += 60
    xy[1, 90:95] = np.nan
    xy[1, 120:180] = xy[1, 120]
    xy[:, 100:] = xy[::-1, 100:].copy()
    moved = np.concatenate([np.full((2, shift, 2), np.nan), xy + np.array([dx, dy])], axis=1)
    calls = [*CHECKS, lambda layer: qa.pair_distance(layer, [("nose", "tail")])]
    calls.append(lambda layer: qa.swaps(layer, [("nose", "tail")]))
    for check in calls:
        here, there = check(table(xy)), check(table(moved))
        assert len(here) > 0
        assert found(there) == [(track, frame + shift) for track, frame in found(here)]
        np.testing.assert_allclose(here["value"], there["value"], rtol=1e-6, atol=1e-6)


def test_frozen_runs():
    xy = motion()
    xy[0, 20:51] = xy[0, 20]
    xy[1, 60:90] = xy[1, 60]
    flags = qa.frozen(table(xy))
    assert found(flags) == [("nose", 20)]
    assert flags["value"].tolist() == [31.0]
    assert flags["message"][0] == "does not move on frames 20 to 50"
    assert found(qa.frozen(table(xy), frozen_frames=29)) == [("nose", 20), ("tail", 60)]
    xy[0, 35] = np.nan
    assert found(qa.frozen(table(xy))) == []


def test_gaps_between_points_are_told_unless_explained():
    xy = motion()
    xy[0, :5] = xy[0, 150:] = np.nan
    xy[0, 40] = xy[1, 60:70] = np.nan
    flags = qa.gaps(table(xy))
    assert found(flags) == [("nose", 40), ("tail", 60)]
    assert flags["value"].tolist() == [1.0, 10.0]
    assert flags["message"].tolist() == ["no point on frame 40", "no point on frames 60 to 69"]
    assert found(qa.gaps(table(xy), gap_frames=1)) == [("tail", 60)]
    visibility = np.zeros((2, N), np.uint8)
    visibility[1, 60:69] = Visibility.FULLY_OCCLUDED
    assert found(qa.gaps(table(xy, visibility=visibility))) == [("nose", 40), ("tail", 60)]
    visibility[1, 69] = Visibility.OUT_OF_FRAME
    assert found(qa.gaps(table(xy, visibility=visibility))) == [("nose", 40)]


def test_low_likelihood():
    likelihood = np.full((2, N), 0.95, np.float32)
    likelihood[0, 7], likelihood[1, 8], likelihood[1, 9] = 0.4, np.nan, 0.1
    xy = motion()
    xy[1, 9] = np.nan
    layer = table(xy, likelihood=likelihood)
    flags = qa.low_likelihood(layer)
    assert found(flags) == [("nose", 7)]
    assert flags["value"].tolist() == pytest.approx([0.4])
    assert found(qa.low_likelihood(layer, min_likelihood=0.3)) == []
    with pytest.raises(AnnotationError, match="No likelihood is known"):
        qa.low_likelihood(table(xy))


def test_out_of_picture_at_the_edge_itself():
    xy = np.full((1, 4, 2), 10.0)
    xy[0, 0], xy[0, 1], xy[0, 2] = [-0.5, 47.5], [63.5, 10], [66.5, 51.5]
    flags = qa.out_of_picture(table(xy), image_size=(64, 48))
    assert found(flags) == [("nose", 2)]
    assert flags["value"].tolist() == [5.0]
    xy[0, 2] = [-0.6, 10]
    assert found(qa.out_of_picture(table(xy), image_size=(64, 48))) == [("nose", 2)]
    with pytest.raises(AnnotationError, match=r"size .* is not known"):
        qa.out_of_picture(table(xy))
    with pytest.raises(AnnotationError, match="is no picture size"):
        qa.out_of_picture(table(xy), image_size=(64,))


def test_pair_distance_names_both():
    xy = motion()
    xy[1, 33] += [50, 0]
    xy[0, 44] = xy[1, 44]
    flags = qa.pair_distance(table(xy), [("nose", "tail")])
    assert found(flags) == [("nose", 33), ("tail", 33), ("nose", 44), ("tail", 44)]
    assert flags["value"][0] > 8
    assert flags["value"][2] < -8


@pytest.mark.parametrize(("end", "last"), [(61, [60]), (62, [61]), (70, [69]), (71, [60, 71]), (N, [60])])
def test_swaps_are_found_where_they_begin_and_where_they_end_much_later(end, last):
    xy = motion()
    xy[:, 60:end] = xy[::-1, 60:end].copy()
    flags = qa.swaps(table(xy), [("nose", "tail")])
    frames = [60, end][: len(last)]
    assert found(flags) == [(label, frame) for frame in frames for label in ("nose", "tail")]
    assert flags["last"].tolist() == [frame for frame in last for _ in ("nose", "tail")]


def test_a_swap_during_a_gap_is_found():
    xy = motion()
    xy[:, 60:] = xy[::-1, 60:].copy()
    xy[:, 58:60] = np.nan
    assert found(qa.swaps(table(xy), [("nose", "tail")])) == [("nose", 60), ("tail", 60)]


@pytest.mark.parametrize("speed", [1.0, 3.0, 10.0])
def test_labels_that_cross_do_not_swap(speed):
    t = np.arange(N, dtype=float)
    for offset in (0.0, 0.5):
        a = np.stack([speed * (t - 100 + offset), np.zeros(N)], -1)
        assert found(qa.swaps(table(np.stack([a, a * [-1, 1]])), [("nose", "tail")])) == []


def test_left_and_right_are_known_by_their_names():
    labels = ["nose", "left_ear", "right_ear", "PawL", "PawR", "leftHip", "rightHip", "tail_l", "leftover"]
    assert qa.left_right_pairs(labels) == [
        ("left_ear", "right_ear"),
        ("PawL", "PawR"),
        ("leftHip", "rightHip"),
    ]
    assert qa.left_right_pairs(["0", "1", "2"], {"0": "hand R", "2": "hand L"}) == [("2", "0")]
    with pytest.raises(AnnotationError, match="left and right"):
        qa.swaps(table(motion()))


@pytest.mark.parametrize("present", [[], [7], [7, 8], [7, 9], [0, 50, 100]])
def test_few_points_are_no_trouble(present):
    xy = motion()
    sparse = np.full_like(xy, np.nan)
    sparse[:, present] = xy[:, present]
    for check in (qa.jumps, qa.acceleration, qa.frozen):
        assert found(check(table(sparse))) == []
    assert found(qa.swaps(table(sparse), [("nose", "tail")])) == []
    assert len(qa.gaps(table(sparse))) == (4 if len(present) == 3 else 2 if present == [7, 9] else 0)


def test_only_chosen_labels_and_the_layer_stays_as_it_is():
    xy = motion()
    xy[:, 40] += 60
    layer = table(xy)
    before = layer.xy.copy()
    assert {track for track, _ in found(qa.jumps(layer, "tail"))} == {"tail"}
    np.testing.assert_array_equal(layer.xy, before)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda layer: qa.jumps(layer, ["noes"]), "no label 'noes'. Did you mean 'nose'"),
        (lambda layer: qa.jumps(layer, jump_z=float("nan")), "jump_z is nan"),
        (lambda layer: qa.jumps(layer, min_scale=0), "min_scale is 0"),
        (lambda layer: qa.frozen(layer, frozen_frames=0), "frozen_frames is 0"),
        (lambda layer: qa.frozen(layer, frozen_frames="30"), "frozen_frames is '30'"),
        (lambda layer: qa.pair_distance(layer, ["ab"]), "'ab' is no pair"),
        (lambda layer: qa.pair_distance(layer, [("nose", "nose")]), "is no pair"),
        (lambda layer: qa.swaps(layer, [("nose", "ear")]), "no label 'ear'"),
        (lambda layer: qa.swaps(layer, [("nose", "tail")], swap_ratio=2), "swap_ratio is 2"),
        (lambda layer: qa.jumps(layer.xy), "ndarray is no layer of points"),
    ],
)
def test_senseless_questions_are_refused(call, message):
    with pytest.raises(AnnotationError, match=message):
        call(table(motion()))


# against the video

N_FRAMES = 60


@pytest.fixture(scope="module")
def sample() -> samples.Sample:
    return samples.ultrasound(N_FRAMES, size=(320, 240))


@pytest.fixture
def layer(sample: samples.Sample) -> VideoAnnotation:
    """Give true positions, but for one point that is off and one label that jumps away for good."""
    xy = sample.truth.copy()
    xy[0, 20] += [25, -10]
    xy[2, 40:] += [0, 30]
    annotation = VideoAnnotation(None, sample.video, name="model")
    annotation.data = PointTable([str(n) for n in range(len(xy))], xy).to_mapping()
    return annotation


def test_flow_tells_wrong_points_from_fast_tissue(layer, sample):
    flags = qa.flow_residual(layer)
    assert found(flags) == [("0", 20), ("2", 40)]
    assert flags["value"].tolist() == pytest.approx([np.hypot(25, 10), 30], abs=1)
    assert set(flags["video"]) == {sample.video.stem}
    # where the picture moves with the points nothing is flagged
    every = qa.jumps(layer).iloc[:0]
    every = every.reindex(range(N_FRAMES)).assign(track="1", frame=range(N_FRAMES))
    assert found(qa.flow_residual(layer, every)) == []
    assert found(qa.flow_residual(layer, max_residual=28)) == [("2", 40)]


def test_flow_passes_over_what_it_cannot_carry(layer):
    layer.remove("0", 19)
    layer.add([-30.0, 10.0], "2", 39)
    candidates = qa.jumps(layer).iloc[:0].reindex(range(3))
    candidates = candidates.assign(track=["0", "2", "0"], frame=[20, 40, 0])
    assert found(qa.flow_residual(layer, candidates)) == []


def test_flow_needs_a_video_that_fits(layer, sample):
    with pytest.raises(AnnotationError, match="has no video"):
        qa.flow_residual(layer.to_table())
    short = VideoAnnotation(None, samples.ultrasound(30, size=(320, 240)).video).video
    with pytest.raises(AnnotationError, match=r"up to frame 59, .* ends with 29"):
        qa.flow_residual(layer, video=short)
    with pytest.raises(AnnotationError, match="lack track"):
        qa.flow_residual(layer, qa.jumps(layer).drop(columns="track"))
