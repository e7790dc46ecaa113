"""The annotator's methods: DUSTrack's names for what keys and buttons do.

Each is one line over :mod:`jupytrack.widgets.actions`, so a method, a key and a button cannot differ.
Arguments named ``event`` are there because DUSTrack passes its mouse and key events; they may be left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupytrack.errors import AnnotationError, SaveError
from jupytrack.jobs import Job
from jupytrack.widgets.actions import copying, editing, files, labels, layers, navigation
from jupytrack.widgets.render import render

if TYPE_CHECKING:
    from jupytrack.annotation.layers import LayerStack
    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.video.reader import VideoReader
    from jupytrack.widgets.session import Session

__all__ = ["AnnotatorMethods"]

# image pixels within which a click means a point
_NEAR = 15.0


class AnnotatorMethods:
    """What an annotator can do, from Python."""

    session: Session

    # what is open

    @property
    def ann(self) -> VideoAnnotation:
        """The active layer."""
        return self.session.ann

    @property
    def annotations(self) -> LayerStack:
        """All layers: ``annotations[name]``, ``annotations.names``."""
        return self.session.layers

    @property
    def data(self) -> VideoReader:
        """The video."""
        return self.session.video

    @property
    def fname(self) -> str:
        """Path of the video."""
        return str(self.session.video.fname)

    @property
    def name(self) -> str:
        """File name of the video, without folder and ending."""
        return Path(self.fname).stem

    @property
    def fps(self) -> float:
        """Mean frame rate of the video, in frames a second."""
        return float(self.session.video.get_avg_fps())

    @property
    def frames_of_interest(self) -> list[int]:
        """Frames marked as of interest, ascending."""
        return [int(frame) for frame in self.session.layers.frames_of_interest]

    # frames

    def go_to_frame(self, event: Any) -> None:
        """Show a frame.

        Parameters
        ----------
        event : int or object
            The frame, or an event whose ``xdata`` is one.
        """
        frame = getattr(event, "xdata", event)
        if frame is None:
            return
        self.session.go_to(round(float(frame)))

    def increment(self, step: int = 1) -> None:
        """Go ``step`` frames on."""
        navigation.step(self.session, by=step)

    def decrement(self, step: int = 1) -> None:
        """Go ``step`` frames back."""
        navigation.step(self.session, by=-step)

    def go_to_start(self) -> None:
        """Go to the first frame."""
        navigation.first_frame(self.session)

    def go_to_end(self) -> None:
        """Go to the last frame."""
        navigation.last_frame(self.session)

    def increment_frac(self, n_steps: int = 20) -> None:
        """Go one ``n_steps``-th of the video on."""
        navigation.step_fraction(self.session, n_steps=n_steps)

    def decrement_frac(self, n_steps: int = 20) -> None:
        """Go one ``n_steps``-th of the video back."""
        navigation.step_fraction(self.session, n_steps=-n_steps)

    def increment_if_unannotated(self, event: Any = None) -> None:
        """Go one frame on unless this frame has a point in the active layer."""
        navigation.increment_if_unannotated(self.session)

    def decrement_if_unannotated(self, event: Any = None) -> None:
        """Go one frame back unless this frame has a point in the active layer."""
        navigation.decrement_if_unannotated(self.session)

    def previous_frame_with_current_label(self, event: Any = None) -> None:
        """Go to the previous frame that has the current label in the active layer."""
        navigation.previous_labelled(self.session)

    def next_frame_with_current_label(self, event: Any = None) -> None:
        """Go to the next frame that has the current label in the active layer."""
        navigation.next_labelled(self.session)

    def previous_frame_with_any_label(self, event: Any = None) -> None:
        """Go to the previous frame that has any label in the active layer."""
        navigation.previous_annotated(self.session)

    def next_frame_with_any_label(self, event: Any = None) -> None:
        """Go to the next frame that has any label in the active layer."""
        navigation.next_annotated(self.session)

    def previous_frame_of_interest(self, event: Any = None) -> None:
        """Go to the previous frame of interest."""
        navigation.previous_frame_of_interest(self.session)

    def next_frame_of_interest(self, event: Any = None) -> None:
        """Go to the next frame of interest."""
        navigation.next_frame_of_interest(self.session)

    def toggle_frame_of_interest(self, event: Any = None) -> None:
        """Mark the current frame as a frame of interest, or take the mark away."""
        navigation.toggle_frame_of_interest(self.session)

    # layers

    def remove_annotation_layer(self, name: str) -> None:
        """Take a layer out of the session; its file stays.

        Raises
        ------
        AnnotationError
            If there is no such layer, or if nothing but the buffer would be left.
        """
        layers.remove_layer(self.session, name)

    def remove_current_layer(self, event: Any = None) -> None:
        """Take the active layer out of the session; its file stays. The button asks first."""
        layers.remove_layer(self.session)

    def rename_annotation_layer(self, old_name: str, new_name: str) -> None:
        """Rename a layer, and its file if there is one."""
        layers.rename_layer(self.session, old_name, new_name)

    def swap_active_and_overlay(self, event: Any = None) -> None:
        """Exchange the active and the overlay layer; without an overlay nothing happens."""
        layers.swap_active_and_overlay(self.session)

    def previous_annotation_layer(self) -> None:
        """Make the previous layer the active one."""
        layers.previous_annotation_layer(self.session)

    def next_annotation_layer(self) -> None:
        """Make the next layer the active one."""
        layers.next_annotation_layer(self.session)

    def previous_annotation_overlay(self) -> None:
        """Show the previous layer as the overlay."""
        layers.previous_annotation_overlay(self.session)

    def next_annotation_overlay(self) -> None:
        """Show the next layer as the overlay; after the last one, none."""
        layers.next_annotation_overlay(self.session)

    # labels

    def previous_annotation_label(self) -> None:
        """Select the previous label of this range of ten."""
        labels.previous_label(self.session)

    def next_annotation_label(self) -> None:
        """Select the next label of this range of ten."""
        labels.next_label(self.session)

    def increment_label_range(self) -> None:
        """Go ten labels up, to the same digit there; after the last ones come ten that are free."""
        labels.next_label_range(self.session)

    def decrement_label_range(self) -> None:
        """Go ten labels down, to the same digit there; before the first ones come ten that are free."""
        labels.previous_label_range(self.session)

    def cycle_number_keys_behavior(self) -> None:
        """Let the digit keys place labels instead of selecting them, or the other way round."""
        labels.cycle_number_keys_behavior(self.session)

    def update_annotation_label_states(self) -> None:
        """Show the labels that there are now; they follow by themselves."""
        self.session.update_status()

    def select_label_with_mouse(self, event: Any) -> None:
        """Select a label.

        Parameters
        ----------
        event : str, or position
            The label; or [x, y] in pixels or an event with ``xdata`` and ``ydata``, for the nearest label of
            the frame that is shown, within 15 pixels.
        """
        if isinstance(event, str):
            labels.select_label(self.session, event)
            return
        position = editing.position_of(event)
        if position is None:
            return
        points = np.asarray(self.ann.get_at_frame(self.session.frame), dtype=float).reshape(-1, 2)
        distances = np.hypot(*(points - position).T)
        if np.isfinite(distances).any() and np.nanmin(distances) <= _NEAR:
            labels.select_label(self.session, self.ann.labels[int(np.nanargmin(distances))])

    # points

    def add_annotation(self, event: Any) -> None:
        """Place the current label on the current frame.

        Parameters
        ----------
        event : position
            [x, y] in pixels, or an event with ``xdata`` and ``ydata``.
        """
        editing.add_annotation(self.session, pointer=event)

    def place_label_with_mouse(self, event: Any) -> None:
        """Place the current label on the current frame; argument as for :meth:`add_annotation`."""
        editing.add_annotation(self.session, pointer=event)

    def remove_annotation(self, event: Any = None) -> None:
        """Remove the current label from the current frame."""
        editing.remove_annotation(self.session)

    def undo(self) -> None:
        """Take back the last change of any layer."""
        self.session.undo()

    def redo(self) -> None:
        """Do again what was taken back last."""
        self.session.redo()

    def keep_overlapping_continuous_frames(self) -> None:
        """Keep points only in runs of consecutive frames that have every label."""
        editing.keep_overlapping_continuous_frames(self.session)

    def keep_overlapping_frames(self) -> None:
        """Keep points only on frames that have every label."""
        editing.keep_overlapping_frames(self.session)

    # intervals

    def add_events(self) -> None:
        """Offer to select intervals; that is built in: press ``z`` on the first and on the last frame."""

    def select_interval(self, start: int, stop: int) -> None:
        """Select an interval for the current layer and label.

        Parameters
        ----------
        start, stop : int
            First and last frame, both included.
        """
        self.session.pending_interval = None
        editing.select_interval(self.session, start)
        editing.select_interval(self.session, stop)

    def get_selected_interval(self) -> tuple[int, int]:
        """Return the ends of the interval selected for the current layer and label, both included.

        Raises
        ------
        AnnotationError
            If there is none.
        """
        return editing.get_selected_interval(self.session)

    def remove_labels_in_interval(self, all_labels: bool = False) -> int:
        """Remove the current label, or all labels, in the selected interval; returns how many points."""
        return editing.remove_labels_in_interval(self.session, all_labels)

    def decimate_annotations_in_interval(self) -> int:
        """Keep every second complete frame of the selected interval, and no incomplete ones.

        A frame is complete when it has every body part of the video's DeepLabCut project; without a project,
        every label that is used in the active layer. Whole frames go, with all their labels.

        Returns
        -------
        int
            Number of points removed.
        """
        return editing.decimate_annotations_in_interval(self.session, self._required_labels())

    # copying

    def copy_annotations_from_overlay(self) -> int:
        """Copy every label of the current frame from the overlay layer; returns how many points."""
        return copying.copy_annotations_from_overlay(self.session)

    def copy_current_annotation_from_overlay(self) -> int:
        """Copy the current label of the current frame from the overlay layer; returns how many points."""
        return copying.copy_current_annotation_from_overlay(self.session)

    def copy_frames_of_interest_from_overlay(self) -> int:
        """Copy every label of the frames of interest from the overlay layer; returns how many points."""
        return copying.copy_frames_of_interest_from_overlay(self.session)

    def copy_frames_in_interval_from_overlay(self) -> int:
        """Copy the current label in the selected interval from the overlay layer; returns how many points."""
        return copying.copy_frames_in_interval_from_overlay(self.session)

    def copy_existing_annotations_from_overlay(self, event: Any = None) -> int:
        """Replace the current label by the overlay's on annotated frames, within the interval if any.

        Returns
        -------
        int
            Number of points copied.
        """
        return copying.copy_existing_annotations_from_overlay(self.session)

    # files

    def save(self) -> Path:
        """Save the active layer to its file; returns the path."""
        return files.save(self.session)

    def save_annotation_as(
        self, event: Any = None, *, path: str | Path | None = None, overwrite: bool = False
    ) -> Path:
        """Save the active layer to another file; without a path, to its own.

        Parameters
        ----------
        event : object, optional
            A path is taken as such, for calls with one positional argument.
        path : path, optional
            The file; ``.json`` is added where it is missing.
        overwrite : bool
            Replace a file that is there, unless it is open somewhere.
        """
        if path is None and isinstance(event, str | Path):
            path = event
        if path is None:
            return files.save(self.session)
        return files.save_annotation_as(self.session, path, overwrite)

    def discard_unsaved_annotations(self, event: Any = None) -> None:
        """Go back to what the active layer's file holds. Undo brings all back; the button asks first.

        Raises
        ------
        AnnotationError
            If the layer was made by a program (``dlc_…``, ``dlccorr``, ``…lkmovavg…``): remove it, or make it
            again.
        """
        files.discard_unsaved_annotations(self.session)

    def render(
        self, start_frame: int, end_frame: int, out_vid_name: str | Path | None = None, wait: bool = True
    ) -> Path | Job[Path]:
        """Write frames with their points as an H.264 video.

        Parameters
        ----------
        start_frame, end_frame : int
            First and last frame, both included.
        out_vid_name : path, optional
            The file; by default the active layer's name with ``.mp4``. It must not exist.
        wait : bool
            Whether to return only when the video is written. Progress is shown, and can be cancelled, anyway.

        Returns
        -------
        Path or Job
            The file; a job with that result if ``wait`` is False.

        Raises
        ------
        AnnotationError
            If there are no such frames.
        SaveError
            If the file exists, cannot be written, or does not end in ``.mp4``.
        """
        if out_vid_name is None:
            if self.ann.fname is None:
                raise AnnotationError("The active layer has no file name.", "Give out_vid_name.")
            out_vid_name = Path(self.ann.fname).with_suffix(".mp4")
        path = Path(out_vid_name).expanduser()
        if path.suffix.lower() != ".mp4":
            raise SaveError(
                f"{path.name} does not end in .mp4, and the video is written as H.264 in an MP4 file.",
                f"Call it {path.stem or 'video'}.mp4.",
            )
        if not path.absolute().parent.is_dir():
            raise SaveError(
                f"There is no folder {path.absolute().parent}.", "Make it first, or check the path."
            )
        job = Job(render, self.session, int(start_frame), int(end_frame), path, title=f"Writing {path.name}")
        self.show_job(job)
        if not wait:
            return job
        try:
            return job.result()
        except KeyboardInterrupt:
            job.cancel()
            raise

    def _required_labels(self) -> list[str] | None:
        """Return the labels that a complete frame has; None for those that are used."""
        return None

    def show_job(self, job: Job[Any], brief: bool = False) -> None:
        """Show the progress of work in the background; if it is brief, only while it runs."""
        raise NotImplementedError
