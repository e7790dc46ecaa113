"""Projects that the real deeplabcut trains; made once and copied, because each training takes seconds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tiny

# begins a training as a cell does, says so, and is a kernel that does nothing more
_KERNEL = """
import sys, time
from jupytrack.dlc import DLCProject
try:
    DLCProject(sys.argv[1]).train_iteration(epochs=int(sys.argv[2]), create_video=True)
except KeyboardInterrupt as error:
    print(error, flush=True)
time.sleep(300)
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("deeplabcut"):
            # deeplabcut warns of its own outdated calls
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(autouse=True, scope="session")
def device_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trainings of these tests wait for each other, and for no others on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTRACK_DEVICE_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture
def stopped() -> Iterator[Callable[[Any], Any]]:
    """A function that takes trainings, which are stopped when the test ends, however it ends."""
    kept = []

    def keep(training: Any) -> Any:
        kept.append(training)
        return training

    yield keep
    for training in kept:
        training.cancel()


@dataclass
class Story:
    """What happened to the training of iteration 0, whose kernel was interrupted and killed."""

    project: Path
    printed: str
    state_after_interrupt: str
    state_after_kill: str
    epoch_after_kill: int


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A project whose iteration 0 is trained, the kernel having been killed in the middle of it."""
    from jupytrack.dlc import DLCProject

    folder = tmp_path_factory.mktemp("trained")
    project = tiny.make_project(folder)
    with open(folder / "kernel.txt", "w+") as output:
        kernel = subprocess.Popen(
            [sys.executable, "-c", _KERNEL, str(project.path), str(tiny.EPOCHS)],
            stdout=output,
            start_new_session=True,
        )
        tiny.wait_for(lambda: project.training is not None and project.training.epoch >= 2)
        # as Jupyter does it: to the whole group of the kernel
        os.killpg(kernel.pid, signal.SIGINT)
        tiny.wait_for(lambda: "background" in (folder / "kernel.txt").read_text())
        interrupted = project.training.state
        os.killpg(kernel.pid, signal.SIGKILL)
        kernel.wait()
        found = DLCProject(project.path).training
        killed, epoch = found.state, found.epoch
        found.wait(600)
        output.seek(0)
        return Story(project.path, output.read(), interrupted, killed, epoch)


@pytest.fixture
def trained(story: Story, tmp_path: Path) -> Any:
    """A copy of the trained project."""
    from jupytrack.dlc import DLCProject

    return DLCProject(shutil.copytree(story.project, tmp_path / "trained"))


@pytest.fixture(scope="session")
def _untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tiny.make_project(tmp_path_factory.mktemp("untrained")).path)


@pytest.fixture
def untrained(_untrained: Path, tmp_path: Path) -> Any:
    """A copy of a project with labels and without models."""
    from jupytrack.dlc import DLCProject

    return DLCProject(shutil.copytree(_untrained, tmp_path / "untrained"))
