"""Which packet and which time belong to frame n, found by reading the container and not one picture more.

Frame n is the n-th picture that ``ffmpeg -i FILE -fps_mode passthrough`` puts out. Where the container does
not settle that order (AVI without times, repeated times, a damaged end), pictures are counted by decoding.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import platformdirs
from numpy.typing import NDArray

from jupytrack.files import write_atomic

__all__ = ["NO_TIME", "FrameIndex", "cache_paths", "content_fingerprint", "load_index", "store_index"]

NO_TIME = int(np.iinfo(np.int64).min)
_VERSION = 1
_PROBE_BYTES = 1 << 16
_PROBES = 5

Progress = Callable[[float, float], None]


@dataclasses.dataclass(frozen=True, eq=False)
class FrameIndex:
    """Packets in decoding order, frames in presentation order, and where decoding can begin.

    Attributes
    ----------
    packet_pts, packet_dts : ndarray of int64, shape (n_packets,)
        Times in units of ``time_base``; ``NO_TIME`` where there is none.
    packet_pos : ndarray of int64, shape (n_packets,)
        Byte position in the file, -1 where unknown. In MP4 the packet's own bytes begin there.
    packet_size : ndarray of int64, shape (n_packets,)
        Bytes.
    packet_key : ndarray of bool, shape (n_packets,)
        The container's keyframe flag.
    frame_packet : ndarray of int64, shape (n_frames,)
        The packet that holds frame n.
    frame_pts : ndarray of int64, shape (n_frames,)
        Presentation time of frame n in units of ``time_base``.
    group_frame, group_packet : ndarray of int64, shape (n_groups,)
        The first frame of each group of pictures and the packet from which decoding gives it and all later.
    time_base, rate : tuple of int
        Fractions: seconds, and frames a second.
    width, height : int
        Displayed size in pixels, after rotation.
    matrix : tuple of int
        Display matrix (nine fixed-point numbers), empty without one.
    missing : int
        Frames that the file announces and does not hold.
    counted : bool
        Whether the frames were counted by decoding.
    damaged : bool
        Whether some packets are cut or cannot be decoded.
    warnings : tuple of str
        What the user should know about the file.
    """

    packet_pts: NDArray[np.int64]
    packet_dts: NDArray[np.int64]
    packet_pos: NDArray[np.int64]
    packet_size: NDArray[np.int64]
    packet_key: NDArray[np.bool_]
    frame_packet: NDArray[np.int64]
    frame_pts: NDArray[np.int64]
    group_frame: NDArray[np.int64]
    group_packet: NDArray[np.int64]
    stream_index: int
    codec: str
    pixel_format: str
    time_base: tuple[int, int]
    rate: tuple[int, int]
    width: int
    height: int
    matrix: tuple[int, ...]
    fingerprint: str
    missing: int = 0
    counted: bool = False
    damaged: bool = False
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame_packet)

    @functools.cached_property
    def timestamps(self) -> NDArray[np.float64]:
        """Presentation times in seconds, shape ``(n_frames,)``; read-only."""
        times = np.asarray(self.frame_pts * (self.time_base[0] / self.time_base[1]), np.float64)
        times.flags.writeable = False
        return times

    @property
    def fps(self) -> float:
        """Average frame rate, in frames per second."""
        return self.rate[0] / self.rate[1]

    def group_number(self, n: int) -> int:
        """Return which group frame ``n`` belongs to."""
        return int(np.searchsorted(self.group_frame, n, side="right")) - 1

    def group_of(self, n: int) -> tuple[int, int]:
        """Return the first frame of frame ``n``'s group and the first frame after it."""
        group = self.group_number(n)
        stop = int(self.group_frame[group + 1]) if group + 1 < len(self.group_frame) else len(self)
        return int(self.group_frame[group]), stop

    def frame_of(self, packet: int, repeat: int = 0) -> int:
        """Return the frame that came out of ``packet`` for the ``repeat``-th time, -1 if that is none."""
        if repeat == 0:
            return int(self._first_frame[packet]) if packet < len(self._first_frame) else -1
        frames = np.flatnonzero(self.frame_packet == packet)
        return int(frames[repeat]) if repeat < len(frames) else -1

    @functools.cached_property
    def _first_frame(self) -> NDArray[np.int64]:
        first = np.full(len(self.packet_pts), -1, np.int64)
        first[self.frame_packet[::-1]] = np.arange(len(self) - 1, -1, -1)
        return first

    def number_of(self, pts: int | None, dts: int | None, pos: int | None, size: int) -> int | None:
        """Return the number of the keyframe packet with these properties, None unless there is just one."""
        return self._key_numbers.get((_time(pts), _time(dts), -1 if pos is None else pos, size))

    @functools.cached_property
    def _key_numbers(self) -> dict[tuple[int, int, int, int], int]:
        numbers: dict[tuple[int, int, int, int], int] = {}
        twice = set()
        for number in np.flatnonzero(self.packet_key).tolist():
            columns = (self.packet_pts, self.packet_dts, self.packet_pos, self.packet_size)
            key = (
                int(columns[0][number]),
                int(columns[1][number]),
                int(columns[2][number]),
                int(columns[3][number]),
            )
            if key in numbers:
                twice.add(key)
            numbers[key] = number
        for key in twice:
            del numbers[key]
        return numbers

    def matches(self, number: int, size: int) -> bool:
        """Tell whether packet ``number`` has ``size`` bytes."""
        return number < len(self.packet_size) and int(self.packet_size[number]) == size

    def seek_targets(self, packet: int) -> list[int]:
        """Return times to try, in units of ``time_base``, for a seek that ends at or before ``packet``."""
        earlier = np.flatnonzero(self.packet_key[: packet + 1])[::-1]
        targets: list[int] = []
        step = 0
        while step < len(earlier):
            for times in (self.packet_pts, self.packet_dts):
                time = int(times[earlier[step]])
                if time != NO_TIME and time not in targets:
                    targets.append(time)
            step = 2 * step + 1
        return targets

    def without_entry(self, packet: int) -> FrameIndex:
        """Return this index with one group fewer: decoding does not begin at ``packet`` any more."""
        keep = self.group_packet != packet
        keep[0] = True
        return dataclasses.replace(
            self, group_frame=self.group_frame[keep], group_packet=self.group_packet[keep]
        )


