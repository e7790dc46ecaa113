from __future__ import annotations

import numpy as np
import pytest
from box_tracks import N_FRAMES, SIZE, at, columns, found, tracks

import jupytrack
from jupytrack import BoxTracks, VideoReader, VideoWriter, qa, samples
from jupytrack.errors import AnnotationError, VideoNotFoundError
from jupytrack.jobs import JobCancelled, Progress

COLOURS = {1: (200, 40, 30), 2: (40, 170, 60), 3: (60, 70, 200)}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Return a video in which each thing of the tracks has a colour of its own."""
    path = tmp_path_factory.mktemp("video") / "things.mp4"
    c = columns()
    noise = np.random.default_rng(0)
    with VideoWriter(path, 30, SIZE, preset="ultrafast") as writer:
        for n in range(N_FRAMES):
            picture = noise.integers(90, 130, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
            for id, colour in COLOURS.items():
                x, y, w, h = np.rint(c["boxes"][at(c, id, n)][0]).astype(int)
                picture[y : y + h, x : x + w] = colour
            writer.write(picture)
    with VideoReader(path) as reader:
        yield reader


def everywhere(layer):
    return layer.to_dataframe().rename(columns={"id": "track"})


def switched():
    """Return columns in which tracks 1 and 2 trade their ids from frame 50 on."""
    c = columns()
    one, two = at(c, 1, range(50, N_FRAMES)), at(c, 2, range(50, N_FRAMES))
    c["id"][one], c["id"][two] = 2, 1
    return c


def test_nothing_is_flagged_where_all_looks_as_before(video):
    layer = tracks(columns())
    assert found(qa.id_switches(layer, video)) == []
    assert found(qa.id_switches(layer, video, candidates=everywhere(layer))) == []


def test_an_id_switch_is_found_where_the_boxes_jump(video):
    flags = qa.id_switches(tracks(switched()), video)
    assert found(flags) == [(1, 50), (2, 50)]
    assert (flags["value"] > 0.8).all()
    assert flags["message"][0].startswith("looks different than on frame 49")


@pytest.mark.parametrize("away", ["gap", "fully_occluded", "mostly_occluded"])
def test_a_switch_behind_something_is_found_when_both_are_seen_again(video, away):
    c = switched()
    gone = at(c, 1, range(45, 55)) | at(c, 2, range(45, 55))
    if away == "gap":
        layer = tracks(c, gone)
    else:
        c["state"][gone] = away
        layer = tracks(c)
    flags = qa.id_switches(layer, video)
    assert found(flags) == [(1, 55), (2, 55)]
    assert "frame 44" in flags["message"][0]


@pytest.fixture(scope="module")
def street():
    """Return a real video, and where a shop sign and a cyclist's sleeve are from frame 104 to 136."""
    try:
        path = samples.bikes()
    except VideoNotFoundError as error:
        pytest.skip(f"needs the network: {error}")
    starts, ends = [[289.5, 83.5], [381.4, 99.8]], [[297.5, 49.0], [389.5, 65.5]]
    with VideoReader(path) as reader:
        yield reader, jupytrack.lucas_kanade_rstc(path, 104, 136, np.array(starts), np.array(ends))


@pytest.mark.parametrize("size", [(12, 12), (24, 32), (40, 60)])
@pytest.mark.parametrize("hidden", [0, 3, 10])
def test_switches_in_a_real_video_are_found_and_nothing_else(street, size, hidden):
    video, points = street
    frame = np.repeat(np.arange(104, 137), 2)
    boxes = np.concatenate([points.reshape(-1, 2) + 0.5 - np.array(size) / 2, np.tile(size, (66, 1))], axis=1)
    seen = (frame < 118) | (frame >= 118 + hidden)
    right = np.tile([1, 2], 33)
    layer = BoxTracks(frame[seen], right[seen], boxes[seen], n_frames=len(video))
    assert found(qa.id_switches(layer, video, candidates=everywhere(layer))) == []
    wrong = np.where(frame >= 118, 3 - right, right)
    layer = BoxTracks(frame[seen], wrong[seen], boxes[seen], n_frames=len(video))
    flags = qa.id_switches(layer, video)
    assert sorted(found(flags)) == [(1, 118 + hidden), (2, 118 + hidden)]
    # well above the threshold, and what is no switch well below
    assert flags["value"].min() > 0.6
    still = qa.id_switches(layer, video, candidates=everywhere(layer), appearance_distance=0)
    assert still["value"][still["frame"] != 118 + hidden].max() < 0.2


