"""A review in a real notebook: from flag to flag by key and mouse; what was decided outlives the kernel."""

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
folder = Path("{folder}")
video = folder / "clip.mp4"
if not video.exists():
    folder.mkdir()
    shutil.copy(sample, video)
annotator = jupytrack.Annotator(video, ["model"], n_labels=2)
if not annotator.ann.frames:
    every = np.arange(300)
    for n, label in enumerate("01"):
        xy = sample.truth[n].copy()
        xy[[30 + 10 * n, 60 + 50 * n, 200 + 30 * n]] += [60, -30]
        annotator.ann.set_points(label, every, xy)
report = jupytrack.qa.run(annotator.ann, ["jumps", "gaps"])
"""
REVIEW = "review = jupytrack.review(annotator, report)"
LEFT, RIGHT = 60, 16


@pytest.fixture
def opened(lab, tmp_path):
    lab.open(OPEN.replace("{folder}", str(tmp_path / "data")), REVIEW, "annotator")
    lab.page.locator(".jupytrack-heat.bqplot").wait_for()
    lab.page.evaluate("() => document.querySelector('.jupytrack-annotator').scrollIntoView()")
    lab.page.locator(".jupytrack-canvas").focus()
    return lab


def wait_for_frame(lab, frame):
    lab.page.wait_for_function(
        "frame => document.querySelector('.jupytrack-canvas').jupytrack.shownFrame() === frame", arg=frame
    )


def picture(lab, name):
    """Keep a picture to look at, if a folder is given for it."""
    folder = os.environ.get("JUPYTRACK_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        lab.page.wait_for_timeout(400)
        lab.page.locator(".jupytrack-annotator").first.screenshot(path=Path(folder) / f"review-{name}.png")


def test_flags_are_reviewed_by_key_and_mouse_and_verdicts_outlive_the_kernel(opened):
    page = opened.page
    count = page.locator(".jupytrack-review-count")
    frames = opened.value("[int(frame) for frame in review.queue['frame']]")
    total = len(frames)
    assert sorted(frames) == [30, 40, 60, 110, 200, 230]
    picture(opened, "start")
    page.keyboard.press("o")
    wait_for_frame(opened, frames[0])
    page.keyboard.press("e")
    wait_for_frame(opened, frames[1])
    page.locator(".jupytrack-review-count", has_text=f"1 of {total}").wait_for()

    # the key asks for a reason; return gives it, and the keys back to the picture
    page.keyboard.press("h")
    box = page.get_by_placeholder("why it is wrong")
    page.wait_for_function("() => document.activeElement.closest('.jupytrack-field') !== null")
    page.keyboard.type("he hopped")
    page.keyboard.press("Enter")
    wait_for_frame(opened, frames[2])
    opened.wait_for_value("review.verdicts['reason'].tolist()", ["", "he hopped"])
    page.wait_for_function("() => document.activeElement.closest('.jupytrack-canvas') !== null")
    picture(opened, "middle")
    # the same reason counts on
    page.keyboard.press("h")
    wait_for_frame(opened, frames[3])
    assert box.input_value() == "he hopped"
    page.keyboard.press("i")
    wait_for_frame(opened, frames[2])

    # a click a few pixels beside a flag in the strip goes to the flag, and selects it
    strip = page.locator(".jupytrack-heat.bqplot").bounding_box()
    target, label = frames[4], opened.value("review.queue['track'][4]")
    x = strip["x"] + LEFT + (strip["width"] - LEFT - RIGHT) * target / 299
    page.mouse.click(x - 3, strip["y"] + strip["height"] / 2)
    wait_for_frame(opened, target)
    opened.wait_for_value("int(review.queue['frame'][review.current])", target)
    opened.wait_for_value("annotator.session.label", label)
    # in the list, too
    page.locator(".jupytrack-flags select").select_option(index=0)
    wait_for_frame(opened, frames[0])

    # what is put right is checked again by itself
    page.mouse.click(x - 3, strip["y"] + strip["height"] / 2)
    wait_for_frame(opened, target)
    opened.python(f"annotator.session.place({label!r}, {target}, *sample.truth[{label}][{target}])")
    opened.wait_for_value(f"review.queue.set_index('frame')['state'][{target}]", "cleared")
    picture(opened, "cleared")
    page.locator(".jupytrack-canvas").focus()
    page.keyboard.press("?")
    page.locator("dialog", has_text="Next open flag").wait_for()
    picture(opened, "keys")
    page.keyboard.press("Escape")

    before = opened.value("review.verdicts.astype(str).values.tolist()")
    assert len(before) == 3
    opened.python("annotator.save(); annotator.close()")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
    )
    opened.run_all()
    opened.wait_for_canvas()
    page.locator(".jupytrack-review-count", has_text="3 of 5").wait_for()
    assert opened.value("review.verdicts.astype(str).values.tolist()") == before
    assert opened.value("sorted(review.queue['frame'].tolist())") == sorted(set(frames) - {target})
    assert count.count() == 1
    page.locator(".jupytrack-canvas").focus()
    page.keyboard.press("o")
    left = opened.value("int(review.queue['frame'][review.queue['state'] == 'open'].iloc[0])")
    wait_for_frame(opened, left)
    picture(opened, "again")


def test_boxes_are_drawn_over_the_picture(lab, tmp_path):
    lab.open(
        OPEN.replace("{folder}", str(tmp_path / "data")),
        "tracks = jupytrack.BoxTracks(\n"
        "    np.repeat(np.arange(300), 3), np.tile([1, 2, 3], 300),\n"
        "    np.concatenate([sample.truth[:3].transpose(1, 0, 2) - 20, np.full((300, 3, 2), 60.0)], axis=2)"
        ".reshape(-1, 4), class_=['person', 'car', 'person'] * 300,\n"
        "    state=(['visible', 'partially_occluded', 'visible'] * 300))\n"
        "import pandas as pd\n"
        "table = pd.DataFrame({'frame': range(0, 300, 3), 'track': [1, 2, 3, 2] * 25,\n"
        "    'score': np.linspace(1, 0, 100), 'check': 'ghosts', 'message': 'has not moved for 40 frames'})\n"
        "review = jupytrack.review(annotator, table, tracks=tracks)",
        "annotator",
        "review",
    )
    page = lab.page
    page.locator(".jupytrack-heat.bqplot").wait_for()
    page.locator(".jupytrack-canvas").focus()
    page.keyboard.press("o")
    page.keyboard.press("o")
    wait_for_frame(lab, 3)
    lab.wait_for_value("review._painter.selected", 2)
    picture(lab, "boxes")
    # the picture differs where the boxes are, and no longer does when the review ends
    shot = page.locator(".jupytrack-canvas canvas").first.screenshot()
    lab.python("review.close()")
    page.locator(".jupytrack-heat").wait_for(state="detached")
    page.wait_for_timeout(300)
    assert page.locator(".jupytrack-canvas canvas").first.screenshot() != shot
    picture(lab, "closed")


def test_clicks_on_bars_and_squares_go_to_frames(lab, tmp_path):
    plot = "plot = jupytrack.qa.plot(report, annotator)"
    lab.open(OPEN.replace("{folder}", str(tmp_path / "data")), plot, "annotator", "plot")
    page = lab.page
    bars = page.locator(".jupytrack-quality-plot rect.bar")
    bars.first.click()
    worst = lab.value("report.scores['frame'].tolist()")
    wait_for_frame(lab, worst[0])
    bars.first.click()
    wait_for_frame(lab, worst[1])
    squares = page.locator(".jupytrack-quality-plot .dot")
    squares.last.click()
    caption = page.locator(".jupytrack-quality-plot .widget-html")
    caption.filter(has_text="score").wait_for()
    frame = lab.value("annotator.session.frame")
    assert frame in worst[2:]
    assert f"Frame {frame}, track" in caption.inner_text()
    wait_for_frame(lab, frame)
