"""The annotator's methods for projects with the real deeplabcut, from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny

from jupytrack.dlc import extract_snapshot_for_seeding
from jupytrack.errors import AnnotationError
from jupytrack.widgets.annotator import Annotator

pytestmark = pytest.mark.deeplabcut


def off(annotator: Annotator, layer: str) -> float:
    """Median distance of a layer from the truth, in pixels."""
    ann = annotator.annotations[layer]
    traces = np.stack([ann.to_trace(label) for label in tiny.LABELS])
    return float(np.nanmedian(np.linalg.norm(traces - tiny.truth(), axis=2)))


def test_a_project_is_made_and_trained_from_a_cell(tmp_path: Path) -> None:
    annotator = Annotator(tiny.make_source(tmp_path), "iteration-0")
    try:
        annotator.ann.add([1.0, 2.0], "0", 1)
        annotator.session.go_to(7)
        project = annotator.create_dlc_project(name="dots_tiny")
        # the same variable goes on in the project
        assert Path(annotator.session.video.fname).parent == project.path / "videos"
        assert annotator.project.path == project.path
        assert annotator.session.frame == 7
        assert annotator.ann.name == "iteration-0"
        assert annotator.ann.data["0"][1] == [1, 2]
        project.settings["training"] = {"pytorch_cfg_updates": tiny.model_options()}
        with pytest.raises(AnnotationError, match="incomplete frame"):
            annotator.process_dlc_project(epochs=tiny.EPOCHS, device="cpu")
        assert annotator.process_dlc_project(maxiters=tiny.EPOCHS, device="cpu", clean=True) is not None
        # when it returns, everything is there
        name = annotator.annotations.overlay
        assert name.startswith("dlc_iteration-0_")
        assert off(annotator, name) < 5
        assert 1 not in annotator.ann.frames
        assert annotator.restore_dropped_frames() == 1
    finally:
        annotator.close()


def test_a_project_without_points_begins_with_a_seed_bundle(trained: object, tmp_path: Path) -> None:
    snapshot = trained.layout(0).best().path  # type: ignore[attr-defined]
    bundle = extract_snapshot_for_seeding(snapshot, tmp_path / "bundle", "Three dots.")
    folder = tmp_path / "new"
    folder.mkdir()
    annotator = Annotator(tiny.write_video(folder / "dots.mp4"), "iteration-0")
    try:
        annotator.create_dlc_project(name="dots_seeded", seed_bundle_path=bundle)
        assert annotator.project.body_parts == list(tiny.BODY_PARTS)
        assert annotator.annotations.overlay.startswith("dlc_iteration-0_")
        assert annotator.ann.name == "iteration-1"
        assert off(annotator, annotator.annotations.overlay) < 5
    finally:
        annotator.close()
