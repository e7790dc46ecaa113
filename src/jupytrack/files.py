"""Files that are either the old or the new one, never half of both."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from jupytrack.errors import FormatError, SaveError

__all__ = [
    "all_or_none",
    "entries",
    "file_fingerprint",
    "read_error",
    "replacing",
    "save_error",
    "sync_folder",
    "write_atomic",
    "writing_alone",
]

_PATIENCE = 10.0


def write_atomic(path: str | Path, content: bytes) -> None:
    """Write a file by way of a temporary one in the same folder; it is on the disk when this returns.

    The permissions of a file that is replaced stay as they are, and a symbolic link stays one.

    Parameters
    ----------
    path : path
        The file.
    content : bytes
        All of it.

    Raises
    ------
    SaveError
        If the disk is full, the folder is missing or may not be written. The old file is still there then.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Let the ``with`` block write a temporary file, then put that in the place of a file in one step.

    As :func:`write_atomic`, for what is written by a library that takes a name.

    Parameters
    ----------
    path : path
        The file.

    Yields
    ------
    Path
        The temporary file, which does not exist yet. It is gone if the block fails.

    Raises
    ------
    SaveError
        If the block or the replacement raises an OSError. The old file is still there then.
    """
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
    try:
        try:
            mode = path.stat().st_mode & 0o7777
        except FileNotFoundError:
            mode = None
        if mode is not None and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        yield temporary
        with open(temporary, "rb+") as file:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except SaveError:
        raise
    except OSError as error:
        raise save_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


@contextmanager
def all_or_none() -> Iterator[Callable[[Path], None]]:
    """Take back what the ``with`` block did to several files if it fails.

    Yields
    ------
    callable
        To be called with each file before it is made, replaced as a whole or removed.
    """
    kept: list[tuple[Path, Path, bool]] = []

    def keep(path: Path) -> None:
        path = Path(os.path.realpath(path))
        old = path.with_name(f".{path.name}.{uuid4().hex[:8]}.old")
        if path.exists():
            try:
                os.link(path, old)  # takes no room
            except OSError:
                try:
                    shutil.copy2(path, old)
                except OSError as error:
                    old.unlink(missing_ok=True)
                    raise save_error(path, error) from error
        kept.append((path, old, old.exists()))

    try:
        yield keep
    except BaseException:
        for path, old, existed in reversed(kept):
            with contextlib.suppress(OSError):
                if existed:
                    os.replace(old, path)
                else:
                    path.unlink(missing_ok=True)
        raise
    finally:
        for _, old, _ in kept:
            with contextlib.suppress(OSError):
                old.unlink(missing_ok=True)


@contextmanager
def writing_alone(path: str | Path) -> Iterator[None]:
    """Let one process (or thread) at a time change a file that it reads, changes and replaces.

    It waits for the others, at most ten seconds: what is left of a process that was killed is passed over
    then. Where no lock can be made, for instance in a folder without permission, it does not wait.

    Parameters
    ----------
    path : path
        The file; ``.<name>.lock`` lies beside it meanwhile.
    """
    path = Path(os.path.realpath(path))
    lock = path.with_name(f".{path.name}.lock")
    until = time.monotonic() + _PATIENCE
    locked = False
    while not locked:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            locked = True
        except FileExistsError:
            if time.monotonic() > until:
                with contextlib.suppress(OSError):
                    lock.unlink()
                until = time.monotonic() + _PATIENCE
            time.sleep(0.002)
        except OSError:
            break
    try:
        yield
    finally:
        if locked:
            with contextlib.suppress(OSError):
                lock.unlink()


def save_error(path: str | Path, error: OSError) -> SaveError:
    """Return what to tell the user about a failed write, with a remedy for its cause."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason, remedy = "the disk is full", "Free some space and try again; nothing was lost."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = "there is no permission to write there"
        remedy = "Choose a folder of yours, or ask for permission."
    elif error.errno in (errno.ENOENT, errno.ENOTDIR):
        reason, remedy = "its folder does not exist", "Make the folder, or choose another one."
    else:
        reason, remedy = str(error.strerror or error), "Choose another place, for instance on another disk."
    return SaveError(f"{path} could not be written: {reason}.", remedy)


def read_error(path: str | Path, error: OSError) -> FormatError:
    """Return what to tell the user about a file that could not be read."""
    return FormatError(
        f"{path} could not be read: {error.strerror or error}.", "Check its name and permissions."
    )


def file_fingerprint(path: str | Path) -> str:
    """Return a text that tells this content from any other (SHA-256); empty if there is no file."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise read_error(path, error) from error


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder, in any order; nothing if there is no such folder."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise read_error(folder, error) from error


def sync_folder(folder: Path) -> None:
    """Make a rename last; not every system and file system can do that for folders."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
