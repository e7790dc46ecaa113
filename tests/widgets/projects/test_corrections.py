"""Corrections spliced into a trace, and layers that a program made."""

from __future__ import annotations

import pytest
from trainings import notices

from jupytrack.errors import AnnotationError


def test_corrections_are_applied_by_the_button(annotator):
    seen = notices(annotator)
    button = annotator.project_panel.buttons["apply_manual_corrections"]
    assert not button.disabled
    button.click()
    assert annotator.ann.name == annotator.CORRECTIONS_LAYER_NAME == "dlccorr"
    assert annotator.annotations.overlay == f"iteration-0{annotator.MANUAL_CORRECTIONS_SUFFIX}"
    assert "9 points of 'iteration-0_manual_corrections'" in seen[-1]
    assert button.disabled
    assert annotator.session.status["unsaved"]["dlccorr"]["total"] == 0
    annotator.annotations.overlay = None
    annotator.annotations.active = "model"
    with pytest.raises(ValueError, match="No overlay layer"):
        annotator.apply_manual_corrections()


def test_layers_made_by_a_program_are_not_discarded_and_easily_removed(annotator):
    annotator.apply_manual_corrections()
    annotator.ann.add([1.0, 1.0], "0", 0)
    with pytest.raises(AnnotationError, match="Remove layer"):
        annotator.discard_unsaved_annotations()
    seen = notices(annotator)
    annotator.run_command("discard_unsaved_annotations")
    assert "Remove layer" in seen[0]
    assert not annotator.question.shown
    annotator.run_command("remove_current_layer")
    remove, keep = annotator.question.buttons.children
    assert (remove.button_style, keep.button_style) == ("primary", "")
    assert "can be made again" in annotator.question.text.value
    remove.click()
    assert "dlccorr" not in annotator.annotations.names
    annotator.annotations.active = "iteration-0_manual_corrections"
    annotator.run_command("remove_current_layer")
    remove, keep = annotator.question.buttons.children
    assert (remove.button_style, keep.button_style) == ("danger", "primary")


def test_the_last_layer_is_not_even_asked_about(annotator):
    annotator.remove_current_layer()
    seen = notices(annotator)
    annotator.run_command("remove_current_layer")
    assert not annotator.question.shown
    assert "cannot be removed" in seen[0]
