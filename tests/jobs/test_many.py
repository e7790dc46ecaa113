from __future__ import annotations

import math
import multiprocessing
import os
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jupytrack import samples
from jupytrack.errors import VideoError, VideoNotFoundError
from jupytrack.jobs import Job, JobCancelled, Progress, VideoResult, VideoResults, map_videos

N_VIDEOS = 5
BAD = 2
N_FRAMES = 12


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Give videos of different lengths; one is a text file."""
    folder = tmp_path_factory.mktemp("many")
    paths = []
    for n in range(N_VIDEOS):
        path = folder / f"clip-{n}.mp4"
        shutil.copy(samples.frame_numbers(N_FRAMES + n, (160, 120)).video, path)
        paths.append(path)
    paths[BAD].write_text("this is no video")
    return paths


@pytest.fixture(scope="module")
def dask_executor() -> Iterator[Executor]:
    """Give a cluster of two real processes that runs a task once more if its worker died."""
    import dask
    from dask.distributed import Client, LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client.get_executor()


@pytest.fixture(params=["local", "threads", "dask"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    if request.param == "local":
        yield None
    elif request.param == "threads":
        with ThreadPoolExecutor(2) as pool:
            yield pool
    else:
        yield request.getfixturevalue("dask_executor")


def reads_every_number() -> Callable[[Path], tuple[int, int]]:
    # as in a notebook cell: a function that no module can be asked for
    from jupytrack import VideoReader

    def read(video: Path) -> tuple[int, int]:
        with VideoReader(video) as reader:
            numbers = [samples.read_frame_number(reader[n]) for n in range(len(reader))]
        assert numbers == list(range(len(numbers)))
        return len(numbers), os.getpid()

    return read


def test_each_video_is_decoded_and_the_bad_one_fails_alone(videos, executor, request):
    seen = []
    progress = Progress()
    progress.listen(lambda p: seen.append((p.done, p.total, p.text)))
    results = map_videos(reads_every_number(), videos, executor, progress=progress)

    assert [entry.video for entry in results] == videos
    assert [entry.ok for entry in results] == [n != BAD for n in range(N_VIDEOS)]
    lengths = {video: length for video, (length, _) in results.results.items()}
    assert lengths == {v: N_FRAMES + n for n, v in enumerate(videos) if n != BAD}
    assert list(results.failures) == [videos[BAD]]
    error = results[BAD].error
    assert isinstance(error, VideoError)
    assert videos[BAD].name in error.problem
    assert "in read" in results[BAD].traceback
    assert all(0 < entry.seconds < 600 for entry in results)

    assert [(done, total) for done, total, _ in seen] == [(n, N_VIDEOS) for n in range(N_VIDEOS + 1)]
    assert seen[-1][2].startswith("5 of 5 videos, 1 failed, last clip-")
    away = {pid for _, pid in results.results.values()} - {os.getpid()}
    assert bool(away) == ("threads" not in request.node.name)


def test_results_show_themselves_and_raise_on_demand(videos):
    with ThreadPoolExecutor(1) as pool:
        results = map_videos(lambda video: reads_every_number()(video)[0], videos, pool)
    assert results.summary() == "4 of 5 videos done, 1 failed"
    assert "clip-0.mp4: 12" in repr(results)
    assert "clip-2.mp4: VideoError: " in repr(results)
    html = results._repr_html_()
    assert html.count("<tr>") == N_VIDEOS + 1
    assert "VideoError" in html
    table = results.to_dataframe()
    assert list(table.columns) == ["video", "result", "error", "seconds"]
    assert table["result"].tolist() == [12, 13, None, 15, 16]
    assert (table["error"] == "").tolist() == [True, True, False, True, True]
    tables = {video: pd.DataFrame({"n": [length]}) for video, length in results.results.items()}
    assert pd.concat(tables, names=["video"])["n"].tolist() == [12, 13, 15, 16]

    for _ in range(2):
        with pytest.raises(ExceptionGroup, match="1 of 5 videos failed") as caught:
            results.raise_if_any()
        (error,) = caught.value.exceptions
        notes = [note.splitlines()[0] for note in error.__notes__]
        assert notes == [f"Video: {videos[BAD]}", "Traceback (most recent call last):"]
    good = results[:BAD]
    assert isinstance(good, VideoResults)
    assert good.raise_if_any() is good


def test_a_bar_that_is_full_still_says_how_many_failed(videos):
    from jupytrack.widgets.progress import JobProgress

    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        job = Job(lambda progress: map_videos(reads_every_number(), videos, pool, progress=progress))
        bar = JobProgress(job)
        job.when_done(lambda _: ended.set())  # after the bar's own
        assert ended.wait(60)
    assert (bar.bar.value, bar.bar.bar_style) == (1.0, "warning")
    assert bar.text.value == "4 of 5 videos done, 1 failed"


def test_markup_in_names_and_errors_is_shown_not_run():
    html = VideoResults([VideoResult(Path("<b>.mp4"), error=ValueError("<script>"))])._repr_html_()
    assert "<b>" not in html
    assert "<script>" not in html
    assert math.isnan(VideoResult(Path("a")).seconds)


def test_what_cannot_be_meant_is_refused_before_anything_runs(videos, tmp_path, monkeypatch):
    def never(video: Path) -> None:
        raise AssertionError("must not run")

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(VideoError, match="no videos"):
            map_videos(never, [], pool)
        with pytest.raises(VideoError, match="not a list"):
            map_videos(never, str(videos[0]), pool)  # type: ignore[arg-type]
        monkeypatch.chdir(videos[0].parent)
        with pytest.raises(VideoError, match=r"more than once: .*clip-0\.mp4"):
            map_videos(never, [videos[0], videos[1], Path("clip-0.mp4")], pool)
        gone = [tmp_path / f"gone-{n}.mp4" for n in range(7)]
        with pytest.raises(VideoNotFoundError, match=r"7 of 8 .*gone-4\.mp4 and 2 more"):
            map_videos(never, [videos[0], *gone], pool)
        with pytest.raises(VideoNotFoundError, match="1 of 1"):
            map_videos(never, [tmp_path], pool)
        results = map_videos(lambda video: video.name, gone[:2], pool, check_files=False)
        assert list(results.results.values()) == ["gone-0.mp4", "gone-1.mp4"]
    with pytest.raises(TypeError, match="5 is no function"):
        map_videos(5, videos)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="4 is no executor"):
        map_videos(never, videos, 4)  # type: ignore[arg-type]


def test_a_relative_path_reaches_the_worker_as_an_absolute_one(videos, monkeypatch):
    monkeypatch.chdir(videos[0].parent)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        results = map_videos(os.path.getsize, ["clip-0.mp4"], pool)
    assert results.results == {videos[0]: videos[0].stat().st_size}


def test_an_error_that_cannot_travel_is_told_in_words(videos, executor):
    class Stubborn(Exception):
        def __init__(self, a: int, b: int) -> None:
            super().__init__("stubborn as a mule")

    def fail(video: Path) -> None:
        raise Stubborn(1, 2)

    results = map_videos(fail, videos[:2], executor)
    for entry in results:
        assert isinstance(entry.error, RuntimeError)
        assert "Stubborn: stubborn as a mule" in str(entry.error)
        assert "in fail" in entry.traceback


def test_a_result_that_cannot_travel_fails_its_video_only(videos):
    def lock_for_one(video: Path) -> object:
        import threading

        return threading.Lock() if video.name == "clip-0.mp4" else 1

    results = map_videos(lock_for_one, [videos[0], videos[1]])
    assert list(results.failures) == [videos[0]]
    assert "lock" in "".join(traceback.format_exception(results[0].error))


def test_a_call_that_kills_its_process_fails_alone(videos):
    def work(video: Path) -> str:
        if video.name == "clip-1.mp4":
            os.kill(os.getpid(), signal.SIGKILL)
        return video.stem

    results = map_videos(work, videos)
    assert list(results.failures) == [videos[1]]
    assert "SIGKILL" in str(results[1].error)
    assert list(results.results.values()) == ["clip-0", "clip-2", "clip-3", "clip-4"]


def kill_when_told(pid_file: Path) -> threading.Thread:
    def kill() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if pid_file.exists() and (text := pid_file.read_text()).endswith("\n"):
                os.kill(int(text), signal.SIGKILL)
                return
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_dask_finishes_what_a_killed_worker_had_begun(videos, dask_executor, tmp_path):
    read, pid_file = reads_every_number(), tmp_path / "pid"
    good = [video for video in videos if video != videos[BAD]]

    def work(video: Path) -> tuple[int, int]:
        if video.name == "clip-0.mp4" and not pid_file.exists():
            pid_file.write_text(f"{os.getpid()}\n")
            time.sleep(60)
        return read(video)

    killer = kill_when_told(pid_file)
    results = map_videos(work, good, dask_executor).raise_if_any()
    killer.join()
    assert [length for length, _ in results.results.values()] == [12, 13, 15, 16]
    assert results[0].result is not None
    assert results[0].result[1] != int(pid_file.read_text())


def test_dask_gives_up_a_video_that_kills_every_worker(videos, dask_executor, tmp_path):
    finished = tmp_path / "finished"

    def work(video: Path) -> str:
        if video.name == "clip-1.mp4":
            end = time.monotonic() + 60
            while not finished.exists() and time.monotonic() < end:
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGKILL)
        finished.touch()
        return video.stem

    results = map_videos(work, videos[:2], dask_executor)
    assert list(results.results.values()) == ["clip-0"]
    assert "KilledWorker" in results[1].error_text()
    assert math.isnan(results[1].seconds)


def test_dask_does_not_answer_with_what_it_knows_from_before(videos, dask_executor, tmp_path):
    log = tmp_path / "calls"

    def work(video: Path) -> str:
        with log.open("a") as file:
            file.write("called\n")
        return video.stem

    held = dask_executor.submit(work, videos[0])
    assert held.result(60) == "clip-0"
    for _ in range(2):
        map_videos(work, videos[:1], dask_executor)
    assert log.read_text().count("called") == 3


def test_cancel_keeps_what_is_done_and_begins_nothing_more(videos, executor, tmp_path):
    log = tmp_path / "begun"
    log.mkdir()
    listened, go_on = tmp_path / "listened", tmp_path / "go on"

    def work(video: Path) -> str:
        (log / video.stem).touch()
        end = time.monotonic() + 60
        awaited = listened if video.name == "clip-0.mp4" else go_on
        while not awaited.exists() and time.monotonic() < end:
            time.sleep(0.02)
        return video.stem

    more = [videos[0].with_name(f"more-{n}.mp4") for n in range(20)]
    job = Job(
        lambda progress: map_videos(work, [*videos, *more], executor, check_files=False, progress=progress)
    )
    job.progress.listen(lambda progress: job.cancel() if progress.done else None)
    listened.touch()
    with pytest.raises(JobCancelled) as caught:
        job.result(60)
    assert job.state == "cancelled"
    partial = caught.value.partial
    assert list(partial.results) == videos[:1]
    assert len(partial) == len(videos) + len(more)
    assert all(isinstance(error, JobCancelled) for error in partial.failures.values())
    go_on.touch()
    if executor is not None:  # the executor lives on, and is free once its running calls have ended
        assert map_videos(lambda video: video.stem, videos[:2], executor)[1].result == "clip-1"
    assert len(list(log.iterdir())) < len(videos) + len(more)


def test_cancel_ends_the_local_processes(videos, tmp_path):
    pids = tmp_path / "pids"
    pids.mkdir()

    def work(video: Path) -> None:
        (pids / str(os.getpid())).touch()
        time.sleep(60)

    progress = Progress()
    job = Job(lambda _: map_videos(work, videos, progress=progress))
    end = time.monotonic() + 60
    while not list(pids.iterdir()) and time.monotonic() < end:
        time.sleep(0.02)
    progress.cancel()
    began = time.monotonic()
    with pytest.raises(JobCancelled):
        job.result(60)
    assert time.monotonic() - began < 30, "waited for a video instead of ending it"
    (pid, *_) = [int(path.name) for path in pids.iterdir()]
    while time.monotonic() < end and _alive(pid):
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_layers_of_many_videos_are_smoothed_on_a_cluster(dask_executor, tmp_path):
    # what the page on many videos shows
    from jupytrack import VideoAnnotation

    def smooth(video: Path) -> str:
        layer = video.with_name(f"{video.stem}_annotations_model.json")
        smoothed = VideoAnnotation(layer, video).postprocess(window_size=0.5, save_raw=False)
        return str(smoothed.fname)

    paths, truths = [], []
    for seed in range(3):
        sample = samples.ultrasound(40, (160, 120), seed=seed)
        path = tmp_path / f"clip-{seed}.mp4"
        shutil.copy(sample.video, path)
        noisy = sample.truth + np.random.default_rng(seed).normal(0, 1, sample.truth.shape)
        layer = VideoAnnotation(tmp_path / f"clip-{seed}_annotations_model.json", path)
        layer.data = {str(row): dict(enumerate(xy.tolist())) for row, xy in enumerate(noisy)}
        layer.save()
        layer.video.close()
        paths.append(path)
        truths.append(sample.truth)
    paths.append(tmp_path / "no-layer.mp4")
    shutil.copy(paths[0], paths[-1])

    results = map_videos(smooth, paths, dask_executor)
    assert list(results.failures) == [paths[-1]]
    for path, truth in zip(paths, truths, strict=False):
        smoothed = VideoAnnotation(results.results[path], path).to_table().xy
        error = np.sqrt(np.nanmean((smoothed - truth) ** 2))
        assert error < 0.6, "noise of 1 px should have come down"
