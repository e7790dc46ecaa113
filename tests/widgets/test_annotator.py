from __future__ import annotations

import inspect
import json
import time
from pathlib import Path
from types import FunctionType, SimpleNamespace

import ipywidgets
import numpy as np
import pytest

import jupytrack
from jupytrack.errors import AnnotationError, ConflictError, JupytrackError, SaveError
from jupytrack.widgets.annotator import Annotator
from jupytrack.widgets.options import OptionError


def test_options_of_the_constructor(video):
    annotator = Annotator(
        video,
        "manual",
        clahe_clip=2.0,
        clahe_grid=4,
        gamma=1.5,
        brightness=10,
        dark_mode=True,
        n_labels=4,
        titlefunc=lambda a: f"Frame {a.session.frame} of {a.name} & more",
        height_ratios=(10, 5, 2),
        fast_render=False,
    )
    enhancement = annotator.session.enhancement
    assert (enhancement.clahe_clip, enhancement.clahe_grid) == (2.0, 4)
    assert (enhancement.gamma, enhancement.brightness) == (1.5, 10)
    assert annotator.session.theme == "dark"
    assert annotator.ann.labels == ["0", "1", "2", "3"]
    assert annotator.annotations.names == ["manual"]
    assert annotator.title_line.value == "Frame 0 of clip &amp; more"
    annotator.go_to_frame(3)
    assert annotator.title_line.value.startswith("Frame 3")
    heights = [figure.layout.height for figure in annotator.traces.figures]
    assert heights == [f"{annotator.canvas.height / 2:.0f}px", "140px"]
    annotator.close()


def test_unknown_options_name_the_nearest(video):
    for given, advice in (("gama", "gamma"), ("figure_or_ax_handle", "matplotlib"), ("zzz", "clahe_clip")):
        with pytest.raises(TypeError, match=advice) as caught:
            Annotator(video, **{given: 1})
        assert isinstance(caught.value, JupytrackError)
    with pytest.raises(OptionError, match="titlefunc"):
        Annotator(video, "manual", None)


def test_the_names_of_dustrack(annotator):
    assert jupytrack.DUSTrack is jupytrack.Annotator is Annotator
    for name in ("fname", "name", "fps", "data", "ann", "annotations", "frames_of_interest"):
        getattr(annotator, name)
    assert annotator.name == "clip"
    assert annotator.fps == 30


def test_layers_are_read_where_files_exist(video):
    first = Annotator(video, ["a", "b"], n_labels=2)
    first.ann.add([1, 2], "1", 3)
    path = first.save()
    assert path == video.with_name("clip_annotations_a.json")
    first.close()
    second = Annotator(video, {"mine": path, "new": None})
    assert second.ann.data["1"][3] == [1, 2]
    assert second.annotations.names == ["mine", "new"]
    second.close()


def test_from_annotations(video):
    ann = jupytrack.VideoAnnotation(None, str(video), name="given", n_labels=2)
    ann.add([1, 2], "0", 3)
    annotator = Annotator.from_annotations([ann], dark_mode=False)
    assert annotator.ann.data["0"][3] == [1, 2]
    annotator.close()
    with pytest.raises(AnnotationError, match="no video"):
        Annotator.from_annotations(jupytrack.VideoAnnotation(None, None, name="without"))


def test_adding_renaming_and_removing_layers(annotator, video):
    annotator.add_annotation_layers(["extra", "model"], n_labels=2)
    assert annotator.annotations.names.count("model") == 1
    assert annotator.annotations["extra"].labels == ["0", "1"]
    annotator.rename_annotation_layer("extra", "better")
    assert "better" in annotator.annotations.names
    annotator.remove_annotation_layer("model")
    assert annotator.annotations.overlay is None
    annotator.remove_annotation_layer("better")
    with pytest.raises(AnnotationError, match="cannot be removed"):
        annotator.remove_current_layer()
    for impossible in ("buffer", "nothing"):
        with pytest.raises(AnnotationError):
            annotator.remove_annotation_layer(impossible)
    with pytest.raises(AnnotationError, match="taken"):
        annotator.rename_annotation_layer("iteration-0", "buffer")


