import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { IN_FLIGHT, prefetchOrder, StillProvider } from "../src/frames";
import { ByteCache } from "../src/lru";
import type { Picture, Still } from "../src/pictures";
import type { ToKernel } from "../src/protocol";

type Request = Extract<ToKernel, { type: "still" }>;

const BYTES = 1000;
let sent: Request[];
let ready: number[];
let errors: string[];
let closed: number;
let time: number;

function makeProvider(
  options: { budget?: number; decode?: (still: Still, detail: number) => Promise<Picture> } = {},
) {
  return new StillProvider({
    ...{ view: "v", count: 300, pictureBytes: BYTES, pictureBudget: options.budget ?? 1e6 },
    send: (message) => sent.push(message as Request),
    onReady: (frame) => ready.push(frame),
    onError: (_, problem) => errors.push(problem),
    decode:
      options.decode ??
      (async () => ({ width: 25, height: 10, close: () => closed++ }) as unknown as Picture),
    now: () => time,
  });
}

const JPEG = [new DataView(new Uint8Array([1, 2, 3]).buffer)];

function answer(provider: StillProvider, frame: number, revision = 0): void {
  provider.receive({ type: "still", view: "v", id: 1, frame, revision, mime: "image/jpeg" }, JPEG);
}

const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  [sent, ready, errors, closed, time] = [[], [], [], 0, 0];
});
afterEach(() => vi.useRealTimers());

describe("prefetchOrder", () => {
  it("looks ahead in the direction of moving, and a little behind", () => {
    expect(prefetchOrder(10, 1, 300).slice(0, 4)).toEqual([10, 11, 12, 13]);
    expect(prefetchOrder(10, 1, 300)).toHaveLength(1 + 16 + 2);
    expect(prefetchOrder(100, -1, 300).slice(0, 3)).toEqual([100, 99, 98]);
    expect(prefetchOrder(100, -1, 300).slice(-2)).toEqual([101, 102]);
  });

  it("looks both ways when nothing moves, and stays in the video", () => {
    expect(prefetchOrder(5, 0, 300).slice(0, 5)).toEqual([5, 6, 4, 7, 3]);
    expect(prefetchOrder(0, -1, 3)).toEqual([0, 1, 2]);
  });

  it("skips frames that fast playing skips", () => {
    expect(prefetchOrder(0, 1, 300, 2).slice(0, 4)).toEqual([0, 2, 4, 6]);
  });
});

