from __future__ import annotations

import json
import os
import stat
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tud import tud_folder

import jupytrack
from jupytrack import BoxTracks
from jupytrack.annotation.table import PointTable, Visibility
from jupytrack.errors import AnnotationError, FormatError, SaveError
from jupytrack.formats import mot

UNIT = [0.0, 0.0, 1.0, 1.0]


def truth():
    """Two tracks over ten frames, as ground truth has them."""
    frames = np.repeat(np.arange(10), 2)
    ids = np.tile([3, 7], 10)
    boxes = np.stack([frames * 1.1 + ids * 40, ids + 0.25, np.full(20, 20.5), np.full(20, 30)], axis=1)
    return BoxTracks(
        frames,
        ids,
        boxes,
        confidence=1,
        class_="pedestrian",
        visibility=np.linspace(0, 1, 20),
        n_frames=12,
        frame_rate=25,
        image_size=(640, 480),
    )


def text(tmp_path, content, name="boxes.txt"):
    path = tmp_path / name
    path.write_text(content)
    return path


def test_lines_of_ground_truth(tmp_path):
    tracks = BoxTracks(
        [0, 4], [1, 2], [[0, 0, 1, 1], [9.5, 2, 30, 0.1]], confidence=[1, 0], visibility=[1, 0.25]
    )
    tracks = tracks.assign(class_=["car", None], n_frames=6)
    assert not mot.write(tracks, tmp_path / "seq", frame_rate=30, image_size=(640, 480))
    assert (tmp_path / "seq/gt/gt.txt").read_text() == "1,1,0,0,1,1,1,1,1\n5,2,9.5,2,30,0.1,0,-1,0.25\n"
    assert (tmp_path / "seq/gt/labels.txt").read_text() == "car\n"
    assert (tmp_path / "seq/seqinfo.ini").read_text() == (
        "[Sequence]\nname=seq\nimDir=img1\nframeRate=30\nseqLength=6\nimWidth=640\nimHeight=480\nimExt=.jpg\n"
    )
    assert sorted(path.name for path in (tmp_path / "seq").rglob("*")) == [
        *("gt", "gt.txt", "labels.txt", "seqinfo.ini"),
    ]
    again = mot.read(tmp_path / "seq")
    # what write() is told, and the tracks did not know, is in what is read
    assert again == tracks.assign(frame_rate=30, image_size=(640, 480)) != tracks
    assert mot.read(tmp_path / "seq/gt/gt.txt") == again
    assert again.confidence.tolist() == [1, 0]


