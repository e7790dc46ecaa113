"""Every window's points in one call of OpenCV: the numbers of DUSTrack."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.flow.frames import Gray
from jupytrack.flow.opencv import track

__all__ = ["BatchStepper"]


class BatchStepper:
    """Tracks each window's points for themselves, all in one call.

    Parameters
    ----------
    options : dict
        Arguments of ``cv2.calcOpticalFlowPyrLK``.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def prepare(self, gray: Gray) -> Gray:
        """Return the picture as it is."""
        return gray

    def step(
        self, previous: Gray, following: Gray, at: NDArray[np.float32], tracked: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return where points are on the following picture; see :class:`jupytrack.flow.sweep.Stepper`."""
        moved = at.copy()
        moved[tracked] = track(previous, following, at[tracked], self.options)
        return moved
