import { beforeEach, describe, expect, it } from "vitest";
import { Compositor, type Shown } from "../src/compositor";
import type { FrameProvider } from "../src/frames";
import type { OverlayCache, OverlayPainter, Recording } from "../src/overlays";
import type { Picture } from "../src/pictures";
import { View } from "../src/view";

/** What was painted on the visible canvas: pictures and overlays by their number. */
let painted: string[];
let shown: number[];
let errors: string[];
let pictures: Map<number, number>;
let recordings: Map<number, number>;
let onReplay: (frame: number) => void;

function makeCompositor(): Compositor {
  const context = {
    ...{ setTransform: () => undefined, clearRect: () => painted.push("clear") },
    drawImage: (image: { kind: string; frame: number }) => painted.push(`${image.kind} ${image.frame}`),
  };
  const canvas = { width: 100, height: 100, getContext: () => context } as unknown as HTMLCanvasElement;
  const picture = (frame: number) =>
    pictures.has(frame)
      ? ({ kind: "picture", frame, width: 640, height: 480 } as unknown as Picture)
      : undefined;
  const frames = {
    ...{ want: () => undefined, has: (frame: number) => pictures.has(frame), get: picture, hold: picture },
  } as unknown as FrameProvider;
  const known = new Map<string, Recording>();
  const overlays = {
    want: () => undefined,
    get: (frame: number) => {
      const revision = recordings.get(frame);
      if (revision === undefined) return undefined;
      const key = `${frame}/${revision}`;
      if (!known.has(key)) known.set(key, { frame, revision } as Recording);
      return known.get(key);
    },
    has: (frame: number) => recordings.has(frame),
  } as unknown as OverlayCache;
  const replayer = {
    replay: async (
      recording: Recording,
      _: unknown,
      __: number,
      ___: number,
      compose: (o: unknown) => void,
    ) => {
      onReplay(recording.frame);
      await Promise.resolve();
      compose({ kind: "overlay", frame: recording.frame });
    },
  } as unknown as OverlayPainter;
  const view = new View(10, 10);
  return new Compositor({
    ...{ canvas, view, frames, overlays, replayer },
    decorate: () => undefined,
    onShown: (entry: Shown) => shown.push(entry.frame),
    onError: (problem) => errors.push(problem),
  });
}

beforeEach(() => {
  [painted, shown, errors] = [[], [], []];
  [pictures, recordings] = [new Map(), new Map()];
  onReplay = () => undefined;
});

const load = (frame: number, revision = 0) => {
  pictures.set(frame, 1);
  recordings.set(frame, revision);
};

describe("Compositor", () => {
  it("shows a frame only when both its parts are there", async () => {
    const compositor = makeCompositor();
    compositor.show(5, 1);
    pictures.set(5, 1);
    compositor.invalidate();
    await compositor.tick();
    expect(painted).toEqual([]);
    recordings.set(5, 0);
    compositor.invalidate();
    await compositor.tick();
    expect(painted).toEqual(["clear", "picture 5", "overlay 5"]);
    expect(shown).toEqual([5]);
  });

  it("keeps the old pair on the screen while the new one is not there", async () => {
    const compositor = makeCompositor();
    load(1);
    compositor.show(1, 0);
    await compositor.tick();
    compositor.show(2, 1);
    pictures.set(2, 1);
    await compositor.tick();
    expect(painted.slice(-2)).toEqual(["picture 1", "overlay 1"]);
    expect(compositor.shown?.frame).toBe(1);
  });

  it("never mixes frames, whatever the order in which parts arrive and wishes change", async () => {
    const compositor = makeCompositor();
    let seed = 7;
    const random = (n: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor((seed / 2147483648) * n);
    };
    // also in the middle of a replay
    onReplay = () => {
      if (random(3) === 0) compositor.show(random(20), 1);
      if (random(3) === 0) recordings.delete(random(20));
    };
    for (let i = 0; i < 3000; i++) {
      const action = random(5);
      if (action === 0) pictures.set(random(20), 1);
      else if (action === 1) recordings.set(random(20), i);
      else if (action === 2) pictures.delete(random(20));
      else if (action === 3) compositor.show(random(20), random(3) - 1);
      compositor.invalidate();
      await compositor.tick();
    }
    const pairs: string[] = [];
    painted.forEach((entry, i) => {
      if (entry.startsWith("picture")) pairs.push(`${entry} ${painted[i + 1]}`);
    });
    expect(pairs.length).toBeGreaterThan(500);
    for (const pair of pairs) {
      const [, picture, , overlay] = pair.split(" ");
      expect(overlay).toBe(picture);
    }
  });

  it("shows an earlier wish on the way to the latest, as in scrubbing, and never goes back", async () => {
    const compositor = makeCompositor();
    for (const frame of [10, 20, 30]) compositor.show(frame, 1);
    load(20);
    compositor.invalidate();
    await compositor.tick();
    expect(compositor.shown?.frame).toBe(20);
    load(10);
    compositor.invalidate();
    await compositor.tick();
    expect(compositor.shown?.frame).toBe(20);
    load(30);
    compositor.invalidate();
    await compositor.tick();
    expect(compositor.shown?.frame).toBe(30);
  });

  it("paints again when the overlay of the shown frame changes", async () => {
    const compositor = makeCompositor();
    load(3, 1);
    compositor.show(3, 0);
    await compositor.tick();
    recordings.set(3, 2);
    compositor.invalidate();
    await compositor.tick();
    expect(compositor.shown?.recording.revision).toBe(2);
    expect(shown).toEqual([3, 3]);
  });

  it("paints nothing when nothing changed", async () => {
    const compositor = makeCompositor();
    load(3);
    compositor.show(3, 0);
    await compositor.tick();
    const before = painted.length;
    await compositor.tick();
    expect(painted).toHaveLength(before);
  });

  it("keeps what is on the screen, and says so once, when an overlay cannot be drawn", async () => {
    const compositor = makeCompositor();
    for (const frame of [2, 3, 4]) load(frame);
    compositor.show(2, 0);
    await compositor.tick();
    const before = [...painted];
    onReplay = () => {
      throw new Error("broken");
    };
    for (const frame of [3, 4]) {
      compositor.show(frame, 1);
      await compositor.tick();
      compositor.invalidate();
      await compositor.tick();
    }
    expect(painted).toEqual(before);
    expect(compositor.shown?.frame).toBe(2);
    expect(errors).toHaveLength(1);
    onReplay = () => undefined;
    compositor.invalidate();
    await compositor.tick();
    expect(painted.slice(-2)).toEqual(["picture 4", "overlay 4"]);
    // the next failure is news again
    onReplay = () => {
      throw new Error("broken");
    };
    compositor.show(2, -1);
    await compositor.tick();
    expect(errors).toHaveLength(2);
  });
});
