from __future__ import annotations

import pytest
from trainings import make_project

from jupytrack.widgets.annotator import Annotator


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "reach_01-me-2030-01-01"


@pytest.fixture
def opened(folder, clip):
    """Give an annotator on the video of a project that is not trained yet."""
    annotator = Annotator(make_project(folder, clip), "iteration-0", n_labels=2)
    yield annotator
    annotator.close()
