"""Writes one DeepLabCut table with whatever pandas runs this: ``python write_h5.py KIND INDEX FORMAT FILE``.

KIND is labelled or predictions, INDEX is multi or flat, FORMAT is fixed or table.
The content is the same every time.
"""

import sys

import numpy as np
import pandas as pd

PARTS = ["snout", "leftear", "rightear"]
FRAMES = [3, 17, 20, 45, 101]


def values(kind):
    numbers = np.random.default_rng(7)
    if kind == "labelled":
        out = numbers.uniform(0, 400, (len(FRAMES), 6))
        out[2, 2:4] = np.nan
        out[3] = np.nan
        return out
    out = numbers.uniform(0, 400, (50, 9))
    out[:, 2::3] = numbers.uniform(0, 1, (50, 3))
    out[7, 3:6] = np.nan
    return out


def frame(kind, index, parts=PARTS):
    coords = ["x", "y"] if kind == "labelled" else ["x", "y", "likelihood"]
    columns = pd.MultiIndex.from_product(
        [["somebody"], parts, coords], names=["scorer", "bodyparts", "coords"]
    )
    rows = None
    if kind == "labelled":
        names = [f"img{number:04d}.png" for number in FRAMES]
        if index == "multi":
            rows = pd.MultiIndex.from_tuples([("labeled-data", "vid", name) for name in names])
        else:
            rows = pd.Index([f"labeled-data/vid/{name}" for name in names])
    return pd.DataFrame(values(kind), index=rows, columns=columns)


if __name__ == "__main__":
    kind, index, layout, file = sys.argv[1:]
    small = {"complevel": 9, "complib": "zlib"} if layout == "table" else {}
    frame(kind, index).to_hdf(file, key="df_with_missing", mode="w", format=layout, **small)
