"""Never a wrong overlay: a number burnt into the picture and one painted by the overlay agree at any time."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from jupytrack import samples

SIZE = (640, 480)
OPEN = """
import jupytrack
annotator = jupytrack.open({path!r}, n_labels=2)

def bar_code(canvas, frame):
    cell, row, top = 640 / 16, 32, 384
    for bit in range(16):
        for line in (0, 1):
            canvas.fill_style = "#ffffff" if (frame >> (15 - bit) & 1) != line else "#000000"
            canvas.fill_rect(bit * cell - 0.5, top + line * row - 0.5, cell, row)

_ = annotator.overlay.add_painter(bar_code)
"""
WATCH = """() => {
  const {canvas, view, shownFrame} = document.querySelector('.jupytrack-canvas').jupytrack;
  const context = canvas.getContext('2d');
  const rowAt = y => {
    const {zoom, originX, originY, ratio} = view();
    const scale = zoom * ratio;
    const top = Math.round((y - originY) * scale);
    const {data} = context.getImageData(0, top, canvas.width, 1);
    return Array.from({length: 16}, (_, bit) => {
      const x = Math.round(((bit + 0.5) * 40 - originX) * scale);
      return data[4 * x + 1];
    });
  };
  // null: no bar code, or a mixture of two
  const numberAt = y => {
    const [upper, lower] = [rowAt(y + 16), rowAt(y + 48)];
    if (upper.some((value, bit) => Math.abs(value - lower[bit]) < 100)) return null;
    return upper.reduce((number, value, bit) => 2 * number + (value > lower[bit] ? 1 : 0), 0);
  };
  const watch = {samples: [], running: true, read: () => [numberAt(0), numberAt(384), shownFrame()]};
  window.overlayWatch = watch;
  const look = () => {
    if (!watch.running) return;
    watch.samples.push(watch.read());
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
STOP = "() => { window.overlayWatch.running = false; return window.overlayWatch.samples; }"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return samples.frame_numbers(300, SIZE, gop=60, folder=tmp_path_factory.mktemp("numbers")).video


@pytest.fixture
def clip(made, tmp_path):
    # one for each test: kernels of tests before still hold the locks of theirs
    return shutil.copy(made, tmp_path / "clip.mp4")


def begin(lab: Any, clip: Any, before: str = "") -> Any:
    lab.open(before + OPEN.format(path=str(clip)), "annotator")
    lab.page.evaluate("() => document.querySelector('.jupytrack-canvas').scrollIntoView()")
    lab.page.evaluate(WATCH)
    lab.page.wait_for_function("() => window.overlayWatch.read()[1] === 0")
    lab.page.evaluate("() => { window.overlayWatch.samples.length = 0; }")
    lab.page.locator(".jupytrack-canvas").focus()
    return lab


@pytest.fixture
def opened(lab, clip):
    return begin(lab, clip)


@pytest.fixture
def opened_without_recording(lab, clip):
    """Give an annotator under an ipycanvas that lacks the private names which recording needs."""
    begin(lab, clip, "import ipycanvas.canvas\ndel ipycanvas.canvas._CanvasManager\n")
    assert lab.value("annotator.overlay.manager is None") is True
    return lab


def wait_until_shown(lab: Any, frame: int) -> None:
    lab.page.wait_for_function(
        "frame => document.querySelector('.jupytrack-canvas').jupytrack.shownFrame() === frame",
        arg=frame,
        timeout=30_000,
    )


def assert_never_wrong(seen: list[list[int | None]], frames: int) -> None:
    """Check that all samples agree, and that there were enough of different frames to mean something."""
    wrong = [sample for sample in seen if len(set(sample)) != 1]
    assert not wrong, f"{len(wrong)} of {len(seen)} (picture, overlay, shown frame) disagree: {wrong[:5]}"
    different = len({sample[0] for sample in seen})
    assert different >= frames, f"only {different} different frames in {len(seen)} samples"


@pytest.mark.parametrize(("speed", "start", "frames"), [(1.0, 150, 80), (4.0, 0, 60)])
def test_during_playback(opened, speed, start, frames):
    opened.python(f"annotator.go_to_frame({start})")
    wait_until_shown(opened, start)
    opened.page.locator(".jupytrack-speed").select_option(f"{speed:g}")
    opened.page.keyboard.press("Space")
    wait_until_shown(opened, 299)
    assert_never_wrong(opened.page.evaluate(STOP), frames)


def test_during_playback_with_edits_and_zoom(opened):
    page = opened.page
    page.keyboard.press("Space")
    box = page.locator(".jupytrack-picture").bounding_box()
    zooms: list[float] = []

    def zoom() -> float:
        return float(page.evaluate("() => document.querySelector('.jupytrack-canvas').jupytrack.view().zoom"))

    for n in range(12):
        page.mouse.move(box["x"] + 300 + 10 * n, box["y"] + 200)
        page.mouse.click(box["x"] + 300 + 10 * n, box["y"] + 200, button="right")
        opened.python(f"annotator.ann.add([{50 + n}, 200], '1', {20 * n})")
        page.keyboard.press("-" if n % 2 else "=")
        # out and in again, with the wheel where the bar codes are small
        zooms.append(zoom())
        page.mouse.move(box["x"] + 400, box["y"] + 240)
        for _ in range(3):
            page.mouse.wheel(0, -60 if n % 2 else 60)
    assert min(zooms) < 0.8 * max(zooms)
    opened.wait_for_value("len(annotator.ann.get_frames('1')) >= 6", True)
    wait_until_shown(opened, 299)
    assert_never_wrong(page.evaluate(STOP), 40)


def test_while_the_slider_is_dragged(opened):
    page = opened.page
    box = page.locator(".jupytrack-slider").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2)
    page.mouse.down()
    for share in (0.9, 0.2, 0.6, 0.1, 0.95, 0.4):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2, steps=30)
    page.mouse.up()
    last = page.evaluate("() => document.querySelector('.jupytrack-canvas').jupytrack.targetFrame()")
    wait_until_shown(opened, last)
    assert_never_wrong(page.evaluate(STOP), 40)


