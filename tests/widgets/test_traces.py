from __future__ import annotations

import time

import numpy as np
import pytest

from jupytrack.widgets.decimate import MOST, decimate
from jupytrack.widgets.traces import round_ticks

# a hundredth more at each end, so that nothing there is cut
WHOLE = pytest.approx((-0.59, 59.59))


def shown(traces, kind, name="x"):
    """Return what the marks of a kind show: (x, y) of each that is not empty."""
    marks = traces._pools[name, kind]
    return [(np.asarray(mark.x), np.asarray(mark.y)) for mark in marks if len(mark.x)]


def test_short_lines_are_drawn_whole_with_their_gaps():
    x = np.arange(6.0)
    y = np.array([0, 1, np.nan, np.nan, 4, 5])
    got = decimate(x, y)
    assert np.array_equal(got[0], [0, 1, 4, 4, 5])
    assert np.array_equal(got[1], [0, 1, np.nan, 4, 5], equal_nan=True)
    assert np.array_equal(decimate(x, y, gaps=False)[0], [0, 1, 4, 5])


def test_long_lines_keep_their_extremes_and_gaps():
    x = np.arange(36_715.0)
    y = np.sin(x / 500)
    y[10_000:10_400] = np.nan
    y[20_001] = 9.0
    got_x, got_y = decimate(x, y)
    assert MOST * 0.9 <= len(got_x) <= MOST + 5
    assert np.nanmax(got_y) == 9.0
    gap = np.flatnonzero(np.isnan(got_y))
    assert len(gap) == 1
    assert got_x[gap[0] - 1] < 10_000
    assert got_x[gap[0] + 1] >= 10_400


def test_a_view_shows_its_range_and_what_leads_out_of_it():
    x = np.arange(100.0)
    got_x, _ = decimate(x, x, view=(10, 20))
    assert got_x[0] in (9, 10)
    assert got_x[-1] in (20, 21)


def test_nothing_is_nothing():
    x = np.arange(5.0)
    assert [len(part) for part in decimate(x, np.full(5, np.nan))] == [0, 0]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.7, 12.9), (305.44, 359.4), (1e-4, 2e-4)])
def test_ticks_are_round_and_few(low, high):
    ticks = round_ticks(low, high)
    assert 2 <= len(ticks) <= 9
    assert low <= ticks[0]
    assert ticks[-1] <= high


def test_dense_layers_are_lines_and_sparse_ones_dots(annotator):
    (dots,) = shown(annotator.traces, "dot")
    (lines,) = shown(annotator.traces, "line")
    assert np.array_equal(dots[0], [5, 10, 11, 12, 20])
    assert np.array_equal(dots[1], [15, 20, 21, 22, 30])
    assert np.isnan(lines[1]).sum() == 1


def test_an_edit_sends_its_own_label_and_nothing_else(annotator):
    annotator.session.all_traces = True
    sent = []
    for pool in annotator.traces._pools.values():
        for mark in pool:
            mark.observe(lambda change: sent.append(change["owner"]), ["y"])
    annotator.ann.add([7, 7], "1", 40)
    assert len({id(mark) for mark in sent}) == 2
    assert any(40 in x for x, _ in shown(annotator.traces, "dot"))


def test_only_the_current_label_is_shown_until_all_are_asked_for(annotator):
    assert len(shown(annotator.traces, "dot") + shown(annotator.traces, "line")) == 2
    annotator.session.all_traces = True
    assert len(shown(annotator.traces, "dot") + shown(annotator.traces, "line")) == 5
    annotator.session.all_traces = False
    assert len(shown(annotator.traces, "dot") + shown(annotator.traces, "line")) == 2


def test_a_trace_can_be_shown_and_hidden_by_hand(annotator):
    annotator.ann.show_trace("1")
    assert len(shown(annotator.traces, "dot") + shown(annotator.traces, "line")) == 3
    annotator.ann.hide()
    assert len(shown(annotator.traces, "dot") + shown(annotator.traces, "line")) == 1


def test_time_comes_from_the_video(annotator):
    annotator.session.trace_unit = "time"
    ((x, _), *_) = shown(annotator.traces, "dot")
    assert x[0] == annotator.data.get_frame_timestamp(5)
    last = annotator.data.get_frame_timestamp(59)
    assert annotator.traces.view == pytest.approx((-0.01 * last, 1.01 * last))


