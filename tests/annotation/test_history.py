"""Undo, redo and the log, for any kind of edit."""

from __future__ import annotations

import getpass
import logging
from typing import Any, ClassVar

import pytest
from words import WordEdit, Words, set_word

from jupytrack.annotation.entries import Edit, Entry, edit_from_record
from jupytrack.annotation.history import register_edit, user_name
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import AnnotationError, ConflictError, FormatError


def test_undo_and_redo_go_back_and_forth():
    words = Words()
    for value in "abc":
        set_word(words, "x", value)
    assert words.history.undo_title == "x = c"
    words.history.undo()
    entry = words.history.undo()
    assert words.names == {"x": "a"}
    assert (entry.action, entry.title, entry.user) == ("undo", "x = b", "ada")
    assert words.history.redo_title == "x = b"
    words.history.redo()
    assert words.names == {"x": "b"}
    set_word(words, "y", "new")
    assert not words.history.can_redo
    assert words.history.redo() is None
    while words.history.can_undo:
        words.history.undo()
    assert words.names == {}
    assert words.history.undo() is None
    assert [entry.action for entry in words.history.entries] == [
        *["do"] * 3,
        *["undo"] * 2,
        "redo",
        "do",
        *["undo"] * 3,
    ]


def test_an_edit_sent_twice_counts_once():
    words = Words()
    first = set_word(words, "x", "a", "id-1")
    again = set_word(words, "x", "b", "id-1")
    assert again is first
    assert words.names == {"x": "a"}
    assert len(words.history.entries) == 1
    words.history.undo()
    assert set_word(words, "x", "a", "id-1") is first
    assert words.names == {}


def test_a_failed_edit_leaves_no_trace():
    words = Words()
    set_word(words, "x", "a")
    set_word(words, "x", "b")
    words.history.undo()
    with pytest.raises(AnnotationError):
        set_word(words, "x", "refused")
    assert words.history.redo_title == "x = b"
    assert len(words.history.entries) == 3
    assert words.history.undo_title == "x = a"


def test_entries_tell_who_when_and_what(monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_USER", "grace")
    assert user_name() == "grace"
    monkeypatch.delenv("JUPYTERHUB_USER")
    monkeypatch.setattr(getpass, "getuser", lambda: "linus")
    assert user_name() == "linus"

    def nobody() -> str:
        raise OSError("no user of this number")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert user_name() == "unknown"
    words = Words()
    entry = set_word(words, "x", "a")
    assert entry.user == "ada"
    assert entry.time.endswith("+00:00")
    assert entry.record == {"name": "x", "before": None, "after": "a"}
    again = Entry.from_line(entry.to_line())
    assert (again.id, again.title, again.time, again.edit) == (entry.id, entry.title, entry.time, entry.edit)


def test_without_a_journal_entries_are_as_safe_as_they_will_be():
    words = Words()
    heard: list[str] = []
    stop = words.history.on_confirmed(lambda entry: heard.append(entry.title))
    entry = set_word(words, "x", "a")
    assert entry.confirmed
    assert not words.history.durable
    assert words.history.all_confirmed
    stop()
    set_word(words, "x", "b")
    assert heard == ["x = a"]


def test_a_broken_listener_does_not_make_an_edit_fail(caplog):
    words = Words()
    words.history.on_entry(lambda entry: 1 / 0)
    with caplog.at_level(logging.ERROR):
        set_word(words, "x", "a")
    assert words.names == {"x": "a"}
    assert "ZeroDivisionError" in caplog.text


def test_dirty_follows_undo_past_the_saved_state():
    words = Words()
    assert not words.history.dirty
    set_word(words, "x", "a")
    words.history.mark_saved("file")
    assert not words.history.dirty
    set_word(words, "x", "b")
    assert words.history.dirty
    words.history.undo()
    assert not words.history.dirty
    words.history.undo()
    assert words.history.dirty


def test_a_listener_that_edits_comes_after_what_it_heard_of():
    words = Words()

    def react(entry: Entry) -> None:
        if entry.title == "x = a":
            set_word(words, "y", "b")

    words.history.on_entry(react)
    set_word(words, "x", "a")
    assert [entry.title for entry in words.history.entries] == ["x = a", "y = b"]


def test_refused_edits_say_why():
    words = Words()
    set_word(words, "x", "a")
    words.history.refuse("Somebody else has it.", "Ask them.")
    assert words.history.read_only
    with pytest.raises(ConflictError, match=r"Somebody else has it\. Ask them\."):
        set_word(words, "x", "b")
    with pytest.raises(ConflictError):
        words.history.undo()
    words.history.allow()
    words.history.undo()
    assert words.names == {}


def test_kinds_of_edits_do_not_collide():
    assert isinstance(WordEdit("x", None, "a"), Edit)

    class Other:
        kind: ClassVar[str] = "test word"

    with pytest.raises(AnnotationError, match="WordEdit already"):
        register_edit(Other)
    with pytest.raises(FormatError, match="does not know"):
        edit_from_record("test unheard of", {})


def test_the_script_makes_the_edits_again(tmp_path):
    ann = VideoAnnotation(tmp_path / "a.json", n_labels=2)
    ann.add([1.5, 2.25], "0", 3)
    ann.add([7, 8], "1", 0)
    ann.history.undo()
    ann.set_points("1", range(400), [[n / 3, n] for n in range(400)])
    ann.add_label("nose")
    ann.remove("0", 3)
    ann.add([4, 4], "nose", 9)
    script = ann.history.to_script("again")
    assert "(undone)" in script
    namespace: dict[str, Any] = {}
    exec(compile(script, "script", "exec"), namespace)
    again = namespace["again"]
    assert again.data == ann.data
    assert again.labels == ann.labels
