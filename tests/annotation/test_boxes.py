from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jupytrack
from jupytrack import BoxTracks, VideoAnnotation, tracks_from_points
from jupytrack.annotation.boxes import COLUMNS
from jupytrack.annotation.table import PointTable, Visibility
from jupytrack.errors import AnnotationError

UNIT = [0.0, 0.0, 1.0, 1.0]
NONE = [np.nan] * 4


def small():
    """Three rows out of order: two tracks, one row without a box."""
    return BoxTracks(
        [3, 1, 1],
        [2, 1, 2],
        [UNIT, [1, 2, 3, 4], NONE],
        confidence=[0.5, np.nan, 1],
        class_=["cup", None, "cup"],
        visibility=[0.3, 1, np.nan],
        state=[None, None, "out of frame"],
        classes=["plate", "cup"],
        n_frames=9,
        frame_rate=29.97,
        image_size=(640, 480),
    )


def test_rows_are_in_the_order_of_frames_then_ids():
    tracks = small()
    assert tracks.frame.tolist() == [1, 1, 3]
    assert tracks.id.tolist() == [1, 2, 2]
    assert tracks.ids == (1, 2)
    assert tracks.class_.tolist() == [None, "cup", "cup"]
    assert tracks.class_code.tolist() == [-1, 1, 1]
    np.testing.assert_array_equal(tracks.boxes, [[1, 2, 3, 4], NONE, UNIT])
    np.testing.assert_array_equal(tracks.xyxy[0], [1, 2, 4, 6])
    np.testing.assert_array_equal(tracks.centers[0], [2.5, 4])
    np.testing.assert_array_equal(tracks.area, [12, np.nan, 1])
    np.testing.assert_array_equal(tracks.confidence, [np.nan, 1, 0.5])
    assert tracks.has_box.tolist() == [True, False, True]
    assert tracks.frames.tolist() == [1, 3]
    assert (len(tracks), tracks.n_tracks, tracks.n_frames) == (3, 2, 9)
    assert (tracks.frame_rate, tracks.image_size) == (29.97, (640, 480))


def test_states_follow_from_visibility_where_none_is_given():
    shares = [1, 0.76, 0.75, 0.25, 0.24, 0, np.nan, 1]
    n = len(shares)
    states = [None] * (n - 1) + ["Mostly occluded"]
    tracks = BoxTracks(range(n), [1] * n, [UNIT] * n, visibility=shares, state=states)
    names = ["VISIBLE", "VISIBLE", "PARTIALLY_OCCLUDED", "PARTIALLY_OCCLUDED", "MOSTLY_OCCLUDED"]
    names += ["FULLY_OCCLUDED", "UNKNOWN", "MOSTLY_OCCLUDED"]
    assert [Visibility(state).name for state in tracks.effective_state] == names
    assert tracks.occluded.tolist() == [False, False, True, True, True, True, False, True]


def test_ids_that_are_texts_are_sorted_as_labels_are():
    tracks = BoxTracks([0] * 4, ["10", "paw", "2", "ear"], [UNIT] * 4)
    assert tracks.ids == ("2", "10", "ear", "paw")
    assert tracks.id.tolist() == ["2", "10", "ear", "paw"]
    assert "2" in tracks
    assert 2 not in tracks


def test_parts():
    tracks = small()
    assert tracks.at(1).id.tolist() == [1, 2]
    assert tracks.at(2).ids == ()
    assert tracks[2].frame.tolist() == [1, 3]
    assert tracks[2].ids == (2,)
    assert [(id, len(track)) for id, track in tracks.items()] == [(1, 1), (2, 2)]
    assert tracks.select(ids=[1]) == tracks[1]
    assert tracks.select(frames=slice(2, None)) == tracks.at(3)
    assert tracks.select(frames=[1]) == tracks.at(1)
    assert tracks.select(classes="cup") == tracks[2]
    assert len(tracks.select(classes="plate")) == 0
    assert tracks.select(tracks.has_box, ids=[2]).frame.tolist() == [3]
    assert tracks.select(frames=range(9)) == tracks
    assert tracks.at(3).n_frames == 9
    for part in (tracks.at(1), tracks[2]):
        assert part.classes == tracks.classes


def test_rows_of_a_track_are_found_through_its_start():
    tracks = BoxTracks([0, 1, 0, 2, 1], [7, 5, 5, 7, 7], [UNIT] * 5)
    for place, id in enumerate(tracks.ids):
        rows = tracks.track_order[tracks.track_starts[place] : tracks.track_starts[place + 1]]
        assert set(tracks.id[rows]) == {id}
        assert tracks.frame[rows].tolist() == sorted(tracks.frame[rows].tolist())
        assert tracks.frame[rows].tolist() == tracks[id].frame.tolist()


