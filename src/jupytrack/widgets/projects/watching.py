"""Looking at trainings: one thread a training, however many annotators show it.

A training is another process; all that is known of it stands in its folder. The threads end with the last one
who looks, and keep no kernel from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jupytrack.dlc.training import is_active
from jupytrack.listeners import call_all, listen

if TYPE_CHECKING:
    from jupytrack.dlc.training import Training

__all__ = ["watch"]

EVERY = 0.7
"""Seconds from one look to the next."""
Callback = Callable[["Training"], None]
_watched: dict[Path, _Watch] = {}
_gate = threading.Lock()


def watch(training: Training, callback: Callback) -> Callable[[], None]:
    """Call ``callback(training)`` from a thread, again and again, and a last time when it has ended.

    Parameters
    ----------
    training : Training
        What to look at; one that has ended is told of once.
    callback : callable
        Called with it.

    Returns
    -------
    callable
        Stops it.
    """
    key = training.folder.resolve()
    with _gate:
        found = _watched.get(key)
        if found is None or found.ended:
            found = _watched[key] = _Watch(key, training)
        stop = listen(found.listeners, callback)
        found.begin()
    return stop


class _Watch:
    def __init__(self, key: Path, training: Training) -> None:
        self.key = key
        self.training = training
        self.listeners: list[Callback] = []
        self.ended = False
        self._thread: threading.Thread | None = None
        self._begin = threading.Lock()

    def begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="jupytrack-watch", daemon=True)
            self._thread.start()

    def _look(self) -> None:
        rest = threading.Event()
        while True:
            # asked before it is told: what is told last is how it ended
            ended = not is_active(self.training.state)
            with _gate:
                if ended or not self.listeners:
                    self.ended = True
                    if _watched.get(self.key) is self:
                        del _watched[self.key]
                listeners = list(self.listeners)
            call_all(listeners, self.training)
            if self.ended:
                return
            rest.wait(EVERY)
