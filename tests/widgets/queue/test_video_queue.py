"""A queue of the videos of a project: what stays, what comes and goes, and what is let go of."""

from __future__ import annotations

import gc
import json
import shutil
import threading
import time
import weakref
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from ipywidgets.widgets import widget as registry
from projects import LENGTHS, make_trained_project, predict, train, videos_of
from trainings import told, wait_for

import jupytrack
from jupytrack.errors import AnnotationError, VideoError, VideoNotFoundError
from jupytrack.widgets.options import OptionError

LATEST = "dlc_iteration-1_best-20"


# going from one to the other


def test_every_video_keeps_its_state(queue):
    first = queue.active
    queue.session.go_to(7)
    queue.session.select_label("1")
    queue.annotations.active = "iteration-0"
    queue.annotations.overlay = None
    queue.ann.add([5, 6], "1", 7)
    first.select_interval(2, 9)
    first.traces.zoom(2)
    first.freeze_plot_axes()
    frozen = first.traces.view
    queue.session.playing = True
    assert queue.swap_next() is True
    second = queue.active
    assert second is not first
    assert queue.active_index == 1
    assert queue.session.n_frames == LENGTHS[1]
    assert queue.annotations.active == "iteration-2"
    assert not first.session.playing
    assert (first.layout.display, second.layout.display) == ("none", None)
    assert (first.canvas.hidden, second.canvas.hidden) == (True, False)
    assert queue.unsaved == [True, False, False]
    assert queue.bar.choice.options[0][0].startswith("●")
    queue.session.go_to(11)
    assert queue.swap_to(0) is True
    assert queue.active is first
    assert (first.canvas.hidden, second.canvas.hidden) == (False, True)
    assert queue.session.frame == 7
    assert queue.session.label == "1"
    assert queue.session.interval == (2, 9)
    assert (queue.annotations.active, queue.annotations.overlay) == ("iteration-0", None)
    assert queue.ann.data["1"][7] == [5, 6]
    assert queue.traces.frozen
    assert queue.traces.view == frozen
    assert queue.annotators[1].session.frame == 11
    queue.save()
    assert queue.unsaved == [False, False, False]
    assert not queue.bar.choice.options[0][0].startswith("●")


def test_where_there_is_no_video(queue):
    assert [queue.swap_prev(), queue.swap_to(-1), queue.swap_to(3), queue.swap_to(0)] == [False] * 4
    assert queue.swap_to(2)
    assert not queue.swap_next()
    assert queue.bar.next.disabled
    assert not queue.bar.previous.disabled


def test_a_queue_stands_for_the_video_that_is_shown(queue):
    assert queue.session is queue.active.session
    assert queue.ann is queue.active.ann
    assert {"ann", "session", "save", "swap_next", "videos"} <= set(dir(queue))
    assert queue.active.queue is queue
    assert queue.active.swap_next()
    assert queue.active_index == 1
    assert queue.name == "clip1"
    assert not hasattr(queue, "_repr_html_")
    assert not hasattr(queue, "nothing_like_it")
    with pytest.raises(AttributeError, match="nothing_like_it"):
        queue.nothing_like_it
    assert queue._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]["model_id"] == queue.model_id


def test_the_keys_are_commands_of_every_annotator(queue):
    table = {each["name"]: each for each in queue.canvas.bindings}
    assert table["swap_next"]["keys"] == ["alt+right"]
    assert table["swap_next"]["offered"]
    queue.active.run_command("swap_next")
    assert queue.active_index == 1
    queue.active.run_command("swap_prev")
    assert queue.active_index == 0


def test_buttons_and_the_list(queue):
    assert "clip0.mp4" in queue.bar.title.value
    assert "1 of 3" in queue.bar.title.value
    queue.bar.next.click()
    assert queue.active_index == 1
    queue.bar.choice.value = 2
    assert queue.active_index == 2
    queue.bar.previous.click()
    assert queue.bar.choice.value == 1


def test_a_video_that_cannot_be_opened_leaves_the_one_before(queue, project):
    videos_of(project)[1].write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"clip1\.mp4"):
        queue.swap_next()
    assert queue.active_index == 0
    assert not queue.canvas.hidden
    queue.bar.choice.value = 1
    assert queue.active_index == queue.bar.choice.value == 0
    assert any("clip1.mp4" in problem for problem in told(queue.active))
    assert queue.swap_to(2)


def test_a_damaged_video_keeps_nobody_from_the_others(project):
    videos_of(project)[0].write_bytes(b"no video")
    queue = jupytrack.open(project)
    assert queue.active_index == 1
    assert queue.videos == videos_of(project)
    assert any("clip0.mp4" in problem for problem in told(queue.active))
    queue.close()
    for video in videos_of(project):
        video.write_bytes(b"no video")
    for given in (project, videos_of(project)[1]):
        with pytest.raises(VideoError, match=r"clip[01]\.mp4"):
            jupytrack.open(given)
    assert not list(project.rglob("*.lock"))


