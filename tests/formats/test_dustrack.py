"""DUSTrack's JSON: exact, strict, and read by DUSTrack itself."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupytrack import formats
from jupytrack.annotation.points import VideoAnnotation
from jupytrack.annotation.table import PointTable
from jupytrack.errors import FormatError
from jupytrack.formats import dustrack
from jupytrack.formats.dustrack import (
    discover_layers,
    get_annotation_file_name,
    layer_name_of,
    make_annotation_file_name,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
layers = st.dictionaries(
    st.text(min_size=1, max_size=5).filter(lambda text: text.isprintable()),
    st.dictionaries(st.integers(0, 3000), st.tuples(numbers, numbers), max_size=5),
    max_size=4,
)


@given(layers)
@settings(deadline=None)
def test_what_is_written_is_read_exactly(tmp_path_factory, layer):
    path = tmp_path_factory.mktemp("x") / "v_annotations.json"
    table = PointTable.from_mapping(layer)
    formats.write_layer(path, table)
    again = formats.read_layer(path)
    assert again.labels == table.labels
    assert repr(again.to_mapping()) == repr(table.to_mapping())
    plain = {
        la: {int(f): xy for f, xy in points.items()} for la, points in json.loads(path.read_text()).items()
    }
    assert repr(plain) == repr(table.to_mapping())


def test_one_line_a_point(tmp_path):
    table = PointTable.from_mapping({"0": {3: [1, 2.5], 1: [0.1, 1e-7]}, "1": {}})
    text = dustrack.to_json(table).decode()
    assert text == '{\n "0": {\n  "1": [0.1, 1e-07],\n  "3": [1.0, 2.5]\n },\n "1": {}\n}\n'
    assert dustrack.to_json(PointTable.empty([])) == b"{\n}\n"


WRONG = {
    "": "is empty",
    "  \n": "is empty",
    '{"0": {"1": [1, 2]': "line 1",
    '{"0": {\n"1": [1, 2],\n}}': "line 3",
    "[1]": "line 1: the file does not hold labels",
    "\n\n3": "line 3: the file does not hold labels",
    '{\n"0": 5}': "line 2: label '0' holds no points",
    '{\n"0": [[1, 2]]}': "line 2: label '0' holds no points",
    '{\n"0": {},\n"1": {},\n"0": {}}': "line 4: label '0' is there twice",
    '{\n"": {}}': "line 2: a label has no name",
    '{"0": {\n"1": [1, 2],\n"2": [3]}}': "line 3: label '0', frame 2 is not a position",
    '{"0": {\n"1": [1, 2],\n"2": [3, 4, 5]}}': "line 3: label '0', frame 2 is not a position",
    '{"0": {"1": [1, 2],\n"2": null}}': "line 2: label '0', frame 2 is not a position",
    '{"0": {"1": [1, 2],\n"2": ["3", "4"]}}': "line 2: label '0', frame 2 is not a position",
    '{"0": {"1": [1, 2],\n"2": [true, 4]}}': "line 2: label '0', frame 2 is not a position",
    '{"0": {"1": [1, 2],\n"2": {"x": 4, "y": 1}}}': "line 2: label '0', frame 2 is not a position",
    '{"0": {"1": [1, 2],\n"2": [[1, 2], [3, 4]]}}': "line 2: label '0', frame 2 is not a position",
    '{"0": {"1": [1, 2],\n"2": "ab"}}': "line 2: label '0', frame 2 is not a position",
    '{"0": {"1": [1, 2],\n"2": [NaN, 4]}}': "line 2: label '0', frame 2 is not finite",
    '{"0": {"1": [1, 2],\n"2": [1, -Infinity]}}': "line 2: label '0', frame 2 is not finite",
    '{"0": {"1": [1, 2],\n"2": [1, 1e400]}}': "line 2: label '0', frame 2 is not finite",
    '{"0": {"1": [1, 2],\n"2": [1, 1' + 400 * "0" + "]}}": "line 2: label '0', frame 2 is not finite",
    '{"0": {"1": [1, 2],\n"-2": [1, 2]}}': "line 2: label '0', frame -2 is negative",
    '{"0": {"1": [1, 2],\n"2.5": [1, 2]}}': "line 2: label '0': '2.5' is not a frame number",
    '{"0": {"1": [1, 2],\n"1_0": [1, 2]}}': "line 2: label '0': '1_0' is not a frame number",
    '{"0": {"1": [1, 2],\n"": [1, 2]}}': "line 2: label '0': '' is not a frame number",
    '{"0": {"1": [1, 2],\n"' + 30 * "9" + '": [1, 2]}}': "line 2: label '0': '9",
    '{"0": {"1": [1, 2],\n"99999999999": [1, 2]}}': "line 2: label '0', frame 99999999999 is too large",
    '{"0": {"1": [1, 2],\n"2": [1, 2],\n"1": [3, 4]}}': "line 3: label '0', frame 1 is there twice",
    '{"0": {"1": [1, 2],\n"01": [3, 4]}}': "line 2: label '0', frame 01 is there twice",
    '{"a": {"x\\"y": 1}, "0": {}}': "line 1: label 'a'",
    '{"0": {"1": [1, 2]},\n"1": {"1": [1, 2],\n"1": [1, 3]}}': "line 3: label '1', frame 1 is there twice",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items(), ids=WRONG.values())
def test_wrong_files_are_refused_with_the_line(tmp_path, text, message):
    path = tmp_path / "v_annotations.json"
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        formats.read_layer(path)
    assert message in caught.value.problem
    assert str(path) in caught.value.problem
    assert caught.value.remedy


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,0123456789. \nNaN-e', max_size=60).map(str.encode))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_any_file_is_read_or_refused(tmp_path, content):
    path = tmp_path / "v.json"
    path.write_bytes(content)
    with contextlib.suppress(FormatError):
        formats.read_layer(path)


def test_deep_nesting_is_refused(tmp_path):
    (tmp_path / "v.json").write_text("[" * 100_000)
    with pytest.raises(FormatError, match="nested"):
        formats.read_layer(tmp_path / "v.json")


def test_points_beyond_the_end(tmp_path):
    path = tmp_path / "v.json"
    path.write_text('{"0": {"9": [1, 2],\n"10": [1, 2]}}')
    assert formats.read_layer(path, n_frames=11).n_frames == 11
    with pytest.raises(FormatError, match=r"line 2: label '0', frame 10 is beyond .* \(frames 0 to 9\)"):
        formats.read_layer(path, n_frames=10)


def test_too_many_cells_are_refused(tmp_path):
    path = tmp_path / "v.json"
    path.write_text(json.dumps({str(label): {"16000000": [1, 2]} for label in range(10)}))
    with pytest.raises(FormatError, match="more than fits"):
        formats.read_layer(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FormatError, match="could not be read"):
        formats.read_layer(tmp_path / "none.json")
    with pytest.raises(FormatError, match="could not be read"):
        formats.read_layer(tmp_path)
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(FormatError, match="no known format"):
        formats.read_layer(tmp_path / "x.txt")
    (tmp_path / "x.h5").write_text("hello")
    with pytest.raises(FormatError, match="not an HDF5 file"):
        formats.read_layer(tmp_path / "x.h5")
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(FormatError, match="not text"):
        formats.read_layer(tmp_path / "x.json")


def test_a_format_can_be_added(tmp_path):
    formats.register_reader(
        ".points_test", lambda path, n_frames: PointTable.from_mapping({"7": {1: [2, 3]}})
    )
    (tmp_path / "x.points_test").write_text("anything")
    assert formats.read_layer(tmp_path / "x.points_test").labels == ["7"]


def test_content_goes_before_suffix(tmp_path):
    (tmp_path / "x.txt").write_text('{"0": {"1": [1, 2]}}')
    assert formats.read_layer(tmp_path / "x.txt").to_mapping() == {"0": {1: [1, 2]}}


def test_file_names(tmp_path):
    video = tmp_path / "my [1] clip.mp4"
    assert make_annotation_file_name(video, "a").name == "my [1] clip_annotations_a.json"
    assert make_annotation_file_name(str(video)).name == "my [1] clip_annotations.json"
    assert get_annotation_file_name(video) is None
    for name in ("", "iteration-0", "x_y", "b"):
        make_annotation_file_name(video, name).write_text("{}")
    for other in (
        "my [1] clip2_annotations_z.json",
        "x_annotations.json",
        "my [1] clip_annotations_b.sidecar",
    ):
        (tmp_path / other).write_text("{}")
    assert get_annotation_file_name(video) == tmp_path / "my [1] clip_annotations.json"
    assert list(discover_layers(video)) == ["", "b", "iteration-0", "x_y"]
    assert discover_layers(tmp_path / "none" / "x.mp4") == {}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("v_annotations_brachialis_pn.json", "brachialis_pn"),
        ("v_annotations.json", ""),
        ("/p/videos/iteration-2/vDLC_resnet50_proj_shuffle1_50000.h5", "dlc_iteration-2_50000"),
        ("CollectedData_me.h5", "CollectedData_me"),
    ],
)
def test_layer_names(path, name):
    assert layer_name_of(path) == name


READ = """
import json, sys
from dustrack.annotations import VideoAnnotation
ann = VideoAnnotation(sys.argv[1])
print(json.dumps({"name": ann.name, "labels": ann.labels, "n_frames": ann.n_frames,
    "data": {k: {str(f): [float(x).hex() for x in p] for f, p in v.items()} for k, v in ann.data.items()}}))
