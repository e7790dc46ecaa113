"""Writing MOT Challenge's text files."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.annotation.boxes import BoxTracks
from jupytrack.annotation.table import Visibility
from jupytrack.errors import AnnotationError
from jupytrack.files import replacing, save_error
from jupytrack.formats.losses import Loss, LossReport
from jupytrack.formats.mot.layout import WORLD, Files, SequenceInfo, shifted, write_info

__all__ = ["write"]

_SHARES = {
    Visibility.VISIBLE: 1.0,
    Visibility.PARTIALLY_OCCLUDED: 0.5,
    Visibility.MOSTLY_OCCLUDED: 0.1,
    Visibility.FULLY_OCCLUDED: 0.0,
    Visibility.OUT_OF_FRAME: 0.0,
}
"""What stands for a state where no share is known."""

_LARGEST = 2**53


def write(
    tracks: BoxTracks,
    path: str | Path,
    *,
    frame_rate: float | None = None,
    image_size: tuple[int, int] | None = None,
    one_based_boxes: bool = False,
) -> LossReport:
    """Write a file or a sequence folder; reading it gives the same tracks, to the last bit.

    Nine columns are written if a class or a visibility is known somewhere, else ten that end in −1s, as
    results do, or in MOT15's positions in the world (``extra["world_x"]``, ``"world_y"``, ``"world_z"``).

    Parameters
    ----------
    tracks : BoxTracks
        What to write.
    path : path
        A file that ends in ``.txt`` or ``.csv``, for results; any other name is a sequence folder, which gets
        ``gt/gt.txt``, ``gt/labels.txt`` if there are classes, and ``seqinfo.ini``. Files are replaced.
    frame_rate : float, optional
        Frames per second, for ``seqinfo.ini``; by default the tracks'.
    image_size : (int, int), optional
        Width and height of the picture in pixels, for ``seqinfo.ini``; by default the tracks'.
    one_based_boxes : bool
        Add 1 to x and y, so that the top-left pixel's edges are at (1, 1), as MOT Challenge's own files count
        them. Whoever reads the file must know: it does not say so.

    Returns
    -------
    LossReport
        What the files cannot hold; empty, and false, if they hold everything. What is read then equals
        ``tracks``, or ``tracks.assign(frame_rate=…, image_size=…)`` where these are given here.

    Raises
    ------
    AnnotationError
        If a sequence folder is to be written and frame rate or picture size is not known.
    SaveError
        If a file cannot be written; what was there before is still there.
    """
    files = Files.of(path)
    given = {"frame_rate": frame_rate, "image_size": image_size}
    given = {name: value for name, value in given.items() if value is not None}
    if given:
        tracks = tracks.assign(**given)
    losses: list[Loss] = []
    boxed = tracks.select(tracks.has_box)
    if len(boxed) < len(tracks):
        losses.append(
            _loss("box", len(tracks) - len(boxed), "without a box: left out, state included", "row")
        )
    contents: dict[Path, str | None] = {files.boxes: _lines(boxed, files, one_based_boxes, losses)}
    contents[files.labels] = "".join(f"{name}\n" for name in tracks.classes) or None
    contents[files.ids] = _id_names(boxed)
    if files.is_sequence:
        contents[files.info] = write_info(Path(path).resolve().name, _info(tracks, path))
    else:
        _whole_losses(tracks, boxed, losses)
    if files.is_sequence:
        try:
            files.boxes.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise save_error(files.boxes.parent, error) from error
    _replace(contents)
    return LossReport(losses)


def _replace(contents: dict[Path, str | None]) -> None:
    """Write all files beside the old ones, then put them in their places, the first one last."""
    with ExitStack() as stack:
        for path, text in contents.items():
            if text is not None:
                temporary = stack.enter_context(replacing(path))
                try:
                    temporary.write_bytes(text.encode())
                except OSError as error:
                    raise save_error(path, error) from error
    for path, text in contents.items():
        if text is None:
            try:
                with suppress(FileNotFoundError):
                    path.unlink()
            except OSError as error:
                raise save_error(path, error) from error


def _info(tracks: BoxTracks, path: str | Path) -> SequenceInfo:
    if tracks.frame_rate is None or tracks.image_size is None:
        missing = "frame_rate" if tracks.frame_rate is None else "image_size"
        raise AnnotationError(
            f"The {missing} for {path}/seqinfo.ini is not known.",
            f"Pass {missing}=…, or write a single file, for instance {path}.txt.",
        )
    return SequenceInfo(tracks.frame_rate, tracks.n_frames, tracks.image_size)


def _loss(what: str, count: int, message: str, noun: str = "box") -> Loss:
    plural = noun + ("es" if noun.endswith("x") else "s")
    return Loss(what, count, f"{count} {noun if count == 1 else plural} {message}.")


def _whole_losses(tracks: BoxTracks, boxed: BoxTracks, losses: list[Loss]) -> None:
    """Add what only a seqinfo.ini can hold."""
    last = int(boxed.frame[-1]) + 1 if len(boxed) else 0
    lost = {
        "n_frames": tracks.n_frames if tracks.n_frames != last else None,
        "frame_rate": tracks.frame_rate,
        "image_size": tracks.image_size,
    }
    for name, value in lost.items():
        if value is not None:
            message = f"{name} ({value}) is not in a single file; a sequence folder holds it."
            losses.append(Loss(name, 1, message))


def _id_numbers(tracks: BoxTracks) -> NDArray[np.int64]:
    """Return the number that each id has in the file."""
    if _plain_ids(tracks):
        return np.array(tracks.ids, np.int64)
    return np.arange(1, tracks.n_tracks + 1)


def _plain_ids(tracks: BoxTracks) -> bool:
    return all(isinstance(id, int) and 1 <= id < _LARGEST for id in tracks.ids)


def _id_names(tracks: BoxTracks) -> str | None:
    if _plain_ids(tracks):
        return None
    numbers = _id_numbers(tracks).tolist()
    names = {str(number): id for number, id in zip(numbers, tracks.ids, strict=True)}
    return json.dumps(names, indent=0) + "\n"


def _lines(tracks: BoxTracks, files: Files, one_based: bool, losses: list[Loss]) -> str:
    columns: list[Any] = [
        map(str, (tracks.frame + 1).tolist()),
        map(str, _id_numbers(tracks)[tracks.track].tolist()),
        *(_texts(column, 1 if one_based and place < 2 else 0) for place, column in enumerate(tracks.boxes.T)),
        _texts(_confidence(tracks, files.is_truth, losses)),
    ]
    classes, visibility = tracks.class_code, _visibility(tracks, losses)
    extra = dict(tracks.extra)
    if (classes >= 0).any() or (visibility != -1).any():
        # a class of its own stands first, so −1 is left for unknown
        columns += [map(str, np.where(classes < 0, -1, classes + 1).tolist()), _texts(visibility)]
    else:
        world = [extra.get(name, np.full(len(tracks), -1.0)) for name in WORLD]
        if set(WORLD) <= extra.keys() and not np.isnan(world).any() and np.any(np.array(world) != -1):
            for name in WORLD:
                del extra[name]
        else:
            world = [np.full(len(tracks), -1.0)] * 3
        columns += [_texts(column) for column in world]
    for name in extra:
        losses.append(_loss(name, len(tracks), f"with the extra column {name!r}: left out"))
    lines = "\n".join(map(",".join, zip(*columns, strict=True)))
    return f"{lines}\n" if lines else ""


def _confidence(tracks: BoxTracks, is_truth: bool, losses: list[Loss]) -> NDArray[np.float64]:
    confidence = tracks.confidence
    unknown = np.isnan(confidence)
    minus = int((confidence == -1).sum())
    if minus:
        losses.append(_loss("confidence", minus, "with confidence −1: read as unknown"))
    if not is_truth:
        return np.where(unknown, -1.0, confidence)
    if unknown.any():
        losses.append(
            _loss("confidence", int(unknown.sum()), "with unknown confidence: written with 1, which counts")
        )
    between = int(((confidence > 0) & (confidence < 1)).sum())
    if between:
        losses.append(
            _loss(
                "confidence",
                between,
                "with a confidence between 0 and 1: it is in the file, but tools that evaluate round it down "
                "to 0, which in ground truth means ignore; write tracks.assign(confidence=1) to count them",
            )
        )
    return np.where(unknown, 1.0, confidence)


def _visibility(tracks: BoxTracks, losses: list[Loss]) -> NDArray[np.float64]:
    share = tracks.visibility.copy()
    stated = tracks.state != Visibility.UNKNOWN
    if stated.any():
        losses.append(
            _loss(
                "state",
                int(stated.sum()),
                "with a state: left out; where no visibility is known, 1 is written for visible, 0.5 for "
                "partially, 0.1 for mostly and 0 for fully occluded or out of frame",
            )
        )
    for state, value in _SHARES.items():
        share[np.isnan(share) & (tracks.state == state)] = value
    return np.where(np.isnan(share), -1.0, share)


def _texts(column: NDArray[np.float64], shift: int = 0) -> list[str]:
    """Return numbers as the shortest texts that are read as the same floats."""
    texts = [
        str(int(value)) if value.is_integer() and abs(value) < _LARGEST else repr(value)
        for value in column.tolist()
    ]
    return [shifted(text, shift) for text in texts] if shift else texts
