"""The process of a run: begun with a session of its own, found again, ended, and cleaned up after."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jupytrack.annotation.locks import Holder
from jupytrack.dlc.config import edit_yaml, parse_yaml
from jupytrack.dlc.snapshots import remove_unreadable, snapshot_files
from jupytrack.errors import TrainingError

__all__ = ["clean_up", "holder_of", "launch", "new_folder", "read_json", "stop"]

_STEPS = (("SIGINT", 20.0), ("SIGTERM", 10.0), ("SIGKILL", 10.0))
"""How a process is stopped: each signal with the seconds it has to work."""


def new_folder(parent: Path, iteration: int) -> Path:
    """Make a folder named after now; never one that another kernel made in the same second."""
    name = f"{datetime.now():%Y%m%dT%H%M%S}-iteration-{iteration}"
    for ending in ("", *(f"-{n}" for n in range(2, 100))):
        folder = parent / (name + ending)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise TrainingError(
                f"{folder} could not be made: {error.strerror or error}.",
                "Restore permission to write in the project, or free some space.",
            ) from error
        return folder
    raise TrainingError(f"{parent} has too many runs of this second.", "Try again.")


def launch(folder: Path) -> subprocess.Popen[bytes]:
    """Start the process that works off a folder; what it prints goes to ``log.txt`` there."""
    environment = {
        **os.environ,
        # it starts in another folder; an empty entry would mean that one
        "PYTHONPATH": os.pathsep.join(
            os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry
        ),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        # waiting threads of torch give way to others: half the time beside a busy kernel and browser
        "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "10000"),
        "MPLBACKEND": "Agg",  # a kernel's own backend is for its cells
    }
    if "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in environment:
        # a snapshot is numbers, even if pytorch_config.yaml (load_weights_only) lets it run code
        environment["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    how: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        how = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    with open(folder / "log.txt", "ab") as log:
        process = subprocess.Popen(
            # -P: no module in the project's folder stands in for a real one
            [sys.executable, "-P", "-m", "jupytrack.dlc.worker", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            **how,
        )
    # a child that ended stays in the list of processes until somebody asks for it
    threading.Thread(target=process.wait, name="jupytrack-reap", daemon=True).start()
    return process


def stop(holder: Holder) -> None:
    """Interrupt a process of this machine, then terminate it, then kill it, with some seconds for each."""
    for name, patience in _STEPS:
        if holder.is_gone:
            break
        _send(holder.process, name)
        end = time.monotonic() + patience
        while not holder.is_gone and time.monotonic() < end:
            time.sleep(0.05)


def clean_up(folder: Path, said: Mapping[str, Any]) -> list[Path]:
    """Leave of a run that did not get to its end what can be used.

    That is no snapshot that was cut off, and no iteration without any in config.yaml.

    Parameters
    ----------
    folder : Path
        The run's.
    said : mapping
        What it said last.

    Returns
    -------
    list of Path
        Snapshots that were removed.
    """
    project, train = folder.parents[1], said.get("train_folder")
    (folder / "start.pt").unlink(missing_ok=True)
    removed = remove_unreadable(project / train) if train else []
    before, config = said.get("iteration_before"), project / "config.yaml"
    useless = before is not None and not (train and snapshot_files(project / train))
    if useless and parse_yaml(config).get("iteration") == said.get("iteration"):
        edit_yaml(config, {"iteration": before})
    return removed


def holder_of(said: Mapping[str, Any]) -> Holder | None:
    """Return the process that said something; None if none has yet."""
    try:
        return Holder(**said["holder"])
    except (KeyError, TypeError):
        return None


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file says; empty if it is not there or not whole, and stays so."""
    for delay in (0, 0.05, 0.2):  # on a network file system, one that is just being replaced cannot be read
        time.sleep(delay)
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            break
        except (OSError, ValueError):
            continue
        return found if isinstance(found, dict) else {}
    return {}


def _send(process: int, name: str) -> None:
    """Send a signal; the last one goes to all that the process started, too."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            if name != "SIGINT":  # a detached process has no console to be interrupted from
                os.kill(process, signal.SIGTERM)
        elif name == "SIGKILL":
            os.killpg(process, signal.SIGKILL)
        else:
            os.kill(process, getattr(signal, name))