"""

DISCOVER = """
import json, sys
from pathlib import Path
from dustrack import _file_management as fm
import fnmatch, os
names = fnmatch.filter(os.listdir(sys.argv[1]), "*clip*_annotations*.json")
name_of = fm.VideoFileManager.canonical_layer_name
print(json.dumps(sorted(name_of(Path(sys.argv[1]) / name) for name in names)))
"""


def last_line(output):
    return json.loads(output.strip().splitlines()[-1])


@pytest.mark.heavy
def test_dustrack_reads_what_we_save(tmp_path, reference_python):
    numbers = np.random.default_rng(3)
    ann = VideoAnnotation(tmp_path / "clip_annotations_a.json", n_labels=3)
    for label in "01":
        frames = numbers.choice(5000, 400, replace=False)
        ann.set_points(label, frames, numbers.uniform(-1e3, 1e4, (400, 2)) * 10.0 ** numbers.integers(-8, 8))
    ann.set_column("likelihood", 0.5)
    ann.save()
    assert (tmp_path / "clip_annotations_a.sidecar").exists()
    (tmp_path / "clip_annotations_a.journal").write_text("{}\n")
    (tmp_path / "clip_annotations_a.lock").write_text("{}\n")
    read = last_line(reference_python("-c", READ, tmp_path / "clip_annotations_a.json"))
    assert read["name"] == "a"
    assert read["labels"] == ["0", "1", "2"]
    assert read["n_frames"] == ann.n_frames
    ours = {k: {str(f): [x.hex() for x in xy] for f, xy in v.items()} for k, v in ann.data.to_dict().items()}
    assert read["data"] == ours
    assert last_line(reference_python("-c", DISCOVER, tmp_path)) == ["a"]


WRITE = """
import sys
import numpy as np
from dustrack.annotations import VideoAnnotation
ann = VideoAnnotation(sys.argv[1], n_labels=3)
numbers = np.random.default_rng(5)
for label in "02":
    for frame in numbers.choice(300, 50, replace=False):
        ann.add(list(numbers.uniform(0, 500, 2)), label, int(frame))
