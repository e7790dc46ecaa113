from __future__ import annotations

import shutil
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupytrack import VideoReader, lucas_kanade, lucas_kanade_rstc, sigmoid_weights
from jupytrack.errors import AnnotationError, VideoError
from jupytrack.jobs import JobCancelled, Progress

CLIP = Path(__file__).parent / "files" / "tissue.mp4"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return shutil.copy(CLIP, tmp_path_factory.mktemp("flow"))


@pytest.fixture(scope="module")
def gray(clip):
    with VideoReader(clip) as reader:
        return [cv2.cvtColor(reader[n], cv2.COLOR_RGB2GRAY) for n in range(len(reader))]


@given(n_frames=st.integers(2, 2000), epsilon=st.floats(1e-9, 0.49))
def test_weights(n_frames, epsilon):
    forward, reverse = sigmoid_weights(n_frames, epsilon)
    assert forward.shape == reverse.shape == (n_frames,)
    np.testing.assert_allclose(forward + reverse, 1, atol=1e-9)
    np.testing.assert_allclose([forward[0], forward[-1]], [1, 0], atol=1e-9)
    np.testing.assert_allclose(forward, reverse[::-1], atol=1e-9)
    assert (np.diff(forward) <= 0).all()


@pytest.mark.parametrize(
    ("n_frames", "epsilon"), [(1, 0.01), (0, 0.01), (5, 0.0), (5, 0.5), (5, -1.0), (2.5, 0.01)]
)
def test_weights_that_make_no_sense(n_frames, epsilon):
    with pytest.raises(AnnotationError):
        sigmoid_weights(n_frames, epsilon)


places = st.tuples(st.floats(0, 255), st.floats(0, 191))


@settings(max_examples=25, deadline=None)
@given(start=st.integers(0, 30), length=st.integers(1, 9), starts=st.lists(places, min_size=1, max_size=4))
def test_rstc_is_the_same_with_time_reversed(gray, start, length, starts):
    starts = np.array(starts)
    ends = np.clip(starts + np.array([3, -2]), 0, [255, 191])
    paths = lucas_kanade_rstc(gray, start, start + length, starts, ends)
    film = gray[start : start + length + 1][::-1]
    reversed_paths = lucas_kanade_rstc(film, 0, length, ends, starts)
    np.testing.assert_allclose(paths, reversed_paths[::-1], atol=1e-9)
    np.testing.assert_allclose(paths[[0, -1]], [starts, ends], atol=1e-4)


def test_paths_readers_and_sequences_are_one(clip, gray):
    points = [[128, 96], [60, 60]]
    with VideoReader(clip) as reader:
        rgb = [reader[n] for n in range(12)]
        results = [
            lucas_kanade(video, 2, 11, points, exact=True)
            for video in (clip, Path(clip), reader, gray, rgb, np.array(gray))
        ]
        close = lucas_kanade(reader, 2, 11, points)
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
    assert 0 < np.abs(close - results[0]).max() < 0.05


def test_a_path_there_and_back_ends_where_it_began(gray):
    points = np.array([[128.0, 96], [60, 60]])
    there = lucas_kanade(gray, 0, 8, points)
    back = lucas_kanade(gray, 8, 0, there[-1])
    assert there.shape == back.shape == (9, 2, 2)
    np.testing.assert_allclose(back[-1], points, atol=0.3)
    assert np.abs(there[-1] - points).max() > 5


def test_one_point_and_one_frame(gray):
    path = lucas_kanade(gray, 5, 5, [100, 90])
    np.testing.assert_allclose(path, [[[100, 90]]])
    assert lucas_kanade(gray, 5, 7, np.empty((0, 2))).shape == (3, 0, 2)


def test_target_frame(gray):
    start, end = [[128, 96]], [[130, 97]]
    paths, apart = lucas_kanade_rstc(gray, 2, 12, start, end, 5, return_disagreement=True)
    forward, reverse = (lucas_kanade(gray, n, 5, p, "direct") for n, p in ((2, start), (12, end)))
    weights = sigmoid_weights(11)
    np.testing.assert_allclose(paths, forward * weights[0][3] + reverse * weights[1][3])
    np.testing.assert_allclose(apart, np.linalg.norm(forward - reverse, axis=2))


def test_disagreement_and_weights_of_ones_own(gray):
    start, end = [[128, 96]], [[130, 97]]
    paths, apart = lucas_kanade_rstc(gray, 2, 12, start, end, return_disagreement=True)
    forward = lucas_kanade_rstc(gray, 2, 12, start, end, None, np.ones(11), np.zeros(11))
    reverse = lucas_kanade_rstc(gray, 2, 12, start, end, None, np.zeros(11), np.ones(11))
    np.testing.assert_allclose(apart, np.linalg.norm(forward - reverse, axis=2))
    np.testing.assert_allclose(forward, lucas_kanade(gray, 2, 12, start))
    assert paths.shape == (11, 1, 2)
    with pytest.raises(AnnotationError, match="Weights of shape"):
        lucas_kanade_rstc(gray, 2, 12, start, end, None, np.ones(3), np.ones(3))


def test_long_stretches_are_decoded_twice_and_give_the_same(clip, monkeypatch):
    args = (clip, 1, 30, [[128, 96]], [[128, 96]])
    short = lucas_kanade_rstc(*args)
    # The package shows the function under the module's name.
    monkeypatch.setattr(sys.modules["jupytrack.flow.lucas_kanade"], "_SHARED", 0)
    monkeypatch.setattr("jupytrack.flow.frames._HELD", 1)
    np.testing.assert_array_equal(lucas_kanade_rstc(*args), short)


