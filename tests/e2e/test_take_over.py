"""One layer in two notebooks: the second is told, either may take it over, and nothing confirmed is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupytrack import samples

HANDLE = "document.querySelector('.jupytrack-canvas').jupytrack"
POINTS = "{str(n): annotator.ann.data['0'][n] for n in annotator.ann.get_frames('0')}"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return samples.ultrasound(40, (320, 240), folder=tmp_path).video


def opening(video: Path) -> tuple[str, str]:
    return f"import jupytrack\nannotator = jupytrack.open({str(video)!r})", "annotator"


def place(notebook: Any, frame: int, x: float, y: float) -> None:
    """Put a point with the mouse, on a frame gone to with the keys; above where notices appear."""
    page = notebook.page
    page.bring_to_front()
    page.locator(".jupytrack-stage").scroll_into_view_if_needed()
    page.locator(".jupytrack-canvas").focus()
    page.keyboard.press("Home")
    page.wait_for_function(f"() => {HANDLE}.shownFrame() === 0")
    for n in range(frame):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"n => {HANDLE}.shownFrame() === n", arg=n + 1)
    at = page.evaluate(f"([x, y]) => {HANDLE}.imageToClient(x, y)", [x, y])
    page.mouse.click(at["x"], at["y"], button="right")


def place_and_confirm(notebook: Any, frame: int, x: float, y: float) -> None:
    place(notebook, frame, x, y)
    notebook.wait_for_value(f"{frame} in annotator.ann.get_frames('0')", True)
    notebook.wait_for_value("annotator.ann.history.all_confirmed", True)
    notebook.page.wait_for_function(f"() => {HANDLE}.stats().edits.size === 0")


def banner(notebook: Any, text: str) -> Any:
    notebook.page.bring_to_front()
    found = notebook.page.locator(".jupytrack-banner:visible", has_text=text)
    found.wait_for()
    return found


def take_over(notebook: Any) -> None:
    banner(notebook, "process").get_by_role("button", name="Take over…").click()
    banner(notebook, "Take over layer").get_by_role("button", name="Take over", exact=True).click()


def test_two_notebooks_take_a_layer_from_each_other(lab, video):
    lab.page.context.on("dialog", lambda dialog: dialog.accept())
    lab.open(*opening(video))
    place_and_confirm(lab, 1, 50, 30)
    other = lab.another()
    other.open(*opening(video))
    # the second is told, and may not edit
    assert other.value("annotator.session.read_only") is True
    before = other.value(POINTS)
    place(other, 2, 60, 30)
    other.page.locator(".jupytrack-notice", has_text="process").first.wait_for()
    assert other.value(POINTS) == before
    take_over(other)
    other.wait_for_value("annotator.session.read_only", False)
    assert list(other.value(POINTS)) == ["1"]
    place_and_confirm(other, 2, 60, 30)
    # the first hears of it with its next edit, which is not confirmed any more
    place(lab, 3, 70, 30)
    banner(lab, "process")
    lab.wait_for_value("annotator.session.read_only", True)
    take_over(lab)
    # what only it had is a version to choose
    both = banner(lab, "never saw an edit of ours")
    both.get_by_role("button", name="Take the other one's").click()
    lab.wait_for_value("annotator.session.read_only", False)
    assert list(lab.value(POINTS)) == ["1", "2"]
    # nor is it on the screen any more
    lab.page.wait_for_function(f"() => {HANDLE}.stats().edits.size === 0 && {HANDLE}.points().length === 0")
    assert list(video.parent.glob("*.ours-*"))
    place_and_confirm(lab, 4, 80, 30)
    # and the other way round
    place(other, 5, 90, 30)
    take_over(other)
    banner(other, "never saw an edit of ours").get_by_role("button", name="Keep our version").click()
    other.wait_for_value("annotator.session.read_only", False)
    assert sorted(other.value(POINTS)) == ["1", "2", "5"]
    assert list(video.parent.glob("*.theirs-*"))
    other.page.locator(".jupytrack-canvas").focus()
    other.page.keyboard.press("Control+z")
    other.wait_for_value(f"list({POINTS})", ["1", "2", "4"])
