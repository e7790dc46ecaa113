"""Optical flow in the annotator, on a video whose motion is known."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest

from jupytrack import samples
from jupytrack.annotation.table import Source
from jupytrack.errors import AnnotationError, ConflictError
from jupytrack.jobs import Job
from jupytrack.widgets.annotator import Annotator
from jupytrack.widgets.doubt import doubt_rgb, envelope

N_FRAMES = 60
START, STOP = 8, 32
# median and largest distance from the truth in pixels; the video is 320 × 240, noisy and compressed
TYPICAL, WORST = 0.5, 2.0


@pytest.fixture
def truth():
    return samples.ultrasound(N_FRAMES, size=(320, 240)).truth


@pytest.fixture
def annotator(video, truth):
    """Give an empty active layer, over clicks at the ends of an interval, which is selected."""
    annotator = Annotator(video, ["filled", "clicks"], n_labels=2)
    clicks = annotator.annotations["clicks"]
    for label in "01":
        clicks.set_points(label, [START, STOP], truth[int(label)][[START, STOP]])
    annotator.annotations.overlay = "clicks"
    annotator.select_interval(START, STOP)
    yield annotator
    annotator.close()


@pytest.fixture
def notices(annotator):
    seen = []
    annotator.session.on_notice(lambda *notice: seen.append(notice))
    return seen


def state(annotator):
    """Everything that an undo step may change."""
    stack = annotator.annotations
    found = {}
    for ann in (*stack, stack.buffer):
        points = {
            label: {frame: tuple(xy) for frame, xy in frames.items()} for label, frames in ann.data.items()
        }
        found[ann.name] = (
            points,
            ann.column("source").tolist(),
            np.nan_to_num(ann.column("disagreement"), nan=-1).tolist(),
        )
    return found


def errors(annotator, label, truth, layer=None):
    ann = annotator.ann if layer is None else annotator.annotations[layer]
    frames = ann.get_frames(label)
    return frames, np.linalg.norm(ann.to_trace(label)[frames] - truth[int(label)][frames], axis=1)


def slow(monkeypatch, module, name):
    """Let tracking wait after its first report until it is told to go on."""
    begun, go_on = threading.Event(), threading.Event()
    real = getattr(module, name)

    def waiting(*args, progress=None, **kwargs):
        def hold(_):
            begun.set()
            assert go_on.wait(30)

        if progress is not None:
            progress.listen(hold)
        return real(*args, progress=progress, **kwargs)

    monkeypatch.setattr(module, name, waiting)
    return begun, go_on


def test_the_current_label_is_interpolated_between_the_ends_of_the_overlay(annotator, truth):
    before = state(annotator)
    assert annotator.interpolate_with_lk() == STOP - START + 1
    frames, off = errors(annotator, "0", truth)
    assert frames == list(range(START, STOP + 1))
    assert np.median(off) < TYPICAL
    assert off.max() < WORST
    # far better than a straight line between the clicks
    share = np.linspace(0, 1, len(frames))[:, None]
    line = (1 - share) * truth[0, START] + share * truth[0, STOP]
    assert off.max() < 0.3 * np.linalg.norm(line - truth[0, frames], axis=1).max()
    assert annotator.ann.get_frames("1") == []
    assert np.array_equal(annotator.ann.to_trace("0")[[START, STOP]], truth[0][[START, STOP]])
    assert set(annotator.ann.column("source")[0, frames]) == {Source.LUCAS_KANADE}
    apart = annotator.ann.column("disagreement")
    assert np.isfinite(apart[0, frames]).all()
    assert np.isnan(apart[1]).all()
    after = state(annotator)
    annotator.undo()
    assert state(annotator) == before
    annotator.redo()
    assert state(annotator) == after


def test_all_labels_are_interpolated_in_one_step_and_new_ones_are_added(annotator, truth):
    annotator.annotations["clicks"].add_label("7")
    annotator.annotations["clicks"].add_label("3")
    annotator.annotations["clicks"].set_points("3", [START, STOP], truth[3][[START, STOP]])
    before = state(annotator)
    assert annotator.interpolate_with_lk(all_labels=True) == 3 * (STOP - START + 1)
    for label in "013":
        frames, off = errors(annotator, label, truth)
        assert frames == list(range(START, STOP + 1))
        assert off.max() < WORST
    assert annotator.ann.labels == ["0", "1", "3"]
    annotator.undo()
    assert state(annotator) == before


def test_the_overlay_may_be_the_active_layer_whose_clicks_stay_clicks(annotator, truth):
    annotator.annotations.active = "clicks"
    annotator.select_interval(START, STOP)
    annotator.interpolate_with_lk()
    sources = annotator.ann.column("source")[0]
    assert list(sources[[START, START + 1, STOP]]) == [Source.MANUAL, Source.LUCAS_KANADE, Source.MANUAL]


def test_without_rstc_only_the_first_point_counts(annotator, truth):
    annotator.annotations["clicks"].remove("0", STOP)
    with pytest.raises(AnnotationError, match=f"frame {STOP}"):
        annotator.interpolate_with_lk()
    before = state(annotator)
    annotator.interpolate_with_lk_norstc()
    frames, off = errors(annotator, "0", truth)
    assert frames == list(range(START, STOP + 1))
    assert off.max() < 2 * WORST
    assert np.isnan(annotator.ann.column("disagreement")).all()
    annotator.undo()
    assert state(annotator) == before
    annotator.interpolate_with_lk_norstc(all_labels=True)
    assert annotator.ann.get_frames("1") == frames


@pytest.mark.parametrize(
    "name", ["interpolate_with_lk", "interpolate_all_with_lk", "interpolate_all_with_lk_norstc"]
)
@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda a: a.session.layers.set_intervals("filled", "0", []), "No interval"),
        (lambda a: setattr(a.annotations, "overlay", None), "No overlay"),
        (lambda a: a.annotations["clicks"].set_points("0", [START], [[np.nan, np.nan]]), "has no point"),
        (lambda a: a.select_interval(40, 50), "has no point"),
        (lambda a: a.select_interval(START, START), "one frame"),
        (lambda a: a.annotations["clicks"].set_points("0", [START], [[900, 5]]), "outside the picture"),
    ],
)
def test_what_cannot_be_tracked_is_a_notice_with_a_remedy(annotator, notices, name, prepare, words):
    prepare(annotator)
    before = state(annotator)
    notices.clear()
    job = annotator.run_command(name)
    if isinstance(job, Job):
        with pytest.raises(AnnotationError, match=words):
            job.result(30)
    level, problem, remedy = wait_for_notice(notices)
    assert level == "error"
    assert words in problem
    assert remedy
    assert state(annotator) == before


def wait_for_notice(notices):
    deadline = threading.Event()
    for _ in range(100):
        if notices:
            return notices[-1]
        deadline.wait(0.05)
    raise AssertionError("nothing was said")


def test_an_interval_beyond_the_video_is_refused(annotator):
    before = annotator.get_selected_interval()
    with pytest.raises(AnnotationError, match="beyond the video"):
        annotator.select_interval(10, N_FRAMES)
    assert annotator.get_selected_interval() == before


def test_one_that_is_drawn_ends_with_the_video(annotator):
    annotator.run_command("select_interval", frame=N_FRAMES + 5, other=50)
    assert annotator.get_selected_interval() == (50, N_FRAMES - 1)
    assert annotator.session.pending_interval is None


def test_a_key_returns_at_once_and_cancel_leaves_everything_as_it_was(annotator, notices, monkeypatch):
    from jupytrack.widgets.actions import tracking

    begun, go_on = slow(monkeypatch, tracking, "lucas_kanade_rstc")
    before = state(annotator)
    job = annotator.run_command("interpolate_with_lk")
    assert begun.wait(30)
    assert job.state == "running"
    # the same again is not begun twice
    assert annotator.run_command("interpolate_with_lk") is job
    bar = annotator.jobs.children[-1]
    bar.button.click()
    go_on.set()
    with pytest.raises(CancelledError):
        job.result(30)
    assert state(annotator) == before
    assert "Cancelled" in wait_for_notice(notices[1:])[1]
    assert annotator.jobs.children == ()
    assert annotator.annotations.undo_title.startswith("Select frames")


def test_a_short_job_shows_no_bar_and_a_long_one_does(annotator, monkeypatch):
    from jupytrack.widgets.actions import tracking

    begun, go_on = slow(monkeypatch, tracking, "lucas_kanade_rstc")
    job = annotator.interpolate_with_lk(wait=False)
    assert begun.wait(30)
    bar = annotator.jobs.children[-1]
    assert bar.layout.display == "none"
    for _ in range(100):
        if bar.layout.display is None:
            break
        threading.Event().wait(0.05)
    assert bar.layout.display is None
    go_on.set()
    job.result(30)
    for _ in range(100):
        if not annotator.jobs.children:
            break
        threading.Event().wait(0.05)
    assert annotator.jobs.children == ()


def test_a_layer_that_was_removed_meanwhile_is_left_alone(annotator, notices, monkeypatch):
    from jupytrack.widgets.actions import tracking

    begun, go_on = slow(monkeypatch, tracking, "lucas_kanade_rstc")
    job = annotator.run_command("interpolate_with_lk")
    assert begun.wait(30)
    filled = annotator.ann
    annotator.remove_annotation_layer("filled")
    go_on.set()
    with pytest.raises(AnnotationError, match="was removed"):
        job.result(30)
    assert filled.get_frames("0") == []


def test_closing_ends_what_runs(annotator, monkeypatch):
    from jupytrack.widgets.actions import tracking

    begun, go_on = slow(monkeypatch, tracking, "lucas_kanade_rstc")
    job = annotator.run_command("interpolate_with_lk")
    assert begun.wait(30)
    filled = annotator.ann
    annotator.close()
    go_on.set()
    with pytest.raises(CancelledError):
        job.result(30)
    assert filled.get_frames("0") == []


def test_a_read_only_layer_is_refused(annotator):
    annotator.ann.history.refuse("Somebody else edits it.", "Ask them.")
    for method in (annotator.interpolate_with_lk, annotator.predict_labels_with_lucas_kanade):
        with pytest.raises(ConflictError):
            method()


def test_checking_tracks_between_clicks_into_the_buffer(annotator, truth):
    clicks = annotator.annotations["clicks"]
    annotator.annotations.active, annotator.annotations.overlay = "clicks", None
    clicks.set_points("0", [2, 20, 45, 50], truth[0][[2, 20, 45, 50]])
    before = state(annotator)
    annotator.session.frame = 20
    # two before and two from here on
    assert annotator.check_labels_with_lk() == STOP - 2 + 1
    assert annotator.annotations.overlay == "buffer"
    frames, off = errors(annotator, "0", truth, "buffer")
    assert frames == list(range(2, STOP + 1))
    assert off.max() < WORST
    assert np.array_equal(annotator.annotations["buffer"].to_trace("0")[20], truth[0][20])
    annotator.undo()
    assert state(annotator) == before
    annotator.check_labels_with_lk("current")
    assert errors(annotator, "0", truth, "buffer")[0] == list(range(2, 51))
    annotator.undo()
    annotator.check_labels_with_lk("all")
    assert errors(annotator, "1", truth, "buffer")[0] == list(range(START, STOP + 1))
    annotator.undo()
    assert state(annotator) == before
    with pytest.raises(AnnotationError, match="no mode"):
        annotator.check_labels_with_lk("some")
    annotator.annotations.active = "filled"
    with pytest.raises(AnnotationError, match="two frames"):
        annotator.check_labels_with_lk("all")


def test_predicting_places_what_this_frame_lacks(annotator, truth):
    ann = annotator.ann
    ann.add(truth[0, 10], "0", 10)
    ann.add(truth[1, 22], "1", 22)
    before = state(annotator)
    annotator.session.frame = 16
    paths = annotator.predict_labels_with_lucas_kanade()
    assert paths.shape == (7, 2, 2)
    for label in (0, 1):
        assert np.linalg.norm(ann.to_trace(str(label))[16] - truth[label, 16]) < WORST
        assert np.allclose(paths[-1, label], ann.to_trace(str(label))[16])
    annotator.undo()
    assert state(annotator) == before
    annotator.session.select_label("1")
    assert annotator.predict_labels_with_lucas_kanade("current", mode="direct").shape == (1, 1, 2)
    assert ann.get_frames("0") == [10]
    assert ann.get_frames("1") == [16, 22]
    with pytest.raises(AnnotationError, match="already"):
        annotator.predict_labels_with_lucas_kanade("current")
    annotator.predict_labels_with_lucas_kanade(["1"], start_frame=22)
    for labels, words in (("9", "no label '9'"), (["0", "x"], "no label 'x'")):
        with pytest.raises(AnnotationError, match=words):
            annotator.predict_labels_with_lucas_kanade(labels)
    with pytest.raises(AnnotationError, match="no point on frame 3"):
        annotator.predict_labels_with_lucas_kanade("0", start_frame=3)


def test_what_leaves_the_picture_is_no_point(annotator, truth, notices, monkeypatch):
    from jupytrack.widgets.actions import tracking

    def out(video, start, stop, points, *args, **kwargs):
        return np.linspace(points, [[400.0, 5.0]], stop - start + 1)

    monkeypatch.setattr(tracking, "lucas_kanade", out)
    annotator.interpolate_with_lk_norstc()
    frames = annotator.ann.get_frames("0")
    assert frames[0] == START
    assert frames[-1] < STOP
    lost = STOP - frames[-1]
    assert any(level == "warning" and f"label 0 ({lost} frames)" in text for level, text, _ in notices)


def noisy(annotator, truth, jump=()):
    """Make a dense layer with jitter, which is active afterwards."""
    annotator.add_layer("model")
    random = np.random.default_rng(3)
    every = np.arange(N_FRAMES)
    for label in "01":
        xy = truth[int(label)] + random.normal(0, 1.0, (N_FRAMES, 2))
        if label == "0":
            xy[list(jump)] += [25, -20]
        annotator.ann.set_points(label, every, xy)
    return annotator.ann


def test_reducing_jitter_makes_a_layer_of_its_own(annotator, truth):
    model = noisy(annotator, truth)
    before = state(annotator)
    smooth = annotator.process_with_lk(window_size=0.3)
    assert annotator.ann is smooth
    assert annotator.annotations.overlay == "model"
    assert "lkmovavg" in smooth.name
    rough, off = (np.linalg.norm(ann.to_trace("0") - truth[0], axis=1) for ann in (model, smooth))
    assert np.nanmean(off) < 0.7 * rough.mean()
    assert np.isfinite(smooth.column("disagreement")).any()
    assert not np.isfinite(model.column("disagreement")).any()
    annotator.undo()
    assert state(annotator) == before
    assert annotator.ann is not smooth


def test_reducing_jitter_again_replaces_the_layer_and_undo_brings_it_back(annotator, truth):
    model = noisy(annotator, truth)
    smooth = annotator.process_with_lk(window_size=0.3)
    smooth.add([5, 5], "0", 10)
    before = state(annotator)
    model.set_points("0", [10], truth[0][[10]] + 3)
    annotator.annotations.active = "model"
    with_change = state(annotator)
    again = annotator.process_with_lk(window_size=0.3, max_disagreement=50)
    assert again is smooth
    assert np.linalg.norm(smooth.to_trace("0")[10] - truth[0, 10]) < 3
    annotator.undo()
    assert state(annotator) == with_change
    annotator.undo()
    assert state(annotator) == before


def test_a_window_that_does_not_fit_is_refused(annotator, truth, notices):
    noisy(annotator, truth)
    before, names = state(annotator), annotator.annotations.names
    with pytest.raises(AnnotationError, match="window"):
        annotator.process_with_lk(window_size=10)
    annotator.tracking_panel.window.value = 10
    annotator.tracking_panel.reduce.click()
    level, problem, remedy = wait_for_notice(notices)
    assert level == "error"
    assert "window" in problem
    assert remedy
    assert (state(annotator), annotator.annotations.names) == (before, names)


def test_blips_are_listed_visited_and_repaired(annotator, truth):
    model = noisy(annotator, truth, jump=(20, 21))
    found = annotator.run_command("find_blips")
    assert found[["label", "start", "end"]].to_numpy().tolist() == [["0", 20, 21]]
    panel = annotator.blips_panel
    assert panel.text.value == "1 found"
    assert "20–21" in panel.list.options[0]
    annotator.session.select_label("1")
    panel.list.index = 0
    assert annotator.session.frame == found["peak_frame"][0]
    assert annotator.session.label == "0"
    annotator.session.frame = 3
    assert panel.list.index is None
    before = state(annotator)
    panel.repair.click()
    for _ in range(200):
        if "model_blips" in annotator.annotations:
            break
        threading.Event().wait(0.05)
    layer = annotator.annotations["model_blips"]
    assert annotator.annotations.overlay == "model_blips"
    assert annotator.ann is model
    assert layer.get_frames("0") == [20, 21]
    off = np.linalg.norm(layer.to_trace("0")[[20, 21]] - truth[0][[20, 21]], axis=1)
    # as good as the noisy points on both sides
    assert off.max() < 5
    annotator.undo()
    assert state(annotator) == before
    repair = annotator.repair_blips(found)
    assert repair.table["problem"].tolist() == [""]
    annotator.annotations.active = "filled"
    assert panel.list.layout.display == "none"
    with pytest.raises(AnnotationError, match="no blips"):
        annotator.repair_blips()
    assert len(annotator.find_blips()) == 0
    assert panel.text.value == "none found"


def test_doubt_is_a_band_and_warm_points_in_the_traces(annotator, truth):
    assert annotator.doubt_bar.layout.display == "none"
    annotator.interpolate_with_lk()
    assert annotator.doubt_bar.layout.display is None
    ann = annotator.ann
    apart = ann.column("disagreement")[0].astype(float)
    apart[20] = 9.0
    ann.set_column("disagreement", apart[None], label="0")
    marks = annotator.traces.doubt
    for column, name in enumerate("xy"):
        band, dots = marks.bands[name][0], marks.dots[name][0]
        trace = ann.to_trace("0")[:, column]
        frames = np.arange(START, STOP + 1)
        assert np.array_equal(band.x, frames)
        assert np.allclose(band.y[0], (trace - apart)[frames], atol=1e-5)
        assert np.allclose(band.y[1], (trace + apart)[frames], atol=1e-5)
        assert 20 in dots.x
        assert band in annotator.traces.figures[column].marks
    annotator.session.doubtful = 100.0
    assert not len(marks.dots["x"][0].x)
    annotator.session.doubt = False
    assert not len(marks.bands["x"][0].x)
    annotator.session.doubt = True
    # of a point that somebody moved nothing is known
    ann.add([100, 100], "0", 20)
    assert np.isnan(marks.bands["x"][0].y).any()
    annotator.session.select_label("1")
    assert not len(marks.bands["x"][0].x)


def test_doubt_is_a_circle_over_the_picture(annotator):
    annotator.interpolate_with_lk()
    ann = annotator.ann
    ann.set_column("disagreement", 9.0, label="0", frames=[20])
    annotator.session.doubtful = 8.0
    doubtful, sure = (len(annotator.overlay.record(frame).buffers) for frame in (20, 21))
    assert doubtful > sure
    annotator.session.doubt = False
    assert len(annotator.overlay.record(20).buffers) == len(annotator.overlay.record(21).buffers)


def test_the_limit_of_doubt_is_set_in_its_bar(annotator):
    annotator.doubt_bar.limit.value = 4.5
    assert annotator.session.doubtful == 4.5
    annotator.doubt_bar.on.value = False
    assert not annotator.session.doubt


def test_colours_of_doubt_go_from_amber_to_red():
    assert doubt_rgb(np.array([2.0, 4.0, 6.0, 60.0]), 2.0).tolist() == [
        [255, 179, 0],
        [234, 90, 0],
        [213, 0, 0],
        [213, 0, 0],
    ]
    assert doubt_rgb(np.array([0.5]), 0.0).tolist() == [[213, 0, 0]]


def test_a_band_covers_every_value_with_few_corners_and_keeps_gaps():
    x = np.arange(20_000.0)
    random = np.random.default_rng(0)
    middle, half = np.sin(x / 900), random.uniform(0, 1, len(x))
    half[5000:5100] = np.nan
    half[7000:7001] = np.nan
    half[15_000] = 40.0
    at, low, high = envelope(x, middle - half, middle + half, (0.0, x[-1]), most=500)
    assert len(at) < 520
    gaps = at[np.isnan(low)]
    assert gaps.tolist() == [5100.0, 7001.0]
    assert np.nanmax(high) > 39
    assert at[0] == 0
    assert at[-1] == x[-1]
    inside, _, _ = envelope(x, middle - half, middle + half, (100.0, 110.0))
    assert inside.tolist() == list(range(99, 113)) or inside.tolist() == list(range(99, 112))
    assert [len(part) for part in envelope(x[:3], x[:3] * np.nan, x[:3], (0.0, 2.0))] == [0, 0, 0]
