"""What a browser may ask for, checked before anything is done with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jupytrack.errors import JupytrackError

__all__ = [
    "Bye",
    "CommandRequest",
    "EditRequest",
    "Hello",
    "MessageError",
    "OverlayRequest",
    "Request",
    "Seek",
    "Selection",
    "StillRequest",
    "parse",
]

_MOST_FRAMES = 1000
_LONGEST_TEXT = 300
_REMEDY = "Reload the page; if it happens again, page and kernel run different versions of jupytrack."


class MessageError(JupytrackError, ValueError):
    """A message that is not what the browser part of this package sends."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"The kernel got a message it does not understand: {problem}.", _REMEDY)


@dataclass(frozen=True)
class Hello:
    """A view was opened."""

    view: str


@dataclass(frozen=True)
class Bye:
    """A view was closed."""

    view: str


@dataclass(frozen=True)
class StillRequest:
    """What a view lacks, most urgent first; ``fresh`` is what it did not ask for before."""

    view: str
    id: int
    frames: tuple[int, ...]
    fresh: tuple[int, ...]
    quality: int


@dataclass(frozen=True)
class OverlayRequest:
    """The frames whose overlay a view lacks, and how many pixels of the video a pixel of its screen shows."""

    view: str
    id: int
    frames: tuple[int, ...]
    scale: float


@dataclass(frozen=True)
class EditRequest:
    """A point placed or removed."""

    id: str
    op: Literal["place", "remove"]
    label: str
    frame: int
    x: float
    y: float


@dataclass(frozen=True)
class CommandRequest:
    """A command of the table, with what the user saw and pointed at."""

    id: int
    name: str
    frame: int
    pointer: dict[str, float] | None
    args: dict[str, Any]


@dataclass(frozen=True)
class Selection:
    """A label that was clicked."""

    label: str


@dataclass(frozen=True)
class Seek:
    """A frame that the user went to, though it is the one that was told last."""

    frame: int


Request = Hello | Bye | StillRequest | OverlayRequest | EditRequest | CommandRequest | Selection | Seek


def parse(content: object, n_frames: int) -> Request:
    """Turn a message from the browser into a request.

    Parameters
    ----------
    content : object
        What arrived.
    n_frames : int
        Frames in the video.

    Raises
    ------
    MessageError
        If it is anything but a request, complete and within the video.
    """
    if not isinstance(content, Mapping):
        raise MessageError(f"{type(content).__name__} instead of an object")
    read = _Reader(content, n_frames)
    kind = content.get("type")
    if kind == "still":
        quality = read.integer("quality", 1, 100)
        frames, fresh = read.frames(), read.frames("fresh")
        return StillRequest(read.text("view"), read.integer("id"), frames, fresh, quality)
    if kind == "overlay":
        scale = read.number("scale")
        if not 1e-6 < scale < 1e6:
            raise MessageError(f"'scale' is {scale:g}")
        return OverlayRequest(read.text("view"), read.integer("id"), read.frames(), scale)
    if kind == "edit":
        op = content.get("op")
        if op not in ("place", "remove"):
            raise MessageError(f"an edit of the kind {_short(op)}")
        x, y = (read.number("x"), read.number("y")) if op == "place" else (math.nan, math.nan)
        return EditRequest(read.text("id"), op, read.text("label"), read.frame("frame"), x, y)
    if kind == "command":
        args = content.get("args") or {}
        if not isinstance(args, Mapping) or not all(isinstance(key, str) for key in args):
            raise MessageError("'args' is no object")
        return CommandRequest(
            read.integer("id"), read.text("name"), read.frame("frame"), read.pointer(), dict(args)
        )
    if kind == "seek":
        return Seek(read.frame("frame"))
    if kind == "select":
        return Selection(read.text("label"))
    if kind == "hello":
        return Hello(read.text("view"))
    if kind == "bye":
        return Bye(read.text("view"))
    raise MessageError(f"its type is {_short(kind)}")


class _Reader:
    """Reads checked values out of a message."""

    def __init__(self, content: Mapping[str, Any], n_frames: int) -> None:
        self.content = content
        self.n_frames = n_frames

    def text(self, name: str) -> str:
        value = self.content.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TEXT:
            raise MessageError(f"{name!r} is {_short(value)}")
        return value

    def number(self, name: str) -> float:
        return _number(self.content.get(name), name)

    def integer(self, name: str, low: int = 0, high: int = 2**53) -> int:
        return _integer(self.content.get(name), name, low, high)

    def frame(self, name: str) -> int:
        return self.integer(name, 0, max(self.n_frames - 1, 0))

    def frames(self, name: str = "frames") -> tuple[int, ...]:
        values = self.content.get(name)
        if not isinstance(values, list) or len(values) > _MOST_FRAMES:
            raise MessageError(f"{name!r} is {_short(values)}")
        return tuple(_integer(value, name, 0, max(self.n_frames - 1, 0)) for value in values)

    def pointer(self) -> dict[str, float] | None:
        value = self.content.get("pointer")
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise MessageError(f"'pointer' is {_short(value)}")
        return {axis: _number(value.get(axis), f"pointer.{axis}") for axis in ("x", "y")}


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MessageError(f"{name!r} is {_short(value)}")
    return float(value)


def _integer(value: Any, name: str, low: int, high: int) -> int:
    number = _number(value, name)
    if number != int(number) or not low <= number <= high:
        raise MessageError(f"{name!r} is {_short(value)}, not a whole number from {low} to {high}")
    return int(number)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
