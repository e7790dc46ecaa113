"""Preparing videos before somebody looks at them, without being in the way of who works."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from jupytrack.errors import JupytrackError
from jupytrack.video.reader import VideoReader

if TYPE_CHECKING:
    from jupytrack.dlc.project import DLCProject
    from jupytrack.jobs import Progress

__all__ = ["warm"]

# seconds that the video which is opened has the machine to itself, and that pass between two reports
_FIRST, _REST = 1.5, 0.01
_PIECE = 2**22


def warm(progress: Progress, project: DLCProject, videos: Iterable[Path]) -> None:
    """Index videos and read the files of their layers, so that they open at once; for a :class:`Job`.

    Parameters
    ----------
    progress : Progress
        Told after every piece of work; cancelling stops it there.
    project : DLCProject
        Whose videos they are.
    videos : iterable of Path
        The videos. What is wrong with one is said when it is shown.
    """
    videos = list(videos)
    until = time.monotonic() + _FIRST
    while time.monotonic() < until:
        progress.update(0, len(videos))
        time.sleep(0.05)
    for n, path in enumerate(videos):

        def report(done: float, total: float, n: int = n, path: Path = path) -> None:
            progress.update(n + 0.9 * min(done / total, 1) if total else n, len(videos), path.name)
            time.sleep(_REST)

        report(0, 1)
        with contextlib.suppress(JupytrackError, OSError):
            VideoReader(path, progress=report).close()
        with contextlib.suppress(JupytrackError, OSError):
            for file in project.file_manager(path).get_all_annotation_layers().values():
                _read(Path(file), lambda: report(1, 1))
    progress.update(len(videos), len(videos))


def _read(path: Path, report: Callable[[], None]) -> None:
    """Read a file once: the system then has it at hand."""
    with contextlib.suppress(OSError), path.open("rb", buffering=0) as file:
        while file.read(_PIECE):
            report()
