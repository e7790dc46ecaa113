"""What the rest of the package needs of a video, so that anything that hands out frames can be annotated."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameSource"]


@runtime_checkable
class FrameSource(Protocol):
    """Numbered pictures with times.

    Attributes
    ----------
    fname : str
        Path of the file, as text.
    name : str
        File name without folder and suffix.
    """

    fname: str
    name: str

    @property
    def width(self) -> int:
        """Width of a displayed picture, in pixels."""
        ...

    @property
    def height(self) -> int:
        """Height of a displayed picture, in pixels."""
        ...

    @property
    def fingerprint(self) -> str:
        """Stable id of the content, whatever the file is called."""
        ...

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Presentation times in seconds, shape ``(n_frames,)``."""
        ...

    def __len__(self) -> int:
        """Return the number of frames."""
        ...

    def __getitem__(self, n: Any, /) -> NDArray[np.uint8]:
        """Return frame ``n``: ``(height, width, 3)`` RGB or ``(height, width)`` gray."""
        ...

    def get_avg_fps(self) -> float:
        """Return the average frame rate, in frames per second."""
        ...

    def get_frame_timestamp(self, n: int, /) -> float:
        """Return the presentation time of frame ``n``, in seconds."""
        ...
