"""Points with what follows from them: tables, signals, areas and videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupytrack.annotation import derived
from jupytrack.annotation.displayed import DisplayedPoints
from jupytrack.errors import AnnotationError

if TYPE_CHECKING:
    import pandas as pd

    from jupytrack.jobs import Progress
    from jupytrack.video.source import FrameSource

__all__ = ["ExportedPoints"]


class ExportedPoints(DisplayedPoints):
    """Points of a layer that has a name and may have a file and a video."""

    name: str
    fname: str | None
    fstem: str | None
    video: FrameSource | None

    def to_dlc(
        self,
        scorer: str = "praneeth",
        output_path: str | Path | None = None,
        file_prefix: str | None = None,
        img_prefix: str = "img",
        img_suffix: str = ".png",
        label_prefix: str = "point",
        save: bool = True,
        internal_to_dlc_labels: dict[str, str] | None = None,
    ) -> pd.DataFrame:
        """Return the points as DeepLabCut's labelled data, and write them as CSV and h5.

        Parameters
        ----------
        scorer : str
            Who labelled, in the table's header.
        output_path : path, optional
            Folder to write to; by default the layer's.
        file_prefix : str, optional
            File name without suffix; by default the layer's, with ``"dlc"`` it is ``CollectedData_<scorer>``.
        img_prefix, img_suffix : str
            What stands around the frame number in the names of the pictures.
        label_prefix : str
            What stands before a label in the names of the body parts.
        save : bool
            Whether to write files.
        internal_to_dlc_labels : dict of str to str, optional
            Body part for each label, instead of ``label_prefix``.

        Raises
        ------
        AnnotationError
            If body parts are missing or there is no name to save under.
        SaveError
            If a file cannot be written.
        """
        from jupytrack.formats import deeplabcut

        parts = internal_to_dlc_labels or {label: label_prefix + label for label in self.labels}
        if set(parts) != set(self.labels):
            raise AnnotationError(
                f"Body parts are given for {sorted(parts)}, the labels are {self.labels}.",
                "Give one for each label.",
            )
        stem = self.video.name if self.video is not None else (self.fstem or "video").split("_annotations")[0]
        frame = deeplabcut.labelled_frame(
            self.to_table(),
            scorer=scorer,
            video=stem,
            names=[parts[label] for label in self.labels],
            img_prefix=img_prefix,
            img_suffix=img_suffix,
        )
        if save:
            if file_prefix == "dlc":
                file_prefix = f"CollectedData_{scorer}"
            prefix = file_prefix or self.fstem
            folder = output_path or (None if self.fname is None else Path(self.fname).parent)
            if prefix is None or folder is None:
                raise AnnotationError(
                    f"Layer {self.name!r} has no file to name the export after.",
                    "Give output_path and file_prefix.",
                )
            deeplabcut.write_labelled(frame, Path(folder) / prefix)
        return frame

    def to_signal(self, label: str) -> Any:
        """Return one label as ``pysampled.Data`` at the video's frame rate.

        Raises
        ------
        AnnotationError
            If there is no video, or no such label.
        MissingDependencyError
            If pysampled is not installed.
        """
        self._store.row(label)
        return derived.signal(self, self.to_trace(label))

    def to_signals(self) -> dict[str, Any]:
        """Return label → ``pysampled.Data``; errors as for :meth:`to_signal`."""
        return {label: self.to_signal(label) for label in self.labels}

    def to_pysampled(self) -> Any:
        """Return all labels as one ``pysampled.Data`` with named signals; errors as for :meth:`to_signal`."""
        traces = np.hstack(list(self.to_traces().values())) if self.labels else np.empty((self.n_frames, 0))
        return derived.signal(self, traces, signal_names=self.labels, signal_coords=["x", "y"])

    def get_area(self, labels: Sequence[str] | str, lowpass: float | None = None) -> Any:
        """Return the area of the polygon that labels span, frame by frame, in square pixels.

        Parameters
        ----------
        labels : sequence of str, or str
            Corners in their order; ``"023"`` stands for ``["0", "2", "3"]``.
        lowpass : float, optional
            Smooth the positions first, with this cut-off in Hz.

        Returns
        -------
        ndarray, float64, shape (n_frames,), or pysampled.Data
            The latter if there is a video; NaN where a corner is missing.
        """
        return derived.area(self, labels, lowpass)

    def export_video(
        self,
        out_file_name: str | Path | None = None,
        start_frame: int | None = None,
        end_frame: int | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Write a video with the points drawn on it.

        Parameters
        ----------
        out_file_name : path, optional
            An MP4 file that does not exist; by default beside the layer, named after it and the frames.
        start_frame, end_frame : int, optional
            First and last frame, both included.
        progress : Progress, optional
            Told after every frame; may cancel.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        AnnotationError
            If there is no video, no such frame, or no name for the file.
        SaveError
            If the file exists or cannot be written.
        """
        return derived.export_video(self, out_file_name, start_frame, end_frame, progress)