def test_what_is_hidden_gives_its_memory_back_and_sends_nothing(queue):
    first = queue.active
    sent = []
    first.canvas.send = lambda content, buffers=None: sent.append(content)
    first.canvas._on_message(first.canvas, {"type": "hello", "view": "v"}, [])
    still = {"type": "still", "view": "v", "id": 1, "frames": [0, 1], "fresh": [0, 1], "quality": 80}
    overlay = {"type": "overlay", "view": "v", "id": 1, "frames": [0], "scale": 1.0}
    for message in (still, overlay):
        first.canvas._on_message(first.canvas, message, [])
    wait_for(lambda: {"still", "overlay"} <= {each["type"] for each in sent})
    wait_for(lambda: sum(each["type"] == "still" for each in sent) == 2)
    assert first.data.is_cached(0)
    queue.swap_next()
    assert not first.data.is_cached(0)
    assert not first.data._runs
    sent.clear()
    for message in ({**still, "id": 2, "frames": [5], "fresh": [5]}, {**overlay, "id": 2}):
        first.canvas._on_message(first.canvas, message, [])
    time.sleep(0.3)
    assert not [each for each in sent if each["type"] in ("still", "overlay")]
    queue.swap_prev()
    first.canvas._on_message(first.canvas, {**still, "id": 3}, [])
    wait_for(lambda: any(each["type"] == "still" for each in sent))


def test_a_review_and_a_plot_take_a_queue(queue):
    queue.annotations.active = LATEST
    report = jupytrack.qa.run(queue.ann, ["jumps", "gaps"])
    review = jupytrack.review(queue, report)
    assert review.annotator is queue.active
    plot = jupytrack.qa.plot(report, queue)
    first = queue.active
    queue.swap_next()
    plot._go(4, None)
    assert queue.active is first
    assert queue.session.frame == 4
    with pytest.raises(AnnotationError, match="no annotator"):
        jupytrack.review(object(), report)
    review.close()
    for part in (plot, *plot.children):
        part.close()


# adding and removing


def test_adding_removing_and_replacing(queue, project, tmp_path):
    every = videos_of(project)
    assert queue.add_video(every[1]) == [1]
    assert queue.remove_video(1) is True
    assert queue.videos == [every[0], every[2]]
    assert queue.add_video([every[1], every[0]], layer_name="mine", set_active=True) == [2, 0]
    assert queue.active_index == 2
    assert queue.annotations.active == "mine"
    assert queue.replace_active_with(every[0]) == [0]
    assert queue.videos == [every[0], every[2]]
    assert queue.active_index == 0
    assert queue.replace_active_with([every[1], every[2]]) == [0, 1]
    assert queue.videos == [every[1], every[2]]
    assert queue.session.n_frames == LENGTHS[1]
    assert queue.bar.choice.value == 0
    bare = tmp_path / "bare.mp4"
    shutil.copy(every[0], bare)
    other = make_trained_project(tmp_path / "other", lengths=(40,), iterations=0)
    for given, kind in ((bare, VideoError), ([], VideoError), (bare.with_name("no"), VideoNotFoundError)):
        with pytest.raises(kind):
            queue.add_video(given)
    with pytest.raises(VideoError, match="belongs to the project"):
        queue.add_video(videos_of(other)[0])
    with pytest.raises(OptionError):
        queue.add_video(every[0], darkmode=True)
    assert queue.videos == [every[1], every[2]]


def test_removing_loses_no_edit_and_the_last_one_stays(queue, project):
    queue.ann.add([3, 4], "0", 2)
    first = queue.active
    assert queue.remove_video(0)
    assert first.ended
    assert queue.active_index == 0
    assert queue.session.n_frames == LENGTHS[1]
    assert not queue.remove_video(5)
    assert queue.remove_video(1)
    assert not queue.remove_video(0)
    assert queue.bar.remove.disabled
    assert queue.add_video(videos_of(project)[0], set_active=True) == [1]
    assert queue.ann.data["0"][2] == [3, 4]


def test_the_bar_offers_the_rest_of_the_project(project):
    queue = jupytrack.open(videos_of(project)[1])
    assert queue.bar.remove.disabled
    queue.bar.add.click()
    assert [name for name, _ in queue.bar.others.options] == ["clip0.mp4", "clip2.mp4"]
    assert queue.bar.others.value == videos_of(project)[0]
    queue.bar.others.value = videos_of(project)[2]
    queue.bar.take.click()
    assert queue.videos == [videos_of(project)[1], videos_of(project)[2]]
    assert queue.active_index == 1
    queue.bar.remove.click()
    assert queue.videos == [videos_of(project)[1]]
    queue.close()


