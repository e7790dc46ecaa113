from __future__ import annotations

import numpy as np
import pytest
from box_tracks import N_FRAMES, SIZE, at, columns, found, tracks
from hypothesis import given, settings
from hypothesis import strategies as st

from jupytrack import BoxTracks, qa
from jupytrack.errors import AnnotationError
from jupytrack.qa.table import COLUMNS
from jupytrack.qa.tracks import Boxes, iou_of

CHECKS = [
    *(qa.temporal_iou, qa.size_change, qa.category_changes, qa.ghosts, qa.small_objects, qa.border),
    *(qa.box_gaps, qa.reentry, qa.broken_tracks, qa.duplicates, qa.missing_occlusion),
]


@pytest.mark.parametrize("check", CHECKS)
def test_clean_tracks_have_no_flags(check):
    flags = check(tracks(columns()))
    assert found(flags) == []
    assert flags.dtypes.astype(str).to_dict() == COLUMNS


def test_a_box_that_slips_is_found_there_and_back():
    c = columns()
    c["boxes"][at(c, 2, 40), 0] += 45
    flags = qa.temporal_iou(tracks(c))
    assert found(flags) == [(2, 40), (2, 41)]
    a, b = (c["boxes"][at(c, 2, frame)][0] for frame in (39, 40))
    x = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    shared = x * (min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    assert flags["value"][0] == pytest.approx(shared / (a[2] * a[3] + b[2] * b[3] - shared))
    assert found(qa.temporal_iou(tracks(c), min_iou=0.05)) == []


@pytest.mark.parametrize("state", ["partially_occluded", "mostly_occluded", "fully_occluded", "out_of_frame"])
@pytest.mark.parametrize("frame", [39, 40])
def test_steps_that_are_flagged_as_occluded_are_exempt(state, frame):
    c = columns()
    c["boxes"][at(c, 2, range(40, 100)), 0] += 45
    c["boxes"][at(c, 2, range(40, 100)), 2:] *= 2
    assert found(qa.temporal_iou(tracks(c))) == found(qa.size_change(tracks(c))) == [(2, 40)]
    c["state"][at(c, 2, frame)] = state
    assert found(qa.temporal_iou(tracks(c))) == found(qa.size_change(tracks(c))) == []


def test_a_low_visibility_exempts_as_a_state_does():
    c = columns()
    del c["state"]
    c["boxes"][at(c, 2, range(40, 100)), 0] += 45
    share = np.ones(len(c["frame"]))
    assert found(qa.temporal_iou(tracks({**c, "visibility": share}))) == [(2, 40)]
    share[at(c, 2, 39)] = 0.5
    assert found(qa.temporal_iou(tracks({**c, "visibility": share}))) == []


def test_steps_over_gaps_are_compared_only_if_asked_for():
    c = columns()
    c["boxes"][at(c, 2, range(40, 100)), 0] += 45
    gappy = tracks(c, at(c, 2, range(36, 40)))
    assert found(qa.temporal_iou(gappy)) == []
    assert found(qa.temporal_iou(gappy, max_step=5)) == [(2, 40)]


@pytest.mark.parametrize(("factor", "flagged"), [(1.49, []), (1.51, [40]), (0.51, []), (0.49, [40])])
def test_size_change_is_a_share_of_the_earlier_area(factor, flagged):
    c = columns()
    c["boxes"][:, 2] = 60
    c["boxes"][at(c, 3, range(40, 100)), 3] *= factor
    flags = qa.size_change(tracks(c))
    assert flags["frame"].tolist() == flagged
    assert flags["value"].tolist() == pytest.approx([abs(factor - 1)] * len(flagged))


def test_boxes_without_area():
    boxes = [[5, 5, 0, 0], [5, 5, 0, 0], [5, 5, 4, 4], [5, 5, 0, 4]]
    flat = BoxTracks(range(4), [1] * 4, boxes)
    assert qa.temporal_iou(flat)["value"].tolist() == [0, 0, 0]
    assert qa.size_change(flat)["value"].tolist() == [np.inf, 1]
    assert len(qa.duplicates(flat)) == len(qa.missing_occlusion(flat)) == 0


def test_category_changes():
    c = columns()
    c["class_"][at(c, 1, range(50, 60))] = "plate"
    c["class_"][at(c, 1, 70)] = "bowl"
    c["class_"][at(c, 1, 69)] = None
    c["class_"][at(c, 3, range(N_FRAMES))] = "plate"
    flags = qa.category_changes(tracks(c))
    assert found(flags) == [(1, 50), (1, 60), (1, 70), (1, 71)]
    assert flags["value"].tolist() == [3] * 4
    assert flags["message"][2] == "mug up to frame 68, then bowl"
    del c["class_"]
    assert found(qa.category_changes(tracks(c))) == []


def test_ghosts_do_not_move_at_all_for_long():
    c = columns()
    c["boxes"][at(c, 2, range(N_FRAMES))] = [200, 100, 50, 50]
    c["boxes"][at(c, 2, range(N_FRAMES)), 0] += np.linspace(0, 0.9, N_FRAMES)
    flags = qa.ghosts(tracks(c))
    assert found(flags) == [(2, 0)]
    assert flags["value"].tolist() == [N_FRAMES]
    assert found(qa.ghosts(tracks(c, at(c, 2, range(30, N_FRAMES))))) == []
    assert found(qa.ghosts(tracks(c, at(c, 2, range(31, N_FRAMES))))) == [(2, 0)]
    assert found(qa.ghosts(tracks(c), ghost_motion=0.5)) == []
    # a car that drives off was there
    c["boxes"][at(c, 2, 99), 0] += 20
    assert found(qa.ghosts(tracks(c))) == []


def test_small_objects_are_told_once_a_run():
    c = columns()
    c["boxes"][at(c, 2, [10, 11, 12, 20]), 2:] = [31, 33]
    c["boxes"][at(c, 2, 11), 2:] = [16, 16]
    c["boxes"][at(c, 2, 30), 2:] = [32, 32]
    flags = qa.small_objects(tracks(c))
    assert found(flags) == [(2, 10), (2, 20)]
    assert flags["value"].tolist() == pytest.approx([16, np.sqrt(31 * 33)])
    assert "frames 10 to 12" in flags["message"][0]
    assert set(flags["severity"]) == {"info"}


def test_border_wants_a_mark():
    c = columns()
    c["boxes"][at(c, 1, range(5, 9)), 0] = [0.5, -4, 0, 0]
    c["boxes"][at(c, 3, [50]), 1] = SIZE[1] - 90
    c["boxes"][at(c, 3, [60]), 0] = SIZE[0] - 61.5 - 5 * np.sin(60 / 25)
    flags = qa.border(tracks(c))
    assert found(flags) == [(1, 5), (3, 50)]
    assert flags["value"].tolist() == [-4, 0]
    assert flags["severity"].tolist() == ["info", "info"]
    assert flags["message"][0].startswith("4.0 px beyond the edge of the picture on frames 5 to 8")
    c["boxes"][at(c, 1, 6), 0] = -80
    flags = qa.border(tracks(c))
    assert flags["severity"].tolist() == ["error", "info"]
    assert "wholly outside" in flags["message"][0]
    assert found(qa.border(tracks(c), border_margin=2)) == [(1, 5), (3, 50), (3, 60)]
    c["state"][at(c, 1, range(5, 9))] = "partially_occluded"
    assert found(qa.border(tracks(c))) == [(3, 50)]
    with pytest.raises(AnnotationError, match="picture size"):
        qa.border(tracks(c, image_size=None))
    assert found(qa.border(tracks(c, image_size=None), image_size=SIZE)) == [(3, 50)]


def test_gaps_want_a_state():
    c = columns()
    flags = qa.box_gaps(tracks(c, at(c, 1, range(20, 24))))
    assert found(flags) == [(1, 20)]
    assert flags["value"].tolist() == [4]
    c["state"][at(c, 1, range(20, 23))] = "fully_occluded"
    c["boxes"][at(c, 1, range(20, 23))] = np.nan
    assert qa.box_gaps(tracks(c, at(c, 1, 23)))["value"].tolist() == [1]
    assert found(qa.box_gaps(tracks(c))) == []


@settings(deadline=None, max_examples=30)
@given(st.floats(-300, 300), st.floats(-300, 300), st.integers(0, 50))
def test_flags_do_not_depend_on_the_place_and_move_with_the_frames(dx, dy, shift):
    c = columns()
    c["boxes"][at(c, 1, 10), 0] += 50
    c["boxes"][at(c, 2, 20), 2] *= 3
    c["boxes"][at(c, 3, range(30, 100))] = c["boxes"][at(c, 2, range(30, 100))]
    c["class_"][at(c, 1, 50)] = "plate"
    moved = {**c, "frame": c["frame"] + shift, "boxes": c["boxes"] + [dx, dy, 0, 0]}
    gone, gone_moved = at(c, 1, range(60, 95)), at(moved, 1, np.arange(60, 95) + shift)
    n = 0
    for check in CHECKS:
        if check is not qa.border:
            here = check(tracks(c, gone, image_size=None))
            there = check(tracks(moved, gone_moved, n_frames=None, image_size=None))
            n += len(here)
            assert found(there) == [(track, frame + shift) for track, frame in found(here)]
            np.testing.assert_allclose(here["value"], there["value"], atol=1e-6)
    assert n > 8


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(0, 8), st.integers(1, 5))
def test_overlaps_are_those_of_every_pair(seed, n_tracks, n_frames):
    random = np.random.default_rng(seed)
    n = n_tracks * n_frames
    # whole numbers make edges that touch, and boxes without area
    boxes = random.integers(0, 12, (n, 4)).astype(float)
    frame, id = np.repeat(np.arange(n_frames), n_tracks), np.tile(np.arange(n_tracks), n_frames)
    keep = random.random(n) < 0.8
    layer = BoxTracks(frame[keep], id[keep], boxes[keep])
    overlaps = Boxes(layer).overlaps
    got = dict(
        zip(zip(overlaps.first.tolist(), overlaps.second.tolist(), strict=True), overlaps.area, strict=True)
    )
    expected = {}
    edges = layer.xyxy
    for i in range(len(layer)):
        for j in range(i + 1, len(layer)):
            side = np.minimum(edges[i, 2:], edges[j, 2:]) - np.maximum(edges[i, :2], edges[j, :2])
            if layer.frame[i] == layer.frame[j] and (side > 0).all():
                expected[i, j] = side.prod()
    assert got == expected
    for (i, j), area in got.items():
        union = layer.area[i] + layer.area[j] - area
        assert iou_of(edges[[i]], edges[[j]])[0] == pytest.approx(area / union)


@pytest.mark.parametrize("check", CHECKS)
def test_no_rows_and_one_frame_are_no_trouble(check):
    for n_frames in (0, 1):
        c = columns(n_frames=n_frames)
        assert found(check(tracks(c))) == []
    hidden = BoxTracks([0, 1], [1, 1], np.full((2, 4), np.nan), state="out_of_frame", image_size=SIZE)
    assert found(check(hidden)) == []


def test_senseless_questions_are_refused():
    with pytest.raises(AnnotationError, match=r"min_iou is 1\.5"):
        qa.temporal_iou(tracks(columns()), min_iou=1.5)
    with pytest.raises(AnnotationError, match="ghost_frames is 0"):
        qa.ghosts(tracks(columns()), ghost_frames=0)
    with pytest.raises(AnnotationError, match="DataFrame is no BoxTracks"):
        qa.temporal_iou(tracks(columns()).to_dataframe())
