"""A process that edits a layer until it is killed, and says what is confirmed; started by test_crash."""

from __future__ import annotations

import os
import random
import sys

from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.points import VideoAnnotation

FRAMES = 400


def point(number: int) -> tuple[str, int, list[float]]:
    """Label, frame and position that edit ``number`` places; odd numbers of a hundred place many."""
    return str(number % 3), number * 7 % FRAMES, [number + 0.1, number / 3]


def say(line: str) -> None:
    # In one step, because two threads speak.
    os.write(1, f"{line}\n".encode())


def main(path: str, first: int, save_every: int) -> None:
    ann = VideoAnnotation(path, name="run", n_labels=3)
    layer = open_durable(ann)
    assert not layer.read_only, layer.problem

    ann.history.on_confirmed(lambda entry: say(entry.id))
    say("ready")
    chance = random.Random(first)
    number = first
    while True:
        number += 1
        what = chance.random()
        if what < 0.1 and ann.history.can_undo:
            ann.history.undo()
        elif what < 0.15 and ann.history.can_redo:
            ann.history.redo()
        elif what < 0.2:
            label, _, xy = point(number)
            ann.set_points(label, range(FRAMES), [xy] * FRAMES, edit_id=f"all-{number}")
        else:
            label, frame, xy = point(number)
            ann.add(xy, label, frame, edit_id=f"one-{number}")
        if number % save_every == 0:
            say(f"saving-{number}")
            ann.save()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
