"""Two kernels that take a layer and its marks from each other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupytrack.formats import dustrack, read_layer


class Kernel:
    """A process with a layer open, which does as it is told."""

    def __init__(self, path: Path, *, steal: bool = False) -> None:
        script = Path(__file__).with_name("take_over_run.py")
        command = [sys.executable, str(script), str(path), "steal" if steal else ""]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "ready\n"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def __call__(self, *action: Any) -> dict[str, Any]:
        """Do it and return how things stand."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(action) + "\n")
        self.process.stdin.flush()
        state: dict[str, Any] = json.loads(self._line())
        return state

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "v_annotations_x.json"


@pytest.fixture
def kernels(path: Path) -> Iterator[tuple[Kernel, Kernel]]:
    """The victim, with points on frames 1 and 2 (the first one saved), and the thief, with another on 3."""
    victim = Kernel(path)
    victim("add", 1)
    victim("save")
    victim("add", 2)
    victim("mark", 10)
    thief = Kernel(path, steal=True)
    assert thief("add", 3)["frames"] == [1, 2, 3]
    yield victim, thief
    victim.end()
    thief.end()


@pytest.mark.parametrize("saved", [False, True])
def test_a_victim_that_edited_nothing_takes_over_what_the_other_left(kernels, saved):
    victim, thief = kernels
    if saved:
        thief("save")
    assert thief("mark", 20)["marks"] == [10, 20]
    state = victim("take over")
    assert state["error"] == ""
    assert (state["frames"], state["marks"]) == ([1, 2, 3], [10, 20])
    assert (state["conflict"], state["read_only"], state["lost"]) == (None, False, False)
    assert victim("undo")["frames"] == [1, 2]
    assert victim("add", 4)["frames"] == [1, 2, 4]
    # And back again: now the other one is the victim.
    assert thief("add", 9)["frames"] == [1, 2, 3, 9]
    state = thief("add", 8)
    assert state["read_only"]
    assert "taken over" in state["error"]
    assert victim("save")["error"] == ""


@pytest.mark.parametrize("noticed", [False, True])
@pytest.mark.parametrize("keep", ["journal", "file"])
def test_edits_that_the_other_never_saw_are_a_version_to_choose(kernels, path, noticed, keep):
    victim, thief = kernels
    state = victim("add", 5)
    assert state["read_only"]
    if noticed:
        assert "taken over" in victim("add", 6)["error"]
    thief("save")
    state = victim("take over")
    assert state["frames"] == [1, 2, 3]
    assert state["read_only"]
    assert not state["lost"]
    problem, edits = state["conflict"]
    assert "never saw an edit of ours" in problem
    assert edits == 1
    (ours,) = path.parent.glob("*.ours-*Z")
    assert any(ours.name in message for message in state["messages"])
    assert sorted(dustrack.read(ours).to_mapping()["0"]) == [1, 2, 5]
    state = victim("resolve", keep)
    assert (state["conflict"], state["read_only"], state["error"]) == (None, False, "")
    theirs = [sorted(dustrack.read(kept).to_mapping()["0"]) for kept in path.parent.glob("*.theirs-*Z")]
    if keep == "journal":
        assert state["frames"] == [1, 2, 5]
        assert theirs == [[1, 2, 3]]
        assert victim("undo")["frames"] == [1, 2, 3]
    else:
        assert state["frames"] == [1, 2, 3]
        assert theirs == []
    frames = victim("add", 7)["frames"]
    assert 7 in frames
    assert victim("save")["error"] == ""
    assert sorted(read_layer(path).to_mapping()["0"]) == frames


def test_marks_of_both_are_merged(kernels):
    victim, thief = kernels
    thief("mark", 20)
    thief("mark", 10)
    assert thief("interval", 3, 4)["intervals"] == [[3, 4]]
    victim("mark", 30)
    state = victim("take over")
    assert state["marks"] == [20, 30]
    assert state["intervals"] == [[3, 4]]
    assert any("marks" in message for message in state["messages"])
    assert victim("mark", 40)["marks"] == [20, 30, 40]
    # What the thief now adds alone goes with what it takes back.
    thief("interval", 7, 8)
    state = thief("take over")
    assert (state["marks"], state["intervals"]) == ([20, 30, 40], [[3, 4], [7, 8]])
    assert is_settled(thief)


def is_settled(kernel: Kernel) -> bool:
    state = kernel("state")
    return not (state["read_only"] or state["lost"] or state["conflict"])


def test_a_confirmed_edit_of_the_other_survives_its_death(kernels):
    victim, thief = kernels
    thief("add", 4)
    thief.process.kill()
    thief.process.wait()
    assert victim("take over")["frames"] == [1, 2, 3, 4]
    assert victim("add", 5)["error"] == ""
