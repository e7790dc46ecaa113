"""Several places that want to write the same layer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from words import Words, set_word

from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.journal import Journal
from jupytrack.annotation.layer_files import table_of
from jupytrack.annotation.locks import LayerLock
from jupytrack.annotation.marks import Marks
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import ConflictError

REOPEN = """
import faulthandler, sys, threading
from pathlib import Path
faulthandler.dump_traceback_later(40, exit=True)
from jupytrack.annotation import durable
from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.points import VideoAnnotation

folder = Path(sys.argv[1])
ann = VideoAnnotation(folder / "v_annotations_x.json")
open_durable(ann)
ann.add([1, 1], "0", 1)
adding, closing = threading.Event(), threading.Event()

def add():
    # as LayerStack.add does, with the lock that all layers of a session share
    with ann.lock:
        adding.set()
        closing.wait(10)
        open_durable(VideoAnnotation(folder / "v_annotations_y.json"))

real = durable.DurableLayer.close

def close(self, reason=""):
    closing.set()
    return real(self, reason)

durable.DurableLayer.close = close
browser = threading.Thread(target=add, daemon=True)
browser.start()
adding.wait()
again = VideoAnnotation(ann.fname)
layer = open_durable(again)
browser.join()
assert ann.history.read_only and not layer.read_only
assert dict(again.data["0"]) == {1: [1.0, 1.0]}
print("done", flush=True)
"""


def run(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_cell_reopens_a_layer_while_the_browser_adds_one(tmp_path: Path):
    assert run(REOPEN, tmp_path) == "done\n"


def kept_by(path: Path) -> tuple[Words, Journal]:
    words = Words()
    journal = Journal(path)
    words.history.attach(journal, 0)
    return words, journal


@pytest.mark.parametrize("before", [b"", b'{"n":0,"form', None])
def test_lines_that_another_holder_wrote_since_are_kept(tmp_path: Path, before):
    path = tmp_path / "w.journal"
    if before is None:
        words, journal = kept_by(path)
        set_word(words, "x", "a")
        assert journal.close()
    elif before:
        path.write_bytes(before)
    late, slow = kept_by(path)
    words, quick = kept_by(path)
    set_word(words, "x", "b")
    assert quick.close()
    content = path.read_bytes()
    errors: list[Exception] = []
    late.history.on_error(errors.append)
    set_word(late, "x", "c")
    assert not slow.flush()
    assert [type(error) for error in errors] == [ConflictError]
    assert not slow.close()
    assert path.read_bytes() == content
    assert kept_by(path)[0].names == {"x": "b"}


def test_a_torn_end_that_appeared_since_is_cut_off(tmp_path: Path):
    path = tmp_path / "w.journal"
    words, journal = kept_by(path)
    set_word(words, "x", "a")
    assert journal.close()
    words, journal = kept_by(path)
    with path.open("ab") as file:
        file.write(b'{"n":2,"action":"do"}\n{"n":3,"act')
    set_word(words, "x", "b")
    assert journal.close()
    assert kept_by(path)[0].names == {"x": "b"}
    assert b'"act{' not in path.read_bytes()


def test_files_of_one_stem_have_journals_of_their_own(tmp_path: Path):
    table = tmp_path / "x.csv"
    table.write_text(
        "scorer,me,me\nbodyparts,point0,point0\ncoords,x,y\nlabeled-data/v/img0003.png,1.0,2.0\n"
    )
    traces = VideoAnnotation(table)
    first = open_durable(traces)
    traces.add([5, 5], "0", 9)
    traces.to_json()
    traces.add([6, 6], "0", 10)
    layer = VideoAnnotation(tmp_path / "x.json")
    second = open_durable(layer)
    assert not first.read_only
    assert not second.read_only
    assert second.problem is None
    assert second.conflict is None
    assert second.messages == []
    assert sorted(layer.data["0"]) == [3, 9]
    layer.add([7, 7], "0", 11)
    layer.save()
    assert second.close()
    assert first.close()
    assert {path.name for path in tmp_path.glob("*.journal")} == {"x.csv.journal", "x.journal"}


def test_a_kept_version_without_the_file_is_no_version():
    assert table_of({".h5": b"", ".sidecar": b""}, ".json") is None
    assert table_of({}, ".json") is not None


def test_a_layer_whose_lock_was_stolen_takes_no_more_edits(tmp_path: Path):
    ann = VideoAnnotation(tmp_path / "x.json")
    layer = open_durable(ann)
    ann.add([1, 1], "0", 1)
    assert ann.history.journal.flush()
    thief = LayerLock(layer.lock.path)
    thief.acquire(steal=True)
    errors: list[Exception] = []
    ann.history.on_error(errors.append)
    ann.add([2, 2], "0", 2)
    assert not ann.history.journal.flush()
    assert layer.read_only
    assert [type(error) for error in errors] == [ConflictError]
    with pytest.raises(ConflictError, match="taken over"):
        ann.add([3, 3], "0", 3)
    assert open_durable(ann) is layer
    layer.close()
    thief.release()


@pytest.mark.parametrize("damage", ["", "line", "all"])
def test_marks_are_taken_over(tmp_path: Path, damage):
    path = tmp_path / "v.jupytrack"
    made = Marks()
    made.open(path)
    made.toggle(3)
    made.close()
    other = LayerLock(tmp_path / "v.jupytrack-lock")
    other.acquire()
    if damage:
        path.write_bytes((path.read_bytes() if damage == "line" else b"") + b"nonsense\n")
    before = sorted(tmp_path.iterdir()), path.read_bytes()
    marks = Marks()
    marks.open(path)
    assert (sorted(tmp_path.iterdir()), path.read_bytes()) == before
    assert isinstance(marks.problem, ConflictError)
    assert ("no journal" in marks.problem.problem) == (damage == "all")
    assert marks.frames == (set() if damage == "all" else {3})
    with pytest.raises(ConflictError):
        marks.toggle(4)
    if damage != "all":
        assert marks.is_lost
        assert marks.take_over() == []
        assert marks.problem is None
        assert not marks.is_lost
        marks.toggle(4)
        assert marks.take_over() == []
        marks.close()
        again = Marks()
        again.open(path)
        assert again.frames == {3, 4}
        again.close()
    other.release()
