"""HDF5 files that want to run something do not get to."""

from __future__ import annotations

import os
import pickle
import threading

import numpy as np
import pandas as pd
import pytest
import tables
import tables.attributeset

from jupytrack.errors import FormatError
from jupytrack.formats.pandas_hdf import read_frame

COLUMNS = pd.MultiIndex.from_product([["me"], ["a"], ["x", "y"]], names=["scorer", "bodyparts", "coords"])


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.fixture(params=["fixed", "table"])
def file(tmp_path, request):
    path = tmp_path / "x.h5"
    pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=COLUMNS).to_hdf(
        path, key="k", mode="w", format=request.param
    )
    return path


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "it ran"


def store(where, name, thing):
    """Store a pickle the way PyTables does."""
    where._v_attrs[name] = np.bytes_(pickle.dumps(thing, 0))


@pytest.mark.parametrize("where", ["/", "/k"])
@pytest.mark.parametrize(
    "name", ["innocent", "info", "non_index_axes", "encoding", "FILTERS", "CLASS", "TITLE"]
)
def test_objects_in_attributes_do_not_run(file, mark, where, name):
    with tables.open_file(str(file), "a") as h5:
        node = h5.get_node(where)
        # FILTERS and the like are packed by PyTables itself, so the raw attribute is written.
        node._v_attrs._g_setattr(node, name, np.bytes_(pickle.dumps(Attack(mark), 0)))
    with pytest.raises(FormatError) as caught:
        read_frame(file)
    assert not mark.exists()
    assert str(file) in str(caught.value)
    assert "Python objects" in str(caught.value) or name in ("CLASS", "FILTERS")


def test_the_attack_would_have_worked(file, mark):
    with tables.open_file(str(file), "a") as h5:
        store(h5.root, "innocent", Attack(mark))
    with tables.open_file(str(file)) as h5:
        h5.root._v_attrs["innocent"]
    assert mark.exists()


def test_objects_in_leaves_do_not_run(file, mark):
    with tables.open_file(str(file), "a") as h5:
        array = h5.create_vlarray("/k", "objects", tables.ObjectAtom())
        array.append(Attack(mark))
    with pytest.raises(FormatError, match="Python objects"):
        read_frame(file)
    assert not mark.exists()


def test_objects_in_the_attributes_of_leaves_do_not_run(file, mark):
    with tables.open_file(str(file), "a") as h5:
        leaf = next(node for node in h5.walk_nodes("/k") if isinstance(node, tables.Leaf))
        store(leaf, "name", Attack(mark))
    with pytest.raises(FormatError, match=r"Python objects \((posix|nt)\.mkdir\)"):
        read_frame(file)
    assert not mark.exists()


def test_columns_of_objects_are_refused(tmp_path):
    path = tmp_path / "x.h5"
    frame = pd.DataFrame([[1.0, {"a": 1}]], columns=COLUMNS)
    with pytest.warns(pd.errors.PerformanceWarning):
        frame.to_hdf(path, key="k", mode="w", format="fixed")
    with pytest.raises(FormatError, match="Python objects"):
        read_frame(path)


@pytest.mark.parametrize(
    "payload",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"(ios\nsystem\nS'true'\n.",
        b"Pid\n.",
        b"\x82\x01.",
    ],
    ids=["GLOBAL", "STACK_GLOBAL", "INST", "PERSID", "EXT1"],
)
def test_every_way_to_name_something_is_refused(file, payload):
    with tables.open_file(str(file), "a") as h5:
        h5.root._v_attrs._g_setattr(h5.root, "innocent", np.bytes_(payload))
    if payload.startswith((b"P", b"\x82")):
        # Neither names a function by itself: the text stays a text.
        read_frame(file)
    else:
        with pytest.raises(FormatError, match=r"Python objects \(os.system\)"):
            read_frame(file)


def test_links_are_refused(file, tmp_path):
    with tables.open_file(str(tmp_path / "other.h5"), "w") as other:
        other.create_array("/", "a", [1])
    with tables.open_file(str(file), "a") as h5:
        h5.create_external_link("/", "link", f"{tmp_path / 'other.h5'}:/a")
    with pytest.raises(FormatError, match="ExternalLink"):
        read_frame(file)


def test_pytables_unpickles_as_before_afterwards(file):
    read_frame(file)
    assert tables.attributeset.pickle is pickle
    assert tables.atom.pickle is pickle


def test_other_threads_are_left_alone(file):
    from jupytrack.formats.pandas_hdf import _guarded

    results = []
    with _guarded() as guard:
        data = pickle.dumps(np.float64(3), 0)
        thread = threading.Thread(target=lambda: results.append(tables.attributeset.pickle.loads(data)))
        thread.start()
        thread.join()
        with pytest.raises(pickle.UnpicklingError):
            tables.attributeset.pickle.loads(data)
    assert results == [3]
    assert guard.refused


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + b"\0" * 100, b"not at all"])
def test_what_is_no_hdf5_is_refused(tmp_path, content):
    (tmp_path / "x.h5").write_bytes(content)
    with pytest.raises(FormatError, match="cannot be read as HDF5"):
        read_frame(tmp_path / "x.h5")


def test_a_cut_file_is_refused(file):
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(FormatError, match="cannot be read as HDF5"):
        read_frame(file)


def test_other_content_is_refused(tmp_path):
    path = tmp_path / "x.h5"
    with tables.open_file(str(path), "w") as h5:
        h5.create_array("/", "a", [1, 2, 3])
    with pytest.raises(FormatError, match="0 data frames"):
        read_frame(path)
    pd.Series([1.0, 2.0]).to_hdf(path, key="s", mode="w")
    with pytest.raises(FormatError, match="holds a pandas series"):
        read_frame(path)
    frame = pd.DataFrame(np.ones((1, 2)), columns=COLUMNS)
    frame.to_hdf(path, key="a", mode="w")
    frame.to_hdf(path, key="b", mode="a")
    with pytest.raises(FormatError, match="2 data frames"):
        read_frame(path)


def test_blocks_of_several_types(tmp_path):
    path = tmp_path / "x.h5"
    frame = pd.DataFrame(np.ones((2, 4)), columns=list("abcd")).astype({"b": np.float32, "d": np.int64})
    frame["d"] = [3, 4]
    for layout in ("fixed", "table"):
        frame.to_hdf(path, key="k", mode="w", format=layout)
        if layout == "fixed":
            read = read_frame(path)
            assert [column[0] for column in read.columns] == list("abcd")
            np.testing.assert_array_equal(read.values, frame.to_numpy(float))


def test_an_empty_frame(tmp_path):
    path = tmp_path / "x.h5"
    pd.DataFrame(np.ones((0, 2)), columns=COLUMNS).to_hdf(path, key="k", mode="w")
    assert read_frame(path).values.shape == (0, 2)
