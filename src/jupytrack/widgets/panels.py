"""The panels beside the picture: each shows what the session says and asks it for changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets

from jupytrack.annotation.layer_list import BUFFER
from jupytrack.video.enhance import Enhancement
from jupytrack.widgets.actions import labels as label_actions
from jupytrack.widgets.actions import layers as layer_actions
from jupytrack.widgets.commands import BY_NAME, tooltip
from jupytrack.widgets.session import Session

if TYPE_CHECKING:
    from jupytrack.widgets.annotator import Annotator

__all__ = [
    "EnhancePanel",
    "LabelsPanel",
    "LayersPanel",
    "Panel",
    "SharedStyle",
    "command_button",
    "name_field",
    "row",
    "text_button",
    "unsaved_text",
]

_NO_OVERLAY = "(none)"


class SharedStyle(ipywidgets.ButtonStyle):  # type: ignore[misc]
    """The style of all buttons that have none of their own; it belongs to nobody, and nobody closes it.

    Every button would make one, with a message to the browser.
    """


_shared: list[SharedStyle] = []


def _shared_style() -> SharedStyle:
    if not _shared or _shared[0].comm is None:
        _shared[:] = [SharedStyle()]
    return _shared[0]


def text_button(
    text: str, hint: str = "", icon: str = "", classes: tuple[str, ...] = (), **layout: Any
) -> ipywidgets.Button:
    """Make a button as wide as its caption."""
    layout = {"width": "auto", "min_width": "34px", **layout}
    return ipywidgets.Button(
        description=text,
        tooltip=hint or text,
        icon=icon,
        # at once: every change after this is another message to the browser
        _dom_classes=classes,
        layout=ipywidgets.Layout(**layout),
        style=_shared_style(),
    )


def command_button(
    annotator: Annotator,
    name: str,
    text: str | None = None,
    run: Callable[[], Any] | None = None,
    **layout: Any,
) -> ipywidgets.Button:
    """Make the button of a command of the table; errors become notices. ``run`` runs it with arguments."""
    command = BY_NAME[name]
    caption = command.button or "" if text is None else text
    classes = (f"jupytrack-command-{name}",)
    button = text_button(caption, tooltip(command), command.icon, classes, **layout)
    button.on_click(lambda _: annotator.run_command(name) if run is None else run())
    return button


def name_field(hint: str, button: ipywidgets.Button) -> ipywidgets.Text:
    """Make a field for a name, in which the enter key does what a button beside it does."""
    field = ipywidgets.Text(
        placeholder=hint,
        # sent as a whole, before the click that uses it
        continuous_update=False,
        layout=ipywidgets.Layout(flex="1 1 80px", width="auto", min_width="60px"),
    )
    field.add_class("jupytrack-field")
    button.add_class("jupytrack-default")
    return field


class Panel(ipywidgets.VBox):  # type: ignore[misc]
    """A titled column of controls over a session.

    Parameters
    ----------
    annotator : Annotator
        Whose session it shows.
    children : sequence of Widget
        The controls.
    """

    title = ""

    def __init__(self, annotator: Annotator, children: tuple[ipywidgets.Widget, ...]) -> None:
        self.annotator = annotator
        self._showing = False
        super().__init__(
            children,
            layout=ipywidgets.Layout(width="100%", overflow="hidden"),
            _dom_classes=("jupytrack-panel",),
        )

    @property
    def session(self) -> Session:
        """The session that is shown."""
        return self.annotator.session

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Set controls without taking that for the user's doing."""
        before, self._showing = self._showing, True
        try:
            yield
        finally:
            self._showing = before

    def asked(self, action: Callable[..., Any]) -> Callable[[Any], None]:
        """Make a handler that carries out what the user asked for, and shows errors as notices."""

        def handle(change: Any) -> None:
            if self._showing:
                return
            with self.session.reporting():
                action(change)
            self.show()

        return handle

    def show(self) -> None:
        """Show what the session says now."""
        raise NotImplementedError


def row(*children: ipywidgets.Widget, **layout: Any) -> ipywidgets.HBox:
    """Put controls side by side; they wrap where there is no room."""
    layout = {"width": "100%", "flex_flow": "row wrap", "align_items": "center", **layout}
    return ipywidgets.HBox(children, layout=ipywidgets.Layout(**layout))


def _dropdown(description: str, hint: str) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(
        description=description,
        tooltip=hint,
        style={"description_width": "52px"},
        layout=ipywidgets.Layout(width="auto", flex="1 1 auto", min_width="0"),
    )


