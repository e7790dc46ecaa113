"""One function on many videos, here or on a cluster."""

from __future__ import annotations

import os
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from jupytrack.errors import VideoError, VideoNotFoundError
from jupytrack.jobs.background import JobCancelled, Progress
from jupytrack.jobs.results import VideoResult, VideoResults

__all__ = ["map_videos"]

T = TypeVar("T")

# seconds between two looks at whether somebody cancelled
_LOOK = 0.1
# names of videos that an error message lists
_LISTED = 5


@dataclass
class _Attempt(Generic[T]):
    """What a worker sends back."""

    result: T | None
    error: bytes | None
    error_text: str
    traceback: str
    seconds: float


def map_videos(
    function: Callable[[Path], T],
    videos: Iterable[str | os.PathLike[str]],
    executor: Executor | None = None,
    *,
    check_files: bool = True,
    progress: Progress | None = None,
) -> VideoResults[T]:
    """Apply a function to each of many videos; a video that fails does not stop the others.

    Parameters
    ----------
    function : callable
        Called as ``function(video)`` with an absolute :class:`pathlib.Path`. What it returns travels back to
        this process: for large results write a file and return its name.
    videos : iterable of path
        Each at most once.
    executor : concurrent.futures.Executor, optional
        Where to run: anything with the interface of :class:`concurrent.futures.Executor`, such as
        ``dask.distributed.Client(...).get_executor()``. It is not shut down. By default as many processes on
        this machine as it has cores, at most one a video, which end with the call. Processes rather than
        threads, because Python's lock would let threads wait for each other, and a video that crashes its
        decoder would end the kernel; functions defined in a notebook cell work all the same.
    check_files : bool
        Refuse to begin if a video is not there. Give False if only the workers see the files.
    progress : Progress, optional
        Told after every video; may cancel. See the example for a bar with a button.

    Returns
    -------
    VideoResults
        One entry a video, in the order of ``videos``: what was returned or raised, and the seconds it took.

    Raises
    ------
    TypeError
        If ``function`` cannot be called, or ``executor`` is no executor.
    VideoError
        If there are no videos, or one is given twice.
    VideoNotFoundError
        If a video is not there or is a folder.
    JobCancelled
        If cancelled; its ``partial`` holds the results so far. What has not begun does not begin; the default
        processes are killed, so that what they were writing may be left half-done, and other executors end
        what they are doing, and their result is lost.

    Notes
    -----
    A worker that dies fails one video. That holds for the default and for Dask, which first tries the video
    on other workers (``distributed.scheduler.allowed-failures``, 3 times); a pool of the standard library
    fails all that were waiting.

    Examples
    --------
    >>> results = map_videos(count_frames, Path("session-7").glob("*.mp4"))  # doctest: +SKIP
    >>> results.failures  # doctest: +SKIP

    In a notebook, in the background:

    >>> job = Job(lambda progress: map_videos(count_frames, videos, progress=progress))  # doctest: +SKIP
    >>> JobProgress(job)  # doctest: +SKIP
    """
    if not callable(function):
        raise TypeError(f"{function!r} is no function. Give one that takes the path of a video.")
    if executor is not None and not hasattr(executor, "submit"):
        raise TypeError(f"{executor!r} is no executor. Give one, such as ThreadPoolExecutor(4), or None.")
    paths = _checked(videos, check_files)
    progress = progress or Progress()
    entries: list[VideoResult[T] | None] = [None] * len(paths)
    ended: SimpleQueue[tuple[int, Future[_Attempt[T]]]] = SimpleQueue()
    pending: dict[int, Future[_Attempt[T]]] = {}
    own = _local(len(paths)) if executor is None else None
    run = own or executor
    assert run is not None
    complete = False
    try:
        progress.update(0, len(paths), f"0 of {len(paths)} videos")
        for n, path in enumerate(paths):
            # Dask takes calls with equal arguments for the same call and may answer with an old result
            pending[n] = run.submit(_attempt, function, path, uuid.uuid4().hex)
        for n, future in pending.copy().items():
            future.add_done_callback(lambda future, n=n: ended.put((n, future)))  # type: ignore[misc]
        failed = 0
        while pending:
            if progress.cancelled:
                raise JobCancelled("The job was cancelled.")
            try:
                n, future = ended.get(timeout=_LOOK)
            except Empty:
                continue
            del pending[n]
            entry = entries[n] = _entry(paths[n], future)
            failed += not entry.ok
            done = len(paths) - len(pending)
            text = f"{done} of {len(paths)} videos" + (f", {failed} failed" if failed else "")
            progress.update(done, len(paths), f"{text}, last {paths[n].name}")
        complete = True
    except JobCancelled as cancelled:
        never = JobCancelled("Cancelled before the video was done.")
        cancelled.partial = VideoResults(
            entry or VideoResult(path, error=never) for path, entry in zip(paths, entries, strict=True)
        )
        raise
    finally:
        for future in pending.values():
            future.cancel()
        if own is not None:
            own.shutdown(wait=True, cancel_futures=not complete)
    return VideoResults(entry for entry in entries if entry is not None)


def _checked(videos: Iterable[str | os.PathLike[str]], check_files: bool) -> list[Path]:
    if isinstance(videos, (str, bytes, os.PathLike)):
        raise VideoError(f"{os.fsdecode(videos)!r} is one path, not a list of videos.", "Put it into [ ].")
    # workers have another working folder
    paths = [Path(os.path.abspath(os.fspath(video))) for video in videos]
    if not paths:
        raise VideoError("There are no videos to work on.", "Give at least one; did a pattern match none?")
    twice = [str(path) for path, count in Counter(paths).items() if count > 1]
    if twice:
        raise VideoError(f"Given more than once: {_listed(twice)}.", "Give each video once.")
    if check_files:
        missing = [str(path) for path in paths if not path.is_file()]
        if missing:
            raise VideoNotFoundError(
                f"{len(missing)} of {len(paths)} videos are not there: {_listed(missing)}.",
                "Correct the paths; if only the workers see the files, give check_files=False.",
            )
    return paths


def _listed(names: list[str]) -> str:
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _local(n_videos: int) -> Executor:
    import loky

    from jupytrack.jobs.processes import LocalProcesses

    # minds containers' limits, too
    return LocalProcesses(max(1, min(n_videos, loky.cpu_count())))


def _attempt(function: Callable[[Path], T], video: Path, token: str) -> _Attempt[T]:
    """Call the function where it runs; an error travels as bytes, since some break a pool that sends them."""
    import cloudpickle

    began = time.perf_counter()
    try:
        result = function(video)
    except (Exception, SystemExit) as error:
        where = "".join(traceback.format_exception(error))
        text = f"{type(error).__name__}: {error}"
        try:
            sent: bytes = cloudpickle.dumps(error)
        except Exception:
            sent = b""
        return _Attempt(None, sent, text, where, time.perf_counter() - began)
    return _Attempt(result, None, "", "", time.perf_counter() - began)


def _entry(video: Path, future: Future[_Attempt[T]]) -> VideoResult[T]:
    try:
        attempt = future.result()
    except BaseException as error:  # the worker's own: dead, cancelled from outside, nothing that can be sent
        return VideoResult(video, error=error)
    if attempt.error is None:
        return VideoResult(video, attempt.result, None, attempt.seconds)
    return VideoResult(video, None, _received(attempt), attempt.seconds, attempt.traceback)


def _received(attempt: _Attempt[Any]) -> BaseException:
    import cloudpickle

    try:
        error = cloudpickle.loads(attempt.error)
    except Exception:
        error = None
    return error if isinstance(error, BaseException) else RuntimeError(attempt.error_text)
