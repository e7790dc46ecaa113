"""What a hand meets: the magnifier, the arrow to a point out of sight, the full window, fields, leaving."""

from __future__ import annotations

from typing import Any

import pytest
from test_keys import HANDLES, right_click, wait_for_frame

from jupytrack import samples

HANDLE = f"{HANDLES}[0]"
# the colour of the canvas at a place of the screen, in CSS pixels from its upper left corner
COLOR = f"""([x, y]) => {{
  const {{canvas}} = {HANDLE};
  const ratio = window.devicePixelRatio;
  return [...canvas.getContext('2d').getImageData(Math.round(x * ratio), Math.round(y * ratio), 1, 1).data];
}}"""


def opened(lab: Any, tmp_path: Any, **options: Any) -> Any:
    video = str(samples.ultrasound(40, (320, 240), folder=tmp_path).video)
    lab.open(f"import jupytrack\nannotator = jupytrack.open({video!r}, **{options!r})", "annotator")
    lab.page.locator(".jupytrack-stage").scroll_into_view_if_needed()
    return lab.page


def on_screen(page: Any, x: float, y: float) -> tuple[float, float]:
    at = page.evaluate(f"([x, y]) => {HANDLE}.imageToClient(x, y)", [x, y])
    return at["x"], at["y"]


def test_a_magnifier_shows_what_a_dragged_point_is_put_on(lab, tmp_path):
    video = str(samples.frame_numbers(4, (640, 480), folder=tmp_path).video)
    lab.open(
        f"import jupytrack\nannotator = jupytrack.open({video!r})\nannotator.go_to_frame(1)", "annotator"
    )
    page = lab.page
    page.locator(".jupytrack-stage").scroll_into_view_if_needed()
    wait_for_frame(lab, 1)
    right_click(lab, 0, 500, 100)
    lab.wait_for_value("annotator.ann.get_frames('0')", [1])
    page.wait_for_function(f"() => {HANDLE}.points().length === 1")
    # in the lower left corner, as the hand is in the upper right one
    view = page.evaluate(f"() => {HANDLE}.view()")
    middle = 84, view["height"] - 84
    around = [(middle[0] + dx, middle[1] + dy) for dx in (-30, 30) for dy in (-20, 20)]
    before = [page.evaluate(COLOR, place) for place in around]
    page.mouse.move(*on_screen(page, 500, 100))
    page.mouse.down()
    # on frame 1 the picture is white from pixel 600 on, and black before it
    page.mouse.move(*on_screen(page, 560, 40), steps=3)
    page.mouse.move(*on_screen(page, 599.5, 15), steps=3)
    page.wait_for_function(
        f"places => places.map({COLOR}).every(([r, g, b], n) => n < 2 ? g < 80 : g > 175)", arg=around
    )
    page.mouse.up()
    page.wait_for_function(
        f"([places, before]) => JSON.stringify(places.map({COLOR})) === JSON.stringify(before)",
        arg=[around, before],
    )
    lab.wait_for_value("annotator.ann.data['0'][1][0] > 595", True)


def test_an_arrow_points_to_the_current_label_out_of_sight(lab, tmp_path):
    page = opened(lab, tmp_path)
    right_click(lab, 0, 20, 120)
    page.wait_for_function(f"() => {HANDLE}.points().length === 1")
    lab.wait_for_value("annotator.ann.get_frames('0')", [0])
    color = page.evaluate(f"() => {HANDLE}.points()[0].color")
    wanted = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    # far to the right of the point, at its height
    page.evaluate(f"() => {HANDLE}.setView(8, 200, 120 - {HANDLE}.view().height / 16)")
    height = page.evaluate(f"() => {HANDLE}.view().height")
    arrow = [16, height / 2]
    page.wait_for_function(
        f"([place, wanted]) => wanted.every((part, n) => Math.abs(({COLOR})(place)[n] - part) < 12)",
        arg=[arrow, wanted],
    )
    page.evaluate(f"() => {HANDLE}.setView(8, 5, 120 - {HANDLE}.view().height / 16)")
    page.wait_for_function(
        f"([place, wanted]) => wanted.some((part, n) => Math.abs(({COLOR})(place)[n] - part) > 20)",
        arg=[arrow, wanted],
    )


