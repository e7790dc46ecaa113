"""DeepLabCut's YAML files, read without running code and changed without touching the rest of the text."""

from __future__ import annotations

import copy
import datetime
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from jupytrack.errors import FormatError
from jupytrack.files import read_error, write_atomic, writing_alone

__all__ = [
    "KEYS",
    "ConfigFile",
    "base_name",
    "edit_yaml",
    "parse_yaml",
    "plain_lists",
    "read_text",
    "rebase_to_config",
]

_NEEDED = ("Task", "scorer", "bodyparts", "video_sets")
_TUPLE = "python/tuple"
_REPAIR = "Correct that line, or restore the file from a backup."

# fmt: off
KEYS = frozenset(
    [
        "config_version", "Task", "scorer", "date", "multianimalproject", "identity", "with_identity",
        "project_path", "pose_config_path", "engine", "video_sets", "video_sets_original", "bodyparts",
        "individuals", "uniquebodyparts", "unique_bodyparts", "multianimalbodyparts", "start", "stop",
        "numframes2pick", "skeleton", "skeleton_color", "pcutoff", "dotsize", "alphavalue", "colormap",
        "TrainingFraction", "iteration", "default_net_type", "default_augmenter",
        "default_track_method", "snapshotindex", "detector_snapshotindex", "batch_size",
        "detector_batch_size", "cropping", "x1", "x2", "y1", "y2", "corner2move2", "move2corner",
        "SuperAnimalConversionTables", "resnet", "croppedtraining",
    ]
)
# fmt: on
"""What a project's config.yaml may hold; DeepLabCut 3 refuses a file with anything else."""


class _Constructor(SafeConstructor):
    """Plain values only, and tuples, which old versions of DeepLabCut wrote."""


def _tuple(constructor: SafeConstructor, node: Any) -> list[Any]:
    return list(constructor.construct_sequence(node, deep=True))


_Constructor.add_constructor(f"tag:yaml.org,2002:{_TUPLE}", _tuple)


def base_name(path: str | os.PathLike[str]) -> str:
    r"""Return a file's name without its folders, with either kind of slash: ``C:\a\b.mp4`` is b.mp4."""
    return re.split(r"[/\\]", str(path).rstrip("/\\"))[-1]


def rebase_to_config(config_path: str | os.PathLike[str], old_path: str | os.PathLike[str]) -> str:
    r"""Return where a project's video is now, given where it was when the project was made.

    Parameters
    ----------
    config_path : path
        The project's config.yaml, or its folder.
    old_path : path
        The video as config.yaml names it, with either kind of slash.

    Returns
    -------
    str
        The file of that name in the project's ``videos`` folder. If there is none but the old path exists,
        that.
    """
    config = Path(os.path.abspath(config_path))
    project = config if config.is_dir() else config.parent
    inside = project / "videos" / base_name(old_path)
    if not os.path.lexists(inside) and os.path.isfile(old_path):
        return str(old_path)
    return str(inside)


def parse_yaml(path: str | os.PathLike[str], text: str | None = None) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Parameters
    ----------
    path : path
        The file.
    text : str, optional
        Its content, if it was read already.

    Raises
    ------
    FormatError
        If it is missing, damaged or would construct objects; the message names the line.
    """
    if text is None:
        text = read_text(Path(path))
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    try:
        content = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f", line {mark.line + 1}"
        problem = " ".join(str(error.problem or error.context or "it is no YAML").split())
        raise FormatError(f"{path}{where}: {problem}.", _REPAIR) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise FormatError(f"{path}, line {line}: a character that YAML does not allow.", _REPAIR) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise FormatError(f"{path}: {type(error).__name__}: {error}.", _REPAIR) from error
    if not isinstance(content, dict):
        raise FormatError(
            f"{path} {'is empty' if content is None else 'holds no names with values'}.",
            "Restore it from a backup.",
        )
    return content


def edit_yaml(path: str | os.PathLike[str], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change values at the top level of a YAML file; all other lines stay. Returns what it holds now.

    Parameters
    ----------
    path : path
        The file; replaced atomically, and only if something changes.
    changes : mapping
        New values by key; a key that is not there is added at the end.
    """
    path = Path(path)
    with writing_alone(path):
        return _edit(path, changes)


