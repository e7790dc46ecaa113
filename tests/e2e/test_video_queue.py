"""The videos of a project in a real notebook: each is found again as it was left, by key, button and list."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from projects import LENGTHS, make_trained_project

SHOWN = "[...document.querySelectorAll('.jupytrack-canvas')].find(root => root.checkVisibility())"
ALL = "[...document.querySelectorAll('.jupytrack-canvas')].map(root => root.jupytrack)"
FOCUSED = f"() => document.activeElement === {SHOWN}"
# what sticks out to the side, or is covered by what it should not be
CUT_OFF = """() => {
  const root = document.querySelector('.jupytrack-queue');
  const outer = root.getBoundingClientRect();
  const inside = [...root.querySelectorAll('button, input, select, canvas, .bqplot, .jupytrack-queue-title')];
  return inside.filter(element => {
    const box = element.getBoundingClientRect();
    // the margin of a plot may be cut
    const margin = element.matches('.bqplot') ? 8 : 1;
    return box.width > 0 && (box.right > outer.right + margin || box.left < outer.left - 1);
  }).map(element => element.outerHTML.slice(0, 120));
}"""
OVERLAPPING = """() => {
  const line = document.querySelector('.jupytrack-queue-bar').children[0];
  const boxes = [...line.children].map(element => element.getBoundingClientRect());
  const found = [];
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, j) => {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 1 && down > 1) found.push([i, i + 1 + j]);
  }));
  return found;
}"""


@pytest.fixture
def project(tmp_path):
    return make_trained_project(tmp_path)


@pytest.fixture
def opened(lab, project):
    lab.open(f"import jupytrack\nqueue = jupytrack.open({str(project)!r})", "queue", "below = 1")
    lab.page.evaluate("() => document.querySelector('.jupytrack-queue').scrollIntoView()")
    lab.page.evaluate(f"() => {SHOWN}.focus()")
    return lab


def shown(lab, expression):
    return lab.page.evaluate(f"() => {SHOWN}.jupytrack.{expression}")


def wait_for_video(lab, number, frame=None):
    """Wait until a video is on the screen, with the focus on its picture."""
    lab.page.wait_for_function(f"""() => {{
      const title = document.querySelector('.jupytrack-queue-title').textContent;
      const root = {SHOWN};
      return title.includes('clip{number}.mp4') && root && root.jupytrack.shownFrame() >= 0
        && root.querySelector('.jupytrack-count').textContent.includes('{LENGTHS[number] - 1}');
    }}""")
    if frame is not None:
        lab.page.wait_for_function(f"() => {SHOWN}.jupytrack.shownFrame() === {frame}")


def picture(lab, name):
    """Keep a picture to look at, if a folder is given for it."""
    folder = os.environ.get("JUPYTRACK_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        lab.page.wait_for_timeout(400)
        lab.page.screenshot(path=Path(folder) / f"queue-{name}.png")


def test_every_video_is_found_again_as_it_was_left(opened):
    page = opened.page
    wait_for_video(opened, 0, 0)
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    wait_for_video(opened, 0, 7)
    # zoom at a place, and pan
    box = page.locator(".jupytrack-picture").first.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.wheel(0, -300)
    page.keyboard.press("j")
    page.keyboard.press("t")
    opened.wait_for_value("queue.ann.get_frames('0')", [7])
    page.keyboard.press("'")
    opened.wait_for_value("queue.session.label", "1")
    page.keyboard.press("]")
    opened.wait_for_value("queue.annotations.overlay", "iteration-0")
    page.keyboard.press("z")
    page.keyboard.press("ArrowRight")
    wait_for_video(opened, 0, 8)
    page.keyboard.press("z")
    opened.wait_for_value("queue.session.interval", [7, 8])
    opened.python("queue.active.traces.zoom(2); queue.active.freeze_plot_axes()")
    view, traces = shown(opened, "view()"), opened.value("queue.traces.view")
    assert view["zoom"] > 1.5
    picture(opened, "left")

    page.keyboard.press("Alt+ArrowRight")
    wait_for_video(opened, 1, 0)
    page.wait_for_function(FOCUSED)
    assert opened.value("queue.active_index") == 1
    assert page.locator(".jupytrack-canvas:visible").count() == 1
    # nothing of the first one is kept to be quick
    stats = page.evaluate(f"() => {ALL}[0].stats()")
    assert (stats["frames"]["pictures"], stats["frames"]["stills"], stats["overlays"]["recordings"]) == (
        0,
        0,
        0,
    )
    # keys are the second one's now
    page.keyboard.press("End")
    wait_for_video(opened, 1, LENGTHS[1] - 1)
    page.keyboard.press("r")
    assert page.evaluate(f"() => {ALL}[0].view()") == view
    assert page.evaluate(f"() => {ALL}[0].targetFrame()") == 8
    opened.wait_for_value("queue.annotators[0].session.frame", 8)
    assert opened.value("queue.unsaved") == [True, False, False]

    # twice, faster than a video can be made
    page.keyboard.press("Alt+ArrowRight")
    wait_for_video(opened, 2, 0)
    page.wait_for_function(FOCUSED)
    page.keyboard.press("Alt+ArrowRight")
    page.keyboard.press("Alt+ArrowLeft")
    wait_for_video(opened, 1, LENGTHS[1] - 1)
    page.wait_for_function(FOCUSED)
    page.keyboard.press("Alt+ArrowLeft")
    wait_for_video(opened, 0, 8)
    page.wait_for_function(FOCUSED)
    assert shown(opened, "view()") == view
    assert opened.value("queue.traces.view") == traces
    assert opened.value("queue.traces.frozen")
    assert opened.value("[queue.annotations.overlay, queue.session.label]") == ["iteration-0", "1"]
    assert opened.value("queue.session.interval") == [7, 8]
    assert opened.value("queue.ann.get_frames('0')") == [7]
    # before the first one there is none, and the browser does not leave the page either
    page.keyboard.press("Alt+ArrowLeft")
    page.keyboard.press("ArrowLeft")
    wait_for_video(opened, 0, 7)
    assert [point["label"] for point in shown(opened, "points()")] == ["0"]
    page.keyboard.press("s")
    opened.wait_for_value("queue.unsaved", [False, False, False])
    assert opened.value("3 * 3") == 9
    cells = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"
    assert page.evaluate(cells) == 3


def test_buttons_the_list_and_where_the_keys_go_then(opened):
    page = opened.page
    bar = page.locator(".jupytrack-queue-bar")
    bar.locator(".jupytrack-command-swap_next").click()
    wait_for_video(opened, 1, 0)
    page.wait_for_function(FOCUSED)
    page.keyboard.press("ArrowRight")
    wait_for_video(opened, 1, 1)
    opened.wait_for_value("[a and a.session.frame for a in queue.annotators]", [0, 1, None])
    bar.locator("select").first.select_option(index=2)
    wait_for_video(opened, 2, 0)
    assert bar.locator(".jupytrack-command-swap_next").is_disabled()
    bar.locator(".jupytrack-command-swap_prev").click()
    wait_for_video(opened, 1, 1)
    page.wait_for_function(FOCUSED)
    bar.get_by_role("button", name="Remove").click()
    wait_for_video(opened, 2, 0)
    opened.wait_for_value("[path.name for path in queue.videos]", ["clip0.mp4", "clip2.mp4"])
    bar.get_by_role("button", name="Add…").click()
    picture(opened, "adding")
    bar.get_by_role("button", name="Add to the queue").click()
    wait_for_video(opened, 1, 0)
    opened.wait_for_value("[path.name for path in queue.videos][2]", "clip1.mp4")
    # the sheet of keys lists what there is here
    page.evaluate(f"() => {SHOWN}.focus()")
    page.keyboard.press("?")
    page.locator("dialog:visible", has_text="Next video of the queue").wait_for()
    page.keyboard.press("Escape")


def test_what_plays_stops_and_the_whole_window_goes_along(opened):
    page = opened.page
    page.keyboard.press("Space")
    opened.wait_for_value("queue.session.playing", True)
    page.keyboard.press("Control+Enter")
    page.wait_for_function(f"() => {SHOWN}.classList.contains('jupytrack-full')")
    page.keyboard.press("Alt+ArrowRight")
    wait_for_video(opened, 1, 0)
    page.wait_for_function(f"() => {SHOWN}.classList.contains('jupytrack-full')")
    page.wait_for_function(FOCUSED)
    opened.wait_for_value("queue.annotators[0].session.playing", False)
    target = page.evaluate(f"() => {ALL}[0].targetFrame()")
    page.wait_for_timeout(300)
    assert page.evaluate(f"() => {ALL}[0].targetFrame()") == target
    page.keyboard.press("Escape")
    page.wait_for_function(f"() => !{SHOWN}.classList.contains('jupytrack-full')")
    # an edit from a script shows when the video is shown again
    opened.python("queue.annotators[0].session.go_to(3); queue.annotators[0].session.place('1', 3, 90, 60)")
    page.keyboard.press("Alt+ArrowLeft")
    wait_for_video(opened, 0, 3)
    page.wait_for_function(f"() => {SHOWN}.jupytrack.points().some(point => point.label === '1')")
    assert page.locator(".jupytrack-full").count() == 0


def test_the_queue_is_there_after_the_page_is_loaded_again(opened):
    page = opened.page
    page.keyboard.press("Alt+ArrowRight")
    wait_for_video(opened, 1, 0)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    opened.wait_for_canvas()
    page.evaluate("() => document.querySelector('.jupytrack-queue').scrollIntoView()")
    wait_for_video(opened, 1, 0)
    page.evaluate(f"() => {SHOWN}.focus()")
    # its plots were made while they were hidden
    page.keyboard.press("Alt+ArrowLeft")
    wait_for_video(opened, 0, 0)
    width = page.evaluate("""() => [...document.querySelectorAll('.jupytrack-traces .bqplot')]
      .filter(element => element.offsetParent).map(element => element.querySelector('svg').clientWidth)""")
    assert len(width) == 2
    assert min(width) > 300


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1500, 800])
def test_nothing_overlaps_or_is_cut_off(opened, theme, width):
    page = opened.page
    page.set_viewport_size({"width": width, "height": 1150})
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
        f"JupyterLab {theme.title()}",
    )
    page.evaluate("() => document.querySelector('.jupytrack-queue').scrollIntoView()")
    wait_for_video(opened, 0, 0)
    page.keyboard.press("t")
    page.keyboard.press("Alt+ArrowRight")
    wait_for_video(opened, 1, 0)
    picture(opened, f"{theme}-{width}")
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(OVERLAPPING) == []
    # the name is not squeezed away
    assert page.locator(".jupytrack-queue-name").bounding_box()["width"] > 60


def test_an_annotator_of_a_bare_video_leaves_the_page_alone(lab, project):
    bare = project.parent / "bare.mp4"
    bare.write_bytes((project / "videos" / "clip0.mp4").read_bytes())
    lab.open(f"import jupytrack\nannotator = jupytrack.open({str(bare)!r})", "annotator")
    page = lab.page
    page.locator(".jupytrack-canvas").focus()
    url = page.url
    page.keyboard.press("Alt+ArrowLeft")
    page.keyboard.press("Alt+ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"() => {SHOWN}.jupytrack.shownFrame() === 1")
    assert page.url == url
    page.keyboard.press("?")
    page.locator("dialog:visible").wait_for()
    assert page.locator("dialog:visible", has_text="video of the queue").count() == 0
    page.keyboard.press("Escape")
    # where it goes on, the keys find the queue
    lab.python(f"queue = jupytrack.open({str(project)!r}); annotator.continue_in(queue)")
    page.locator(".jupytrack-queue").wait_for()
    wait_for_video(lab, 0, 0)
    page.evaluate(f"() => {SHOWN}.focus()")
    page.keyboard.press("Alt+ArrowRight")
    wait_for_video(lab, 1, 0)
    assert lab.value("annotator.active_index") == 1
