"""The whole annotator in a real notebook: panels, traces and code stay in step with the picture."""

from __future__ import annotations

import re

import pytest

OPEN = """
import shutil, tempfile
from pathlib import Path
import numpy as np
import jupytrack
sample = jupytrack.samples.ultrasound(120, size=(320, 240))
video = Path(tempfile.mkdtemp()) / "clip.mp4"
shutil.copy(sample, video)
annotator = jupytrack.open(video, n_labels=2)
frames = np.arange(0, 120, 5)
annotator.ann.set_points("0", frames, sample.truth[0][frames])
"""


@pytest.fixture
def opened(lab):
    lab.open(OPEN, "annotator")
    lab.page.evaluate("() => document.querySelector('.jupytrack-annotator').scrollIntoView()")
    return lab


def shown_frame(lab) -> int:
    return lab.page.evaluate("() => document.querySelector('.jupytrack-canvas').jupytrack.shownFrame()")


def wait_for_frame(lab, frame: int) -> None:
    lab.page.wait_for_function(
        "frame => document.querySelector('.jupytrack-canvas').jupytrack.shownFrame() === frame", arg=frame
    )


def figure_box(lab) -> dict[str, float]:
    figure = lab.page.locator(".jupytrack-traces .bqplot").first
    figure.scroll_into_view_if_needed()
    return figure.bounding_box()


def trace_x(box: dict[str, float], position: float, first: float, last: float) -> float:
    left, right = box["x"] + 60, box["x"] + box["width"] - 16
    # the traces show a hundredth more than the video at each end
    margin = 0.01 * (last - first)
    return left + (right - left) * (position - first + margin) / (last - first + 2 * margin)


def test_a_click_in_the_traces_goes_to_that_frame(opened):
    box = figure_box(opened)
    for frame in (0, 37, 90, 119):
        opened.page.mouse.click(trace_x(box, frame, 0, 119), box["y"] + 40)
        wait_for_frame(opened, frame)
    opened.wait_for_value("annotator.session.frame", 119)
    opened.page.get_by_title("Plot against time").click()
    opened.wait_for_value("annotator.traces.view[1] < 10", True)
    opened.page.wait_for_timeout(300)
    last = opened.value("annotator.data.get_frame_timestamp(119)")
    time = opened.value("annotator.data.get_frame_timestamp(50)")
    opened.page.mouse.click(trace_x(box, time, 0, last), box["y"] + 40)
    wait_for_frame(opened, 50)


def test_dragging_in_the_traces_scrubs(opened):
    box = figure_box(opened)
    opened.page.mouse.move(trace_x(box, 10, 0, 119), box["y"] + 40)
    opened.page.mouse.down()
    for frame in range(20, 101, 20):
        opened.page.mouse.move(trace_x(box, frame, 0, 119), box["y"] + 40)
    opened.page.mouse.up()
    wait_for_frame(opened, 100)


def test_the_frame_marker_follows_the_frame(opened):
    opened.python("annotator.go_to_frame(60)")
    wait_for_frame(opened, 60)
    box = figure_box(opened)
    path = opened.page.evaluate(
        """() => {
          const lines = [...document.querySelectorAll('.jupytrack-traces .bqplot path')];
          const marker = lines.find(line => getComputedStyle(line).stroke === 'rgb(243, 119, 38)');
          const {left, width} = marker.getBoundingClientRect();
          return left + width / 2;
        }"""
    )
    assert abs(path - trace_x(box, 60, 0, 119)) < 2


def test_drawing_the_traces_raises_no_complaint_of_the_browser(opened):
    complaints: list[str] = []
    opened.page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened.python("annotator.toggle_frame_of_interest(); annotator.select_interval(3, 9)")
    opened.python("annotator.ann.set_plot_type('line'); annotator.traces.zoom(8)")
    opened.python("annotator.add_annotation_layers('second', 2); annotator.annotations.active = 'second'")
    opened.python("annotator.annotations.overlay = 'iteration-0'; annotator.session.place('1', 3, 5, 5)")
    opened.page.locator(".jupytrack-panel .jupyter-button").filter(has_text="1 · 1").wait_for()
    opened.page.get_by_title("Plot against time").click()
    opened.wait_for_value("annotator.traces.view[1] < 10", True)
    opened.page.wait_for_timeout(500)
    assert not complaints


def test_code_and_screen_stay_in_step(opened):
    labels = opened.page.locator(".jupytrack-panel", has_text="Digit keys").locator(".jupyter-button")
    labels.filter(has_text="0 · 24").wait_for()
    opened.python("annotator.ann.add([10, 20], '0', 3)")
    labels.filter(has_text="0 · 25").wait_for()
    labels.filter(has_text="1 · 0").click()
    opened.wait_for_value("annotator.session.label", "1")
    opened.python("annotator.session.select_label('0')")
    opened.page.locator(".jupytrack-status-label", has_text="label 0").wait_for()