def test_lines_of_results(tmp_path):
    tracks = BoxTracks([2, 0], [1, 1], [UNIT, [5, 6, 7, 8]])
    assert not mot.write(tracks, tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "1,1,5,6,7,8,-1,-1,-1,-1\n3,1,0,0,1,1,-1,-1,-1,-1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    again = mot.read(tmp_path / "a.txt")
    assert again == tracks
    assert np.isnan(again.confidence).all()


def test_numbers_from_one_are_a_matter_of_both_directions(tmp_path):
    tracks = BoxTracks([0], [1], [[0, 0.1, 1, 1]])
    mot.write(tracks, tmp_path / "a.txt", one_based_boxes=True)
    assert (tmp_path / "a.txt").read_text().startswith("1,1,1,1.1,1,1,")
    assert mot.read(tmp_path / "a.txt", one_based_boxes=True) == tracks
    assert mot.read(tmp_path / "a.txt").boxes.tolist() == [[1, 1.1, 1, 1]]


def test_a_clicked_pixel_is_that_pixel_in_the_file(tmp_path):
    points = PointTable.from_mapping({"0": {0: [0, 0]}})
    mot.write(jupytrack.tracks_from_points(points, 1), tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "1,1,0,0,1,1,-1,-1,-1,-1\n"
    assert mot.read(tmp_path / "a.txt").ids == ("0",)


def test_names_of_tracks_are_kept_beside_the_file(tmp_path):
    for ids in (["10", "2", "paw\n"], [0, 5, -3]):
        tracks = BoxTracks([0, 0, 1], ids, [UNIT] * 3)
        assert not mot.write(tracks, tmp_path / "a.txt")
        assert mot.read(tmp_path / "a.txt") == tracks
        assert json.loads((tmp_path / "a.ids.json").read_text())["1"] == tracks.ids[0]
    assert not mot.write(BoxTracks([0], [4], [UNIT]), tmp_path / "a.txt")
    assert mot.read(tmp_path / "a.txt").ids == (4,)


def test_names_of_classes(tmp_path):
    lines = "1,1,0,0,1,1,1,3,1\n1,2,0,0,1,1,1,8,1\n"
    tracks = mot.read(text(tmp_path, lines))
    assert tracks.class_.tolist() == ["car", "distractor"]
    assert tracks.classes == mot.CLASSES
    assert mot.read(tmp_path / "boxes.txt", classes=list("abcdefgh")).class_.tolist() == ["c", "h"]
    text(tmp_path, "cup\nplate\nknife\n", "boxes.labels.txt")
    with pytest.raises(FormatError, match=r"boxes\.txt, line 2: class 8 is unknown, .*labels\.txt has 3"):
        mot.read(tmp_path / "boxes.txt")
    text(tmp_path, lines.replace(",8,1", ",0,1"))
    with pytest.raises(FormatError, match="line 2: class is 0"):
        mot.read(tmp_path / "boxes.txt")
    # without classes the names that were there go
    mot.write(BoxTracks([0], [1], [UNIT]), tmp_path / "boxes.txt")
    assert not (tmp_path / "boxes.labels.txt").exists()


def test_positions_in_the_world_are_kept(tmp_path):
    path = text(tmp_path, "1,2,3,4,5,6,1,4.4852,5.5016,0\n2,2,3,4,5,6,1,4.4,5.6,0\n")
    tracks = mot.read(path)
    assert tracks.extra["world_x"].tolist() == [4.4852, 4.4]
    assert tracks.classes == ()
    assert not mot.write(tracks, tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_text() == path.read_text()
    report = mot.write(tracks.assign(class_="car"), tmp_path / "b.txt")
    assert [loss.what for loss in report] == ["world_x", "world_y", "world_z"]


@pytest.mark.parametrize(
    ("line", "box"),
    [
        ("1, 3, 794.27, 247.59, 71.245, 174.88, -1, -1, -1, -1", [794.27, 247.59, 71.245, 174.88]),
        ("1,3,1,2,3,4", [1, 2, 3, 4]),
        ("1,3,1,2,3,4,0.5", [1, 2, 3, 4]),
        ("1,3,1,2,3,4,1,1", [1, 2, 3, 4]),
        ("1,3,1,2,3,4,1,-1,-1,", [1, 2, 3, 4]),
        ("1 3 1 2 3 4 1 -1 -1 -1", [1, 2, 3, 4]),
        ("1.0,3.0,1e0,2,3,4,1,-1,-1,-1", [1, 2, 3, 4]),
    ],
)
def test_dialects(tmp_path, line, box):
    for content in (line, f"\n{line}\n  \n", f"\ufeff{line}\r\n"):
        path = tmp_path / "boxes.txt"
        path.write_bytes(content.encode())
        tracks = mot.read(path)
        assert tracks.boxes.tolist() == [box]
        assert (tracks.frame.tolist(), tracks.ids) == ([0], (3,))


GOOD = "1,1,1,2,3,4,1,1,0.5"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("2,1,1,2,3,four,1,1,0.5", "h is 'four', which is no number"),
        ("2,1,1,2,3,4,1,1", "8 columns, 9 in the lines above"),
        ("2,1,1,2,3,4,1,1,1,1,1", "11 columns"),
        ("2,1,1,2,3", "5 columns"),
        ("# comment", "frame is '# comment'"),
        ("0,1,1,2,3,4,1,1,0.5", "frame is 0. Frames are whole numbers from 1"),
        ("1.5,1,1,2,3,4,1,1,0.5", "frame is 1.5"),
        ("99999999,1,1,2,3,4,1,1,0.5", "no such frame. Frames are 1 to"),
        ("2,0,1,2,3,4,1,1,0.5", "id is 0"),
        ("2,-1,1,2,3,4,1,1,0.5", "the id is −1. These are detections"),
        ("2,1e17,1,2,3,4,1,1,0.5", r"id is 1e\+17"),
        ("2,1,nan,2,3,4,1,1,0.5", "x is nan"),
        ("2,1,1,2,inf,4,1,1,0.5", "w is inf"),
        ("2,1,1,2,3,-4,1,1,0.5", r"track 1 on frame 2: the box \[.*\] has a negative size"),
        ("2,1,1,2,3,4,1,14,0.5", "class 14 is unknown"),
        ("2,1,1,2,3,4,1,1.5,0.5", "class is 1.5"),
        ("2,1,1,2,3,4,1,1,1.5", "visibility 1.5"),
        ("1,1,9,9,9,9,1,1,0.5", "track 1 on frame 1 is there twice. The first is in line 2"),
    ],
)
def test_bad_lines_are_named(tmp_path, bad, message):
    path = text(tmp_path, f"\n{GOOD}\n\n{bad}\n3,1,1,2,3,4,1,1,0.5\n")
    with pytest.raises(FormatError, match=rf"boxes\.txt, line 4: .*{message}"):
        mot.read(path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FormatError, match="is no sequence: there is no"):
        mot.read(tmp_path)
    with pytest.raises(FormatError, match="could not be read"):
        mot.read(tmp_path / "missing.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00,")
    with pytest.raises(FormatError, match="is no text"):
        mot.read(tmp_path / "binary.txt")
    text(tmp_path, GOOD)
    for names, message in (
        ("[]", "no JSON object"),
        ("{", "cannot be read"),
        ('{"2": "a"}', "line 1: id 1 has no name in boxes.ids.json"),
        ('{"1": ""}', "boxes.ids.json: Id '' "),
    ):
        text(tmp_path, names, "boxes.ids.json")
        with pytest.raises(FormatError, match=message):
            mot.read(tmp_path / "boxes.txt")
    text(tmp_path, GOOD + "\n2,2,1,2,3,4,1,1,0.5")
    text(tmp_path, '{"1": "a", "2": "a"}', "boxes.ids.json")
    with pytest.raises(FormatError, match="Two tracks have the same name"):
        mot.read(tmp_path / "boxes.txt")


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("seqLength=12", "", "seqLength is missing"),
        ("seqLength=12", "seqLength=many", "cannot be read"),
        ("frameRate=25", "frameRate=0", "frameRate is 0"),
        ("[Sequence]", "", "cannot be read"),
        ("seqLength=12", "seqLength=9", r"gt\.txt, line 19: track 3 on frame 10: there is no such frame"),
    ],
)
def test_a_bad_seqinfo_is_named(tmp_path, line, instead, message):
    mot.write(truth(), tmp_path)
    info = tmp_path / "seqinfo.ini"
    assert line in info.read_text()
    info.write_text(info.read_text().replace(line, instead))
    with pytest.raises(FormatError, match=message):
        mot.read(tmp_path)


