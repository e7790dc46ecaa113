"""A kernel that is gone is told, and nothing looks as if it were kept."""

from __future__ import annotations

import pytest
from test_keys import HANDLES, right_click

from jupytrack import samples


@pytest.mark.parametrize("how", ["killed", "shut down"])
def test_a_lost_kernel_is_told_and_edits_stay_unconfirmed(lab, tmp_path, how):
    video = str(samples.ultrasound(40, (320, 240), folder=tmp_path).video)
    page = lab.page
    lab.open(f"import jupytrack\nannotator = jupytrack.open({video!r})", "annotator")
    right_click(lab, 0, 100, 80)
    lab.wait_for_value("annotator.ann.get_frames('0')", [0])
    lab.wait_for_value("annotator.session.save_state", "unsaved")
    page.wait_for_function(f"() => {HANDLES}[0].stats().edits.size === 0")
    if how == "killed":
        page.evaluate(
            """() => {
              const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
              const code = 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)';
              window.lost = new Promise(done => kernel.statusChanged.connect((_, status) => {
                if (['dead', 'restarting', 'autorestarting'].includes(status)) done(status);
              }));
              void kernel.requestExecute({code}).done.catch(() => null);
            }"""
        )
        page.evaluate("() => window.lost")
        page.locator(".jp-Dialog button", has_text="Ok").click()
    else:
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.locator(".jupytrack-canvas").focus()
    told = page.locator(".jupytrack-notice", has_text="The kernel is gone")
    for _ in range(3):
        right_click(lab, 0, 150, 120)
        page.keyboard.press("End")
        page.keyboard.press("y")
    right_click(lab, 0, 200, 150)
    told.wait_for()
    assert told.count() == 1
    assert "Run the cell again" in told.inner_text()
    assert page.evaluate(f"() => {HANDLES}[0].stats().edits.size") >= 1
    assert [point["x"] for point in page.evaluate(f"() => {HANDLES}[0].points()")] == pytest.approx(
        [200], abs=1
    )
    # that no error was raised on the page is checked after every test
