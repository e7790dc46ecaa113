"""A report of quality as one HTML page that needs neither kernel nor network."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupytrack.errors import AnnotationError
from jupytrack.qa.html import html_table
from jupytrack.qa.rendering import track_painter
from jupytrack.qa.table import closest
from jupytrack.video.source import FrameSource

if TYPE_CHECKING:
    from jupytrack.qa.report import Report

__all__ = ["page"]

_BARS = 400
_APART = 10
"""Frames between two pictures of the same video: nearer ones mostly show the same fault."""
_ROWS = 200

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222 }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; margin-bottom: 1rem; font-size: .85rem }
th, td { padding: .2rem .7rem; vertical-align: top }
thead { border-bottom: 1px solid #888 } tbody tr:nth-child(even) { background: #f3f3f3 }
.scroll { overflow-x: auto; max-height: 30rem; overflow-y: auto }
figure { margin: 0 0 1rem } figcaption { font-size: .85rem }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem }
img, svg { width: 100%; height: auto } svg { background: #f3f3f3 }
"""


def page(
    report: Report, *, video: FrameSource | Mapping[str, FrameSource] | None, title: str, pictures: int
) -> str:
    """Return the page; see :meth:`jupytrack.qa.Report.to_html`."""
    if isinstance(pictures, bool) or not isinstance(pictures, (int, np.integer)) or pictures < 0:
        raise AnnotationError(f"pictures={pictures!r} is no number of pictures.", "Give 0 or more.")
    names = report.videos
    sources = _sources(report, names, video)
    ran = report.checks[report.checks["skipped"] == ""].drop(columns="skipped").reset_index()
    skipped = report.checks[report.checks["skipped"] != ""][["skipped"]].reset_index()
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(report.summary())}</p>"]
    for name in names:
        parts.append(_strip(name, report.frame_scores(name)))
    shown = _pictures(report, sources, pictures)
    if shown:
        parts += ["<h2>Most suspicious frames</h2>", f'<div class="pictures">{"".join(shown)}</div>']
    parts += ["<h2>Checks</h2>", html_table(ran)]
    if len(skipped):
        parts += ["<h2>Not run</h2>", html_table(skipped.rename(columns={"skipped": "why"}))]
    parts += ["<h2>As a whole</h2>", html_table(report.aggregates.reset_index())]
    for table in (report.categories, report.sizes):
        if len(table):
            parts.append(html_table(table.reset_index()))
    if len(report.scores):
        rows = report.scores.head(_ROWS).copy()
        rows["track"] = ["" if track is None else str(track) for track in rows["track"]]
        more = f"<p>The first {_ROWS} of {len(report.scores):,}.</p>" if len(report.scores) > _ROWS else ""
        parts += ["<h2>Flags by suspicion</h2>", more, f'<div class="scroll">{html_table(rows)}</div>']
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{"".join(parts)}</body></html>\n'


def _sources(report: Report, names: list[str], video: Any) -> dict[str, tuple[Any, FrameSource]]:
    """Return (layer, video) of every video whose pictures can be had."""
    given = dict(video) if isinstance(video, Mapping) else {} if video is None else {names[0]: video}
    if video is not None and not isinstance(video, Mapping) and len(names) > 1:
        raise AnnotationError(
            "It is not said whose video it is.", f"Map names to videos: {', '.join(names)}."
        )
    for name, source in given.items():
        if name not in names:
            raise AnnotationError(f"There is no video {name!r}.", closest(str(name), names))
        if isinstance(source, (str, os.PathLike)) or not isinstance(source, FrameSource):
            raise AnnotationError(
                f"{type(source).__name__} is no open video.", "Give jupytrack.VideoReader(path)."
            )
    layers = {} if report.origin is None else {n: ref() for n, ref in report.origin.layers.items()}
    sources = {}
    for name, layer in layers.items():
        source = given.get(name, getattr(layer, "video", None))
        if layer is not None and source is not None:
            sources[name] = layer, source
    return sources


def _strip(name: str, scores: pd.Series[float]) -> str:
    """Return a bar for every stretch of frames, as high as its highest score, as a drawing."""
    values = scores.to_numpy()
    if not len(values):
        return ""
    cuts = np.unique(np.linspace(0, len(values), min(_BARS, len(values)) + 1).astype(int))
    bars = []
    for first, stop in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        height = float(values[first:stop].max())
        if height > 0:
            x, width = 1000 * first / len(values), 1000 * (stop - first) / len(values)
            frames = f"frame {first}" if stop - first == 1 else f"frames {first} to {stop - 1}"
            # from orange to red
            color = f"hsl({round(40 * (1 - height))} 90% 45%)"
            bars.append(
                f'<rect x="{x:.2f}" y="{60 * (1 - height):.2f}" width="{width:.2f}" '
                f'height="{60 * height:.2f}" fill="{color}"><title>{frames}: {height:.2f}</title></rect>'
            )
    what = f"{name}: " if name else ""
    caption = escape(f"{what}highest score on frames 0 to {len(values) - 1}")
    drawing = (
        f'<svg viewBox="0 0 1000 60" preserveAspectRatio="none" style="height:60px">{"".join(bars)}</svg>'
    )
    return f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>"


def _pictures(report: Report, sources: Mapping[str, tuple[Any, FrameSource]], n: int) -> list[str]:
    """Return pictures of the most suspicious frames, with the tracks on them."""
    import simplejpeg

    painters: dict[str, Any] = {}
    chosen: list[tuple[str, int]] = []
    figures = []
    for row in report.scores.itertuples():
        name, frame = str(row.video), int(str(row.frame))
        if len(chosen) >= n:
            break
        if name not in sources or any(v == name and abs(f - frame) < _APART for v, f in chosen):
            continue
        chosen.append((name, frame))
        layer, source = sources[name]
        if name not in painters:
            painters[name] = track_painter(source, layer, trail=_APART)
        image = np.ascontiguousarray(painters[name](source[frame], frame))
        data = base64.b64encode(simplejpeg.encode_jpeg(image, 85, "RGB", "420")).decode()
        where = f"{name}, " if len(report.videos) > 1 else ""
        who = "" if row.track is None else f"track {row.track!s}, "
        text = escape(f"{where}frame {frame}, {who}score {row.score:.2f}: {row.message}")
        figures.append(
            f'<figure><img src="data:image/jpeg;base64,{data}" alt="frame {frame}">'
            f"<figcaption>{text}</figcaption></figure>"
        )
    return figures