def test_mouse_methods_take_events_and_positions(annotator):
    annotator.go_to_frame(SimpleNamespace(xdata=33.4))
    annotator.add_annotation(SimpleNamespace(xdata=1.5, ydata=2.5))
    assert annotator.ann.data["0"][33] == [1.5, 2.5]
    annotator.place_label_with_mouse([3, 4])
    assert annotator.ann.data["0"][33] == [3, 4]
    annotator.add_annotation(SimpleNamespace(xdata=None, ydata=None))
    annotator.go_to_frame(10)
    annotator.select_label_with_mouse([51, 71])
    assert annotator.session.label == "1"
    annotator.select_label_with_mouse("0")
    annotator.select_label_with_mouse([300, 200])
    assert annotator.session.label == "0"
    annotator.remove_annotation()
    assert 10 not in annotator.ann.data["0"]
    with pytest.raises(AnnotationError, match="no position"):
        annotator.add_annotation("here")


def test_visibility_follows_roles(annotator):
    anns = annotator.annotations
    assert anns["iteration-0"].display.alpha == 1.0
    assert anns["model"].display.alpha == 0.4
    assert not anns["buffer"].display.visible
    annotator.swap_active_and_overlay()
    assert anns["model"].display.alpha == 1.0
    annotator.annotations.overlay = None
    assert not anns["iteration-0"].display.visible


def test_copying_needs_an_overlay(annotator):
    annotator.annotations.overlay = None
    for name in (name for name in dir(annotator) if name.startswith("copy_")):
        with pytest.raises(AnnotationError, match="overlay"):
            getattr(annotator, name)()


def test_own_keys_take_the_place_of_the_tables(annotator):
    called = []
    annotator.add_key_binding("G", lambda: called.append("plain"), "My own", group="Mine")
    annotator.add_key_binding("ctrl+e", lambda event: called.append((event.frame, event.xdata, event.key)))
    bindings = {key: row["name"] for row in annotator.canvas.bindings for key in row["keys"]}
    assert bindings["g"] == "own_g"
    assert bindings["right"] == "frame_next"
    annotator.run_command("own_g")
    annotator.run_command("own_ctrl+e", frame=4, pointer={"x": 1.0, "y": 2.0})
    assert called == ["plain", (4, 1.0, "ctrl+e")]
    annotator.remove_key_binding("g")
    bindings = {key: row["name"] for row in annotator.canvas.bindings for key in row["keys"]}
    assert bindings["g"] == "frame_next"
    annotator.set_key_bindings()
    assert "own_ctrl+e" in annotator.commands


def test_saving_is_refused_for_tables_and_offers_another_way(annotator):
    annotator.ann.fname = "somewhere.h5"
    with pytest.raises(SaveError, match="Save as"):
        annotator.save()


def test_save_as_writes_a_copy(annotator, tmp_path):
    path = annotator.save_annotation_as(tmp_path / "copy")
    assert path == tmp_path / "copy.json"
    assert path.exists()
    assert annotator.ann.fname != str(path)


def test_discarding_goes_back_to_the_file_and_can_be_undone(annotator):
    annotator.save()
    annotator.ann.add([1, 1], "0", 50)
    annotator.ann.remove("0", 5)
    annotator.ann.add([9, 9], "0", 10)
    annotator.confirm_discard()
    assert "1 added, 1 removed, 1 moved points" in annotator.question.text.value
    annotator.question.buttons.children[0].click()
    assert not annotator.question.shown
    assert annotator.ann.get_frames("0") == [5, 10, 11, 12, 20]
    annotator.undo()
    assert annotator.ann.data["0"][50] == [1, 1]


