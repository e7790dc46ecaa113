"""A video as annotations see one, without a file."""

from __future__ import annotations

import numpy as np


class PlainVideo:
    """Gray frames of 64 by 48 pixels, 25 a second."""

    width, height = 64, 48

    def __init__(
        self, fname: str = "/nowhere/clip.mp4", fingerprint: str = "f" * 8, n_frames: int = 40
    ) -> None:
        self.fname = fname
        self.name = fname.rpartition("/")[2].removesuffix(".mp4")
        self.fingerprint = fingerprint
        self.timestamps = np.arange(n_frames) / 25

    def __len__(self) -> int:
        return len(self.timestamps)

    def __getitem__(self, n: int) -> np.ndarray:
        return np.full((48, 64, 3), 200, np.uint8)

    def get_avg_fps(self) -> float:
        return 25.0

    def get_frame_timestamp(self, n: int) -> float:
        return n / 25
