"""Frames on their way to browsers: who lacks what, and the threads that decode and encode it."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

__all__ = ["StillQueue"]

log = logging.getLogger(__name__)


class StillQueue:
    """Works on what views lack, most urgent first; a view's new list replaces its old one.

    Parameters
    ----------
    work : callable
        Called as ``work(view, request, frame, quality)`` in a thread of the pool.
    threads : int
        How many of them; two let one decode while the other encodes.
    """

    def __init__(self, work: Callable[[str, int, int, int], None], threads: int = 2) -> None:
        self._work = work
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="jupytrack-stills")
        self._lock = threading.Lock()
        self._lists: dict[str, tuple[int, int, list[int]]] = {}
        self._running = 0
        self._closed = False

    def request(
        self, view: str, number: int, frames: Sequence[int], fresh: Collection[int], quality: int
    ) -> None:
        """Replace what a view asked for.

        What is neither ``fresh`` nor still waiting was answered meanwhile, and is not made again.
        """
        with self._lock:
            if self._closed:
                return
            old = self._lists[view][2] if view in self._lists else []
            waiting = [frame for frame in frames if frame in fresh or frame in old]
            self._lists[view] = (number, quality, waiting)
            start = min(self._threads - self._running, len(waiting))
            self._running += max(start, 0)
        for _ in range(start):
            # answers belong to the message that asked, also when another thread sends them
            self._pool.submit(contextvars.copy_context().run, self._run)

    def forget(self, view: str) -> None:
        """Drop what a view asked for."""
        with self._lock:
            self._lists.pop(view, None)

    def close(self) -> None:
        """Drop everything, and let the threads end."""
        with self._lock:
            self._closed = True
            self._lists.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while True:
            with self._lock:
                job = self._next()
                if job is None:
                    self._running -= 1
                    return
            view, number, frame, quality = job
            try:
                self._work(view, number, frame, quality)
            except Exception:
                # a thread that ends here would be missing from then on
                log.exception("Frame %d could not be sent.", frame)

    def _next(self) -> tuple[str, int, int, int] | None:
        for view, (number, quality, frames) in list(self._lists.items()):
            if frames:
                frame = frames.pop(0)
                # to the end of the queue, so that views take turns
                self._lists[view] = self._lists.pop(view)
                return view, number, frame, quality
        return None
