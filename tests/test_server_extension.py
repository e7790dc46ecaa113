"""A real Jupyter server, started as a user starts it, sends without Nagle's delay."""

from __future__ import annotations

import json
import subprocess
import sys

SERVE = """
import asyncio, gc, json, socket, sys
from jupyter_server.serverapp import ServerApp
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from tornado.websocket import websocket_connect

app = ServerApp()
app.initialize(argv=[
    "--no-browser", "--allow-root", "--port=0", "--IdentityProvider.token=",
    "--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={sys.argv[1]}",
])

async def main():
    kernel = await app.kernel_manager.start_kernel()
    listening = next(iter(app.http_server._sockets.values())).getsockname()[1]
    connection = await websocket_connect(f"ws://127.0.0.1:{listening}/api/kernels/{kernel}/channels?session_id=x")
    await asyncio.sleep(0.5)
    (handler,) = [thing for thing in gc.get_objects() if isinstance(thing, KernelWebsocketHandler)]
    stream = handler.ws_connection.stream
    print("ANSWER" + json.dumps(stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
    connection.close()
    await app.kernel_manager.shutdown_kernel(kernel, now=True)
    app.io_loop.add_callback(app.io_loop.stop)

app.io_loop.add_callback(main)
app.start()
"""


def test_kernels_answer_without_delay(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", SERVE, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=90)
    answers = [line[len("ANSWER") :] for line in run.stdout.splitlines() if line.startswith("ANSWER")]
    assert answers, run.stderr[-2000:]
    assert json.loads(answers[0]) != 0
    assert "jupytrack.server_extension | extension was successfully loaded" in run.stderr
