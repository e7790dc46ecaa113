"""What a project has deeplabcut do: training, evaluation, analysis."""

from __future__ import annotations

__all__ = ["Learning"]


class Learning:
    """The learning side of :class:`jupytrack.DLCProject`."""
