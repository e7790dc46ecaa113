"""DeepLabCut's files, from every pandas that is at hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import write_h5
from small_disk import small_disk

from jupytrack import formats
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable, Source
from jupytrack.errors import AnnotationError, FormatError, SaveError
from jupytrack.formats import deeplabcut

HERE = Path(__file__).parent
LAYOUTS = [
    ("labelled", "multi", "fixed"),
    ("labelled", "flat", "fixed"),
    ("labelled", "flat", "table"),
    ("predictions", "flat", "fixed"),
    ("predictions", "flat", "table"),
]
LABELS = {"leftear": "0", "rightear": "1", "snout": "2"}


def check(table, kind):
    """Compare with what write_h5 writes, column by column."""
    expected = write_h5.values(kind)
    frames = write_h5.FRAMES if kind == "labelled" else range(len(expected))
    width = 2 if kind == "labelled" else 3
    assert table.labels == ["0", "1", "2"]
    assert table.meta["names"] == {label: part for part, label in LABELS.items()}
    for place, part in enumerate(write_h5.PARTS):
        row = int(LABELS[part])
        xy = np.full((table.n_frames, 2), np.nan)
        for frame, values in zip(frames, expected, strict=True):
            xy[frame] = values[width * place : width * place + 2]
        np.testing.assert_array_equal(table.xy[row], xy)
        if kind == "predictions":
            likelihood = expected[:, width * place + 2].astype(np.float32)
            np.testing.assert_array_equal(table.columns["likelihood"][row], likelihood)
    source = Source.MANUAL if kind == "labelled" else Source.DEEPLABCUT
    np.testing.assert_array_equal(table.columns["source"], np.where(table.present, source, 0))


@pytest.mark.parametrize(("kind", "index", "layout"), LAYOUTS)
def test_h5_of_this_pandas(tmp_path, kind, index, layout):
    path = tmp_path / "x.h5"
    subprocess.run([sys.executable, HERE / "write_h5.py", kind, index, layout, path], check=True)
    check(formats.read_layer(path), kind)


@pytest.mark.parametrize("path", sorted((HERE / "files").glob("*.h5")), ids=lambda path: path.stem)
def test_h5_of_older_pandas(path):
    check(formats.read_layer(path), "labelled" if "labelled" in path.name else "predictions")


@pytest.mark.heavy
@pytest.mark.parametrize(("kind", "index", "layout"), LAYOUTS)
def test_h5_of_the_pandas_that_dustrack_has(tmp_path, reference_python, kind, index, layout):
    path = tmp_path / "x.h5"
    reference_python(HERE / "write_h5.py", kind, index, layout, path)
    check(formats.read_layer(path), kind)


def test_real_labels_are_the_same_in_h5_and_csv(openfield):
    h5 = formats.read_layer(openfield / "CollectedData_Pranav.h5")
    text = formats.read_layer(openfield / "CollectedData_Pranav.csv")
    assert h5.labels == text.labels == ["0", "1", "2", "3"]
    assert h5.meta["names"] == {"0": "leftear", "1": "rightear", "2": "snout", "3": "tailbase"}
    assert h5.xy.shape == (4, 116, 2)
    np.testing.assert_array_equal(h5.xy, text.xy)
    assert h5.xy[2, 0].tolist() == [21.521, 265.428]


@pytest.mark.parametrize(
    ("kind", "index"), [(kind, index) for kind, index, layout in LAYOUTS if layout == "fixed"]
)
def test_csv(tmp_path, kind, index):
    path = tmp_path / "x.csv"
    write_h5.frame(kind, index).to_csv(path)
    check(formats.read_layer(path), kind)


def test_parts_called_point_and_a_number_keep_the_number(tmp_path):
    write_h5.frame("labelled", "multi", ["point2", "point10", "point0"]).to_csv(tmp_path / "x.csv")
    table = formats.read_layer(tmp_path / "x.csv")
    assert table.labels == ["0", "2", "10"]
    assert "names" not in table.meta
    np.testing.assert_array_equal(table.xy[1, 3], write_h5.values("labelled")[0, :2])
    write_h5.frame("labelled", "multi", ["p2", "p10", "p0"]).to_csv(tmp_path / "x.csv")
    assert formats.read_layer(tmp_path / "x.csv", remove_label_prefix="p").labels == ["0", "2", "10"]


def test_layers_open_by_name_and_keep_their_names(tmp_path):
    path = tmp_path / "vidDLC_x.h5"
    write_h5.frame("predictions", "flat").to_hdf(path, key="df_with_missing", mode="w", format="table")
    ann = VideoAnnotation(path)
    assert ann.is_dense
    assert ann.names["2"] == "snout"
    assert ann.load(remove_label_prefix="") == ann.data
    with pytest.raises(AnnotationError, match=r"to_json\(\)"):
        ann.save()
    ann.to_json()
    again = VideoAnnotation(tmp_path / "vidDLC_x.json")
    assert again.data == ann.data
    assert again.names == ann.names
    np.testing.assert_array_equal(
        again.column("likelihood"), np.where(ann.present, ann.column("likelihood"), np.nan).astype(np.float32)
    )


HEADER = "scorer,me,me\nbodyparts,a,a\ncoords,x,y\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin"),
        ("frame,x,y\n1,2,3\n", "does not begin"),
        ("scorer,me,me\nindividuals,m,m\nbodyparts,a,a\ncoords,x,y\n0,1,2\n", "several animals"),
        ("scorer,me,me\nbodyparts,a,a\ncoords,x,z\n0,1,2\n", "has no y"),
        ("scorer,me,you\nbodyparts,a,a\ncoords,x,y\n0,1,2\n", "2 scorers"),
        ("scorer,me,me,me\nbodyparts,a,a,a\ncoords,x,y,y\n0,1,2,3\n", "twice"),
        ("scorer,me,me\nbodyparts,a\ncoords,x,y\n", "line 2 has 2 cells instead of 3"),
        (HEADER + "0,1,2\n1,a,2\n", "line 5: 'a' is not a number"),
        (HEADER + "0,1,2\n1,2\n", "line 5 has 2 cells instead of 3"),
        (HEADER + "0,1,2\n1,2,3,4\n", "line 5 has 4 cells instead of 3"),
        (HEADER + "0,1,2\n0,2,3\n", "line 5: frame 0 is there twice"),
        (HEADER + "0,1,2\n1,,3\n", "line 5: a on frame 1"),
        (HEADER + "0,1,2\n1,inf,3\n", "line 5: a on frame 1"),
        (HEADER + "0,1,2\n99999999999,1,3\n", "line 5: frame 99999999999 is out of range"),
        (
            HEADER + "labeled-data/v/img1.png,1,2\nlabeled-data/v/imgx.png,1,3\n",
            "line 5: the name 'imgx.png'",
        ),
        (HEADER + "labeled-data/v/img1.png,1,2\nlabeled-data/w/img2.png,1,3\n", "pictures of 2 videos"),
        (HEADER + ",1,2\n", "line 4"),
    ],
)
def test_wrong_csv_is_refused_with_the_line(tmp_path, text, message):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match=message) as caught:
        formats.read_layer(path)
    assert str(path) in caught.value.problem
    assert caught.value.remedy


def test_csv_of_bytes_is_refused(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"scorer,\xff\xfe\x00")
    with pytest.raises(FormatError, match="not a text table"):
        formats.read_layer(tmp_path / "x.csv")


def test_names_of_pictures(tmp_path):
    names = ["img0003.png", "frame-12.jpg", "2024_0044.png"]
    (tmp_path / "x.csv").write_text(HEADER + "".join(f"labeled-data\\v\\{name},1,2\n" for name in names))
    assert [f for f, _ in formats.read_layer(tmp_path / "x.csv").points("0")] == [3, 12, 44]


def test_points_beyond_the_end_are_refused_with_the_line(tmp_path):
    (tmp_path / "x.csv").write_text(HEADER + "0,1,2\n9,1,2\n10,,\n")
    assert formats.read_layer(tmp_path / "x.csv", n_frames=10).n_frames == 10
    with pytest.raises(FormatError, match=r"line 5: frame 9 is beyond the video's end \(frames 0 to 8\)"):
        formats.read_layer(tmp_path / "x.csv", n_frames=9)


def test_several_animals_in_h5_are_refused(tmp_path):
    levels = ["scorer", "individuals", "bodyparts", "coords"]
    columns = pd.MultiIndex.from_product([["me"], ["m1", "m2"], ["a"], ["x", "y"]], names=levels)
    for layout in ("fixed", "table"):
        pd.DataFrame(np.ones((3, 4)), columns=columns).to_hdf(
            tmp_path / "x.h5", key="k", mode="w", format=layout
        )
        with pytest.raises(FormatError, match="several animals"):
            formats.read_layer(tmp_path / "x.h5")


def test_export_can_be_read_back(tmp_path):
    ann = VideoAnnotation(tmp_path / "clip_annotations_a.json", n_labels=2)
    ann.add([1.1, 2.2], "0", 3)
    ann.add([1 / 3, 1e-7], "1", 120)
    frame = ann.to_dlc("me")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip_annotations_a.csv", "clip_annotations_a.h5"]
    assert frame.index.tolist() == [
        ("labeled-data", "clip", "img003.png"),
        ("labeled-data", "clip", "img120.png"),
    ]
    assert frame.columns.names == ["scorer", "bodyparts", "coords"]
    assert frame.columns[0] == ("me", "point0", "x")
    pd.testing.assert_frame_equal(pd.read_hdf(tmp_path / "clip_annotations_a.h5"), frame)
    for suffix in (".csv", ".h5"):
        table = formats.read_layer(tmp_path / f"clip_annotations_a{suffix}")
        assert table.to_mapping() == ann.data


def test_export_options(tmp_path):
    ann = VideoAnnotation(preloaded_json={"0": {3: [1, 2]}, "1": {}})
    names = {"1": "b", "0": "a"}
    frame = ann.to_dlc(
        output_path=tmp_path, file_prefix="dlc", img_suffix=".jpg", internal_to_dlc_labels=names
    )
    assert (tmp_path / "CollectedData_praneeth.h5").exists()
    assert frame.index[0][2] == "img3.jpg"
    assert frame.columns.get_level_values(1).unique().tolist() == ["a", "b"]
    assert np.isnan(frame.iloc[0, 2])
    ann.to_dlc(save=False)
    assert VideoAnnotation(preloaded_json={}).to_dlc(save=False).shape == (0, 0)
    with pytest.raises(AnnotationError, match="one for each label"):
        ann.to_dlc(save=False, internal_to_dlc_labels={"0": "a"})
    with pytest.raises(AnnotationError, match="no file to name"):
        ann.to_dlc()
    with pytest.raises(SaveError, match="folder does not exist"):
        ann.to_dlc(output_path=tmp_path / "none", file_prefix="x")
    assert not (tmp_path / "none").exists()


def test_a_failed_h5_leaves_what_was_there(tmp_path):
    table = VideoAnnotation(preloaded_json={"0": {1: [1, 2]}}).to_table()
    frame = deeplabcut.labelled_frame(table, scorer="me", video="v", names=["a"])
    (tmp_path / "x.h5").mkdir()
    with pytest.raises(SaveError, match="could not be written"):
        deeplabcut.write_labelled(frame, tmp_path / "x")
    assert [p.name for p in tmp_path.iterdir()] == ["x.h5"]


def test_a_full_disk_leaves_what_was_there(tmp_path):
    """PyTables itself leaves half a file then, and says nothing."""
    table = PointTable.empty(["0", "1"], 60)
    frames = []
    for value in (1.0, 2.0):
        table.xy[:] = value
        frames.append(deeplabcut.labelled_frame(table, scorer="me", video="v", names=["point0", "point1"]))
    with small_disk(tmp_path / "small", 2**20) as small:
        files = deeplabcut.write_labelled(frames[0], small / "CollectedData_me")
        before, free = [path.read_bytes() for path in files], shutil.disk_usage(small).free
        for room in range(0, 20_000, 4096):
            (small / "ballast").write_bytes(b"x" * (free - room))
            with pytest.raises(SaveError, match="the disk is full"):
                deeplabcut.write_labelled(frames[1], small / "CollectedData_me")
            assert [path.read_bytes() for path in files] == before
        (small / "ballast").unlink()
        deeplabcut.write_labelled(frames[1], small / "CollectedData_me")
        assert {*deeplabcut.read_h5(files[1]).xy.flat} == {2.0}