def _edit(path: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    text = read_text(path)
    old = parse_yaml(path, text)
    plain = {key: _plain(value) for key, value in changes.items()}
    wanted = {**old, **plain}
    changed = {key: value for key, value in plain.items() if key not in old or old[key] != value}
    if not changed:
        return old
    newline = "\r\n" if "\r\n" in text else "\n"
    result = text.replace("\r\n", "\n")
    try:
        for key, value in changed.items():
            result = _replaced(result, key, value)
        whole = parse_yaml(path, result) == wanted
    except (YAMLError, FormatError):
        whole = False
    if not whole:
        # Anchors, flow style and the like: the file is written anew, with its comments.
        result = _round_trip(text, changed)
    write_atomic(path, result.replace("\n", newline).encode())
    return wanted


def plain_lists(path: str | os.PathLike[str]) -> None:
    """Write the tuples of a YAML file as lists, because DeepLabCut 3 cannot read what old versions wrote."""
    path = Path(path)
    text = read_text(path)
    if _TUPLE not in text:
        return
    content = parse_yaml(path, text)
    newline = "\r\n" if "\r\n" in text else "\n"
    result = text.replace("\r\n", "\n")
    for name, value in getattr(YAML(typ="safe", pure=True).compose(text), "value", []):
        if any(_TUPLE in str(node.tag) for node in _nodes(value)):
            result = _replaced(result, name.value, content[name.value])
    if parse_yaml(path, result) == content:
        write_atomic(path, result.replace("\n", newline).encode())


# what was parsed last, by file: reading YAML takes longer than all else about opening a project
_known: dict[Path, tuple[tuple[int, ...], dict[str, Any]]] = {}
_MOST_KNOWN = 16


class ConfigFile:
    """A project's config.yaml, read again whenever it has changed on disk.

    Parameters
    ----------
    path : path
        The file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._stamp: tuple[int, ...] = ()
        self._content: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """Return the content, a copy of its own at every call; errors as for :func:`parse_yaml`."""
        return copy.deepcopy(self._current())

    def get(self, key: str, default: Any = None) -> Any:
        """Return one value."""
        return copy.deepcopy(self._current().get(key, default))

    @property
    def missing(self) -> list[str]:
        """What the file lacks to be a project's."""
        return [key for key in _NEEDED if key not in self._current()]

    def check(self, changes: Mapping[str, Any] | None = None) -> None:
        """Refuse what is no project, or one that we cannot work with.

        Parameters
        ----------
        changes : mapping, optional
            Values that are to be changed; the content is checked as it would be then.

        Raises
        ------
        FormatError
            If it is so.
        """
        content = {**self._current(), **_plain(changes or {})}
        if self.missing:
            raise FormatError(
                f"{self.path} is not of a DeepLabCut project: it has no {', '.join(self.missing)}.",
                "Choose the folder of a project, or restore the file from a backup.",
            )
        if content.get("multianimalproject") or content["bodyparts"] == "MULTI!":
            raise FormatError(
                f"{self.path.parent} is a project of several animals, and layers hold the points of one.",
                "Use a project of one animal for each.",
            )
        parts, videos, iteration = content["bodyparts"], content["video_sets"] or {}, content.get("iteration")
        if not isinstance(parts, list) or not parts or not all(isinstance(part, str | int) for part in parts):
            raise FormatError(
                f"{self.path}: bodyparts is no list of names.", "Write them below it, one a line."
            )
        if len({str(part) for part in parts}) < len(parts):
            raise FormatError(f"{self.path}: a name in bodyparts is there twice.", "Take one of them out.")
        if not isinstance(videos, dict) or not all(isinstance(video, str) for video in videos):
            raise FormatError(
                f"{self.path}: video_sets is not as DeepLabCut writes it.",
                "Write each video's path and a colon on a line below it.",
            )
        for key in ("Task", "scorer"):
            value = content[key]
            if value is None or isinstance(value, dict | list) or {"/", "\\"} & set(str(value)):
                # both are parts of the names of files
                raise FormatError(f"{self.path}: {key} is {value!r}.", "Give it a name without slashes.")
        if iteration is not None and (type(iteration) is not int or iteration < 0):
            raise FormatError(f"{self.path}: iteration is {iteration!r}.", "Correct it to a number from 0.")

    def edit(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change values, but not so that the project could not be opened again; see :func:`edit_yaml`."""
        self.check(changes)
        edit_yaml(self.path, changes)
        self._stamp = ()
        return self.read()

    def _current(self) -> dict[str, Any]:
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise read_error(self.path, error) from error
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp != self._stamp:
            known = _known.get(self.path)
            if known is None or known[0] != stamp:
                known = stamp, parse_yaml(self.path)
                while len(_known) >= _MOST_KNOWN:
                    _known.pop(next(iter(_known)), None)
                _known[self.path] = known
            self._stamp, self._content = known
        return self._content


def read_text(path: Path) -> str:
    """Return the content of a text file as it is, line ends and all."""
    try:
        # as bytes first, so that line ends stay as they are
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{path} is not text in UTF-8.", "Save it as UTF-8 in an editor, or restore it from a backup."
        ) from error
    except OSError as error:
        raise read_error(path, error) from error


def _plain(value: Any) -> Any:
    """Return a value as YAML's own types."""
    if isinstance(value, Mapping):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_plain(each) for each in value]
    if value is not None and not isinstance(value, str | bytes | int | float | datetime.date):
        raise FormatError(f"{value!r} cannot be written to a YAML file.", "Give text, numbers or lists.")
    return value


def _nodes(node: Any) -> Iterator[Any]:
    """Yield a node of the parsed text and all below it."""
    yield node
    for each in node.value if isinstance(node.value, list) else ():
        for below in each if isinstance(each, tuple) else (each,):
            yield from _nodes(below)


def _dumped(piece: dict[str, Any]) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 2**16
    yaml.allow_unicode = True
    out = io.StringIO()
    yaml.dump(piece, out)
    return out.getvalue()


def _replaced(text: str, key: str, value: Any) -> str:
    """Return the text with the lines of one key replaced; comments after it, on its line or below, stay."""
    new = _dumped({key: value})
    lines = text.split("\n")
    for name, content in getattr(YAML(typ="safe", pure=True).compose(text), "value", []):
        if name.value != key:
            continue
        first, end = name.start_mark.line, content.end_mark
        # A block ends where the next token begins; what stands between is not part of it.
        last = end.line if end.column else end.line - 1
        while last > first and (not lines[last].strip() or lines[last].lstrip().startswith("#")):
            last -= 1
        comment = ""
        if content.start_mark.line == end.line and end.column:
            rest = lines[end.line][end.column :]
            comment = rest if rest.strip().startswith("#") else ""
        head, *more = new.rstrip("\n").split("\n")
        return "\n".join([*lines[:first], head + comment, *more, *lines[last + 1 :]])
    return text + ("" if not text or text.endswith("\n") else "\n") + new


def _round_trip(text: str, changes: Mapping[str, Any]) -> str:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 2**16
    document = yaml.load(text)
    document.update(changes)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()
