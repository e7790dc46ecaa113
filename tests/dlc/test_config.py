"""DeepLabCut's YAML: read without running code, changed without touching the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from projects import CONFIG, make_project

from jupytrack.dlc import DLCProject
from jupytrack.dlc.config import KEYS, edit_yaml, parse_yaml, rebase_to_config
from jupytrack.dlc.settings import Settings
from jupytrack.errors import FormatError, SaveError


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        CONFIG.format(
            home="/a b/reach",
            engine="",
            videos="  /a b/v.mp4:\n    crop: 0, 1, 0, 1",
            parts="- nose",
            iteration=0,
        )
    )
    return path


def test_only_the_lines_of_what_changes_change(config):
    before = config.read_text().splitlines()
    result = edit_yaml(config, {"iteration": 3, "dotsize": 5, "bodyparts": ["a", "b"], "skeleton": None})
    after = config.read_text().splitlines()
    removed = [line for line in before if line not in after]
    added = [line for line in after if line not in before]
    assert removed == ["- nose", "skeleton: []", "dotsize: 12   # in pixels", "iteration: 0"]
    assert added == ["- a", "- b", "skeleton: null", "dotsize: 5   # in pixels", "iteration: 3"]
    assert result == parse_yaml(config)
    assert (result["bodyparts"], result["iteration"], result["corner2move2"]) == (["a", "b"], 3, [50, 50])


def test_nothing_is_written_if_nothing_changes(config):
    before = os.stat(config)
    edit_yaml(config, {"iteration": 0, "corner2move2": (50, 50)})
    after = os.stat(config)
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_values_of_all_kinds_come_back(config):
    values = {
        "project_path": Path("/x y/z"),
        "video_sets": {r"D:\a b\c: d.mp4": {"crop": "0, 640, 0, 480"}, "/" + "long " * 60: {"crop": "1"}},
        "x1": np.int64(4),
        "pcutoff": np.float64(0.25),
        "TrainingFraction": np.array([0.8, 0.9]),
        "Task": "yes: no # maybe",
        "scorer": "01",
        "new": {"deep": [{"er": None}]},
    }
    edit_yaml(config, values)
    found = parse_yaml(config)
    assert found["project_path"] == "/x y/z"
    assert found["video_sets"] == values["video_sets"]
    assert (found["x1"], found["pcutoff"], found["TrainingFraction"]) == (4, 0.25, [0.8, 0.9])
    assert (found["Task"], found["scorer"], found["new"]) == (
        "yes: no # maybe",
        "01",
        {"deep": [{"er": None}]},
    )
    assert config.read_text().startswith("# Project definitions (do not edit)\n")


@pytest.mark.parametrize(
    "text",
    [
        "{Task: a, iteration: 0} # all in one line\n",
        "a: &x [1, 2]\niteration: 0\nb: *x\n",
        "iteration: 0\n...\n",
        "---\niteration: >\n  folded\n  text\nb: |\n  kept\n\n  text\n",
        "iteration: 0",
    ],
)
def test_other_ways_to_write_yaml(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    wanted = {**parse_yaml(path), "iteration": 7, "more": [1], "a": "changed"}
    assert edit_yaml(path, {"iteration": 7, "more": [1], "a": "changed"}) == wanted == parse_yaml(path)


def test_line_ends_of_windows_stay(config):
    config.write_bytes(config.read_bytes().replace(b"\n", b"\r\n"))
    edit_yaml(config, {"bodyparts": ["a", "b"]})
    content = config.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n")
    assert parse_yaml(config)["bodyparts"] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", r"line 3"),
        ("a: 1\n\tb: 2\n", r"line 2"),
        ("a: 1\nb: 2\na: 3\n", r"line 3.*duplicate key"),
        ("a: !!python/object/apply:os.system ['touch ran']\n", r"line 1.*constructor"),
        ("a: !!python/name:os.system\n", r"line 1.*constructor"),
        ("- 1\n- 2\n", "no names with values"),
        ("", "is empty"),
        ("a: \x00\n", r"line 1: a character"),
    ],
)
def test_bad_yaml_is_refused_with_the_line_and_not_run(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(FormatError, match=f"config.yaml.*{message}"):
        parse_yaml(path)
    with pytest.raises(FormatError, match=message):
        edit_yaml(path, {"a": 1})
    assert path.read_text() == text
    assert not (tmp_path / "ran").exists()


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"Task: \xff\xfe")
    with pytest.raises(FormatError, match="is not text"):
        parse_yaml(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    "old", [r"\\server\share\p\videos\b.mp4", r"D:\p\videos\b.mp4", "/q/p/videos/b.mp4", "b.mp4"]
)
def test_a_video_is_found_by_its_name(tmp_path, old):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "b.mp4").write_bytes(b"x")
    assert rebase_to_config(tmp_path / "config.yaml", old) == str(tmp_path / "videos" / "b.mp4")
    assert rebase_to_config(tmp_path, old) == str(tmp_path / "videos" / "b.mp4")


def test_a_video_outside_is_taken_only_if_there_is_none_inside(tmp_path):
    project, outside = tmp_path / "p", tmp_path / "b.mp4"
    (project / "videos").mkdir(parents=True)
    outside.write_bytes(b"x")
    assert rebase_to_config(project, outside) == str(outside)
    (project / "videos" / "b.mp4").symlink_to(outside)
    assert rebase_to_config(project, outside) == str(project / "videos" / "b.mp4")


def test_config_is_read_again_when_it_changed(tmp_path):
    project = DLCProject(make_project(tmp_path / "p"))
    project.config["bodyparts"].append("mine")
    assert project.trackers == ["point0", "point1"]
    edit_yaml(project.config_path, {"bodyparts": ["point0", "point1", "point2"]})
    assert project.trackers == ["point0", "point1", "point2"]


def test_edit_config_refuses_what_deeplabcut_would(tmp_path):
    project = DLCProject(make_project(tmp_path / "p"))
    with pytest.raises(FormatError, match="multi_step"):
        project.edit_config(multi_step=[[0.1, 5]])
    with pytest.raises(FormatError, match="cannot be written to a YAML file"):
        project.edit_config(pcutoff=object())
    result = project.edit_config(iteration=2, engine="pytorch")
    assert (result["iteration"], project.current_iteration, project.engine) == (2, 2, "pytorch")


def test_a_tensorflow_project_gets_no_engine(tmp_path):
    project = DLCProject(make_project(tmp_path / "p"))
    project.edit_config(iteration=1)
    project.rebase_paths()
    project.increment_iteration()
    assert "engine" not in project.config
    assert "engine" not in project.config_path.read_text()


def test_other_yaml_files_may_hold_anything(tmp_path):
    project = DLCProject(make_project(tmp_path / "p"))
    other = tmp_path / "pose_cfg.yaml"
    other.write_text("# mine\ninit_weights: a\n")
    assert project.edit_config(other, init_weights="b", multi_step=[[0.1, 5]])["multi_step"] == [[0.1, 5]]
    assert other.read_text().startswith("# mine\ninit_weights: b\n")


def test_settings_of_two_processes_do_not_undo_each_other(tmp_path):
    one, other = Settings(tmp_path), Settings(tmp_path)
    assert dict(one) == {}
    assert not (tmp_path / "jupytrack.json").exists()
    one["a"] = {"x": [1, 2]}
    other["b"] = (1, 2)
    assert dict(one) == dict(other) == {"a": {"x": [1, 2]}, "b": [1, 2]}
    del other["a"]
    assert dict(one) == {"b": [1, 2]}
    one["b"].append(3)
    assert one["b"] == [1, 2]
    with pytest.raises(KeyError):
        one["c"]


def test_nothing_is_lost_between_processes_that_write_at_once(tmp_path, config):
    code = (
        "import sys\n"
        "from jupytrack.dlc.settings import Settings\n"
        "from jupytrack.dlc.config import edit_yaml\n"
        "folder, name = sys.argv[1:]\n"
        "settings = Settings(folder)\n"
        "for n in range(30):\n"
        "    settings[f'{name}{n}'] = n\n"
        "    edit_yaml(f'{folder}/config.yaml', {f'{name}{n}': n})\n"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "ab"]
    assert [run.wait(60) for run in runs] == [0, 0]
    wanted = {f"{name}{n}": n for name in "ab" for n in range(30)}
    assert dict(Settings(tmp_path)) == wanted
    assert wanted.items() <= parse_yaml(config).items()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("text", ["{", '{"a": 1}', "[]", ""])
def test_damaged_settings_are_refused_and_kept(tmp_path, text):
    (tmp_path / "jupytrack.json").write_text(text)
    with pytest.raises(FormatError, match=r"jupytrack\.json"):
        Settings(tmp_path)["a"] = 1
    assert (tmp_path / "jupytrack.json").read_text() == text


def test_settings_that_are_no_json_change_nothing(tmp_path):
    settings = Settings(tmp_path)
    settings["a"] = 1
    with pytest.raises(TypeError):
        settings["b"] = object()
    assert json.loads((tmp_path / "jupytrack.json").read_text())["a"] == 1


def test_a_folder_that_is_gone(tmp_path):
    with pytest.raises(SaveError, match="folder does not exist"):
        Settings(tmp_path / "none")["a"] = 1


@pytest.mark.deeplabcut
def test_the_keys_are_those_of_deeplabcut():
    from deeplabcut.core.config.project_config import ProjectConfig

    assert set(ProjectConfig.model_fields) <= KEYS
