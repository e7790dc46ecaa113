"""The public names, and the walls between the rooms."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jupytrack

SOURCE = Path(jupytrack.__file__).parent
# room -> rooms it may import from at module level; a name that is a single module stands for itself
ALLOWED = {
    "errors": set(),
    "jobs": {"errors"},
    "files": {"errors"},
    "listeners": set(),
    "video": {"errors", "files", "jobs"},
    "samples": {"errors", "files", "video"},
    "annotation": {"errors", "files", "jobs", "listeners", "video"},
    "formats": {"errors", "files", "annotation", "video"},
    "flow": {"errors", "files", "jobs", "annotation", "formats", "video"},
    "dlc": {"errors", "files", "listeners", "jobs", "annotation", "formats", "video"},
    "qa": {"errors", "files", "jobs", "annotation", "formats", "flow", "video"},
}
WIDGETS = ("ipywidgets", "anywidget", "ipycanvas", "bqplot", "jupytrack.widgets")
HEAVY = (*WIDGETS, "torch", "deeplabcut", "matplotlib", "pandas", "cv2")


def test_every_public_name_resolves_and_is_listed():
    assert list(jupytrack.__all__) == sorted(jupytrack.__all__)
    for name in jupytrack.__all__:
        assert getattr(jupytrack, name) is not None
    assert set(jupytrack.__all__) <= set(dir(jupytrack))
    with pytest.raises(AttributeError, match="has no attribute 'Anotator'"):
        jupytrack.Anotator


def _loaded_by(code: str, modules: tuple[str, ...]) -> str:
    code = f"{code}\nimport sys; print([m for m in {modules!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    assert _loaded_by("import jupytrack", HEAVY) == "[]"


def test_the_core_loads_no_widget_code():
    names = ("VideoReader", "VideoAnnotation", "LayerStack", "samples", "Job")
    code = "import jupytrack; " + ", ".join(f"jupytrack.{name}" for name in names)
    assert _loaded_by(code, WIDGETS) == "[]"


def _own_imports(path: Path) -> set[str]:
    """Rooms of the package that a module imports when it is loaded (not inside functions)."""
    found = set()
    package = ("jupytrack", *path.relative_to(SOURCE).parts[:-1])

    def visit(nodes: list[ast.stmt]) -> None:
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else ()
                full = [*base, *(node.module or "").split(".")]
                names = [".".join([*filter(None, full), alias.name]) for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
                visit(node.body + node.orelse)
                continue
            elif isinstance(node, ast.Try):
                visit(node.body)
                continue
            else:
                continue
            found.update(n.split(".")[1] for n in names if n.startswith("jupytrack."))

    visit(ast.parse(path.read_text()).body)
    return found


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_data_flows_one_way(room):
    paths = (
        [SOURCE / f"{room}.py"] if (SOURCE / f"{room}.py").exists() else sorted((SOURCE / room).rglob("*.py"))
    )
    assert paths
    for path in paths:
        strangers = _own_imports(path) - ALLOWED[room] - {room}
        assert not strangers, f"{path.relative_to(SOURCE)} imports {sorted(strangers)}"
