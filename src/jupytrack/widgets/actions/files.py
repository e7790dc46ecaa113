"""Saving and discarding."""

from __future__ import annotations

import os
from pathlib import Path

from jupytrack.annotation.layers import is_dense_layer_name
from jupytrack.errors import AnnotationError, SaveError
from jupytrack.formats.dustrack import make_annotation_file_name
from jupytrack.widgets.session import Session

__all__ = [
    "discard_unsaved_annotations",
    "json_path",
    "require_by_hand",
    "save",
    "save_annotation_as",
    "suggested_path",
    "what_would_be_lost",
]

# endings of other files, which are not taken for a part of a name such as "clip.v2"
_OTHER_KINDS = {
    f".{ending}"
    for endings in (
        "csv tsv txt h5 hdf5 xls xlsx npy npz mat pkl pickle yaml yml xml parquet",
        "mp4 avi mov mkv webm m4v mpg mpeg wmv ogv jpg jpeg png tif tiff",
        "sidecar journal lock jupytrack",
    )
    for ending in endings.split()
}


def save(session: Session) -> Path:
    """Save the active layer to its file.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    SaveError
        If the layer came from a table that is not rewritten in place, or the file cannot be written.
    """
    ann, name = session.ann, session.layers.active
    if ann.fname is not None and Path(ann.fname).suffix.lower() != ".json":
        raise SaveError(
            f"Layer {name!r} was read from {Path(ann.fname).name}, which is not rewritten in place.",
            "Use 'Save as' to keep it as a JSON file.",
        )
    session.require_writable()
    with session.lock:
        ann.save()
    session.forget_unsaved(name)
    session.notify("info", f"Saved layer {name!r} to {ann.fname}.")
    return Path(str(ann.fname))


def suggested_path(session: Session) -> Path:
    """Propose a file for 'Save as': beside the layer, with a name that is free."""
    ann = session.ann
    folder = Path(ann.fname).absolute().parent if ann.fname is not None else session.layers.folder
    name = session.layers.active
    for ending in ("", "-copy", *(f"-copy-{number}" for number in range(2, 1000))):
        path = folder / Path(make_annotation_file_name(session.video.fname, name + ending)).name
        own = ann.fname is not None and path == Path(ann.fname).absolute()
        if not own and not path.exists():
            break
    return path


def json_path(fname: str | os.PathLike[str]) -> Path:
    """Return the JSON file that a name means: ``.json`` is added where there is no ending.

    Raises
    ------
    SaveError
        If it is no name of a file, or one of another kind of file.
    """
    path = Path(fname).expanduser()
    if not path.name or path.is_dir():
        raise SaveError(
            f"{str(fname)!r} is no name for a file." if str(fname) else "No name for the file was given.",
            "Give one, for instance 'copy.json'.",
        )
    if path.suffix.lower() in _OTHER_KINDS:
        raise SaveError(
            f"A layer is saved as JSON, and {path.name} would be another kind of file.",
            f"Call it {path.stem}.json; `annotator.ann.to_dlc()` writes DeepLabCut's files.",
        )
    return path if path.suffix.lower() == ".json" else path.with_name(path.name + ".json")


def save_annotation_as(session: Session, fname: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Save the active layer to a file of your choice; the layer keeps its own file.

    Parameters
    ----------
    fname : str or PathLike
        The file; ``.json`` is added where it is missing.
    overwrite : bool
        Whether a file that exists may be replaced.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ConflictError
        If the file exists and ``overwrite`` is False, or it is open somewhere.
    SaveError
        If it cannot be written.
    """
    path = json_path(fname)
    own = session.ann.fname
    if own is not None and path.resolve() == Path(own).resolve():
        return save(session)
    with session.lock:
        session.ann.save(path, overwrite=overwrite)
    session.forget_unsaved(session.layers.active)
    session.notify("info", f"Saved layer {session.layers.active!r} to {path}.")
    return path


def require_by_hand(name: str) -> None:
    """Pass only if a layer of this name is made by hand, so that there is something to go back to.

    Raises
    ------
    AnnotationError
        If it is made by a program.
    """
    if is_dense_layer_name(name):
        raise AnnotationError(
            f"Layer {name!r} was made from other layers, not by hand: there is nothing to go back to.",
            "Take it out of the session with Remove layer, or make it again.",
        )


def what_would_be_lost(session: Session, name: str | None = None) -> str:
    """Say in a sentence what discarding a layer's unsaved annotations would lose; empty if nothing."""
    name = session.layers.active if name is None else name
    counts = session.unsaved(name)
    parts = [f"{counts[key]} {key}" for key in ("added", "removed", "moved") if counts[key]]
    if not parts:
        return ""
    fname = session.layers[name].fname
    since = "since it was last saved" if fname and Path(fname).exists() else "; it has never been saved"
    points = "point" if counts["total"] == 1 else "points"
    space = "" if since.startswith(";") else " "
    return f"Layer {name!r} has {', '.join(parts)} {points}{space}{since}."


def discard_unsaved_annotations(session: Session) -> None:
    """Go back to what the active layer's file holds, or to an empty layer where there is no file.

    Discarding is an edit like any other: undo brings everything back.

    Raises
    ------
    AnnotationError
        If the layer was made by a program.
    """
    session.require_writable()
    name = session.layers.active
    require_by_hand(name)
    lost = what_would_be_lost(session, name)
    if not lost:
        session.notify("info", f"Layer {name!r} has nothing unsaved.")
        return
    with session.lock, session.batch():
        session.layers.discard(name)
    session.forget_unsaved(name)
    session.notify("info", f"Discarded. {lost}", "Undo brings it back.")
