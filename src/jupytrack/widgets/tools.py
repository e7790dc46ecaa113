"""Rows of buttons: the toolbar, the traces' bar, and the panels that hold nothing but commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from jupytrack.widgets.panels import Panel, command_button, row, text_button

if TYPE_CHECKING:
    from jupytrack.widgets.annotator import Annotator

__all__ = ["CopyPanel", "IntervalPanel", "TraceBar", "toolbar"]

_TOOLBAR = (
    ("undo", "redo"),
    ("save", "save_annotation_as", "discard_unsaved_annotations"),
    ("previous_frame_with_current_label", "next_frame_with_current_label", "toggle_frame_of_interest"),
    ("remove_annotation", "refresh"),
)


def toolbar(annotator: Annotator) -> ipywidgets.HBox:
    """Make the row of buttons above the picture."""
    children: list[ipywidgets.Widget] = []
    for group in _TOOLBAR:
        if children:
            gap = ipywidgets.Box(layout=ipywidgets.Layout(width="12px", flex="0 0 12px"))
            children.append(gap)
        children += [command_button(annotator, name) for name in group]
    bar = row(*children)
    bar.add_class("jupytrack-toolbar")
    return bar


class CopyPanel(Panel):
    """Copying points from the overlay layer."""

    title = "Copy from the overlay"
    names = (
        "copy_current_annotation_from_overlay",
        "copy_annotations_from_overlay",
        "copy_frames_of_interest_from_overlay",
        "copy_frames_in_interval_from_overlay",
        "copy_existing_annotations_from_overlay",
    )

    def __init__(self, annotator: Annotator) -> None:
        self.buttons = [command_button(annotator, name) for name in self.names]
        super().__init__(annotator, (row(*self.buttons),))
        self.session.observe(lambda _: self.show(), ["status"])
        self.show()

    def show(self) -> None:
        """Offer copying where there is something to copy from."""
        status = self.session.status
        for button in self.buttons:
            button.disabled = status["overlay"] in (None, status["layer"])


class IntervalPanel(Panel):
    """The selected interval, and what can be done in it; cleaning up."""

    title = "Interval and cleaning"
    inside = (
        "remove_labels_in_interval",
        "remove_all_labels_in_interval",
        "decimate_annotations_in_interval",
    )
    anywhere = ("keep_overlapping_frames", "keep_overlapping_continuous_frames")

    def __init__(self, annotator: Annotator) -> None:
        self.text = ipywidgets.HTML(layout=ipywidgets.Layout(flex="1 1 100px", min_width="0"))
        self.buttons = [command_button(annotator, name) for name in self.inside]
        others = [command_button(annotator, name) for name in self.anywhere]
        super().__init__(
            annotator,
            (
                row(command_button(annotator, "select_interval"), self.text, flex_flow="row nowrap"),
                row(*self.buttons),
                row(*others),
            ),
        )
        self.session.observe(lambda _: self.show(), ["status", "label"])
        self.show()

    def show(self) -> None:
        """Show which interval is selected."""
        session = self.session
        interval = session.interval
        if session.pending_interval is not None:
            self.text.value = f"frame {session.pending_interval} to …"
        else:
            self.text.value = f"frames {interval[0]} to {interval[1]}" if interval else "none selected"
        for button in self.buttons:
            button.disabled = interval is None


class TraceBar(Panel):
    """What the traces show."""

    def __init__(self, annotator: Annotator) -> None:
        traces = annotator.traces

        def toggle(text: str, icon: str, hint: str) -> ipywidgets.ToggleButton:
            layout = ipywidgets.Layout(width="auto", min_width="34px")
            return ipywidgets.ToggleButton(description=text, icon=icon, tooltip=hint, layout=layout)

        self.all_labels = toggle("All labels", "list", "Show every label, not only the current one")
        self.time = toggle("Seconds", "clock-o", "Plot against time instead of frames")
        self.lines = toggle("Lines", "line-chart", "Draw the active layer as lines instead of dots")
        self.panzoom = toggle("", "hand-paper-o", "Wheel and drag zoom and pan the traces")
        self.frozen = toggle("", "lock", "Keep the limits of the traces as they are")
        zoom_in = text_button("", "Show less of the time, around the current frame", "search-plus")
        zoom_out = text_button("", "Show more of the time", "search-minus")
        whole = text_button("", "Whole video, current label (r)", "arrows-alt")
        zoom_in.on_click(lambda _: traces.zoom(2.0))
        zoom_out.on_click(lambda _: traces.zoom(0.5))
        whole.on_click(lambda _: annotator.reset_traces())
        super().__init__(
            annotator,
            (
                row(
                    *(self.all_labels, self.time, self.lines),
                    *(zoom_in, zoom_out, whole, self.panzoom, self.frozen),
                ),
            ),
        )
        self.remove_class("jupytrack-panel")
        self.add_class("jupytrack-tracebar")
        self.all_labels.observe(self.asked(self._set_all_labels), "value")
        self.time.observe(self.asked(self._set_unit), "value")
        self.lines.observe(self.asked(self._set_plot_type), "value")
        self.panzoom.observe(self.asked(lambda change: traces.set_panzoom(change["new"])), "value")
        self.frozen.observe(self.asked(self._set_frozen), "value")
        self.session.observe(lambda _: self.show(), ["status", "trace_unit", "all_traces"])
        self.session.on_points_changed(lambda _: self.show())
        self.show()

    def _set_all_labels(self, change: Any) -> None:
        self.session.all_traces = change["new"]

    def _set_unit(self, change: Any) -> None:
        self.session.trace_unit = "time" if change["new"] else "frame"

    def _set_plot_type(self, change: Any) -> None:
        self.session.ann.set_plot_type("line" if change["new"] else "dot")

    def _set_frozen(self, change: Any) -> None:
        self.annotator.traces.freeze(change["new"])

    def show(self) -> None:
        """Show what the session and the traces say now."""
        session, traces = self.session, self.annotator.traces
        with self.showing():
            self.all_labels.value = session.all_traces
            self.time.value = session.trace_unit == "time"
            self.lines.value = session.ann.plot_type == "line"
            self.panzoom.value = traces.figures[0].interaction is not None
            self.frozen.value = traces.frozen
