"""Layers, their files and their videos."""

from __future__ import annotations

import json

import numpy as np
import pytest

from jupytrack.annotation.points import VideoAnnotation
from jupytrack.errors import (
    AnnotationError,
    ConflictError,
    FormatError,
    SaveError,
    VideoError,
    VideoNotFoundError,
)
from jupytrack.files import file_fingerprint
from jupytrack.jobs import JobCancelled, Progress
from jupytrack.video.reader import VideoReader
from jupytrack.video.writer import VideoWriter


@pytest.fixture
def clip(tmp_path):
    """A gray video of 20 frames, 96 by 64 pixels, 25 frames a second."""
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 25, (96, 64)) as writer:
        for _ in range(20):
            writer.write(np.full((64, 96), 128, np.uint8))
    return path


def test_a_video_gets_a_layer_beside_it(clip):
    ann = VideoAnnotation(clip)
    assert ann.fname == str(clip.with_name("clip_annotations.json"))
    assert (ann.fstem, ann.name, ann.n_frames) == ("clip_annotations", "noname", 20)
    ann = VideoAnnotation(vname=clip, name="me")
    assert ann.fname == str(clip.with_name("clip_annotations_me.json"))
    assert ann.name == "me"
    assert ann.video.name == "clip"


def test_a_layer_finds_its_video(clip):
    layer = clip.with_name("clip_annotations_a_b.json")
    layer.write_text('{"0": {"3": [1, 2]}}')
    ann = VideoAnnotation(layer)
    assert (ann.name, ann.n_frames, ann.data["0"][3]) == ("a_b", 20, [1, 2])
    assert VideoAnnotation(clip.with_name("clip_annotations.json")).n_frames == 20
    assert VideoAnnotation(str(layer), str(clip), "other").name == "other"
    layer.write_text('{"0": {"20": [1, 2]}}')
    with pytest.raises(FormatError, match="beyond the video's end"):
        VideoAnnotation(layer)


def test_a_video_that_is_none(tmp_path):
    layer = tmp_path / "v_annotations_a.json"
    layer.write_text('{"0": {"3": [1, 2]}}')
    (tmp_path / "v.mp4").write_text("not a video")
    with pytest.warns(UserWarning, match="opened without its video"):
        ann = VideoAnnotation(layer)
    assert ann.video is None
    assert ann.n_frames == 4
    with pytest.raises(VideoError):
        VideoAnnotation(layer, tmp_path / "v.mp4")
    with pytest.raises(VideoNotFoundError):
        VideoAnnotation(layer, tmp_path / "w.mp4")
    with pytest.raises(VideoNotFoundError):
        VideoAnnotation(tmp_path / "w.mp4")


def test_save_and_reload(tmp_path):
    path = tmp_path / "v_annotations_a.json"
    ann = VideoAnnotation(path, n_labels=3)
    ann.add([1.5, 2], "1", 7)
    ann.save()
    assert json.loads(path.read_text()) == {"0": {}, "1": {"7": [1.5, 2.0]}, "2": {}}
    ann.add([9, 9], "1", 8)
    ann.save(tmp_path / "copy.json")
    assert ann.unsaved.added == 1
    assert VideoAnnotation(tmp_path / "copy.json").data == ann.data
    ann.reload()
    assert ann.data == {"0": {}, "1": {7: [1.5, 2]}, "2": {}}
    # What another program wrote meanwhile is read, too.
    path.write_text('{"5": {"1": [3, 4]}}')
    ann.reload()
    assert ann.labels == ["5"]
    path.unlink()
    ann.reload()
    assert ann.data == {"0": {}}
    assert VideoAnnotation._load_json(tmp_path / "copy.json") == {
        "0": {},
        "1": {7: [1.5, 2], 8: [9, 9]},
        "2": {},
    }


def test_nothing_is_overwritten_unseen(tmp_path):
    path = tmp_path / "v_annotations_a.json"
    ours, theirs = VideoAnnotation(path), VideoAnnotation(path)
    ours.add([1, 1], "0", 1)
    theirs.add([2, 2], "0", 2)
    theirs.save()
    with pytest.raises(ConflictError, match="changed by somebody else"):
        ours.save()
    assert VideoAnnotation(path).data == {"0": {2: [2, 2]}}
    assert ours.unsaved.added == 1
    ours.save(tmp_path / "elsewhere.json")
    ours.save(overwrite=True)
    assert VideoAnnotation(path).data == {"0": {1: [1, 1]}}
    (kept,) = tmp_path.glob("v_annotations_a.json.theirs-*Z")
    assert json.loads(kept.read_text()) == {"0": {"2": [2, 2]}}
    ours.add([3, 3], "0", 3)
    ours.save()
    with pytest.raises(ConflictError):
        theirs.save()
    theirs.reload()
    assert theirs.data == {"0": {1: [1, 1], 3: [3, 3]}}
    theirs.history.undo()
    theirs.save()
    assert VideoAnnotation(path).data == {"0": {2: [2, 2]}}