def test_what_is_lost_is_told(tmp_path):
    n = 6
    tracks = BoxTracks(
        range(n),
        ["a"] * n,
        [UNIT] * 4 + [[np.nan] * 4] * 2,
        confidence=[0.5, np.nan, -1, 1, 1, 1],
        visibility=[0.9, *[None] * 5],
        state=["unknown", "visible", "mostly_occluded", "fully_occluded", "fully_occluded", "out_of_frame"],
        extra={"angle": 1},
        n_frames=50,
        frame_rate=30,
        image_size=(64, 48),
    )
    report = mot.write(tracks, tmp_path / "a.txt")
    assert [(loss.what, loss.count) for loss in report] == [
        ("box", 2),
        ("confidence", 1),
        ("state", 3),
        ("angle", 4),
        ("n_frames", 1),
        ("frame_rate", 1),
        ("image_size", 1),
    ]
    assert "2 rows without a box: left out" in repr(report)
    assert "<li>2 rows" in report._repr_html_()
    again = mot.read(tmp_path / "a.txt")
    np.testing.assert_array_equal(again.visibility, [0.9, 1, 0.1, 0])
    assert [Visibility(state).name for state in again.effective_state][1:] == [
        "VISIBLE",
        "MOSTLY_OCCLUDED",
        "FULLY_OCCLUDED",
    ]
    in_folder = mot.write(tracks, tmp_path / "seq")
    told = {loss.message for loss in in_folder if loss.what == "confidence"}
    assert len(told) == 3
    assert any("1 box with unknown confidence: written with 1" in message for message in told)
    assert any("between 0 and 1" in message for message in told)
    assert not {"n_frames", "frame_rate", "image_size"} & {loss.what for loss in in_folder}
    assert (mot.read(tmp_path / "seq").n_frames, mot.read(tmp_path / "seq").frame_rate) == (50, 30)
    assert repr(mot.write(truth(), tmp_path / "whole")) == "Nothing was lost."


