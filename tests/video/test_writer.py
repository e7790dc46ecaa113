from __future__ import annotations

import clips
import numpy as np
import pytest

from jupytrack.errors import SaveError
from jupytrack.video import VideoReader, VideoWriter


@pytest.mark.parametrize(("size", "fps"), [((160, 120), 30), ((161, 121), 29.97), ((64, 100), 0.5)])
def test_round_trip(size, fps, tmp_path):
    path = tmp_path / "out.mp4"
    pictures = list(clips.pictures(12, size))
    with VideoWriter(path, fps, size, crf=8) as writer:
        for picture in pictures:
            writer.write(picture)
    with VideoReader(path) as reader:
        assert (len(reader), reader.width, reader.height) == (12, *size)
        assert reader.get_avg_fps() == pytest.approx(fps, rel=1e-3)
        assert reader.timestamps[1] == pytest.approx(1 / fps, rel=1e-3)
        for n in (0, 11):
            difference = reader[n].astype(int) - pictures[n]
            assert np.abs(difference[60:].mean(axis=(0, 1))).max() < 2
            assert np.abs(difference).mean() < 4


def test_gray(tmp_path):
    path = tmp_path / "gray.mp4"
    image = np.tile(np.arange(0, 256, 2, np.uint8), (64, 1))
    with VideoWriter(path, 10, (128, 64), crf=5) as writer:
        writer.write(image)
    assert np.abs(VideoReader(path).read(0, "gray").astype(int) - image).max() <= 4


def test_an_unfinished_file_leaves_the_old_one(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="shape"), VideoWriter(path, 30, (64, 48)) as writer:
        writer.write(np.zeros((1, 1, 3), np.uint8))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


def test_wrong_shape(tmp_path):
    with VideoWriter(tmp_path / "out.mp4", 30, (64, 48)) as writer:
        with pytest.raises(ValueError, match=r"\(48, 64, 3\)"):
            writer.write(np.zeros((64, 48, 3), np.uint8))
        writer.write(np.zeros((48, 64, 3), np.uint8))


def test_no_such_folder(tmp_path):
    with pytest.raises(SaveError, match="could not be written"):
        VideoWriter(tmp_path / "gone" / "out.mp4", 30, (64, 48))
