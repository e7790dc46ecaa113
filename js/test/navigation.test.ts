import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Compositor } from "../src/compositor";
import type { Controls } from "../src/controls";
import { Navigation } from "../src/navigation";
import type { Model } from "../src/protocol";

let values: { frame: number; [name: string]: unknown };
let sent: unknown[];
let target: number;
let navigation: Navigation;

beforeEach(() => {
  vi.useFakeTimers();
  // the last message about the frame lies long back
  vi.advanceTimersByTime(1000);
  [values, sent, target] = [{ frame: 0 }, [], 0];
  let changed = new Set<string>();
  const model = {
    get: (name: string) => values[name],
    set: (name: string, value: unknown) => {
      if (values[name] !== value) changed.add(name);
      values[name] = value;
    },
    // like Backbone's: what is as it was is not sent
    save_changes: () => {
      for (const name of changed) sent.push({ [name]: values[name] });
      changed = new Set();
    },
    send: (content: unknown) => sent.push(content),
  } as unknown as Model;
  const compositor = {
    get target() {
      return target;
    },
    get shown() {
      return { frame: target };
    },
    isReady: () => true,
    show: (frame: number) => {
      target = frame;
    },
  } as unknown as Compositor;
  const controls = { setFrame: () => {}, setPlaying: () => {} } as unknown as Controls;
  navigation = new Navigation({
    ...{ model, count: 40, timestamps: Float64Array.from({ length: 40 }, (_, n) => n / 30), compositor },
    controls: () => controls,
    peers: () => [],
  });
});

describe("Navigation", () => {
  it("tells the kernel where it went", () => {
    navigation.goTo(7);
    expect(sent).toEqual([{ frame: 7 }]);
  });

  it("tells it at most ten times a second, the last one in any case", () => {
    for (let frame = 1; frame < 30; frame++) navigation.goTo(frame);
    expect(sent).toEqual([{ frame: 1 }]);
    vi.advanceTimersByTime(100);
    expect(sent).toEqual([{ frame: 1 }, { frame: 29 }]);
  });

  it("says so even if it is there: the kernel may have gone elsewhere meanwhile", () => {
    navigation.goTo(0);
    expect(sent).toEqual([{ type: "seek", frame: 0 }]);
    // what only passes on the frame before a command is no move
    navigation.tell();
    expect(sent).toHaveLength(1);
  });

  it("follows the kernel, but not away from where the user just went", () => {
    values.frame = 5;
    navigation.followFrame();
    expect(target).toBe(5);
    navigation.goTo(6);
    navigation.goTo(7);
    values.frame = 3;
    navigation.followFrame();
    expect(target).toBe(7);
    vi.advanceTimersByTime(100);
    expect(sent.at(-1)).toEqual({ frame: 7 });
  });

  it("stays within the video", () => {
    navigation.goTo(1e9);
    expect(target).toBe(39);
    navigation.step(-100, false);
    expect(target).toBe(0);
  });
});
