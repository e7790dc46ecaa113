"""Code that runs without the rights of root, also where the tests have them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_NOBODY = 65534
_DROP = f"""
import os
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({_NOBODY})
    os.setuid({_NOBODY})
"""


@contextlib.contextmanager
def common_folder() -> Iterator[Path]:
    """Yield a folder that whoever :func:`run_unprivileged` runs as may write; pytest's are root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="jupytrack-test-"))
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
    try:
        yield folder
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def run_unprivileged(imports: str, code: str, *arguments: object) -> str:
    """Run code in a process of its own and return what it printed; imports happen while it has all rights."""
    command = [sys.executable, "-c", f"{imports}\n{_DROP}\n{code}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
