"""The picture of a report: bars for the checks, squares for frames and tracks, and where clicks lead."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from jupytrack import qa
from jupytrack.annotation.boxes import BoxTracks
from jupytrack.annotation.table import PointTable
from jupytrack.errors import AnnotationError
from jupytrack.widgets.review.review import review


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def click(figure, index):
    """Do what the browser's message does."""
    figure.marks[0]._handle_custom_msgs(None, {"event": "element_click", "data": {"index": index}})


@pytest.fixture
def layer(annotator):
    """Give a layer that jumps on frames 20 and 40, and lacks frame 50."""
    ann = annotator.ann
    frames = np.arange(60)
    for label, at, size in (("0", 20, 80), ("1", 40, 30)):
        xy = np.random.default_rng(0).normal(100, 0.3, (60, 2))
        xy[at] += size
        xy[50] = np.nan
        ann.set_points(label, frames, xy)
    return ann


def test_bars_count_the_flags_of_each_check_that_ran(layer):
    report = qa.run(layer)
    bars = qa.plot(report).bars.marks[0]
    counts = dict(zip(bars.x.tolist(), bars.y.tolist(), strict=True))
    assert (counts["jumps"], counts["gaps"], counts["frozen"]) == (2, 2, 0)
    assert "low_likelihood" not in counts
    assert sum(counts.values()) == len(report.table)
    assert bars.y.tolist() == sorted(bars.y.tolist(), reverse=True)


def test_a_click_on_a_bar_goes_from_flag_to_flag_and_around(annotator, layer):
    report = qa.run(layer, ["jumps", "gaps"])
    plot = qa.plot(report, annotator)
    seen = []
    for _ in range(3):
        click(plot.bars, 0)
        seen.append((annotator.session.label, annotator.session.frame))
    jumps = report.scores[report.scores["checks"].str.contains("jumps")]
    assert seen[:2] == list(zip(jumps["track"], jumps["frame"], strict=True))
    assert seen[2] == seen[0]
    click(plot.bars, 1)
    assert annotator.session.frame == 50
    assert "Frame 50, track 0: no point" in plot.caption.value
    assert "gaps, 1 of 2" in plot.caption.value


def test_a_click_on_a_square_goes_to_its_worst_frame(annotator, layer):
    report = qa.run(layer, ["jumps", "gaps"])
    plot = qa.plot(report, annotator)
    squares = plot.map.marks[0]
    assert len(squares.x) == len(report.scores)
    for place in range(len(squares.x)):
        click(plot.map, place)
        assert (annotator.session.frame, annotator.session.label) == (squares.x[place], squares.y[place])


def test_a_flag_over_many_frames_is_drawn_over_all_of_them(annotator, layer):
    xy = np.random.default_rng(0).normal(100, 0.3, (1, 3000, 2))
    xy[0, 1010:2000] = np.nan
    plot = qa.plot(qa.run(PointTable(["nose"], xy), ["gaps"]))
    squares = plot.map.marks[0]
    assert squares.x.tolist() == [1010, *range(1025, 2000, 25)]
    click(plot.map, 0)
    assert "Frames 1010 to 1999, track nose" in plot.caption.value
    # a click leads to the place itself, not to where the flag begins
    for label in layer.labels:
        layer.set_points(label, np.arange(10, 20), np.full((10, 2), np.nan))
    plot = qa.plot(qa.run(layer, ["gaps"]), annotator)
    place = plot.map.marks[0].x.tolist().index(14)
    click(plot.map, place)
    assert annotator.session.frame == 14


