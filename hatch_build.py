"""Builds the JavaScript bundle when the package is built from a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatch_jupyter_builder import npm_builder
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundleBuildHook(BuildHookInterface):
    """An sdist carries the bundle instead of its sources, so that a wheel is made from it without Node."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run npm if a source is newer than the bundle."""
        sources, bundle = Path(self.root, "js", "src"), Path(self.root, "src", "jupytrack", "static")
        if sources.exists():
            folders = {"path": str(sources.parent), "source_dir": str(sources), "build_dir": str(bundle)}
            npm_builder(self.target_name, version, **folders)
        if not (bundle / "widget.js").exists():
            raise FileNotFoundError(f"{bundle}/widget.js is missing: build from a whole checkout or sdist.")
