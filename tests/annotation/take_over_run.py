"""A process that edits a layer and marks as it is told on its standard input; started by test_take_over."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from jupytrack.annotation.durable import open_durable
from jupytrack.annotation.marks import Marks
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import JupytrackError


def main(path: str, steal: str) -> None:
    ann = VideoAnnotation(path)
    layer = open_durable(ann, steal_lock=bool(steal))
    marks = Marks()
    marks.open(Path(path).with_name("v.jupytrack"), steal_lock=bool(steal))

    def settled() -> None:
        # Either everything is on the disk or it is refused.
        for history in (ann.history, marks.history):
            while not (history.all_confirmed or history.read_only):
                time.sleep(0.001)

    def add(frame: int) -> None:
        ann.add([frame, frame], "0", frame)

    def take_over() -> None:
        nonlocal layer
        layer = open_durable(ann, steal_lock=True)
        layer.messages += marks.take_over()

    actions = {
        "add": add,
        "mark": marks.toggle,
        "interval": lambda *ends: marks.set_intervals(
            {("x", "0"): [*marks.intervals.get(("x", "0"), []), ends]}, "Select"
        ),
        "undo": ann.history.undo,
        "save": ann.save,
        "take over": take_over,
        "resolve": lambda keep: layer.conflict.resolve(keep),
        "state": lambda: None,
    }
    print("ready", flush=True)
    for line in sys.stdin:
        action, *arguments = json.loads(line)
        error = ""
        try:
            actions[action](*arguments)
        except JupytrackError as raised:
            error = str(raised)
        settled()
        conflict = layer.conflict
        state = {
            "frames": ann.get_frames("0"),
            "marks": sorted(marks.frames),
            "intervals": marks.intervals.get(("x", "0"), []),
            "read_only": ann.history.read_only,
            "lost": layer.is_lost,
            "undo": ann.history.can_undo,
            "error": error,
            "conflict": None if conflict is None else [conflict.problem, conflict.edits],
            "messages": [problem for _, problem, _ in layer.messages],
        }
        print(json.dumps(state), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
