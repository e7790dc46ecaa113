"""Benchmarks of what a user sees need a browser too."""

from __future__ import annotations

from jupyter_lab import chromium, lab, lab_server

__all__ = ["chromium", "lab", "lab_server"]
