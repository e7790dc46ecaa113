"""Taking jitter and blips out of a layer, from the annotator: the result is a layer of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import AnnotationError, Level
from jupytrack.flow import SmoothedAnnotation, detect_blips, interpolate_blips, lk_moving_average_filter
from jupytrack.flow.blips import BlipRepair
from jupytrack.jobs import Progress
from jupytrack.widgets.actions.tracking import Task
from jupytrack.widgets.session import Session

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["find_blips", "reduce_jitter", "repair_blips"]


def reduce_jitter(session: Session, **options: Any) -> Task[SmoothedAnnotation, VideoAnnotation]:
    """Smooth the active layer with the LK moving average; the result is its own layer, over the old one.

    Parameters
    ----------
    session : Session
        What is open.
    **options
        Those of :func:`jupytrack.lk_moving_average_filter`; ``save_raw`` is False by default.

    Returns
    -------
    Task
        Its result is the smoothed layer, as it is open here.

    Raises
    ------
    AnnotationError
        If the layer has no file to name the result after.
    """
    source = session.ann
    if source.fname is None:
        raise AnnotationError(
            f"Layer {source.name!r} has no file to name the smoothed one after.",
            "Save it first, or choose another layer.",
        )
    options = {"save_raw": False, **options}
    title = f"Reduce jitter of {source.name}"

    def work(progress: Progress) -> SmoothedAnnotation:
        return lk_moving_average_filter(source, progress=progress, **options)

    def apply(found: SmoothedAnnotation) -> VideoAnnotation:
        layers = session.layers
        path = Path(str(found.fname))
        ann = next((each for each in layers if each.fname and Path(each.fname) == path), None)
        if ann is None:
            name = _free(session, layers.canonical_layer_name(path), new_file=False)
            ann = layers.add(name, path, undoable=True)
        else:
            ann.reload(title=title)
        ann.set_plot_type("line", draw=False)
        layers.active = ann.name
        layers.overlay = source.name
        report = found.report
        level: Level = "warning" if report.doubtful or report.short_runs else "info"
        session.notify(level, f"Layer {ann.name!r} is {source.name!r} without its jitter. {report}")
        return ann

    return Task(title, work, apply)


def find_blips(session: Session, **options: Any) -> pd.DataFrame:
    """Find short jumps there and back in the active layer; options of :func:`jupytrack.detect_blips`."""
    return detect_blips(session.ann, **options)


def repair_blips(
    session: Session,
    blips: pd.DataFrame | None = None,
    max_disagreement: float | None = None,
    **options: Any,
) -> Task[BlipRepair, BlipRepair]:
    """Track blips of the active layer anew; the result is a sparse layer of its own, shown as the overlay.

    Parameters
    ----------
    session : Session
        What is open.
    blips : pandas.DataFrame, optional
        Those to repair; by default all that are found.
    max_disagreement : float, optional
        Leave blips empty where forward and backward tracking are further apart, in pixels.
    **options
        Others of :func:`jupytrack.interpolate_blips`.

    Returns
    -------
    Task
        Its result is the new layer and the table of repairs.

    Raises
    ------
    AnnotationError
        If there are no blips.
    """
    source = session.ann
    found = detect_blips(source) if blips is None else blips
    if not len(found):
        raise AnnotationError(
            f"Layer {source.name!r} has no blips to repair.",
            "Look for them with other thresholds, or leave it.",
        )

    def work(progress: Progress) -> BlipRepair:
        return interpolate_blips(
            source, found, max_disagreement=max_disagreement, progress=progress, **options
        )

    def apply(repair: BlipRepair) -> BlipRepair:
        layers = session.layers
        name = _free(session, f"{source.name}_blips", new_file=True)
        repair.layer.name = name
        ann = layers.add(name, repair.layer, undoable=True)
        ann.set_plot_type("dot", draw=False)
        layers.overlay = name
        left = int((repair.table["problem"] != "").sum())
        text = (
            f"{len(repair.table) - left} of {len(repair.table)} blips were tracked anew, into layer {name!r}."
        )
        copy = "It is the overlay now: copy what you accept."
        session.notify("warning" if left else "info", text, copy)
        return repair

    return Task(f"Repair {len(found)} blips of {source.name}", work, apply)


def _free(session: Session, name: str, new_file: bool) -> str:
    """Return a layer name that no layer has, nor a file if it is to have a new one."""
    layers = session.layers
    names = [name, *(f"{name}-{n}" for n in range(2, 1000))]
    return next(
        one for one in names if one not in layers and not (new_file and layers.path_for(one).exists())
    )
