"""What a user action is: its keys, its button, its words, and what carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Command", "browser_command", "kernel_command"]


@dataclass(frozen=True)
class Command:
    """One thing a user can do.

    Attributes
    ----------
    name : str
        Identifier, unique in the table.
    title : str
        What it does, for tooltips and the cheat sheet.
    section : str
        Heading it stands under.
    keys : tuple of str
        Keys that run it, such as ``ctrl+alt+c``, ``alt+,`` or ``space``.
    where : {"kernel", "browser"}
        Who carries it out: the browser does by itself what must not wait for a round trip.
    action : callable, str or None
        A function of a session, which also gets ``frame`` and ``pointer`` if it takes them; or the name of an
        annotator's method; or None for what only a browser can do.
    button : str or None
        Caption of its button; without one, it has no button.
    icon : str
        Name of the button's Font Awesome 4 icon.
    needs_pointer : bool
        Whether it is about the place the pointer is at.
    args : mapping
        Further arguments of the action.
    replaces : str
        What the keys do in DUSTrack where that is something else, and what does it here.
    in_queue : bool
        Whether it is about a queue of videos. An annotator without one does nothing then, and its cheat sheet
        leaves it out; the key is kept from the browser, which would leave the page.
    """

    name: str
    title: str
    section: str = ""
    keys: tuple[str, ...] = ()
    where: Literal["kernel", "browser"] = "kernel"
    action: Callable[..., Any] | str | None = None
    button: str | None = None
    icon: str = ""
    needs_pointer: bool = False
    args: Mapping[str, Any] = field(default_factory=dict)
    replaces: str = ""
    in_queue: bool = False


def kernel_command(
    name: str,
    title: str,
    keys: str,
    action: Callable[..., Any] | str,
    button: str | None = None,
    icon: str = "",
    **rest: Any,
) -> Command:
    """Make a command that the kernel carries out; its section is filled in by the table."""
    return Command(name, title, "", tuple(keys.split()), "kernel", action, button, icon, **rest)


def browser_command(
    name: str, title: str, keys: str, action: Callable[..., Any] | None = None, **rest: Any
) -> Command:
    """Make a command that the browser carries out; its section is filled in by the table."""
    return Command(name, title, "", tuple(keys.split()), "browser", action, **rest)
