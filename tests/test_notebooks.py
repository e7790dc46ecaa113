"""The tutorials run from top to bottom."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from jupytrack import samples
from jupytrack.errors import VideoNotFoundError

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

# what a tutorial says in its text must come out
EXPECTED = {"03_quality": "after:  nothing flagged"}


@pytest.mark.notebook
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_it_runs(path, tmp_path, monkeypatch):
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
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    written = [p.name for p in tmp_path.rglob("*_annotations_*.json")]
    assert written, "the tutorial saves a layer"
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert EXPECTED.get(path.stem, "") in printed
