"""Keys stay where they belong: those of the annotator out of the notebook, and the notebook's out of it."""

from __future__ import annotations

from typing import Any

import pytest

from jupytrack import samples

HANDLES = "[...document.querySelectorAll('.jupytrack-canvas')].map(root => root.jupytrack)"
CELLS = """() => {
  const {content} = window.jupyterapp.shell.currentWidget;
  return {
    mode: content.mode,
    active: content.activeCellIndex,
    cells: content.widgets.map(cell => [cell.model.type, cell.model.sharedModel.getSource()]),
    runs: content.widgets.map(cell => cell.model.executionCount),
  };
}"""
# in command mode: delete, add, cut, copy, paste, undo, kinds of cells, merge, move, run, restart, palette ...
NOTEBOOK_KEYS = (
    *("d", "d", "a", "b", "x", "c", "v", "y", "m", "r", "1", "2", "j", "k", "l", "o", "h", "s", "z"),
    *("0", "0", "i", "i", "f", "p", "Enter", "ArrowDown", "ArrowUp", "Shift+ArrowDown", "Shift+j", "Shift+m"),
    # twice, so that nothing plays afterwards
    *("Space", "Space", "Shift+l", "Shift+v", "-", "=", "Delete", "Backspace"),
)


@pytest.fixture
def video(tmp_path):
    return str(samples.ultrasound(40, (320, 240), folder=tmp_path).video)


def opening(video: str) -> tuple[str, ...]:
    return (
        f"import jupytrack\nannotator = jupytrack.open({video!r}, n_labels=2)",
        "annotator",
        "below = 1",
        "last = 2",
    )


def wait_for_runs(notebook: Any) -> None:
    notebook.page.wait_for_function(
        f"() => {{ const {{runs}} = ({CELLS})(); return runs.every(count => count > 0); }}"
    )


def wait_for_frame(notebook: Any, frame: int, view: int = 0) -> None:
    notebook.page.wait_for_function(
        f"([frame, view]) => {HANDLES}[view].shownFrame() === frame", arg=[frame, view]
    )


def check_keys(notebook: Any, video: str) -> None:
    page = notebook.page
    notebook.open(*opening(video))
    wait_for_runs(notebook)
    # click as a person would, so that the notebook notices the click, too
    page.locator(".jupytrack-stage").scroll_into_view_if_needed()
    page.locator(".jupytrack-picture").click(position={"x": 60, "y": 60})
    before = page.evaluate(CELLS)
    assert len(before["cells"]) == 4
    for key in NOTEBOOK_KEYS:
        page.keyboard.press(key)
        assert page.evaluate("() => document.activeElement.className").startswith("jupytrack-canvas"), key
    page.keyboard.press("Home")
    wait_for_frame(notebook, 0)
    page.keyboard.press("g")
    wait_for_frame(notebook, 1)
    assert page.evaluate(CELLS) == before


