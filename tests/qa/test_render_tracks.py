"""Videos with tracks drawn on them, read back."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import jupytrack
from jupytrack import BoxTracks, VideoReader, VideoWriter
from jupytrack.annotation.table import PointTable
from jupytrack.errors import AnnotationError, SaveError, VideoNotFoundError
from jupytrack.jobs import JobCancelled, Progress
from jupytrack.qa.painting import color_of
from jupytrack.qa.rendering import track_painter

N_FRAMES, SIZE = 40, (320, 240)
GRAY = 90


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "gray.mp4"
    with VideoWriter(path, Fraction(25), SIZE, crf=10, preset="ultrafast") as writer:
        for _ in range(N_FRAMES):
            writer.write(np.full(SIZE[::-1], GRAY, np.uint8))
    with VideoReader(path) as reader:
        yield reader


def moving(**options) -> BoxTracks:
    """Return two boxes that move to the right, 4 px a frame."""
    frame = np.repeat(np.arange(N_FRAMES), 2)
    id = np.tile([3, 8], N_FRAMES)
    boxes = np.stack([20 + 4.0 * frame, np.tile([60.0, 150], N_FRAMES)], axis=1)
    options = {"image_size": SIZE, **options}
    return BoxTracks(frame, id, np.hstack([boxes, np.tile([[60.0, 50]], (len(id), 1))]), **options)


def blank() -> np.ndarray:
    return np.full((*SIZE[::-1], 3), GRAY, np.uint8)


def changed(picture: np.ndarray, y: float, x: float) -> float:
    """Return how far a pixel is from the plain video's."""
    return float(np.abs(picture[int(y), int(x)].astype(float) - GRAY).max())


def near(color, y: float, x: float, picture: np.ndarray) -> bool:
    return bool(np.abs(picture[int(y), int(x)].astype(float) - color).max() < 40)


def test_boxes_come_back_from_the_file(video, tmp_path):
    out = tmp_path / "out.mp4"
    progress = Progress()
    given = jupytrack.render_tracks(video, moving(), out, progress=progress)
    assert given == out
    assert (progress.done, progress.total) == (N_FRAMES, N_FRAMES)
    with VideoReader(out) as result:
        assert (len(result), result.width, result.height) == (N_FRAMES, *SIZE)
        assert result.get_avg_fps() == pytest.approx(25)
        picture = result.read(20, "rgb")
        # at frame 20 the upper box spans x 100 to 160, y 60 to 110
        assert changed(picture, 85, 99.5) > 40
        assert changed(picture, 109.5, 130) > 40
        assert changed(picture, 85, 150) < 12
        assert changed(picture, 20, 20) < 12
        assert near(color_of(3), 109.5, 130, painted := _painted(video, 20))
        assert near(color_of(8), 199.5, 130, painted)


def _painted(video, frame, **options):
    return track_painter(video, moving(), **options)(blank(), frame)


def test_edges_lie_where_the_box_says(video):
    picture = _painted(video, 0, trail=0, names=False)
    columns = np.flatnonzero(np.abs(picture[85].astype(float) - GRAY).max(axis=1) > 20)
    # the lines around the edges x = 20 and x = 80, that is -0.5 in pixel centres
    assert abs(columns[columns < 50].mean() - 19.5) <= 0.5
    assert abs(columns[columns >= 50].mean() - 79.5) <= 0.5


def test_trails_fade_and_end(video):
    picture = _painted(video, 30, trail=20)
    y = 84.5
    centers = {age: 20 + 4 * (30 - age) + 30 for age in (3, 9, 15, 19, 22)}
    shades = [changed(picture, y, x) for x in centers.values()]
    assert shades[0] > shades[1] > shades[2] > shades[3] > 5
    assert shades[4] == 0
    without = _painted(video, 30, trail=0)
    assert changed(without, y, centers[3]) == 0


def test_trails_end_at_gaps(video):
    tracks = moving()
    gap = tracks.select(~((tracks.frame == 25) & (tracks.id == 3)))
    picture = track_painter(video, gap)(blank(), 30)
    assert changed(picture, 84.5, 20 + 4 * 28 + 30) > 20
    assert changed(picture, 84.5, 20 + 4 * 21 + 30) == 0
    assert changed(picture, 174.5, 20 + 4 * 21 + 30) > 20


def test_colours_belong_to_ids():
    assert color_of(7) == color_of("7") == color_of(np.int64(7))
    assert color_of("mug") == color_of("mug")
    colors = [color_of(n) for n in range(12)]
    apart = [
        np.abs(np.subtract(one, other)).max() for n, one in enumerate(colors) for other in colors[n + 1 :]
    ]
    assert min(apart) > 20


