from __future__ import annotations

import clips
import numpy as np
import pytest
import simplejpeg

from jupytrack.video import Enhancement, VideoReader, encode_still


@pytest.mark.parametrize(
    "kind",
    ["b-frames", "full-range", "bt709", "4:4:4", "10-bit", "rotated-90", "raw-rgb", "gray-16", "4:4:4-odd"],
)
def test_colours_are_those_of_the_reader(kind, tmp_path):
    with VideoReader(clips.SOUND[kind](tmp_path), gray=False) as reader:
        for n in (0, 11):
            still = simplejpeg.decode_jpeg(encode_still(reader, n, quality=98), "RGB")
            expected = reader.read(n).astype(int)
            assert still.shape == expected.shape
            # Away from the patch of noise only JPEG's own rounding is left.
            difference = (still - expected)[60:, :]
            assert np.abs(difference.mean(axis=(0, 1))).max() < 2  # FFmpeg's fast conversion rounds down
            assert np.percentile(np.abs(difference), 99) <= 10


def test_gray_stays_gray(tmp_path):
    path = clips.SOUND["gray"](tmp_path)
    coloured = clips.SOUND["b-frames"](tmp_path)
    for reader in (VideoReader(path), VideoReader(coloured, gray=True)):
        assert simplejpeg.decode_jpeg_header(encode_still(reader, 0))[2].lower() == "gray"


def test_enhancement_and_quality(tmp_path):
    with VideoReader(clips.SOUND["b-frames"](tmp_path)) as reader:
        plain = simplejpeg.decode_jpeg(encode_still(reader, 5))
        bright = simplejpeg.decode_jpeg(encode_still(reader, 5, enhancement=Enhancement(gamma=2.0)))
        assert bright.mean() > plain.mean() + 15
        assert encode_still(reader, 5, enhancement=Enhancement()) == encode_still(reader, 5)
        assert len(encode_still(reader, 5, quality=30)) < len(encode_still(reader, 5, quality=90))


class Arrays:
    fname, name, width, height, fingerprint = "x", "x", 32, 24, "0"
    timestamps = np.zeros(1)

    def __len__(self):
        return 1

    def __getitem__(self, n):
        return np.full((24, 32, 3), 77, np.uint8)

    def get_avg_fps(self):
        return 1.0

    def get_frame_timestamp(self, n):
        return 0.0


def test_any_frame_source():
    assert abs(int(simplejpeg.decode_jpeg(encode_still(Arrays(), 0)).mean()) - 77) <= 1
