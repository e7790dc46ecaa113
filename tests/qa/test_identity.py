from __future__ import annotations

import numpy as np
import pytest
from box_tracks import at, columns, found, tracks

from jupytrack import qa


def copied(c, id, frames, new_id):
    """Return columns with more rows: those of a track on some frames once more under another id."""
    rows = at(c, id, frames)
    more = {name: np.concatenate([values, values[rows]]) for name, values in c.items()}
    more["id"][len(c["id"]) :] = new_id
    return more


def test_duplicates_are_told_once_a_run():
    c = copied(columns(), 2, [*range(20, 30), 40], 9)
    c["boxes"][at(c, 9, 25), 0] += 1
    flags = qa.duplicates(tracks(c))
    assert found(flags) == [(9, 20), (9, 40)]
    assert flags["message"].tolist() == [
        "same box as track 2 on frames 20 to 29",
        "same box as track 2 on frame 40",
    ]
    assert flags["value"].tolist() == pytest.approx([1, 1])
    c["class_"][at(c, 9, range(100))] = "plate"
    assert found(qa.duplicates(tracks(c))) == []
    c["class_"][at(c, 9, range(100))] = "mug"
    c["boxes"][at(c, 9, range(100)), 0] += 8
    assert found(qa.duplicates(tracks(c))) == []
    assert found(qa.duplicates(tracks(c), duplicate_iou=0.7)) == [(9, 20), (9, 40)]


def test_a_covered_box_wants_a_mark():
    c = copied(columns(), 2, range(20, 30), 9)
    # in front, since it stands lower, and over three quarters of the other
    c["boxes"][at(c, 9, range(100)), 1] += 22.5
    flags = qa.missing_occlusion(tracks(c))
    assert found(flags) == [(2, 20)]
    assert flags["value"].tolist() == pytest.approx([0.75])
    assert flags["message"][0] == "75% covered by track 9 on frames 20 to 29, not marked as occluded"
    assert found(qa.missing_occlusion(tracks(c), occlusion_overlap=0.8)) == []
    c["state"][at(c, 2, range(20, 25))] = "mostly_occluded"
    assert found(qa.missing_occlusion(tracks(c))) == [(2, 25)]
    c["state"][at(c, 9, range(25, 30))] = "partially_occluded"
    assert found(qa.missing_occlusion(tracks(c))) == []


def renamed(first, new=9, drop=0):
    """Return columns where track 2 goes on under another id, and which of its rows to drop."""
    c = columns()
    c["id"][at(c, 2, range(first, 100))] = new
    return c, at(c, new, range(first, first + drop))


@pytest.mark.parametrize(("drop", "broken"), [(0, True), (1, True), (2, True), (3, False)])
def test_a_track_that_goes_on_under_another_id(drop, broken):
    c, gone = renamed(50, drop=drop)
    flags = qa.broken_tracks(tracks(c, gone))
    assert found(flags) == ([(9, 50 + drop)] if broken else [])
    if broken:
        assert flags["message"][0] == "begins where track 2 ended on frame 49"
        assert 0.8 < flags["value"][0] < 1


def test_a_track_that_begins_elsewhere_is_not_broken():
    c, gone = renamed(50)
    c["boxes"][at(c, 9, range(100)), 1] += 90
    assert found(qa.broken_tracks(tracks(c, gone))) == []
    # nor one that begins while the other is still there
    c = copied(columns(), 2, range(50, 100), 9)
    assert found(qa.broken_tracks(tracks(c))) == []


def test_of_several_tracks_that_end_the_nearest_is_named():
    c = copied(columns(), 2, range(40, 50), 5)
    c["boxes"][at(c, 5, range(100)), 0] += 15
    c["id"][at(c, 2, range(50, 100))] = 9
    flags = qa.broken_tracks(tracks(c))
    assert found(flags) == [(9, 50)]
    assert "track 2" in flags["message"][0]


@pytest.mark.parametrize(("absence", "flagged"), [(30, False), (31, True)])
def test_an_id_ends_with_a_long_absence(absence, flagged):
    c = columns()
    flags = qa.reentry(tracks(c, at(c, 1, range(20, 20 + absence))))
    assert found(flags) == ([(1, 20 + absence)] if flagged else [])
    assert flags["value"].tolist() == [31] * flagged


def test_what_is_hidden_keeps_its_id_and_what_is_away_does_not():
    for state, flagged in (("fully_occluded", []), ("out_of_frame", [(1, 60)])):
        c = columns()
        c["state"][at(c, 1, range(20, 60))] = state
        c["boxes"][at(c, 1, range(20, 60))] = np.nan
        assert found(qa.reentry(tracks(c))) == flagged


@pytest.mark.parametrize(("absence", "flagged"), [(0, True), (20, True), (30, True), (31, False)])
def test_what_comes_back_soon_through_the_same_edge_keeps_its_id(absence, flagged):
    c, gone = renamed(50, drop=absence)
    assert found(qa.reentry(tracks(c, gone))) == []  # it never left
    for frame in (49, 50 + absence):
        c["boxes"][at(c, 2, frame) | at(c, 9, frame), 0] = 0
        c["boxes"][at(c, 2, frame) | at(c, 9, frame), 1] = 200
    flags = qa.reentry(tracks(c, gone))
    assert found(flags) == ([(9, 50 + absence)] if flagged else [])
    if flagged:
        assert flags["value"].tolist() == [absence]
        assert "track 2" in flags["message"][0]
    assert found(qa.reentry(tracks(c, gone, image_size=None))) == []
    c["class_"][at(c, 9, range(100))] = "plate"
    assert found(qa.reentry(tracks(c, gone))) == []


def test_a_mark_says_that_a_track_left():
    c, gone = renamed(50, drop=10)
    c["boxes"][at(c, 9, range(100)), 1] = c["boxes"][at(c, 2, 49), 1]
    c["boxes"][at(c, 9, range(100)), 0] = c["boxes"][at(c, 2, 49), 0]
    assert found(qa.reentry(tracks(c, gone))) == []
    c["state"][at(c, 2, 49)] = "out_of_frame"
    assert found(qa.reentry(tracks(c, gone))) == [(9, 60)]
    # the same as a row without a box after the last one
    c["state"][at(c, 2, 49)] = "visible"
    more = copied(c, 2, [49], 2)
    more["frame"][-1], more["state"][-1], more["boxes"][-1] = 50, "out_of_frame", np.nan
    gone = np.append(gone, False)
    assert found(qa.reentry(tracks(more, gone))) == [(9, 60)]
