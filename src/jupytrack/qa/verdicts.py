"""What reviewers decided about flags, kept beside the layer or the video."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from jupytrack.annotation.entries import user_name
from jupytrack.annotation.layer_files import companion_stem
from jupytrack.annotation.storage import annotation_folder
from jupytrack.errors import AnnotationError
from jupytrack.files import read_error, save_error

__all__ = ["Decision", "Verdict", "Verdicts", "verdict_file"]

Decision = Literal["accepted", "fixed", "dismissed", "open"]


def verdict_file(video: str | Path, layer: str | Path | None = None) -> Path:
    """Return where the verdicts are kept.

    Parameters
    ----------
    video : path
        The video.
    layer : path, optional
        The file of the layer that is reviewed; without one, the verdicts belong to the video.

    Returns
    -------
    Path
        ``<layer>.review`` beside the layer, or ``<video>.jupytrack-review`` beside the video (in the user's
        data folder where one may not write there).
    """
    if layer is not None:
        path = Path(layer)
        return path.with_name(f"{companion_stem(path)}.review")
    return annotation_folder(video) / f"{Path(video).name}.jupytrack-review"


@dataclass(frozen=True)
class Verdict:
    """One decision about one flag.

    Attributes
    ----------
    frame : int
        First frame of the flag.
    track : str, int or None
        Label or track id; None for the whole frame.
    checks : tuple of str
        What had flagged it.
    verdict : {"accepted", "fixed", "dismissed", "open"}
        ``accepted``: the flag is right; ``fixed``: it was right, and was corrected; ``dismissed``: it is
        wrong; ``open``: an earlier verdict is taken back.
    reason : str
        Why it was dismissed.
    author, time : str
        Who (the JupyterHub user, else that of the operating system), and when (UTC, ISO 8601).
    """

    frame: int
    track: str | int | None
    checks: tuple[str, ...]
    verdict: Decision
    reason: str
    author: str
    time: str


class Verdicts:
    """The verdicts in one file, a line of JSON each; the last one on a flag counts.

    A verdict is on the disk when it is given. Several people may review at the same time: lines are only ever
    added, and what others add is seen with the next verdict.

    Parameters
    ----------
    path : path
        The file; it is made with the first verdict.

    Attributes
    ----------
    path : Path
        The file.
    problems : list of str
        Lines that could not be read, for people.

    Raises
    ------
    FormatError
        If the file cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.problems: list[str] = []
        self._all: list[Verdict] = []
        self._by_spot: dict[tuple[Any, int], list[Verdict]] = {}
        self._read_to = self._lines = 0
        self._lock = threading.Lock()
        with self._lock:
            self._read()

    def __len__(self) -> int:
        return len(self._all)

    def add(
        self,
        frame: int,
        track: str | int | None,
        checks: Iterable[str],
        verdict: Decision,
        reason: str = "",
    ) -> Verdict:
        """Keep a verdict.

        Parameters
        ----------
        frame : int
            First frame of the flag.
        track : str, int or None
            Label or track id; None for the whole frame.
        checks : iterable of str
            What had flagged it.
        verdict : {"accepted", "fixed", "dismissed", "open"}
            What was decided.
        reason : str
            Why; a dismissal needs one.

        Raises
        ------
        AnnotationError
            If there is no such verdict, or a dismissal has no reason.
        SaveError
            If it cannot be written; then it does not count.
        """
        reason = " ".join(str(reason).split())
        if verdict not in get_args(Decision):
            raise AnnotationError(
                f"There is no verdict {verdict!r}.", f"Give {', '.join(get_args(Decision))}."
            )
        if verdict == "dismissed" and not reason:
            raise AnnotationError("A dismissal needs a reason.", "Say why the flag is wrong, in a few words.")
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        one = Verdict(int(frame), track, tuple(checks), verdict, reason, user_name(), now)
        with self._lock:
            self._append(json.dumps(asdict(one), ensure_ascii=False, allow_nan=False))
            self._read()
        return one

    def of(self, frame: int, track: str | int | None, checks: Iterable[str]) -> Verdict | None:
        """Return the verdict on a flag: the last one that knew of all its checks; None if it is open."""
        wanted = frozenset(checks)
        for one in reversed(self._by_spot.get((track, int(frame)), [])):
            if wanted <= set(one.checks):
                return None if one.verdict == "open" else one
        return None

    def to_dataframe(self) -> pd.DataFrame:
        """Return every verdict ever given, in order; columns as the attributes of :class:`Verdict`."""
        names = list(Verdict.__dataclass_fields__)
        rows = [[getattr(one, name) for name in names] for one in self._all]
        table = pd.DataFrame(rows, columns=names)
        table["checks"] = pd.Series([", ".join(one.checks) for one in self._all], dtype=object)
        table["track"] = pd.Series([one.track for one in self._all], dtype=object)
        table["frame"] = table["frame"].astype("int64")
        return table

    def _append(self, line: str) -> None:
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                size = os.fstat(handle).st_size
                # a line that somebody could not finish stays a line of its own
                torn = size > 0 and _last_byte(self.path) != b"\n"
                content = (b"\n" if torn else b"") + line.encode() + b"\n"
                written = os.write(handle, content)
                if written < len(content):
                    if os.fstat(handle).st_size == size + written:
                        os.ftruncate(handle, size)
                    raise OSError(28, "No space left on device")
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise save_error(self.path, error) from error

    def _read(self) -> None:
        """Read the whole lines that came since the last time."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read_to)
                content = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise read_error(self.path, error) from error
        whole = content[: content.rfind(b"\n") + 1]
        self._read_to += len(whole)
        for line in whole.split(b"\n")[:-1]:
            self._lines += 1
            if not line.strip():
                continue
            try:
                one = _verdict(json.loads(line))
            except (ValueError, KeyError, TypeError):
                self.problems.append(
                    f"Line {self._lines} of {self.path.name} is no verdict and was left out."
                )
                continue
            self._all.append(one)
            self._by_spot.setdefault((one.track, one.frame), []).append(one)


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _verdict(record: dict[str, Any]) -> Verdict:
    verdict, track, frame = record["verdict"], record["track"], record["frame"]
    known = (
        isinstance(track, str | int | None) and isinstance(frame, int) and isinstance(record["checks"], list)
    )
    if verdict not in get_args(Decision) or not known:
        raise ValueError
    texts = (str(record[name]) for name in ("reason", "author", "time"))
    return Verdict(frame, track, tuple(map(str, record["checks"])), verdict, *texts)