def test_a_sequence_needs_rate_and_size(tmp_path):
    tracks = truth().assign(frame_rate=None, image_size=None)
    with pytest.raises(AnnotationError, match=r"The frame_rate for .* is not known\. Pass frame_rate="):
        mot.write(tracks, tmp_path / "seq")
    with pytest.raises(AnnotationError, match="The image_size for"):
        mot.write(tracks, tmp_path / "seq", frame_rate=30)
    with pytest.raises(AnnotationError, match="no frame rate"):
        mot.write(tracks, tmp_path / "seq", frame_rate=-1, image_size=(1, 1))
    assert list(tmp_path.iterdir()) == []
    assert not mot.write(tracks, tmp_path / "seq", frame_rate=29.97, image_size=(64, 48))
    assert mot.read(tmp_path / "seq") == tracks.assign(frame_rate=29.97, image_size=(64, 48))


def test_nothing_is_written_half(tmp_path, monkeypatch):
    mot.write(truth(), tmp_path / "seq")
    before = {path: path.read_bytes() for path in (tmp_path / "seq").rglob("*.*")}
    # a folder in the place of a file cannot be replaced by one
    (tmp_path / "seq/gt/labels.txt").unlink()
    (tmp_path / "seq/gt/labels.txt").mkdir()
    with pytest.raises(SaveError):
        mot.write(truth().assign(confidence=0), tmp_path / "seq")
    (tmp_path / "seq/gt/labels.txt").rmdir()
    left = {path: path.read_bytes() for path in (tmp_path / "seq").rglob("*.*")}
    assert left[tmp_path / "seq/gt/gt.txt"] == before[tmp_path / "seq/gt/gt.txt"]
    assert not [path for path in left if path.suffix == ".tmp"]
    with pytest.raises(SaveError, match="folder does not exist"):
        mot.write(truth(), tmp_path / "nowhere/a.txt")


