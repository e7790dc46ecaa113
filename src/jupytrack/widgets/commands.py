"""Every user action, once: keys, buttons, tooltips, the cheat sheet and the key map page come from here."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from jupytrack.errors import AnnotationError
from jupytrack.widgets.actions import copying, editing, files, labels, layers, navigation
from jupytrack.widgets.command import Command
from jupytrack.widgets.command import browser_command as _browser
from jupytrack.widgets.command import kernel_command as _kernel
from jupytrack.widgets.projects.commands import PROJECTS
from jupytrack.widgets.tracking_commands import TRACKING

if TYPE_CHECKING:
    from jupytrack.widgets.annotator import Annotator

__all__ = [
    "BY_NAME",
    "COMMANDS",
    "Command",
    "browser_table",
    "key_map_markdown",
    "run",
    "sections",
    "tooltip",
    "unknown_command",
]


def _step(name: str, title: str, keys: str, by: int) -> Command:
    return _browser(name, title, keys, partial(navigation.step, by=by))


def _nudges() -> Iterable[Command]:
    note = (
        "DUSTrack steps a 20th of the video with shift and left or right (here pagedown and pageup), and "
        "goes to an end with shift and up or down (here home and end)."
    )
    for direction, dx, dy in (("left", -1, 0), ("right", 1, 0), ("up", 0, -1), ("down", 0, 1)):
        for prefix, size, suffix in (("shift", 1.0, ""), ("ctrl+shift", 0.1, "_fine")):
            yield _kernel(
                f"nudge_{direction}{suffix}",
                f"Move the current point {size:g} px {direction}",
                f"{prefix}+{direction}",
                editing.nudge,
                args={"dx": size * dx, "dy": size * dy},
                replaces="" if suffix else note,
            )


_TABLE: dict[str, tuple[Command, ...]] = {
    "Frames": (
        _step("frame_next", "Next frame", "right g", 1),
        _step("frame_previous", "Previous frame", "left", -1),
        _step("frame_next_10", "Ten frames on", "ctrl+right up", 10),
        _step("frame_previous_10", "Ten frames back", "ctrl+left down", -10),
        _browser("frame_next_fraction", "A 20th of the video on", "pagedown", navigation.step_fraction),
        _browser(
            "frame_previous_fraction",
            "A 20th of the video back",
            "pageup",
            partial(navigation.step_fraction, n_steps=-20),
        ),
        _browser("frame_first", "First frame", "home", navigation.first_frame),
        _browser("frame_last", "Last frame", "end", navigation.last_frame),
        _browser("play_toggle", "Play or pause", "space", navigation.toggle_play),
        _browser("speed_up", "Play faster", ">", navigation.faster),
        _browser("speed_down", "Play slower", "<", navigation.slower),
        _kernel(
            "increment_if_unannotated",
            "Next frame, unless this one has a point",
            "f",
            navigation.increment_if_unannotated,
        ),
        _kernel(
            "decrement_if_unannotated",
            "Previous frame, unless this one has a point",
            "d",
            navigation.decrement_if_unannotated,
        ),
        _kernel(
            "previous_frame_with_any_label",
            "Previous frame with any point",
            ",",
            navigation.previous_annotated,
        ),
        _kernel("next_frame_with_any_label", "Next frame with any point", ".", navigation.next_annotated),
        _kernel(
            "previous_frame_with_current_label",
            "Previous frame with the current label",
            "p b",
            navigation.previous_labelled,
            "Previous point",
            "step-backward",
        ),
        _kernel(
            "next_frame_with_current_label",
            "Next frame with the current label",
            "n",
            navigation.next_labelled,
            "Next point",
            "step-forward",
        ),
        _kernel(
            "toggle_frame_of_interest",
            "Mark this frame as a frame of interest, or unmark it",
            "m",
            navigation.toggle_frame_of_interest,
            "Mark frame",
            "flag",
        ),
        _kernel(
            "previous_frame_of_interest",
            "Previous frame of interest",
            "alt+,",
            navigation.previous_frame_of_interest,
        ),
        _kernel(
            "next_frame_of_interest", "Next frame of interest", "alt+.", navigation.next_frame_of_interest
        ),
    ),
    "Points": (
        _kernel(
            "add_annotation",
            "Place the current label at the pointer (also a right click)",
            "t",
            editing.add_annotation,
            needs_pointer=True,
        ),
        _kernel(
            "remove_annotation",
            "Remove the current label from this frame",
            "y",
            editing.remove_annotation,
            "Remove point",
            "eraser",
        ),
        *_nudges(),
        _kernel(
            "keep_overlapping_continuous_frames",
            "Keep only runs of frames that have every label",
            "alt+q",
            editing.keep_overlapping_continuous_frames,
            "Keep complete runs",
            "filter",
        ),
        _kernel(
            "keep_overlapping_frames",
            "Keep only frames that have every label",
            "",
            editing.keep_overlapping_frames,
            "Keep complete frames",
            "filter",
        ),
    ),
    "Labels": (
        *(
            _kernel(
                f"number_key_{digit}",
                "Select label 0 to 9 of this range of ten, or place it",
                str(digit),
                labels.number_key,
                args={"digit": digit},
            )
            for digit in range(10)
        ),
        _kernel(
            "cycle_number_keys_behavior",
            "Let the digits select labels, or place them",
            "`",
            labels.cycle_number_keys_behavior,
        ),
        _kernel("next_annotation_label", "Next label", "'", labels.next_label),
        _kernel("previous_annotation_label", "Previous label", ";", labels.previous_label),
        _kernel(
            "increment_label_range",
            "Ten labels up",
            "w",
            labels.next_label_range,
            "Next ten labels",
            "chevron-right",
        ),
        _kernel(
            "decrement_label_range",
            "Ten labels down",
            "q",
            labels.previous_label_range,
            "Previous ten labels",
            "chevron-left",
        ),
        _kernel("add_label", "Add a label", "", labels.add_label, "Add label", "plus"),
    ),
    "Layers": (
        _kernel("next_annotation_layer", "Next active layer", "=", layers.next_annotation_layer),
        _kernel("previous_annotation_layer", "Previous active layer", "-", layers.previous_annotation_layer),
        _kernel("next_annotation_overlay", "Next overlay layer", "]", layers.next_annotation_overlay),
        _kernel(
            "previous_annotation_overlay", "Previous overlay layer", "[", layers.previous_annotation_overlay
        ),
        _kernel(
            "swap_active_and_overlay",
            "Exchange the active and the overlay layer",
            "",
            layers.swap_active_and_overlay,
            "Swap",
            "exchange",
        ),
        _kernel(
            "remove_current_layer",
            "Take the active layer out of the session; its file stays",
            "",
            "confirm_remove_current_layer",
            "Remove…",
            "trash-o",
        ),
    ),
    "Copy from the overlay": (
        _kernel(
            "copy_current_annotation_from_overlay",
            "Copy the current label of this frame",
            "c",
            copying.copy_current_annotation_from_overlay,
            "Point",
        ),
        _kernel(
            "copy_annotations_from_overlay",
            "Copy every label of this frame",
            "",
            copying.copy_annotations_from_overlay,
            "Frame",
        ),
        _kernel(
            "copy_frames_of_interest_from_overlay",
            "Copy every label of the frames of interest",
            "alt+c",
            copying.copy_frames_of_interest_from_overlay,
            "Marked frames",
        ),
        _kernel(
            "copy_frames_in_interval_from_overlay",
            "Copy the current label in the selected interval",
            "ctrl+alt+c",
            copying.copy_frames_in_interval_from_overlay,
            "Interval",
        ),
        _kernel(
            "copy_existing_annotations_from_overlay",
            "Replace the current label on annotated frames, within the interval if one is selected",
            "",
            copying.copy_existing_annotations_from_overlay,
            "Replace existing",
        ),
    ),
    "Interval": (
        _kernel(
            "select_interval",
            "Select an interval: once on its first frame, once on its last; or drag with shift in the traces",
            "z",
            editing.select_interval,
            "Set an end",
            "arrows-h",
        ),
        _kernel(
            "remove_labels_in_interval",
            "Remove the current label in the interval",
            "alt+a",
            editing.remove_labels_in_interval,
            "Clear label",
            "eraser",
        ),
        _kernel(
            "remove_all_labels_in_interval",
            "Remove all labels in the interval",
            "ctrl+alt+a",
            editing.remove_labels_in_interval,
            "Clear all labels",
            "eraser",
            args={"all_labels": True},
        ),
        _kernel(
            "decimate_annotations_in_interval",
            "Keep every second complete frame of the interval, and no incomplete ones",
            "x",
            "decimate_annotations_in_interval",
            "Decimate",
            "filter",
        ),
    ),
    "Tracking": TRACKING,
    "DeepLabCut": PROJECTS,
    "View": (
        _browser("pan_left", "Pan left", "j"),
        _browser("pan_right", "Pan right", "k /"),
        _browser("pan_up", "Pan up", "l"),
        _browser("zoom_in", "Zoom in", "+ ctrl+="),
        _browser("zoom_out", "Zoom out", "_ ctrl+-"),
        _browser("fit", "Whole picture", "ctrl+0"),
        _browser("one_to_one", "One screen pixel for each pixel of the video", "ctrl+1"),
        _browser("full_window", "Fill the window, or give it back", "ctrl+enter"),
        _kernel(
            "reset_view",
            "Whole picture; in the traces the whole video and the current label",
            "r",
            "reset_view",
        ),
        _kernel(
            "reset_view_to_data",
            "Whole picture; in the traces the annotated frames and all labels",
            "alt+r",
            "reset_view_to_data",
        ),
        _kernel("freeze_plot_axes", "Keep the limits of the traces as they are", "", "freeze_plot_axes"),
        _kernel(
            "unfreeze_plot_axes", "Let the limits of the traces follow the data", "", "unfreeze_plot_axes"
        ),
        _kernel("refresh", "Draw everything anew", "f5", "refresh", "Refresh", "refresh"),
        _browser("cheat_sheet", "Show the keys", "? ctrl+k", button="Keys", icon="keyboard-o"),
    ),
    "Videos": (
        _kernel(
            "swap_prev",
            "Previous video of the queue",
            "alt+left",
            "swap_prev",
            "",
            "chevron-left",
            in_queue=True,
        ),
        _kernel(
            "swap_next",
            "Next video of the queue",
            "alt+right",
            "swap_next",
            "",
            "chevron-right",
            in_queue=True,
        ),
    ),
    "Save and undo": (
        _kernel("undo", "Undo", "ctrl+z", editing.undo, "Undo", "undo"),
        _kernel("redo", "Redo", "ctrl+shift+z ctrl+y", editing.redo, "Redo", "repeat"),
        _kernel("save", "Save the active layer", "s", files.save, "Save", "save"),
        _kernel(
            "save_annotation_as",
            "Save the active layer to another file",
            "",
            "ask_save_as",
            "Save as…",
            "share-square-o",
        ),
        _kernel(
            "discard_unsaved_annotations",
            "Go back to what the active layer's file holds",
            "",
            "confirm_discard",
            "Discard…",
            "trash-o",
        ),
    ),
}

COMMANDS: tuple[Command, ...] = tuple(
    replace(command, section=section) for section, commands in _TABLE.items() for command in commands
)
BY_NAME: dict[str, Command] = {command.name: command for command in COMMANDS}


def run(
    annotator: Annotator,
    name: str,
    frame: int | None = None,
    pointer: Mapping[str, float] | None = None,
    **args: Any,
) -> Any:
    """Carry out a command.

    Parameters
    ----------
    annotator : Annotator
        Where to.
    name : str
        Name of a command of the table, or of one the user added.
    frame : int, optional
        Frame the user saw; the session's frame if omitted.
    pointer : mapping, optional
        ``x`` and ``y`` of the pointer, in pixels of the video.
    **args
        Further arguments; those of the table are the defaults.

    Raises
    ------
    AnnotationError
        If there is no such command, or it cannot be carried out here.
    """
    command = annotator.commands.get(name)
    if command is None:
        raise unknown_command(name, annotator.commands)
    if command.action is None:
        return annotator.perform(name)
    if isinstance(command.action, str):
        target: Callable[..., Any] = getattr(annotator, command.action)
    else:
        target = partial(command.action, annotator.session)
    parameters = inspect.signature(target).parameters
    own = {**command.args, **args}
    accepted = set(parameters)
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        accepted |= set(own)
    given = {"frame": frame, "pointer": pointer, **own}
    return target(**{key: value for key, value in given.items() if key in accepted})


def unknown_command(name: object, known: Iterable[str]) -> AnnotationError:
    """Make the error that a command does not exist, with the nearest names there are."""
    near = difflib.get_close_matches(str(name), list(known), 3, 0.5)
    mean = f"Did you mean {' or '.join(near)}? " if near else ""
    return AnnotationError(
        f"There is no command {name!r}.", f"{mean}`annotator.commands` lists those that there are."
    )


def sections(commands: Iterable[Command] = COMMANDS) -> dict[str, dict[str, list[str]]]:
    """Arrange commands for a cheat sheet: section, then title, then every key that does it."""
    found: dict[str, dict[str, list[str]]] = {}
    for command in commands:
        found.setdefault(command.section, {}).setdefault(command.title, []).extend(command.keys)
    return found


def browser_table(
    commands: Iterable[Command] = COMMANDS, *, with_queue: bool = False
) -> list[dict[str, Any]]:
    """Write commands as JSON-able mappings, the way the browser wants them.

    Parameters
    ----------
    commands : iterable of Command
        Which.
    with_queue : bool
        Whether there is a queue of videos; commands about one are not offered otherwise.
    """
    return [
        {
            "name": command.name,
            "title": command.title,
            "section": command.section,
            "keys": list(command.keys),
            "where": command.where,
            "button": command.button,
            "needs_pointer": command.needs_pointer,
            "args": dict(command.args),
            "offered": with_queue or not command.in_queue,
        }
        for command in commands
    ]


def tooltip(command: Command) -> str:
    """Write a button's tooltip: what it does, and its keys."""
    return command.title + (f" ({' or '.join(command.keys)})" if command.keys else "")


def key_map_markdown() -> str:
    """Write the key map as Markdown, a table for each section, with what differs from DUSTrack."""
    lines: list[str] = []
    for section, rows in sections().items():
        lines += [f"## {section}", "", "| Key | What it does |", "|---|---|"]
        for title, keys in rows.items():
            shown = ["`0` … `9`"] if len(keys) == 10 else [_as_code(key) for key in keys]
            lines.append(f"| {', '.join(shown) or '(button)'} | {title} |")
        notes = {command.replaces for command in COMMANDS if command.section == section and command.replaces}
        lines += ["", *sorted(notes), ""]
    return "\n".join(lines)


def _as_code(key: str) -> str:
    return "`` ` ``" if key == "`" else f"`{key}`"