def test_progress_and_cancel(clip):
    progress, seen = Progress(), []
    progress.listen(lambda p: seen.append(p.fraction))
    lucas_kanade_rstc(clip, 0, 9, [[128, 96]], [[128, 96]], progress=progress)
    assert seen[-1] == 1
    assert len(seen) == 20
    progress.listen(lambda p: p.cancel())
    with pytest.raises(JobCancelled):
        lucas_kanade(clip, 0, 9, [[128, 96]], progress=progress)


BAD = {
    "beyond the end": ((0, 40, [[9, 9]]), "end_frame 40 is outside the video .*tissue.mp4.*0 to 39"),
    "before the beginning": ((-1, 4, [[9, 9]]), "start_frame -1 is outside"),
    "no number": ((0.5, 4, [[9, 9]]), "start_frame is 0.5"),
    "NaN": ((0, 4, [[9, 9], [np.nan, 9]]), "tissue.mp4, frame 0, point 1: there is no position"),
    "outside the picture": ((3, 4, [[256, 9]]), r"tissue.mp4, frame 3, point 0: \(256, 9\) is outside"),
    "shape": ((3, 4, [[1, 2, 3]]), "shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(clip, name):
    args, message = BAD[name]
    with pytest.raises(AnnotationError, match=message):
        lucas_kanade(clip, *args)


def test_bad_ends(clip):
    for start, end, starts, ends, message in [
        (5, 5, [[9, 9]], [[9, 9]], "does not lie after"),
        (5, 8, [[9, 9]], [[9, 9], [8, 8]], "1 points on frame 5, 2 on frame 8"),
        (5, 8, [[9, 9]], [[np.nan, 9]], "frame 8, point 0"),
    ]:
        with pytest.raises(AnnotationError, match=message):
            lucas_kanade_rstc(clip, start, end, starts, ends)
    with pytest.raises(AnnotationError, match="Target frame 9"):
        lucas_kanade_rstc(clip, 5, 8, [[9, 9]], [[9, 9]], 9)
    with pytest.raises(TypeError, match="no option winsize"):
        lucas_kanade(clip, 5, 8, [[9, 9]], winsize=(3, 3))
    with pytest.raises(AnnotationError, match="mode"):
        lucas_kanade(clip, 5, 8, [[9, 9]], "ful")
    with pytest.raises(AnnotationError, match="Target frame '6'"):
        lucas_kanade_rstc(clip, 5, 8, [[9, 9]], [[9, 9]], "6")
    with pytest.raises(AnnotationError, match="Only one of"):
        lucas_kanade_rstc(clip, 5, 8, [[9, 9]], [[9, 9]], sigmoid_forward=np.ones(4))
    with pytest.raises(AnnotationError, match="not a finite number"):
        lucas_kanade_rstc(clip, 5, 8, [[9, 9]], [[9, 9]], None, np.full(4, np.nan), np.ones(4))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("winSize", 21),
        ("winSize", (2, 45)),
        ("maxLevel", -1),
        ("maxLevel", 1.5),
        ("criteria", 3),
        ("criteria", (8, 10, 0.03)),
        ("minEigThreshold", "much"),
        ("minEigThreshold", np.nan),
        ("flags", cv2.OPTFLOW_USE_INITIAL_FLOW),
    ],
)
def test_options_that_make_no_sense(gray, option, value):
    with pytest.raises(AnnotationError, match=f"option {option} is"):
        lucas_kanade(gray, 0, 2, [[9, 9]], **{option: value})


def test_what_is_no_video(gray):
    for video in (None, 5, iter(gray)):
        with pytest.raises(VideoError, match="This is no video"):
            lucas_kanade(video, 0, 2, [[9, 9]])
    with pytest.raises(VideoError, match="empty"):
        lucas_kanade([], 0, 0, [[9, 9]])
    for picture in (gray[1] / 255, gray[1][..., None], None, np.dstack([gray[1]] * 4)):
        with pytest.raises(VideoError, match="sequence of frames: frame 1 is"):
            lucas_kanade([gray[0], picture, gray[2]], 0, 2, [[9, 9]])
    for points in ("abc", [[1, 2], [3]], {"0": 1}):
        with pytest.raises(AnnotationError, match="frame 0: the points are no array of numbers"):
            lucas_kanade(gray, 0, 2, points)
    assert lucas_kanade(gray, 0, 2, []).shape == (3, 0, 2)


def test_a_video_that_stops_half_way(clip, tmp_path):
    path = shutil.copy(clip, tmp_path)
    with VideoReader(path) as reader:
        content = Path(path).read_bytes()
        Path(path).write_bytes(content[: len(content) // 2])
        with pytest.raises(VideoError, match=r"tissue.mp4"):
            lucas_kanade(reader, 0, 39, [[128, 96]])


@pytest.mark.parametrize("ends", [(0, 39), (39, 0)])
def test_the_frame_on_which_a_video_stops_is_told(clip, tmp_path, ends):
    path = tmp_path / "cut.mkv"
    with VideoReader(clip) as reader, av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", 30)
        stream.width, stream.height = 256, 192
        for n in range(len(reader)):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(reader[n], format="rgb24")))
        out.mux(stream.encode())
    with VideoReader(path) as reader:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with VideoReader(path) as cut:
            left = len(cut)
        assert 0 < left < 39
        with pytest.raises(VideoError, match=f"cut.mkv stops decoding at frame {left} of 40"):
            lucas_kanade(reader, *ends, [[128, 96]])
