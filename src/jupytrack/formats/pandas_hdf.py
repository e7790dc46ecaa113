"""pandas' HDF5 tables without pandas, and without running what a stranger's file says.

pandas and PyTables keep small Python objects in such files as pickles, and a pickle can name any function to
call on loading. PyTables unpickles every attribute as soon as a node is touched. Here it is given a loader
that builds containers, texts and numbers only and keeps note of everything else; files with something to note
are refused. Links, arrays of Python objects and nodes that PyTables does not know are refused as well.
"""

from __future__ import annotations

import io
import pickle
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jupytrack.errors import FormatError

__all__ = ["Frame", "read_frame"]

_LOCK = threading.RLock()
_MAX_NODES = 1000
_MAX_BYTES = 2**31


@dataclass
class Frame:
    """A data frame's content.

    Attributes
    ----------
    columns : list of tuple of str
        Header of every column, one text a level.
    column_names : tuple of (str or None)
        What the header's levels are called.
    index : list of tuple, or ndarray of int64
        Row labels: texts, one a level, or whole numbers.
    values : ndarray, float64, shape (rows, columns)
        The numbers.
    """

    columns: list[tuple[str, ...]]
    column_names: tuple[str | None, ...]
    index: list[tuple[str, ...]] | NDArray[np.int64]
    values: NDArray[np.float64]


class _Unpickler(pickle.Unpickler):
    """Builds containers, texts, bytes and numbers; anything that has to be looked up by name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("a persistent object")


class _Pickle:
    """Stands in for the module pickle inside PyTables while a file is being read by this thread."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.refused: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(pickle, name)

    def loads(self, data: Any, **options: Any) -> Any:
        if threading.get_ident() != self.thread:
            # Another thread's own files are its own business.
            return pickle.loads(data, **options)
        try:
            return _Unpickler(io.BytesIO(bytes(data)), **options).load()
        except pickle.UnpicklingError as error:
            # Damaged pickles are texts that happen to end like one; names are what must not be looked up.
            if "." in str(error) and " " not in str(error):
                self.refused.append(str(error))
            raise


@contextmanager
def _guarded() -> Iterator[_Pickle]:
    """Let PyTables use the restricted loader inside the ``with`` block."""
    import tables.atom
    import tables.attributeset

    guard = _Pickle()
    modules = (tables.attributeset, tables.atom)
    with _LOCK:
        before = [module.pickle for module in modules]
        try:
            for module in modules:
                module.pickle = guard
            yield guard
        finally:
            for module, original in zip(modules, before, strict=True):
                module.pickle = original


def read_frame(path: str | Path) -> Frame:
    """Read the one data frame in an HDF5 file, in pandas' fixed or table format.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    Frame

    Raises
    ------
    FormatError
        If the file is damaged, holds Python objects or something else than one data frame of numbers.
    """
    import tables

    path = Path(path)
    with _guarded() as guard, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # the library says so in each thread, past Python, unless it is told in each thread not to
        tables.silence_hdf5_messages()
        try:
            with tables.open_file(str(path), "r") as file:
                return _read(path, file, guard)
        except (tables.HDF5ExtError, tables.NodeError, tables.exceptions.FileModeError, OSError) as error:
            reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
            raise FormatError(
                f"{path} cannot be read as HDF5 ({reason}).",
                "It may be cut short or still being written; copy or export it again.",
            ) from error
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            SystemError,
            TypeError,
            ValueError,
        ) as error:
            if isinstance(error, FormatError):
                raise
            if guard.refused:
                raise _objects(path, guard) from error
            raise FormatError(
                f"{path} is not laid out as pandas writes data frames ({type(error).__name__}: {error}).",
                "Export it again with DeepLabCut, or use its CSV file.",
            ) from error


def _objects(path: Path, guard: _Pickle, where: str = "") -> FormatError:
    what = guard.refused[0] if guard.refused else "Python objects"
    return FormatError(
        f"{path} holds Python objects ({what}){where}, which could run code; it was not read.",
        "Use the CSV file of the same table, or have its maker export plain numbers.",
    )


def _read(path: Path, file: Any, guard: _Pickle) -> Frame:
    groups = []
    for count, node in enumerate(file.walk_nodes("/")):
        if count > _MAX_NODES:
            raise FormatError(f"{path} has more than {_MAX_NODES} parts.", "Export one table to a file.")
        kind = type(node).__name__
        attributes = node._v_attrs
        if guard.refused:
            raise _objects(path, guard, f" in the attributes of {node._v_pathname}")
        if kind not in ("RootGroup", "Group", "Array", "CArray", "EArray", "Table"):
            if kind == "VLArray":
                raise _objects(path, guard, f" in {node._v_pathname}")
            raise FormatError(
                f"{path} has a {kind} at {node._v_pathname}, which no table of points needs.",
                "Export the table again with DeepLabCut, or use its CSV file.",
            )
        if kind not in ("RootGroup", "Group") and node.size_in_memory > _MAX_BYTES:
            raise FormatError(f"{path}: {node._v_pathname} is too large.", "Split the table.")
        if "pandas_type" in attributes._v_attrnames:
            groups.append(node)
    if len(groups) != 1:
        raise FormatError(
            f"{path} holds {len(groups)} data frames.", "Choose a file of DeepLabCut, which holds one."
        )
    group = groups[0]
    layout = str(group._v_attrs["pandas_type"])
    if layout == "frame":
        return _read_fixed(group)
    if layout == "frame_table":
        return _read_table(group)
    raise FormatError(
        f"{path} holds a pandas {layout}.", "Choose a file of DeepLabCut, which holds a data frame."
    )


