"""Commands of a review; they are there, and in the cheat sheet, while one is open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupytrack.widgets.command import Command, kernel_command

if TYPE_CHECKING:
    from jupytrack.widgets.annotator import Annotator
    from jupytrack.widgets.review.review import Review

__all__ = ["REVIEW", "add_commands", "remove_commands"]

# name, title, key, method of the review, button, icon
_TABLE = (
    ("review_next", "Next open flag", "o", "next", "Next", "arrow-right"),
    ("review_previous", "Flag before this one in the list", "i", "previous", "Previous", "arrow-left"),
    ("review_accept", "Accept the flag: it is right", "e", "accept", "Accept", "exclamation"),
    ("review_fix", "Mark the flag as fixed: it was right, and is corrected", "u", "fix", "Fixed", "check"),
    ("review_dismiss", "Dismiss the flag: it is wrong, for this reason", "h", "dismiss", "Dismiss", "times"),
)  # fmt: skip

REVIEW: dict[str, Command] = {
    name: replace(kernel_command(name, title, key, method, button, icon), section="Review")
    for name, title, key, method, button, icon in _TABLE
}


def add_commands(annotator: Annotator, review: Review) -> None:
    """Let the keys of a review work; keys that the user has given another meaning stay the user's."""
    taken = {key for name, each in annotator.commands.items() for key in each.keys if name not in REVIEW}
    for name, command in REVIEW.items():
        keys = tuple(key for key in command.keys if key not in taken)
        annotator.commands[name] = replace(
            command, keys=keys, action=_action(getattr(review, f"_{command.action}"))
        )
    annotator.set_key_bindings()


def remove_commands(annotator: Annotator, names: Iterable[str] = REVIEW) -> None:
    """Take the keys of a review back."""
    for name in names:
        annotator.commands.pop(name, None)
    annotator.set_key_bindings()


def _action(method: Callable[[], Any]) -> Callable[[Any], None]:
    def act(session: Any) -> None:
        method()

    return act
