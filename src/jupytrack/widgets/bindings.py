"""What a user's keys, buttons and scripts set off: commands, and the keys that run them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from jupytrack.widgets import commands as table

if TYPE_CHECKING:
    from jupytrack.widgets.annotator import Annotator
    from jupytrack.widgets.frame_canvas import FrameCanvas
    from jupytrack.widgets.queue.video_queue import VideoQueue
    from jupytrack.widgets.session import Session

__all__ = ["Bindings"]


class Bindings:
    """The part of the annotator that runs commands."""

    session: Session
    canvas: FrameCanvas
    commands: dict[str, table.Command]
    queue: VideoQueue | None

    def run_command(
        self, name: str, frame: int | None = None, pointer: Mapping[str, float] | None = None, **args: Any
    ) -> Any:
        """Carry out a command of the table, as its key or button does: errors become notices.

        Parameters
        ----------
        name : str
            One of :attr:`commands`.
        frame : int, optional
            The frame the user saw; the session's frame if omitted.
        pointer : mapping, optional
            ``x`` and ``y`` of the pointer, in pixels of the video.
        **args
            Further arguments of the command.
        """
        with self.session.reporting():
            return table.run(cast("Annotator", self), name, frame, pointer, **args)
        return None

    def _run_from_browser(self, name: str, values: Mapping[str, Any]) -> Any:
        # the name is the first argument, whatever a message claims
        return self.run_command(name, **{key: value for key, value in values.items() if key != "name"})

    def perform(self, name: str) -> None:
        """Let every view carry out a command that only a browser can do, such as ``fit``.

        Raises
        ------
        AnnotationError
            If there is no such command.
        """
        if name not in self.commands:
            raise table.unknown_command(name, self.commands)
        self.canvas.perform(name)

    def set_key_bindings(self) -> None:
        """Go back to the keys of the table; keys you added stay."""
        own = {name: command for name, command in self.commands.items() if name not in table.BY_NAME}
        taken = {key for command in own.values() for key in command.keys}
        self.commands = {
            name: replace(command, keys=tuple(key for key in command.keys if key not in taken))
            for name, command in table.BY_NAME.items()
        } | own
        self._send_bindings()

    def add_key_binding(
        self,
        key_name: str,
        on_press_function: Callable[..., Any],
        description: str | None = None,
        *,
        group: str | None = None,
        on_button: bool = False,
    ) -> None:
        """Let a key call a function of yours; it takes the place of what the key did.

        Parameters
        ----------
        key_name : str
            The key, for instance ``"e"``, ``"ctrl+alt+e"`` or ``"shift+f2"``.
        on_press_function : callable
            Called without arguments, or with an event if it takes one: ``event.frame``, ``event.xdata`` and
            ``event.ydata`` (None while the pointer is elsewhere), ``event.key``.
        description : str, optional
            A line for the cheat sheet; the function's name by default.
        group : str, optional
            Heading of that line.
        on_button : bool
            Accepted for scripts written for DUSTrack.
        """
        key = key_name.lower()

        def action(session: Session, frame: int | None = None, pointer: Any = None) -> Any:
            x, y = (pointer["x"], pointer["y"]) if pointer else (None, None)
            shown = session.frame if frame is None else frame
            event = SimpleNamespace(key=key, frame=shown, xdata=x, ydata=y)
            takes_event = "event" in inspect.signature(on_press_function).parameters
            return on_press_function(event) if takes_event else on_press_function()

        title = description or getattr(on_press_function, "__name__", "Your own function").replace("_", " ")
        name = f"own_{key}"
        self.commands[name] = table.Command(name, title, group or "Your own", (key,), action=action)
        self.set_key_bindings()

    def remove_key_binding(self, key_name: str) -> None:
        """Take back a key you added; what the table says about it holds again."""
        self.commands.pop(f"own_{key_name.lower()}", None)
        self.set_key_bindings()

    def show_key_bindings(self) -> None:
        """Show the cheat sheet."""
        self.perform("cheat_sheet")

    def _send_bindings(self) -> None:
        self.canvas.bindings = table.browser_table(self.commands.values(), with_queue=self.queue is not None)
