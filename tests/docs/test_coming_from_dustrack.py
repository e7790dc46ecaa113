"""The table of DUSTrack's names against the package, and against the reference where it is at hand."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "coming-from-dustrack.md"
REFERENCE = ROOT.parent / "shared" / "spec" / "004_fb4cd57f62ee8276.txt"
ROW = re.compile(r"^\| `([\w.]+)` \| (?:`([\w.]+)`|—) \| (same|renamed|replaced|not yet) \| (.*)\|$")
ROWS = [match.groups() for line in PAGE.read_text().splitlines() if (match := ROW.match(line))]


def _resolve(dotted: str) -> object:
    """Follow a dotted name from the package: jupytrack.a.b, or Class.member of a public class."""
    parts = dotted.split(".")
    if parts[0] != "jupytrack":
        parts.insert(0, "jupytrack")
    found = importlib.import_module("jupytrack")
    for i, part in enumerate(parts[1:], 2):
        try:
            found = getattr(found, part)
        except AttributeError:
            found = importlib.import_module(".".join(parts[:i]))
    return found


def test_the_table_is_read_whole():
    body = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert len(ROWS) == len(body) > 150


@pytest.mark.parametrize(("theirs", "ours", "status", "note"), ROWS, ids=[row[0] for row in ROWS])
def test_each_row_holds(theirs, ours, status, note):
    if status == "not yet":
        assert ours is None
        assert note.strip(), "say what to do until then"
        with pytest.raises((AttributeError, ModuleNotFoundError)):
            _resolve(theirs.replace("DUSTrack.", "Annotator.").removeprefix("dustrack."))
        return
    assert _resolve(ours) is not None
    if status == "replaced":
        assert note.strip(), "say why"


def _reference_entries() -> list[tuple[str, str]]:
    """Every documented (name, arguments) of the reference, with its class in front of a member."""
    entries, owner = [], ""
    for line in REFERENCE.read_text().splitlines():
        if match := re.match(r"- class ([\w.]+)\((.*)\)$", line):
            owner = match[1].rsplit(".", 1)[1]
            entries.append((owner, match[2]))
        elif match := re.match(r"- dustrack\.[\w.]*?(\w+)\((.*?)\)(?: \S.*)?$", line):
            entries.append((f"dustrack.{match[1]}", match[2]))
        elif match := re.match(r"- (?:classmethod |static )?(\w+)\((.*)\)(?: \S.*)?$", line):
            if owner and match[1] != "__init__":
                entries.append((f"{owner}.{match[1]}", match[2]))
        elif match := re.match(r"- property (\w+)|- ([A-Z_]{3,}) =|- (postprocess)$", line):
            entries.append((f"{owner}.{match[1] or match[2] or match[3]}", ""))
    return entries


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference text is not beside the project")
def test_every_name_of_the_reference_is_in_the_table():
    table = {row[0] for row in ROWS}
    missing = {name for name, _ in _reference_entries()} - table
    assert not missing


def _argument_names(text: str) -> list[str]:
    """Argument names of a documented signature; nested brackets hold types and defaults."""
    names, depth, current = [], 0, ""
    for character in text + ",":
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            name = re.match(r"\s*([A-Za-z_]\w*)", current)
            if name:
                names.append(name[1])
            current = ""
        else:
            current += character
    return names


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference text is not beside the project")
def test_the_same_names_take_the_same_arguments():
    ours = {theirs: name for theirs, name, status, _ in ROWS if status == "same"}
    wrong = []
    for theirs, arguments in _reference_entries():
        if theirs not in ours or not arguments:
            continue
        parameters = inspect.signature(_resolve(ours[theirs])).parameters
        wanted = _argument_names(arguments)
        lost = [name for name in wanted if name not in parameters and not name.endswith("kwargs")]
        if lost:
            wrong.append(f"{theirs}: {lost} not in {list(parameters)}")
    assert not wrong
