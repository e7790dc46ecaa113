"""Frames in and out of video files."""

from __future__ import annotations

from jupytrack.video.enhance import Enhancement
from jupytrack.video.reader import VideoReader
from jupytrack.video.source import FrameSource
from jupytrack.video.stills import encode_still
from jupytrack.video.writer import VideoWriter

__all__ = ["Enhancement", "FrameSource", "VideoReader", "VideoWriter", "encode_still"]
