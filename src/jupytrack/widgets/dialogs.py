"""Questions and news above the picture, inside the cell: a notebook has no windows to pop up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Literal

import ipywidgets

from jupytrack.widgets.panels import text_button

__all__ = ["Banner", "Choice", "Question"]

Choice = tuple[str, Literal["", "primary", "danger"], Callable[[], Any] | None]
_COLORS = {"info": "info", "warning": "warning", "error": "danger"}


class Banner(ipywidgets.HBox):  # type: ignore[misc]
    """A line of text with buttons, hidden until there is something to say.

    Parameters
    ----------
    kind : {"info", "warning", "error"}
        Colour of its edge.
    """

    def __init__(self, kind: Literal["info", "warning", "error"] = "info") -> None:
        self.text = ipywidgets.HTML(layout=ipywidgets.Layout(flex="1 1 240px", min_width="0"))
        self.buttons = ipywidgets.HBox(layout=ipywidgets.Layout(flex="0 0 auto", flex_flow="row wrap"))
        super().__init__(
            [self.text, self.buttons],
            layout=ipywidgets.Layout(
                width="100%", align_items="center", display="none", flex_flow="row wrap"
            ),
        )
        self.add_class("jupytrack-banner")
        self.add_class(f"jupytrack-{_COLORS[kind]}")

    @property
    def shown(self) -> bool:
        """Whether it says something."""
        return bool(self.layout.display != "none")

    def say(self, title: str, text: str = "", choices: Sequence[Choice] = ()) -> None:
        """Show a text and offer choices; each is a caption, a style, and what to call."""
        self.text.value = (f"<b>{escape(title)}</b> " if title else "") + escape(text)
        buttons = []
        for caption, style, action in choices:
            button = text_button(caption)
            button.button_style = style
            # for the keys enter and escape in a field of text
            if style == "primary":
                button.add_class("jupytrack-default")
            if action is None:
                button.add_class("jupytrack-cancel")
            button.on_click(lambda _, action=action: self.choose(action))
            buttons.append(button)
        before, self.buttons.children = self.buttons.children, buttons
        for button in before:
            button.close()
        self.layout.display = "flex"

    def choose(self, action: Callable[[], Any] | None) -> None:
        """Take a choice: hide, then do what was chosen."""
        self.hide()
        if action is not None:
            action()

    def hide(self) -> None:
        """Say nothing."""
        self.layout.display = "none"


class Question(Banner):
    """A banner that may also ask for a line of text."""

    def __init__(self) -> None:
        super().__init__("warning")
        layout = ipywidgets.Layout(flex="2 1 320px", width="auto", display="none")
        self.field = ipywidgets.Text(continuous_update=False, layout=layout)
        self.field.add_class("jupytrack-field")
        self.children = (self.text, self.field, self.buttons)

    def say(self, title: str, text: str = "", choices: Sequence[Choice] = ()) -> None:
        """Show a text and offer choices."""
        self.field.layout.display = "none"
        super().say(title, text, choices)

    def ask_for_text(
        self, title: str, value: str, caption: str, action: Callable[[str], Any], text: str = ""
    ) -> None:
        """Ask for a line of text, and call ``action`` with it."""
        self.say(title, text, [(caption, "primary", lambda: action(self.field.value)), ("Cancel", "", None)])
        self.field.value = value
        self.field.layout.display = None