def test_what_cannot_be_saved(tmp_path):
    with pytest.raises(AnnotationError, match="has no file"):
        VideoAnnotation().save()
    with pytest.raises(AnnotationError, match="no JSON file"):
        VideoAnnotation().save(tmp_path / "x.txt")
    with pytest.raises(AnnotationError, match="not from a DeepLabCut file"):
        VideoAnnotation(tmp_path / "x.json").to_json()


def test_merging_files(clip):
    files = []
    layers = [
        {"0": {1: [1, 1], 2: [1, 1]}, "2": {}},
        {"1": {3: [2, 2]}, "0": {2: [2, 2], 4: [2, 2]}},
    ]
    for number, layer in enumerate(layers):
        ann = VideoAnnotation(clip.with_name(f"clip_annotations_{number}.json"))
        ann.data = layer
        ann.set_column("likelihood", 0.5 + number / 4, label="0", frames=[2])
        ann.save()
        files.append(ann.fname)
    merged = VideoAnnotation.from_multiple_files(
        files, clip, "all", clip.with_name("clip_annotations_all.json"), palette_name="Dark2"
    )
    assert merged.labels == ["0", "1", "2"]
    assert merged.data == {"0": {1: [1, 1], 2: [2, 2], 4: [2, 2]}, "1": {3: [2, 2]}, "2": {}}
    assert merged.column("likelihood")[0, 2] == 0.75
    assert merged.display.palette_name == "Dark2"
    assert (merged.name, merged.n_frames, merged.unsaved.added) == ("all", 20, 4)
    merged.history.undo()
    assert merged.data == {"0": {}}


def test_exporting_a_video(clip):
    ann = VideoAnnotation(clip, n_labels=2)
    ann.add([48, 32], "0", 5)
    ann.add([1e9, -1e9], "1", 5)
    progress = Progress()
    path = ann.export_video(start_frame=4, end_frame=6, progress=progress)
    assert path == clip.with_name("clip_annotations_sf4_ef6.mp4")
    assert (progress.done, progress.total) == (3, 3)
    with VideoReader(path) as video:
        assert len(video) == 3
        assert video.get_avg_fps() == pytest.approx(25)
        before, with_point = (video.read(n).astype(int) for n in (0, 1))
    color = np.array(ann.palette[0]) * 255
    assert np.abs(with_point[32, 48] - color).max() < 30
    assert np.abs(before[32, 48] - 128).max() < 5
    assert np.abs(with_point[5, 5] - 128).max() < 5
    with pytest.raises(SaveError, match="there already"):
        ann.export_video(path)
    with pytest.raises(AnnotationError, match="first frame first"):
        ann.export_video(start_frame=6, end_frame=4)
    with pytest.raises(AnnotationError, match="beyond"):
        ann.export_video(end_frame=20)
    progress.cancel()
    with pytest.raises(JobCancelled):
        ann.export_video(clip.with_name("never.mp4"), progress=progress)
    assert not clip.with_name("never.mp4").exists()


def test_exports_without_a_video():
    with pytest.raises(AnnotationError, match="has no video"):
        VideoAnnotation().export_video("x.mp4")
    with pytest.raises(AnnotationError, match="has no video"):
        VideoAnnotation(preloaded_json={"0": {}, "1": {}, "2": {}}).get_area("012", lowpass=3)


def test_who_may_only_look_sees_what_others_save(tmp_path):
    path = tmp_path / "v_annotations_a.json"
    owner, reader = VideoAnnotation(path), VideoAnnotation(path)
    reader.history.refuse("Somebody else edits this layer.", "Ask them.")

    def several():
        with reader.edit("several"):
            reader.add([1, 1], "0", 1)

    for write in (
        lambda: reader.add([1, 1], "0", 1),
        several,
        reader.save,
        lambda: reader.save(overwrite=True),
    ):
        with pytest.raises(ConflictError, match="Somebody else edits"):
            write()
    assert reader.data == {"0": {}}
    owner.add([2, 2], "0", 2)
    owner.save()
    reader.reload()
    assert reader.data == {"0": {2: [2, 2]}}
    assert not reader.unsaved
    reader.save(tmp_path / "copy.json")


def test_the_history_knows_what_is_saved(tmp_path):
    ann = VideoAnnotation(tmp_path / "v_annotations_a.json")
    ann.add([2, 2], "0", 2)
    assert ann.history.dirty
    ann.save()
    assert not ann.history.dirty
    assert ann.history.entries[-1].fingerprint == file_fingerprint(ann.fname)
    ann.add([3, 3], "0", 2)
    ann.reload()
    assert not ann.history.dirty
    assert ann.history.undo_title == "Discard unsaved changes"
    ann.history.undo()
    assert ann.history.dirty
    assert ann.data == {"0": {2: [3, 3]}}
    ann.save(tmp_path / "copy.json")
    assert ann.history.dirty


def test_each_replaced_version_is_kept(tmp_path):
    path = str(tmp_path / "v_annotations_a.json")
    ours = VideoAnnotation(path)
    ours.save()
    for x in (1, 2):
        theirs = VideoAnnotation(path)
        theirs.add([x, x], "0", x)
        theirs.save()
        ours.save(overwrite=True)
    assert len(list(tmp_path.glob("v_annotations_a.json.theirs-*[!r]"))) == 2
