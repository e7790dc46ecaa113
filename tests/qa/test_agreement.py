"""Agreement of two layers of points, and of two sets of box tracks (which needs the package trackers)."""

from __future__ import annotations

import numpy as np
import pytest
from box_tracks import columns, tracks
from test_evaluation import animals, line, needs_trackers, rows

import jupytrack
from jupytrack import BoxTracks, VideoAnnotation
from jupytrack.annotation.table import PointTable
from jupytrack.errors import AnnotationError

XY = np.array([[[10.0, 10]], [[50, 10]], [[50, 40]]]) + np.zeros((3, 20, 1))  # a box of 40 x 30 around them


def table(xy: np.ndarray = XY, labels: tuple[str, ...] = ("0", "1", "2")) -> PointTable:
    return PointTable(list(labels), xy)


# points


def test_distances_by_hand():
    other = XY.copy()
    other[0] += [3, 4]
    other[1, 5] += [0, 12]
    other[2, :4] = np.nan
    result = jupytrack.agreement(table(), table(other), thresholds=[5, 12])
    by_label = result.table
    assert by_label.loc["0", ["points", "rmse", "mean", "median", "max"]].tolist() == [20, 5, 5, 5, 5]
    assert by_label.loc["1", "rmse"] == pytest.approx(np.sqrt(144 / 20))
    assert by_label.loc["1", ["mean", "median", "max", "pck@5", "pck@12"]].tolist() == [0.6, 0, 12, 0.95, 1]
    assert by_label.loc["2", ["points", "only_a", "only_b", "rmse"]].tolist() == [16, 4, 0, 0]
    assert by_label.loc["COMBINED", "points"] == 56
    assert by_label.loc["COMBINED", "rmse"] == pytest.approx(np.sqrt((20 * 25 + 144) / 56))
    assert by_label.loc["0", "oks"] == pytest.approx(np.exp(-25 / (2 * 40 * 30 * 0.2**2)))
    assert result.good is None
    assert not len(result.bands)
    assert result.summary() == "56 points in both, RMSE 3.39 px; 4 in one only"


def test_frames_are_ranked_by_the_largest_distance():
    other = XY.copy()
    other[1, 5] += [0, 12]
    other[0, [7, 9]] += [1, 0]
    other[2, 9] = np.nan
    other[2, 11] = np.nan
    other[:, 15:] = np.nan  # nothing to compare there
    frames = jupytrack.agreement(table(), table(other)).frames
    assert frames["frame"].tolist() == [5, 9, 7, 11]
    assert frames["distance"].tolist() == [12, 1, 1, 0]
    assert frames["label"].tolist()[:3] == ["1", "0", "0"]
    assert frames["only_a"].tolist() == [0, 1, 0, 1]
    assert frames["mean"].tolist() == [4, 0.5, pytest.approx(1 / 3), 0]


def test_a_layer_agrees_with_itself():
    result = jupytrack.agreement(table(), table())
    assert (result.table["rmse"] == 0).all()
    assert (result.table[["pck@2", "pck@5", "pck@10", "oks"]] == 1).all(axis=None)
    assert not len(result.frames)


def test_oks_follows_area_and_sigma():
    other = XY + np.array([3, 4])
    one = jupytrack.agreement(table(), table(other), area=500, sigma={"0": 0.1, "1": 0.2, "2": 0.05})
    expected = [np.exp(-25 / (2 * 500 * (2 * sigma) ** 2)) for sigma in (0.1, 0.2, 0.05)]
    assert one.table["oks"].tolist() == pytest.approx([*expected, np.mean(expected)])
    # the box around a single point is empty
    single = jupytrack.agreement(table(), table(other), labels="1")
    assert list(single.table.index) == ["1", "COMBINED"]
    assert single.table["oks"].isna().all()
    known = jupytrack.agreement(table(), table(other), labels=["1"], area=np.full(20, 500.0), sigma=0.2)
    assert known.table.loc["1", "oks"] == pytest.approx(expected[1])


def test_layers_of_different_labels_and_lengths():
    other = table(XY[[1, 0]] + np.array([0, 2]), ("1", "9"))
    other = other.resized(12)
    result = jupytrack.agreement(table(), other)
    assert list(result.table.index) == ["1", "COMBINED"]
    assert result.table.loc["1", ["points", "only_a", "rmse"]].tolist() == [12, 8, 2]
    with pytest.raises(AnnotationError, match="no label 'nose'"):
        jupytrack.agreement(table(), table(), labels=["nose"])
    with pytest.raises(AnnotationError, match="share no label"):
        jupytrack.agreement(table(), table(labels=("a", "b", "c")))
    empty = PointTable.empty(["0"], 20)
    with pytest.raises(AnnotationError, match="no frame on which both"):
        jupytrack.agreement(table(), empty)


def test_annotations_of_videos(clip_pair):
    short, long = clip_pair
    ann = [VideoAnnotation(vname=each) for each in (short, short, long)]
    for n, layer in enumerate(ann):
        layer.add_label("0")
        layer.add([10 + n, 20], "0", 3)
    assert jupytrack.agreement(ann[0], ann[1]).table.loc["0", "rmse"] == 1
    with pytest.raises(AnnotationError, match="The videos differ: short has 5 frames, long 8"):
        jupytrack.agreement(ann[0], ann[2])


