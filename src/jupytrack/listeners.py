"""Callbacks: joining them, and calling them so that a broken one harms nobody else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

__all__ = ["call_all", "listen"]

log = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., object])


def listen(listeners: list[F], callback: F) -> Callable[[], None]:
    """Add a callback to a list of them; returns a function that takes it out again."""
    listeners.append(callback)
    return lambda: listeners.remove(callback) if callback in listeners else None


def call_all(listeners: list[F], *arguments: object) -> None:
    """Call every listener; one that fails is logged, and neither the others nor the caller notice."""
    for listener in list(listeners):
        try:
            listener(*arguments)
        except Exception:
            log.exception("A listener failed on %s.", arguments)
