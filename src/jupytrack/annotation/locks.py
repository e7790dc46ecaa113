"""One writer for a layer: a lock file that names its holder, so that a stale one is recognised.

The file system's own locks are not used, because network homes often ignore them. A lock is a small file
that is made in one step, which fails if it is there already. It says host, process and start of the process:
on the same machine a holder that is gone, or a process number that was given to another program since, is
recognised; what another machine holds is only taken when the user says so.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import psutil

from jupytrack.annotation.entries import user_name
from jupytrack.errors import ConflictError, SaveError
from jupytrack.files import save_error

__all__ = ["Holder", "LayerLock"]

_UNREADABLE_AFTER = 10.0
"""Seconds after which a lock without readable content is taken for the rest of a crash."""

_OUTERMOST = "pid:[4026531836]"
"""The list of processes of a machine itself, not of a container on it; the same number on every Linux."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes
    ----------
    host : str
        Name of the machine.
    machine : str
        What changes when the machine is started anew or the process lives in another container: its boot, the
        list of processes, and (where it has one) the identity of the system that is installed on it.
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
        if self.host == socket.gethostname() and _is_earlier_boot(self.machine, _machine()):
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
        with contextlib.suppress(OSError):
            return _parse(self.path.read_bytes())
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
                self._sweep()
                return
            holder = self.holder()
            if holder is None and not _is_old(self.path) and not steal:
                # Somebody is just making or removing it.
                time.sleep(0.05)
                continue
            if holder is not None and not holder.is_gone and not steal:
                break
            try:
                if holder is None and not steal and not _is_rest(self.path):
                    raise ConflictError(
                        f"{self.path} is in the way; it was not made by jupytrack.",
                        "Move it away, or give the layer another name.",
                    )
                self._remove(holder)
            except OSError as error:
                raise save_error(self.path, error) from error
        holder = self.holder()
        raise ConflictError(
            f"{self.path.with_suffix('').name} is open elsewhere ({holder or 'somebody unknown'}).",
            "Close it there; if nothing runs there any more, take it over: annotator.take_over().",
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

    def _sweep(self) -> None:
        """Remove what processes left that were killed while they made a lock, once it is old."""
        with contextlib.suppress(OSError):
            for rest in self.path.parent.glob(f".{glob.escape(self.path.name)}.{'[0-9a-f]' * 8}"):
                if _is_old(rest):
                    rest.unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        try:
            return self.mine is not None and self._read() == self.mine
        except OSError:
            return False

    def _read(self) -> Holder | None:
        """Return who holds the lock; what is not there or not whole for a moment only is read again.

        Raises
        ------
        OSError
            If the file is there and cannot be read.
        """
        trouble: OSError | None = None
        for delay in (0, 0.02, 0.1, 0.3):
            time.sleep(delay)
            try:
                holder = _parse(self.path.read_bytes())
                trouble = None
            except FileNotFoundError:
                holder, trouble = None, None
            except OSError as error:
                holder, trouble = None, error
            if holder is not None:
                return holder
        if trouble is not None:
            raise trouble
        return None

    def require(self) -> None:
        """Pass only if this object holds the lock.

        Raises
        ------
        ConflictError
            If somebody else took it, or removed it.
        SaveError
            If the lock file cannot be read at present; try again later.
        """
        try:
            holder = self._read()
        except OSError as error:
            raise SaveError(
                f"The lock {self.path} cannot be read: {error.strerror or error}.",
                "Restore access to its folder; nothing is written until then.",
            ) from error
        if self.mine is not None and holder == self.mine:
            return
        what = "was removed" if holder is None else f"was taken over ({holder})"
        raise ConflictError(
            f"The lock {self.path.name} {what}, so nothing more is written from here.",
            "Take the layer over to go on here.",
        )

    def release(self) -> None:
        """Give the lock back; one that somebody else took stays."""
        if self.is_held():
            with contextlib.suppress(OSError):
                self.path.unlink()
        self.mine = None


def _parse(content: bytes) -> Holder | None:
    """Return what a lock says; None if it is not whole."""
    try:
        said = json.loads(content)
        return Holder(
            str(said["host"]),
            str(said["machine"]),
            int(said["process"]),
            float(said["started"]),
            str(said["user"]),
            str(said["since"]),
            str(said["token"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _is_rest(path: Path) -> bool:
    """Whether a file is what a crash leaves of a lock, not somebody else's file of that name."""
    begin = b'{\n "host":'
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return True
    return not content.strip(b"\0") or content.startswith(begin) or begin.startswith(content)


def _machine() -> str:
    """Return the boot of this machine, its list of processes, and the system that is installed on it.

    The last one is left out in containers: those of one image share it, on whatever machine they run.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        processes = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    system = ""
    if processes == _OUTERMOST:
        with contextlib.suppress(OSError):
            # Hashed, because the number itself is to be kept secret.
            number = Path("/etc/machine-id").read_bytes().strip()
            system = sha256(b"jupytrack " + number).hexdigest()[:16] if number else ""
    return f"{boot} {processes} {system}".rstrip()


def _is_earlier_boot(theirs: str, ours: str) -> bool:
    """Whether a process ran before the very machine that this is was started anew."""
    their_parts, our_parts = theirs.split(), ours.split()
    if len(their_parts) != 3 or len(our_parts) != 3:
        # Other machines may have this one's name: containers of a network home often do.
        return False
    return their_parts[2] == our_parts[2] and their_parts[0] != our_parts[0]


def _is_old(path: Path) -> bool:
    """Whether a file is too old for somebody to be in the middle of writing it."""
    try:
        return time.time() - path.stat().st_mtime > _UNREADABLE_AFTER
    except FileNotFoundError:
        return False
