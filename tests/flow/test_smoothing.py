from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest

from jupytrack import VideoAnnotation, VideoReader, VideoWriter, lk_moving_average_filter, load_raw_paths
from jupytrack.errors import AnnotationError, ConflictError, FormatError, SaveError, VideoError
from jupytrack.flow import nodes
from jupytrack.flow.batch import BatchStepper
from jupytrack.flow.frames import GrayFrames
from jupytrack.flow.nodes import NodeStepper
from jupytrack.flow.opencv import flow_options
from jupytrack.flow.sweep import sweep
from jupytrack.jobs import JobCancelled, Progress

FILES = Path(__file__).parent / "files"
DATA = Path(__file__).parents[2].parent / "shared" / "data"
WINDOW = 9  # frames; 0.3 s of the clip


@pytest.fixture
def layer(tmp_path):
    for name in ("tissue.mp4", "tissue_annotations_noisy.json"):
        shutil.copy(FILES / name, tmp_path)
    return VideoAnnotation(tmp_path / "tissue_annotations_noisy.json", tmp_path / "tissue.mp4")


@pytest.fixture
def smooth(layer):
    def run(**options):
        return lk_moving_average_filter(layer, **{"window_size": 0.3, "save_raw": False} | options)

    return run


HOLD = """
import sys
from jupytrack.annotation.locks import LayerLock
LayerLock(sys.argv[1]).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def traces(annotation):
    return np.stack(list(annotation.to_traces().values()))


def listing(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_result(layer, smooth):
    result = smooth()
    assert Path(result.fname).name == "tissue_annotations_noisy_lkmovavg_0.300.json"
    assert result.labels == layer.labels
    assert (result.column("source") == 3).all()
    assert result.report.window_frames == WINDOW
    assert not result.unsaved
    again = VideoAnnotation(result.fname, layer.video.fname)
    np.testing.assert_array_equal(traces(again), traces(result))
    np.testing.assert_array_equal(again.column("disagreement"), result.column("disagreement"))
    jitter = [np.diff(traces(a), 2, axis=1).std() for a in (layer, result)]
    assert jitter[1] < jitter[0] / 2


def test_gaps_are_left_and_runs_smoothed_for_themselves(layer, smooth):
    whole = smooth()
    layer.set_points("0", [20], [[np.nan, np.nan]])
    layer.set_points("1", range(5, 40), np.full((35, 2), np.nan))
    layer.set_points("2", range(40), np.full((40, 2), np.nan))
    result = smooth()
    assert result.report.short_runs == {"1": [(0, 5)]}
    assert result.report.empty_labels == ["2"]
    assert "2" in str(result.report)
    assert "0-4" in str(result.report)
    assert result.get_frames("0") == [n for n in range(40) if n != 20]
    assert result.get_frames("1") == result.get_frames("2") == []
    np.testing.assert_allclose(result.to_trace("3"), whole.to_trace("3"), atol=0.01)
    # Away from the gap every window is the same as without it.
    np.testing.assert_allclose(result.to_trace("0")[:12], whole.to_trace("0")[:12], atol=0.01)
    np.testing.assert_allclose(result.to_trace("0")[29:], whole.to_trace("0")[29:], atol=0.01)
    exact = smooth(exact=True)
    np.testing.assert_allclose(traces(result), traces(exact), atol=0.05)


def test_doubtful_frames_are_left_empty_and_listed(layer, smooth):
    layer.set_points("1", [15], [[120.0, 100.0]])  # 70 px away
    everything = smooth()
    apart = everything.column("disagreement")
    result = smooth(max_disagreement=5.0)
    expected = {str(k): np.flatnonzero(row > 5).tolist() for k, row in enumerate(apart) if (row > 5).any()}
    assert result.report.doubtful == expected
    assert 15 in expected["1"]
    for label, frames in expected.items():
        assert set(frames).isdisjoint(result.get_frames(label))
    assert "doubtful" in str(result.report)
    assert apart[1, 15] > 10 * np.median(apart)


def test_an_earlier_result_is_taken_if_all_is_the_same(layer, smooth):
    first = smooth()
    before = listing(Path(layer.fname).parent)
    again = smooth()
    assert not first.report.reused
    assert again.report.reused
    assert listing(Path(layer.fname).parent) == before
    np.testing.assert_array_equal(traces(again), traces(first))


def test_other_points_make_another_result(layer, smooth):
    first = smooth()
    layer.set_points("0", [10], [[150.0, 96.0]])
    assert not smooth().report.reused
    assert np.abs(traces(smooth()) - traces(first)).max() > 0.5


@pytest.mark.parametrize("options", [{"exact": True}, {"max_disagreement": 3.0}, {"save_raw": True}])
def test_other_parameters_make_another_result(smooth, options):
    smooth()
    assert not smooth(**options).report.reused
    assert smooth(**options).report.reused


def test_another_video_under_the_same_name_makes_another_result(layer, smooth):
    smooth()
    video = Path(layer.video.fname)
    with VideoReader(video) as reader:
        pictures = [reader[n][::-1] for n in range(len(reader))]
    with VideoWriter(video, 30, (256, 192)) as writer:
        for picture in pictures:
            writer.write(picture)
    other = VideoAnnotation(layer.fname, video, accept_other_video=True)
    assert not lk_moving_average_filter(other, window_size=0.3, save_raw=False).report.reused


def test_a_result_that_somebody_edited_is_kept_beside(layer, smooth):
    first = smooth()
    first.set_points("0", [10], [[1.0, 2.0]])
    first.save()
    edited = Path(first.fname).read_bytes()
    result = smooth()
    assert not result.report.reused
    assert result.data["0"][10] != [1.0, 2.0]
    (kept,) = Path(first.fname).parent.glob("*.json.replaced-*")
    assert kept.read_bytes() == edited


@pytest.mark.parametrize("edit", ["source", "label"])
def test_a_result_with_other_edits_is_kept_with_its_sidecar(smooth, edit):
    first = smooth()
    if edit == "source":
        first.set_points("0", [10], [first.data["0"][10]], source=1)
    else:
        first.add_label("added")
    first.save()
    files = [Path(first.fname), Path(first.fname).with_suffix(".sidecar")]
    edited = [file.read_bytes() for file in files]
    assert not smooth().report.reused
    kept = [next(file.parent.glob(f"{file.name}.replaced-*")).read_bytes() for file in files]
    assert kept == edited


def test_results_that_nobody_changed_leave_nothing_behind(layer, smooth):
    smooth(save_raw=True)
    names = set(listing(Path(layer.fname).parent))
    smooth(save_raw=True, exact=True)
    layer.set_points("0", [10], [[150.0, 96.0]])
    smooth(save_raw=True).save()
    smooth(save_raw=True, max_disagreement=2)
    assert set(listing(Path(layer.fname).parent)) == names


def test_raw_paths_of_another_result_are_not_given(smooth):
    first = smooth(save_raw=True)
    raw = Path(first.fname).with_suffix(".npy")
    content = raw.read_bytes()
    smooth(exact=True)
    with pytest.raises(FormatError, match="no raw paths"):
        load_raw_paths(first.fname)
    raw.write_bytes(content)
    with pytest.raises(FormatError, match="not those that"):
        load_raw_paths(first.fname)
    assert load_raw_paths(raw).shape == (WINDOW, 40, 4, 2)


def test_numbers_of_numpy(smooth):
    first = smooth(max_disagreement=np.float32(3), window_size=np.float64(0.3), exact=np.bool_(True))
    assert Path(first.fname).name.endswith("_0.300.json")
    assert smooth(max_disagreement=3, exact=True).report.reused


def test_a_result_that_cannot_be_written_changes_nothing(layer, smooth):
    folder = Path(layer.fname).parent
    (folder / "tissue_annotations_noisy_lkmovavg_0.300.npy").mkdir()
    before = {path.name for path in folder.iterdir()}
    with pytest.raises(SaveError, match=r"lkmovavg_0\.300\.npy"):
        smooth(save_raw=True)
    assert {path.name for path in folder.iterdir()} == before


def test_a_folder_that_may_not_be_written_is_told_before_the_work(layer, tmp_path):
    there = VideoAnnotation(tmp_path / "nowhere" / "x.json", layer.video.fname)
    there.data = layer.to_table().to_mapping()
    progress = Progress()
    with pytest.raises(SaveError, match=r"x_lkmovavg_0\.500\.json cannot be written"):
        there.postprocess(save_raw=False, progress=progress)
    assert progress.fraction == 0


def test_a_result_that_another_process_has_open_is_left_alone(layer, smooth, tmp_path):
    result = Path(smooth().fname)
    lock = result.with_suffix(".lock")
    holder = subprocess.Popen([sys.executable, "-c", HOLD, lock], stdin=-1, stdout=-1, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        before = listing(tmp_path)
        assert smooth().report.reused
        with pytest.raises(ConflictError, match=f"{result.name} is open elsewhere"):
            smooth(exact=True)
        assert listing(tmp_path) == before
    finally:
        holder.communicate()
    assert not smooth(exact=True).report.reused


def test_a_file_of_dustrack_is_not_taken_for_a_result(layer, smooth):
    path = Path(layer.fname).with_name("tissue_annotations_noisy_lkmovavg_0.300.json")
    path.write_text(json.dumps({"0": {"0": [1.0, 2.0]}}))
    assert len(smooth().get_frames("0")) == 40
    assert len(list(path.parent.glob("*.replaced-*"))) == 1


def test_raw_paths_that_changed_are_made_anew(smooth):
    result = smooth(save_raw=True)
    raw = Path(result.fname).with_suffix(".npy")
    good = raw.read_bytes()
    raw.write_bytes(good[:-8] + b"\0" * 8)
    assert not smooth(save_raw=True).report.reused
    assert raw.read_bytes() == good


def test_raw_paths(layer, smooth):
    layer.set_points("0", [20], [[np.nan, np.nan]])
    result = smooth(save_raw=True)
    paths = load_raw_paths(result.fname)
    assert paths.shape == (WINDOW, 40, 4, 2)
    assert not paths.flags.writeable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean = np.nanmean(paths, axis=0)
    np.testing.assert_allclose(np.moveaxis(mean, 0, 1), traces(result), atol=1e-9)
    # Window 3 begins on frame 3 with the point that was placed there.
    np.testing.assert_allclose(paths[3, 3, 1], layer.data["1"][3], atol=1e-4)
    np.testing.assert_allclose(paths[3, 3 + WINDOW - 1, 1], layer.data["1"][3 + WINDOW - 1], atol=1e-4)
    assert np.isnan(paths[3, :3]).all()


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"\x80\x04N."])
def test_what_is_no_raw_file(tmp_path, content):
    path = tmp_path / "x.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FormatError, match=r"x\.npy"):
        load_raw_paths(path)


def test_pickles_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}]), allow_pickle=True)
    for name in ("x.npy", "x.pkl"):
        with pytest.raises(FormatError, match="x"):
            load_raw_paths(tmp_path / name)


@pytest.mark.parametrize("share", [0, 0.3, 1])
@pytest.mark.parametrize("parallel", [True, False])
def test_cancel_leaves_nothing(layer, smooth, parallel, share, monkeypatch):
    monkeypatch.setattr("jupytrack.flow.smoothing._BUDGET", 1)
    folder = Path(layer.fname).parent
    before = listing(folder)
    progress = Progress()
    progress.listen(lambda p: p.cancel() if p.fraction >= share else None)
    with pytest.raises(JobCancelled):
        smooth(progress=progress, save_raw=True, use_parallel=parallel)
    assert listing(folder) == before


def test_small_memory_gives_the_same(smooth, monkeypatch):
    exact, default = traces(smooth(exact=True)), traces(smooth())
    monkeypatch.setattr("jupytrack.flow.smoothing._BUDGET", 1)
    for parallel in (True, False):
        options = {"use_parallel": parallel, "max_disagreement": 1e6 + parallel}
        np.testing.assert_allclose(traces(smooth(exact=True, **options)), exact, atol=1e-9)
        # Windows of one chunk share their flow, so that the default depends on the chunks a little.
        np.testing.assert_allclose(traces(smooth(**options)), default, atol=0.02)


def test_progress_ends_with_the_work_even_if_it_was_done_before(smooth):
    for _ in range(2):
        seen = []
        progress = Progress()
        progress.listen(lambda p, seen=seen: seen.append(p.fraction))
        smooth(progress=progress)
        assert (seen[0], seen[-1]) == (0, 1)


@pytest.mark.parametrize("parallel", [True, False])
def test_the_error_of_decoding_is_the_one_that_is_told(parallel):
    gray, _ = moving_texture(40, (160, 120))

    class Slow(BatchStepper):
        def step(self, *args):
            time.sleep(0.002)
            return super().step(*args)

    def pictures():
        yield from gray[:35]
        raise VideoError("Frame 35 is broken.", "Repair it.")

    points = np.full((40, 1, 2), 60, np.float32)
    tracked = np.ones((36, 1), bool)
    with pytest.raises(VideoError, match="Frame 35"):
        for _ in sweep(pictures, Slow(flow_options({})), points, tracked, 5, held=16, parallel=parallel):
            pass


def test_a_video_that_stops_half_way_changes_nothing(layer, smooth):
    video = Path(layer.video.fname)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    before = {name: content for name, content in listing(video.parent).items() if "index" not in name}
    with pytest.raises(VideoError, match=r"tissue\.mp4"):
        smooth(save_raw=True)
    after = {name: content for name, content in listing(video.parent).items() if "index" not in name}
    assert after == before


def test_bad_input_changes_nothing(layer, tmp_path):
    before = listing(tmp_path)
    for seconds, message in [
        (1.4, "42 frames, but .*tissue.mp4 has 40"),
        (0.03, "1 frames"),
        (np.nan, "0 fr"),
    ]:
        with pytest.raises(AnnotationError, match=message):
            layer.postprocess(window_size=seconds)
    with pytest.raises(AnnotationError, match=r"window_size is '0\.5'"):
        layer.postprocess(window_size="0.5")
    for limit in (0, np.nan, "3"):
        with pytest.raises(AnnotationError, match="max_disagreement"):
            layer.postprocess(max_disagreement=limit)
    with pytest.raises(AnnotationError, match="no layer: 5"):
        lk_moving_average_filter(5)
    layer.set_points("1", [7], [[300.0, 20.0]])
    with pytest.raises(AnnotationError, match=r"noisy\.json, frame 7, label '1': \(300, 20\) is outside"):
        layer.postprocess()
    layer.set_points("1", range(40), np.full((40, 2), np.nan))
    for label in ("0", "2", "3"):
        layer.set_points(label, range(0, 40, 2), np.full((20, 2), np.nan))
    with pytest.raises(AnnotationError, match="no label has 15 frames in a row"):
        layer.postprocess()
    assert listing(tmp_path) == before


def test_layers_without_video_or_file(layer, tmp_path):
    shutil.copy(layer.fname, tmp_path / "other.json")
    with pytest.raises(AnnotationError, match="no video"):
        lk_moving_average_filter(tmp_path / "other.json")
    with pytest.raises(FormatError, match="no file"):
        lk_moving_average_filter(tmp_path / "absent.json", layer.video.fname)
    result = lk_moving_average_filter(str(tmp_path / "other.json"), layer.video.fname, save_raw=False)
    assert Path(result.fname).name == "other_lkmovavg_0.500.json"
    loose = VideoAnnotation(video=layer.video)
    with pytest.raises(AnnotationError, match="no file"):
        loose.postprocess()


def test_a_layer_of_another_video(layer, tmp_path):
    with VideoWriter(tmp_path / "short.mp4", 30, (256, 192)) as writer:
        for _ in range(30):
            writer.write(np.zeros((192, 256), np.uint8))
    layer.save()
    without = VideoAnnotation(shutil.copy(layer.fname, tmp_path / "x.json"))
    with pytest.raises(AnnotationError, match=r"label '0' has a point on frame 39, but .*short\.mp4"):
        lk_moving_average_filter(without, tmp_path / "short.mp4")
    for suffix in (".json", ".sidecar"):
        shutil.copy(Path(layer.fname).with_suffix(suffix), tmp_path / f"y{suffix}")
    with pytest.raises(ConflictError, match="another video"):
        lk_moving_average_filter(VideoAnnotation(tmp_path / "y.json"), tmp_path / "short.mp4")


# the default against the exact mode


def both(gray, points, window, contrast=1.0, compiled=True, tracked=None):
    """Mean paths of both steppers on the same pictures, and the forward/backward disagreement."""
    points = np.asarray(points, np.float32)
    if tracked is None:
        tracked = np.ones((len(points) - window + 1, points.shape[1]), bool)
    results = []
    options = flow_options({}, contrast)
    for stepper in (BatchStepper(options), NodeStepper(options, compiled)):
        total, count, apart = np.zeros(points.shape), np.zeros((len(points), 1, 1)), []
        for part in sweep(
            lambda: (g for g in gray), stepper, points, tracked, window, held=64, parallel=False
        ):
            for k, (forward, reverse) in enumerate(zip(part.forward, part.reverse, strict=True)):
                there = slice(part.first + k, part.first + k + window)
                total[there] += (forward + reverse) / 2
                count[there] += 1
                apart.append(np.linalg.norm(forward - reverse, axis=2).mean(axis=0))
        results.append(total / count)
    return results[0], results[1], np.mean(apart, axis=0)


def moving_texture(n_frames=30, size=(320, 240), seed=0):
    random = np.random.default_rng(seed)
    grain = (
        random.normal(0, 160, (size[1] + 120, size[0] + 120)),
        random.normal(0, 600, (size[1] + 120, size[0] + 120)),
    )
    still = 128 + cv2.GaussianBlur(grain[0], (0, 0), 2) + cv2.GaussianBlur(grain[1], (0, 0), 7)
    still = np.clip(still, 0, 255).astype(np.float32)
    offsets = np.stack([14 * np.sin(np.arange(n_frames) / 6), 9 * np.cos(np.arange(n_frames) / 5)], axis=-1)
    pictures = []
    for dx, dy in offsets:
        shift = np.array([[1, 0, dx - 60], [0, 1, dy - 60]])
        moved = cv2.warpAffine(still, shift, size, flags=cv2.INTER_CUBIC)
        noise = random.normal(0, 1.5, moved.shape)
        pictures.append(np.clip(moved + noise, 0, 255).astype(np.uint8))
    return pictures, offsets


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("case", ["inside", "border", "leaving", "occluded", "edge", "spread"])
def test_default_is_close_to_exact_and_as_true(compiled, case):
    if compiled and nodes._compiled() is None:
        pytest.skip("numba is not installed")
    gray, offsets = moving_texture()
    height, width = gray[0].shape
    rest = {
        "border": [[6.0, 120], [width - 5, 60], [160, 4], [100, height - 6]],
        "leaving": [[4.0, 100], [width - 4, 60], [150, 3]],
    }.get(case, [[160.0, 120], [90, 80], [230, 150], [120, 170]])
    if case == "occluded":
        for n, picture in enumerate(gray):
            cv2.rectangle(picture, (8 * n, 100), (8 * n + 40, 140), 0, -1)
    if case == "edge":
        flat = [np.full_like(picture, 90) for picture in gray]
        for n, picture in enumerate(flat):
            cv2.rectangle(picture, (int(80 + offsets[n, 0]), 60), (400, 400), 180, -1)
        gray, rest = flat, [[80.0, 120], [80, 61], [120, 60]]
    truth = np.array(rest) + offsets[:, None] - (0 if case == "border" else offsets[0])
    jitter = 4.0 if case == "spread" else 0.7
    noisy = truth + np.random.default_rng(1).normal(0, jitter, truth.shape)
    noisy = np.clip(noisy, 0, [width - 1, height - 1])
    exact, fast, _ = both(gray, noisy, WINDOW, compiled=compiled)
    assert np.sqrt(np.mean((exact - fast) ** 2)) <= 0.05
    errors = [np.sqrt(np.mean((result - truth) ** 2)) for result in (exact, fast)]
    assert errors[1] <= errors[0] + 0.01


@pytest.mark.parametrize("jitter", [1, 3])
@pytest.mark.parametrize("name", ["flies", "robot", "mouse"])
def test_default_is_close_to_exact_on_real_videos(name, jitter, tmp_path):
    if not DATA.exists():
        pytest.skip("the real videos are not beside the project")
    video = shutil.copy(DATA / f"{name}.mp4", tmp_path)
    n_frames = 60
    with GrayFrames(video, exact=True) as frames:
        rgb = [gray.copy() for gray in frames.ascending(0, n_frames)]
    with GrayFrames(video) as frames:
        luma, contrast = [gray.copy() for gray in frames.ascending(0, n_frames)], frames.contrast
    height, width = rgb[0].shape
    corners = cv2.goodFeaturesToTrack(rgb[0], 12, 0.01, 30)[:, 0]
    path = [corners]
    for before, after in itertools.pairwise(rgb):
        path.append(cv2.calcOpticalFlowPyrLK(before, after, path[-1], None, winSize=(45, 45), maxLevel=2)[0])
    noisy = np.array(path) + np.random.default_rng(1).normal(0, jitter, (n_frames, len(corners), 2))
    noisy = np.clip(noisy, 0, [width - 1, height - 1])
    batch, fast, _ = both(luma, noisy, 15, contrast)
    exact, _, apart = both(rgb, noisy, 15)
    # Where tracking itself falls apart, the rounding of one gray value already moves it by pixels.
    trackable = apart < 3 * jitter
    assert trackable.mean() > 0.5

    def between(one, other):
        return np.sqrt(np.mean((one - other)[:, trackable] ** 2))

    assert between(batch, fast) <= 0.05
    # On little texture it matters that luma is not the gray of RGB, with nodes and without.
    assert between(exact, fast) <= max(0.05, 1.1 * between(exact, batch))
