"""Optical flow: points tracked by Lucas-Kanade, drift corrected, trajectories smoothed."""

from __future__ import annotations

from jupytrack.flow.blips import BlipRepair, detect_blips, interpolate_blips
from jupytrack.flow.lucas_kanade import lucas_kanade, lucas_kanade_rstc, sigmoid_weights
from jupytrack.flow.raw import load_raw_paths
from jupytrack.flow.smoothing import SmoothedAnnotation, SmoothingReport, lk_moving_average_filter

__all__ = [
    "BlipRepair",
    "SmoothedAnnotation",
    "SmoothingReport",
    "detect_blips",
    "interpolate_blips",
    "lk_moving_average_filter",
    "load_raw_paths",
    "lucas_kanade",
    "lucas_kanade_rstc",
    "sigmoid_weights",
]