# the end


def test_nothing_is_left_of_a_closed_queue(project):
    jupytrack.open(project).close()
    gc.collect()
    widgets, running = set(registry._instances), set(threading.enumerate())
    queue = jupytrack.open(project)
    queue.swap_next()
    queue.bar.add.click()
    queue.remove_video(2)
    left = [weakref.ref(part) for part in (*queue.annotators, queue.session, queue.data, queue.bar, queue)]
    queue.close()
    queue.close()
    assert set(registry._instances) == widgets
    wait_for(lambda: not set(threading.enumerate()) - running)
    assert not list(project.rglob("*.lock"))
    del queue
    gc.collect()
    assert [one() for one in left] == [None] * len(left)


def test_opening_a_project_again_frees_the_earlier_queue(project):
    first = jupytrack.open(project)
    first.ann.add([3, 4], "0", 2)
    first.swap_next()
    first.ann.add([5, 6], "1", 3)
    hidden, shown = first.annotators[0], first.annotators[1]
    second = jupytrack.open(project)
    assert hidden.ended
    assert shown.ended
    assert "opened again" in first.children[0].text.value
    assert second.ann.data["0"][2] == [3, 4]
    second.swap_next()
    assert second.ann.data["1"][3] == [5, 6]
    second.session.place("1", 4, 1, 1)
    second.close()
    first.close()


def test_a_queue_that_would_lose_something_stays(project):
    first = jupytrack.open(project)
    first.swap_next()
    first.annotations.buffer.set_points("0", [1], np.ones((1, 2)))
    second = jupytrack.open(project)
    assert not first.active.ended
    assert first.annotations.buffer.data["0"][1] == [1, 1]
    second.close()
    first.close()


def test_the_other_videos_are_indexed_in_the_background(project):
    jupytrack_index = [path.with_name(f"{path.name}.jupytrack-index.npz") for path in videos_of(project)]
    for path in jupytrack_index:
        path.unlink(missing_ok=True)
    queue = jupytrack.open(project)
    assert [path.exists() for path in jupytrack_index] == [True, False, False]
    wait_for(lambda: all(path.exists() for path in jupytrack_index))
    queue._warming.result(10)
    queue.close()


# going on elsewhere


def test_an_annotator_goes_on_in_a_queue(video, project):
    annotator = jupytrack.open(video, "mine")
    box = ipywidgets.VBox([annotator])
    annotator.ann.add([1, 1], "0", 1)
    model_id, session = annotator.model_id, annotator.session
    queue = jupytrack.open(videos_of(project)[0])
    annotator.continue_in(queue)
    stand_in = registry._instances[model_id]
    assert stand_in.children == (queue,)
    assert box.get_state()["children"] == [f"IPY_MODEL_{model_id}"]
    assert annotator._repr_mimebundle_() == stand_in._repr_mimebundle_()
    # whatever a script does with its variable means the queue now
    assert annotator.session is queue.session is not session
    assert annotator.ann is queue.ann
    assert annotator.queue is queue
    annotator.ann.add([7, 8], "0", 4)
    annotator.save()
    assert json.loads(Path(queue.ann.fname).read_text())["0"]["4"] == [7, 8]
    annotator.go_to_frame(9)
    assert queue.session.frame == 9
    annotator.freeze_plot_axes()
    assert queue.traces.frozen
    annotator.run_command("frame_first")
    assert queue.session.frame == 0
    assert annotator.add_video(videos_of(project)[1]) == [1]
    assert annotator.swap_next()
    assert annotator.session.n_frames == LENGTHS[1]
    assert annotator.panels == queue.active.panels
    assert jupytrack.review(annotator, np.zeros(LENGTHS[1], bool)).annotator is queue.active
    with pytest.raises(AttributeError):
        annotator.nothing_like_it
    with pytest.raises(AnnotationError, match="elsewhere already"):
        annotator.continue_in(queue)
    # the video before is free, and its edits are safe
    other = jupytrack.open(video, "mine")
    assert other.ann.data["0"][1] == [1, 1]
    other.close()
    annotator.close()
    assert queue.comm is None
    assert stand_in.comm is None
    box.close()


def test_new_predictions_are_found_at_the_next_opening(project):
    train(project, 2, "pytorch", (), best=20)
    predict(project, 2, "clip0", "snapshot_best-20", frames=LENGTHS[0])
    queue = jupytrack.open(videos_of(project)[0])
    assert queue.annotations.active == "iteration-3"
    assert queue.annotations.overlay == "dlc_iteration-2_best-20"
    queue.close()
