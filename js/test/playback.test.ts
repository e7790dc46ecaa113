import { beforeEach, describe, expect, it } from "vitest";
import { frameAt, nearestTime, Playback } from "../src/playback";

const constant = Float64Array.from({ length: 300 }, (_, n) => n / 30);
let shown: number[];
let missing: Set<number>;
let stopped: number;

function makePlayback(timestamps = constant): Playback {
  return new Playback({
    timestamps,
    isReady: (frame) => !missing.has(frame),
    show: (frame) => {
      if (shown.at(-1) !== frame) shown.push(frame);
    },
    onStop: () => stopped++,
  });
}

/** Run animation frames of 60 Hz from a time on. */
function run(playback: Playback, from: number, seconds: number): number {
  let now = from;
  for (; now < from + seconds * 1000; now += 1000 / 60) playback.tick(now);
  return now;
}

beforeEach(() => {
  [shown, missing, stopped] = [[], new Set(), 0];
});

describe("Playback", () => {
  it("shows every frame of 30 a second, once", () => {
    const playback = makePlayback();
    playback.start(0, 0);
    run(playback, 0, 2);
    expect(shown.at(-1)).toBeGreaterThanOrEqual(59);
    expect(shown).toEqual(Array.from({ length: shown.length }, (_, n) => n));
  });

  it.each([0.25, 0.5, 2, 4])("keeps time at speed %d", (speed) => {
    const playback = makePlayback();
    playback.setSpeed(speed, 0);
    playback.start(0, 0);
    run(playback, 0, 2);
    expect(shown.at(-1)).toBeGreaterThanOrEqual(60 * speed - speed - 1);
    expect(shown.at(-1)).toBeLessThanOrEqual(60 * speed);
  });

  it("goes by timestamps where the rate varies", () => {
    const uneven = Float64Array.from([0, 0.1, 0.2, 1.2, 1.3]);
    const playback = makePlayback(uneven);
    playback.start(0, 0);
    run(playback, 0, 0.9);
    expect(shown).toEqual([0, 1, 2]);
    run(playback, 900, 0.6);
    expect(shown).toEqual([0, 1, 2, 3, 4]);
  });

  it("waits for what is missing, and does not jump afterwards", () => {
    const playback = makePlayback();
    for (let frame = 20; frame < 300; frame++) missing.add(frame);
    playback.start(0, 0);
    const now = run(playback, 0, 2);
    expect(shown.at(-1)).toBe(19);
    missing.clear();
    run(playback, now, 0.5);
    expect(shown.at(-1)).toBeLessThanOrEqual(19 + 20);
    const steps = shown.slice(1).map((frame, i) => frame - (shown[i] ?? 0));
    expect(Math.max(...steps)).toBeLessThanOrEqual(5);
  });

  it("begins when the first frame is there", () => {
    const playback = makePlayback();
    missing.add(0);
    playback.start(0, 0);
    const now = run(playback, 0, 1);
    missing.clear();
    run(playback, now, 0.2);
    expect(shown.at(-1)).toBeLessThanOrEqual(6);
  });

  it.each([298, 299, 300, 301])(
    "reaches the last of %d frames where only every stride is loaded",
    (count) => {
      const last = count - 1;
      const loaded = new Set<number>();
      const playback = new Playback({
        timestamps: Float64Array.from({ length: count }, (_, n) => n / 60),
        isReady: (frame) => loaded.has(frame),
        show: (frame, stride) => {
          for (let ahead = frame; ahead <= Math.min(frame + 8 * stride, last); ahead += stride)
            loaded.add(ahead);
          shown.push(frame);
        },
        onStop: () => stopped++,
      });
      playback.setSpeed(4, 0);
      playback.start(0, 0);
      run(playback, 0, 2.5);
      expect(shown.at(-1)).toBe(last);
      expect(loaded.size).toBeLessThan(count / 3);
      expect([stopped, playback.playing]).toEqual([1, false]);
    },
  );

  it("stops at the end, and starts over from there", () => {
    const playback = makePlayback();
    playback.start(290, 0);
    run(playback, 0, 1);
    expect(shown.at(-1)).toBe(299);
    expect(stopped).toBe(1);
    expect(playback.playing).toBe(false);
    playback.start(299, 2000);
    expect(shown.at(-1)).toBe(0);
  });

  it("goes on at the same place when the speed changes", () => {
    const playback = makePlayback();
    playback.start(0, 0);
    const now = run(playback, 0, 1);
    const before = shown.at(-1) ?? 0;
    playback.setSpeed(4, now);
    playback.tick(now);
    expect(shown.at(-1)).toBeLessThanOrEqual(before + 3);
  });

  it("keeps the speed within its limits", () => {
    const playback = makePlayback();
    playback.setSpeed(100, 0);
    expect(playback.speed).toBe(4);
  });
});

describe("frames by time", () => {
  it("finds the frame that is due", () => {
    expect(frameAt(constant, 1)).toBe(30);
    expect(frameAt(constant, 0.99)).toBe(29);
    expect(frameAt(constant, -5)).toBe(0);
    expect(frameAt(constant, 1e9)).toBe(299);
    expect(frameAt(constant, 0, 100)).toBe(100);
  });

  it("finds the frame that is nearest", () => {
    expect(nearestTime(constant, 0.99)).toBe(30);
    expect(nearestTime(constant, 1.01)).toBe(30);
    expect(nearestTime(constant, 1e9)).toBe(299);
  });
});
