"""Files in and out, one module a format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupytrack.annotation.table import PointTable
from jupytrack.errors import FormatError
from jupytrack.files import read_error, write_atomic
from jupytrack.formats import dustrack, mot, sidecar

__all__ = [
    "Reader",
    "mot",
    "read_layer",
    "register_reader",
    "write_layer",
]

Reader = Callable[..., PointTable]


def _read_json(path: Path, n_frames: int | None, **_: Any) -> PointTable:
    return dustrack.read(path, n_frames)


def _read_h5(path: Path, n_frames: int | None, **options: Any) -> PointTable:
    from jupytrack.formats import deeplabcut

    return deeplabcut.read_h5(path, n_frames, **options)


def _read_csv(path: Path, n_frames: int | None, **options: Any) -> PointTable:
    from jupytrack.formats import deeplabcut

    return deeplabcut.read_csv(path, n_frames, **options)


_READERS: dict[str, Reader] = {".json": _read_json, ".h5": _read_h5, ".hdf5": _read_h5, ".csv": _read_csv}


def register_reader(suffix: str, reader: Reader) -> None:
    """Make a further format known.

    Parameters
    ----------
    suffix : str
        How its files end, for instance ``".mot"``.
    reader : callable
        Called as ``reader(path, n_frames, **options)``; returns a PointTable.
    """
    _READERS[suffix.lower()] = reader


def read_layer(path: str | Path, *, n_frames: int | None = None, **options: Any) -> PointTable:
    """Read a layer of any known format, and the sidecar beside it.

    The format follows from the first bytes where they are telling, else from the suffix.

    Parameters
    ----------
    path : path
        The file.
    n_frames : int, optional
        Frames in the video; points beyond are an error then.
    **options
        For DeepLabCut files: ``remove_label_prefix``, ``img_prefix``, ``img_suffix``.

    Returns
    -------
    PointTable

    Raises
    ------
    FormatError
        If the file is missing, of no known format, or not what its format promises.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head = file.read(64)
    except OSError as error:
        raise read_error(path, error) from error
    table = _reader(path, head)(path, n_frames, **options)
    if path.suffix.lower() == ".json":
        sidecar.read_into(table, sidecar.sidecar_path(path))
    return table


def _reader(path: Path, head: bytes) -> Reader:
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _READERS[".h5"]
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        raise FormatError(
            f"{path} is not an HDF5 file.", "It may be cut short or misnamed; copy or export it again."
        )
    if suffix in _READERS:
        return _READERS[suffix]
    if head.lstrip().startswith(b"{"):
        return _READERS[".json"]
    if head.startswith(b"scorer,"):
        return _READERS[".csv"]
    raise FormatError(f"{path} is of no known format.", f"Known are {', '.join(sorted(_READERS))}.")


def write_layer(path: str | Path, table: PointTable, *, before: Callable[[str], object] | None = None) -> str:
    """Write a layer as DUSTrack JSON, and what that cannot hold into the sidecar.

    Parameters
    ----------
    path : path
        A file that ends in ``.json``; replaced atomically.
    table : PointTable
        What to write.
    before : callable, optional
        Called with the fingerprint that the file will have, before anything is written.

    Returns
    -------
    str
        The written file's fingerprint; see :func:`jupytrack.files.file_fingerprint`.

    Raises
    ------
    SaveError
        If it cannot be written; what was there before is still there.
    """
    beside = sidecar.sidecar_path(path)
    previous = beside.read_bytes() if beside.is_file() else None
    extra = sidecar.to_bytes(table, previous)
    content = dustrack.to_json(table)
    fingerprint = hashlib.sha256(content).hexdigest()
    if before is not None:
        before(fingerprint)
    # First, so that a file with the new fingerprint never comes with an old sidecar; one that is ahead does
    # no harm, because it names the positions it was written for.
    if extra is not None:
        write_atomic(beside, extra)
    elif previous is not None:
        beside.unlink()
    write_atomic(path, content)
    return fingerprint
