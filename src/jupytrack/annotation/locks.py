"""One writer for a layer: a lock file that names its holder, so that a stale one is recognised.

The file system's own locks are not used, because network homes often ignore them. A lock is a small file
that is made in one step, which fails if it is there already. It says host, process and start of the process:
on the same machine a holder that is gone, or a process number that was given to another program since, is
recognised; what another machine holds is only taken when the user says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psutil

from jupytrack.annotation.entries import user_name
from jupytrack.errors import ConflictError
from jupytrack.files import save_error

__all__ = ["Holder", "LayerLock"]

_UNREADABLE_AFTER = 10.0
"""Seconds after which a lock without readable content is taken for the rest of a crash."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes
    ----------
    host : str
        Name of the machine.
    machine : str
        What changes when the machine is started anew or the process lives in another container.
    process : int
        Number of the process.
    started : float
        When the process began, in seconds since 1970.
    user : str
        Who runs it.
    since : str
        When the lock was taken (UTC, ISO 8601).
    token : str
        Tells this lock from any other.
    """

    host: str
    machine: str
    process: int
    started: float
    user: str
    since: str
    token: str

    @classmethod
    def me(cls) -> Holder:
        """Return what a lock of this process says."""
        return cls(
            socket.gethostname(),
            _machine(),
            os.getpid(),
            psutil.Process().create_time(),
            user_name(),
            datetime.now(UTC).isoformat(timespec="seconds"),
            uuid4().hex,
        )

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine (and in this container), so that its process can be looked up."""
        return self.host == socket.gethostname() and self.machine == _machine()

    @property
    def is_gone(self) -> bool:
        """Whether the holder certainly does not run any more."""
        if self.host == socket.gethostname() and self.machine.split()[:1] != _machine().split()[:1]:
            # The machine of this name was started anew since.
            return True
        if not self.is_here:
            return False
        try:
            process = psutil.Process(self.process)
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            return bool(abs(process.create_time() - self.started) > 2)
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False

    def __str__(self) -> str:
        return f"{self.user} on {self.host}, process {self.process}, since {self.since}"


class LayerLock:
    """The right to write one layer.

    Parameters
    ----------
    path : path
        The lock file.

    Attributes
    ----------
    mine : Holder or None
        What the lock says while this object holds it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.mine: Holder | None = None

    def holder(self) -> Holder | None:
        """Return who holds the lock; None if nobody does or the file cannot be read."""
        try:
            content = json.loads(self.path.read_bytes())
            return Holder(
                str(content["host"]),
                str(content["machine"]),
                int(content["process"]),
                float(content["started"]),
                str(content["user"]),
                str(content["since"]),
                str(content["token"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def acquire(self, *, steal: bool = False) -> None:
        """Take the lock.

        Parameters
        ----------
        steal : bool
            Take it from whoever holds it; they are told at their next edit.

        Raises
        ------
        ConflictError
            If somebody else holds it; the message says who.
        SaveError
            If the lock file cannot be made.
        """
        if self.is_held():
            return
        for _ in range(50):
            mine = Holder.me()
            if self._create(mine):
                self.mine = mine
                return
            holder = self.holder()
            if holder is None and not _is_old(self.path) and not steal:
                # Somebody is just making or removing it.
                time.sleep(0.05)
                continue
            if holder is not None and not holder.is_gone and not steal:
                break
            try:
                self._remove(holder)
            except OSError as error:
                raise save_error(self.path, error) from error
        holder = self.holder()
        raise ConflictError(
            f"{self.path.with_suffix('').name} is open elsewhere ({holder or 'somebody unknown'}).",
            "Close it there; if nothing runs there any more, open it with steal_lock=True.",
        )

    def _create(self, mine: Holder) -> bool:
        """Make the lock file, content and all, unless there is one."""
        content = json.dumps(asdict(mine), indent=1).encode()
        draft = self.path.with_name(f".{self.path.name}.{mine.token[:8]}")
        try:
            draft.write_bytes(content)
            try:
                # A link appears with its content in one step, also on network file systems.
                os.link(draft, self.path)
            except FileExistsError:
                return False
            except OSError:
                return self._create_plainly(content)
            return True
        except OSError as error:
            raise save_error(self.path, error) from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink()

    def _create_plainly(self, content: bytes) -> bool:
        """Make the lock file where the file system has no links."""
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return True

    def _remove(self, judged: Holder | None) -> None:
        """Remove the lock that was judged, but never one that somebody made since."""
        guard = self.path.with_name(f".{self.path.name}-removal")
        try:
            # One at a time: who comes second finds another lock than the one it judged.
            os.close(os.open(guard, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
        except FileExistsError:
            if _is_old(guard):
                guard.unlink(missing_ok=True)
            time.sleep(0.02)
            return
        try:
            if self.holder() == judged:
                self.path.unlink(missing_ok=True)
        finally:
            guard.unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self.mine is not None and self.holder() == self.mine

    def require(self) -> None:
        """Raise a ConflictError unless this object holds the lock."""
        if self.is_held():
            return
        holder = self.holder()
        what = "was removed" if holder is None else f"was taken over ({holder})"
        raise ConflictError(
            f"The lock {self.path.name} {what}, so nothing more is written from here.",
            "Open the layer again; edits up to then are in its journal.",
        )

    def release(self) -> None:
        """Give the lock back; one that somebody else took stays."""
        if self.is_held():
            with contextlib.suppress(OSError):
                self.path.unlink()
        self.mine = None


def _machine() -> str:
    """Return the boot of this machine, and the container's own list of processes where there is one."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _is_old(path: Path) -> bool:
    """Whether a file is too old for somebody to be in the middle of writing it."""
    try:
        return time.time() - path.stat().st_mtime > _UNREADABLE_AFTER
    except FileNotFoundError:
        return False
