"""Optical flow by keys, mouse and buttons in a real notebook, on a video whose motion is known."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

OPEN = """
import shutil, tempfile
from pathlib import Path
import numpy as np
import jupytrack
sample = jupytrack.samples.ultrasound()
video = Path(tempfile.mkdtemp()) / "clip.mp4"
shutil.copy(sample, video)
annotator = jupytrack.Annotator(video, ["filled", "clicks"], n_labels=2)
clicks = annotator.annotations["clicks"]
for label in "01":
    clicks.set_points(label, [20, 80, 140], sample.truth[int(label)][[20, 80, 140]])
annotator.annotations.overlay = "clicks"
annotator.session.frame = 20

def off(label, layer="filled"):
    ann = annotator.annotations[layer]
    frames = ann.get_frames(label)
    return float(np.linalg.norm(ann.to_trace(label)[frames] - sample.truth[int(label)][frames], axis=1).max())
"""
FRAMES = "annotator.annotations['filled'].get_frames({label!r})"
LEFT, RIGHT = 60, 16


@pytest.fixture
def opened(lab):
    lab.open(OPEN, "annotator")
    lab.page.locator(".bqplot").last.wait_for()
    lab.page.evaluate("() => document.querySelector('.jupytrack-annotator').scrollIntoView()")
    lab.page.locator(".jupytrack-canvas").focus()
    return lab


def wait_for_frame(lab, frame):
    lab.page.wait_for_function(
        "frame => document.querySelector('.jupytrack-canvas').jupytrack.shownFrame() === frame", arg=frame
    )


def go_to(lab, frame):
    lab.python(f"annotator.go_to_frame({frame})")
    wait_for_frame(lab, frame)


def figure_box(lab):
    figure = lab.page.locator(".jupytrack-traces .bqplot").first
    figure.scroll_into_view_if_needed()
    return figure.bounding_box()


def trace_at(box, frame, last=299):
    # the traces show a hundredth more than the video at each end
    x = box["x"] + LEFT + (box["width"] - LEFT - RIGHT) * (frame / last + 0.01) / 1.02
    return x, box["y"] + 40


def picture(lab, name):
    """Keep a picture to look at, if a folder is given for it."""
    folder = os.environ.get("JUPYTRACK_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        lab.page.locator(".jupytrack-annotator").first.screenshot(path=Path(folder) / f"flow-{name}.png")


def test_an_interval_is_marked_filled_and_emptied_by_keys(opened):
    page = opened.page
    wait_for_frame(opened, 20)
    page.keyboard.press("z")
    opened.wait_for_value("annotator.session.pending_interval", 20)
    page.locator(".jupytrack-status-interval", has_text="interval 20–…").wait_for()
    go_to(opened, 80)
    page.keyboard.press("z")
    opened.wait_for_value("annotator.session.interval", [20, 80])
    page.locator(".jupytrack-status-interval", has_text="interval 20–80").wait_for()
    page.keyboard.press("a")
    opened.wait_for_value(FRAMES.format(label="0"), list(range(20, 81)), 30)
    assert opened.value("off('0')") < 2
    assert opened.value(FRAMES.format(label="1")) == []
    go_to(opened, 50)
    page.wait_for_function(
        "() => document.querySelector('.jupytrack-canvas').jupytrack.points()"
        ".some(point => point.label === '0')"
    )
    page.locator(".jupytrack-doubtbar").wait_for()
    picture(opened, "interpolated")
    # one step back takes all of it away, and nothing else
    page.keyboard.press("Control+z")
    opened.wait_for_value(FRAMES.format(label="0"), [])
    assert opened.value("annotator.session.interval") == [20, 80]
    page.keyboard.press("Control+a")
    opened.wait_for_value(FRAMES.format(label="1"), list(range(20, 81)), 30)
    assert opened.value(FRAMES.format(label="0")) == list(range(20, 81))
    assert opened.value("max(off('0'), off('1'))") < 2
    page.keyboard.press("Control+Alt+a")
    opened.wait_for_value("annotator.annotations['filled'].frames", [])


def test_an_interval_is_drawn_in_the_traces_and_z_sets_an_end_there(opened):
    page = opened.page
    box = figure_box(opened)
    page.keyboard.down("Shift")
    page.mouse.move(*trace_at(box, 80))
    page.mouse.down()
    page.mouse.move(*trace_at(box, 50))
    page.mouse.move(*trace_at(box, 20))
    picture(opened, "drawing")
    page.mouse.up()
    page.keyboard.up("Shift")
    opened.wait_for_value("annotator.session.interval", [20, 80])
    assert opened.value("annotator.session.frame") == 20
    # a click still goes to its frame
    page.mouse.click(*trace_at(box, 150))
    wait_for_frame(opened, 150)
    assert opened.value("annotator.session.interval") == [20, 80]
    # z sets an end where the pointer is in the traces, whatever frame is shown
    page.mouse.move(*trace_at(box, 80))
    page.keyboard.press("z")
    opened.wait_for_value("annotator.session.pending_interval", 80)
    page.mouse.move(*trace_at(box, 140))
    page.keyboard.press("z")
    opened.wait_for_value("annotator.session.interval", [80, 140])
    wait_for_frame(opened, 150)
    page.keyboard.press("a")
    opened.wait_for_value(FRAMES.format(label="0"), list(range(80, 141)), 30)


def test_what_is_missing_is_said_and_nothing_changes(opened):
    page = opened.page
    page.keyboard.press("a")
    page.locator(".jupytrack-notice", has_text="No interval is selected").wait_for()
    opened.python("annotator.select_interval(20, 90)")
    page.keyboard.press("a")
    page.locator(".jupytrack-notice", has_text="no point of label '0' on frame 90").wait_for()
    assert opened.value("annotator.annotations['filled'].frames") == []


def test_a_long_run_is_cancelled_by_its_button(opened):
    page = opened.page
    opened.python(
        "model = jupytrack.VideoAnnotation(vname=str(video), name='model', n_labels=5)\n"
        "every = np.arange(300)\n"
        "random = np.random.default_rng(0)\n"
        "for n, label in enumerate(model.labels):\n"
        "    model.set_points(label, every, sample.truth[n] + random.normal(0, 1, (300, 2)))\n"
        "annotator.add_annotation_layers([model])\n"
        "annotator.annotations.active = 'model'\n"
        "annotator.tracking_panel.window.value = 3\n"
        "annotator.tracking_panel.exact.value = True\n"
    )
    page.locator(".jupytrack-command-process_with_lk").click()
    cancel = page.locator(".jupytrack-progress button", has_text="Cancel")
    cancel.wait_for()
    picture(opened, "running")
    # the kernel is free meanwhile
    go_to(opened, 77)
    cancel.click()
    page.locator(".jupytrack-notice", has_text="Cancelled").wait_for()
    page.locator(".jupytrack-progress").wait_for(state="detached")
    assert opened.value("annotator.annotations.names") == ["filled", "clicks", "model"]
    assert opened.value("[p.name for p in video.parent.glob('*lkmovavg*')]") == []
    opened.python("annotator.tracking_panel.window.value = 0.5\nannotator.tracking_panel.exact.value = False")
    page.locator(".jupytrack-command-process_with_lk").click()
    opened.wait_for_value("annotator.annotations.overlay", "model", 60)
    assert opened.value("'lkmovavg' in annotator.annotations.active")
    page.locator(".jupytrack-doubtbar").wait_for()
    page.wait_for_timeout(300)
    picture(opened, "smoothed")


def test_blips_are_listed_and_clicked(opened):
    page = opened.page
    opened.python(
        "model = jupytrack.VideoAnnotation(vname=str(video), name='model', n_labels=2)\n"
        "every = np.arange(300)\n"
        "random = np.random.default_rng(0)\n"
        "for n, label in enumerate(model.labels):\n"
        "    xy = sample.truth[n] + random.normal(0, 0.5, (300, 2))\n"
        "    xy[[60 + 50 * n, 61 + 50 * n, 200 + n]] += [30, -20]\n"
        "    model.set_points(label, every, xy)\n"
        "annotator.add_annotation_layers([model])\n"
        "annotator.annotations.active = 'model'\n"
    )
    page.locator(".jupytrack-command-find_blips").click()
    rows = page.locator(".jupytrack-blips option")
    rows.nth(3).wait_for(state="attached")
    assert rows.count() == 4
    for place in (1, 0, 0):
        blip = opened.value(
            f"[int(v) for v in annotator.blips_panel.blips.iloc[{place}][['label', 'peak_frame']]]"
        )
        page.locator(".jupytrack-blips select").select_option(index=place)
        wait_for_frame(opened, blip[1])
        opened.wait_for_value("annotator.session.label", str(blip[0]))
        picture(opened, "blips")
        go_to(opened, 5)
    page.locator(".jupytrack-command-repair_blips").click()
    opened.wait_for_value("annotator.annotations.overlay", "model_blips", 30)
    assert opened.value("max(off(label, 'model_blips') for label in '01')") < 4
    page.locator(".jupytrack-canvas").focus()
    page.keyboard.press("Control+z")
    opened.wait_for_value("annotator.annotations.names", ["filled", "clicks", "model"])
