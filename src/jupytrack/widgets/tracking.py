"""The annotator's methods for optical flow: they run in the background, and each is one undo step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import ipywidgets
import numpy as np

from jupytrack.errors import JupytrackError
from jupytrack.jobs import Job
from jupytrack.widgets.actions import smoothing, tracking
from jupytrack.widgets.actions.tracking import Task

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jupytrack.annotation.points import VideoAnnotation
    from jupytrack.flow import BlipRepair
    from jupytrack.widgets.session import Session
    from jupytrack.widgets.tracking_panels import BlipsPanel

__all__ = ["Tracking"]

R = TypeVar("R")


class Tracking:
    """The part of the annotator that tracks points.

    Every method shows its progress with a button to cancel; cancelled, it leaves all layers as they were.
    With ``wait=False`` it returns a :class:`jupytrack.Job` at once, as keys and buttons do.
    """

    session: Session
    jobs: ipywidgets.VBox
    blips_panel: BlipsPanel

    def interpolate_with_lk(self, all_labels: bool = False, *, wait: bool = True) -> int | Job[int]:
        """Fill the selected interval by tracking from both ends (LK-RSTC), for the current label or all.

        The overlay layer's points on the first and the last frame are the ends; the points go into the active
        layer, with the disagreement of forward and backward tracking. See
        :func:`jupytrack.lucas_kanade_rstc`.

        Parameters
        ----------
        all_labels : bool
            All labels that the overlay has in the interval, not only the current one.
        wait : bool
            Whether to return only when it is done.

        Returns
        -------
        int or Job
            Number of points placed; a job with that result if ``wait`` is False.

        Raises
        ------
        AnnotationError
            If there is no interval, no overlay, or no point at an end.
        ConflictError
            If the layer is read-only.
        """
        return self._start(tracking.interpolate(self.session, all_labels), wait)

    def interpolate_with_lk_norstc(self, all_labels: bool = False, *, wait: bool = True) -> int | Job[int]:
        """Fill the selected interval by tracking forward only, from the overlay's point on its first frame.

        Arguments, result and errors as for :meth:`interpolate_with_lk`.
        """
        return self._start(tracking.interpolate(self.session, all_labels, rstc=False), wait)

    def check_labels_with_lk(
        self, mode: str = "minimal", *, frame: int | None = None, wait: bool = True
    ) -> int | Job[int]:
        """Track between annotated frames of the active layer, into the buffer layer, to compare with clicks.

        Parameters
        ----------
        mode : {"minimal", "current", "all"}
            The current label between the two annotated frames before and after this one; the current label
            between all its frames; all labels.
        frame : int, optional
            This frame; the one that is shown if omitted.
        wait : bool
            Whether to return only when it is done.

        Returns
        -------
        int or Job
            Number of points in the buffer; a job with that result if ``wait`` is False.

        Raises
        ------
        AnnotationError
            If there is nothing to track between.
        """
        return self._start(tracking.check_labels(self.session, mode, frame), wait)

    def predict_labels_with_lucas_kanade(
        self,
        labels: str | Sequence[str] = "all",
        start_frame: int | None = None,
        mode: str = "full",
        *,
        frame: int | None = None,
        wait: bool = True,
    ) -> NDArray[np.float64] | Job[NDArray[np.float64]]:
        """Place labels on the current frame by tracking them from an annotated one.

        Parameters
        ----------
        labels : str or list of str
            ``"all"``, ``"current"``, a label, or several.
        start_frame : int, optional
            From which frame; by default each label's nearest one, and labels that have a point on the current
            frame stay as they are.
        mode : {"full", "direct"}
            Frame by frame, or in one step.
        frame : int, optional
            The current frame; the one that is shown if omitted.
        wait : bool
            Whether to return only when it is done.

        Returns
        -------
        ndarray, shape (n_frames, n_labels, 2), or Job
            The paths, which end on the current frame; NaN before a label's first frame. A job with that
            result if ``wait`` is False.

        Raises
        ------
        AnnotationError
            If there is no such label, or no point to start from.
        ConflictError
            If the layer is read-only.
        """
        return self._start(tracking.predict(self.session, labels, start_frame, mode, frame), wait)

    def process_with_lk(
        self, event: Any = None, *args: Any, wait: bool = True, **kwargs: Any
    ) -> VideoAnnotation | Job[VideoAnnotation]:
        """Take the jitter out of the active layer; the result is its own layer, with the old one as overlay.

        Parameters
        ----------
        event : object, optional
            Ignored.
        *args
            ``video_name``, ``window_size`` and so on, in the order of
            :func:`jupytrack.lk_moving_average_filter`.
        wait : bool
            Whether to return only when it is done.
        **kwargs
            ``window_size`` (seconds), ``exact``, ``max_disagreement`` (pixels) and so on; ``save_raw`` is
            False unless given.

        Returns
        -------
        VideoAnnotation or Job
            The smoothed layer; a job with that result if ``wait`` is False.

        Raises
        ------
        AnnotationError
            If the layer has no file, or the window does not fit.
        """
        names = ("video_name", "window_size", "use_parallel", "save_raw", "exact", "max_disagreement")
        options = dict(zip(names, args, strict=False)) | kwargs
        options.pop("video_name", None)
        return self._start(smoothing.reduce_jitter(self.session, **options), wait)

    def find_blips(self, **options: Any) -> pd.DataFrame:
        """Find short jumps there and back in the active layer, and list them in the panel.

        Parameters
        ----------
        **options
            Those of :func:`jupytrack.detect_blips`.

        Returns
        -------
        pandas.DataFrame
            One row a blip.
        """
        found = smoothing.find_blips(self.session, **options)
        self.show_blips(found)
        return found

    def repair_blips(
        self,
        blips: pd.DataFrame | None = None,
        max_disagreement: float | None = None,
        *,
        wait: bool = True,
        **options: Any,
    ) -> BlipRepair | Job[BlipRepair]:
        """Track blips of the active layer anew, into a sparse layer that becomes the overlay.

        Parameters
        ----------
        blips : pandas.DataFrame, optional
            Those to repair; by default all that are found.
        max_disagreement : float, optional
            Leave blips empty where forward and backward tracking are further apart, in pixels.
        wait : bool
            Whether to return only when it is done.
        **options
            Others of :func:`jupytrack.interpolate_blips`.

        Returns
        -------
        BlipRepair or Job
            ``layer`` and ``table``; a job with that result if ``wait`` is False.

        Raises
        ------
        AnnotationError
            If there are no blips.
        """
        return self._start(smoothing.repair_blips(self.session, blips, max_disagreement, **options), wait)

    def show_blips(self, blips: pd.DataFrame) -> None:
        """List blips of the active layer in the panel; a click on one goes there.

        Parameters
        ----------
        blips : pandas.DataFrame
            What :func:`jupytrack.detect_blips` returned, or some of its rows.
        """
        self.blips_panel.fill(blips)

    def show_job(self, job: Job[Any], brief: bool = False) -> None:
        """Show the progress of work in the background; if it is brief, only while it runs."""
        raise NotImplementedError

    def _start(self, task: Task[Any, R], wait: bool) -> R | Job[R]:
        running = [bar.job for bar in self.jobs.children if not bar.job.future.done()]
        for earlier in running:
            if earlier.title == task.title:
                # a key that is held down, or pressed twice
                self.session.notify("info", f"{task.title}: this is running already.")
                same: Job[R] = earlier
                return same.result() if wait else same
        job: Job[R] = Job(tracking.perform, self.session, task, title=task.title)
        if not wait:
            job.when_done(self._tell)
        self.show_job(job, brief=True)
        if not wait:
            return job
        try:
            return job.result()
        except KeyboardInterrupt:
            job.cancel()
            raise

    def _tell(self, job: Job[Any]) -> None:
        """Say why a job ended without a result."""
        if job.state == "cancelled":
            self.session.notify("info", f"Cancelled: {job.title}.", "Nothing was changed.")
        elif job.state == "failed":
            error = job.future.exception()
            problem = (
                error.problem if isinstance(error, JupytrackError) else f"{type(error).__name__}: {error}"
            )
            remedy = error.remedy if isinstance(error, JupytrackError) else "Nothing was changed."
            self.session.notify("error", problem, remedy)
