"""How far the edits of a session are on their way to the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupytrack.annotation.layers import LayerStack

__all__ = ["Saving", "after"]

# seconds that an edit may wait for the disk before it is shown as waiting
NOTICEABLE = 0.3


class Saving:
    """What the layers hold that their files, or their journals, do not.

    Parameters
    ----------
    layers : LayerStack
        The layers.
    on_change : callable
        Called without arguments when :attr:`state` may have changed by itself.
    """

    def __init__(self, layers: LayerStack, on_change: Callable[[], None]) -> None:
        self._layers = layers
        self._on_change = on_change
        self._counted: dict[str, tuple[int, dict[str, int]]] = {}
        self._waiting_since: float | None = None

    @property
    def state(self) -> str:
        """One of ``saved``, ``unsaved``, ``memory``, ``confirming`` and ``unconfirmed``."""
        layers = self._layers
        histories = [*(ann.history for ann in layers.loaded), layers.marks.history]
        if any(history.failing for history in histories):
            return "unconfirmed"
        if all(history.all_confirmed for history in histories):
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = time.monotonic()
            after(NOTICEABLE, self._on_change)
        elif time.monotonic() - self._waiting_since >= NOTICEABLE:
            return "confirming"
        unsaved = [name for name in layers.names if any(self.unsaved(name).values())]
        if any(layers[name].history.journal is None for name in unsaved):
            return "memory"
        return "unsaved" if unsaved else "saved"

    def unsaved(self, name: str) -> dict[str, int]:
        """How a layer differs from its file: ``added``, ``removed``, ``moved``, ``total`` and ``labels``."""
        if self._layers.is_waiting(name):
            return {"added": 0, "removed": 0, "moved": 0, "total": 0, "labels": 0}
        ann = self._layers[name]
        known = self._counted.get(name)
        if known is None or known[0] != ann.revision:
            counts = ann.unsaved
            found = {"added": counts.added, "removed": counts.removed, "moved": counts.moved}
            found |= {"total": sum(found.values()), "labels": int(counts.labels)}
            known = self._counted[name] = (ann.revision, found)
        return known[1]

    def forget(self, name: str | None = None) -> None:
        """Count anew what is unsaved, of one layer or of all."""
        if name is None:
            self._counted.clear()
        else:
            self._counted.pop(name, None)


def after(seconds: float, call: Callable[[], None]) -> None:
    """Call something later, from another thread, if the kernel is still there then."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
