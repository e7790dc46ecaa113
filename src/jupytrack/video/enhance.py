"""Contrast and brightness for the eye; files and points never change."""

from __future__ import annotations

import dataclasses
import functools
import math

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Enhancement"]


@dataclasses.dataclass(frozen=True)
class Enhancement:
    """How a picture is brightened before it is shown.

    Applied in this order: local contrast (CLAHE, on the lightness of colour pictures), brightness, gamma.

    Parameters
    ----------
    clahe_clip : float
        Contrast limit of CLAHE, 1.0 and less is off.
    clahe_grid : int
        CLAHE works on a grid of this many tiles in each direction.
    gamma : float
        Above 1 lifts dark parts, below 1 deepens them; 1 is off.
    brightness : float
        Added to every value, -255 to 255; 0 is off.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    clahe_clip: float = 1.0
    clahe_grid: int = 8
    gamma: float = 1.0
    brightness: float = 0

    def __post_init__(self) -> None:
        ranges = {
            "clahe_clip": (0.0, 1000.0),
            "clahe_grid": (1, 64),
            "gamma": (0.01, 100.0),
            "brightness": (-255, 255),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ValueError(f"{name} must lie between {low} and {high}, not {value}")
        if int(self.clahe_grid) != self.clahe_grid:
            raise ValueError(f"clahe_grid must be a whole number, not {self.clahe_grid}")

    @property
    def is_identity(self) -> bool:
        """Whether pictures stay as they are."""
        return self.clahe_clip <= 1.0 and self.gamma == 1.0 and self.brightness == 0

    @functools.cached_property
    def _table(self) -> NDArray[np.uint8]:
        values = np.clip(np.arange(256) + self.brightness, 0, 255) / 255
        return np.asarray(np.round(255 * values ** (1 / self.gamma)), np.uint8)

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an enhanced copy of a picture (the picture itself where nothing is to be done).

        Parameters
        ----------
        image : ndarray of uint8
            RGB ``(height, width, 3)`` or gray ``(height, width)``.
        """
        if self.is_identity:
            return image
        if self.clahe_clip > 1.0:
            # An object of its own each time: OpenCV's CLAHE keeps buffers and is not thread-safe.
            clahe = cv2.createCLAHE(self.clahe_clip, (int(self.clahe_grid), int(self.clahe_grid)))
            if image.ndim == 2:
                image = np.asarray(clahe.apply(image), np.uint8)
            else:
                lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
                lab[..., 0] = clahe.apply(np.ascontiguousarray(lab[..., 0]))
                image = np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)
        if self.gamma != 1.0 or self.brightness != 0:
            image = np.asarray(cv2.LUT(image, self._table), np.uint8)
        return image

    @classmethod
    def auto(cls, image: NDArray[np.uint8]) -> Enhancement:
        """Return what suits a picture: dark ones get a lift to a medium gray, flat ones local contrast.

        Parameters
        ----------
        image : ndarray of uint8
            RGB ``(height, width, 3)`` or gray ``(height, width)``.
        """
        gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        low, middle, high = np.percentile(gray, [2, 50, 98])
        contrast = 2.0 if high - low > 150 else 3.0
        gamma = 1.0
        if 1 <= middle < 100:
            gamma = float(np.clip(math.log(middle / 255) / math.log(100 / 255), 1.0, 2.5))
        return cls(clahe_clip=contrast, clahe_grid=8, gamma=round(gamma, 2))
