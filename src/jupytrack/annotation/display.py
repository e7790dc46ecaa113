"""How an annotation is shown: state that displays watch, without knowing any of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from jupytrack.annotation.palettes import Color, palette
from jupytrack.errors import AnnotationError

__all__ = ["Display", "DisplayState", "PlotType", "Role"]

PlotType = Literal["line", "dot"]
Role = Literal["scatter", "trace"]


@runtime_checkable
class Display(Protocol):
    """Anything that shows an annotation and can be told to do it again."""

    def refresh(self) -> None:
        """Show what is there now."""


class DisplayState:
    """What of an annotation is shown, and how.

    Parameters
    ----------
    palette_name : str
        Colours of the labels; see :data:`jupytrack.annotation.palettes.PALETTES`.

    Attributes
    ----------
    visible : bool
        Whether anything is shown.
    alpha : float
        Opacity of everything that has none of its own, 0 to 1.
    hidden_traces : frozenset of str
        Labels whose traces are not drawn.
    plot_type : "line" or "dot"
        How traces are drawn.
    """

    def __init__(self, palette_name: str = "Set2") -> None:
        self._palette = palette(palette_name)
        self.palette_name = palette_name
        self.visible = True
        self.alpha = 1.0
        self.hidden_traces: frozenset[str] = frozenset()
        self.plot_type: PlotType = "dot"
        self._alphas: dict[str, float] = {}
        self._colors: dict[str, Color] = {}
        self._bound: dict[Role, list[Display]] = {"scatter": [], "trace": []}
        self._cleared = False
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback()`` whenever the state changes; returns a function that stops it."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    def changed(self) -> None:
        """Tell listeners and bound displays to show the annotation again."""
        for listener in list(self._listeners):
            try:
                listener()
            except Exception:
                logging.getLogger(__name__).exception("A listener failed on a change of the display.")
        self.refresh()

    def bind(self, display: Any, role: Role = "scatter") -> None:
        """Refresh an object from now on.

        Parameters
        ----------
        display : object with a method ``refresh()``
            For instance a canvas or a trace figure of this package.
        role : "scatter" or "trace"
            Whether it shows points of one frame, or positions over time.

        Raises
        ------
        AnnotationError
            If it has no ``refresh()``, as matplotlib's axes.
        """
        if not isinstance(display, Display):
            raise AnnotationError(
                f"{type(display).__name__} cannot display an annotation, because it has no refresh().",
                "Give an object with that method; annotations are not drawn on matplotlib axes.",
            )
        if not any(display is bound for bound in self._bound[role]):
            self._bound[role].append(display)
        self._cleared = False

    def bound(self, role: Role | None = None) -> tuple[Display, ...]:
        """Return the bound displays, of one role or all."""
        return tuple(d for r, displays in self._bound.items() if role in (None, r) for d in displays)

    def refresh(self, role: Role | None = None) -> None:
        """Let the bound displays (of one role) show the annotation again, unless they were cleared."""
        if not self._cleared:
            for display in self.bound(role):
                display.refresh()

    def clear(self) -> None:
        """Take the annotation off its displays until :meth:`restore`; they stay bound."""
        displays = self.bound()
        self._cleared = True
        self.visible = False
        for display in displays:
            display.refresh()

    def restore(self) -> None:
        """Show the annotation on its displays again."""
        if self._cleared:
            self._cleared, self.visible = False, True
        self.changed()

    def set_visible(self, visible: bool, *, draw: bool = True) -> None:
        """Show or hide everything."""
        self.visible = visible
        if draw:
            self.changed()

    def trace_visible(self, label: str) -> bool:
        """Whether the trace of a label is drawn."""
        return self.visible and label not in self.hidden_traces

    def set_traces(self, shown: Iterable[str] = (), hidden: Iterable[str] = (), *, draw: bool = True) -> None:
        """Draw the traces of some labels and not those of others."""
        self.hidden_traces = (self.hidden_traces - frozenset(shown)) | frozenset(hidden)
        if draw:
            self.changed()

    def alpha_of(self, label: str) -> float:
        """Return the opacity of a label, 0 to 1."""
        return self._alphas.get(label, self.alpha)

    def set_alpha(self, alpha: float, label: str | None = None, *, draw: bool = True) -> None:
        """Set the opacity of one label, or of all.

        Raises
        ------
        AnnotationError
            If it is not from 0 to 1.
        """
        if not 0 <= alpha <= 1:
            raise AnnotationError(f"An opacity of {alpha!r} is impossible.", "Give a number from 0 to 1.")
        if label is None:
            self.alpha = float(alpha)
            self._alphas.clear()
        else:
            self._alphas[label] = float(alpha)
        if draw:
            self.changed()

    def set_plot_type(self, plot_type: str, *, draw: bool = True) -> None:
        """Draw traces as lines or as dots.

        Raises
        ------
        AnnotationError
            If it is neither ``"line"`` nor ``"dot"``.
        """
        if plot_type not in ("line", "dot"):
            raise AnnotationError(f"There is no plot type {plot_type!r}.", "Choose 'line' or 'dot'.")
        self.plot_type = "line" if plot_type == "line" else "dot"
        if draw:
            self.changed()

    def set_palette(self, name: str) -> None:
        """Change the colours of all labels that have none of their own."""
        self._palette, self.palette_name = palette(name), name
        self.changed()

    def set_color(self, label: str, color: Sequence[float], *, draw: bool = True) -> None:
        """Give a label a colour of its own.

        Raises
        ------
        AnnotationError
            If it is not three numbers from 0 to 1.
        """
        if len(color) != 3 or not all(0 <= part <= 1 for part in color):
            raise AnnotationError(f"{color!r} is no colour.", "Give red, green and blue from 0 to 1.")
        self._colors[label] = (float(color[0]), float(color[1]), float(color[2]))
        if draw:
            self.changed()

    def color(self, label: str, row: int) -> Color:
        """Return the colour of a label, RGB from 0 to 1; a number picks by its value, a name by its row."""
        if label in self._colors:
            return self._colors[label]
        index = int(label) if label.isascii() and label.isdigit() else row
        return self._palette[index % len(self._palette)]
