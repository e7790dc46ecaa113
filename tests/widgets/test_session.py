from __future__ import annotations

import threading

import numpy as np
import pytest

from jupytrack.errors import AnnotationError, ConflictError
from jupytrack.video.enhance import Enhancement


@pytest.fixture
def session(annotator):
    return annotator.session


def test_frames_are_clipped_to_the_video(session):
    session.go_to(10_000)
    assert session.frame == session.n_frames - 1
    session.frame = -5
    assert session.frame == 0


def test_an_edit_in_a_cell_reaches_listeners_and_the_status(session):
    seen = []
    session.on_points_changed(seen.append)
    before = session.overlay_revision
    session.ann.add([1, 2], "0", 7)
    assert [frames.tolist() for frames in seen] == [[7]]
    assert session.overlay_revision > before
    assert session.status["unsaved"]["iteration-0"]["added"] == 10
    assert session.status["save_state"] in ("unsaved", "confirming")


def test_a_batch_is_announced_once_with_all_its_frames(session):
    seen = []
    session.on_points_changed(seen.append)
    with session.batch():
        session.ann.add([1, 2], "0", 7)
        session.ann.add([1, 2], "1", 9)
    assert [frames.tolist() for frames in seen] == [[7, 9]]


def test_the_same_edit_twice_counts_once(session):
    session.place("0", 40, 1, 2, edit_id="one")
    session.place("0", 40, 1, 2, edit_id="one")
    assert session.ann.data["0"][40] == [1, 2]
    session.undo()
    assert 40 not in session.ann.data["0"]


def test_placing_a_label_that_a_layer_lacks_adds_it_there_alone(session):
    session.place("7", 3, 1, 2)
    assert session.ann.data["7"][3] == [1, 2]
    assert "7" not in session.layers["model"].labels
    assert "7" in session.labels


def test_placing_a_label_that_a_layer_lacks_is_one_edit(session):
    before = session.ann.labels
    for _ in range(2):
        session.place("7", 3, 1, 2, edit_id="one")
    assert "one" in session.ann.history
    assert session.layers.undo_title == "Place 7 on frame 3"
    session.undo()
    assert session.ann.labels == before
    # sent once more after it was taken back, it still counts once
    session.place("7", 3, 1, 2, edit_id="one")
    assert session.ann.labels == before
    session.redo()
    assert session.ann.data["7"][3] == [1, 2]
    session.undo()
    with pytest.raises(AnnotationError):
        session.place("8", 10_000, 1, 2)
    assert session.ann.labels == before


def test_impossible_places_are_refused_and_nothing_changes(session):
    before = session.ann.to_traces()
    for frame, x in ((10_000, 1.0), (-1, 1.0), (3, float("nan"))):
        with pytest.raises(AnnotationError):
            session.place("0", frame, x, 2)
    assert all(np.array_equal(before[k], v, equal_nan=True) for k, v in session.ann.to_traces().items())


def test_read_only_refuses_edits(session):
    before = session.ann.get_frames("0")
    session.ann.history.refuse("Somebody else has it.", "Wait.")
    for edit in (lambda: session.place("0", 1, 1, 1), lambda: session.remove("0", 5)):
        with pytest.raises(ConflictError, match="Somebody else"):
            edit()
    assert session.status["read_only"] is True
    session.undo()
    assert session.ann.get_frames("0") == before
    session.ann.history.allow()
    session.place("0", 1, 1, 1)
    assert session.status["read_only"] is False


def test_labels_go_in_tens(session):
    session.ensure_label("13")
    session.select_label("13")
    assert session.label_range == 1
    with pytest.raises(AnnotationError, match="99"):
        session.select_label("99")


def test_a_label_that_is_undone_is_no_longer_selected(session):
    session.ensure_label("8")
    session.select_label("8")
    session.undo()
    assert session.label != "8"


def test_enhancement_makes_frames_out_of_date(session):
    before = session.frames_revision
    session.enhancement = Enhancement(gamma=2.0)
    assert session.frames_revision == before + 1


def test_stepping_through_frames_sends_no_status(session):
    seen = []
    session.observe(seen.append, ["status"])
    for frame in range(20):
        session.frame = frame
    assert seen == []


def test_a_listener_that_fails_keeps_nobody_from_working(session, caplog):
    def fail(frames):
        raise RuntimeError("a display is broken")

    seen = []
    session.on_points_changed(fail)
    session.on_points_changed(seen.append)
    session.ann.add([1, 2], "0", 7)
    assert len(seen) == 1
    assert "a display is broken" in caplog.text


def test_notices_reach_listeners_until_they_stop(session):
    seen = []
    stop = session.on_notice(lambda *notice: seen.append(notice))
    with session.reporting():
        raise AnnotationError("This is wrong.", "Do that.")
    stop()
    session.notify("info", "Nobody hears this.")
    assert seen == [("error", "This is wrong.", "Do that.")]


def test_cells_and_browser_edit_at_the_same_time(session):
    errors = []

    def edit(label, start):
        try:
            for frame in range(start, 60, 2):
                session.place(label, frame, 1.0, 2.0)
                session.ann.add([3.0, 4.0], label, frame)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=edit, args=(label, start)) for start, label in enumerate(("0", "1"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert errors == []
    assert set(range(0, 60, 2)) <= set(session.ann.get_frames("0"))
    session.ann.add([1, 2], "0", 7)
    assert session.status["unsaved"]["iteration-0"]["total"] == session.ann.unsaved.added
