"""The whole loop in a real notebook with the real deeplabcut: from a bare video to a smoothed trace."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny

from jupytrack.dlc import DLCProject

pytestmark = pytest.mark.deeplabcut

OPEN = """
from pathlib import Path
import jupytrack
folder = Path({folder!r})
projects = sorted(folder.glob("*/config.yaml"))
annotator = jupytrack.open(projects[0] if projects else folder / "dots.mp4")
"""
EPOCHS = 60
AGAIN = 20


def picture(lab: Any, name: str) -> None:
    """Keep pictures to look at, if a folder is given for them: light, dark, and narrow."""
    folder = os.environ.get("JUPYTRACK_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        lab.page.wait_for_timeout(400)
        lab.page.locator(".jupytrack-annotator:visible").first.screenshot(
            path=Path(folder) / f"loop-{name}.png"
        )


def wait_for_frame(lab: Any, frame: int) -> None:
    lab.page.wait_for_function(
        """frame => [...document.querySelectorAll('.jupytrack-canvas')]
          .some(root => root.jupytrack?.shownFrame() === frame)""",
        arg=frame,
    )


def wait_for_epoch(lab: Any, epoch: int) -> None:
    """Wait until the panel shows that this epoch was reached."""
    lab.page.wait_for_function(
        """epoch => {
          const text = document.querySelector('.jupytrack-training')?.innerText;
          return Number(/epoch (\\d+) of/.exec(text)?.[1] ?? 0) >= epoch;
        }""",
        arg=epoch,
        timeout=120_000,
    )


def button(lab: Any, name: str) -> Any:
    return lab.page.locator(f".jupytrack-command-{name}:visible")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    tiny.make_source(tmp_path)
    yield tmp_path
    # a training outlives the notebook, and would outlive a test that failed
    for config in tmp_path.glob("*/config.yaml"):
        for training in DLCProject(config.parent).trainings:
            training.cancel()


@pytest.mark.filterwarnings("default")
def test_the_whole_loop(lab: Any, folder: Path) -> None:
    page = lab.page
    page.set_viewport_size({"width": 1500, "height": 1700})
    os_locks = f"import os; os.environ['JUPYTRACK_DEVICE_LOCKS'] = {str(folder / 'locks')!r}\n"
    lab.open(os_locks + OPEN.format(folder=str(folder)), "annotator")

    # a project of the bare video, by the form; it goes on in the copy
    button(lab, "create_dlc_project").click()
    form = page.locator(".jupytrack-form")
    name = form.locator("input").first
    assert name.input_value() == "dots_iteration-0"
    name.fill("dots")
    form.locator("button.jupytrack-default").click()
    form.locator(".jupytrack-form-message", has_text="underscore").wait_for()
    picture(lab, "create")
    name.fill("dots_tiny")
    name.press("Enter")
    page.locator(".jupytrack-project", has_text="dots_tiny").wait_for(timeout=120_000)
    lab.wait_for_canvas()
    video = Path(lab.value("str(annotator.session.video.fname)"))
    assert video.parent.name == "videos"
    assert video.parents[1].parent == folder
    assert lab.value("annotator.ann.name") == "iteration-0"
    assert len(lab.value("annotator.ann.frames")) == len(tiny.LABELLED)

    # a training by the form; the tiny network is the project's setting
    kept = {"pytorch_cfg_updates": tiny.model_options(), "epochs": EPOCHS, "device": "cpu"}
    lab.python(f"import json; annotator.project.settings['training'] = json.loads({json.dumps(kept)!r})")
    button(lab, "process_dlc_project").click()
    form.locator(".widget-inline-hbox, .widget-hbox").first.wait_for()
    picture(lab, "train")
    form.locator("button.jupytrack-default").click()
    training = page.locator(".jupytrack-training")
    training.wait_for(timeout=60_000)
    wait_for_epoch(lab, 2)
    picture(lab, "training")

    # the kernel is restarted in the middle of it: it goes on, and is shown again by itself
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    lab.wait_for_value("'annotator' in globals()", False, 60)
    page.evaluate("() => document.querySelectorAll('.jp-OutputArea-output').forEach(one => one.remove())")
    lab.run_all()
    lab.wait_for_canvas()
    training.wait_for(timeout=60_000)
    assert lab.value("annotator.project.training.state") == "running", "it ended before it was looked at"
    epoch = lab.value("annotator.project.training.epoch")
    assert epoch < EPOCHS
    wait_for_epoch(lab, epoch + 1)
    picture(lab, "again")
    page.locator(".jupytrack-notice", has_text="Iteration 0 is trained").wait_for(timeout=600_000)
    overlay = lab.value("annotator.annotations.overlay")
    assert overlay.startswith("dlc_iteration-0_")
    (prediction,) = (video.parent / "iteration-0").glob("*.h5")
    assert tiny.distance(prediction) < 5
    training.locator("button", has_text="Close").click()
    picture(lab, "predicted")

    # a wrong point is corrected by hand, in the layer for the next iteration, and spliced into the trace
    assert lab.value("annotator.ann.name") == "iteration-1"
    lab.python("annotator.session.go_to(10)")
    wait_for_frame(lab, 10)
    button(lab, "copy_annotations_from_overlay").click()
    lab.wait_for_value("len(annotator.ann.get_at_frame(10))", 3)
    page.locator(".jupytrack-canvas:visible").focus()
    before = lab.value("list(annotator.ann.data['0'][10])")
    page.keyboard.press("Shift+ArrowRight")
    lab.wait_for_value("list(annotator.ann.data['0'][10])", [before[0] + 1, before[1]])
    button(lab, "apply_manual_corrections").click()
    lab.wait_for_value("annotator.annotations.active", "dlccorr")
    assert lab.value("annotator.annotations.overlay") == "iteration-1_manual_corrections"
    assert lab.value("list(annotator.ann.data['0'][10])") == [before[0] + 1, before[1]]
    assert lab.value("len(annotator.ann.data['0'])") == tiny.FRAMES
    assert not (video.parent / "dots_annotations_iteration-1.json").exists()
    picture(lab, "corrected")

    # retrained; a frame that lacks body parts is asked about first
    lab.python(
        "annotator.annotations.active = 'iteration-1_manual_corrections'\nannotator.ann.add([5, 5], '0', 20)"
    )
    lab.python(
        f"kept = annotator.project.settings; kept['training'] = kept['training'] | {{'epochs': {AGAIN}}}"
    )
    button(lab, "process_dlc_project").click()
    chosen = form.locator("select").first.evaluate("e => e.selectedOptions[0].text")
    assert chosen.replace("\u00a0", " ") == "A snapshot of this project"
    form.locator("button.jupytrack-default").click()
    dialog = page.locator(".jupytrack-preflight", has_text="1 incomplete frame (20; lacking 1, 2)")
    dialog.wait_for()
    picture(lab, "preflight")
    dialog.locator("button", has_text="Save and clean").click()
    page.locator(".jupytrack-notice", has_text="Iteration 1 is trained").wait_for(timeout=600_000)
    assert 20 not in lab.value("annotator.ann.frames")
    assert list(video.parent.glob("*iteration-1_manual_corrections.jupytrack-dropped-incomplete-*"))
    assert lab.value("annotator.annotations.overlay").startswith("dlc_iteration-1_")

    # what changed is shown by itself; a click goes to the frame
    changes = page.locator(".jupytrack-comparison")
    changes.wait_for()
    assert "iteration-0" in changes.inner_text()
    # two good models hardly differ: list even the smallest moves
    lab.python("annotator.compare_iterations(min_times=0.5, min_scale=0.01)")
    changes.locator("option").first.wait_for(state="attached")
    picture(lab, "compared")
    worst = lab.value("int(annotator.project_panel.comparison.found.moves['worst'].iloc[0])")
    lab.python(f"annotator.session.go_to({(worst + 7) % tiny.FRAMES})")
    changes.locator("select").first.select_option(index=0)
    wait_for_frame(lab, worst)
    if os.environ.get("JUPYTRACK_SCREENSHOTS"):
        lab.python("annotator.session.theme = 'dark'")
        picture(lab, "compared-dark")
        page.set_viewport_size({"width": 800, "height": 3000})
        picture(lab, "compared-narrow")
        page.set_viewport_size({"width": 1500, "height": 1700})

    # and smoothed
    lab.python("annotator.annotations.active = 'dlccorr'")
    button(lab, "process_with_lk").click()
    lab.wait_for_value("'lkmovavg' in annotator.annotations.active", True, 60)
    assert lab.value("annotator.annotations.overlay") == "dlccorr"
    assert lab.value("len(annotator.ann.data['0'])") > tiny.FRAMES // 2
    # nothing of it disturbed the original
    points = json.loads((folder / "dots_annotations_iteration-0.json").read_text())
    assert len(points["0"]) == len(tiny.LABELLED)