@pytest.fixture
def clip_pair(tmp_path):
    paths = tmp_path / "short.mp4", tmp_path / "long.mp4"
    for path, n in zip(paths, (5, 8), strict=True):
        with jupytrack.VideoWriter(path, 25, (64, 48)) as writer:
            for frame in range(n):
                writer.write(np.full((48, 64), 20 * frame, np.uint8))
    return paths


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"thresholds": []}, "are no distances"),
        ({"thresholds": [0]}, "are no distances"),
        ({"thresholds": "near"}, "are no distances"),
        ({"sigma": 0}, "sigma=0 makes no sense"),
        ({"sigma": {"0": 0.1}}, "no sigma for label '1'"),
        ({"area": [1, 2]}, "one for each of 20 frames"),
        ({"area": -1}, "not above 0"),
        ({"iou_threshold": 0.5}, "iou_threshold is for boxes only"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(AnnotationError, match=message):
        jupytrack.agreement(table(), table(), **options)


def test_two_of_a_kind():
    with pytest.raises(AnnotationError, match="One side holds boxes, the other points"):
        jupytrack.agreement(table(), rows(*line(1, 0)))
    with pytest.raises(AnnotationError, match="list is no layer of points"):
        jupytrack.agreement([1], table())
    with pytest.raises(AnnotationError, match="sigma is for points only"):
        jupytrack.agreement(rows(*line(1, 0)), rows(*line(1, 0)), sigma=0.1)


def test_a_cell_shows_points_and_escapes_labels():
    names = ("<b>", "1", "2")
    result = jupytrack.agreement(table(labels=names), table(XY + np.array([3, 4]), names))
    assert "Where both differ most" in repr(result)
    assert "RMSE 5 px" in repr(result)
    html = result._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html.replace("<p><b>", "")
    assert html.count("<table>") == html.count("</table>") == 2


# boxes


@needs_trackers
def test_box_tracks_that_agree():
    one = tracks(columns())
    other = one.assign(boxes=one.boxes + np.array([1, 1, 0, 0]))
    result = jupytrack.agreement(one, other)
    assert result.good is True
    assert result.bands["verdict"].tolist() == ["target reached", "good", "target reached"]
    shared = (one.w - 1) * (one.h - 1)
    iou = shared / (2 * one.area - shared)
    assert result.table.loc["COMBINED", "IoU"] == pytest.approx(iou.mean())
    assert list(result.table.index) == ["mug", "COMBINED"]
    assert result.frames["disagreement"].is_monotonic_decreasing
    assert result.frames["disagreement"].max() < 0.1
    assert not len(jupytrack.agreement(one, one).frames)


@needs_trackers
@pytest.mark.parametrize(
    ("found", "verdicts", "good"),
    [
        (100, ["target reached", "good", "target reached"], True),
        (88, ["good", "good", "target reached"], True),
        (84, ["below", "good", "target reached"], False),
        (60, ["below", "below", "target reached"], False),
    ],
)
def test_bands(found, verdicts, good):
    result = jupytrack.agreement(rows(*line(1, 0, 100)), rows(*line(1, 0, found)))
    assert result.bands.loc["MOTA", "value"] == found / 100
    assert result.bands["verdict"].tolist() == verdicts
    assert result.good is good
    assert result.bands.loc["IDF1", "good"] == 0.8


@needs_trackers
def test_frames_with_the_worst_boxes_come_first():
    a = rows(*line(1, 0), *line(2, 100))
    b = rows(
        *((frame, "x" if frame != 4 else "z", 0 if frame != 6 else 3) for frame in range(10)),
        *((frame, "y", 100) for frame in range(10) if frame != 2),
        (8, "w", 300),
    )
    frames = jupytrack.agreement(a, b).frames.set_index("frame")
    # half a frame under another id; one box missing; a box too many; a box that is off: 2 · 7 / 13
    assert frames["disagreement"].to_dict() == pytest.approx(
        {4: 0.5, 2: 1 / 3, 6: 1 - (1 + 7 / 13) / 2, 8: 1 / 5}
    )
    assert frames.loc[4, ["matched", "only_a", "only_b", "other_id"]].tolist() == [2, 0, 0, 1]
    assert frames.loc[2, ["matched", "only_a", "only_b", "other_id"]].tolist() == [1, 1, 0, 0]
    assert frames.loc[8, ["matched", "only_a", "only_b", "other_id"]].tolist() == [2, 0, 1, 0]
    assert frames.loc[6, "IoU"] == pytest.approx((1 + 7 / 13) / 2)


@needs_trackers
def test_classes_threshold_and_errors_of_boxes():
    assert list(jupytrack.agreement(animals(), animals()).table.index) == ["cat", "dog", "COMBINED"]
    a, b = rows(*line(1, 0)), rows(*line(1, 5))
    assert jupytrack.agreement(a, b).table.loc["COMBINED", "MOTA"] == -1
    assert np.isnan(jupytrack.agreement(a, b).bands.loc["IoU", "value"])
    assert jupytrack.agreement(a, b, iou_threshold=0.3).table.loc["COMBINED", "MOTA"] == 1
    with pytest.raises(AnnotationError, match="The predictions have no box"):
        jupytrack.agreement(a, BoxTracks.empty(n_frames=10))


@needs_trackers
def test_a_cell_shows_boxes():
    result = jupytrack.agreement(rows(*line(1, 0)), rows(*line(1, 0, 5)))
    assert repr(result).startswith("agreement below the bands: MOTA 0.500, IDF1 0.667, IoU 1.000")
    html = result._repr_html_()
    assert html.count("<table>") == 3
    assert "nan" not in html
