"""Points on pictures."""

from __future__ import annotations

import numpy as np
import pytest

from jupytrack.annotation.painting import paint_points
from jupytrack.annotation.points import VideoAnnotation

GRAY = np.full((120, 160), 100, np.uint8)


@pytest.fixture
def layer() -> VideoAnnotation:
    ann = VideoAnnotation(n_labels=2)
    ann.add([40, 60], "0", 3)
    ann.add([1e9, -1e9], "1", 3)
    return ann


def colors(ann: VideoAnnotation) -> np.ndarray:
    return np.round(np.array(ann.palette) * 255)


@pytest.mark.parametrize("image", [GRAY, np.repeat(GRAY[:, :, None], 3, 2)])
def test_a_point_is_painted_where_it_is_and_the_picture_left_alone(layer, image):
    before = image.copy()
    painted = paint_points(image, layer, frame=3, names=False)
    assert np.array_equal(image, before)
    assert (painted.shape, painted.dtype) == ((120, 160, 3), np.uint8)
    assert np.array_equal(painted[60, 40], colors(layer)[0])
    rows, columns = np.nonzero((painted != 100).any(axis=2))
    assert (rows.mean(), columns.mean()) == pytest.approx((60, 40))
    assert np.ptp(rows) <= 10
    assert (paint_points(image, layer, frame=4) == 100).all()


def test_names_stand_beside_their_points(layer):
    named, plain = (paint_points(GRAY, layer, frame=3, names=names) for names in (True, False))
    _, columns = np.nonzero((named != plain).any(axis=2))
    assert columns.size
    assert columns.min() > 40


def test_opacity_and_order(layer):
    other = VideoAnnotation(n_labels=2)
    other.add([40, 60], "1", 3)
    top, bottom = colors(other)[1], colors(layer)[0]
    assert np.array_equal(paint_points(GRAY, layer, other, frame=3)[60, 40], top)
    other.set_alpha(0.25)
    mixed = paint_points(GRAY, layer, other, frame=3)[60, 40]
    assert np.abs(mixed - (0.25 * top + 0.75 * bottom)).max() <= 1
    other.set_alpha(0)
    assert np.array_equal(paint_points(GRAY, layer, other, frame=3)[60, 40], bottom)
