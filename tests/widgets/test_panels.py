from __future__ import annotations

import threading

import pytest

from jupytrack.errors import AnnotationError, SaveError
from jupytrack.jobs import Job
from jupytrack.widgets.panels import unsaved_text
from jupytrack.widgets.picker import VideoPicker
from jupytrack.widgets.progress import JobProgress


@pytest.fixture
def panels(annotator):
    return {type(panel).__name__: panel for panel in annotator.panels}


def test_layers_are_chosen_shown_and_counted(annotator, panels):
    panel = panels["LayersPanel"]
    assert panel.active.value == "iteration-0"
    assert panel.overlay.value == "model"
    assert "+9" in panel.table.value
    panel.overlay.value = "(none)"
    assert annotator.annotations.overlay is None
    assert panel.overlay_visible.disabled
    panel.active.value = "model"
    assert annotator.annotations.active == "model"
    annotator.annotations.active = "iteration-0"
    assert panel.active.value == "iteration-0"


def test_a_layer_can_be_hidden(annotator, panels):
    panels["LayersPanel"].active_visible.value = False
    assert not annotator.ann.display.visible
    annotator.ann.show()
    assert panels["LayersPanel"].active_visible.value


def test_layers_are_added_and_renamed_by_name(annotator, panels):
    panel = panels["LayersPanel"]
    panel.name.value = "second"
    panel.add.click()
    assert annotator.annotations.active == "second"
    assert panel.name.value == ""
    panel.name.value = "third"
    panel.rename.click()
    assert annotator.annotations.active == "third"
    seen = []
    annotator.session.on_notice(lambda *notice: seen.append(notice))
    panel.name.value = "model"
    panel.add.click()
    panel.rename.click()
    assert [level for level, *_ in seen] == ["error", "error"]


def test_unsaved_changes_are_written_with_signs():
    assert unsaved_text({"added": 3, "removed": 0, "moved": 2, "total": 5, "labels": 0}) == "+3 ~2"
    assert unsaved_text({"added": 0, "removed": 1, "moved": 0, "total": 1, "labels": 0}) == "−1"
    assert unsaved_text({"added": 0, "removed": 0, "moved": 0, "total": 0, "labels": 1}) == "labels"
    assert unsaved_text({"added": 0, "removed": 0, "moved": 0, "total": 0, "labels": 0}) == "saved"


def test_labels_are_counted_and_selected(annotator, panels):
    panel = panels["LabelsPanel"]
    shown = [button for button in panel.buttons if button.layout.display != "none"]
    assert [button.description for button in shown] == ["0 · 5", "1 · 4", "2 · 0"]
    shown[1].click()
    assert annotator.session.label == "1"
    assert shown[1].style.font_weight == "bold"
    annotator.ann.add([1, 1], "1", 50)
    assert shown[1].description == "1 · 5"
    panel.name.value = "tail"
    panel.add.click()
    assert annotator.session.label == "tail"
    panel.mode.value = "place"
    assert annotator.session.number_keys == "place"
    annotator.cycle_number_keys_behavior()
    assert panel.mode.value == "select"


def test_the_picture_is_enhanced_live(annotator, panels):
    panel = panels["EnhancePanel"]
    panel.gamma.value = 1.7
    assert annotator.session.enhancement.gamma == 1.7
    panel.auto.click()
    assert annotator.session.enhancement == type(annotator.session.enhancement).auto(annotator.data[0])
    panel.none.click()
    assert annotator.session.enhancement.is_identity
    assert panel.gamma.value == 1.0


def test_tools_are_offered_where_they_can_do_something(annotator, panels):
    copy, interval = panels["CopyPanel"], panels["IntervalPanel"]
    assert not any(button.disabled for button in copy.buttons)
    assert all(button.disabled for button in interval.buttons)
    annotator.annotations.overlay = None
    assert all(button.disabled for button in copy.buttons)
    annotator.run_command("select_interval", frame=5)
    assert interval.text.value == "frame 5 to …"
    annotator.run_command("select_interval", frame=2)
    assert interval.text.value == "frames 2 to 5"
    assert not any(button.disabled for button in interval.buttons)


def test_the_bar_of_the_traces_and_the_session_agree(annotator):
    bar = annotator.trace_bar
    bar.time.value = True
    assert annotator.session.trace_unit == "time"
    bar.lines.value = True
    assert annotator.ann.plot_type == "line"
    annotator.ann.set_plot_type("dot")
    assert bar.lines.value is False
    bar.panzoom.value = True
    assert annotator.traces.figures[0].interaction is not None
    annotator.freeze_plot_axes()
    assert bar.frozen.value is True
    assert bar.panzoom.value is False


def _wait(job):
    done = threading.Event()
    job.when_done(lambda _: done.set())
    assert done.wait(10)


def test_a_job_is_shown_until_it_is_done():
    def work(progress):
        for i in range(3):
            progress.update(i + 1, 3, "counting")
        return 3

    job = Job(work, title="Count & see")
    bar = JobProgress(job)
    _wait(job)
    assert job.result() == 3
    assert "Count &amp; see" in bar.title.value
    assert (bar.bar.value, bar.bar.bar_style, bar.text.value) == (1.0, "success", "done")
    assert bar.button.description == "Close"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (SaveError("The disk is full.", "Make room."), "The disk is full.<br><i>Make room.</i>"),
        (KeyError("x"), "KeyError: &#x27;x&#x27;"),
    ],
)
def test_a_job_that_fails_says_why_and_what_to_do(error, text):
    def work(progress):
        raise error

    job = Job(work)
    bar = JobProgress(job)
    _wait(job)
    assert bar.bar.bar_style == "danger"
    assert bar.text.value == text


def test_errors_of_panels_leave_them_usable(annotator, panels):
    seen = []
    annotator.session.on_notice(lambda *notice: seen.append(notice))

    def fail(_):
        raise AnnotationError("No.", "Yes.")

    panels["LayersPanel"].asked(fail)({"new": 1})
    assert seen == [("error", "No.", "Yes.")]


def test_a_picker_stays_usable_after_an_error_nobody_expected(video):
    def start(path):
        raise RuntimeError("a <bad> day")

    picker = VideoPicker(start)
    with pytest.raises(RuntimeError):
        picker.choose(video)
    assert "clip.mp4 could not be opened" in picker.message.value
    assert "&lt;bad&gt;" in picker.message.value
    assert picker.chooser in picker.children
