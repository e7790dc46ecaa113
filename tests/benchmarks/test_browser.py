"""How fast a user sees a frame in a real JupyterLab: `make bench` prints it, no absolute time is asserted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jupytrack.video import VideoWriter

# what DUSTrack publishes for a step, and what throwaway code reached with the same protocol: p50, p95 in ms
DUSTRACK_STEP = 36
PROTOTYPE = {480: (18, 34), 720: (32, 33), 1080: (50, 95)}
GOAL = {480: None, 720: 35, 1080: 60}
SIZES = {480: (640, 480), 720: (1280, 720), 1080: (1920, 1080)}
FRAMES = 360
FPS = 30

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not os.environ.get("JUPYTRACK_BENCHMARKS"), reason="`make bench` runs the benchmarks"),
]

OPEN = """
import numpy as np
import jupytrack
annotator = jupytrack.open({path!r}, n_labels=10)
frames = np.arange({frames})
for number, label in enumerate(annotator.ann.labels):
    xy = np.stack([100 + 40 * number + 20 * np.sin(frames / 9), 200 + 20 * np.cos(frames / 7)], axis=1)
    annotator.ann.set_points(label, frames, xy)
annotator.save()
"""
TOOLS = """() => {
  const root = document.querySelector('.jupytrack-canvas');
  const handle = root.jupytrack;
  const press = (key, options = {}) =>
    root.dispatchEvent(
      new KeyboardEvent('keydown', {key, code: key, bubbles: true, cancelable: true, ...options}));
  const pause = ms => new Promise(done => setTimeout(done, ms));
  const nextFrame = () => new Promise(done => requestAnimationFrame(done));
  // until the animation frame that shows a frame: milliseconds, and animation frames that passed
  const untilShown = (frame, act) => new Promise((resolve, reject) => {
    const start = performance.now();
    let passed = 0;
    const stop = handle.sample((shown, now) => {
      passed++;
      if (shown === frame) resolve([now - start, passed]);
      else if (performance.now() - start > 20000) reject(new Error('frame ' + frame + ' did not come'));
      else return;
      stop();
    });
    act();
  });
  window.speed = {root, handle, press, pause, nextFrame, untilShown};
}"""
COLD_STEPS = """async count => {
  const {handle, press, pause, untilShown} = window.speed;
  handle.setPrefetch(false);
  const times = [];
  for (let n = 0; n < count; n++) {
    // people press keys at any time between two animation frames
    await pause(250 + (n % 16));
    times.push((await untilShown(handle.targetFrame() + 1, () => press('ArrowRight')))[0]);
  }
  handle.setPrefetch(true);
  return times;
}"""
HELD_KEY = """async count => {
  const {handle, press, pause, untilShown} = window.speed;
  press('ArrowLeft');
  press('ArrowRight');
  await pause(1500);
  const passed = [];
  for (let n = 0; n < count; n++) {
    const [, frames] = await untilShown(handle.targetFrame() + 1, () => press('ArrowRight', {repeat: n > 0}));
    passed.push(frames);
  }
  return passed;
}"""
PLAYBACK = """async seconds => {
  const {handle, press, pause} = window.speed;
  const seen = [];
  const stop = handle.sample((frame, now) => seen.push([frame, now]));
  press(' ', {code: 'Space'});
  await pause(1000 * seconds);
  press(' ', {code: 'Space'});
  stop();
  return seen;
}"""
EDITS = """async count => {
  const {handle, press, pause, nextFrame} = window.speed;
  const {canvas} = handle;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const passed = [];
  for (let n = 0; n < count; n++) {
    await pause(200);
    await nextFrame();
    const look = () => context.getImageData(0, 0, canvas.width, canvas.height).data.join();
    const before = look();
    passed.push(await new Promise(resolve => {
      let frames = 0;
      const stop = handle.sample(() => {
        frames++;
        if (look() === before && frames < 200) return;
        stop();
        resolve(frames);
      });
      press(n % 2 ? 'ArrowLeft' : 'ArrowRight', {shiftKey: true});
    }));
  }
  return passed;
}"""


def make_clip(path: Path, size: tuple[int, int]) -> Path:
    """Write a moving, grainy picture, neither easy nor impossible for a codec."""
    random = np.random.default_rng(0)
    width, height = size
    x, y = np.arange(width), np.arange(height)[:, None]
    grain = random.normal(0, 6, (height + 64, width + 64))
    with VideoWriter(path, FPS, size, crf=23, gop=60, preset="veryfast") as writer:
        for n in range(FRAMES):
            dx, dy = np.round(31 + 31 * np.array([np.sin(n / 20), np.cos(n / 13)])).astype(int)
            picture = 128 + 80 * np.sin((x + 3 * n) / 40) * np.cos((y - 2 * n) / 55)
            picture = picture + grain[dy : dy + height, dx : dx + width]
            writer.write(np.clip(picture, 0, 255).astype(np.uint8))
    return path


def percentiles(values: list[float]) -> tuple[float, float]:
    return float(np.percentile(values, 50)), float(np.percentile(values, 95))


def one_frame_steps(passed: list[int]) -> str:
    return f"{sum(n <= 1 for n in passed)} of {len(passed)} at the next animation frame, worst {max(passed)}"


def on_time(seen: list[list[float]]) -> str:
    """Count the frames that were shown within one animation frame of when they were due."""
    frames, times = np.asarray(seen).T
    first = np.flatnonzero(np.diff(frames) != 0)
    starts, shown = times[first + 1], frames[first + 1]
    tick = float(np.median(np.diff(times)))
    late = (starts - starts[0]) - (shown - shown[0]) * 1000 / FPS
    good = int((np.abs(late - np.median(late)) <= 1.5 * tick).sum())
    due = int(shown[-1] - shown[0]) + 1
    return f"{good} of {due} frames on time, {len(shown)} shown, {1000 / tick:.0f} animation frames a second"


@pytest.mark.parametrize("height", SIZES)
def test_frames_on_the_screen(lab: Any, tmp_path: Path, height: int):
    clip = make_clip(tmp_path / f"{height}p.mp4", SIZES[height])
    lab.open(OPEN.format(path=str(clip), frames=FRAMES), "annotator")
    page = lab.page
    page.locator(".bqplot").last.wait_for()
    page.evaluate("() => document.querySelector('.jupytrack-canvas').scrollIntoView()")
    page.locator(".jupytrack-canvas").focus()
    page.wait_for_timeout(3000)
    page.evaluate(TOOLS)
    cold = percentiles(page.evaluate(COLD_STEPS, 40))
    held = page.evaluate(HELD_KEY, 70)
    page.wait_for_timeout(1000)
    played = page.evaluate(PLAYBACK, 6)
    page.wait_for_timeout(1000)
    edits = page.evaluate(EDITS, 10)
    goal = f"goal {GOAL[height]}, " if GOAL[height] else ""
    beside = f"{goal}prototype {PROTOTYPE[height][0]}/{PROTOTYPE[height][1]}, DUSTrack {DUSTRACK_STEP}"
    ratio = cold[0] / DUSTRACK_STEP
    print(f"\n{height}p, p50/p95 from the key to the animation frame that shows it")
    print(f"  cold step  {cold[0]:.0f}/{cold[1]:.0f} ms, {ratio:.2f} of DUSTrack's ({beside})")
    print(f"  held key   {one_frame_steps(held)}")
    print(f"  playback   {on_time(played)}")
    print(f"  edit       {one_frame_steps(edits)}")
    assert len({frame for frame, _ in played}) > FPS
