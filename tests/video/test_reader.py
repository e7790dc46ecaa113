from __future__ import annotations

import dataclasses
import os
import shutil
import threading
import time

import clips
import numpy as np
import pytest

from jupytrack.errors import VideoError, VideoNotFoundError
from jupytrack.video import FrameSource, VideoReader
from jupytrack.video.index import cache_paths, content_fingerprint
from jupytrack.video.indexing import build_index


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.SOUND["b-frames"](tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def truth(clip):
    with VideoReader(clip) as reader:
        return [reader[n] for n in range(len(reader))]


def test_what_it_says_about_the_file(clip):
    with VideoReader(clip) as reader:
        assert isinstance(reader, FrameSource)
        assert (len(reader), reader.width, reader.height) == (clips.FRAMES, *clips.SIZE)
        assert reader.get_avg_fps() == 25
        assert reader.name == "b-frames"
        assert reader.fname == str(clip)
        assert reader.missing_frames == 0
        assert reader.warnings == []
        assert reader.group_of(25) == (20, 40)
        np.testing.assert_allclose(reader.timestamps, np.arange(clips.FRAMES) / 25)
        assert reader.get_frame_timestamp(-1) == pytest.approx(99 / 25)


def test_batches_slices_and_negative_numbers(clip, truth):
    with VideoReader(clip) as reader:
        assert np.array_equal(reader[-1], truth[-1])
        assert np.array_equal(reader[np.int64(3)], truth[3])
        assert np.array_equal(reader[10:30:7], np.stack(truth[10:30:7]))
        assert np.array_equal(reader.get_batch([5, 60, -1, 5]), np.stack([truth[n] for n in (5, 60, 99, 5)]))
        assert reader[4:4].shape == (0, 120, 160, 3)
        assert sum(1 for _ in reader) == len(reader)


@pytest.mark.parametrize("n", [clips.FRAMES, -clips.FRAMES - 1])
def test_frame_out_of_range(clip, n):
    with VideoReader(clip) as reader, pytest.raises(IndexError, match="100 frames"):
        reader[n]


def test_a_number_that_is_none(clip):
    with VideoReader(clip) as reader, pytest.raises(TypeError):
        reader[1.5]
    with pytest.raises(ValueError, match="format"):
        VideoReader(clip).read(0, "bgr")


def test_gray(clip):
    with VideoReader(clip, gray=True) as reader:
        assert reader[0].shape == (120, 160)
        assert reader[0:2].shape == (2, 120, 160)
        assert np.array_equal(reader[7], reader.read(7, "gray"))


def test_a_gray_file_gives_gray_unless_told_otherwise(tmp_path):
    path = clips.SOUND["gray"](tmp_path)
    assert VideoReader(path)[0].shape == (120, 160)
    assert VideoReader(path, gray=False)[0].shape == (120, 160, 3)


def test_gray_of_bt709_is_its_luma(tmp_path):
    with VideoReader(clips.SOUND["bt709"](tmp_path)) as reader:
        plane = reader.frame(3).planes[0]
        luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width].astype(float)
        assert np.abs(reader.read(3, "gray") - np.clip((luma - 16) * 255 / 219, 0, 255)).max() <= 1


@pytest.mark.parametrize("kind", ["b-frames", "raw-rgb", "gray"])
def test_arrays_are_the_callers_own(kind, tmp_path):
    with VideoReader(clips.SOUND[kind](tmp_path), cache_bytes=200_000) as reader:
        kept = [reader[n] for n in range(len(reader))]
        copies = [picture.copy() for picture in kept]
        for n in range(len(reader)):
            reader[n][:] = 0
        for n, (picture, copy) in enumerate(zip(kept, copies, strict=True)):
            assert np.array_equal(picture, copy), f"frame {n} changed after it was handed out"
            assert np.array_equal(reader[n], copy), f"frame {n} shares memory with the cache"