def test_a_track_keeps_its_colour_among_others(video):
    tracks = moving()
    alone = track_painter(video, tracks.select(ids=[8]), trail=0, names=False)(blank(), 5)
    both = track_painter(video, tracks, trail=0, names=False)(blank(), 5)
    np.testing.assert_array_equal(alone[145:205], both[145:205])


def test_ids_stand_on_plates_within_the_picture(video):
    at_top = moving().assign(boxes=moving().boxes * [1, 0, 1, 1])
    picture = track_painter(video, at_top, trail=0)(blank(), 0)
    plain = track_painter(video, at_top, trail=0, names=False)(blank(), 0)
    differs = np.argwhere((picture != plain).any(axis=2))
    assert differs.min(axis=0)[0] <= 2
    inside = picture[2:10, 22:28].reshape(-1, 3).astype(int)
    assert np.ptp(inside, axis=0).max() > 100  # ink on a plate


def test_occluded_boxes_have_a_thin_line(video):
    states = moving().assign(state="partially_occluded")
    options = {"trail": 0, "names": False}
    thin = (track_painter(video, states, **options)(blank(), 3) != GRAY).sum()
    thick = (track_painter(video, moving(), **options)(blank(), 3) != GRAY).sum()
    assert 0 < thin < thick


def test_rows_without_a_box_and_boxes_outside(video):
    boxes = np.array([[10.0, 10, 20, 20], [np.nan] * 4, [1e9, 0, 10, 10], [-500, 0, 10, 10]])
    tracks = BoxTracks([0, 1, 2, 3], [1, 1, 1, 1], boxes, state=["visible", "fully_occluded", 0, 0])
    paint = track_painter(video, tracks)
    assert (paint(blank(), 0) != GRAY).any()
    for frame in (1, 2, 3, 39):
        assert (paint(blank(), frame) == GRAY).all()


def test_points_and_gray_pictures(video, tmp_path):
    xy = np.full((2, N_FRAMES, 2), np.nan)
    xy[0] = [100, 50]
    xy[1, :10] = [200, 120]
    points = PointTable(["nose", "Pfötchen"], xy)
    picture = track_painter(video, points, names=False)(np.full(SIZE[::-1], GRAY, np.uint8), 5)
    assert near(color_of("nose"), 50, 100, picture)
    assert near(color_of("Pfötchen"), 120, 200, picture)
    out = jupytrack.render_tracks(video, points, tmp_path / "points.mp4", frames=range(5, 15), fps=10)
    with VideoReader(out) as result:
        assert len(result) == 10
        assert result.get_avg_fps() == pytest.approx(10)
        assert changed(result.read(0, "rgb"), 120, 200) > 40
        assert changed(result.read(9, "rgb"), 120, 200) < 12


def test_a_path_and_a_slice(video, tmp_path):
    out = jupytrack.render_tracks(video.fname, moving(), tmp_path / "part.mp4", frames=slice(30, None))
    with VideoReader(out) as result:
        assert len(result) == 10


def test_cancelling_leaves_nothing(video, tmp_path):
    progress = Progress()
    progress.cancel()
    with pytest.raises(JobCancelled):
        jupytrack.render_tracks(video, moving(), tmp_path / "out.mp4", progress=progress)
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays(video, tmp_path):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    with pytest.raises(SaveError, match="is there already"):
        jupytrack.render_tracks(video, moving(), out)
    assert out.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trail": -1}, "trail=-1"),
        ({"trail": 1.5}, "trail=1.5"),
        ({"frames": [0, 99]}, "Frame 99 is beyond"),
        ({"frames": []}, "No frame is chosen"),
        ({"frames": 7}, "are no frames"),
        ({"fps": 0}, "fps=0"),
    ],
)
def test_options_that_make_no_sense(video, tmp_path, options, message):
    with pytest.raises(AnnotationError, match=message):
        jupytrack.render_tracks(video, moving(), tmp_path / "out.mp4", **options)
    assert list(tmp_path.iterdir()) == []


def test_tracks_of_another_video(video, tmp_path):
    longer = BoxTracks([N_FRAMES], [1], [[0, 0, 10, 10]])
    with pytest.raises(AnnotationError, match="tracks on frame 40, the video has frames 0 to 39"):
        jupytrack.render_tracks(video, longer, tmp_path / "out.mp4")
    with pytest.raises(AnnotationError, match=r"pictures of \(640, 480\)"):
        jupytrack.render_tracks(video, moving(image_size=(640, 480)), tmp_path / "out.mp4")
    with pytest.raises(AnnotationError, match="list is no layer of points"):
        jupytrack.render_tracks(video, [1, 2], tmp_path / "out.mp4")
    with pytest.raises(AnnotationError, match="int is no video"):
        jupytrack.render_tracks(3, moving(), tmp_path / "out.mp4")
    with pytest.raises(VideoNotFoundError):
        jupytrack.render_tracks(tmp_path / "none.mp4", moving(), tmp_path / "out.mp4")
