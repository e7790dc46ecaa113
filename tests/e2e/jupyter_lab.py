"""A real JupyterLab (or Notebook 7), a real kernel and Debian's chromium.

``lab`` and ``notebook7`` each give a :class:`Notebook`: write cells, run them, look at the page, ask the
kernel.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
KERNEL_IDLE = """() => {
  const app = window.jupyterapp;
  const widget = app?.shell?.currentWidget;
  return widget?.sessionContext?.session?.kernel?.status === 'idle';
}"""
RUN_IN_KERNEL = """async code => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({code});
  let text = '';
  future.onIOPub = message => {
    if (message.content.text) text += message.content.text;
    if (message.content.ename) text += message.content.ename + ': ' + message.content.evalue;
  };
  // one of the two messages that tell the end may get lost
  const end = new Promise(resolve => {
    const soon = () => setTimeout(resolve, 2000);
    future.onReply = soon;
    const listen = future.onIOPub;
    future.onIOPub = message => {
      listen(message);
      if (message.content.execution_state === 'idle') soon();
    };
  });
  await Promise.race([future.done, end]);
  return text;
}"""


@dataclass
class Server:
    """A running Jupyter server with folders of its own."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    log: Path

    def stop_kernels(self) -> None:
        """End every kernel, so that the next test has the machine, and the layers, to itself."""
        with urllib.request.urlopen(f"{self.url}/api/sessions") as answer:
            sessions = json.load(answer)
        for session in sessions:
            request = urllib.request.Request(f"{self.url}/api/sessions/{session['id']}", method="DELETE")
            urllib.request.urlopen(request).close()


def _serve(folder: Path, application: str) -> Iterator[Server]:
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_DATA_HOME": str(folder / "data"),
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    # JupyterLab asks on its first start whether it may fetch news, in a box over the page
    notification = folder / "settings" / "@jupyterlab" / "apputils-extension"
    notification.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (notification / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    log = folder / "server.log"
    arguments = [
        *(sys.executable, "-m", application, "--no-browser", f"--port={port}", "--expose-app-in-browser"),
        *("--allow-root", "--ServerApp.port_retries=0", "--IdentityProvider.token="),
        *("--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={notebooks}"),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, env=environment, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://localhost:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/api/status", timeout=1).close()
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"{application} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.2)
    yield Server(url, notebooks, process, log)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _serve(tmp_path_factory.mktemp("lab"), "jupyterlab")


@pytest.fixture(scope="session")
def notebook_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _serve(tmp_path_factory.mktemp("notebook"), "notebook")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.fail("The browser tests need chromium; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Notebook:
    """One open notebook in a browser page."""

    server: Server
    page: Page
    name: str
    route: str
    page_errors: list[str] = field(default_factory=list)

    def another(self) -> Notebook:
        """Give another notebook, with a page and a kernel of its own."""
        page, name = self.page.context.new_page(), f"{self.name}-other"
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        return Notebook(self.server, page, name, self.route.replace("/tree/", "-other/tree/"))

    def write(self, *cells: str) -> None:
        """Write the notebook's file, one code cell a string."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(
            metadata={"kernelspec": kernel}, cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
        )
        nbformat.write(notebook, self.server.folder / f"{self.name}.ipynb")

    def goto(self) -> None:
        """Open the notebook's page and wait until its kernel is idle."""
        self.page.goto(f"{self.server.url}/{self.route.format(name=self.name)}")
        self.page.wait_for_function(KERNEL_IDLE, timeout=90_000)

    def run_all(self) -> None:
        """Run every cell, without waiting for the end."""
        self.page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def open(self, *cells: str) -> None:
        """Write, open and run a notebook, and wait until each annotator in it shows a frame."""
        self.write(*cells)
        self.goto()
        self.run_all()
        self.wait_for_canvas()

    def wait_for_canvas(self, count: int = 1) -> None:
        """Wait until ``count`` annotators show a frame."""
        self.page.wait_for_function(
            """count => {
              const roots = [...document.querySelectorAll('.jupytrack-canvas')];
              return roots.filter(root => root.jupytrack?.shownFrame() >= 0).length >= count;
            }""",
            arg=count,
            timeout=90_000,
        )

    def python(self, code: str) -> str:
        """Run code in the notebook's kernel and return what it printed, stripped."""
        return str(self.page.evaluate(RUN_IN_KERNEL, code)).strip()

    def value(self, expression: str) -> Any:
        """Evaluate a Python expression in the kernel and return it through JSON."""
        text = self.python(f"import json; print(json.dumps({expression}))")
        try:
            return json.loads(text)
        except ValueError:
            raise AssertionError(f"{expression} printed {text!r}") from None

    def wait_for_value(self, expression: str, expected: Any, seconds: float = 10) -> None:
        """Wait until a Python expression in the kernel has the expected value."""
        deadline = time.monotonic() + seconds
        while (value := self.value(expression)) != expected:
            if time.monotonic() > deadline:
                raise AssertionError(f"{expression} is {value!r}, expected {expected!r}")
            time.sleep(0.05)


def _notebook(
    server: Server, browser: Browser, request: pytest.FixtureRequest, route: str, its_own: str = "\0"
) -> Iterator[Notebook]:
    options = getattr(request, "param", {})
    context: BrowserContext = browser.new_context(viewport={"width": 1500, "height": 1150}, **options)
    page = context.new_page()
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    notebook = Notebook(server, page, name, route)
    page.on("pageerror", lambda error: notebook.page_errors.append(str(error)))
    yield notebook
    folder = os.environ.get("JUPYTRACK_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")
    errors = [error for error in notebook.page_errors if its_own not in error]
    context.close()
    server.stop_kernels()
    assert not errors, errors


@pytest.fixture
def lab(lab_server: Server, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Notebook]:
    """Give a notebook in JupyterLab, in a workspace of its own."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    yield from _notebook(lab_server, chromium, request, f"lab/workspaces/{name}/tree/{{name}}.ipynb")


@pytest.fixture
def notebook7(
    notebook_server: Server, chromium: Browser, request: pytest.FixtureRequest
) -> Iterator[Notebook]:
    """Give a notebook in Notebook 7."""
    # Notebook 7 raises this one also on an empty notebook
    yield from _notebook(
        notebook_server, chromium, request, "notebooks/{name}.ipynb", its_own="reading 'schema'"
    )