def test_threads(clip, truth):
    wrong = []
    with VideoReader(clip, cache_bytes=12 * 30_000) as reader:

        def read(seed):
            for n in np.random.default_rng(seed).integers(0, len(reader), 60).tolist():
                if not np.array_equal(reader[n], truth[n]):
                    wrong.append(n)

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_backward_through_a_group_larger_than_the_budget(tmp_path):
    path = clips.SOUND["gop-250"](tmp_path)
    with VideoReader(path) as reader:
        forward = [reader[n] for n in range(len(reader))]
    with VideoReader(path, cache_bytes=20 * 30_000) as reader:
        entered = 0
        for n in range(240, 100, -1):
            entered += not reader.is_cached(n)
            assert np.array_equal(reader[n], forward[n])
        assert entered <= 140 / 10


def test_stepping_backward_decodes_the_group_before_in_time(clip):
    with VideoReader(clip) as reader:
        reader.frame(59)
        time.sleep(0.05)
        reader.frame(58)
        assert reader._ahead is not None
        reader._ahead.shutdown(wait=True)
        assert all(reader.is_cached(n) for n in range(20, 60))


def test_cache_keeps_its_budget(clip):
    size = 160 * 120 * 3 // 2
    with VideoReader(clip, cache_bytes=10 * size) as reader:
        for n in range(len(reader)):
            reader.frame(n)
        assert reader._cache.used <= 10 * size
        assert not reader.is_cached(0)
        assert reader.is_cached(99)


def test_a_frame_has_its_own_time(tmp_path):
    with VideoReader(clips.SOUND["variable-rate"](tmp_path)) as reader:
        for n in (50, 3, 99):
            assert float(reader.frame(n).time) == pytest.approx(reader.get_frame_timestamp(n))
        assert np.ptp(np.diff(reader.timestamps)) > 0.05


def test_start_offset_stays_in_the_times(tmp_path):
    with VideoReader(clips.SOUND["start-offset"](tmp_path)) as reader:
        assert reader.get_frame_timestamp(0) == pytest.approx(3.0)


def test_rotation_turns_the_picture_and_its_size(tmp_path):
    with VideoReader(clips.SOUND["rotated-90"](tmp_path)) as reader:
        assert (reader.width, reader.height) == (120, 160)
        assert reader[0].shape == (160, 120, 3)
        assert (reader.frame(0).width, reader.frame(0).height) == (160, 120)


@pytest.mark.parametrize(
    ("kind", "counted"),
    [("b-frames", False), ("open-gop", False), ("edit-list", False), ("vp9", False), ("raw-h264", True)],
)
def test_frames_are_counted_by_decoding_only_where_the_container_leaves_their_order_open(
    kind, counted, tmp_path
):
    assert build_index(str(clips.SOUND[kind](tmp_path))).counted is counted


def test_intra_refresh_is_one_group(tmp_path):
    assert len(build_index(str(clips.SOUND["intra-refresh"](tmp_path))).group_frame) == 1


def test_packet_positions_are_those_of_the_bytes(clip):
    index = build_index(str(clip))
    data = clip.read_bytes()
    for packet in (0, 7, 60):
        start, size = int(index.packet_pos[packet]), int(index.packet_size[packet])
        assert int.from_bytes(data[start : start + 4], "big") <= size - 4


def test_a_start_that_does_not_work_is_given_up(clip, truth):
    with VideoReader(clip) as reader:
        index = reader.index
        place = int(np.flatnonzero(index.frame_packet == 30)[0])
        reader.index = dataclasses.replace(
            index,
            group_frame=np.array([0, place]),
            group_packet=np.array([0, 30]),
        )
        assert np.array_equal(reader[place + 5], truth[place + 5])
        assert len(reader.index.group_frame) == 1


def test_an_index_that_does_not_fit_is_replaced(clip, truth):
    with VideoReader(clip) as reader:
        order = reader.index.frame_packet.copy()
        order[[40, 41]] = order[[41, 40]]
        reader.index = dataclasses.replace(reader.index, frame_packet=order)
        assert np.array_equal(reader[41], truth[41])
        assert reader.index.counted