class LayersPanel(Panel):
    """Which layers there are, which is edited, which is compared with, and what each has unsaved."""

    title = "Layers"

    def __init__(self, annotator: Annotator) -> None:
        self.active = _dropdown("Active", "The layer that is edited (= and -)")
        self.overlay = _dropdown("Overlay", "The layer shown for comparison (] and [)")
        eye: dict[str, Any] = {"icon": "eye", "tooltip": "Show or hide this layer"}
        self.active_visible = ipywidgets.ToggleButton(
            value=True, layout=ipywidgets.Layout(width="38px"), **eye
        )
        self.overlay_visible = ipywidgets.ToggleButton(
            value=True, layout=ipywidgets.Layout(width="38px"), **eye
        )
        self.table = ipywidgets.HTML()
        self.add = text_button("Add", "Add a layer of this name")
        self.name = name_field("layer name", self.add)
        self.rename = text_button("Rename", "Rename the active layer, and its file")
        super().__init__(
            annotator,
            (
                row(self.active, self.active_visible, flex_flow="row nowrap"),
                row(self.overlay, self.overlay_visible, flex_flow="row nowrap"),
                self.table,
                row(self.name, self.add, self.rename),
                row(
                    command_button(annotator, "swap_active_and_overlay"),
                    command_button(annotator, "remove_current_layer"),
                ),
            ),
        )
        self.active.observe(
            self.asked(lambda change: layer_actions.select_layer(self.session, change["new"])), "value"
        )
        self.overlay.observe(
            self.asked(
                lambda change: layer_actions.select_overlay(
                    self.session, None if change["new"] == _NO_OVERLAY else change["new"]
                )
            ),
            "value",
        )
        for toggle, which in ((self.active_visible, "ann"), (self.overlay_visible, "overlay_ann")):
            toggle.observe(
                self.asked(lambda change, which=which: self._set_visible(which, change["new"])), "value"
            )
        self.add.on_click(self.asked(self._add))
        self.rename.on_click(self.asked(self._rename))
        self.session.observe(lambda _: self.show(), ["status"])
        self.session.on_points_changed(lambda _: self.show())
        self.show()

    def _set_visible(self, which: str, visible: bool) -> None:
        ann = getattr(self.session, which)
        if ann is not None:
            ann.show() if visible else ann.hide()

    def _add(self, _: Any) -> None:
        name = self.name.value.strip()
        self.annotator.add_layer(name)
        self.name.value = ""

    def _rename(self, _: Any) -> None:
        layer_actions.rename_layer(self.session, self.session.layers.active, self.name.value)
        self.name.value = ""

    def show(self) -> None:
        """Show what the session says now."""
        session, status = self.session, self.session.status
        shown = (status["layer"], status["overlay"])
        names = [*status["layers"], *([BUFFER] if BUFFER in shown else [])]
        with self.showing():
            for dropdown, options, value in (
                (self.active, names, status["layer"]),
                (self.overlay, [_NO_OVERLAY, *names], status["overlay"] or _NO_OVERLAY),
            ):
                if list(dropdown.options) != list(options):
                    dropdown.options = options
                dropdown.value = value
            self.active_visible.value = session.ann.display.visible
            overlay = session.overlay_ann
            self.overlay_visible.value = overlay is not None and overlay.display.visible
            self.overlay_visible.disabled = overlay is None
            rows = "".join(
                f"<tr{' class=jupytrack-current' if name == status['layer'] else ''}><td>{escape(name)}</td>"
                f"<td>{unsaved_text(status['unsaved'][name], name in status['new'])}</td></tr>"
                for name in status["layers"]
            )
            self.table.value = f"<table class='jupytrack-layers'>{rows}</table>"


def unsaved_text(counts: dict[str, int], new: bool = False) -> str:
    """Write what is unsaved in a layer: ``+added −removed ~moved``; ``new`` layers have no file yet."""
    signs = (("added", "+"), ("removed", "−"), ("moved", "~"))
    parts = [f"{sign}{counts[key]}" for key, sign in signs if counts[key]]
    if not parts and counts.get("labels"):
        parts = ["labels"]
    return " ".join(parts) if parts else "new" if new else "saved"


