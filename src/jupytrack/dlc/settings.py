"""What we keep of a project in a file of our own: DeepLabCut refuses a config.yaml with unknown keys."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from jupytrack.errors import FormatError
from jupytrack.files import read_error, write_atomic, writing_alone
from jupytrack.formats.deeplabcut import PROJECT_SETTINGS

__all__ = ["Settings"]

_FORMAT = "jupytrack project"


class Settings(MutableMapping[str, Any]):
    """The file ``jupytrack.json`` in a project's folder, as a mapping.

    Every assignment is on disk when it returns. What other processes wrote meanwhile is read first, so that
    two that write different keys do not undo each other. Values are JSON; change a nested one by assigning it
    anew.

    Parameters
    ----------
    project : path
        The project's folder; the file is made when something is set.

    Raises
    ------
    FormatError
        On reading, if the file is damaged.
    SaveError
        On writing, if it cannot be written; the old file is still there then.
    """

    def __init__(self, project: str | os.PathLike[str]) -> None:
        self.path = Path(project) / PROJECT_SETTINGS
        self._stamp: tuple[int, ...] = ()
        self._content: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        return copy.deepcopy(self._current()[key])

    def __setitem__(self, key: str, value: Any) -> None:
        self.save({key: value})

    def __delitem__(self, key: str) -> None:
        with writing_alone(self.path):
            self._stamp = ()
            content = dict(self._current())
            del content[key]
            self._write(content)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._current()))

    def __len__(self) -> int:
        return len(self._current())

    def __repr__(self) -> str:
        return f"Settings({str(self.path.parent)!r}, {self._current()!r})"

    def save(self, values: Mapping[str, Any]) -> None:
        """Set several values in one step; nothing is written if all are there already."""
        # Through JSON, so that what is compared and kept is what will be read.
        values = json.loads(json.dumps(dict(values)))
        with writing_alone(self.path):
            self._stamp = ()  # two changes within a tick of the clock look the same
            current = self._current()
            if any(key not in current or current[key] != value for key, value in values.items()):
                self._write({**current, **values})

    def _write(self, content: dict[str, Any]) -> None:
        text = json.dumps({"format": _FORMAT, "version": 1, **content}, indent=1, ensure_ascii=False)
        write_atomic(self.path, (text + "\n").encode())

    def _current(self) -> dict[str, Any]:
        try:
            status = os.stat(self.path)
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                self._content, self._stamp = self._parse(self.path.read_bytes()), stamp
        except FileNotFoundError:
            self._content, self._stamp = {}, ()
        except OSError as error:
            raise read_error(self.path, error) from error
        return self._content

    def _parse(self, text: bytes) -> dict[str, Any]:
        try:
            content = json.loads(text)
            if not isinstance(content, dict) or content.get("format") != _FORMAT:
                raise ValueError("it does not begin as such a file does")
        except (ValueError, RecursionError) as error:
            raise FormatError(
                f"{self.path} is no settings file of jupytrack, or it is damaged ({error}).",
                "Restore it from a backup, or move it away: the project opens with the defaults then.",
            ) from error
        return {key: value for key, value in content.items() if key not in ("format", "version")}
