from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from jupytrack.widgets.stills import StillQueue


class Bench:
    """A queue whose one worker stops at every frame until it is let go on."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int]] = []
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.finished = threading.Semaphore(0)
        self.queue = StillQueue(self.work, threads=1)

    def work(self, view: str, number: int, frame: int, quality: int) -> None:
        self.begun.release()
        assert self.go_on.acquire(timeout=10)
        self.done.append((view, frame))
        self.finished.release()
        if frame == 13:
            raise RuntimeError("unlucky")

    def finish(self, count: int) -> None:
        for _ in range(count):
            self.go_on.release()
        for _ in range(count):
            assert self.finished.acquire(timeout=10)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.queue.close()
    for _ in range(100):
        bench.go_on.release()


def test_the_newest_list_wins(bench: Bench) -> None:
    bench.queue.request("v", 1, [1, 2, 3], [1, 2, 3], 80)
    assert bench.begun.acquire(timeout=10)
    bench.queue.request("v", 2, [50, 51, 2], [50, 51], 80)
    bench.finish(4)
    assert bench.done == [("v", 1), ("v", 50), ("v", 51), ("v", 2)]


def test_what_was_answered_meanwhile_is_not_made_again(bench: Bench) -> None:
    bench.queue.request("v", 1, [1, 2], [1, 2], 80)
    bench.finish(2)
    bench.queue.request("v", 2, [1, 2, 3], [3], 80)
    bench.finish(1)
    assert bench.done == [("v", 1), ("v", 2), ("v", 3)]


def test_views_take_turns(bench: Bench) -> None:
    bench.queue.request("a", 1, [0, 1, 2], [0, 1, 2], 80)
    assert bench.begun.acquire(timeout=10)
    bench.queue.request("b", 1, [7, 8], [7, 8], 80)
    bench.finish(5)
    assert bench.done == [("a", 0), ("a", 1), ("b", 7), ("a", 2), ("b", 8)]


def test_a_failure_stops_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.queue.request("v", 1, [13, 14], [13, 14], 80)
    bench.finish(2)
    assert bench.done == [("v", 13), ("v", 14)]
    assert "Frame 13" in caplog.text


def test_a_closed_view_costs_nothing(bench: Bench) -> None:
    bench.queue.request("v", 1, [1, 2], [1, 2], 80)
    assert bench.begun.acquire(timeout=10)
    bench.queue.forget("v")
    bench.finish(1)
    bench.queue.request("w", 1, [9], [9], 80)
    bench.finish(1)
    assert bench.done == [("v", 1), ("w", 9)]
