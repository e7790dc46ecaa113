"""Work off the main thread, with progress and cancel.

A :class:`Job` wraps a function that takes a :class:`Progress` as its first argument, runs it on any
``concurrent.futures`` executor (its own single thread unless one is given) and reports where it is. Nothing
here knows about widgets: ``jupytrack.widgets.progress`` shows a job, and a script can wait for one.

>>> def count(progress, n):
...     for i in range(n):
...         progress.update(i + 1, n, "counting")
...     return n
>>> Job(count, 3).result()
3
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from typing import Any, Generic, Literal, TypeVar

__all__ = ["Job", "JobCancelled", "Progress"]

T = TypeVar("T")
State = Literal["waiting", "running", "done", "failed", "cancelled"]


class JobCancelled(CancelledError):
    """Raised inside a job, at its next progress report, once somebody asked it to stop.

    Attributes
    ----------
    partial : object
        What was finished by then, for work that keeps it; else None.
    """

    partial: Any = None


class Progress:
    """What a running job reports to, and where it learns that it should stop.

    Attributes
    ----------
    done, total : float
        How far the work is; ``total`` is 0 while it is not known.
    text : str
        What is being done, in a few words.
    """

    def __init__(self) -> None:
        self.done = 0.0
        self.total = 0.0
        self.text = ""
        self.started = time.monotonic()
        self._cancel = threading.Event()
        self._listeners: list[Callable[[Progress], None]] = []

    def update(self, done: float, total: float | None = None, text: str | None = None) -> None:
        """Report progress, and stop here if the job was cancelled.

        Parameters
        ----------
        done : float
            Units of work finished.
        total : float, optional
            Units in all; unchanged if omitted.
        text : str, optional
            What is being done; unchanged if omitted.

        Raises
        ------
        JobCancelled
            If :meth:`cancel` was called.
        """
        if self._cancel.is_set():
            raise JobCancelled("The job was cancelled.")
        self.done = float(done)
        if total is not None:
            self.total = float(total)
        if text is not None:
            self.text = text
        for listener in list(self._listeners):
            listener(self)

    def cancel(self) -> None:
        """Ask the work to stop at its next report."""
        self._cancel.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked the work to stop."""
        return self._cancel.is_set()

    @property
    def fraction(self) -> float | None:
        """Share of the work that is done, 0 to 1; None while the total is unknown."""
        return min(self.done / self.total, 1.0) if self.total > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the time left, in seconds, at the mean rate so far; None while there is no rate yet."""
        fraction = self.fraction
        if not fraction:
            return None
        return (time.monotonic() - self.started) * (1 - fraction) / fraction

    def listen(self, listener: Callable[[Progress], None]) -> Callable[[], None]:
        """Call ``listener(progress)`` from the worker's thread at every report.

        Returns
        -------
        callable
            Stops the calls.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None


class Job(Generic[T]):
    """One piece of work in the background.

    Parameters
    ----------
    function : callable
        Called as ``function(progress, *args, **kwargs)``.
    executor : concurrent.futures.Executor, optional
        Where to run; a thread of its own by default. The executor must share this process's memory, because
        progress travels through the :class:`Progress` object.
    title : str
        A name for people.
    """

    def __init__(
        self,
        function: Callable[..., T],
        *args: Any,
        executor: Executor | None = None,
        title: str = "",
        **kwargs: Any,
    ) -> None:
        self.title = title or getattr(function, "__name__", "job").replace("_", " ")
        self.progress = Progress()
        self._running = threading.Event()
        own = ThreadPoolExecutor(1, thread_name_prefix="jupytrack-job") if executor is None else None

        def run() -> T:
            self.progress.started = time.monotonic()
            self._running.set()
            return function(self.progress, *args, **kwargs)

        self.future: Future[T] = (own or executor).submit(run)  # type: ignore[union-attr]
        if own is not None:
            own.shutdown(wait=False)

    @property
    def state(self) -> State:
        """One of ``waiting``, ``running``, ``done``, ``failed``, ``cancelled``."""
        if self.future.cancelled():
            return "cancelled"
        if not self.future.done():
            return "running" if self._running.is_set() else "waiting"
        error = self.future.exception()
        if error is None:
            return "done"
        return "cancelled" if isinstance(error, CancelledError) else "failed"

    def cancel(self) -> None:
        """Stop the work: at once if it has not begun, else at its next progress report."""
        self.progress.cancel()
        self.future.cancel()

    def result(self, timeout: float | None = None) -> T:
        """Wait for the work and return what it returned, or raise what it raised."""
        return self.future.result(timeout)

    def when_done(self, callback: Callable[[Job[T]], None]) -> None:
        """Call ``callback(job)`` once the work has ended, however it ended, from the thread that ended it."""
        self.future.add_done_callback(lambda _: callback(self))