ann.save()
"""


@pytest.mark.heavy
def test_we_read_what_dustrack_saves(tmp_path, reference_python):
    path = tmp_path / "clip_annotations_a.json"
    reference_python("-c", WRITE, path)
    ann = VideoAnnotation(path)
    read = last_line(reference_python("-c", READ, path))
    assert ann.labels == read["labels"] == ["0", "1", "2"]
    ours = {k: {str(f): [x.hex() for x in xy] for f, xy in v.items()} for k, v in ann.data.to_dict().items()}
    assert ours == read["data"]


READ_H5 = """
import json, sys
from dustrack.annotations import VideoAnnotation
ann = VideoAnnotation(sys.argv[1])
data = {k: {str(f): [float(x).hex() for x in xy] for f, xy in v.items()} for k, v in ann.data.items()}
print(json.dumps(data))
"""


@pytest.mark.heavy
@pytest.mark.parametrize("names", [None, {"0": "nose", "1": "ear", "2": "arm"}])
def test_dustrack_reads_our_h5(tmp_path, reference_python, names):
    numbers = np.random.default_rng(4)
    ann = VideoAnnotation(tmp_path / "clip_annotations_a.json", n_labels=3)
    for label in "012":
        ann.set_points(label, range(3, 40, 5), numbers.uniform(0, 500, (8, 2)))
    ann.to_dlc("me", internal_to_dlc_labels=names)
    h5 = tmp_path / "clip_annotations_a.h5"
    ours = {
        k: {str(f): [x.hex() for x in xy] for f, xy in v.items()}
        for k, v in formats.read_layer(h5).to_mapping().items()
    }
    assert last_line(reference_python("-c", READ_H5, h5)) == ours
