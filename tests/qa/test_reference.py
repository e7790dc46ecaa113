from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from box_tracks import N_FRAMES, SIZE, at, columns, found, tracks

from jupytrack import BoxTracks, VideoReader, VideoWriter, qa
from jupytrack.errors import AnnotationError
from jupytrack.jobs import JobCancelled, Progress


@pytest.mark.parametrize("kind", [dict, pd.Series])
def test_counts_show_which_frames_lack_boxes(kind):
    c = columns()
    layer = tracks(c, at(c, 2, [10, 11]))
    flags = qa.coverage(layer, kind({11: 3, 12: 3, 10: 2, 13: 0}))
    assert found(flags) == [(None, 11)]
    assert flags["value"].tolist() == pytest.approx([2 / 3])
    assert flags["message"][0] == "2 of 3 things have a box"
    assert found(qa.coverage(layer, kind({11: 3}), min_coverage=0.6)) == []
    assert found(qa.coverage(layer, {11: 0})) == []


def test_detections_show_what_no_box_covers():
    c = columns()
    detections = tracks({**c, "id": c["id"] + 100})
    c["boxes"][at(c, 3, 20), 1] -= 200  # as many boxes, one of them elsewhere
    layer = tracks(c, at(c, 2, [10, 11]))
    flags = qa.coverage(layer, detections)
    assert found(flags) == [(None, 10), (None, 11), (None, 20)]
    assert flags["value"].tolist() == pytest.approx([2 / 3] * 3)
    assert found(qa.coverage(detections, layer)) == [(None, 20)]
    assert found(qa.coverage(detections, detections)) == []


def test_frames_without_any_box_are_not_covered():
    c = columns()
    gone = np.isin(c["frame"], [98, 99])
    assert found(qa.coverage(tracks(c, gone), tracks(c))) == [(None, 98), (None, 99)]
    assert found(qa.coverage(tracks(c, gone), {99: 1})) == [(None, 99)]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({}, "has no frames"),
        ([3, 3], "list is no reference"),
        ({5: 2.5}, "Frame 5: 2.5 is no count"),
        ({5: -1}, "Frame 5: -1 is no count"),
        ({5: "two"}, "Frame 5: 'two' is no count"),
        ({-5: 1}, "Frame -5 is negative"),
        ({N_FRAMES: 1}, f"up to frame {N_FRAMES}, the tracks end with {N_FRAMES - 1}"),
        (BoxTracks.empty(), "has no boxes"),
    ],
)
def test_references_that_make_no_sense(reference, message):
    with pytest.raises(AnnotationError, match=message):
        qa.coverage(tracks(columns()), reference)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Return a gray picture with as many white squares as the frame's number."""
    path = tmp_path_factory.mktemp("video") / "squares.mp4"
    with VideoWriter(path, 30, SIZE) as writer:
        for n in range(6):
            picture = np.full((SIZE[1], SIZE[0], 3), 60, np.uint8)
            for k in range(n):
                picture[100:150, 20 + 100 * k : 70 + 100 * k] = 255
            writer.write(picture)
    with VideoReader(path) as reader:
        yield reader


def squares(picture):
    import cv2

    _, _, stats, _ = cv2.connectedComponentsWithStats((picture[..., 0] > 150).astype(np.uint8))
    return stats[1:, :4]


def test_a_detector_runs_over_the_video(video):
    seen = []
    progress = Progress()
    progress.listen(lambda p: seen.append((p.done, p.total)))
    detections = qa.detect(video, squares, progress=progress)
    assert seen == [(n, 6) for n in range(7)]
    assert np.bincount(detections.frame, minlength=6).tolist() == [0, 1, 2, 3, 4, 5]
    assert detections.image_size == SIZE
    np.testing.assert_allclose(detections.at(2).boxes, [[20, 100, 50, 50], [120, 100, 50, 50]], atol=2)
    annotated = detections.select(detections.id != detections.at(3).id[0])
    assert found(qa.coverage(annotated, detections)) == [(None, 3)]
    assert set(qa.detect(video, squares, [2, 5, 2]).frame) == {2, 5}
    progress.cancel()
    with pytest.raises(JobCancelled):
        qa.detect(video, squares, progress=progress)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.zeros((2, 5)), r"Frame 1: the detector returned the shape \(2, 5\)"),
        (np.zeros(4), r"returned the shape \(4,\)"),
        (None, "Frame 1: the detector returned"),
        ([["a"] * 4], "Frame 1: the detector returned list"),
        ([[1, 2, -3, 4]], "NaN or negative sizes"),
        ([[1, 2, np.nan, 4]], "NaN or negative sizes"),
    ],
)
def test_a_detector_that_returns_nonsense(video, returned, message):
    with pytest.raises(AnnotationError, match=message):
        qa.detect(video, lambda picture: returned, [1])
    assert len(qa.detect(video, lambda picture: [], [1])) == 0
