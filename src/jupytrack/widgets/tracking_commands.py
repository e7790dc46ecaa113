"""Commands of optical flow, a part of the table in :mod:`jupytrack.widgets.commands`."""

from __future__ import annotations

from typing import Any

from jupytrack.widgets.command import Command, kernel_command

__all__ = ["TRACKING"]


def _track(
    name: str, title: str, keys: str, method: str, button: str, icon: str = "", **args: Any
) -> Command:
    # a key returns at once; the work goes on in the background
    return kernel_command(name, title, keys, method, button, icon, args={**args, "wait": False})


TRACKING: tuple[Command, ...] = (
    _track(
        "interpolate_with_lk",
        "Fill the interval for the current label: LK-RSTC between the overlay's points at its ends",
        "a",
        "interpolate_with_lk",
        "Label",
    ),
    _track(
        "interpolate_all_with_lk",
        "Fill the interval for all labels: LK-RSTC between the overlay's points at its ends",
        "ctrl+a",
        "interpolate_with_lk",
        "All labels",
        all_labels=True,
    ),
    _track(
        "interpolate_all_with_lk_norstc",
        "Fill the interval for all labels: plain LK from the overlay's points at its start",
        "ctrl+d",
        "interpolate_with_lk_norstc",
        "Forward",
        all_labels=True,
    ),
    _track(
        "check_labels_near_with_lk",
        "Check the current label around this frame: LK-RSTC between annotated frames, into the buffer",
        "v",
        "check_labels_with_lk",
        "Near here",
        mode="minimal",
    ),
    _track(
        "check_current_label_with_lk",
        "Check the current label: LK-RSTC between all its annotated frames, into the buffer",
        "alt+v",
        "check_labels_with_lk",
        "Label",
        mode="current",
    ),
    _track(
        "check_all_labels_with_lk",
        "Check all labels: LK-RSTC between all annotated frames, into the buffer",
        "ctrl+alt+v",
        "check_labels_with_lk",
        "All labels",
        mode="all",
    ),
    _track(
        "predict_current_label_with_lk",
        "Predict the current label on this frame: LK from its nearest point",
        "alt+b",
        "predict_labels_with_lucas_kanade",
        "Label",
        labels="current",
    ),
    _track(
        "predict_all_labels_with_lk",
        "Predict on this frame all labels that it lacks: LK from their nearest points",
        "ctrl+b",
        "predict_labels_with_lucas_kanade",
        "All labels",
        labels="all",
    ),
    _track(
        "process_with_lk",
        "Take the jitter out of the active layer (LK moving average); the result is a layer of its own",
        "",
        "process_with_lk",
        "Reduce jitter",
        "magic",
    ),
    kernel_command(
        "find_blips",
        "List short jumps of the active layer's labels, there and back",
        "",
        "find_blips",
        "Find blips",
        "search",
    ),
    _track(
        "repair_blips",
        "Track the blips anew from the good frames beside them; the result is a layer of its own",
        "",
        "repair_blips",
        "Repair",
        "wrench",
    ),
)