def test_unknown_parts_are_named():
    tracks = small()
    with pytest.raises(AnnotationError, match=r"no track 3\. Tracks are 1, 2"):
        tracks[3]
    with pytest.raises(AnnotationError, match="no class 'mug'"):
        tracks.select(classes="mug")
    with pytest.raises(AnnotationError, match="one boolean for each of the 3 rows"):
        tracks.select([True])
    with pytest.raises(AnnotationError, match="one boolean for each of the 3 rows"):
        tracks.select([0, 1, 2])
    with pytest.raises(TypeError, match="not iterable"):
        iter(tracks)


def test_nothing_changes_in_place():
    tracks = small()
    for array in (tracks.frame, tracks.boxes, tracks.x, tracks.id, tracks.confidence, tracks.xyxy):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    given_boxes = np.array([UNIT])
    made = BoxTracks([0], [1], given_boxes)
    given_boxes[0, 0] = 50
    assert made.x[0] == 0
    changed = tracks.assign(confidence=1)
    assert changed.confidence.tolist() == [1, 1, 1]
    assert tracks.confidence[2] == 0.5
    assert changed != tracks
    assert changed.assign(confidence=tracks.confidence) == tracks


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda tracks: pickle.loads(pickle.dumps(tracks))])
def test_copies_are_equal_and_change_no_more_than_the_original(copied):
    tracks = small().assign(extra={"angle": 1})
    again = copied(tracks)
    assert again == tracks
    for array in (again.boxes, again.frame, again.extra["angle"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_another_vocabulary_leaves_every_row_its_class():
    tracks = small()
    turned = tracks.assign(classes=["cup", "plate"])
    assert turned.class_.tolist() == tracks.class_.tolist()
    assert turned.class_code.tolist() == [-1, 0, 0]
    by_place = BoxTracks([0, 1], [1, 1], [UNIT] * 2, class_=np.array([-1, 1]), classes=["plate", "cup"])
    assert by_place.class_.tolist() == [None, "cup"]
    with pytest.raises(AnnotationError, match="Class 2 is unknown, there are 2"):
        by_place.assign(class_=np.array([0, 2]), classes=by_place.classes)


def test_what_differs_is_not_equal():
    tracks = small()
    assert tracks == small()
    for change in (
        {"boxes": tracks.boxes + 1},
        {"id": [1, 3, 3]},
        {"id": ["1", "2", "2"]},
        {"frame": [1, 1, 4], "n_frames": 9},
        {"visibility": None},
        {"state": [0, 4, 0]},
        {"class_": ["cup", None, "cup"], "classes": tracks.classes},
        {"classes": ["plate", "cup", "mug"]},
        {"classes": ["cup", "plate"]},
        {"extra": {"angle": 1}},
        {"n_frames": 10},
        {"frame_rate": 30},
        {"image_size": None},
    ):
        assert tracks.assign(**change) != tracks, change
    assert tracks != "tracks"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": [1, 1]}, "Track 1 on frame 4 is there twice"),
        ({"boxes": [UNIT, [0, 0, -1, 1]]}, r"Track 2 on frame 4: the box .* has a negative size"),
        ({"boxes": [UNIT, [0, 0, np.nan, 1]]}, "Track 2 on frame 4: the box .* is not finite"),
        ({"boxes": [UNIT, [np.inf, 0, 1, 1]]}, "Track 2 on frame 4: the box .* is not finite"),
        ({"boxes": [UNIT, NONE]}, "Track 2 on frame 4 has no box. .* fully_occluded"),
        ({"boxes": [UNIT, NONE], "state": [0, 2]}, "Track 2 on frame 4 has no box"),
        ({"boxes": [UNIT]}, r"shape \(1, 4\) do not fit 2 frames"),
        ({"frame": [4, -1]}, "frame -1: there is no such frame"),
        ({"n_frames": 4}, "Track 1 on frame 4: there is no such frame. Frames are 0 to 3"),
        ({"frame": [4, 1.5]}, "Frame 1.5 in row 1"),
        ({"frame": ["a", "b"]}, "The column 'frame' holds"),
        ({"id": [1, "2"]}, "Id 1 in row 0, among ids that are texts"),
        ({"id": [1, None]}, "The column 'id' holds"),
        ({"id": [1]}, "The column 'id' has shape"),
        ({"visibility": [0.5, 1.5]}, "Track 2 on frame 4: visibility 1.5"),
        ({"state": ["seen", "hidden"]}, "State 'seen' in row 0 is unknown. Known are unknown, visible"),
        ({"class_": ["cup", "mug"], "classes": ["cup"]}, "Class 'mug' in row 1 is unknown. Known are cup"),
        ({"class_": ["cup", 3]}, "3 cannot be the name of a class"),
        ({"classes": ["cup", "cup"]}, "Classes repeat"),
        ({"classes": "cup"}, "is one class"),
        ({"classes": ["two\nlines"]}, "cannot be the name of a class"),
        ({"confidence": [1, 2, 3]}, "The column 'confidence' has shape"),
        ({"confidence": [1, np.inf]}, "infinite in row 1"),
        ({"extra": {"x": [1, 2]}}, "cannot name an extra column"),
        ({"frame_rate": 0}, "no frame rate"),
        ({"image_size": (640, 0)}, "no picture size"),
        ({"n_frames": -1}, "A video of -1 frames"),
    ],
)
def test_bad_rows_are_refused(change, message):
    good = {"frame": [4, 4], "id": [1, 2], "boxes": [UNIT, UNIT]}
    assert len(BoxTracks(**good)) == 2
    with pytest.raises(AnnotationError, match=message):
        BoxTracks(**{**good, **change})


