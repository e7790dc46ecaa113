"""Forms: fields with captions, a place for what is wrong, and two buttons."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
from ipyfilechooser import FileChooser

from jupytrack.errors import JupytrackError
from jupytrack.widgets.lifetime import widgets_of
from jupytrack.widgets.panels import row, text_button

__all__ = ["Form", "PathField", "told"]

_CAPTION = "92px"


def told(error: BaseException) -> tuple[str, str]:
    """Return what to tell people of an error: what is wrong, and what to do."""
    if isinstance(error, JupytrackError):
        return error.problem, error.remedy
    text = str(error).strip() or type(error).__name__
    return text if isinstance(error, ValueError | TypeError | OSError | ImportError) else repr(error), ""


class PathField(ipywidgets.HBox):  # type: ignore[misc]
    """A path, typed or chosen among the files of the machine where the kernel runs.

    Parameters
    ----------
    value : str
        What it begins with.
    hint : str
        Tooltip.
    folders : bool
        Whether folders are meant, not files.
    pattern : str
        Which files to offer.

    Attributes
    ----------
    place : ipywidgets.VBox
        Where the chooser is while one chooses; to be shown under the field.
    """

    def __init__(self, value: str, hint: str, folders: bool = True, pattern: str = "*") -> None:
        self._folders = folders
        self._pattern = pattern
        self._chooser: Any = None
        self.text = ipywidgets.Text(
            value, tooltip=hint, layout=ipywidgets.Layout(flex="1 1 80px", width="auto", min_width="0")
        )
        self.button = text_button("", f"Choose a {'folder' if folders else 'file'}", "folder-open-o")
        self.button.on_click(lambda _: self._browse())
        # the chooser is wide: a form gives it a row of its own
        self.place = ipywidgets.VBox([])
        super().__init__(
            [self.text, self.button],
            layout=ipywidgets.Layout(flex="1 1 80px", width="auto", min_width="0"),
        )

    @property
    def value(self) -> str:
        """The path, as it is written."""
        return str(self.text.value).strip()

    def _browse(self) -> None:
        if self._chooser is not None:
            self._fold()
            return
        begin = Path(self.value).expanduser() if self.value else Path.cwd()
        while not begin.is_dir() and begin != begin.parent:
            begin = begin.parent
        self._chooser = FileChooser(
            str(begin),
            show_only_dirs=self._folders,
            select_default=False,
            filter_pattern=self._pattern,
            # the default one is shared by all choosers, and closed with the first
            layout=ipywidgets.Layout(width="500px"),
        )
        self._chooser.register_callback(self._choose)
        self._chooser.add_class("jupytrack-chooser")
        self.place.children = (self._chooser,)
        # open at once: whoever asked for it wants to choose
        self._chooser._show_dialog()

    def _choose(self, chooser: Any) -> None:
        chosen = chooser.selected_path if self._folders else chooser.selected
        if chosen:
            self.text.value = str(chosen)
        self._fold()

    def _fold(self) -> None:
        chooser, self._chooser = self._chooser, None
        self.place.children = ()
        if chooser is not None:
            for part in widgets_of(chooser):
                part.close()


class Form(ipywidgets.VBox):  # type: ignore[misc]
    """Fields with captions, and buttons that take what is in them or leave.

    Parameters
    ----------
    title : str
        Heading.
    caption : str
        Of the button that takes it.
    on_take : callable
        Called without arguments; an error is shown in the form.
    on_leave : callable
        Called without arguments.
    """

    def __init__(
        self, title: str, caption: str, on_take: Callable[[], Any], on_leave: Callable[[], Any]
    ) -> None:
        self._on_take = on_take
        self.fields = ipywidgets.VBox([])
        # return takes the form, escape leaves it
        self.fields.add_class("jupytrack-field")
        self.message = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))
        self.message.add_class("jupytrack-form-message")
        self.take = text_button(caption)
        self.take.button_style = "primary"
        self.take.add_class("jupytrack-default")
        self.leave = text_button("Cancel", "Close the form; nothing happens")
        self.leave.add_class("jupytrack-cancel")
        self.take.on_click(lambda _: self.submit())
        self.leave.on_click(lambda _: on_leave())
        heading = ipywidgets.HTML(escape(title))
        heading.add_class("jupytrack-heading")
        super().__init__([heading, self.fields, self.message, row(self.take, self.leave)])
        self.add_class("jupytrack-form")

    def add(self, caption: str, field: ipywidgets.Widget, hint: str = "") -> ipywidgets.HBox:
        """Add a field with its caption; returns the row, which can be hidden."""
        label = ipywidgets.HTML(
            f'<span title="{escape(hint or caption)}">{escape(caption)}</span>',
            layout=ipywidgets.Layout(width=_CAPTION, flex=f"0 0 {_CAPTION}"),
        )
        if not isinstance(field, PathField):
            field.layout.flex, field.layout.width, field.layout.min_width = "1 1 80px", "auto", "0"
        line = row(label, field, flex_flow="row nowrap")
        more = (field.place,) if isinstance(field, PathField) else ()
        self.fields.children = (*self.fields.children, line, *more)
        return line

    def explain(self, text: str) -> ipywidgets.HTML:
        """Add a line of text under the field above."""
        line = ipywidgets.HTML(escape(text))
        line.add_class("jupytrack-hint")
        self.fields.children = (*self.fields.children, line)
        return line

    def submit(self) -> None:
        """Take what is in the fields, as the button does."""
        self.say()
        self.take.disabled = True
        try:
            self._on_take()
        except Exception as error:
            self.say(*told(error))
            if not isinstance(error, JupytrackError | ValueError | TypeError | OSError | ImportError):
                raise
        finally:
            self.take.disabled = False

    def begin(self) -> None:
        """Give the keyboard to the first field."""
        if self.comm is not None and self.fields.children:
            first = next(iter(self.fields.children[0].children[1:]), None)
            if first is not None and hasattr(first, "focus"):
                first.focus()

    def say(self, problem: str = "", remedy: str = "") -> None:
        """Show what is wrong; nothing hides it."""
        self.message.value = escape(problem) + (f"<br><i>{escape(remedy)}</i>" if remedy else "")
        self.message.layout.display = None if problem else "none"
