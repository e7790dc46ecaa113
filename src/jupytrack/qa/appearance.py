"""Id switches: whether what is in a track's box looks like what was in it before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from jupytrack.errors import AnnotationError
from jupytrack.qa.table import closest, flags, threshold_number
from jupytrack.qa.tracks import Boxes, BoxLayer, boxes_of, iou_of

if TYPE_CHECKING:
    import pandas as pd

    from jupytrack.jobs import Progress
    from jupytrack.video.source import FrameSource

__all__ = ["Embedding", "colour_histogram", "id_switches"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Picture = NDArray[np.uint8]

Embedding = Callable[[Sequence[Picture]], Any]
"""Takes n cut-out pictures, RGB ``(height, width, 3)`` uint8; returns an array of shape ``(n, d)``."""

# Hue, saturation and value in these numbers of steps.
_BINS = (12, 4, 4)


def colour_histogram(crops: Sequence[Picture]) -> FloatArray:
    """Describe pictures by how often which colours occur in them.

    Parameters
    ----------
    crops : sequence of ndarray, uint8, shape (height, width, 3)
        RGB pictures.

    Returns
    -------
    ndarray, float64, shape (n, 192)
        Square roots of the shares of 12 hues × 4 saturations × 4 brightnesses. The cosine of two of these
        vectors is the Bhattacharyya coefficient of the two histograms.

    Notes
    -----
    The outer sixth of the picture on each side, which shows background, is left out. Of grays the hue says
    nothing: they go by brightness alone. Comparing histograms is that of Comaniciu, Ramesh and Meer (2003,
    IEEE TPAMI 25:564). Two things of the same colours look the same to it.
    """
    described = np.empty((len(crops), int(np.prod(_BINS))))
    for i, crop in enumerate(crops):
        height, width = crop.shape[:2]
        top, left = height // 6, width // 6
        inner = np.ascontiguousarray(crop[top : height - top, left : width - left])
        hsv = cv2.cvtColor(inner, cv2.COLOR_RGB2HSV).reshape(-1, 3).astype(np.int64)
        hue, saturation, value = (hsv * _BINS // (180, 256, 256)).T
        hue[saturation == 0] = 0
        code = (hue * _BINS[1] + saturation) * _BINS[2] + value
        described[i] = np.sqrt(np.bincount(code, minlength=described.shape[1]) / len(code))
    return described


def id_switches(
    tracks: BoxLayer,
    video: FrameSource,
    embedding: Embedding = colour_histogram,
    candidates: pd.DataFrame | None = None,
    *,
    appearance_distance: float = 0.4,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Find tracks that look different from one visible frame to the next, as after an id switch.

    Parameters
    ----------
    tracks : BoxTracks
        The tracks.
    video : FrameSource
        The open video.
    embedding : callable
        Takes the cut-out pictures of the boxes of one frame, a list of n RGB arrays ``(height, width, 3)``,
        uint8; returns an array of shape ``(n, d)``. By default :func:`colour_histogram`; a re-identification
        network tells more.
    candidates : pandas.DataFrame, optional
        Where to look: a table of flags, or any with the columns ``track`` (id) and ``frame`` (end of the
        step); by default every step across a gap or an occlusion, and those after which the box overlaps by
        less than half with the one before. Use ``tracks.to_dataframe().rename(columns={"id": "track"})`` for
        all.
    appearance_distance : float
        A larger distance is flagged, 0 to 2.
    progress : Progress, optional
        Told after every frame; may cancel.

    Returns
    -------
    pandas.DataFrame
        One row a step, on the frame at its end; ``value`` and ``threshold`` are cosine distances.

    Raises
    ------
    AnnotationError
        If the video is shorter than the tracks, the candidates are no such table, or the embedding returns
        another shape, NaN or a vector of zeros; the message names the frame.
    JobCancelled
        If cancelled.

    Notes
    -----
    1 − e·f / (|e| |f|), with e and f the embeddings of a track's boxes on consecutive visible frames: those
    that are not flagged as mostly or fully occluded or out of frame. Boxes without a whole pixel in the
    picture are passed over. A sudden change of a re-identification embedding is the published sign (Aharon et
    al. 2022, arXiv:2206.14651); the default bound is ours, for colour histograms: choose it anew for another
    embedding.

    It misleads where light, pose or the visible side change, and where the box is loose. Things that look
    alike switch unseen.
    """
    limit = threshold_number("appearance_distance", appearance_distance, 0, 2)
    if not callable(embedding):
        raise AnnotationError(f"{embedding!r} is no embedding.", "Give a function of a list of pictures.")
    boxes = boxes_of(tracks)
    rows = boxes.tracks
    if rows.n_frames and len(rows) and rows.frame[-1] >= len(video):
        raise AnnotationError(
            f"The tracks go up to frame {rows.frame[-1]}, {video.fname} ends with {len(video) - 1}.",
            "Give the video that the tracks were made on.",
        )
    before, after = _steps(boxes, candidates)
    inside = _pixels(boxes, np.stack([before, after]), video)
    shown = ((inside[..., 2] > inside[..., 0]) & (inside[..., 3] > inside[..., 1])).all(axis=0)
    before, after, inside = before[shown], after[shown], inside[:, shown]
    distance = _distances(rows.frame, before, after, inside, video, embedding, progress)
    far = distance > limit
    before, after, distance = before[far], after[far], distance[far]
    return flags(
        "id_switches",
        boxes.name,
        boxes.ids(after),
        rows.frame[after],
        distance,
        limit,
        "warning",
        lambda i: f"looks different than on frame {rows.frame[before[i]]}, by {distance[i]:.2f}",
    )


