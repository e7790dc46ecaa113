"""Where a model learns: processors, their free memory, and one run at a time on each.

A run holds an operating-system lock on its device for as long as it lives, so a second one waits instead of
failing for want of memory, and the lock of a process that was killed is free at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = ["Device", "available_devices", "hold", "holding_file", "torch_devices"]

LOCKS = "JUPYTRACK_DEVICE_LOCKS"
"""Environment variable with the folder of the locks, for containers that share a GPU but not their /tmp."""


@dataclass(frozen=True)
class Device:
    """A processor that a model can learn on.

    Attributes
    ----------
    name : str
        What torch calls it: ``"cpu"``, ``"cuda:0"``, ``"mps"``.
    title : str
        Its name for people.
    free, total : int or None
        Its memory in bytes; None where that is not known.
    identity : str
        What tells it from any other of this machine, however the processes number them.
    """

    name: str
    title: str
    free: int | None = None
    total: int | None = None
    identity: str = ""

    def __str__(self) -> str:
        if self.free is None or self.total is None:
            return f"{self.title} ({self.name})"
        return f"{self.title} ({self.name}), {self.free / 2**30:.1f} of {self.total / 2**30:.1f} GiB free"


def available_devices() -> list[Device]:
    """Return the devices of this machine, the one that ``"auto"`` takes first; loads no torch.

    Returns
    -------
    list of Device
        NVIDIA GPUs as ``nvidia-smi`` tells of them, the one with most free memory first, then the CPU.
    """
    return [*_nvidia_devices(), _cpu()]


def _cpu() -> Device:
    import psutil

    memory = psutil.virtual_memory()
    return Device("cpu", f"CPU with {os.cpu_count() or 1} cores", int(memory.available), int(memory.total))


def _nvidia_devices() -> list[Device]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = "--query-gpu=index,uuid,name,memory.free,memory.total"
    try:
        run = subprocess.run(
            [program, query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    allowed = None if visible is None else [part.strip() for part in visible.split(",") if part.strip()]
    found = []
    for line in run.stdout.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) != 5:
            continue
        index, uuid, title = parts[:3]
        # torch counts what CUDA_VISIBLE_DEVICES lists, in that order
        matches = [i for i, a in enumerate(allowed or []) if a == index or (a and uuid.startswith(a))]
        if allowed is not None and not matches:
            continue
        number = int(index) if allowed is None else matches[0]
        try:
            free, total = (int(float(part) * 2**20) for part in parts[3:])
        except ValueError:  # "[N/A]" on machines whose GPU shares the memory
            found.append(Device(f"cuda:{number}", title, identity=uuid))
        else:
            found.append(Device(f"cuda:{number}", title, free, total, uuid))
    return sorted(found, key=lambda device: -(device.free or 0))


def torch_devices(wanted: str = "auto", net_type: str = "resnet_50") -> list[Device]:
    """Return the devices that a run may use, best first; loads torch.

    Parameters
    ----------
    wanted : str
        ``"auto"`` (a CUDA GPU when there is one, the one with most free memory first), or a name that torch
        knows.
    net_type : str
        DeepLabCut runs only its ResNets on Apple's GPUs.

    Raises
    ------
    ValueError
        If torch finds no such device.
    """
    import torch

    gpus = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        about = torch.cuda.get_device_properties(index)
        free, total = torch.cuda.mem_get_info(index)
        uuid = getattr(about, "uuid", None)
        gpus.append(Device(f"cuda:{index}", about.name, free, total, f"GPU-{uuid}" if uuid else ""))
    gpus.sort(key=lambda device: -(device.free or 0))
    apple = [Device("mps", "Apple GPU")] if torch.backends.mps.is_available() else []
    if wanted == "auto":
        if gpus:
            return gpus
        return apple if apple and "resnet" in net_type else [_cpu()]
    wanted = "cuda:0" if wanted == "cuda" else wanted
    found = [device for device in (*gpus, *apple, _cpu()) if device.name == wanted]
    if not found:
        names = ", ".join(device.name for device in (*gpus, *apple, _cpu()))
        raise ValueError(f"There is no device {wanted!r} here. Choose one of: auto, {names}.")
    return found


@contextmanager
def hold(
    devices: Sequence[Device],
    waiting: Callable[[str], None] = lambda text: None,
    *,
    every: float = 0.5,
) -> Iterator[Device]:
    """Let the ``with`` block have one of some devices for itself, waiting until one is free.

    Parameters
    ----------
    devices : sequence of Device
        Which will do, best first.
    waiting : callable
        Called once, with a text for people, if none is free at first.
    every : float
        Seconds from one look to the next.

    Yields
    ------
    Device
        The one that the block has.
    """
    told = False
    while True:
        for device in devices:
            handle = _lock(_lock_file(device))
            if handle is None:
                continue
            with handle:
                yield device
            return
        if not told:
            waiting(f"Another training uses {' and '.join(str(device) for device in devices)}.")
            told = True
        time.sleep(every)


@contextmanager
def holding_file(path: Path) -> Iterator[bool]:
    """Hold a lock file during the ``with`` block; yields False, without it, if another process has it."""
    handle = _lock(path)
    if handle is None:
        yield False
        return
    with handle:
        yield True


def _lock_file(device: Device) -> Path:
    folder = os.environ.get(LOCKS)
    kind = device.name.split(":")[0]
    if kind == "cpu" and folder is None and hasattr(os, "getuid"):
        # a GPU is one for all users of a machine; on its cores everybody has a share
        kind = f"cpu-{os.getuid()}"
    identity = device.identity or device.name
    name = f"jupytrack-{kind}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.lock"
    return Path(folder or tempfile.gettempdir()) / name


def _lock(path: Path) -> IO[bytes] | None:
    """Return an open file with a lock on it, which ends when the file is closed or the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # another user's file in /tmp can be opened, but not with O_CREAT
        handle = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    except FileNotFoundError:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        with contextlib.suppress(OSError):
            os.chmod(path, 0o666)
    file = os.fdopen(handle, "rb")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        file.close()
        return None
    except OSError:
        return file  # a file system without locks: better a run beside another than none
    return file