def test_permissions_stay(tmp_path):
    mot.write(truth(), tmp_path / "a.txt")
    (tmp_path / "a.txt").chmod(0o640)
    mot.write(truth(), tmp_path / "a.txt")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_no_rows(tmp_path):
    none = BoxTracks.empty()
    assert not mot.write(none, tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b""
    assert mot.read(tmp_path / "a.txt") == none
    none = BoxTracks.empty(classes=["cup"], n_frames=7, frame_rate=30, image_size=(4, 4))
    assert not mot.write(none, tmp_path / "seq")
    assert mot.read(tmp_path / "seq") == none


# numbers of all sizes, with all the digits they need
numbers = st.floats(-1e9, 1e9) | st.sampled_from([5e-324, -0.1, 2.0**60, 0.1 + 0.2, 1e-7])
sizes = st.floats(0, 1e9)


@st.composite
def files(draw):
    """Tracks that a file can hold."""
    texts = draw(st.booleans())
    id_values = st.text(min_size=1, max_size=4) if texts else st.integers(-(2**53) + 1, 2**53 - 1)
    cells = draw(st.lists(st.tuples(st.integers(0, 40), id_values), unique=True, max_size=10))
    n = len(cells)

    def column(values):
        return draw(st.lists(values, min_size=n, max_size=n))

    kind = draw(st.sampled_from(["plain", "world", "classes"]))
    known = {}
    if kind == "world":
        known["extra"] = {name: column(numbers) for name in ("world_x", "world_y", "world_z")}
        if n == 0 or all(value == -1 for values in known["extra"].values() for value in values):
            known = {}
    elif kind == "classes":
        known["class_"] = column(st.sampled_from([None, "cup", "ein Löffel"]))
        known["classes"] = ["cup", "knife", "ein Löffel"]
        known["visibility"] = column(st.none() | st.floats(0, 1))
    is_truth = draw(st.booleans())
    confidence = numbers.filter(lambda value: value != -1)
    return BoxTracks(
        [frame for frame, _ in cells],
        [id for _, id in cells],
        np.reshape(column(st.tuples(numbers, numbers, sizes, sizes)), (n, 4)),
        confidence=column(st.sampled_from([0, 1]) if is_truth else st.none() | confidence),
        n_frames=draw(st.integers(41, 99)) if is_truth else None,
        frame_rate=draw(st.floats(1e-3, 1e4)) if is_truth else None,
        image_size=draw(st.tuples(st.integers(1, 9999), st.integers(1, 9999))) if is_truth else None,
        **known,
    )


@settings(deadline=None)
@given(files(), st.booleans())
def test_there_and_back(tracks, one_based):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("boxes.txt" if tracks.frame_rate is None else "sequence")
        assert not mot.write(tracks, path, one_based_boxes=one_based)
        again = mot.read(path, one_based_boxes=one_based)
        assert again == tracks
        before = {file: file.read_bytes() for file in path.parent.rglob("*.*")}
        mot.write(again, path, one_based_boxes=one_based)
        assert {file: file.read_bytes() for file in path.parent.rglob("*.*")} == before


# real files


@pytest.fixture(scope="session")
def tud():
    return tud_folder()


@pytest.mark.parametrize(
    ("name", "n_rows", "n_tracks", "n_frames"),
    [
        ("TUD-Campus/gt", 359, 8, 71),
        ("TUD-Campus/test", 222, 13, 71),
        ("TUD-Stadtmitte/gt", 1156, 10, 179),
        ("TUD-Stadtmitte/test", 749, 12, 179),
    ],
)
@pytest.mark.parametrize("one_based", [False, True])
def test_real_files_there_and_back(tud, tmp_path, name, n_rows, n_tracks, n_frames, one_based):
    tracks = mot.read(tud / f"{name}.txt", one_based_boxes=one_based)
    assert (len(tracks), tracks.n_tracks, tracks.n_frames) == (n_rows, n_tracks, n_frames)
    assert not mot.write(tracks, tmp_path / "a.txt", one_based_boxes=one_based)
    assert mot.read(tmp_path / "a.txt", one_based_boxes=one_based) == tracks
    theirs = np.loadtxt(tud / f"{name}.txt", delimiter=",")
    ours = np.loadtxt(tmp_path / "a.txt", delimiter=",")
    np.testing.assert_array_equal(ours, theirs[np.lexsort((theirs[:, 1], theirs[:, 0]))])


# trackeval

EVALUATE = """
import json, sys, warnings
warnings.simplefilter("ignore")
import trackeval
root, benchmark = sys.argv[1:]
config = trackeval.datasets.MotChallenge2DBox.get_default_dataset_config()
config |= {
    "GT_FOLDER": f"{root}/truth", "TRACKERS_FOLDER": f"{root}/results", "SKIP_SPLIT_FOL": True,
    "SEQ_INFO": {"one": None, "two": None}, "BENCHMARK": benchmark, "PRINT_CONFIG": False,
}
quiet = {"PRINT_RESULTS": False, "PRINT_CONFIG": False, "TIME_PROGRESS": False, "OUTPUT_SUMMARY": False,
         "OUTPUT_DETAILED": False, "PLOT_CURVES": False, "OUTPUT_EMPTY_CLASSES": False}
evaluator = trackeval.Evaluator(trackeval.Evaluator.get_default_eval_config() | quiet)
metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(), trackeval.metrics.Identity()]
results, _ = evaluator.evaluate([trackeval.datasets.MotChallenge2DBox(config)], metrics)
table = {}
for tracker, by_sequence in results["MotChallenge2DBox"].items():
    for sequence, by_class in by_sequence.items():
        m = by_class["pedestrian"]
        table[f"{tracker} {sequence}"] = {
            "HOTA": float(m["HOTA"]["HOTA"].mean()), "IDF1": float(m["Identity"]["IDF1"]),
            **{name: float(m["CLEAR"][name]) for name in ("MOTA", "CLR_FP", "CLR_FN", "IDSW", "MT", "ML")},
        }
print("RESULT" + json.dumps(table))
"""


@pytest.fixture
def evaluated():
    """What trackeval says of the folders truth and results; it runs in an environment of its own."""
    python = os.environ.get("JUPYTRACK_TRACKEVAL_PYTHON")
    if not python:
        pytest.skip("JUPYTRACK_TRACKEVAL_PYTHON names no interpreter with trackeval; `make test` sets one up")

    def run(root, benchmark):
        done = subprocess.run(
            [python, "-c", EVALUATE, str(root), benchmark],
            capture_output=True,
            text=True,
            env={**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": ""},
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return json.loads(done.stdout.split("RESULT")[1])

    return run


def test_trackeval_reads_what_is_written(evaluated, tmp_path):
    tracks = truth()
    # a box that counts for nothing, since the ground truth says to ignore it
    ignored = np.where((tracks.frame == 4) & (tracks.id == 7), 0, 1)
    named = tracks.assign(id=np.where(tracks.id == 3, "left", "right"), confidence=ignored)
    results = tmp_path / "results"
    for tracker in ("perfect", "late"):
        (results / tracker / "data").mkdir(parents=True)
    for name, sequence in (("one", tracks), ("two", named)):
        assert not mot.write(sequence, tmp_path / "truth" / name)
        result = sequence.assign(confidence=0.75)
        result = result.select(sequence.confidence > 0)
        mot.write(result, results / "perfect/data" / f"{name}.txt")
        # the first two of ten frames are missing
        mot.write(result.select(frames=slice(2, None)), results / "late/data" / f"{name}.txt")
    table = evaluated(tmp_path, "MOT17")
    for sequence in ("one", "two", "COMBINED_SEQ"):
        row = table[f"perfect {sequence}"]
        assert (row["HOTA"], row["MOTA"], row["IDF1"]) == (1, 1, 1)
        assert (row["CLR_FP"], row["CLR_FN"], row["IDSW"], row["ML"]) == (0, 0, 0, 0)
    assert table["perfect COMBINED_SEQ"]["MT"] == 4
    assert table["late one"]["MOTA"] == pytest.approx(16 / 20)
    assert table["late two"]["MOTA"] == pytest.approx(15 / 19)


def test_trackeval_says_the_same_of_real_files_written_again(evaluated, tud, tmp_path):
    (tmp_path / "results/tracker/data").mkdir(parents=True)
    for name, sequence in (("one", "TUD-Campus"), ("two", "TUD-Stadtmitte")):
        mot.write(
            mot.read(tud / sequence / "gt.txt"),
            tmp_path / "truth" / name,
            frame_rate=25,
            image_size=(640, 480),
        )
        mot.write(mot.read(tud / sequence / "test.txt"), tmp_path / "results/tracker/data" / f"{name}.txt")
    table = evaluated(tmp_path, "MOT15")
    known = {
        "one": (0.526462, 0.557659, 0.391397, 7, 13, 150, 1, 1),
        "two": (0.564014, 0.644619, 0.397849, 7, 45, 452, 5, 1),
        "COMBINED_SEQ": (0.555116, 0.624296, 0.399957, 14, 58, 602, 6, 2),
    }
    for sequence, values in known.items():
        row = table[f"tracker {sequence}"]
        names = ("MOTA", "IDF1", "HOTA", "IDSW", "CLR_FP", "CLR_FN", "MT", "ML")
        assert [row[name] for name in names] == pytest.approx(values, abs=1e-6)


def test_what_a_single_file_lost_makes_it_whole_again(tmp_path):
    tracks = BoxTracks([2], ["a"], [[1, 2, 3, 4]], n_frames=9, frame_rate=25, image_size=(64, 48))
    lost = mot.write(tracks, tmp_path / "a.txt")
    known = {loss.what: getattr(tracks, loss.what) for loss in lost}
    assert known == {"n_frames": 9, "frame_rate": 25, "image_size": (64, 48)}
    assert mot.read(tmp_path / "a.txt") != tracks
    assert mot.read(tmp_path / "a.txt").assign(**known) == tracks
