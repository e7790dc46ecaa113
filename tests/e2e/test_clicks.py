"""A right click lands where it should: at any zoom and pixel ratio, with borders and padding around."""

from __future__ import annotations

import random
from typing import Any

import pytest

from jupytrack import samples

TOLERANCE = 0.05
SIZE = (640, 480)
# what an extension or a theme might do to the elements around the canvas
FRAMES = {
    "plain": "",
    "boxed": "border: 7px solid; padding: 11px 13.5px; margin: 3.25px 5.75px;",
}
# the picture's matrix is computed here from the pixels' view of things, not by the code that is tested
PLACE = """([x, y]) => {
  const {canvas, view} = document.querySelector('.jupytrack-canvas').jupytrack;
  const {zoom, originX, originY} = view();
  const style = getComputedStyle(canvas);
  const box = canvas.getBoundingClientRect();
  const [left, top] = [style.borderLeftWidth, style.borderTopWidth].map(parseFloat);
  return [box.left + left + (x + 0.5 - originX) * zoom, box.top + top + (y + 0.5 - originY) * zoom];
}"""


@pytest.fixture
def clip(tmp_path):
    # one for each test: kernels of tests before still hold the locks of theirs
    return str(samples.ultrasound(10, SIZE, folder=tmp_path).video)


def set_zoom(lab: Any, zoom: float | None) -> None:
    """Set the zoom to so many device pixels a pixel of the video, or to the whole picture."""
    run = "document.querySelector('.jupytrack-canvas').jupytrack"
    if zoom is None:
        lab.page.evaluate(f"() => {run}.run('fit')")
    elif zoom == 1:
        lab.page.evaluate(f"() => {run}.run('one_to_one')")
    else:
        # somewhere in the middle of the picture, at fractions of a pixel
        lab.page.evaluate(f"zoom => {run}.setView(zoom / devicePixelRatio, 301.37, 222.81)", zoom)


def spots(lab: Any, zoom: float | None) -> list[tuple[float, float]]:
    """Return whole screen positions over the picture, spread over the canvas."""
    dice = random.Random(f"{zoom}")
    view = lab.page.evaluate("() => document.querySelector('.jupytrack-canvas').jupytrack.view()")
    found = []
    while len(found) < 6:
        x = view["originX"] + dice.uniform(0.05, 0.95) * view["width"] / view["zoom"] - 0.5
        y = view["originY"] + dice.uniform(0.05, 0.8) * view["height"] / view["zoom"] - 0.5
        if 0 <= x < SIZE[0] and 0 <= y < SIZE[1]:
            found.append((x, y))
    return found


@pytest.mark.parametrize("style", FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("lab", [{}, {"device_scale_factor": 2}], indirect=True, ids=["ratio 1", "ratio 2"])
def test_a_right_click_lands_where_it_should(lab, clip, style):
    lab.open(f"import jupytrack\nannotator = jupytrack.open({clip!r})", "annotator")
    page = lab.page
    if style:
        parts = ".jupytrack-canvas, .jupytrack-stage, .jp-OutputArea-output"
        page.add_style_tag(content=f":is({parts}) {{ {style} }}")
    page.evaluate("() => document.querySelector('.jupytrack-stage').scrollIntoView()")
    assert page.evaluate("() => devicePixelRatio") == page.evaluate(
        "() => document.querySelector('.jupytrack-canvas').jupytrack.view().ratio"
    )
    # the canvas has taken its new size
    page.wait_for_function(
        """() => {
          const {canvas, view} = document.querySelector('.jupytrack-canvas').jupytrack;
          const {width, height} = getComputedStyle(canvas);
          const sizes = [parseFloat(width), parseFloat(height)];
          return Math.abs(sizes[0] - view().width) < 0.01 && Math.abs(sizes[1] - view().height) < 0.01;
        }"""
    )
    worst = 0.0
    for zoom in (None, 1, 8, 25):
        set_zoom(lab, zoom)
        for wanted in spots(lab, zoom):
            lab.python("annotator.ann.remove('0', 0) if 0 in annotator.ann.data['0'] else None")
            lab.wait_for_value("annotator.ann.get_frames('0')", [])
            place = page.evaluate(PLACE, list(wanted))
            top = page.evaluate("([x, y]) => document.elementFromPoint(x, y)?.className", place)
            assert top == "jupytrack-picture", f"zoom {zoom}: {top} at {place}"
            page.mouse.click(*place, button="right")
            lab.wait_for_value("annotator.ann.get_frames('0')", [0])
            got = lab.value("[float(value) for value in annotator.ann.data['0'][0]]")
            error = max(abs(a - b) for a, b in zip(got, wanted, strict=True))
            worst = max(worst, error)
            assert error <= TOLERANCE, f"zoom {zoom}: {got} instead of {wanted}"
    assert worst > 0


@pytest.mark.parametrize("lab", [{}, {"device_scale_factor": 2}], indirect=True, ids=["ratio 1", "ratio 2"])
def test_the_pixel_under_the_click_is_the_one_that_is_meant(lab, tmp_path):
    """Independent of what the view says: the click goes to a corner that is seen on the screen."""
    video = str(samples.frame_numbers(4, SIZE, folder=tmp_path).video)
    lab.open(
        f"import jupytrack\nannotator = jupytrack.open({video!r})\nannotator.go_to_frame(1)", "annotator"
    )
    page = lab.page
    page.evaluate("() => document.querySelector('.jupytrack-stage').scrollIntoView()")
    page.wait_for_function("() => document.querySelector('.jupytrack-canvas').jupytrack.shownFrame() === 1")
    page.evaluate(
        """() => document.querySelector('.jupytrack-canvas').jupytrack
             .setView(16 / devicePixelRatio, 590, 20)"""
    )
    # frame 1: the last cell of the upper row is white, from pixel 600 on and down to pixel 31
    edge = """() => {
      const {canvas, shownFrame} = document.querySelector('.jupytrack-canvas').jupytrack;
      const context = canvas.getContext('2d');
      const at = (x, y) => context.getImageData(x, y, 1, 1).data[1];
      const y0 = 40;
      let x = 0;
      while (x < canvas.width && at(x, y0) < 128) x++;
      let y = y0;
      while (y < canvas.height && at(x + 60, y) >= 128) y++;
      const box = canvas.getBoundingClientRect();
      return [box.left + x / devicePixelRatio, box.top + y / devicePixelRatio, x, y];
    }"""
    page.wait_for_function(f"() => Math.abs(({edge})()[2] - 160) <= 8")
    x, y, *_ = page.evaluate(edge)
    page.mouse.click(x, y, button="right")
    lab.wait_for_value("annotator.ann.get_frames('0')", [1])
    got = lab.value("[float(value) for value in annotator.ann.data['0'][1]]")
    # edges of pixels lie half way between their centres
    assert got == pytest.approx([599.5, 31.5], abs=TOLERANCE)
