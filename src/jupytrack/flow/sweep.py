"""All windows of a moving average at once: one pass forward, one backward, each picture decoded once.

Every window is tracked forward from its first frame and backward from its last. Windows that are open on a
frame step to the next one together, so that a frame costs one step in each direction, however long the
windows are. The backward pass goes through the video in chunks; pictures are held only while one of the
passes still needs them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from jupytrack.flow.frames import Gray

__all__ = ["FinishedWindows", "Stepper", "sweep"]

Positions = NDArray[np.float32]
Mask = NDArray[np.bool_]
P = TypeVar("P")

# Pictures decoded before they are needed.
_AHEAD = 8


class Stepper(Protocol[P]):
    """Moves points from one picture to the next."""

    def prepare(self, gray: Gray) -> P:
        """Return what a picture is needed for later; called once for each picture, in order."""
        ...

    def step(self, previous: P, following: P, at: Positions, tracked: Mask) -> Positions:
        """Return where points are on the following picture.

        Parameters
        ----------
        previous, following : P
            Two prepared pictures.
        at : ndarray, float32, shape (n_windows, n_labels, 2)
            Where each window has each label on the previous picture.
        tracked : ndarray, bool, shape (n_windows, n_labels)
            Which of them count.
        """
        ...


@dataclass(frozen=True)
class FinishedWindows:
    """Paths of consecutive windows.

    Attributes
    ----------
    first : int
        Frame on which the first of these windows begins; each further one begins a frame later.
    forward, reverse : ndarray, float32, shape (n_windows, window_frames, n_labels, 2)
        Paths from the first and from the last frame of each window, both in the order of frames; undefined
        where a label is not tracked.
    """

    first: int
    forward: Positions
    reverse: Positions


class _Stopped(Exception):
    """The sweep was abandoned."""


class _Pictures(Generic[P]):
    """Prepared pictures, each held until everybody who needs it has let it go."""

    def __init__(self, source: Iterator[P], capacity: int, users: Callable[[int], int]) -> None:
        self._source = source
        self._capacity = capacity
        self._users = users
        self._held: dict[int, tuple[P, int]] = {}
        self._next = 0
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self.ahead = False

    def fill(self) -> None:
        """Decode everything, waiting while too many pictures are held; runs in a thread of its own."""
        self.ahead = True
        try:
            while True:
                with self._changed:
                    while len(self._held) >= self._capacity and self._error is None:
                        self._changed.wait()
                    if self._error is not None:
                        return
                if not self._pull():
                    return
        except BaseException as error:
            self.stop(error)

    def _pull(self) -> bool:
        picture = next(self._source, None)
        if picture is None:
            return False
        with self._changed:
            self._held[self._next] = picture, self._users(self._next)
            self._next += 1
            self._changed.notify_all()
        return True

    def get(self, n: int) -> P:
        """Return picture ``n``, waiting for it."""
        if not self.ahead:
            while self._next <= n:
                self._pull()
        with self._changed:
            while n not in self._held and self._error is None:
                self._changed.wait()
            if self._error is not None:
                raise self._error
            return self._held[n][0]

    def let_go(self, n: int) -> None:
        """Say that one user is done with picture ``n``."""
        with self._changed:
            if self._error is not None:  # nothing is held any more
                raise self._error
            picture, users = self._held.pop(n)
            if users > 1:
                self._held[n] = picture, users - 1
            else:
                self._changed.notify_all()

    def stop(self, error: BaseException) -> None:
        """Make everybody who waits give up."""
        with self._changed:
            self._error = self._error or error
            self._held.clear()
            self._changed.notify_all()


class _Sweep(Generic[P]):
    def __init__(
        self,
        pictures: _Pictures[P],
        stepper: Stepper[P],
        points: Positions,
        tracked: Mask,
        window: int,
        chunk: int,
        capacity: int,
    ) -> None:
        self.pictures = pictures
        self.stepper = stepper
        self.points = points
        self.tracked = tracked
        self.window = window
        self.chunk = chunk
        self.n_frames, self.n_labels = points.shape[:2]
        # Windows that forward may have begun before backward is done with the oldest.
        self.slots = chunk + capacity + window
        self.forward = np.empty((self.slots, window, self.n_labels, 2), np.float32)
        self.reached = 0
        self._reached = threading.Condition()
        self._failed: BaseException | None = None

    def go_forward(self, stop: int | None = None) -> Iterator[int]:
        """Track every window forward; yields the number of frames that are done."""
        at = np.empty((0, self.n_labels, 2), np.float32)
        low = high = 0  # `at` holds the windows that begin on frames low to high - 1
        previous: P | None = None
        for n in range(self.n_frames):
            picture = self.pictures.get(n)
            if low < high and low == n - self.window:
                at, low = at[1:], low + 1
            if low < high:
                at = self._step(previous, picture, at, self.tracked[low:high])
            if n < len(self.tracked):
                at, high = np.concatenate([at, self.points[n][None]]), n + 1
            open_now = np.arange(low, high)
            self.forward[open_now % self.slots, n - open_now] = at
            if previous is not None:
                self.pictures.let_go(n - 1)
            previous = picture
            yield n + 1
        self.pictures.let_go(self.n_frames - 1)

    def _step(self, previous: Any, picture: P, at: Positions, tracked: Mask) -> Positions:
        return self.stepper.step(previous, picture, at, tracked) if tracked.any() else at

    def go_all_the_way(self) -> None:
        """Track forward to the end; runs in a thread of its own."""
        try:
            for done in self.go_forward():
                with self._reached:
                    self.reached = done
                    self._reached.notify_all()
        except BaseException as error:
            with self._reached:
                self._failed = error
                self._reached.notify_all()
            self.pictures.stop(error)

    def wait_for(self, frames: int) -> None:
        """Wait until forward has passed so many frames."""
        with self._reached:
            while self.reached < frames and self._failed is None:
                self._reached.wait()
            if self._failed is not None:
                raise self._failed

    def chunks(self) -> Iterator[tuple[int, int]]:
        """Yield first and last + 1 of the frames on which the windows of each chunk end."""
        for begin in range(self.window - 1, self.n_frames, self.chunk):
            yield begin, min(begin + self.chunk, self.n_frames)

    def go_backward(self, begin: int, stop: int) -> FinishedWindows:
        """Track the windows backward that end on frames ``begin`` to ``stop - 1``."""
        first = begin - self.window + 1
        n_windows = stop - begin
        reverse = np.empty((n_windows, self.window, self.n_labels, 2), np.float32)
        at = np.empty((0, self.n_labels, 2), np.float32)
        low = high = first + n_windows  # `at` holds the windows high - 1 down to low
        previous: P | None = None
        for n in range(stop - 1, first - 1, -1):
            picture = self.pictures.get(n)
            if low < high and high == n + 2:
                at, high = at[1:], high - 1
            if low < high:
                at = self._step(previous, picture, at, self.tracked[low:high][::-1])
            if n >= begin:
                at, low = np.concatenate([at, self.points[n][None]]), n - self.window + 1
            open_now = np.arange(high - 1, low - 1, -1)
            reverse[open_now - first, n - open_now] = at
            self.pictures.let_go(n)
            previous = picture
        slots = np.arange(first, first + n_windows) % self.slots
        self.wait_for(stop)
        return FinishedWindows(first, self.forward[slots], reverse)


def sweep(
    gray: Callable[[], Generator[Gray, None, None]],
    stepper: Stepper[Any],
    points: Positions,
    tracked: Mask,
    window: int,
    *,
    held: int,
    parallel: bool = True,
) -> Iterator[FinishedWindows]:
    """Track every window of a video in both directions.

    Parameters
    ----------
    gray : callable
        Returns an iterator over all pictures.
    stepper : Stepper
        How points move from one picture to the next.
    points : ndarray, float32, shape (n_frames, n_labels, 2)
        Where windows begin and end, in pixels.
    tracked : ndarray, bool, shape (n_frames - window + 1, n_labels)
        Which labels are tracked in the window that begins on each frame.
    window : int
        Frames in a window.
    held : int
        About how many pictures may be in memory, at most.
    parallel : bool
        Decode, go forward and go backward in three threads.

    Yields
    ------
    FinishedWindows
        Consecutive windows, in order.
    """
    n_frames = len(points)
    # Every chunk tracks a window's length more than it needs; but backward has to wait for a whole chunk.
    chunk = max(min(held - window - _AHEAD, 6 * window), window, 16)
    capacity = chunk + window + _AHEAD

    def users(n: int) -> int:
        # Backward passes whose windows cover frame n, and the forward pass.
        latest = min(n + window - 1, n_frames - 1) - (window - 1)
        earliest = max(n - (window - 1), 0)
        return latest // chunk - earliest // chunk + 2

    with closing(gray()) as source:
        pictures = _Pictures(map(stepper.prepare, source), capacity, users)
        run = _Sweep(pictures, stepper, points, tracked, window, chunk, capacity)
        if not parallel:
            forward = run.go_forward()
            for begin, stop in run.chunks():
                while run.reached < stop:
                    run.reached = next(forward)
                yield run.go_backward(begin, stop)
            return
        pictures.ahead = True
        with ThreadPoolExecutor(2, thread_name_prefix="jupytrack-flow") as executor:
            executor.submit(pictures.fill)
            executor.submit(run.go_all_the_way)
            try:
                for begin, stop in run.chunks():
                    yield run.go_backward(begin, stop)
            finally:
                pictures.stop(_Stopped())
