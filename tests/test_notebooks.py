"""The tutorials run from top to bottom."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from jupytrack import samples
from jupytrack.dlc import Training
from jupytrack.errors import VideoNotFoundError

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
LEARNING = "04_deeplabcut"

# what a tutorial says in its text must come out
EXPECTED = {"03_quality": "after:  nothing flagged"}


@pytest.mark.notebook
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "path", [each for each in NOTEBOOKS if each.stem != LEARNING], ids=lambda each: each.stem
)
def test_it_runs(path, tmp_path, monkeypatch):
    assert EXPECTED.get(path.stem, "") in run(path, tmp_path, monkeypatch)


@pytest.mark.notebook
@pytest.mark.deeplabcut
@pytest.mark.filterwarnings("default")
def test_the_loop_of_learning_runs_and_the_model_gets_better(tmp_path, monkeypatch):
    path = next(each for each in NOTEBOOKS if each.stem == LEARNING)
    monkeypatch.setenv("JUPYTRACK_DEVICE_LOCKS", str(tmp_path / "locks"))
    with ended(tmp_path):
        printed = run(path, tmp_path, monkeypatch)
    assert "Warning" not in printed
    # the table at the end: median errors of both iterations, in pixels
    before, after, *_ = map(float, re.search(r"^all +(.*)$", printed, re.MULTILINE)[1].split())
    assert after < before
    trainings = sorted(tmp_path.rglob("jupytrack-training/*/state.json"))
    assert [Training(each.parent).state for each in trainings] == ["done", "done"]


def run(path, tmp_path, monkeypatch) -> str:
    """Run a notebook in a folder and return what it printed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    notebook = nbformat.read(path, as_version=4)
    if "samples.bikes(" in path.read_text(encoding="utf-8"):
        try:
            samples.bikes()
        except VideoNotFoundError as error:
            pytest.skip(f"needs the network: {error}")
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    written = [p.name for p in tmp_path.rglob("*_annotations_*.json")]
    assert written, "the tutorial saves a layer"
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


@contextlib.contextmanager
def ended(folder: Path) -> Iterator[None]:
    """Trainings outlive the kernel that began them, so end those of a notebook that failed."""
    try:
        yield
    finally:
        for state in folder.rglob("jupytrack-training/*/state.json"):
            Training(state.parent).cancel()
