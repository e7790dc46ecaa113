"""The exceptions this package raises on purpose.

Every one of them names what is wrong (file, frame or line) and what to do about it, so that the message alone
is enough to carry on. Each also derives from the built-in exception a caller would expect.
"""

from __future__ import annotations

from typing import Literal

__all__ = [
    "AnnotationError",
    "ConflictError",
    "FormatError",
    "JupytrackError",
    "Level",
    "MissingDependencyError",
    "SaveError",
    "TrainingError",
    "VideoError",
    "VideoNotFoundError",
]

Level = Literal["info", "warning", "error"]
"""How grave a message to the user is."""


class JupytrackError(Exception):
    """Base of every deliberate error.

    Parameters
    ----------
    problem : str
        What is wrong, as one sentence that names the file, frame or line.
    remedy : str
        What the user can do about it, as one sentence.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}"


class VideoError(JupytrackError, ValueError):
    """A video that is there but cannot be used: empty, no picture stream, not a video."""


class VideoNotFoundError(JupytrackError, FileNotFoundError):
    """A path that leads nowhere or may not be read."""


class FormatError(JupytrackError, ValueError):
    """A file whose content is not what its format promises."""


class AnnotationError(JupytrackError, ValueError):
    """An edit or a question that the annotation cannot answer: unknown label, frame out of range, NaN."""


class ConflictError(JupytrackError, RuntimeError):
    """Two writers on one layer, or a file that changed behind our back. Both versions are kept."""


class SaveError(JupytrackError, OSError):
    """A file that could not be written. What was on disk before is still there."""


class TrainingError(JupytrackError, RuntimeError):
    """A training, evaluation or analysis that cannot begin, or that ended without its result."""


class MissingDependencyError(JupytrackError, ImportError):
    """An optional package that this call needs is not installed."""