def test_the_picture_follows_when_points_are_edited(annotator, layer):
    plot = qa.plot(qa.run(layer, ["jumps", "gaps"]), annotator)
    squares = plot.map.marks[0]
    rows = list(squares.scales["y"].domain)
    assert 20 in squares.x
    assert plot.bars.marks[0].y.tolist() == [2, 2]
    annotator.session.place("0", 20, 100.0, 100.0)
    wait_until(lambda: plot.bars.marks[0].y.tolist() == [1, 2])
    assert 20 not in squares.x
    assert squares.scales["y"].domain == rows
    assert plot.bars.marks[0].x.tolist() == ["jumps", "gaps"]
    click(plot.bars, 0)
    assert annotator.session.frame == 40
    # a review beside it shares the work, and both are told
    found = review(annotator, qa.run(layer, ["jumps"]))
    annotator.session.place("1", 40, 100.0, 100.0)
    wait_until(lambda: plot.bars.marks[0].y.tolist() == [0, 2] and "cleared" in found.queue["state"].tolist())
    plot.close()
    annotator.session.place("1", 45, 300.0, 100.0)
    wait_until(lambda: len(found.queue) > 1)
    assert plot.bars.marks[0].y.tolist() == [0, 2]


def test_checks_run_once_for_everything_that_shows_them(annotator, layer):
    report = qa.run(layer, ["jumps"])
    again, runs = report.origin.again, []

    def counted(*args, **kwargs):
        runs.append(args)
        return again(*args, **kwargs)

    object.__setattr__(report.origin, "again", counted)
    plots = [qa.plot(report, annotator) for _ in range(2)]
    found = review(annotator, report)
    annotator.session.place("0", 20, 100.0, 100.0)
    wait_until(lambda: found.queue["state"].tolist().count("cleared") == 1)
    wait_until(lambda: all(plot.bars.marks[0].y.tolist() == [1] for plot in plots))
    assert len(runs) == 1


def test_a_square_of_a_long_video_holds_several_frames_and_shows_the_worst():
    xy = np.random.default_rng(0).normal(100, 0.3, (1, 30_000, 2))
    xy[0, [9_000, 9_100]] += [[20, 0], [90, 0]]
    report = qa.run(PointTable(["nose"], xy), ["jumps"])
    plot = qa.plot(report)
    assert len(report.scores) == 2
    assert len(plot.map.marks[0].x) == 1
    assert plot.map.marks[0].x[0] == report.scores["frame"].iloc[0]
    click(plot.map, 0)
    assert "track nose" in plot.caption.value


def test_boxes_with_numbers_as_ids_and_more_tracks_than_fit():
    frame, track = np.repeat(np.arange(40), 35), np.tile(np.arange(35), 40)
    boxes = np.stack([30.0 * track, frame * 0, frame * 0 + 20, frame * 0 + 20], axis=1)
    plot = qa.plot(qa.run(BoxTracks(frame, track, boxes), ["ghosts"]))
    assert len(set(plot.map.marks[0].y)) == 30
    assert plot.caption.value == "5 less suspicious tracks are not shown."
    click(plot.map, 3)
    assert "ghosts" in plot.caption.value


def test_nothing_flagged_and_several_videos():
    good = PointTable(["0"], np.full((1, 20, 2), 5.0) + np.arange(20)[:, None])
    plot = qa.plot(qa.run(good, ["jumps"]))
    assert len(plot.map.marks[0].x) == 0
    click(plot.bars, 0)
    assert plot.caption.value == ""
    both = qa.run({"a": good, "b": good}, ["jumps"])
    with pytest.raises(AnnotationError, match="not said which video"):
        qa.plot(both)
    assert len(qa.plot(both, video="b").bars.marks[0].x) == 1


def test_what_does_not_fit_is_refused(annotator):
    report = qa.run(PointTable(["0"], np.full((1, 61, 2), 5.0)), ["jumps"])
    with pytest.raises(AnnotationError, match="61 frames, the annotator's video 60"):
        qa.plot(report, annotator)
    with pytest.raises(AnnotationError, match="no report"):
        qa.plot(pd.DataFrame())
    with pytest.raises(AnnotationError, match="no annotator"):
        qa.plot(report, "video.mp4")


def test_checks_load_no_plots():
    code = "from jupytrack import qa; qa.plot; import sys; print('bqplot' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