def test_removing_a_layer_asks_first(annotator):
    annotator.run_command("remove_current_layer")
    annotator.question.buttons.children[1].click()
    assert "iteration-0" in annotator.annotations.names
    annotator.run_command("remove_current_layer")
    annotator.question.buttons.children[0].click()
    assert "iteration-0" not in annotator.annotations.names


def test_save_as_asks_before_replacing(annotator, tmp_path):
    path = tmp_path / "there.json"
    path.write_text("{}")
    annotator.run_command("save_annotation_as")
    annotator.question.field.value = str(path)
    annotator.question.buttons.children[0].click()
    assert path.read_text() == "{}"
    assert annotator.question.shown
    annotator.question.buttons.children[0].click()
    assert path.read_text() != "{}"


def test_a_file_that_cannot_be_written_is_a_notice(annotator, tmp_path):
    seen = []
    annotator.session.on_notice(lambda *notice: seen.append(notice))
    annotator.run_command("save_annotation_as")
    annotator.question.field.value = str(tmp_path / "missing" / "folder" / "x.json")
    annotator.question.buttons.children[0].click()
    assert seen[-1][0] == "error"
    assert seen[-1][2]


def test_rendering_writes_every_frame_with_its_points(annotator, tmp_path):
    path = annotator.render(8, 12, tmp_path / "out.mp4")
    with jupytrack.VideoReader(path) as out:
        assert len(out) == 5
        assert (out.width, out.height) == (annotator.data.width, annotator.data.height)
        # label 0 is green on gray at frame 10
        x, y = (round(v) for v in annotator.ann.data["0"][10])
        red, green, _ = out[2][y, x].astype(int)
        assert green > red + 40
    with pytest.raises(SaveError, match="there already"):
        annotator.render(8, 12, path)
    with pytest.raises(AnnotationError, match="0 to 59"):
        annotator.render(8, 99, tmp_path / "other.mp4")


def test_rendering_can_be_cancelled_and_leaves_nothing(annotator, tmp_path):
    job = annotator.render(0, 59, tmp_path / "out.mp4", wait=False)
    bar = annotator.jobs.children[-1]
    bar.button.click()
    with pytest.raises(BaseException, match="cancelled"):
        job.result(30)
    assert not (tmp_path / "out.mp4").exists()
    assert bar.text.value == "cancelled"
    bar.button.click()
    assert annotator.jobs.children == ()


def test_the_background_of_the_picture(annotator):
    annotator.set_image_background_color("rebeccapurple")
    assert "rebeccapurple" in annotator._style.value
    annotator.set_image_background_color((1, 0, 0))
    assert "#ff0000" in annotator._style.value


def test_methods_are_documented():
    for owner in Annotator.__mro__[: Annotator.__mro__.index(ipywidgets.VBox)]:
        for name, member in vars(owner).items():
            if not name.startswith("_") and isinstance(member, FunctionType | property | classmethod):
                assert inspect.getdoc(member), name


def test_refresh_and_update_change_nothing(annotator):
    before = annotator.ann.to_traces()
    annotator.refresh()
    annotator.update()
    annotator.update_frame_marker()
    annotator.update_annotation_visibility()
    annotator.update_annotation_label_states()
    annotator.add_events()
    assert all(np.array_equal(before[k], v, equal_nan=True) for k, v in annotator.ann.to_traces().items())


def test_two_annotators_side_by_side(video, clip, tmp_path):
    one, two = Annotator(video, "one"), Annotator(Path(clip), "two")
    one.go_to_frame(5)
    one.ann.add([1, 2], "0", 5)
    assert two.session.frame == 0
    assert two.ann.get_frames("0") == []
    one.close()
    two.close()


def test_edits_that_were_not_saved_come_back(video):
    first = Annotator(video, "mine", n_labels=2)
    first.ann.add([1, 2], "1", 3)
    first.toggle_frame_of_interest()
    first.close()
    second = Annotator(video, "mine")
    assert second.ann.data["1"][3] == [1, 2]
    assert second.frames_of_interest == [0]
    assert second.session.status["save_state"] == "unsaved"
    second.undo()
    second.undo()
    assert second.ann.get_frames("1") == []
    second.close()


