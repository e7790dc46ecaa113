"""Verdicts outlive the process, and never harm each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jupytrack.errors import AnnotationError, FormatError, SaveError
from jupytrack.qa.verdicts import Verdicts, verdict_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clip_annotations_model.review"


def test_what_was_decided_is_found_again_with_author_and_time(path, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_USER", "anna")
    before = datetime.now(UTC).isoformat()
    verdicts = Verdicts(path)
    assert not path.exists()
    assert not len(verdicts)
    verdicts.add(7, "0", ["jumps"], "dismissed", " real\n motion ")
    monkeypatch.setenv("JUPYTERHUB_USER", "bert")
    verdicts.add(7, 0, ["jumps"], "accepted")
    verdicts.add(9, None, ["gaps"], "fixed")
    again = Verdicts(path)
    table = again.to_dataframe()
    assert list(table.columns) == ["frame", "track", "checks", "verdict", "reason", "author", "time"]
    assert table.drop(columns="time").values.tolist() == [
        [7, "0", "jumps", "dismissed", "real motion", "anna"],
        [7, 0, "jumps", "accepted", "", "bert"],
        [9, None, "gaps", "fixed", "", "bert"],
    ]
    assert all(before <= time <= datetime.now(UTC).isoformat() for time in table["time"])
    # the label "0" and the track 0 are not the same
    assert again.of(7, "0", ["jumps"]).verdict == "dismissed"
    assert again.of(7, 0, ["jumps"]).verdict == "accepted"
    assert again.of(7, None, ["jumps"]) is None
    assert len(Verdicts(path.with_name("none")).to_dataframe()) == 0


def test_the_last_verdict_that_knew_of_all_checks_counts(path):
    verdicts = Verdicts(path)
    verdicts.add(7, "0", ["jumps", "gaps"], "dismissed", "real")
    assert verdicts.of(7, "0", ["gaps"]).verdict == "dismissed"
    # another check strikes there now, too
    assert verdicts.of(7, "0", ["jumps", "swaps"]) is None
    verdicts.add(7, "0", ["jumps"], "accepted")
    assert verdicts.of(7, "0", ["jumps"]).verdict == "accepted"
    assert verdicts.of(7, "0", ["gaps"]).verdict == "dismissed"
    verdicts.add(7, "0", ["jumps"], "open")
    assert verdicts.of(7, "0", ["jumps"]) is None
    assert len(verdicts) == 3


def test_a_dismissal_needs_a_reason_and_a_verdict_must_exist(path):
    verdicts = Verdicts(path)
    with pytest.raises(AnnotationError, match="needs a reason"):
        verdicts.add(7, "0", ["jumps"], "dismissed", " ")
    with pytest.raises(AnnotationError, match="no verdict 'perhaps'"):
        verdicts.add(7, "0", ["jumps"], "perhaps")
    assert not path.exists()


def test_a_torn_line_is_left_out_and_told_and_harms_no_other(path):
    verdicts = Verdicts(path)
    verdicts.add(1, "0", ["jumps"], "accepted")
    with path.open("ab") as file:
        file.write(b'{"frame": 2, "track": "0", "che')
    torn = Verdicts(path)
    assert len(torn) == 1
    torn.add(3, "0", ["jumps"], "fixed")
    again = Verdicts(path)
    assert again.to_dataframe()["frame"].tolist() == [1, 3]
    assert again.problems == [f"Line 2 of {path.name} is no verdict and was left out."]
    for line in ("[]", "5", '{"frame": "x"}', json.dumps({"frame": 1, "track": [], "checks": []})):
        path.write_text(line + "\n")
        assert len(Verdicts(path).problems) == 1


def test_two_who_review_at_once_lose_nothing_and_see_each_other(path):
    code = (
        "import sys; from jupytrack.qa.verdicts import Verdicts\n"
        "verdicts = Verdicts(sys.argv[1])\n"
        "for frame in range(100): verdicts.add(frame, sys.argv[2], ['jumps'], 'accepted')\n"
    )
    mine = Verdicts(path)
    others = [subprocess.Popen([sys.executable, "-c", code, str(path), label]) for label in "ab"]
    assert [other.wait(120) for other in others] == [0, 0]
    mine.add(5, "c", ["jumps"], "fixed")
    assert len(mine) == 201
    assert not mine.problems
    assert mine.of(99, "a", ["jumps"])
    assert mine.of(99, "b", ["jumps"])


def test_what_cannot_be_read_or_written_is_told(tmp_path):
    with pytest.raises(FormatError, match="could not be read"):
        Verdicts(tmp_path)
    verdicts = Verdicts(tmp_path / "no" / "clip.review")
    with pytest.raises(SaveError, match="folder does not exist"):
        verdicts.add(1, "0", ["jumps"], "accepted")
    assert verdicts.of(1, "0", ["jumps"]) is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to stand for a full disk")
def test_on_a_full_disk_a_verdict_does_not_count(tmp_path):
    os.symlink("/dev/full", tmp_path / "clip.review")
    verdicts = Verdicts(tmp_path / "none.review")
    verdicts.path = tmp_path / "clip.review"
    with pytest.raises(SaveError, match="disk is full"):
        verdicts.add(1, "0", ["jumps"], "accepted")
    assert not len(verdicts)


def test_the_file_lies_beside_the_layer_or_the_video_and_is_no_layer(tmp_path):
    video = tmp_path / "clip.mp4"
    video.touch()
    files = [
        verdict_file(video),
        verdict_file(video, tmp_path / "clip_annotations_a.json"),
        verdict_file(video, tmp_path / "labels.h5"),
        verdict_file(video, tmp_path / "labels.csv"),
    ]
    assert [file.name for file in files] == [
        "clip.mp4.jupytrack-review",
        "clip_annotations_a.review",
        "labels.h5.review",
        "labels.csv.review",
    ]
    assert {file.parent for file in files} == {tmp_path}
    assert not any(file.suffix == ".json" for file in files)
