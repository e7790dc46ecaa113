"""Either the old file or the new one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from unprivileged import common_folder, run_unprivileged

from jupytrack import files
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import FormatError, SaveError
from jupytrack.files import all_or_none, entries, file_fingerprint, save_error, write_atomic

unix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")


@pytest.mark.parametrize("linked", [True, False])
def test_all_changes_or_none(tmp_path, monkeypatch, linked):
    def refused(*_):
        raise OSError(errno.EPERM, "this disk has no links")

    if not linked:
        monkeypatch.setattr(os, "link", refused)
    old, gone, new = (tmp_path / name for name in ("old", "gone", "new"))
    old.write_text("old")
    gone.write_text("gone")
    names = {path.name: path.read_text() for path in (old, gone)}

    def change(error=None):
        with all_or_none() as keep:
            for path in (old, gone, new):
                keep(path)
            write_atomic(old, b"other")
            gone.unlink()
            new.write_text("new")
            if error:
                raise error

    with pytest.raises(KeyboardInterrupt):
        change(KeyboardInterrupt())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == names
    change()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"old": "other", "new": "new"}


def test_what_cannot_be_read_is_named(tmp_path):
    assert entries(tmp_path / "none") == entries(Path(__file__)) == []
    (tmp_path / "a").touch()
    assert entries(tmp_path) == [tmp_path / "a"]
    with pytest.raises(FormatError, match=rf"{tmp_path.name} could not be read: Is a directory"):
        file_fingerprint(tmp_path)


def test_new_and_replaced(tmp_path):
    path = tmp_path / "x.json"
    assert file_fingerprint(path) == ""
    write_atomic(path, b"one")
    first = file_fingerprint(path)
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert file_fingerprint(path) not in ("", first)
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


@unix
def test_permissions_stay_and_new_files_follow_the_mask(tmp_path):
    path = tmp_path / "x.json"
    before = os.umask(0o027)
    try:
        write_atomic(path, b"one")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o604)
    write_atomic(path, b"two")
    assert path.stat().st_mode & 0o777 == 0o604


@unix
def test_links_stay_links(tmp_path):
    real = tmp_path / "real.json"
    real.write_bytes(b"one")
    (tmp_path / "link.json").symlink_to(real)
    write_atomic(tmp_path / "link.json", b"two")
    assert (tmp_path / "link.json").is_symlink()
    assert real.read_bytes() == b"two"


def test_a_missing_folder(tmp_path):
    with pytest.raises(SaveError, match="folder does not exist") as caught:
        write_atomic(tmp_path / "none" / "x.json", b"")
    assert "x.json" in caught.value.problem


def test_the_target_is_a_folder(tmp_path):
    (tmp_path / "x.json").mkdir()
    with pytest.raises(SaveError, match="could not be written"):
        write_atomic(tmp_path / "x.json", b"")
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


FULL = """
import resource, signal, sys
from jupytrack.errors import SaveError
from jupytrack.files import write_atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(sys.argv[1], b"x" * 5000)
except SaveError as error:
    print(error)
"""


@unix
def test_a_write_that_fails_midway_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b"one")
    out = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True)
    assert "x.json could not be written" in out.stdout
    assert path.read_bytes() == b"one"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.ENOSPC, "Free some space"), (errno.EROFS, "folder of yours"), (errno.EIO, "another disk")],
)
def test_every_cause_has_its_remedy(code, remedy):
    assert remedy in str(save_error("x.json", OSError(code, os.strerror(code))))


NO_PERMISSION = """
folder = Path(sys.argv[1])
path = folder / "x.json"
write_atomic(path, b"one")
for locked, mode in ((path, 0o444), (folder, 0o555)):
    before = locked.stat().st_mode
    locked.chmod(mode)
    try:
        write_atomic(path, b"two")
    except SaveError as error:
        print(error.problem)
    locked.chmod(before)
"""


@unix
def test_no_permission():
    imports = (
        "import sys; from pathlib import Path; "
        "from jupytrack.errors import SaveError; from jupytrack.files import write_atomic"
    )
    with common_folder() as folder:
        told = run_unprivileged(imports, NO_PERMISSION, folder).splitlines()
        path = folder / "x.json"
        assert told == [f"{path} could not be written: there is no permission to write there."] * 2
        assert path.read_bytes() == b"one"
        assert list(folder.iterdir()) == [path]


def test_a_failed_save_loses_nothing(tmp_path):
    ann = VideoAnnotation(tmp_path / "none" / "v_annotations.json")
    ann.add([1, 2], "0", 3)
    with pytest.raises(SaveError):
        ann.save()
    assert ann.unsaved.added == 1
    assert ann["0"][3] == [1, 2]
    (tmp_path / "none").mkdir()
    ann.save()
    assert not ann.unsaved


def test_a_sidecar_that_cannot_be_written_does_not_look_like_somebody_else(tmp_path):
    path = tmp_path / "v_annotations.json"
    ann = VideoAnnotation(path)
    ann.add([1, 2], "0", 3)
    path.with_suffix(".sidecar").mkdir()
    with pytest.raises(SaveError, match="sidecar"):
        ann.save()
    assert ann.unsaved
    path.with_suffix(".sidecar").rmdir()
    ann.save()
    assert VideoAnnotation(path).data == {"0": {3: [1, 2]}}


def test_a_lock_that_a_killed_process_left_does_not_last(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_PATIENCE", 0.05)
    (tmp_path / ".x.json.lock").touch()
    with files.writing_alone(tmp_path / "x.json"):
        assert (tmp_path / ".x.json.lock").exists()
    assert not (tmp_path / ".x.json.lock").exists()
    with files.writing_alone(tmp_path / "none" / "x.json"):
        pass