def test_the_full_window_and_back(lab, tmp_path):
    page = opened(lab, tmp_path)
    root = page.locator(".jupytrack-canvas")
    small = root.bounding_box()
    root.focus()
    page.keyboard.press("Control+Enter")
    size = page.viewport_size
    whole = {"x": 0, "y": 0, **size}
    page.wait_for_function(
        """size => {
          const box = document.querySelector('.jupytrack-canvas').getBoundingClientRect();
          return Math.abs(box.width - size.width) < 1 && Math.abs(box.height - size.height) < 1;
        }""",
        arg=size,
    )
    assert root.bounding_box() == pytest.approx(whole, abs=1)
    page.wait_for_function(f"() => {HANDLE}.view().height > {small['height']}")
    page.keyboard.press("g")
    wait_for_frame(lab, 1)
    at = on_screen(page, 100, 80)
    page.mouse.click(*at, button="right")
    lab.wait_for_value("annotator.ann.get_frames('0')", [1])
    assert lab.value("[float(value) for value in annotator.ann.data['0'][1]]") == pytest.approx(
        [100, 80], abs=0.1
    )
    page.keyboard.press("Escape")
    page.wait_for_function(f"() => !{HANDLE}.canvas.closest('.jupytrack-full')")
    assert root.bounding_box()["width"] == pytest.approx(small["width"], abs=2)
    page.keyboard.press("g")
    wait_for_frame(lab, 2)


def leave(lab: Any) -> list[str]:
    """Reload the page, agree to everything, and return which dialogs came."""
    page, dialogs = lab.page, []
    # the notebook itself must have no reason to ask
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")

    def accept(dialog: Any) -> None:
        dialogs.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    # browsers ask only those who did something on the page
    page.locator(".jupytrack-status").click()
    page.reload()
    page.remove_listener("dialog", accept)
    return dialogs


def test_leaving_the_page_asks_only_with_unsaved_work(lab, tmp_path):
    page = opened(lab, tmp_path)
    assert leave(lab) == []
    lab.wait_for_canvas()
    right_click(lab, 0, 100, 80)
    lab.wait_for_value("annotator.session.save_state", "unsaved")
    page.locator(".jupytrack-status-save[data-state=unsaved]").wait_for()
    assert leave(lab) == ["beforeunload"]
    lab.wait_for_canvas()
    lab.python("annotator.save()")
    page.locator(".jupytrack-status-save[data-state=saved]").wait_for()
    assert leave(lab) == []


def test_enter_and_escape_in_fields(lab, tmp_path):
    page = opened(lab, tmp_path)
    page.get_by_placeholder("layer name").click()
    page.keyboard.type("second")
    page.keyboard.press("Enter")
    lab.wait_for_value("annotator.annotations.names", ["iteration-0", "second"])
    # the keys are the annotator's again
    page.keyboard.press("g")
    wait_for_frame(lab, 1)
    page.get_by_placeholder("name, or empty").click()
    page.keyboard.type("snout")
    page.keyboard.press("Enter")
    lab.wait_for_value("annotator.ann.labels", ["0", "snout"])
    button = page.locator(".jupytrack-command-save_annotation_as")
    button.click()
    field = page.locator(".jupytrack-banner input")
    field.wait_for()
    field.fill("never")
    field.press("Escape")
    field.wait_for(state="hidden")
    button.click()
    field.wait_for()
    field.fill("again")
    field.press("Enter")
    folder = "__import__('pathlib').Path(annotator.fname).parent"
    lab.wait_for_value(f"({folder} / 'again.json').exists()", True)
    assert not lab.value(f"({folder} / 'never.json').exists()")


def test_a_translucent_point_has_an_edge_that_is_not(lab, tmp_path):
    video = str(samples.ultrasound(40, (320, 240), folder=tmp_path).video)
    lab.open(
        f"import jupytrack\nannotator = jupytrack.open({video!r})\n"
        "annotator.add_annotation_layers('other')\n"
        "annotator.annotations['other'].add([160, 120], '0', 0)\n"
        "annotator.annotations.overlay = 'other'",
        "annotator",
    )
    page = lab.page
    color = lab.value("annotator.session.color_of('0')")
    wanted = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    edge = f"""() => {{
      const {{zoom, originX, originY}} = {HANDLE}.view();
      return ({COLOR})([(160.5 - originX) * zoom + 4, (120.5 - originY) * zoom]);
    }}"""
    page.wait_for_function(
        f"wanted => wanted.every((part, n) => Math.abs(({edge})()[n] - part) < 30)", arg=wanted
    )