def test_none_and_one():
    none = BoxTracks.empty(classes=["cup"], n_frames=3)
    assert (len(none), none.n_tracks, none.frames.size, none.track_starts.tolist()) == (0, 0, 0, [0])
    assert none.at(0) == none
    assert BoxTracks.from_dataframe(none.to_dataframe()) == none
    assert repr(none) == "BoxTracks(0 tracks, 0 boxes on 0 of 3 frames, classes cup)"
    one = BoxTracks([0], ["a"], [[0, 0, 0, 0]])
    assert one["a"] == one
    assert one.area[0] == 0


def test_data_frame():
    table = small().to_dataframe()
    assert tuple(table.columns) == COLUMNS
    assert list(table["class"].cat.categories) == ["plate", "cup"]
    assert table["state"].tolist() == ["unknown", "out_of_frame", "unknown"]
    assert BoxTracks.from_dataframe(table) == small()
    assert BoxTracks.from_dataframe(table.iloc[::-1]) == small()
    late = BoxTracks.from_dataframe(table[table["frame"] > 1])
    assert late == small().at(3)


def test_data_frame_as_people_make_them():
    table = pd.DataFrame(
        {
            "id": ["a", "a"],
            "frame": [0.0, 1.0],
            "visibility": ["visible", "fully occluded"],
            "class": ["cup", None],
            **{name: [2, None] for name in "xywh"},
            "angle": [0.5, 1.5],
        }
    )
    tracks = BoxTracks.from_dataframe(table, n_frames=5)
    assert [Visibility(state).name for state in tracks.state] == ["VISIBLE", "FULLY_OCCLUDED"]
    assert np.isnan(tracks.visibility).all()
    assert tracks.extra["angle"].tolist() == [0.5, 1.5]
    assert tracks.n_frames == 5
    assert BoxTracks.from_dataframe(table.convert_dtypes(), n_frames=5) == tracks
    with pytest.raises(AnnotationError, match="no column 'w', 'h'"):
        BoxTracks.from_dataframe(table.drop(columns=["w", "h"]))
    with pytest.raises(AnnotationError, match="'note' holds what is no number"):
        BoxTracks.from_dataframe(table.assign(note="x"))


def test_shown_to_people():
    tracks = BoxTracks([0] * 12, [f"<{n}>" for n in range(12)], [UNIT] * 12)
    shown = tracks._repr_html_()
    assert "&lt;0&gt;" in shown
    assert "<0>" not in shown
    assert "and 2 more" in shown
    assert repr(small()) == (
        "BoxTracks(2 tracks, 2 boxes on 2 of 9 frames, 1 row without a box, classes plate, cup)"
    )


# numbers that a float64 holds, with all the digits it needs
numbers = st.floats(-1e6, 1e6)
sizes = st.floats(0, 1e6)


