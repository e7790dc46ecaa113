"""Commands of DeepLabCut projects, a part of the table in :mod:`jupytrack.widgets.commands`."""

from __future__ import annotations

from jupytrack.widgets.command import Command, kernel_command

__all__ = ["PROJECTS"]

PROJECTS: tuple[Command, ...] = (
    kernel_command(
        "create_dlc_project",
        "Make a DeepLabCut project of this video and the active layer, or of a seed bundle",
        "",
        "ask_create_dlc_project",
        "Create project…",
        "folder-open-o",
    ),
    kernel_command(
        "process_dlc_project",
        "Train a model on the layers by hand, and predict every frame with it",
        "",
        "ask_process_dlc_project",
        "Train…",
        "graduation-cap",
    ),
    kernel_command(
        "go_on_in_next_layer",
        "Make the layer of the next iteration active, for what the last training got wrong",
        "",
        "go_on_in_next_layer",
        "Go on in a fresh layer",
        "forward",
    ),
    kernel_command(
        "compare_iterations",
        "Show what the newest training changed: points that moved, and where the error grew",
        "",
        "compare_iterations",
        "Compare",
        "random",
    ),
    kernel_command(
        "apply_manual_corrections",
        "Splice the active layer's points into the overlay; the result is the layer dlccorr",
        "",
        "apply_manual_corrections",
        "Apply corrections",
        "check-square-o",
    ),
    kernel_command(
        "restore_dropped_frames",
        "Bring back the incomplete frames that were dropped from the active layer before a training",
        "",
        "restore_dropped_frames",
        "Restore dropped…",
        "undo",
    ),
)
