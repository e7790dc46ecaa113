"""What came of a function that was applied to many videos."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["VideoResult", "VideoResults"]

T = TypeVar("T")

# characters of a result or an error that a table shows
_WIDTH = 80


@dataclass(frozen=True)
class VideoResult(Generic[T]):
    """What came of one video.

    Attributes
    ----------
    video : Path
        The video.
    result : object
        What the function returned; None if it failed.
    error : Exception or None
        What it raised; None if it succeeded.
    seconds : float
        How long the call took where it ran; NaN if that is not known, as when the worker died.
    traceback : str
        Where the error arose, as text; empty if it succeeded.
    """

    video: Path
    result: T | None = None
    error: BaseException | None = None
    seconds: float = math.nan
    traceback: str = field(default="", repr=False)

    @property
    def ok(self) -> bool:
        """Whether the function returned."""
        return self.error is None

    def error_text(self) -> str:
        """Return the error in one line, as ``Type: message``; empty if there is none."""
        return "" if self.error is None else " ".join(f"{type(self.error).__name__}: {self.error}".split())


class VideoResults(Sequence[VideoResult[T]], Generic[T]):
    """What came of all videos, in the order in which they were given.

    A notebook cell shows it as a table. It is a sequence of :class:`VideoResult`.

    Parameters
    ----------
    entries : iterable of VideoResult
        One for each video.
    """

    def __init__(self, entries: Iterable[VideoResult[T]]) -> None:
        self._entries = tuple(entries)

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, n: int) -> VideoResult[T]: ...
    @overload
    def __getitem__(self, n: slice) -> VideoResults[T]: ...
    def __getitem__(self, n: int | slice) -> VideoResult[T] | VideoResults[T]:
        return VideoResults(self._entries[n]) if isinstance(n, slice) else self._entries[n]

    @property
    def results(self) -> dict[Path, T]:
        """Video → what the function returned, for those where it did.

        ``pandas.concat(results.results, names=["video"])`` makes one table of the tables of all videos.
        """
        return {entry.video: entry.result for entry in self if entry.ok}  # type: ignore[misc]

    @property
    def failures(self) -> dict[Path, BaseException]:
        """Video → what was raised, for those that failed; ``list(results.failures)`` is what to run again."""
        return {entry.video: entry.error for entry in self if entry.error is not None}

    def raise_if_any(self) -> VideoResults[T]:
        """Raise if a video failed; return itself if none did.

        Returns
        -------
        VideoResults

        Raises
        ------
        ExceptionGroup
            With every error; a note on each names its video and where in the function it arose.
        """
        failed = [entry for entry in self if not entry.ok]
        if not failed:
            return self
        errors = []
        for entry in failed:
            assert entry.error is not None
            note = f"Video: {entry.video}"
            if note not in getattr(entry.error, "__notes__", []):
                entry.error.add_note(note)
                if entry.traceback:
                    entry.error.add_note(entry.traceback)
            errors.append(entry.error)
        raise BaseExceptionGroup(f"{len(failed)} of {len(self)} videos failed", errors)

    def to_dataframe(self) -> pd.DataFrame:
        """Return a table with one row a video: ``video``, ``result``, ``error`` (text) and ``seconds``."""
        import pandas as pd

        columns: dict[str, Any] = {
            "video": [str(entry.video) for entry in self],
            "result": pd.Series([entry.result for entry in self], dtype=object),
            "error": [entry.error_text() for entry in self],
            "seconds": [entry.seconds for entry in self],
        }
        return pd.DataFrame(columns)

    def summary(self) -> str:
        """Return how many videos are done and how many failed, as one line."""
        failed = len(self.failures)
        done = f"{len(self) - failed} of {len(self)} videos done"
        return f"{done}, {failed} failed" if failed else done

    def __repr__(self) -> str:
        lines = []
        for entry in self:
            text = repr(entry.result) if entry.ok else entry.error_text()
            lines.append(f"  {entry.video.name}: {_short(text)}")
        return "\n".join([self.summary(), *lines])

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(f"<th>{name}</th>" for name in ("video", "result", "error", "seconds"))
        rows = []
        for entry in self:
            seconds = "" if math.isnan(entry.seconds) else f"{entry.seconds:.1f}"
            result = _short(repr(entry.result)) if entry.ok else ""
            cells = [
                f'<td title="{escape(str(entry.video))}">{escape(entry.video.name)}</td>',
                f"<td>{escape(result)}</td>",
                f'<td title="{escape(entry.traceback)}">{escape(_short(entry.error_text()))}</td>',
                f"<td>{seconds}</td>",
            ]
            rows.append(f"<tr>{''.join(cells)}</tr>")
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        return f"<p>{escape(self.summary())}</p>{table}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
