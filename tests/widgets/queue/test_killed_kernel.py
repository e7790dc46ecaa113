"""A kernel that is killed while the videos of a queue are edited: what was confirmed comes back."""

from __future__ import annotations

import subprocess
import sys

from projects import make_trained_project

import jupytrack
from jupytrack.dlc.preflight import scan

# edits every video in turn, each in a layer with a file, in the fresh one, and in one that is never saved
EDITING = """
import itertools, os, sys
import jupytrack

queue = jupytrack.open(sys.argv[1])
layers = []
for place in range(len(queue.videos)):
    queue.swap_to(place)
    queue.active.add_layer("mine")
    layers += [(place, queue.active.annotations[name]) for name in ("iteration-0", "iteration-2", "mine")]
for place, ann in layers:
    ann.history.on_confirmed(
        lambda entry, place=place, ann=ann: os.write(1, f"{place} {ann.name} {entry.id}\\n".encode())
    )
for number in itertools.count():
    for _, ann in layers:
        ann.add([number + 0.5, 7.0], "1", number % 40, edit_id=f"{number}")
"""


def test_all_videos_of_a_queue_come_back_after_a_kill(tmp_path):
    project = make_trained_project(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", EDITING, str(project)], stdout=subprocess.PIPE, text=True
    ) as kernel:
        lines = [kernel.stdout.readline().split() for _ in range(400)]
        kernel.kill()
        # what was on its way is confirmed, too; the last line may be cut off
        lines += [line.split() for line in kernel.stdout.read().splitlines()[:-1]]
    confirmed: dict[tuple[int, str], int] = {}
    for place, name, number in lines:
        confirmed[int(place), name] = max(int(number), confirmed.get((int(place), name), 0))
    assert len(confirmed) == 9
    queue = jupytrack.open(project)
    try:
        # before the others are shown a training would ask about them
        for path in queue.videos:
            found = {one.name: one for one in scan([], path) if one.unsaved}
            assert set(found) == {"iteration-0", "iteration-2", "mine"}
        for place in range(3):
            queue.swap_to(place)
            assert queue.ann.name == "iteration-2"
            for name in ("iteration-0", "iteration-2", "mine"):
                ann = queue.annotations[name]
                last = confirmed[place, name]
                # of edits that were not confirmed yet a few may be there, but none is missing
                assert all(ann.data["1"][frame][1] == 7.0 for frame in range(min(last + 1, 40)))
                assert ann.data["1"][last % 40][0] >= last + 0.5
                assert ann.unsaved
    finally:
        queue.close()
