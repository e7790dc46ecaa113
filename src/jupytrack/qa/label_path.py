"""The way of one label from point to point, and where it left that way for a while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelPath"]

FloatArray = NDArray[np.float64]
Places = NDArray[np.intp]

_NEIGHBOURS = 2


@dataclass(frozen=True)
class LabelPath:
    """Where a label is, on the frames that have a point.

    Attributes
    ----------
    frames : ndarray, shape (n,)
        The frames.
    xy : ndarray, shape (n, 2)
        Positions.
    steps, lengths, speeds : ndarray, shape (n - 1, 2) and (n - 1,)
        From each point to the next: vector, length in pixels, and pixels a frame.
    """

    frames: Places
    xy: FloatArray
    steps: FloatArray
    lengths: FloatArray
    speeds: FloatArray

    @classmethod
    def of(cls, xy: FloatArray) -> LabelPath:
        """Return the way of a label whose positions are NaN where there is no point."""
        frames = np.flatnonzero(~np.isnan(xy[:, 0]))
        steps = np.diff(xy[frames], axis=0)
        lengths = np.linalg.norm(steps, axis=1)
        return cls(frames, xy[frames], steps, lengths, lengths / np.diff(frames))

    def excursions(
        self, arrivals: Places, fastest: float, longest: float
    ) -> Iterator[tuple[int, int | None]]:
        """Yield the place of each jump, and that of its return; None of one that stays.

        Parameters
        ----------
        arrivals : ndarray of int
            Places in :attr:`frames` at which the label arrived by a jump, ascending, none of them 0.
        fastest : float
            The way past an excursion is no faster, in pixels a frame.
        longest : float
            An excursion takes no more frames.
        """
        rows = arrivals.tolist()
        at = 0
        while at < len(rows):
            first = rows[at]
            back = self._return(first, rows[at + 1 :], fastest, longest)
            yield first, back
            at += 1
            # the return, and what jumped in between, is explained
            while back is not None and at < len(rows) and rows[at] <= back:
                at += 1

    def frame(self, place: int | None) -> int | None:
        """Return the frame of a place."""
        return None if place is None else int(self.frames[place])

    def _return(self, first: int, places: list[int], fastest: float, longest: float) -> int | None:
        # the way back from a single point may be no jump, as it is none for accelerations
        if first + 1 < len(self.frames) and self._goes_on(first, first + 1, fastest, False):
            near = self.frames[first + 1] - self.frames[first] <= longest
            return first + 1 if near else None
        previous, restless = first, True
        for place in places:
            if place >= len(self.frames) or self.frames[place] - self.frames[first] > longest:
                return None
            # of neighbouring points one may lack its mark, as acceleration gives them to peaks only
            restless &= place - previous <= _NEIGHBOURS
            if self._goes_on(first, place, fastest, restless):
                return place
            previous = place
        return None

    def _goes_on(self, away: int, back: int, fastest: float, restless: bool) -> bool:
        """Tell whether a label that jumps to one place goes on from another as if nothing had been.

        If it is restless, it jumps all the way between; else the jump back undoes the one away.
        """
        frames = self.frames
        across = (self.xy[back] - self.xy[away - 1]) / (frames[back] - frames[away - 1])
        if np.linalg.norm(across) > fastest:
            return False
        if restless:
            return True
        lengths = self.lengths[away - 1], self.lengths[back - 1]
        if min(lengths) < 0.5 * max(lengths):
            return False
        out, home = (self.steps[i - 1] - across * (frames[i] - frames[i - 1]) for i in (away, back))
        return bool(np.linalg.norm(out + home) < 0.5 * min(np.linalg.norm(out), np.linalg.norm(home)))