def test_while_jumping_at_random(opened):
    page = opened.page
    page.evaluate(
        """async () => {
          const slider = document.querySelector('.jupytrack-slider');
          let number = 1;
          for (let n = 0; n < 400; n++) {
            number = (number * 48271) % 2147483647;
            slider.value = String(number % 300);
            slider.dispatchEvent(new Event('input', {bubbles: true}));
            // in bursts, and with pauses in which pictures arrive
            const frames = n % 7 === 0 ? 6 : n % 3;
            for (let i = 0; i < frames; i++) await new Promise(requestAnimationFrame);
          }
        }"""
    )
    last = page.evaluate("() => document.querySelector('.jupytrack-canvas').jupytrack.targetFrame()")
    wait_until_shown(opened, last)
    assert_never_wrong(page.evaluate(STOP), 30)


def test_while_an_arrow_key_is_held(opened):
    page = opened.page
    for key, until in (("ArrowRight", "frame >= 50"), ("ArrowLeft", "frame <= 30")):
        reached = f"() => {{ const [, , frame] = window.overlayWatch.read(); return {until}; }}"
        while not page.evaluate(reached):
            page.keyboard.down(key)
        page.keyboard.up(key)
    last = page.evaluate("() => document.querySelector('.jupytrack-canvas').jupytrack.targetFrame()")
    wait_until_shown(opened, last)
    assert_never_wrong(page.evaluate(STOP), 40)


def test_without_recording_while_stepping_and_editing(opened_without_recording):
    lab = opened_without_recording
    page = lab.page
    for n in range(60):
        page.keyboard.press("ArrowRight" if n < 45 else "ArrowLeft")
        if n % 3 == 0:
            wait_until_shown(lab, n + 1 if n < 45 else 89 - n)
    wait_until_shown(lab, 30)
    lab.python("annotator.ann.add([200, 200], '0', 30)")
    page.wait_for_function(
        "() => document.querySelector('.jupytrack-canvas').jupytrack.points().length === 1"
    )
    box = page.locator(".jupytrack-picture").bounding_box()
    page.mouse.move(box["x"] + 400, box["y"] + 240)
    page.mouse.wheel(0, 60)
    page.keyboard.press("ArrowRight")
    wait_until_shown(lab, 31)
    assert_never_wrong(page.evaluate(STOP), 15)


def test_without_recording_during_playback_and_after_a_reload(opened_without_recording):
    lab = opened_without_recording
    lab.page.keyboard.press("Space")
    wait_until_shown(lab, 299)
    assert_never_wrong(lab.page.evaluate(STOP), 10)
    lab.page.on("dialog", lambda dialog: dialog.accept())
    lab.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    lab.page.reload()
    lab.wait_for_canvas()
    lab.page.evaluate("() => document.querySelector('.jupytrack-canvas').scrollIntoView()")
    lab.page.evaluate(WATCH)
    lab.page.wait_for_function("() => window.overlayWatch.read()[1] === 299")


def test_the_watch_notices_a_wrong_overlay(opened):
    """A test of the test: without it, zero mismatches could mean that nothing is read."""
    opened.python("annotator.overlay.add_painter(lambda canvas, frame: bar_code(canvas, frame + 1))")
    opened.page.wait_for_function("() => window.overlayWatch.read()[1] === 1")
    wrong = [sample for sample in opened.page.evaluate(STOP) if len(set(sample)) != 1]
    assert wrong