def _read_fixed(group: Any) -> Frame:
    """Return a frame of the fixed format: axes and blocks as arrays of their own."""
    attributes = group._v_attrs
    encoding = _encoding(group)
    columns, names = _axis(group, "axis0", encoding)
    index, _ = _axis(group, "axis1", encoding)
    if not isinstance(columns, list):
        raise ValueError("the columns have no names")
    where = {column: place for place, column in enumerate(columns)}
    values = np.full((len(index), len(columns)), np.nan)
    for number in range(int(attributes["nblocks"])):
        items, _ = _axis(group, f"block{number}_items", encoding)
        node = group._f_get_child(f"block{number}_values")
        block = _numbers(node)
        # pandas turns a block around before it stores it, and says so.
        if not ("transposed" in node._v_attrs._v_attrnames and node._v_attrs["transposed"]):
            block = block.T
        values[:, [where[item] for item in items]] = block
    return Frame(columns, names, index, values)


def _axis(
    group: Any, name: str, encoding: str
) -> tuple[list[tuple[str, ...]] | NDArray[np.int64], tuple[str | None, ...]]:
    """Return the labels of an axis and the names of its levels."""
    attributes = group._v_attrs
    variety = str(attributes[f"{name}_variety"])
    if variety == "multi":
        levels, names = [], []
        for level in range(int(attributes[f"{name}_nlevels"])):
            node = group._f_get_child(f"{name}_level{level}")
            texts = [str(value) for value in _labels(node, encoding)]
            codes = _plain(group._f_get_child(f"{name}_label{level}")).tolist()
            if codes and not 0 <= min(codes) <= max(codes) < len(texts):
                raise ValueError(f"{name} has a label that is missing")
            levels.append([texts[code] for code in codes])
            names.append(_name(node))
        return list(zip(*levels, strict=True)), tuple(names)
    if variety != "regular":
        raise ValueError(f"{name} is {variety}")
    node = group._f_get_child(name)
    labels = _labels(node, encoding)
    if isinstance(labels, list):
        return [(text,) for text in labels], (_name(node),)
    return labels, (_name(node),)


def _labels(node: Any, encoding: str) -> list[str] | NDArray[np.int64]:
    values = _plain(node)
    if values.dtype.kind == "S":
        return _texts(values, encoding)
    return _whole(values)


def _whole(values: NDArray[Any]) -> NDArray[np.int64]:
    if values.dtype.kind not in "iuf" or (values != values.astype(np.int64)).any():
        raise ValueError(f"row labels of type {values.dtype}")
    return values.astype(np.int64)


def _texts(values: NDArray[Any], encoding: str) -> list[str]:
    return [value.decode(encoding) for value in values.tolist()]


def _plain(node: Any) -> NDArray[Any]:
    """Return an array; pandas stores an empty one as a placeholder with its true shape beside it."""
    values = np.asarray(node.read())
    if "shape" in node._v_attrs._v_attrnames:
        shape = tuple(int(n) for n in node._v_attrs["shape"])
        if 0 in shape:
            return np.empty(shape, np.dtype(str(node._v_attrs["value_type"])))
    return values


def _numbers(node: Any) -> NDArray[np.float64]:
    values = _plain(node)
    if values.dtype.kind not in "iuf":
        raise ValueError(f"values of type {values.dtype}")
    return values.astype(np.float64, copy=False)


def _name(node: Any) -> str | None:
    name = node._v_attrs["name"] if "name" in node._v_attrs._v_attrnames else None
    return None if name is None else str(name)


def _read_table(group: Any) -> Frame:
    """Return a frame of the table format: one row a record, columns in blocks."""
    attributes = group._v_attrs
    encoding = _encoding(group)
    if str(attributes["table_type"]) != "appendable_frame":
        raise ValueError(f"a table of type {attributes['table_type']}")
    (axis,) = attributes["non_index_axes"]
    columns = [tuple(map(str, column)) for column in axis[1]]
    where = {column: place for place, column in enumerate(columns)}
    info = attributes["info"].get(axis[0], {}) if "info" in attributes._v_attrnames else {}
    names = tuple(None if name is None else str(name) for name in info.get("names", ()))
    node = group._f_get_child("table")
    records = node.read()
    index = records["index"]
    values = np.full((len(records), len(columns)), np.nan)
    for block in attributes["values_cols"]:
        numbers = records[block]
        if numbers.dtype.kind not in "iuf":
            raise ValueError(f"values of type {numbers.dtype}")
        items = [tuple(map(str, column)) for column in node._v_attrs[f"{block}_kind"]]
        values[:, [where[item] for item in items]] = numbers.reshape(len(records), -1)
    rows: list[tuple[str, ...]] | NDArray[np.int64]
    rows = [(text,) for text in _texts(index, encoding)] if index.dtype.kind == "S" else _whole(index)
    return Frame(columns, names, rows, values)


def _encoding(group: Any) -> str:
    encoding = str(group._v_attrs["encoding"]) if "encoding" in group._v_attrs._v_attrnames else "UTF-8"
    if encoding.lower() not in ("utf-8", "ascii", "latin-1", "latin1", "utf8"):
        raise ValueError(f"texts in {encoding}")
    return encoding
