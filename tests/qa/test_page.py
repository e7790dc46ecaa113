"""The report as one HTML page."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from box_tracks import N_FRAMES, SIZE, at, columns, tracks

from jupytrack import VideoReader, VideoWriter, qa
from jupytrack.annotation.table import PointTable
from jupytrack.errors import AnnotationError, SaveError


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "gray.mp4"
    with VideoWriter(path, 25, SIZE, preset="ultrafast") as writer:
        for _ in range(N_FRAMES):
            writer.write(np.full(SIZE[::-1], 90, np.uint8))
    with VideoReader(path) as reader:
        yield reader


def faulty():
    given = columns()
    given["boxes"][at(given, 2, [30])] += [70, 0, 0, 0]
    given["boxes"][at(given, 1, [33, 70])] += [0, 60, 0, 0]
    given["class_"][at(given, 3, [50])] = "<script>alert(1)</script>"
    return tracks(given)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone(video, tmp_path):
    layer = faulty()
    report = qa.run(layer)
    out = report.to_html(tmp_path / "page.html", video=video, title="Mugs & plates", pictures=3)
    text = out.read_text("utf-8")
    page = Tags(text)
    assert page.open == []
    tags = [tag for tag, _ in page.found]
    assert "script" not in tags
    assert "link" not in tags
    images = [attributes["src"] for tag, attributes in page.found if tag == "img"]
    assert len(images) == 3
    for image in images:
        head, data = image.split(",")
        assert head == "data:image/jpeg;base64"
        assert base64.b64decode(data).startswith(b"\xff\xd8")
    assert not re.search(r"(?:src|href)=\"(?!data:)|url\(|https?:", text)
    assert "Mugs &amp; plates" in text
    assert "&lt;script&gt;" in text
    assert report.summary() in text


def test_pictures_are_of_the_worst_frames_and_apart(video, tmp_path):
    layer = faulty()
    report = qa.run(layer, ["temporal_iou"])
    text = report.to_html(tmp_path / "page.html", video=video).read_text("utf-8")
    frames = [int(frame) for frame in re.findall(r"<figcaption>frame (\d+), track", text)]
    assert len(frames) > 1
    assert frames[0] == report.scores["frame"][0]
    assert np.diff(sorted(frames)).min() >= 10
    assert set(frames) <= set(report.scores["frame"])


def test_bars_stand_where_the_flags_are(tmp_path):
    report = qa.run(faulty(), ["temporal_iou"])
    text = report.to_html(tmp_path / "page.html").read_text("utf-8")
    bars = {int(frame) for frame in re.findall(r"<title>frame (\d+): 0\.\d+</title></rect>", text)}
    assert bars == set(report.table["frame"])
    assert "<img" not in text


def test_long_videos_have_no_more_bars_than_can_be_seen(tmp_path):
    xy = np.random.default_rng(0).normal(100, 0.1, (1, 5000, 2))
    xy[0, ::7] += 50
    report = qa.run(PointTable(["0"], xy), ["jumps"])
    text = report.to_html(tmp_path / "page.html").read_text("utf-8")
    assert 300 < text.count("<rect") <= 400
    assert "The first 200 of" in text


def test_nothing_flagged_and_an_older_page(tmp_path):
    out = tmp_path / "page.html"
    out.write_text("old")
    text = qa.run(tracks(columns()), ["duplicates"]).to_html(out).read_text("utf-8")
    assert "nothing flagged" in text
    assert "<rect" not in text
    with pytest.raises(SaveError):
        qa.run(tracks(columns())).to_html(tmp_path / "none" / "page.html")


def test_what_does_not_fit(video, tmp_path):
    layer = faulty()
    report, out = qa.run(layer), tmp_path / "page.html"
    with pytest.raises(AnnotationError, match="pictures=-1"):
        report.to_html(out, pictures=-1)
    with pytest.raises(AnnotationError, match="is no open video"):
        report.to_html(out, video="street.mp4")
    with pytest.raises(AnnotationError, match="There is no video 'street'"):
        report.to_html(out, video={"street": video})
    both = qa.run({"a": layer, "b": layer})
    with pytest.raises(AnnotationError, match="not said whose video"):
        both.to_html(out, video=video)
    assert not out.exists()
    text = both.to_html(out, video={"b": video}, pictures=1).read_text("utf-8")
    assert "<figcaption>b, frame" in text