def test_a_file_that_changed_meanwhile_is_a_question(video):
    first = Annotator(video, "mine")
    first.ann.add([1, 2], "0", 3)
    path = first.save()
    first.ann.add([5, 6], "0", 7)
    first.close()
    path.write_text(json.dumps({"0": {"40": [7.0, 8.0]}}))
    second = Annotator(video, "mine")
    assert second.read_only_banner.shown
    assert "changed by another program" in second.read_only_banner.text.value
    with pytest.raises(ConflictError):
        second.session.place("0", 1, 1, 1)
    ours, _ = second.read_only_banner.buttons.children
    ours.click()
    assert not second.read_only_banner.shown
    assert second.ann.get_frames("0") == [3, 7]
    assert any("theirs" in other.name for other in path.parent.iterdir())
    second.session.place("0", 1, 1, 1)
    second.close()


def test_a_layer_opened_again_is_read_only_in_the_first_place(video):
    # its other layer is still its own
    first = Annotator(video, ["mine", "other"])
    second = Annotator(video, "mine")
    with pytest.raises(ConflictError):
        first.session.place("0", 1, 1, 1)
    assert first.read_only_banner.shown
    # the other cell has newer edits, so it cannot be taken from there
    assert len(first.read_only_banner.buttons.children) == 0
    with pytest.raises(ConflictError, match="opened last"):
        first.take_over()
    second.session.place("0", 1, 1, 1)
    second.close()
    first.close()


def test_edits_are_confirmed_by_their_id(annotator):
    confirmed = []
    annotator.session.on_confirmed(confirmed.append)
    annotator.session.place("0", 33, 1, 2, edit_id="mine")
    deadline = time.monotonic() + 10
    while "mine" not in confirmed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "mine" in confirmed
    assert annotator.session.save_state == "unsaved"