def _steps(boxes: Boxes, candidates: pd.DataFrame | None) -> tuple[IntArray, IntArray]:
    """Return the rows before and after each step between visible boxes that is to be looked at."""
    from jupytrack.annotation.table import Visibility

    rows = boxes.tracks
    seen = boxes.order[rows.effective_state[boxes.order] < Visibility.MOSTLY_OCCLUDED]
    same = rows.track[seen[1:]] == rows.track[seen[:-1]]
    before, after = seen[:-1][same], seen[1:][same]
    if candidates is None:
        apart = rows.frame[after] - rows.frame[before] > 1
        chosen = apart | (iou_of(rows.xyxy[before], rows.xyxy[after]) < 0.5)
    else:
        missing = [name for name in ("track", "frame") if name not in candidates.columns]
        if missing:
            raise AnnotationError(f"The candidates lack {', '.join(missing)}.", "Give a table of flags.")
        unknown = [id for id in candidates["track"].dropna().unique().tolist() if id not in rows]
        if unknown:
            raise AnnotationError(
                f"There is no track {unknown[0]!r}.", closest(unknown[0], map(str, rows.ids))
            )
        wanted = set(zip(candidates["track"].tolist(), candidates["frame"].tolist(), strict=True))
        ends = zip(boxes.ids(after), rows.frame[after].tolist(), strict=True)
        chosen = np.array([end in wanted for end in ends], np.bool_)
    return before[chosen], after[chosen]


def _pixels(boxes: Boxes, rows: IntArray, video: FrameSource) -> IntArray:
    """Return the pixels of boxes within the picture: left, top, right, bottom, the latter two excluded."""
    edges = np.rint(boxes.tracks.xyxy[rows]).astype(np.int64)
    return np.clip(edges, 0, [video.width, video.height, video.width, video.height])


def _distances(
    frame: IntArray,
    before: IntArray,
    after: IntArray,
    inside: IntArray,
    video: FrameSource,
    embedding: Embedding,
    progress: Progress | None,
) -> FloatArray:
    """Return the cosine distance of each step, reading each frame once and in order."""
    places: dict[int, tuple[int, IntArray]] = {}
    uses: dict[int, int] = {}
    for row, pixels in zip(np.concatenate([before, after]).tolist(), inside.reshape(-1, 4), strict=True):
        places[row] = int(frame[row]), pixels
        uses[row] = uses.get(row, 0) + 1
    on_frame: dict[int, list[int]] = {}
    for row in sorted(places):
        on_frame.setdefault(places[row][0], []).append(row)
    ending: dict[int, int] = {row: i for i, row in enumerate(after.tolist())}
    distance = np.zeros(len(after))
    held: dict[int, FloatArray] = {}
    length = None
    for done, (number, rows) in enumerate(sorted(on_frame.items())):
        if progress is not None:
            progress.update(done, len(on_frame), f"appearance, {done} of {len(on_frame)} frames")
        picture = video[number]
        if picture.ndim == 2:
            picture = np.repeat(picture[:, :, None], 3, axis=2)
        crops = [picture[y1:y2, x1:x2] for x1, y1, x2, y2 in (places[row][1] for row in rows)]
        vectors = _checked(embedding(crops), len(crops), length, number)
        length = vectors.shape[1]
        for row, vector in zip(rows, vectors, strict=True):
            held[row] = vector
            if row in ending:
                i = ending[row]
                distance[i] = 1 - float(vector @ held[int(before[i])])
                _release(held, uses, int(before[i]))
                _release(held, uses, row)
    if progress is not None:
        progress.update(len(on_frame), len(on_frame), f"appearance, {len(on_frame)} frames")
    return distance


def _release(held: dict[int, FloatArray], uses: dict[int, int], row: int) -> None:
    """Forget a vector that no further step needs, so that long videos fit in memory."""
    uses[row] -= 1
    if not uses[row]:
        del held[row]


def _checked(returned: Any, n: int, length: int | None, frame: int) -> FloatArray:
    """Return embeddings of length 1."""
    remedy = f"It should return an array of shape ({n}, {length or 'd'}): one vector for each picture."
    try:
        vectors = np.asarray(returned, np.float64)
    except (TypeError, ValueError):
        raise AnnotationError(
            f"Frame {frame}: the embedding returned {type(returned).__name__}.", remedy
        ) from None
    if vectors.ndim != 2 or vectors.shape[0] != n or vectors.shape[1] != (length or vectors.shape[1]):
        raise AnnotationError(f"Frame {frame}: the embedding returned the shape {vectors.shape}.", remedy)
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norm).all() and (norm > 0).all()):
        raise AnnotationError(f"Frame {frame}: the embedding returned NaN or a vector of zeros.", remedy)
    unit: FloatArray = vectors / norm
    return unit