describe("StillProvider", () => {
  it("asks for an unforeseen frame first, then keeps a window in flight", async () => {
    const provider = makeProvider();
    provider.want(10, 1);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.frames).toEqual([10]);
    answer(provider, 10);
    expect(sent).toHaveLength(1);
    await settle();
    expect(sent[1]?.frames).toEqual(Array.from({ length: IN_FLIGHT }, (_, i) => 11 + i));
    expect(sent[1]?.fresh).toEqual(sent[1]?.frames);
    for (let frame = 11; frame < 18; frame++) answer(provider, frame);
    await settle();
    expect(provider.get(10)).toBeDefined();
    expect(ready).toEqual([10, 11, 12, 13, 14, 15, 16, 17]);
    // topped up in bites, by frames that nobody asked for before
    const last = sent.at(-1);
    expect(sent.length).toBe(3);
    expect(last?.frames).not.toContain(11);
    expect(last?.fresh).toEqual([23, 24, 25, 26, 9, 8]);
    provider.dispose();
  });

  it("keeps the window in flight when a foreseen frame is overtaken", async () => {
    const provider = makeProvider();
    provider.want(10, 1);
    answer(provider, 10);
    await settle();
    provider.want(11, 1);
    provider.want(12, 1);
    expect(sent.at(-1)?.frames.length).toBeGreaterThan(6);
    provider.dispose();
  });

  it("decodes the wanted frame before those around it", async () => {
    const decoded: number[] = [];
    const decode = async (still: Still) => {
      decoded.push(still.data[0] ?? -1);
      return { width: 25, height: 10, close: () => undefined } as unknown as Picture;
    };
    const provider = makeProvider({ decode });
    const send = (frame: number) => {
      const data = [new DataView(new Uint8Array([frame]).buffer)];
      provider.receive({ type: "still", view: "v", id: 1, frame, revision: 0, mime: "" }, data);
    };
    provider.want(10, 1);
    for (const frame of [12, 11, 13, 14, 10]) send(frame);
    await vi.advanceTimersByTimeAsync(10);
    expect(decoded.indexOf(10)).toBeLessThanOrEqual(2);
    expect(decoded).toHaveLength(5);
    provider.dispose();
  });

  it("lets the latest wish win", () => {
    const provider = makeProvider();
    provider.want(10, 1);
    provider.want(200, 0);
    expect(sent.at(-1)?.frames[0]).toBe(200);
    expect(sent.at(-1)?.frames).not.toContain(11);
    provider.dispose();
  });

  it("does not ask again for what is there", async () => {
    const provider = makeProvider();
    provider.want(10, 1);
    for (let frame = 8; frame <= 27; frame++) answer(provider, frame);
    await settle();
    const before = sent.length;
    provider.want(11, 1);
    for (let frame = 28; frame <= 28; frame++) answer(provider, frame);
    provider.want(12, 1);
    expect(sent.slice(before).flatMap((message) => message.fresh)).not.toContain(12);
    provider.dispose();
  });

  it("drops what is older than the last change of the pictures", async () => {
    const provider = makeProvider();
    provider.want(10, 1);
    provider.invalidate(null, 3);
    answer(provider, 10, 2);
    await settle();
    expect(provider.has(10)).toBe(false);
    answer(provider, 10, 3);
    await settle();
    expect(provider.has(10)).toBe(true);
    provider.dispose();
  });

  it("closes what was decoded before a change", async () => {
    let finish: (picture: Picture) => void = () => undefined;
    const decode = () => new Promise<Picture>((resolve) => (finish = resolve));
    const provider = makeProvider({ decode });
    provider.want(10, 1);
    answer(provider, 10);
    provider.invalidate(null, 1);
    finish({ width: 25, height: 10, close: () => closed++ } as unknown as Picture);
    await settle();
    expect(provider.has(10)).toBe(false);
    expect(closed).toBe(1);
    provider.dispose();
  });

  it("makes a coarse picture anew once the screen shows more of it, and shows it until then", async () => {
    const details: number[] = [];
    const decode = async (_: Still, detail: number) => {
      details.push(detail);
      return { width: detail, height: 1, close: () => closed++ } as unknown as Picture;
    };
    const provider = makeProvider({ decode });
    provider.prefetch = false;
    provider.setDetail(4);
    provider.want(10, 1);
    answer(provider, 10);
    await settle();
    expect(provider.get(10)).toMatchObject({ width: 4 });
    provider.setDetail(8);
    expect(provider.has(10)).toBe(true);
    await settle();
    expect(provider.get(10)).toMatchObject({ width: 8 });
    provider.setDetail(2);
    await settle();
    expect(details).toEqual([4, 8]);
    expect(sent).toHaveLength(1);
    provider.dispose();
  });

  it("keeps to its budget and never closes the picture on the screen", async () => {
    const provider = makeProvider({ budget: 0 });
    provider.want(0, 1);
    answer(provider, 0);
    await settle();
    provider.hold(0);
    for (let frame = 1; frame < 120; frame++) {
      provider.want(frame, 1);
      answer(provider, frame);
      await settle();
    }
    expect(provider.has(0)).toBe(false);
    // all that are gone, but for the one that is held
    const { decoded = 0, pictures = 0 } = provider.stats();
    expect(closed).toBe(decoded - pictures - 1);
    expect(provider.stats().pictureBytes).toBeLessThanOrEqual(22 * BYTES);
    provider.hold(119);
    expect(closed).toBe(decoded - pictures);
    provider.dispose();
  });

  it("asks again when answers are lost", async () => {
    const provider = makeProvider();
    provider.want(10, 1);
    time = 5000;
    await vi.advanceTimersByTimeAsync(1000);
    expect(sent).toHaveLength(2);
    expect(sent[1]?.fresh).toContain(10);
    provider.dispose();
  });

  it("says what failed and goes on", async () => {
    const provider = makeProvider();
    provider.want(10, 1);
    const failure = { type: "still", view: "v", id: 1, frame: 10, revision: 0, mime: "" } as const;
    provider.receive({ ...failure, error: "Frame 10 is broken." }, []);
    expect(errors).toEqual(["Frame 10 is broken."]);
    answer(provider, 11);
    await settle();
    expect(provider.has(11)).toBe(true);
    provider.dispose();
  });
});

describe("ByteCache", () => {
  it("drops what was used least recently", () => {
    const cache = new ByteCache<string, number>(10);
    cache.set("a", 1, 5);
    cache.set("b", 2, 5);
    cache.get("a");
    cache.set("c", 3, 5);
    expect(cache.keys()).toEqual(["a", "c"]);
    expect(cache.bytes).toBe(10);
  });

  it("keeps the newest entry whatever its size", () => {
    const cache = new ByteCache<string, number>(10);
    cache.set("a", 1, 50);
    expect(cache.has("a")).toBe(true);
  });

  it("gives everything back while it sleeps, and begins anew", async () => {
    const provider = makeProvider();
    provider.want(10, 0);
    answer(provider, 10);
    await settle();
    const held = provider.hold(10);
    provider.want(11, 1);
    answer(provider, 11);
    provider.sleep();
    await settle();
    // the picture on the screen stays usable
    expect(provider.stats()).toMatchObject({ pictures: 0, stills: 0, inFlight: 0 });
    expect(held && closed).toBe(1);
    const asked = sent.length;
    provider.want(12, 1);
    answer(provider, 12);
    time = 60_000;
    await vi.advanceTimersByTimeAsync(5000);
    provider.invalidate(null, 3);
    expect(sent).toHaveLength(asked);
    expect(provider.has(12)).toBe(false);
    provider.wake();
    provider.want(12, 1);
    expect(sent.at(-1)?.frames).toEqual([12]);
    answer(provider, 12, 3);
    await settle();
    expect(provider.has(12)).toBe(true);
    provider.dispose();
  });
});
