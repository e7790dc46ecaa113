from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from jupytrack.jobs import Job, JobCancelled, Progress


def test_a_job_returns_what_its_function_returns_and_reports_on_the_way():
    seen = []

    def work(progress: Progress, n: int) -> int:
        progress.listen(lambda p: seen.append((p.done, p.total, p.text, p.fraction)))
        for i in range(n):
            progress.update(i + 1, n, "counting")
        return n

    assert Job(work, 2).result(10) == 2
    assert seen == [(1.0, 2.0, "counting", 0.5), (2.0, 2.0, "counting", 1.0)]


def test_cancel_stops_a_running_job_at_its_next_report():
    started, go_on = threading.Event(), threading.Event()

    def work(progress: Progress) -> str:
        started.set()
        go_on.wait(10)
        progress.update(1, 2)
        return "never"

    job = Job(work)
    assert started.wait(10)
    assert job.state == "running"
    job.cancel()
    go_on.set()
    with pytest.raises(JobCancelled):
        job.result(10)
    assert job.state == "cancelled"


def test_a_job_that_has_not_begun_is_cancelled_at_once():
    block = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        first = Job(lambda progress: block.wait(10), executor=executor)
        second = Job(lambda progress: "never", executor=executor)
        assert second.state == "waiting"
        second.cancel()
        assert second.state == "cancelled"
        block.set()
        assert first.result(10) is True


def test_a_failure_is_kept_for_whoever_asks():
    def work(progress: Progress) -> None:
        raise ValueError("frame 7 is odd")

    ended = threading.Event()
    job = Job(work)
    job.when_done(lambda j: ended.set())
    with pytest.raises(ValueError, match="frame 7"):
        job.result(10)
    assert job.state == "failed"
    assert ended.wait(10)


def test_time_left_follows_the_rate():
    progress = Progress()
    assert progress.seconds_left is None
    progress.started -= 10
    progress.update(1, 4)
    assert progress.seconds_left == pytest.approx(30, rel=0.05)