class TestIndexCache:
    def test_lies_beside_the_video(self, clip, tmp_path):
        path = shutil.copy(clip, tmp_path / "a.mp4")
        fresh = VideoReader(path).index
        place = tmp_path / "a.mp4.jupytrack-index.npz"
        assert place.exists()
        calls = []
        again = VideoReader(path, progress=lambda *done: calls.append(done)).index
        assert calls == []
        for field in dataclasses.fields(fresh):
            assert np.array_equal(getattr(fresh, field.name), getattr(again, field.name)), field.name

    def test_is_built_again_for_another_video(self, clip, tmp_path):
        path = tmp_path / "a.mp4"
        shutil.copy(clip, path)
        assert len(VideoReader(path)) == clips.FRAMES
        shutil.copy(clips.SOUND["gop-250"](tmp_path), path)
        assert len(VideoReader(path)) == 300

    def test_a_broken_one_is_replaced(self, clip, tmp_path):
        path = tmp_path / "a.mp4"
        shutil.copy(clip, path)
        place = tmp_path / "a.mp4.jupytrack-index.npz"
        for content in (b"", b"nonsense", b"PK\x03\x04 torn"):
            place.write_bytes(content)
            assert len(VideoReader(path)) == clips.FRAMES
            assert place.stat().st_size > 1000

    def test_a_read_only_folder_sends_it_to_the_users_cache(self, clip, tmp_path, own_cache):
        folder = tmp_path / "locked"
        folder.mkdir()
        path = folder / "a.mp4"
        shutil.copy(clip, path)
        folder.chmod(0o555)
        try:
            VideoReader(path)
            assert os.listdir(folder) == ["a.mp4"]
            assert cache_paths(path)[0].exists()
            assert own_cache in cache_paths(path)[0].parents
        finally:
            folder.chmod(0o755)

    def test_progress_ends_at_the_total(self, clip, tmp_path):
        path = tmp_path / "a.mp4"
        shutil.copy(clip, path)
        calls = []
        VideoReader(path, progress=lambda *done: calls.append(done))
        assert calls[-1][0] == calls[-1][1] > 0


def test_fingerprint_is_of_the_content(clip, tmp_path):
    copy = shutil.copy(clip, tmp_path / "renamed.mp4")
    assert VideoReader(copy).fingerprint == VideoReader(clip).fingerprint == content_fingerprint(clip)
    changed = tmp_path / "changed.mp4"
    data = bytearray(clip.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    assert content_fingerprint(changed) != content_fingerprint(clip)


class TestBadInput:
    def test_no_such_file(self, tmp_path):
        with pytest.raises(VideoNotFoundError, match=r"no file .*gone\.mp4"):
            VideoReader(tmp_path / "gone.mp4")

    def test_folder(self, tmp_path):
        with pytest.raises(VideoError, match="is a folder"):
            VideoReader(tmp_path)

    def test_empty_file(self, tmp_path):
        (tmp_path / "empty.mp4").touch()
        with pytest.raises(VideoError, match="empty"):
            VideoReader(tmp_path / "empty.mp4")

    def test_text(self, tmp_path):
        (tmp_path / "text.mp4").write_text("This is not a video.\n" * 200)
        with pytest.raises(VideoError, match="cannot be read as a video"):
            VideoReader(tmp_path / "text.mp4")

    def test_sound_only(self, tmp_path):
        with pytest.raises(VideoError, match="no pictures"):
            VideoReader(clips.audio_only(tmp_path))

    def test_cut_before_its_index(self, clip, tmp_path):
        path = tmp_path / "cut.mp4"
        path.write_bytes(clip.read_bytes()[:20_000])
        with pytest.raises(VideoError, match="copied to its end"):
            VideoReader(path)

    def test_shortened_while_open(self, clip, tmp_path):
        path = tmp_path / "a.mp4"
        shutil.copy(clips.CUT["mp4"](tmp_path), path)
        with VideoReader(clip) as other:
            other.fname = str(path)
            with pytest.raises(VideoError, match="Open it again"):
                other.frame(90)

    def test_closed(self, clip):
        reader = VideoReader(clip)
        picture = reader[3]
        reader.close()
        reader.close()
        assert picture.any()
        with pytest.raises(VideoError, match="closed"):
            reader.frame(3)


def test_a_relative_path_is_found_after_the_folder_changed(clip, tmp_path, monkeypatch):
    monkeypatch.chdir(clip.parent)
    with VideoReader(clip.name) as reader:
        monkeypatch.chdir(tmp_path)
        assert reader[len(reader) - 1].shape == (reader.height, reader.width, 3)
