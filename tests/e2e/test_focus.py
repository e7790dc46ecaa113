"""Wherever an annotator is clicked, its keys work, and the notebook's do not."""

from __future__ import annotations

from typing import Any

import pytest
from test_keys import CELLS, HANDLES, wait_for_runs

from jupytrack import samples

# what a hand may click that is no control, and controls that keep no keys; with fractions of width and height
PLACES = {
    "trace": (".bqplot >> nth=0", 0.5, 0.3),
    "edge of a trace": (".bqplot >> nth=1", 0.02, 0.5),
    "heading": (".jupytrack-heading >> nth=2", 0.3, 0.5),
    "beneath the panels": (".jupytrack-side", 0.5, 0.998),
    "status line": (".jupytrack-status >> nth=0", 0.4, 0.5),
    "slider": (".jupytrack-panel .noUi-connects >> nth=0", 0.6, 0.5),
    "disabled button": (".jupytrack-annotator button:disabled >> nth=0", 0.5, 0.5),
    "toggle button": (".jupytrack-annotator .widget-toggle-button:has-text('All labels')", 0.5, 0.5),
}
KEYS = ("m", "d", "d", "x", "y", "1", "j", "Enter", "f", "i", "i")


def shown(page: Any) -> int:
    return int(page.evaluate(f"() => {HANDLES}[0].shownFrame()"))


def check_places(notebook: Any, tmp_path: Any) -> None:
    video = str(samples.ultrasound(40, (320, 240), folder=tmp_path).video)
    page = notebook.page
    opening = f"import jupytrack\nannotator = jupytrack.open({video!r}, n_labels=2)"
    notebook.open(opening, "annotator", "below = 1", "last = 2")
    wait_for_runs(notebook)
    page.locator(".bqplot").last.wait_for()
    before = page.evaluate(CELLS)["cells"]
    for place, (selector, x, y) in PLACES.items():
        # as after work elsewhere in the notebook
        page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").nth(1).click()
        found = page.locator(selector)
        found.scroll_into_view_if_needed()
        box = found.bounding_box()
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.wait_for_function("() => document.activeElement.closest('.jupytrack-annotator')", timeout=5000)
        for key in KEYS:
            page.keyboard.press(key)
        assert page.evaluate(CELLS)["cells"] == before, place
        # those that move a slider stay with it
        if place == "slider":
            continue
        # what those keys did in the kernel has arrived
        page.wait_for_function(f"() => {HANDLES}[0].stats().commands.size === 0")
        page.keyboard.press("Home")
        page.wait_for_function(f"() => {HANDLES}[0].shownFrame() === 0")
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"() => {HANDLES}[0].shownFrame() === 1")
    # a list keeps the letters, which find its entries, until something was chosen
    chooser = page.locator(".jupytrack-panel .widget-dropdown select").first
    chooser.focus()
    for key in ("m", "d", "d", "x"):
        page.keyboard.press(key)
    assert page.evaluate(CELLS)["cells"] == before


@pytest.mark.parametrize("where", ["lab", "notebook7"])
def test_a_click_anywhere_keeps_the_keys_from_the_notebook(where, request, tmp_path):
    check_places(request.getfixturevalue(where), tmp_path)


def test_after_choosing_from_a_list_the_keys_are_the_annotators(lab, tmp_path):
    video = str(samples.ultrasound(40, (320, 240), folder=tmp_path).video)
    page = lab.page
    lab.open(
        f"import jupytrack\nannotator = jupytrack.open({video!r})\nannotator.add_layer('second')", "annotator"
    )
    chooser = page.locator(".jupytrack-panel .widget-dropdown select").first
    chooser.click()
    chooser.select_option("iteration-0")
    lab.wait_for_value("annotator.annotations.active", "iteration-0")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.wait_for_function(f"() => {HANDLES}[0].shownFrame() === 1")


def test_a_field_keeps_its_keys(lab, tmp_path):
    video = str(samples.ultrasound(40, (320, 240), folder=tmp_path).video)
    page = lab.page
    lab.open(f"import jupytrack\nannotator = jupytrack.open({video!r})", "annotator")
    field = page.get_by_placeholder("layer name")
    field.click()
    page.keyboard.type("mdd")
    assert field.input_value() == "mdd"
    assert shown(page) == 0
