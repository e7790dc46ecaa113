"""Real boxes: ground truth and results on two sequences, out of the package motmetrics."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import platformdirs
import pytest

from jupytrack.files import write_atomic

SEQUENCES = ("TUD-Campus", "TUD-Stadtmitte")
_WHEEL = "motmetrics==1.4.0"


def tud_folder() -> Path:
    """Return a folder that holds ``<sequence>/gt.txt`` and ``<sequence>/test.txt``; fetched once and kept."""
    home = platformdirs.user_cache_path("jupytrack") / "tests" / "motmetrics-1.4.0"
    names = [f"{sequence}/{name}.txt" for sequence in SEQUENCES for name in ("gt", "test")]
    if all((home / name).is_file() for name in names):
        return home
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, _WHEEL]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        except subprocess.TimeoutExpired:
            pytest.skip(f"needs the network: pip could not fetch {_WHEEL} in time")
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            pytest.skip(f"needs the network: pip could not fetch {_WHEEL}: {done.stderr.strip()[-300:]}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name in names:
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                write_atomic(home / name, wheel.read(f"motmetrics/data/{name}"))
    return home