def test_annotations_go_elsewhere_where_the_video_may_not_be_touched(video, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    from jupytrack.annotation import storage

    monkeypatch.setattr(storage, "is_writable", lambda folder: Path(folder) != video.parent)
    seen = []
    annotator = jupytrack.open(video)
    annotator.session.on_notice(lambda *notice: seen.append(notice))
    annotator.ann.add([1, 2], "0", 3)
    path = annotator.save()
    assert path.parent != video.parent
    assert str(path) in seen[-1][1]
    assert any(str(path.parent) in " ".join(message) for message in annotator.annotations.messages)
    annotator.close()


def test_a_new_layer_has_the_names_of_the_active_ones_labels(annotator, video):
    annotator.ann.add_label("snout")
    annotator.add_layer("second")
    assert annotator.ann.labels == ["0", "1", "2", "snout"]
    annotator.ann.add([1, 2], "snout", 3)
    annotator.undo()
    annotator.undo()
    assert "second" not in annotator.annotations.names
    annotator.redo()
    annotator.redo()
    # nothing was saved: the journal knows
    again = Annotator(video, ["iteration-0", "second"])
    assert again.annotations["second"].data["snout"][3] == [1, 2]
    again.close()


def test_layers_that_cannot_be_added_are_refused(annotator, tmp_path):
    before = annotator.annotations.names
    with pytest.raises(AnnotationError, match="no folder"):
        annotator.add_annotation_layers({"q": tmp_path / "nope" / "x.json"})
    with pytest.raises(AnnotationError, match="names no layers"):
        annotator.add_annotation_layers(5)
    assert annotator.annotations.names == before


def test_videos_are_written_as_mp4_into_folders_that_exist(annotator, tmp_path):
    with pytest.raises(SaveError, match=r"x\.mp4"):
        annotator.render(0, 5, tmp_path / "x.txt")
    with pytest.raises(SaveError, match="no folder") as caught:
        annotator.render(0, 5, tmp_path / "nope" / "x.mp4")
    assert "part" not in str(caught.value)
    assert not list(tmp_path.glob("x*"))


def test_a_layer_without_a_file_is_new(annotator):
    assert annotator.session.status["new"] == ["iteration-0", "model"]
    annotator.add_layer("empty")
    panel = next(panel for panel in annotator.panels if panel.title == "Layers")
    assert "<td>new</td>" in panel.table.value
    annotator.save()
    assert "empty" not in annotator.session.status["new"]
    assert "<td>new</td>" not in panel.table.value
    assert "<td>saved</td>" in panel.table.value


def save_as(annotator, text):
    """Answer what 'Save as' asks; returns what is told."""
    seen = []
    stop = annotator.session.on_notice(lambda *notice: seen.append(" ".join(notice)))
    annotator.ask_save_as()
    annotator.question.field.value = text
    annotator.question.buttons.children[0].click()
    stop()
    return seen


def test_save_as_proposes_a_new_name_in_the_folder_of_the_layer(annotator, video):
    annotator.save()
    annotator.ask_save_as()
    assert annotator.question.field.value == str(video.with_name("clip_annotations_iteration-0-copy.json"))
    assert str(video.parent) in annotator.question.text.value
    annotator.question.buttons.children[0].click()
    annotator.ask_save_as()
    assert annotator.question.field.value.endswith("-copy-2.json")
    annotator.question.buttons.children[1].click()
    assert not annotator.question.shown
    # a bare name is one beside the layer, and a dot is a part of it
    (notice,) = save_as(annotator, " take.v2 ")
    assert str(video.with_name("take.v2.json")) in notice
    assert json.loads(video.with_name("take.v2.json").read_text())["0"]["5"] == [15, 20]


@pytest.mark.parametrize("text", ["", "  ", "clip.mp4", "x.csv", "/"])
def test_save_as_refuses_what_is_no_name_for_a_layer_and_asks_again(annotator, video, text):
    before = video.read_bytes(), sorted(video.parent.glob("*.[jc]s*"))
    (notice,) = save_as(annotator, text)
    assert notice.startswith("error")
    assert ".json" in notice
    assert annotator.question.shown
    assert annotator.question.field.value == text
    assert (video.read_bytes(), sorted(video.parent.glob("*.[jc]s*"))) == before


def test_save_as_asks_before_it_replaces_the_file_that_a_name_means(annotator, video):
    there = video.with_name("mine.json")
    there.write_text("{}")
    assert save_as(annotator, "mine") == []
    assert str(there) in annotator.question.text.value
    annotator.question.buttons.children[1].click()
    assert there.read_text() == "{}"


def test_a_conflict_is_asked_about_once(annotator, video):
    annotator.save()
    annotator.ann.add([1, 1], "0", 50)
    annotator.close()
    path = video.with_name("clip_annotations_iteration-0.json")
    path.write_text('{"0": {"7": [1.0, 2.0]}}')
    again = Annotator(video, "iteration-0")
    conflict = again.annotations.conflicts["iteration-0"]
    assert again.read_only_banner.shown
    assert conflict.problem.split(".")[0] in again.read_only_banner.text.value
    assert conflict.problem not in [notice["problem"] for notice in again.canvas._kept_notices]
    # of a layer that is not looked at, it is told
    other = Annotator(video, ["model", "iteration-0"])
    assert conflict.problem in [notice["problem"] for notice in other.canvas._kept_notices]
    again.close()
    other.close()


def test_a_title_that_fails_is_told_once_and_stops_nothing(video):
    annotator = Annotator(video, titlefunc=lambda a: f"{1 / (a.session.frame - 2)}")
    seen = []
    annotator.session.on_notice(lambda *notice: seen.append(notice))
    for frame in (1, 2, 3, 2):
        annotator.go_to_frame(frame)
    assert annotator.session.frame == 2
    (notice,) = seen
    assert "ZeroDivisionError" in notice[1]
    assert annotator.title_line.layout.display == "none"
    annotator.close()