def check_typing_in_a_cell(notebook: Any, video: str) -> None:
    page = notebook.page
    notebook.open(*opening(video))
    wait_for_runs(notebook)
    notebook.python("annotator.ann.add([100, 100], '0', 0)")
    state = "[annotator.session.frame, annotator.ann.get_frames('0'), annotator.session.label]"
    before = notebook.value(state)
    editor = page.locator(".jp-Notebook .jp-CodeCell").nth(3).locator(".cm-content")
    editor.click()
    page.keyboard.press("End")
    page.keyboard.type("  # gfdty1mn=")
    for key in ("ArrowLeft", "ArrowRight", "Home", "End", "Control+z"):
        page.keyboard.press(key)
    # nor those of command mode
    page.keyboard.press("Escape")
    for key in ("ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate(CELLS)["mode"] == "command"
    assert page.evaluate(CELLS)["cells"][3][1].startswith("last = 2")
    assert page.evaluate(f"() => {HANDLES}[0].shownFrame()") == 0
    assert notebook.value(state) == before


def test_keys_do_not_reach_the_notebook_in_lab(lab, video):
    check_keys(lab, video)


def test_keys_do_not_reach_the_notebook_in_notebook_7(notebook7, video):
    check_keys(notebook7, video)


def test_typing_in_a_cell_does_not_reach_the_annotator_in_lab(lab, video):
    check_typing_in_a_cell(lab, video)


def test_typing_in_a_cell_does_not_reach_the_annotator_in_notebook_7(notebook7, video):
    check_typing_in_a_cell(notebook7, video)


def right_click(lab: Any, view: int, x: float, y: float) -> None:
    page = lab.page
    page.locator(".jupytrack-stage").nth(view).scroll_into_view_if_needed()
    at = page.evaluate(f"([view, x, y]) => {HANDLES}[view].imageToClient(x, y)", [view, x, y])
    page.mouse.click(at["x"], at["y"], button="right")


def test_two_annotators_in_one_notebook(lab, video, tmp_path):
    other = str(samples.ultrasound(50, (200, 160), folder=tmp_path).video)
    lab.write(
        f"import jupytrack\nfirst = jupytrack.open({video!r})\nfirst",
        f"second = jupytrack.open({other!r})\nsecond",
    )
    lab.goto()
    lab.run_all()
    lab.wait_for_canvas(2)
    right_click(lab, 0, 100, 100)
    lab.wait_for_value("first.ann.get_frames('0')", [0])
    lab.page.keyboard.press("g")
    wait_for_frame(lab, 1, 0)
    right_click(lab, 1, 50, 60)
    lab.wait_for_value("second.ann.get_frames('0')", [0])
    for frame in (1, 2, 3):
        lab.page.keyboard.press("ArrowRight")
        wait_for_frame(lab, frame, 1)
    wait_for_frame(lab, 1, 0)
    lab.wait_for_value("[first.session.frame, second.session.frame]", [1, 3])
    lab.page.keyboard.press("Control+z")
    lab.wait_for_value("second.ann.get_frames('0')", [])
    assert lab.value("first.ann.get_frames('0')") == [0]


def test_two_views_of_one_annotator(lab, video):
    lab.write(
        f"import jupytrack\nannotator = jupytrack.open({video!r})",
        "display(annotator)\ndisplay(annotator)",
    )
    lab.goto()
    lab.run_all()
    lab.wait_for_canvas(2)
    right_click(lab, 1, 100, 100)
    lab.wait_for_value("annotator.ann.get_frames('0')", [0])
    # the point is seen in both, and so are steps in either
    lab.page.wait_for_function(f"() => {HANDLES}.every(one => one.points().length === 1)")
    lab.page.keyboard.press("g")
    for view in (0, 1):
        wait_for_frame(lab, 1, view)
    right_click(lab, 0, 120, 90)
    lab.page.keyboard.press("ArrowRight")
    for view in (0, 1):
        wait_for_frame(lab, 2, view)
    lab.wait_for_value("annotator.ann.get_frames('0')", [0, 1])
    # each has a zoom of its own
    zooms = f"() => {HANDLES}.map(one => one.view().zoom)"
    lab.page.evaluate(f"() => {HANDLES}[0].setView(3, 10, 10)")
    first, second = lab.page.evaluate(zooms)
    assert first == 3
    assert second != 3


def test_placing_a_new_label_is_taken_back_by_one_key(lab, video):
    lab.open(*opening(video))
    lab.python("annotator.ann.add_label('5')")
    lab.python("annotator.add_annotation_layers('second', 2); annotator.annotations.active = 'second'")
    lab.python("annotator.session.select_label('5')")
    lab.page.locator(".jupytrack-status-label", has_text="label 5").wait_for()
    labels, place = "annotator.annotations['second'].labels", f"{HANDLES}[0].imageToClient(100, 80)"
    lab.page.locator(".jupytrack-stage").scroll_into_view_if_needed()
    lab.page.locator(".jupytrack-canvas").focus()
    at = lab.page.evaluate(f"() => {place}")
    lab.page.mouse.move(at["x"], at["y"])
    lab.page.keyboard.press("t")
    lab.wait_for_value(labels, ["0", "1", "5"])
    lab.wait_for_value("annotator.ann.get_frames('5')", [0])
    lab.page.keyboard.press("Control+z")
    lab.wait_for_value(labels, ["0", "1"])
    # the same by a digit that places
    lab.python("annotator.session.number_keys = 'place'")
    lab.page.keyboard.press("7")
    lab.wait_for_value(labels, ["0", "1", "7"])
    lab.wait_for_value("annotator.ann.get_frames('7')", [0])
    lab.page.keyboard.press("Control+z")
    lab.wait_for_value(labels, ["0", "1"])
