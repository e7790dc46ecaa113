"""The main job, as a person does it: open, step, place, correct, undo, save, and find all of it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupytrack import samples

SIZE = (320, 240)
HANDLE = "document.querySelector('.jupytrack-canvas').jupytrack"
# layers, with the points of each as [frame, x, y] by label
POINTS = (
    "{name: {label: [[n, *ann.data[label][n]] for n in ann.get_frames(label)] for label in ann.labels}"
    " for name in annotator.annotations.names for ann in [annotator.annotations[name]]}"
)


def opening(video: Path) -> tuple[str, str]:
    return f"import jupytrack\nannotator = jupytrack.open({str(video)!r}, n_labels=2)", "annotator"


@pytest.fixture
def video(tmp_path):
    made = samples.ultrasound(60, SIZE, folder=tmp_path / "made").video
    return made.rename(tmp_path / "clip.mp4")


@pytest.fixture
def opened(lab, video):
    # leaving the page with unsaved work asks whether to
    lab.page.on("dialog", lambda dialog: dialog.accept())
    lab.open(*opening(video))
    show(lab)
    return lab


def show(lab: Any) -> None:
    lab.page.evaluate("() => document.querySelector('.jupytrack-canvas').scrollIntoView()")
    lab.page.locator(".jupytrack-canvas").focus()


def wait_for_frame(lab: Any, frame: int) -> None:
    lab.page.wait_for_function(f"frame => {HANDLE}.shownFrame() === frame", arg=frame)


def at(lab: Any, x: float, y: float) -> tuple[float, float]:
    """Return where a position of the picture is on the screen."""
    place = lab.page.evaluate(f"([x, y]) => {HANDLE}.imageToClient(x, y)", [x, y])
    return place["x"], place["y"]


def right_click(lab: Any, x: float, y: float) -> None:
    lab.page.mouse.click(*at(lab, x, y), button="right")


def wait_for_point(lab: Any, label: str, frame: int, x: float, y: float, tolerance: float = 0.05) -> None:
    known = f"annotator.ann.data[{label!r}]"
    off = f"max(abs({known}[{frame}][0] - {x}), abs({known}[{frame}][1] - {y}))"
    lab.wait_for_value(f"{frame} in {known} and bool({off} < {tolerance})", True)


def wait_until_confirmed(lab: Any) -> None:
    histories = "[ann.history for ann in annotator.annotations]"
    lab.wait_for_value(f"all(history.all_confirmed for history in {histories})", True)
    lab.page.wait_for_function(f"() => {HANDLE}.stats().edits.size === 0")


def layer_file(video: Path, layer: str = "iteration-0") -> dict[str, Any]:
    return json.loads(video.with_name(f"clip_annotations_{layer}.json").read_text())


def test_from_opening_to_finding_it_again(opened, video):
    page = opened.page
    # step
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("g")
    page.keyboard.press("ArrowLeft")
    wait_for_frame(opened, 3)
    page.keyboard.press("Control+ArrowRight")
    wait_for_frame(opened, 13)
    # place
    right_click(opened, 100, 80)
    wait_for_point(opened, "0", 13, 100, 80)
    page.keyboard.press("g")
    wait_for_frame(opened, 14)
    page.mouse.move(*at(opened, 110, 85))
    page.keyboard.press("t")
    wait_for_point(opened, "0", 14, 110, 85)
    page.keyboard.press("1")
    opened.wait_for_value("annotator.session.label", "1")
    right_click(opened, 200, 150)
    wait_for_point(opened, "1", 14, 200, 150)
    # drag
    page.mouse.move(*at(opened, 200, 150))
    page.mouse.down()
    page.mouse.move(*at(opened, 215, 140), steps=8)
    page.mouse.up()
    wait_for_point(opened, "1", 14, 215, 140)
    # nudge, remove
    page.keyboard.press("Shift+ArrowRight")
    wait_for_point(opened, "1", 14, 216, 140)
    page.keyboard.press("y")
    opened.wait_for_value("14 in annotator.ann.data['1']", False)
    # undo and redo
    page.keyboard.press("Control+z")
    wait_for_point(opened, "1", 14, 216, 140)
    page.keyboard.press("Control+z")
    wait_for_point(opened, "1", 14, 215, 140)
    page.keyboard.press("Control+z")
    wait_for_point(opened, "1", 14, 200, 150)
    page.keyboard.press("Control+Shift+z")
    wait_for_point(opened, "1", 14, 215, 140)
    # another layer
    opened.python("annotator.add_annotation_layers('second', 2)")
    opened.python("annotator.annotations.active = 'iteration-0'")
    page.keyboard.press("=")
    opened.wait_for_value("annotator.annotations.active", "second")
    page.keyboard.press("0")
    opened.wait_for_value("annotator.session.label", "0")
    right_click(opened, 50, 60)
    wait_for_point(opened, "0", 14, 50, 60)
    page.keyboard.press("s")
    opened.wait_for_value("annotator.session.unsaved('second')['added']", 0)
    page.keyboard.press("-")
    opened.wait_for_value("annotator.annotations.active", "iteration-0")
    # save
    page.keyboard.press("s")
    opened.wait_for_value("annotator.session.save_state", "saved")
    saved = layer_file(video)
    assert sorted(saved["0"], key=int) == ["13", "14"]
    assert list(saved["1"]) == ["14"]
    assert saved["0"]["13"] == pytest.approx([100, 80], abs=0.05)
    assert saved["1"]["14"] == pytest.approx([215, 140], abs=0.05)
    assert layer_file(video, "second")["0"]["14"] == pytest.approx([50, 60], abs=0.05)
    points = opened.value(POINTS)
    # reload the page: the kernel lives on, and the widget comes back
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    opened.wait_for_canvas()
    wait_for_frame(opened, 14)
    show(opened)
    page.keyboard.press("ArrowRight")
    wait_for_frame(opened, 15)
    assert opened.value(POINTS) == points
    right_click(opened, 120, 90)
    page.keyboard.press("ArrowRight")
    wait_for_frame(opened, 16)
    wait_for_point(opened, "0", 15, 120, 90)
    wait_until_confirmed(opened)
    points = opened.value(POINTS)
    # restart the kernel and open again, with that last point not saved but safe
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    opened.wait_for_value("'annotator' in globals()", False, 60)
    run_again(opened)
    assert opened.value(POINTS) == points
    assert layer_file(video) == saved


def run_again(lab: Any) -> None:
    """Run every cell anew, in a kernel that knows nothing, and wait for the new annotator."""
    page = lab.page
    page.evaluate(
        """() => {
          for (const root of document.querySelectorAll('.jupytrack-canvas')) root.classList.add('before');
        }"""
    )
    lab.run_all()
    page.wait_for_function(
        """() => [...document.querySelectorAll('.jupytrack-canvas')].some(
             root => !root.classList.contains('before') && root.jupytrack?.shownFrame() >= 0)""",
        timeout=60_000,
    )


def test_confirmed_edits_outlive_a_killed_kernel(opened, video):
    page = opened.page
    for frame in range(1, 6):
        page.keyboard.press("ArrowRight")
        wait_for_frame(opened, frame)
        right_click(opened, 100 + 10 * frame, 90)
        wait_for_point(opened, "0", frame, 100 + 10 * frame, 90)
    page.keyboard.press("Control+z")
    opened.wait_for_value("annotator.ann.get_frames('0')", [1, 2, 3, 4])
    wait_until_confirmed(opened)
    assert opened.value("annotator.session.save_state") == "unsaved"
    points = opened.value(POINTS)
    pid = opened.value("__import__('os').getpid()")
    page.evaluate(
        """() => {
          const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
          kernel.requestExecute({code: 'import os; os.kill(os.getpid(), 9)'}).done.catch(() => {});
        }"""
    )
    # JupyterLab says that the kernel died, and starts another
    page.locator(".jp-Dialog button.jp-mod-accept").click(timeout=60_000)
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'",
        timeout=60_000,
    )
    opened.wait_for_value(f"__import__('os').getpid() != {pid}", True)
    assert not video.with_name("clip_annotations_iteration-0.json").exists()
    run_again(opened)
    assert opened.value(POINTS) == points
    # the history is there, too
    show(opened)
    page.locator(".jupytrack-canvas:not(.before)").focus()
    page.keyboard.press("Control+z")
    opened.wait_for_value("annotator.ann.get_frames('0')", [1, 2, 3])
    page.keyboard.press("s")
    opened.wait_for_value("annotator.session.save_state", "saved")
    assert sorted(layer_file(video)["0"]) == ["1", "2", "3"]
