"""Processes on this machine, each with its own fate."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

from loky import ProcessPoolExecutor

__all__ = ["LocalProcesses"]

T = TypeVar("T")


class LocalProcesses(Executor):
    """An executor whose processes do not take each other down.

    The pools of the standard library and of loky fail everything that is waiting once one worker dies. Here
    each worker is a pool of its own: a crash or a lack of memory fails the one call that met it, and the next
    call gets a new process.

    The processes are loky's. They get functions by value, so that functions defined in a notebook cell work,
    and they do not run the main script again, as ``spawn`` would, nor inherit a kernel's threads, as ``fork``
    would.

    Parameters
    ----------
    n_workers : int
        Processes at a time.
    """

    def __init__(self, n_workers: int) -> None:
        self._threads = ThreadPoolExecutor(n_workers, thread_name_prefix="jupytrack-videos")
        self._lock = threading.Lock()
        self._idle: list[ProcessPoolExecutor] = []
        self._pools: set[ProcessPoolExecutor] = set()
        self._closed = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run ``fn(*args, **kwargs)`` in the next process that is free."""
        return self._threads.submit(self._run, fn, args, kwargs)

    def _run(self, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        with self._lock:
            if self._closed:
                raise RuntimeError("The processes were stopped.")
            pool = self._idle.pop() if self._idle else ProcessPoolExecutor(1)
            self._pools.add(pool)
            future = pool.submit(fn, *args, **kwargs)
        try:
            result: T = future.result()
        except BrokenExecutor:
            with self._lock:
                self._pools.discard(pool)
            pool.shutdown(wait=False, kill_workers=True)
            raise
        except BaseException:
            self._give_back(pool)
            raise
        self._give_back(pool)
        return result

    def _give_back(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            self._idle.append(pool)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop the processes: after their work, or at once with ``cancel_futures``."""
        if cancel_futures:
            with self._lock:
                self._closed = True
                pools = list(self._pools)
            for pool in pools:
                pool.shutdown(wait=False, kill_workers=True)
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        with self._lock:
            self._closed = True
            pools, self._pools = list(self._pools), set()
            self._idle.clear()
        for pool in pools:
            pool.shutdown(wait=wait, kill_workers=cancel_futures)
