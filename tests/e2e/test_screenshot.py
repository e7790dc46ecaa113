"""The picture in the README, and that nothing in it is cut off."""

from __future__ import annotations

import os
from pathlib import Path

IMAGE = Path(__file__).parents[2] / "docs" / "images" / "annotator.png"
OPEN = """
import shutil, tempfile
from pathlib import Path
import numpy as np
import jupytrack
sample = jupytrack.samples.ultrasound()
video = Path(tempfile.mkdtemp()) / "forearm.mp4"
shutil.copy(sample, video)
annotator = jupytrack.open(video, n_labels=3)
truth = jupytrack.VideoAnnotation(vname=str(video), name="model", n_labels=3)
every = np.arange(len(annotator.data))
random = np.random.default_rng(0)
for i, label in enumerate(truth.labels):
    truth.set_points(label, every, sample.truth[i] + random.normal(0, 1.0, (len(every), 2)))
    annotator.ann.set_points(label, every[4::9], sample.truth[i, 4::9])
annotator.add_annotation_layers([truth])
annotator.annotations.overlay = "model"
annotator.session.frame = 121
annotator.save()
truth.save()
"""
CUT_OFF = """() => {
  const root = document.querySelector('.jupytrack-annotator');
  const outer = root.getBoundingClientRect();
  return [...root.querySelectorAll('button, input, select, canvas, .bqplot')].filter(element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && (box.right > outer.right + 1 || box.left < outer.left - 1);
  }).map(element => element.outerHTML.slice(0, 120));
}"""


def test_the_picture_in_the_readme(lab, tmp_path):
    lab.open(OPEN, "annotator")
    lab.page.locator(".jp-CodeCell .jp-InputArea-editor").first.evaluate(
        "e => e.closest('.jp-Cell').remove()"
    )
    lab.page.locator(".bqplot").last.wait_for()
    lab.page.wait_for_function(
        "() => document.querySelector('.jupytrack-canvas').jupytrack.shownFrame() === 121"
    )
    lab.page.mouse.move(5, 5)
    for close in lab.page.locator(".jupytrack-canvas [aria-label='Dismiss']").all():
        close.click()
    # high enough for all of it
    lab.page.set_viewport_size({"width": 1500, "height": 1500})
    lab.page.wait_for_timeout(500)
    annotator = lab.page.locator(".jupytrack-annotator").first
    taken = annotator.screenshot(path=tmp_path / "annotator.png")
    assert len(taken) > 50_000, "an empty picture compresses to less"
    assert lab.page.evaluate(CUT_OFF) == []
    if os.environ.get("JUPYTRACK_SCREENSHOT"):
        IMAGE.write_bytes(taken)
    assert IMAGE.exists(), "run `make screenshot`"
