"""Points drawn on pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jupytrack.annotation.displayed import DisplayedPoints

__all__ = ["paint_points"]

# OpenCV draws at fractions of a pixel when positions are scaled by a power of two
_SHIFT = 4


def paint_points(
    image: NDArray[Any], *layers: DisplayedPoints, frame: int, names: bool = True
) -> NDArray[np.uint8]:
    """Return a picture with the points of a frame on it.

    Parameters
    ----------
    image : ndarray, uint8, shape (height, width) or (height, width, 3)
        The picture, gray or RGB; left as it is.
    *layers : DisplayedPoints
        Points with their colours and opacities, from the bottom to the top.
    frame : int
        Whose points.
    names : bool
        Whether labels stand beside their points.

    Returns
    -------
    ndarray, uint8, shape (height, width, 3)
        RGB.
    """
    gray = image.ndim == 2
    canvas = np.array(np.repeat(image[:, :, None], 3, 2) if gray else image, np.uint8, order="C")
    radius = max(min(canvas.shape[:2]) / 120, 3.0)
    for layer in layers:
        for label, color, (x, y) in zip(layer.labels, layer.palette, layer.get_at_frame(frame), strict=True):
            # Far outside of the picture there is nothing to see, and OpenCV's integers would overflow.
            if -radius <= x < canvas.shape[1] + radius and -radius <= y < canvas.shape[0] + radius:
                rgb = (round(255 * color[0]), round(255 * color[1]), round(255 * color[2]))
                name = label if names else ""
                _paint(canvas, (x, y), radius, rgb, layer.display.alpha_of(label), name)
    return canvas


def _paint(
    canvas: NDArray[np.uint8],
    position: tuple[float, float],
    radius: float,
    rgb: tuple[int, int, int],
    alpha: float,
    name: str,
) -> None:
    import cv2

    if alpha <= 0:
        return
    x, y = position
    painted = canvas if alpha >= 1 else canvas.copy()
    center = (round(x * 2**_SHIFT), round(y * 2**_SHIFT))
    size = round(radius * 2**_SHIFT)
    cv2.circle(painted, center, size, rgb, -1, cv2.LINE_AA, _SHIFT)
    cv2.circle(painted, center, size, (0, 0, 0), 1, cv2.LINE_AA, _SHIFT)
    if name:
        at = (round(x + 1.5 * radius), round(y - 0.8 * radius))
        for color, width in (((0, 0, 0), 3), (rgb, 1)):
            cv2.putText(painted, name, at, cv2.FONT_HERSHEY_SIMPLEX, radius / 10, color, width, cv2.LINE_AA)
    if alpha < 1:
        cv2.addWeighted(painted, alpha, canvas, 1 - alpha, 0, dst=canvas)
