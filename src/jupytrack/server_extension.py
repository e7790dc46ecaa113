"""Answers of kernels leave the Jupyter server at once.

Jupyter's server leaves Nagle's algorithm on for the websockets of kernels: a small message waits until the
browser has acknowledged the one before, which for a frame that follows a status message costs up to 40 ms on
one machine and a round trip more over a network. Installing jupytrack enables this extension of the server
(``jupyter server extension list`` shows it), which turns the algorithm off. A server that runs in another
environment than the kernels works without it, only slower: install jupytrack there too.
"""

from __future__ import annotations

import functools
import logging
from typing import Any

log = logging.getLogger(__name__)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "jupytrack.server_extension"}]


def _load_jupyter_server_extension(server: Any) -> None:
    from jupyter_server.services.kernels.websocket import KernelWebsocketHandler

    handler_class: Any = KernelWebsocketHandler
    original = handler_class.open
    if getattr(original, "without_delay", False):
        return

    @functools.wraps(original)
    async def open_without_delay(handler: Any, *args: Any, **options: Any) -> Any:
        try:
            handler.set_nodelay(True)
        except Exception:
            # a connection without a socket of its own, or already gone: nothing that a kernel should miss
            log.debug("TCP_NODELAY could not be set.", exc_info=True)
        return await original(handler, *args, **options)

    open_without_delay.without_delay = True  # type: ignore[attr-defined]
    handler_class.open = open_without_delay
