"""The wheel works where there is no Node, as it must for everybody who installs it with pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None:
        pytest.skip("building from a checkout needs npm")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)], check=True)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_carries_the_bundle_and_no_sources_of_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "jupytrack/static/widget.js" in names
    assert "jupytrack/static/widget.css" in names
    assert "jupytrack/py.typed" in names
    assert any(name.endswith("etc/jupyter/jupyter_server_config.d/jupytrack.json") for name in names)
    assert not [name for name in names if name.endswith(".ts") or "node_modules" in name or "tests" in name]


def test_it_installs_and_works_without_node(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    kept = [folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "node").exists()]
    environment = {**os.environ, "PATH": os.pathsep.join(kept)}
    environment.pop("PYTHONPATH", None)
    assert shutil.which("node", path=environment["PATH"]) is None
    (sdist,) = wheel.parent.glob("*.tar.gz")
    for package in (wheel, sdist):
        options = ["--no-deps", "--force-reinstall"] if package is sdist else []
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *options, str(package)], check=True, env=environment
        )
        code = (
            "import jupytrack\n"
            "annotator = jupytrack.open(jupytrack.samples.ultrasound())\n"
            "annotator.ann.add([10.5, 20.25], '0', 3)\n"
            "annotator.save()\n"
            "assert len(annotator.canvas._esm) > 10_000\n"
            "print(annotator.ann.data['0'][3])\n"
        )
        run = subprocess.run(
            [python, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path
        )
        assert run.returncode == 0, run.stderr
        assert run.stdout.strip().endswith("[10.5, 20.25]")
