"""Where annotations go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from unprivileged import common_folder, run_unprivileged

from jupytrack.annotation import storage
from jupytrack.annotation.storage import annotation_folder, free_name, is_writable, storage_notice


def test_beside_the_video_where_that_is_allowed(tmp_path):
    assert annotation_folder(tmp_path / "v.mp4") == tmp_path
    assert storage_notice(tmp_path / "v.mp4", tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_in_the_data_folder_where_it_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(
        storage.platformdirs, "user_data_path", lambda *a, **k: tmp_path / "data" / "jupytrack"
    )
    one, two = tmp_path / "one" / "videos", tmp_path / "two" / "videos"
    for folder in (one, two):
        folder.mkdir(parents=True)
    monkeypatch.setattr(storage, "is_writable", lambda folder: False)
    folder = annotation_folder(one / "v.mp4")
    assert folder.is_dir()
    assert folder.is_relative_to(tmp_path / "data")
    assert folder.name.startswith("videos-")
    assert annotation_folder(one / "w.mp4") == folder
    assert annotation_folder(two / "v.mp4") != folder
    problem, remedy = storage_notice(one / "v.mp4", folder)
    assert str(folder) in problem
    assert str(one) in problem
    assert remedy


IS_WRITABLE = """
folder = Path(sys.argv[1])
print(is_writable(folder))
folder.chmod(0o555)
print(is_writable(folder))
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such permissions")
def test_a_folder_without_permission_is_not_writable():
    imports = "import sys; from pathlib import Path; from jupytrack.annotation.storage import is_writable"
    with common_folder() as folder:
        assert run_unprivileged(imports, IS_WRITABLE, folder) == "True\nFalse\n"
        assert list(folder.iterdir()) == []


def test_what_cannot_be_written(tmp_path):
    assert is_writable(tmp_path)
    assert not is_writable(tmp_path / "nowhere")
    if Path("/proc/1").exists():
        assert not is_writable("/proc")


def test_names_of_kept_versions_do_not_collide(tmp_path):
    path = tmp_path / "a.json"
    names = set()
    for _ in range(3):
        name = free_name(path, "theirs")
        name.touch()
        names.add(name)
    assert len(names) == 3
    assert not [name for name in names if name.suffix == ".json"]