def _time(value: int | None) -> int:
    return NO_TIME if value is None else value


def content_fingerprint(path: str | os.PathLike[str]) -> str:
    """Return a stable id of a file's content: its size and five samples of 64 KiB, hashed.

    Parameters
    ----------
    path : path-like
        The file.
    """
    size = os.path.getsize(path)
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with open(path, "rb") as file:
        for probe in range(_PROBES):
            file.seek(max(0, size - _PROBE_BYTES) * probe // (_PROBES - 1))
            digest.update(file.read(_PROBE_BYTES))
    return digest.hexdigest()


def cache_paths(path: str | os.PathLike[str]) -> list[Path]:
    """Return where the index of a video may be kept, best place first.

    A folder without write permission counts as read-only even for root, who could write there.
    """
    video = Path(path).resolve()
    name = hashlib.blake2b(str(video).encode(), digest_size=12).hexdigest()
    user = platformdirs.user_cache_path("jupytrack") / "index" / f"{video.stem[:40]}-{name}.npz"
    folder = video.parent
    writable = os.access(folder, os.W_OK) and os.stat(folder).st_mode & (
        stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    )
    return [folder / f"{video.name}.jupytrack-index.npz", user] if writable else [user]


def _key(path: str | os.PathLike[str], fingerprint: str) -> list[Any]:
    status = os.stat(path)
    libraries = [str(av.library_versions[name]) for name in ("libavformat", "libavcodec")]
    return [_VERSION, status.st_size, status.st_mtime_ns, fingerprint, *libraries]


_ARRAYS = [f.name for f in dataclasses.fields(FrameIndex) if str(f.type).startswith("NDArray")]


def store_index(path: str | os.PathLike[str], index: FrameIndex) -> Path | None:
    """Keep an index beside its video, else in the user's cache folder.

    Returns
    -------
    Path or None
        Where it is, None if nowhere could be written: it is then built again next time.
    """
    values = {f.name: getattr(index, f.name) for f in dataclasses.fields(index) if f.name not in _ARRAYS}
    values["key"] = _key(path, index.fingerprint)
    buffer = io.BytesIO()
    np.savez(buffer, meta=np.array(json.dumps(values)), **{name: getattr(index, name) for name in _ARRAYS})
    for place in cache_paths(path):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(place, buffer.getvalue())
        except OSError:
            continue
        return place
    return None


def load_index(path: str | os.PathLike[str], fingerprint: str) -> FrameIndex | None:
    """Return the kept index of a video, None if there is none or the video changed since.

    Parameters
    ----------
    path : path-like
        The video.
    fingerprint : str
        Its :func:`content_fingerprint`.
    """
    for place in cache_paths(path):
        try:
            with open(place, "rb") as file, np.load(file, allow_pickle=False) as stored:
                values = json.loads(str(stored["meta"]))
                if values.pop("key") != _key(path, fingerprint):
                    continue
                values |= {name: stored[name] for name in _ARRAYS}
            for name in ("time_base", "rate", "matrix", "warnings"):
                values[name] = tuple(values[name])
            return FrameIndex(**values)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            continue
    return None
