"""Points with a display: colours, what is visible, and what is refreshed when they change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jupytrack.annotation.display import DisplayState, PlotType
from jupytrack.annotation.editing import EditablePoints
from jupytrack.annotation.palettes import Color
from jupytrack.annotation.table import PointTable

__all__ = ["DisplayedPoints"]


class DisplayedPoints(EditablePoints):
    """Points and how they are shown.

    Parameters
    ----------
    table : PointTable
        What to start with; copied.
    n_frames : int, optional
        Frames in the video, if there is one.
    palette_name : str
        Colours of the labels.

    Attributes
    ----------
    display : DisplayState
        What is shown and how; the methods here act on it.
    """

    def __init__(self, table: PointTable, n_frames: int | None = None, palette_name: str = "Set2") -> None:
        self.display = DisplayState(palette_name)
        super().__init__(table, n_frames)
        self.on_change(lambda change: self.display.refresh())

    @property
    def palette(self) -> list[Color]:
        """Colour of every label, RGB from 0 to 1."""
        return [self.display.color(label, row) for row, label in enumerate(self.labels)]

    @property
    def plot_type(self) -> PlotType:
        """How traces are drawn, ``"line"`` or ``"dot"``."""
        return self.display.plot_type

    @plot_type.setter
    def plot_type(self, plot_type: PlotType) -> None:
        self.set_plot_type(plot_type)

    def add_label(self, label: str | None = None, color: Sequence[float] | None = None) -> None:
        """Add a label without points; nothing happens if it is there.

        Parameters
        ----------
        label : str, optional
            Its name; the lowest free number by default.
        color : sequence of three float, optional
            Its colour, RGB from 0 to 1.
        """
        with self.lock:
            before = set(self.labels)
            super().add_label(label)
            for new in set(self.labels) - before:
                if color is not None:
                    self.display.set_color(new, color)

    def setup_display_scatter(self, ax_list_scatter: Any = None) -> None:
        """Refresh these displays of one frame's points on changes.

        Parameters
        ----------
        ax_list_scatter : object with ``refresh()``, or list of them, optional
            None keeps the ones that are bound.
        """
        for display in _as_list(ax_list_scatter):
            self.display.bind(display, "scatter")

    def setup_display_trace(self, ax_list_trace_x: Any = None, ax_list_trace_y: Any = None) -> None:
        """Refresh these displays of positions over time on changes; arguments as for the scatter display."""
        for display in [*_as_list(ax_list_trace_x), *_as_list(ax_list_trace_y)]:
            self.display.bind(display, "trace")

    def setup_display(
        self, ax_list_scatter: Any = None, ax_list_trace_x: Any = None, ax_list_trace_y: Any = None
    ) -> None:
        """Bind displays of both kinds and show the annotation on them."""
        self.setup_display_scatter(ax_list_scatter)
        self.setup_display_trace(ax_list_trace_x, ax_list_trace_y)
        self.display.restore()

    def clear_display(self) -> None:
        """Take the annotation off its displays; :meth:`re_setup_display` brings it back."""
        self.display.clear()

    def re_setup_display(self) -> None:
        """Show the annotation on its displays again."""
        self.display.restore()

    def invalidate_caches(self) -> None:
        """Count as changed, so that displays compute everything anew."""
        self._revision += 1
        self.display.changed()

    def update_display_scatter(self, frame_number: int, draw: bool = False) -> None:
        """Refresh the displays of one frame's points; they know which frame they show."""
        self.display.refresh("scatter")

    def update_display_trace(self, label: str | None = None, draw: bool = False) -> None:
        """Refresh the displays of positions over time."""
        self.display.refresh("trace")

    def update_display(self, frame_number: int, label: str | None = None, draw: bool = False) -> None:
        """Refresh all displays."""
        self.display.refresh()

    def hide(self, draw: bool = True) -> None:
        """Show nothing of this annotation; with ``draw=False`` displays learn it at their next refresh."""
        self.display.set_visible(False, draw=draw)

    def show(self, draw: bool = True) -> None:
        """Show the annotation."""
        self.display.set_visible(True, draw=draw)

    def show_trace(self, label: str, draw: bool = True) -> None:
        """Draw the trace of a label."""
        self.display.set_traces(shown=[label], draw=draw)

    def hide_trace(self, label: str, draw: bool = True) -> None:
        """Do not draw the trace of a label."""
        self.display.set_traces(hidden=[label], draw=draw)

    def show_one_trace(self, label: str, draw: bool = True) -> None:
        """Draw the trace of one label only."""
        self.display.set_traces([label], [other for other in self.labels if other != label], draw=draw)

    def set_alpha(self, alpha: float = 0.4, label: str | None = None, draw: bool = True) -> None:
        """Set the opacity of one label or all, 0 to 1."""
        self.display.set_alpha(alpha, label, draw=draw)

    def set_plot_type(self, type_: str = "line", draw: bool = True) -> None:
        """Draw traces as ``"line"`` or ``"dot"``."""
        self.display.set_plot_type(type_, draw=draw)


def _as_list(displays: Any) -> list[Any]:
    if displays is None:
        return []
    return list(displays) if isinstance(displays, (list, tuple)) else [displays]
