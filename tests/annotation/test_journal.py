"""The log on disk."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from small_disk import small_disk
from words import Words, set_word

from jupytrack.annotation import journal_lines
from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.journal import Journal
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import ConflictError, FormatError, SaveError


def open_words(path: Path, position: int | None = 0, **options: object) -> tuple[Words, Journal]:
    words = Words()
    journal = Journal(path, **options)  # type: ignore[arg-type]
    words.history.attach(journal, position)
    return words, journal


def wait_for(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def test_entries_come_back_with_undo(tmp_path):
    path = tmp_path / "w.journal"
    words, journal = open_words(path)
    assert not path.exists()
    for value in "abc":
        set_word(words, "x", value)
    words.history.undo()
    assert journal.close()
    assert words.history.all_confirmed
    again, journal = open_words(path)
    assert again.names == {"x": "b"}
    assert [e.title for e in again.history.entries] == ["x = a", "x = b", "x = c", "x = c"]
    assert all(entry.confirmed for entry in again.history.entries)
    again.history.redo()
    assert again.names == {"x": "c"}
    again.history.undo()
    again.history.undo()
    assert again.names == {"x": "a"}
    journal.close()


def test_an_edit_is_confirmed_after_it_is_on_the_disk(tmp_path):
    path = tmp_path / "w.journal"
    words, journal = open_words(path)
    seen: list[tuple[str, bool, str]] = []

    def confirmed(entry) -> None:
        seen.append((entry.id, f'"{entry.id}"' in path.read_text(), threading.current_thread().name))

    words.history.on_confirmed(confirmed)
    for n in range(50):
        set_word(words, "x", str(n), f"id-{n}")
    wait_for(lambda: len(seen) == 50)
    assert [id for id, _, _ in seen] == [f"id-{n}" for n in range(50)]
    assert all(on_disk for _, on_disk, _ in seen)
    assert all(name.startswith("journal of") for _, _, name in seen)
    journal.close()


def test_quick_edits_share_a_flush(tmp_path, monkeypatch):
    words, journal = open_words(tmp_path / "w.journal")
    flushes = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (flushes.append(1), time.sleep(0.02), real(handle)))
    for n in range(200):
        set_word(words, "x", str(n))
    assert journal.flush()
    assert len(flushes) < 20
    journal.close()


def test_only_what_the_file_lacks_is_done_again(tmp_path):
    path = tmp_path / "w.journal"
    words, journal = open_words(path, fingerprint="")
    set_word(words, "x", "a")
    words.history.mark_saving("f1")
    words.history.mark_saved("f1")
    set_word(words, "y", "b")
    words.history.undo()
    words.history.undo()
    journal.close()
    again = Words()
    again.names = {"x": "a"}
    journal = Journal(path)
    position = journal.place("f1")
    assert position == 3
    assert again.history.attach(journal, position) == 3
    assert again.names == {}
    assert again.history.dirty
    again.history.redo()
    assert again.names == {"x": "a"}
    assert not again.history.dirty
    journal.close()


def test_the_place_of_a_file(tmp_path):
    path = tmp_path / "w.journal"
    words, journal = open_words(path, fingerprint="f0")
    set_word(words, "x", "a")
    words.history.mark_saved("f1")
    set_word(words, "x", "b")
    words.history.mark_saving("f2")
    set_word(words, "x", "c")
    words.history.mark_saving("f3")
    journal.close()
    journal = Journal(path)
    assert journal.place("f1") == 2
    # Killed between writing a file and saying so: the file itself tells.
    assert journal.place("f2") == 4
    assert journal.place("f3") == 6
    assert journal.last_mark == 2
    # An older version that somebody put back is not what was saved last.
    assert journal.place("f0") is None
    assert journal.place("") is None


@pytest.mark.parametrize("tail", [b'{"n":4,"id":"torn', b"\0" * 512, b'{"n":4}'])
def test_a_torn_tail_is_dropped(tmp_path, tail):
    path = tmp_path / "w.journal"
    words, journal = open_words(path)
    for value in "abc":
        set_word(words, "x", value)
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    again, journal = open_words(path)
    assert journal.problems == []
    assert again.names == {"x": "c"}
    set_word(again, "y", "d")
    journal.close()
    assert path.read_bytes().startswith(whole)
    final, journal = open_words(path)
    assert final.names == {"x": "c", "y": "d"}
    assert journal.problems == []


def test_every_cut_leaves_a_prefix(tmp_path):
    path = tmp_path / "w.journal"
    words, journal = open_words(path)
    for n in range(4):
        set_word(words, f"x{n}", str(n))
    journal.close()
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        again, journal = open_words(path)
        count = max(whole[:length].count(b"\n") - 1, 0)
        assert again.names == {f"x{n}": str(n) for n in range(count)}
        set_word(again, "more", "yes")
        assert journal.close()
        final, journal = open_words(path)
        assert final.names == {**again.names, "more": "yes"}


def test_damage_in_the_middle_is_told_and_a_copy_kept(tmp_path):
    path = tmp_path / "w.journal"
    words, journal = open_words(path)
    for name in "abcd":
        set_word(words, name, "1")
    journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[:2], lines[2].replace(b'"1"', b'"2"'), *lines[3:]])
    path.write_bytes(damaged)
    again, journal = open_words(path)
    assert again.names == {"a": "1", "c": "1", "d": "1"}
    assert "1 of 5 lines" in journal.problems[0]
    copies = list(tmp_path.glob("w.journal.damaged-*"))
    assert [copy.read_bytes() for copy in copies] == [damaged]
    assert copies[0].name in journal.problems[0]
    journal.close()
    _, journal = open_words(path)
    assert journal.problems == []


def test_other_files_are_left_alone(tmp_path):
    path = tmp_path / "w.journal"
    for content in (b"my notes\nof today\n", b'{"n": 0, "format": "another"}\n'):
        path.write_bytes(content)
        with pytest.raises(FormatError, match="no journal"):
            Journal(path)
        assert path.read_bytes() == content
    head = {"n": 0, "format": "jupytrack journal", "version": 99}
    path.write_bytes(journal_lines.format_line(head.pop("n"), head))
    with pytest.raises(FormatError, match="newer version"):
        Journal(path)


def test_edits_of_an_unknown_kind_are_not_lost(tmp_path):
    path = tmp_path / "w.journal"
    words, journal = open_words(path)
    set_word(words, "x", "a")
    journal.close()
    lines = path.read_bytes().splitlines()
    line = journal_lines.parse_line(lines[1])
    assert line is not None
    line["kind"] = "test of the future"
    path.write_bytes(lines[0] + b"\n" + journal_lines.format_line(line.pop("n"), line))
    before = path.read_bytes()
    with pytest.raises(FormatError, match="does not know"):
        open_words(path)
    assert path.read_bytes() == before


def test_a_full_disk_keeps_edits_waiting(tmp_path, monkeypatch):
    path = tmp_path / "w.journal"
    words, journal = open_words(path)
    set_word(words, "a", "1")
    assert journal.flush()
    size = path.stat().st_size
    real, full = os.write, threading.Event()
    full.set()

    def write(handle: int, data: bytes) -> int:
        if full.is_set():
            if len(data) > 10:
                return real(handle, data[:10])
            raise OSError(28, os.strerror(28))
        return real(handle, data)

    monkeypatch.setattr(os, "write", write)
    errors: list[Exception] = []
    words.history.on_error(errors.append)
    entries = [set_word(words, name, "1") for name in "bc"]
    wait_for(lambda: bool(errors))
    assert isinstance(errors[0], SaveError)
    assert "disk is full" in str(errors[0])
    assert words.history.failing
    assert not words.history.all_confirmed
    assert not any(entry.confirmed for entry in entries)
    # Nothing half-written stays.
    assert path.stat().st_size == size
    full.clear()
    wait_for(lambda: words.history.all_confirmed)
    assert not words.history.failing
    assert len(errors) == 1
    assert all(entry.confirmed for entry in entries)
    journal.close()
    assert open_words(path)[0].names == {"a": "1", "b": "1", "c": "1"}


def test_a_disk_that_is_really_full(tmp_path):
    with small_disk(tmp_path / "small", 128 * 1024) as folder:
        ann = VideoAnnotation(folder / "v_annotations_x.json")
        layer = open_durable(ann)
        try:
            errors: list[Exception] = []
            ann.history.on_error(errors.append)
            ballast = folder / "ballast"
            ballast.write_bytes(b"x" * 100_000)
            noise = np.random.default_rng(0).random((1500, 2))
            ann.add([1, 2], "0", 0)
            wait_for(lambda: ann.history.all_confirmed)
            ann.set_points("0", range(1500), noise)
            wait_for(lambda: bool(errors))
            assert ann.history.failing
            with pytest.raises(SaveError, match="disk is full"):
                ann.save()
            ballast.unlink()
            wait_for(lambda: ann.history.all_confirmed)
            layer.close()
            ann = VideoAnnotation(folder / "v_annotations_x.json")
            layer = open_durable(ann)
            assert np.array_equal(ann.to_trace("0"), noise)
        finally:
            layer.close()


def test_a_journal_that_is_taken_away_is_written_again(tmp_path):
    path = tmp_path / "w.journal"
    words, journal = open_words(path)
    set_word(words, "a", "1")
    assert journal.flush()
    path.unlink()
    set_word(words, "b", "1")
    assert journal.flush()
    # Exchanged for another file: that one is kept beside.
    path.rename(tmp_path / "moved")
    path.write_text("something else")
    set_word(words, "c", "1")
    assert journal.flush()
    journal.close()
    assert open_words(path)[0].names == {"a": "1", "b": "1", "c": "1"}
    assert [f.read_text() for f in tmp_path.glob("w.journal.replaced-*")] == ["something else"]


def test_another_writer_is_noticed(tmp_path):
    path = tmp_path / "w.journal"
    words, journal = open_words(path)
    set_word(words, "a", "1")
    assert journal.flush()
    with open(path, "ab") as other:
        other.write(b"{}\n")
    set_word(words, "b", "1")
    assert not journal.flush()
    assert isinstance(journal.error, ConflictError)
    with pytest.raises(ConflictError, match="another process"):
        words.history.mark_saving("f1")
    journal.close()


def test_edits_made_before_come_after_those_of_the_journal(tmp_path):
    path = tmp_path / "w.journal"
    words, journal = open_words(path)
    set_word(words, "x", "journal")
    set_word(words, "y", "journal")
    journal.close()
    again = Words()
    set_word(again, "x", "own")
    journal = Journal(path)
    assert again.history.attach(journal, 0) == 2
    assert again.names == {"x": "own", "y": "journal"}
    assert journal.flush()
    assert [entry.title for entry in again.history.entries] == ["x = journal", "y = journal", "x = own"]
    journal.close()
    assert open_words(path)[0].names == {"x": "own", "y": "journal"}


def test_old_saved_edits_shrink_to_their_line_in_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr("jupytrack.annotation.journal_content.KEEP_EDITS", 10)
    monkeypatch.setattr(journal_lines, "KEEP_EDITS", 10)
    path = tmp_path / "w.journal"
    words, journal = open_words(path)
    for n in range(50):
        set_word(words, "x", str(n))
    words.history.mark_saved("f1")
    for n in range(50, 65):
        set_word(words, "x", str(n))
    journal.close()
    size = path.stat().st_size
    assert Journal(path).place("f1") == 51
    assert path.stat().st_size < size
    again = Words()
    again.names = {"x": "49"}
    journal = Journal(path)
    again.history.attach(journal, journal.place("f1"))
    assert again.names == {"x": "64"}
    assert len(again.history.entries) == 66
    steps = 0
    while again.history.can_undo:
        again.history.undo()
        steps += 1
    # Everything that is not saved can be undone; the limit holds for what is.
    assert steps == 15
    assert "not made" in again.history.to_script()
    journal.close()


def test_big_edits_are_compressed_and_do_not_hold_up_the_caller(tmp_path):
    path = tmp_path / "v_annotations_x.json"
    ann = VideoAnnotation(path, n_labels=10)
    journal = Journal(tmp_path / "x.journal")
    ann.history.attach(journal, 0)
    values = np.random.default_rng(0).normal(300, 50, (10, 36_715, 2)).round(2)
    with ann.edit("all"):
        for label in range(10):
            ann.set_points(str(label), range(36_715), values[label])
    assert journal.close()
    assert journal.path.stat().st_size < 12e6
    again = VideoAnnotation(path, n_labels=10)
    journal = Journal(tmp_path / "x.journal")
    again.history.attach(journal, 0)
    assert np.array_equal(np.stack(list(again.to_traces().values())), values)
    again.history.undo()
    assert not again.frames
    journal.close()


def test_lines_are_json_for_other_programs(tmp_path):
    words, journal = open_words(tmp_path / "w.journal", fingerprint="f0")
    set_word(words, "x", "ä\n")
    journal.close()
    head, line = [json.loads(raw) for raw in journal.path.read_text().splitlines()]
    assert (head["format"], head["fingerprint"]) == ("jupytrack journal", "f0")
    assert (line["n"], line["action"], line["user"], line["kind"]) == (1, "do", "ada", "test word")
    assert line["record"]["after"] == "ä\n"


def test_an_edit_that_cannot_be_recorded_is_told_and_not_waited_for(tmp_path):
    words, journal = Words(), Journal(tmp_path / "w.journal")
    words.history.attach(journal, 0)
    errors: list[Exception] = []
    words.history.on_error(errors.append)
    # JSON has no sets
    entry = set_word(words, "x", {"a"})  # type: ignore[arg-type]
    other = set_word(words, "y", "b")
    assert journal.flush()
    journal.close()
    assert words.history.all_confirmed
    assert (entry.confirmed, other.confirmed) == (False, True)
    assert ["could not be recorded" in str(error) for error in errors] == [True]
    again = Words()
    again.history.attach(Journal(journal.path), 0)
    assert again.names == {"y": "b"}
