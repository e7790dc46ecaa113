"""What was confirmed survives a killed process, whenever it is killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from editing_run import FRAMES, point

from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.points import VideoAnnotation

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="processes are killed in another way here"
)


def run_and_kill(path: Path, first: int, save_every: int, chance: random.Random, in_save: bool) -> list[str]:
    """Edit in a process of its own, kill it at a random moment, and return the ids that it had confirmed."""
    script = Path(__file__).with_name("editing_run.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(path), str(first), str(save_every)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = []
        wanted = chance.randrange(1, 60)
        for line in process.stdout:
            lines.append(line.strip())
            if in_save and line.startswith("saving") and len(lines) > wanted:
                time.sleep(chance.random() * 0.012)
                break
            if not in_save and len(lines) > wanted:
                time.sleep(chance.random() * 0.01)
                break
        else:
            pytest.fail("the editing run ended by itself")
    finally:
        process.kill()
    lines += [line.strip() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    process.stdout.close()
    process.wait()
    return [line for line in lines if line != "ready" and not line.startswith("saving")]


def expected(entries: list) -> dict[str, dict[int, list[float]]]:
    """Return the points that follow from the log, worked out without the package's own edits."""
    done: list[str] = []
    undone: list[str] = []
    for entry in entries:
        if entry.action == "do":
            done.append(entry.id)
            undone = []
        elif entry.action == "undo":
            undone.append(done.pop())
            assert undone[-1] == entry.of
        elif entry.action == "redo":
            done.append(undone.pop())
            assert done[-1] == entry.of
    points: dict[str, dict[int, list[float]]] = {"0": {}, "1": {}, "2": {}}
    for edit in done:
        kind, number = edit.split("-")
        label, frame, xy = point(int(number))
        points[label] |= dict.fromkeys(range(FRAMES), xy) if kind == "all" else {frame: xy}
    return points


@pytest.mark.parametrize("in_save", [False, True], ids=["while editing", "while saving"])
def test_confirmed_edits_survive_kill_9(tmp_path, in_save):
    path = tmp_path / "v_annotations_run.json"
    chance = random.Random(20 + in_save)
    everything: list[str] = []
    for attempt in range(20 if not in_save else 12):
        confirmed = run_and_kill(path, attempt * 10_000, 9 if in_save else 40, chance, in_save)
        ann = VideoAnnotation(path, name="run", n_labels=3)
        layer = open_durable(ann)
        assert layer.problem is None
        assert layer.conflict is None
        log = [entry.id for entry in ann.history.entries]
        # Nothing of any earlier run is missing either, and the order is kept.
        everything += confirmed
        found = set(log)
        assert not [id for id in everything if id not in found]
        assert [id for id in log if id in set(everything)] == everything
        assert {label: dict(points) for label, points in ann.data.items()} == expected(ann.history.entries)
        layer.close()
    # The way back is there, over all kills and saves, and forth again.
    ann = VideoAnnotation(path, name="run", n_labels=3)
    layer = open_durable(ann)
    before = {label: dict(points) for label, points in ann.data.items()}
    steps = 0
    while ann.history.can_undo:
        ann.history.undo()
        steps += 1
    assert steps > 100
    assert not ann.frames
    for _ in range(steps):
        ann.history.redo()
    assert {label: dict(points) for label, points in ann.data.items()} == before
    layer.close()


KEEP_OURS = """
import os, signal, sys
from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.points import VideoAnnotation

ann = VideoAnnotation(sys.argv[1])
layer = open_durable(ann)
share, write = float(sys.argv[2]), os.write

def die(handle, data):
    # what a kill leaves of a batch: its first line, and a part of the next one
    data = bytes(data)
    if b'"action":"replaced"' in data:
        first = data.index(b"\\n") + 1
        write(handle, data[: first + int(share * (len(data) - first))])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(handle, data)

os.write = die
layer.conflict.resolve("journal")
ann.history.journal.flush()
"""


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_keeping_our_version_is_asked_again_if_the_kernel_dies_meanwhile(tmp_path, share):
    path = tmp_path / "v_annotations_run.json"

    def opened():
        ann = VideoAnnotation(path)
        return ann, open_durable(ann)

    ann, layer = opened()
    ann.add([1, 1], "0", 1)
    layer.close()
    path.write_text('{"0": {"7": [7, 7]}}')
    died = subprocess.run([sys.executable, "-c", KEEP_OURS, str(path), str(share)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert b'"action":"replaced"' in layer.journal_path.read_bytes()
    ann, layer = opened()
    assert layer.conflict is not None
    assert ann.get_frames("0") == [7]
    layer.conflict.resolve("journal")
    assert ann.get_frames("0") == [1]
    layer.close()
    ann, layer = opened()
    assert layer.conflict is None
    assert ann.get_frames("0") == [1]
    ann.history.undo()
    assert ann.get_frames("0") == [7]
    layer.close()
