from __future__ import annotations

import numpy as np
import pytest

from jupytrack.video import Enhancement

GRAY = np.tile(np.linspace(20, 90, 64).astype(np.uint8), (48, 1))
COLOUR = np.stack([GRAY, GRAY // 2, GRAY + 60], axis=-1)


@pytest.mark.parametrize("image", [GRAY, COLOUR])
def test_identity_changes_nothing(image):
    assert Enhancement().is_identity
    assert Enhancement().apply(image) is image


@pytest.mark.parametrize("image", [GRAY, COLOUR])
@pytest.mark.parametrize("settings", [{"clahe_clip": 3.0}, {"gamma": 1.7}, {"brightness": 40}])
def test_each_part_works_and_leaves_the_input_alone(image, settings):
    before = image.copy()
    result = Enhancement(**settings).apply(image)
    assert result.shape == image.shape
    assert result.dtype == np.uint8
    assert not np.array_equal(result, image)
    assert np.array_equal(image, before)


def test_numbers():
    assert Enhancement(brightness=40).apply(GRAY)[0, 0] == 60
    assert Enhancement(brightness=-40).apply(GRAY)[0, 0] == 0
    assert Enhancement(gamma=2.0).apply(np.full((2, 2), 64, np.uint8))[0, 0] == round(255 * (64 / 255) ** 0.5)
    assert np.ptp(Enhancement(clahe_clip=4.0, clahe_grid=2).apply(GRAY)) > np.ptp(GRAY)


@pytest.mark.parametrize(
    "wrong",
    [{"gamma": 0}, {"gamma": float("nan")}, {"clahe_grid": 0}, {"clahe_grid": 2.5}, {"brightness": 300}],
)
def test_bad_numbers(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Enhancement(**wrong)


def test_auto_lifts_a_dark_picture():
    auto = Enhancement.auto(GRAY // 3)
    assert not auto.is_identity
    assert auto.apply(GRAY // 3).mean() > GRAY.mean() / 3
    Enhancement.auto(np.zeros((8, 8), np.uint8)).apply(COLOUR)


def test_equal_ones_are_equal():
    assert Enhancement(gamma=1.2) == Enhancement(gamma=1.2)
    assert len({Enhancement(), Enhancement(), Enhancement(gamma=1.2)}) == 2