class LabelsPanel(Panel):
    """Labels, ten at a time: which is selected, and how many points each has."""

    title = "Labels"

    def __init__(self, annotator: Annotator) -> None:
        self.range = ipywidgets.HTML(layout=ipywidgets.Layout(flex="1 1 auto"))
        self.buttons = [text_button("", width="calc(50% - 6px)", min_width="80px") for _ in range(10)]
        for button in self.buttons:
            button.style = ipywidgets.ButtonStyle()
        self.grid = row(*self.buttons)
        self.add = text_button("Add", "Add a label", "plus")
        self.name = name_field("name, or empty for the next number", self.add)
        self.mode = ipywidgets.ToggleButtons(
            options=[("select", "select"), ("place", "place")],
            tooltips=["Digit keys select a label", "Digit keys place a label at the pointer"],
            style={"button_width": "64px"},
            layout=ipywidgets.Layout(width="auto"),
        )
        super().__init__(
            annotator,
            (
                row(
                    command_button(annotator, "decrement_label_range", ""),
                    self.range,
                    command_button(annotator, "increment_label_range", ""),
                    flex_flow="row nowrap",
                ),
                self.grid,
                row(self.name, self.add, flex_flow="row nowrap"),
                row(ipywidgets.HTML("Digit keys"), self.mode, flex_flow="row nowrap"),
            ),
        )
        for place, button in enumerate(self.buttons):
            button.on_click(self.asked(lambda _, place=place: self._select(place)))
        self.add.on_click(self.asked(self._add))
        self.mode.observe(self.asked(self._set_mode), "value")
        self.session.observe(lambda _: self.show(), ["label", "status"])
        self.session.on_points_changed(lambda _: self.show())
        self.show()

    def _select(self, place: int) -> None:
        label_actions.select_label(self.session, label_actions.labels_in_range(self.session)[place])

    def _add(self, _: Any) -> None:
        label_actions.add_label(self.session, self.name.value or None)
        self.name.value = ""

    def _set_mode(self, change: Any) -> None:
        self.session.number_keys = change["new"]

    def show(self) -> None:
        """Show what the session says now."""
        session = self.session
        labels = label_actions.labels_in_range(session)
        with self.showing():
            first = 10 * session.label_range
            self.range.value = f"<div style='text-align:center'>Labels {first} to {first + 9}</div>"
            self.mode.value = session.number_keys
            for place, button in enumerate(self.buttons):
                there = place < len(labels)
                button.layout.display = None if there else "none"
                if not there:
                    continue
                # one message each, not one for each change
                with button.hold_sync(), button.style.hold_sync():
                    label = labels[place]
                    count = session.count_of(label)
                    shown = " ".join(filter(None, (label, session.name_of(label))))
                    button.description = f"{shown} · {count}"
                    button.tooltip = f"Select label {shown}; it has {count} point{'s' if count != 1 else ''}"
                    button.style.button_color = session.color_of(label)
                    button.style.text_color = "#1b1b1b"
                    selected = label == session.label
                    button.style.font_weight = "bold" if selected else ""
                    if selected:
                        button.add_class("jupytrack-selected")
                    else:
                        button.remove_class("jupytrack-selected")


class EnhancePanel(Panel):
    """How frames are processed before they are shown; the file is never changed."""

    title = "Picture"

    def __init__(self, annotator: Annotator) -> None:
        def slider(text: str, low: float, high: float, step: float, hint: str) -> ipywidgets.FloatSlider:
            return ipywidgets.FloatSlider(
                description=text, min=low, max=high, step=step, tooltip=hint, readout_format=".1f",
                style={"description_width": "76px"}, layout=ipywidgets.Layout(width="auto"),
            )  # fmt: skip

        self.clahe_clip = slider("Contrast", 1, 10, 0.5, "CLAHE clip limit; 1 is off")
        self.clahe_grid = slider("Tiles", 2, 32, 1, "CLAHE tiles along each side")
        self.clahe_grid.readout_format = ".0f"
        self.gamma = slider("Gamma", 0.3, 3, 0.1, "Above 1 brightens the middle tones")
        self.brightness = slider("Brightness", -100, 100, 1, "Added to every value")
        self.brightness.readout_format = ".0f"
        self.none = text_button("None", "Show frames as they are")
        self.auto = text_button("Auto", "Choose from the frame that is shown", "magic")
        self.sliders = {
            name: getattr(self, name) for name in ("clahe_clip", "clahe_grid", "gamma", "brightness")
        }
        super().__init__(annotator, (*self.sliders.values(), row(self.none, self.auto)))
        for control in self.sliders.values():
            control.observe(self.asked(lambda _: self._read()), "value")
        self.none.on_click(self.asked(lambda _: self._set(Enhancement())))
        self.auto.on_click(self.asked(lambda _: self._auto()))
        self.session.observe(lambda _: self.show(), ["enhancement"])
        self.show()

    def _set(self, enhancement: Enhancement) -> None:
        self.session.enhancement = enhancement

    def _read(self) -> None:
        self._set(
            Enhancement(
                clahe_clip=self.clahe_clip.value,
                clahe_grid=int(self.clahe_grid.value),
                gamma=self.gamma.value,
                brightness=self.brightness.value,
            )
        )

    def _auto(self) -> None:
        self._set(Enhancement.auto(self.session.video[self.session.frame]))

    def show(self) -> None:
        """Show what the session says now."""
        with self.showing():
            for name, control in self.sliders.items():
                value = getattr(self.session.enhancement, name)
                if control.value != value:
                    try:
                        control.value = value
                    except traitlets.TraitError:
                        continue
