import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { exclusively, type ManagerModel, OverlayCache, type Recording, Replayer } from "../src/overlays";
import { splitRecordings, type ToKernel } from "../src/protocol";

type Request = Extract<ToKernel, { type: "overlay" }>;

let sent: Request[];
let time: number;

function makeCache(): OverlayCache {
  return new OverlayCache({
    ...{ view: "v", count: 300 },
    send: (message) => sent.push(message as Request),
    onReady: () => undefined,
    onError: (problem) => {
      throw new Error(problem);
    },
    now: () => time,
  });
}

function answer(cache: OverlayCache, frames: number[], revision: number, scale = 1): void {
  const bytes = new Uint8Array(frames.length * 2).map((_, i) => i);
  cache.receive(
    {
      ...{ type: "overlay", view: "v", id: 1, frames, revision, scale },
      points: frames.map(() => []),
      metas: frames.map((frame) => ({ frame })),
      lengths: frames.map(() => 1),
      sizes: frames.map(() => 2),
    },
    [new DataView(bytes.buffer)],
  );
}

beforeEach(() => {
  vi.useFakeTimers();
  [sent, time] = [[], 0];
});
afterEach(() => vi.useRealTimers());

describe("OverlayCache", () => {
  it("asks for batches around the wanted frame, that one first", () => {
    const cache = makeCache();
    cache.want(50, 1);
    expect(sent[0]?.frames[0]).toBe(50);
    expect(sent[0]?.frames).toContain(74);
    expect(sent[0]?.frames).toContain(42);
    cache.dispose();
  });

  it("asks for little while an answer is out, as in scrubbing", () => {
    const cache = makeCache();
    cache.want(50, 1);
    cache.want(150, 1);
    expect(sent[1]?.frames).toEqual([150, 151, 149]);
    cache.dispose();
  });

  it("takes a recording only from the last change of its frame on", () => {
    const cache = makeCache();
    cache.want(50, 1);
    cache.invalidate([50], 5);
    answer(cache, [50, 51], 4);
    expect(cache.has(50)).toBe(false);
    expect(cache.has(51)).toBe(true);
    answer(cache, [50], 5);
    expect(cache.get(50)?.revision).toBe(5);
    cache.dispose();
  });

  it("forgets everything when everything changed, and asks again at once", () => {
    const cache = makeCache();
    cache.want(50, 1);
    answer(cache, [50], 1);
    const before = sent.length;
    cache.invalidate(null, 2);
    expect(cache.has(50)).toBe(false);
    expect(sent[before]?.frames[0]).toBe(50);
    cache.dispose();
  });

  it("never goes back to an older recording", () => {
    const cache = makeCache();
    cache.want(50, 1);
    answer(cache, [50], 7);
    answer(cache, [50], 3);
    expect(cache.get(50)?.revision).toBe(7);
    cache.dispose();
  });

  it("uses recordings of another size until the new ones are there", () => {
    const cache = makeCache();
    cache.want(50, 1);
    answer(cache, [50], 1, 1);
    cache.rescale(0.25);
    expect(cache.has(50)).toBe(true);
    expect(sent.at(-1)?.scale).toBe(0.25);
    answer(cache, [50], 1, 0.25);
    expect(cache.get(50)?.scale).toBe(0.25);
    answer(cache, [50], 1, 1);
    expect(cache.get(50)?.scale).toBe(0.25);
    cache.dispose();
  });

  it("asks again when an answer is lost", async () => {
    const cache = makeCache();
    cache.want(50, 1);
    time = 5000;
    await vi.advanceTimersByTimeAsync(1000);
    expect(sent).toHaveLength(2);
    cache.dispose();
  });

  it("refuses batches whose sizes do not add up", () => {
    expect(() => splitRecordings(new Uint8Array(5), [1], [4])).toThrow("add up");
    expect(splitRecordings(new Uint8Array([1, 2, 3]), [2, 0], [1, 2]).map((parts) => parts.length)).toEqual([
      2, 0,
    ]);
  });

  it("gives everything back while it sleeps, and begins anew", async () => {
    const cache = makeCache();
    cache.want(10, 1);
    answer(cache, sent[0]?.frames ?? [], 0);
    expect(cache.has(10)).toBe(true);
    cache.sleep();
    expect(cache.stats()).toMatchObject({ recordings: 0, pending: 0 });
    const asked = sent.length;
    cache.want(11, 1);
    cache.invalidate(null, 4);
    answer(cache, [11], 4);
    time = 60_000;
    await vi.advanceTimersByTimeAsync(5000);
    expect(sent).toHaveLength(asked);
    expect(cache.has(11)).toBe(false);
    cache.wake();
    cache.want(11, 1);
    expect(sent.at(-1)?.frames).toContain(11);
    cache.dispose();
  });
});

describe("Replayer", () => {
  function makeTarget() {
    const log: string[] = [];
    const ctx = {
      reset: () => log.push("reset"),
      setTransform: (...matrix: number[]) => log.push(`transform ${matrix[0]}`),
    };
    const canvas = { width: 10, height: 10 } as HTMLCanvasElement;
    return { log, target: { canvas, ctx: ctx as unknown as CanvasRenderingContext2D } };
  }
  const recording = (frame: number): Recording => ({
    ...{ frame, revision: 0, scale: 1, points: [], meta: frame },
    buffers: [new DataView(new ArrayBuffer(1))],
  });

  it("does not let two replays into one canvas interleave", async () => {
    const { log, target } = makeTarget();
    const manager: ManagerModel = {
      onCommand: async (meta) => {
        log.push(`begin ${meta}`);
        await new Promise((resolve) => setTimeout(resolve, meta === 1 ? 20 : 1));
        log.push(`end ${meta}`);
      },
    };
    const replayer = new Replayer(manager, target);
    const second = new Replayer(manager, target);
    await Promise.all([
      replayer.replay(recording(1), [2, 0, 0, 2, 0, 0], 20, 5, () => log.push("compose 1")),
      second.replay(recording(2), [3, 0, 0, 3, 0, 0], 5, 5, () => log.push("compose 2")),
    ]);
    expect(log).toEqual([
      ...["reset", "transform 2", "begin 1", "end 1", "compose 1"],
      ...["reset", "transform 3", "begin 2", "end 2", "compose 2"],
    ]);
    expect(target.canvas.width).toBe(20);
  });

  it("goes on after a recording that cannot be drawn", async () => {
    const owner = {};
    await expect(exclusively(owner, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(exclusively(owner, async () => "yes")).resolves.toBe("yes");
  });

  beforeEach(() => vi.useRealTimers());
});