@st.composite
def box_tracks(draw, texts=None):
    texts = draw(st.booleans()) if texts is None else texts
    id_values = st.text(min_size=1, max_size=5) if texts else st.integers(-(2**53) + 1, 2**53 - 1)
    cells = draw(st.lists(st.tuples(st.integers(0, 50), id_values), unique=True, max_size=12))
    n = len(cells)
    classes = ["cup", "plate", "knife"]
    box = st.tuples(numbers, numbers, sizes, sizes)
    states = draw(st.lists(st.sampled_from(sorted(Visibility)), min_size=n, max_size=n))
    boxes = draw(st.lists(box, min_size=n, max_size=n))
    boxes = [
        NONE if state >= Visibility.FULLY_OCCLUDED else box for state, box in zip(states, boxes, strict=True)
    ]

    def column(values):
        return draw(st.lists(values, min_size=n, max_size=n))

    return BoxTracks(
        [frame for frame, _ in cells],
        [id for _, id in cells],
        np.reshape(boxes, (n, 4)),
        confidence=column(st.none() | numbers),
        class_=column(st.sampled_from([None, *classes])),
        visibility=column(st.none() | st.floats(0, 1)),
        state=states,
        classes=classes,
        extra={"angle": column(numbers)} if draw(st.booleans()) else None,
        n_frames=draw(st.sampled_from([None, 60])),
        frame_rate=draw(st.none() | st.floats(0.1, 1000)),
        image_size=draw(st.none() | st.tuples(st.integers(1, 9999), st.integers(1, 9999))),
    )


@settings(deadline=None)
@given(box_tracks())
def test_there_and_back(tracks):
    assert BoxTracks.from_dataframe(tracks.to_dataframe()) == tracks
    parts = [part for _, part in tracks.items()]
    assert sum(len(part) for part in parts) == len(tracks)
    assert tracks.select() == tracks


# boxes around points


def test_the_box_around_a_point_is_its_pixel():
    points = PointTable.from_mapping({"0": {0: [0, 0]}, "paw": {2: [10, 20]}})
    tracks = tracks_from_points(points, 1)
    assert tracks["0"].boxes.tolist() == [[0, 0, 1, 1]]
    assert tracks["paw"].boxes.tolist() == [[10, 20, 1, 1]]
    assert tracks["paw"].frame.tolist() == [2]
    assert tracks.ids == ("0", "paw")
    assert tracks_from_points(points, (4, 2))["paw"].boxes.tolist() == [[8.5, 19.5, 4, 2]]
    # its centre is the point, half a pixel further as edges are counted
    assert tracks.centers.tolist() == [[0.5, 0.5], [10.5, 20.5]]


def test_sizes_by_label():
    points = PointTable.from_mapping({"0": {0: [5, 5]}, "1": {0: [7, 7]}})
    tracks = tracks_from_points(points, {"0": 3, "1": (1, 2)})
    assert tracks.boxes.tolist() == [[4, 4, 3, 3], [7, 6.5, 1, 2]]
    assert tracks_from_points(points, {"1": (1, 2)}, labels=["1"]) == tracks["1"]
    with pytest.raises(AnnotationError, match="no box size for label '1'"):
        tracks_from_points(points, {"0": 3})
    with pytest.raises(AnnotationError, match="no label '2'"):
        tracks_from_points(points, 3, labels=["2"])
    for bad in (0, -1, (1, 0), (1, 2, 3), "big", np.nan):
        with pytest.raises(AnnotationError, match="box size"):
            tracks_from_points(points, bad)


def test_likelihood_and_visibility_come_along():
    points = PointTable.from_mapping({"0": {0: [5, 5], 1: [6, 6]}}, n_frames=4)
    points.columns["likelihood"] = np.array([[0.25, np.nan, np.nan, np.nan]], np.float32)
    points.columns["visibility"] = np.array([[2, 1, 4, 0]], np.uint8)
    tracks = tracks_from_points(points, 3)
    assert tracks.frame.tolist() == [0, 1, 2]
    assert tracks.has_box.tolist() == [True, True, False]
    np.testing.assert_array_equal(tracks.confidence, [0.25, np.nan, np.nan])
    assert tracks.state.tolist() == [2, 1, 4]
    assert tracks.n_frames == 4


def test_the_video_says_length_rate_and_size(tmp_path):
    video = jupytrack.samples.frame_numbers(12, (64, 96), 25, folder=tmp_path)
    annotation = VideoAnnotation(vname=video.video, n_labels=2)
    annotation.add([3, 4], "1", 5)
    tracks = tracks_from_points(annotation, 10)
    assert (tracks.n_frames, tracks.frame_rate, tracks.image_size) == (12, 25, (64, 96))
    assert tracks.boxes.tolist() == [[-1.5, -0.5, 10, 10]]
    assert tracks.ids == ("1",)