def test_only_candidates_are_looked_at_and_each_frame_is_read_once(video):
    layer, frames = tracks(switched()), []

    def embedding(crops):
        frames.append(len(crops))
        return qa.colour_histogram(crops)

    candidates = qa.temporal_iou(layer).iloc[:1]
    assert found(qa.id_switches(layer, video, embedding, candidates)) == [(1, 50)]
    assert frames == [1, 1]
    frames.clear()
    flags = qa.id_switches(layer, video, embedding, everywhere(layer))
    assert found(flags) == [(1, 50), (2, 50)]
    assert frames == [3] * N_FRAMES
    with pytest.raises(AnnotationError, match="no track 7"):
        qa.id_switches(layer, video, embedding, candidates.assign(track=7))
    with pytest.raises(AnnotationError, match="lack frame"):
        qa.id_switches(layer, video, embedding, candidates.drop(columns="frame"))


def test_boxes_beyond_the_picture_are_passed_over(video):
    c = switched()
    c["boxes"][at(c, 1, 50), 0] = SIZE[0] + 5
    c["boxes"][at(c, 2, 50), 2] = 0
    assert found(qa.id_switches(tracks(c), video)) == []


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda n: np.ones((n + 1, 4)), r"the shape \(3, 4\). It should return an array of shape \(2, d\)"),
        (lambda n: np.ones(n), r"the shape \(2,\)"),
        (lambda n: np.zeros((n, 4)), "a vector of zeros"),
        (lambda n: np.full((n, 4), np.nan), "NaN"),
        (lambda n: {"a": 1}, "dict"),
    ],
)
def test_an_embedding_that_returns_nonsense(video, returned, message):
    with pytest.raises(AnnotationError, match=f"Frame 49: the embedding returned .*{message}"):
        qa.id_switches(tracks(switched()), video, lambda crops: returned(len(crops)))


def test_an_embedding_that_changes_its_length(video):
    lengths = iter(range(4, 10))
    with pytest.raises(AnnotationError, match=r"Frame 50: .* \(2, 5\). It should return .* \(2, 4\)"):
        qa.id_switches(tracks(switched()), video, lambda crops: np.ones((len(crops), next(lengths))))
    with pytest.raises(AnnotationError, match="'resnet' is no embedding"):
        qa.id_switches(tracks(switched()), video, "resnet")


def test_tracks_beyond_the_video_and_cancel(video):
    c = columns(n_frames=N_FRAMES + 1)
    with pytest.raises(AnnotationError, match=f"up to frame {N_FRAMES}, .* ends with {N_FRAMES - 1}"):
        qa.id_switches(tracks(c, n_frames=None), video)
    progress, seen = Progress(), []
    progress.listen(lambda p: seen.append((p.done, p.total)))
    qa.id_switches(tracks(switched()), video, progress=progress)
    assert seen == [(0, 2), (1, 2), (2, 2)]
    progress.cancel()
    with pytest.raises(JobCancelled):
        qa.id_switches(tracks(switched()), video, progress=progress)


def test_colour_histograms():
    red, dark, gray = (
        np.full((20, 30, 3), colour, np.uint8) for colour in ((200, 30, 30), (20, 3, 3), (90,) * 3)
    )
    single = np.array([[[200, 30, 30]]], np.uint8)
    vectors = qa.colour_histogram([red, dark, gray, single])
    assert vectors.shape == (4, 192)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    assert vectors[0] @ vectors[3] == pytest.approx(1)
    assert vectors[0] @ vectors[1] == vectors[0] @ vectors[2] == 0
    half = red.copy()
    half[:, 15:] = [30, 30, 200]
    assert qa.colour_histogram([half])[0] @ vectors[0] == pytest.approx(np.sqrt(0.5))
