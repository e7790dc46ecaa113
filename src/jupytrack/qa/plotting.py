"""Where the flags are, as a picture that takes clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupytrack.qa.report import Report
    from jupytrack.widgets.annotator import Annotator
    from jupytrack.widgets.queue.video_queue import VideoQueue
    from jupytrack.widgets.review.quality_plot import QualityPlot

__all__ = ["plot"]


def plot(
    report: Report, annotator: Annotator | VideoQueue | None = None, *, video: str | None = None
) -> QualityPlot:
    """Show how often each check struck, and which tracks are suspicious on which frames.

    A click on a bar goes to the check's most suspicious flag, and to the next one with every further click. A
    click on a mark of the map goes to the most suspicious frame there. Where the report is of points in this
    annotator, the picture follows when they are edited.

    Parameters
    ----------
    report : Report
        What :func:`jupytrack.qa.run` returned.
    annotator : Annotator or VideoQueue
        Where clicks go (of a queue, the video that is shown now); without one they only say what is there.
    video : str, optional
        Which video; may be left out if there is only one.

    Returns
    -------
    QualityPlot
        A widget; the last expression of a cell is displayed by itself. ``bars`` and ``map`` are its figures.

    Raises
    ------
    AnnotationError
        If it is no report, no annotator, there is no such video, it is not said which of several, or the
        report has more frames than the annotator's video.

    Notes
    -----
    A mark stands for one track on 1/120 of the video at most, its colour for the highest score there: the
    darker the more suspicious. The 30 most suspicious tracks are shown.

    Examples
    --------
    >>> jupytrack.qa.plot(jupytrack.qa.run(annotator.ann), annotator)  # doctest: +SKIP
    """
    from jupytrack.widgets.review.quality_plot import QualityPlot

    return QualityPlot(report, annotator, video=video)
