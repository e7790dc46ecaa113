"""Flags with what was decided about each, as a review goes on."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from jupytrack.qa.verdicts import Decision, Verdict, Verdicts

__all__ = ["FlagList", "State"]

State = Literal["open", "accepted", "fixed", "dismissed", "cleared"]


class FlagList:
    """Flags and their state.

    Parameters
    ----------
    queue : pandas.DataFrame
        What :func:`jupytrack.qa.queue.flag_queue` returned.
    verdicts : Verdicts
        What was decided earlier, and where it is kept.

    Attributes
    ----------
    rows : pandas.DataFrame
        The queue, with ``flagged`` (whether the check strikes now) and ``edited`` (whether points on the
        flag's frames were changed).
    states : list of {"open", "accepted", "fixed", "dismissed", "cleared"}
        Of each flag; one without a verdict is cleared when its check no longer strikes.
    found : list of Verdict or None
        The verdict on each flag.
    """

    def __init__(self, queue: pd.DataFrame, verdicts: Verdicts) -> None:
        self.rows = queue.assign(flagged=True, edited=False)
        self.verdicts = verdicts
        self.found: list[Verdict | None] = []
        self.states: list[State] = []
        self.refresh()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def table(self) -> pd.DataFrame:
        """The rows with ``state``, ``reason``, ``author`` and ``time``."""
        table = self.rows.copy()
        table.insert(6, "state", pd.Series(self.states, dtype=object))
        for place, name in enumerate(("reason", "author", "time"), 7):
            values = ["" if one is None else getattr(one, name) for one in self.found]
            table.insert(place, name, pd.Series(values, dtype=object))
        return table

    @property
    def progress(self) -> tuple[int, int]:
        """How many flags are reviewed, and how many there are."""
        return sum(state != "open" for state in self.states), len(self.states)

    def next_open(self, current: int | None) -> int | None:
        """Return the row of the open flag after a row, from the end on to the beginning; None if none is."""
        n, start = len(self.states), -1 if current is None else current
        after = [place % n for place in range(start + 1, start + 1 + n)]
        return next((place for place in after if self.states[place] == "open"), None)

    def at(self, frame: int, current: int | None) -> int | None:
        """Return the row of the flag that holds on a frame: the current one, else an open one, else any."""
        there = (self.rows["frame"] <= frame) & (self.rows["last"] >= frame)
        places: list[int] = np.flatnonzero(there.to_numpy()).tolist()
        if not places or current in places:
            return current if places else None
        return next((place for place in places if self.states[place] == "open"), places[0])

    def give(self, place: int, verdict: Decision, reason: str = "") -> None:
        """Keep a verdict on the flag in a row.

        Raises
        ------
        AnnotationError
            If a dismissal has no reason.
        SaveError
            If it cannot be written.
        """
        flag = self.rows.iloc[place]
        self.verdicts.add(int(flag["frame"]), flag["track"], flag["checks"].split(", "), verdict, reason)
        # those of others may have come, too
        self.refresh()

    def mark_edited(self, frames: ArrayLike) -> None:
        """Mark the flags that hold on some of these frames."""
        changed = np.unique(np.asarray(frames, np.int64))
        first, last = (self.rows[name].to_numpy() for name in ("frame", "last"))
        self.rows["edited"] |= np.searchsorted(changed, last, "right") > np.searchsorted(changed, first)

    def merge(self, queue: pd.DataFrame) -> None:
        """Take over what the checks find now: no row moves, new ones come last."""
        old = self.rows
        spots = {spot: place for place, spot in enumerate(_spots(queue))}
        match = np.array([spots.get(spot, -1) for spot in _spots(old)], np.int64)
        there = match >= 0
        for name in ("last", "score", "checks", "message"):
            values = old[name].to_numpy(copy=True)
            values[there] = queue[name].to_numpy()[match[there]]
            old[name] = pd.Series(values, dtype=queue[name].dtype)
        old["flagged"] = there
        fresh = queue[~np.isin(np.arange(len(queue)), match)].assign(flagged=True, edited=False)
        if len(fresh):
            self.rows = pd.concat([old, fresh] if len(old) else [fresh], ignore_index=True)
        self.refresh()

    def refresh(self) -> None:
        """Look up the verdict on each flag."""
        columns = (self.rows[name].tolist() for name in ("frame", "track", "checks", "flagged"))
        self.found, self.states = [], []
        for frame, track, checks, flagged in zip(*columns, strict=True):
            one = self.verdicts.of(frame, track, checks.split(", "))
            self.found.append(one)
            # of() never returns a verdict that was taken back
            state: Any = one.verdict if one is not None else "open" if flagged else "cleared"
            self.states.append(state)


def _spots(rows: pd.DataFrame) -> list[tuple[Any, Any]]:
    return list(zip(rows["track"].tolist(), rows["frame"].tolist(), strict=True))
