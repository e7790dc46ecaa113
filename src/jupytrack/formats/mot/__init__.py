"""MOT Challenge's text files: boxes of objects with ids, frame by frame.

A line is ``frame, id, x, y, w, h, conf, class, visibility``; frames and ids count from 1. With ten columns,
as in MOT15 and in results, the last three are positions in the world, and there is no class. −1 stands for
unknown. A sequence is a folder with ``gt/gt.txt`` and ``seqinfo.ini``; in ``gt.txt`` confidence 0 means that
the box is ignored when trackers are evaluated. What the columns cannot say is kept beside the file: names of
the classes in ``labels.txt``, one a line as CVAT and Datumaro write them, and ids that are no whole numbers
from 1 in ``ids.json``.

The format: https://motchallenge.net/instructions, https://arxiv.org/abs/1603.00831,
https://arxiv.org/abs/2003.09003.
"""

from jupytrack.formats.mot.layout import CLASSES
from jupytrack.formats.mot.reading import read
from jupytrack.formats.mot.writing import write

__all__ = ["CLASSES", "read", "write"]