def test_values_fit_the_label_and_stay_when_frozen(annotator):
    low, high = (getattr(annotator.traces.value_scales["x"], end) for end in ("min", "max"))
    assert low < 15 < 159 < high
    annotator.freeze_plot_axes()
    annotator.session.select_label("1")
    annotator.traces.zoom(4)
    scale = annotator.traces.value_scales["x"]
    assert (scale.min, scale.max) == (low, high)
    assert annotator.traces.view == WHOLE
    annotator.unfreeze_plot_axes()
    assert annotator.traces.value_scales["x"].min > low


def test_zoom_keeps_the_current_frame_and_ends_at_the_ends(annotator):
    annotator.go_to_frame(58)
    annotator.traces.zoom(4)
    start, stop = annotator.traces.view
    assert start < 58 < stop <= 59.59
    annotator.go_to_frame(3)
    start, stop = annotator.traces.view
    assert start < 3 < stop
    for _ in range(10):
        annotator.traces.zoom(0.5)
    assert annotator.traces.view == WHOLE


def test_frames_of_interest_and_the_interval_are_drawn(annotator):
    annotator.toggle_frame_of_interest()
    annotator.select_interval(12, 8)
    fixed = annotator.traces._fixed["y"]
    assert set(fixed["interest"].x) == {0}
    assert set(fixed["interval"].x) == {8, 12}
    annotator.session.select_label("1")
    assert len(fixed["interval"].x) == 0
    annotator.run_command("select_interval", frame=4)
    assert set(fixed["interval"].x) == {4}


def test_panning_and_zooming_in_the_browser_chooses_points_anew(annotator):
    annotator.traces.set_panzoom(True)
    assert all(figure.interaction is annotator.traces.panzoom for figure in annotator.traces.figures)
    annotator.traces.time_scale.min, annotator.traces.time_scale.max = 9.5, 11.5
    deadline = time.monotonic() + 5
    while len(shown(annotator.traces, "dot")[0][0]) != 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert np.array_equal(shown(annotator.traces, "dot")[0][0], [5, 10, 11, 12])


def test_many_labels_over_a_long_video_stay_quick(annotator, monkeypatch):
    from jupytrack.widgets import traces as module

    n = 36_715
    times = np.arange(n, dtype=float)
    rng = np.random.default_rng(0)
    values = {str(k): rng.normal(size=(n, 2)).cumsum(axis=0) for k in range(10)}
    monkeypatch.setattr(type(annotator.traces), "times", property(lambda self: times))
    monkeypatch.setattr(annotator.ann, "to_trace", values.__getitem__)
    for label in values:
        annotator.session.ensure_label(label)
    annotator.traces.time_scale.max = float(n)
    annotator.session.all_traces = True
    start = time.perf_counter()
    annotator.traces._shown.clear()
    annotator.traces.refresh()
    assert time.perf_counter() - start < 1.0
    start = time.perf_counter()
    annotator.session._on_points(id(annotator.ann), type("C", (), {"labels": ("3",), "frames": None})())
    assert time.perf_counter() - start < 0.2
    assert all(
        len(x) <= module.decimate.__kwdefaults__["most"] + 10 for x, _ in shown(annotator.traces, "dot")
    )


def test_frames_are_counted_in_whole_numbers_from_end_to_end(annotator):
    traces = annotator.traces
    ticks = traces._time_axes[-1].tick_values
    assert ticks[0] == 0
    assert len(ticks) > 4
    annotator.go_to_frame(10)
    traces.time_scale.min, traces.time_scale.max = 9.6, 11.4
    traces.refresh()
    assert list(traces._time_axes[-1].tick_values) == [10, 11]


def test_lines_of_the_overlay_layer_are_strong_enough_to_be_seen(annotator):
    opacities = {tuple(mark.opacities) for mark in annotator.traces._pools["x", "line"] if len(mark.x)}
    assert opacities == {(0.6,)}
    annotator.annotations["model"].set_alpha(0.2)
    opacities = {tuple(mark.opacities) for mark in annotator.traces._pools["x", "line"] if len(mark.x)}
    assert opacities == {(0.2,)}
