from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def reference_python():
    """An interpreter with DUSTrack 1.3.2, as a function that runs a script with arguments there."""
    python = os.environ.get("JUPYTRACK_REFERENCE_PYTHON")
    if not python:
        pytest.skip("JUPYTRACK_REFERENCE_PYTHON names no interpreter with DUSTrack; `make test` sets one up")

    def run(*arguments):
        environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": ""}
        done = subprocess.run(
            [python, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def openfield():
    """The folder of real labels that an old DeepLabCut wrote."""
    folder = Path(__file__).parents[2] / "../shared/data/openfield"
    if not folder.is_dir():
        pytest.skip("the real files are not there")
    return folder
