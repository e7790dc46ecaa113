"""What is on disk of one iteration of a DeepLabCut project, for both of DeepLabCut's engines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Engine", "IterationLayout", "Snapshot"]

Engine = Literal["pytorch", "tensorflow"]


@dataclass(frozen=True)
class Snapshot:
    """A saved state of a network: after how many epochs (or steps), whether DeepLabCut calls it best, where."""

    number: int
    best: bool
    path: Path


class IterationLayout:
    """Where an iteration keeps its model, snapshots, results and predictions."""

    iteration: int
    engine: Engine
    folder: Path | None
    train_folder: Path | None
    snapshots: list[Snapshot]
    evaluation_file: Path | None

    def best(self) -> Snapshot | None:
        """Return the best snapshot, or None if there is none."""
        raise NotImplementedError

    def predictions(self, video_stem: str) -> list[Path]:
        """Return the prediction files of a video."""
        raise NotImplementedError
