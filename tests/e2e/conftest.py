"""Every test here drives a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from jupyter_lab import chromium, lab, lab_server, notebook7, notebook_server

__all__ = ["chromium", "lab", "lab_server", "notebook7", "notebook_server"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