def test_keys_work_after_a_click_on_a_button_and_not_in_a_text_field(opened):
    opened.page.get_by_title("Show every label").click()
    opened.wait_for_value("annotator.session.all_traces", True)
    opened.page.keyboard.press("n")
    wait_for_frame(opened, 5)
    opened.page.get_by_placeholder("layer name").click()
    opened.page.keyboard.type("second")
    assert shown_frame(opened) == 5
    opened.page.get_by_role("button", name="Add").first.click()
    opened.wait_for_value("annotator.annotations.active", "second")


def test_discard_says_what_would_be_lost_and_undo_brings_it_back(opened):
    page = opened.page
    page.locator(".jupytrack-command-discard_unsaved_annotations").click()
    banner = page.locator(".jupytrack-banner", has_text="Discard?")
    assert "24 added points" in banner.inner_text()
    banner.get_by_role("button", name="Discard").click()
    opened.wait_for_value("annotator.ann.get_frames('0')", [])
    page.locator(".jupytrack-command-undo").click()
    opened.wait_for_value("len(annotator.ann.get_frames('0'))", 24)


def test_enhancement_changes_the_picture(opened):
    brightness = """() => {
      const canvas = document.querySelector('.jupytrack-picture');
      const context = canvas.getContext('2d');
      const {data} = context.getImageData(canvas.width / 2 - 20, canvas.height / 2 - 20, 40, 40);
      return data.reduce((sum, value) => sum + value, 0) / data.length;
    }"""
    before = opened.page.evaluate(brightness)
    opened.python("annotator.session.enhancement = jupytrack.Enhancement(brightness=60)")
    opened.page.wait_for_function(f"before => ({brightness})() > before + 20", arg=before)


@pytest.mark.parametrize("dark", [True, False])
def test_colours_can_be_asked_for(lab, dark):
    lab.open(OPEN.replace("n_labels=2", f"n_labels=2, dark_mode={dark}"), "annotator")
    color = lab.page.evaluate(
        "() => getComputedStyle(document.querySelector('.jupytrack-heading .widget-html-content')).color"
    )
    red, *_ = (int(part) for part in re.findall(r"\d+", color)[:3])
    assert (red > 150) is dark


def test_in_notebook_7(notebook7):
    notebook7.open(OPEN, "annotator")
    notebook7.page.locator(".jupytrack-traces .bqplot").first.wait_for()
    notebook7.page.locator(".jupytrack-picture").click()
    notebook7.page.keyboard.press("n")
    wait_for_frame(notebook7, 5)


def test_opened_again_in_another_cell_it_goes_on_there(lab):
    again = "again = jupytrack.open(video)"
    lab.write(OPEN, "import ipywidgets\nipywidgets.VBox([annotator])", again, "again")
    lab.goto()
    lab.page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    banner = lab.page.locator(".jupytrack-banner", has_text="opened again")
    banner.wait_for()
    lab.wait_for_canvas()
    # the picture of the first is gone, with its memory
    lab.page.wait_for_function("() => document.querySelectorAll('.jupytrack-canvas').length === 1")
    assert lab.value("len(again.ann.get_frames('0'))") == 24
    assert "closed" in lab.python("annotator.data[30]")
    lab.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    lab.page.on("dialog", lambda dialog: dialog.accept())
    lab.page.reload()
    lab.wait_for_canvas()
    banner.wait_for()
    lab.page.locator(".jupytrack-canvas").scroll_into_view_if_needed()
    lab.page.locator(".jupytrack-canvas").focus()
    lab.page.keyboard.press("ArrowRight")
    wait_for_frame(lab, 1)
    lab.python("again.close()")
    lab.page.wait_for_function("() => document.querySelectorAll('.jupytrack-canvas').length === 0")


def test_running_a_cell_again_takes_the_place_of_its_annotator(lab):
    lab.open(OPEN, "annotator = jupytrack.open(video)\nannotator")
    count = "len(__import__('ipywidgets').widgets.widget._instances)"
    before = lab.value(count)
    for _ in range(2):
        lab.page.evaluate(
            """() => {
              document.querySelector('.jupytrack-canvas').classList.add('before');
              const notebook = window.jupyterapp.shell.currentWidget.content;
              notebook.activeCellIndex = 1;
              void window.jupyterapp.commands.execute('notebook:run-cell');
            }"""
        )
        lab.page.locator(".jupytrack-canvas:not(.before)").wait_for()
        lab.wait_for_canvas()
    assert lab.page.locator(".jupytrack-canvas").count() == 1
    assert lab.value(count) < before + 40
