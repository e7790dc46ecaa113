import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Edits } from "../src/edits";
import type { LabelledPoint, ToKernel } from "../src/protocol";

type Edit = Extract<ToKernel, { type: "edit" }>;

let sent: Edit[];
let notices: string[];
let time: number;
let edits: Edits;

const point: LabelledPoint = { label: "0", x: 1, y: 2, color: "#f00", layer: "a" };

beforeEach(() => {
  vi.useFakeTimers();
  [sent, notices, time] = [[], [], 0];
  edits = new Edits({
    send: (message) => sent.push(message as Edit),
    onChange: () => undefined,
    onNotice: (_, problem) => notices.push(problem),
    now: () => time,
  });
});
afterEach(() => {
  edits.dispose();
  vi.useRealTimers();
});

describe("Edits", () => {
  it("shows an edit at once, until the kernel's overlay has it", () => {
    const id = edits.place("0", 7, 10, 20, "#f00");
    expect(sent).toEqual([{ type: "edit", id, op: "place", label: "0", frame: 7, x: 10, y: 20 }]);
    expect(edits.apply([point], 7, 3)).toEqual([{ ...point, x: 10, y: 20 }]);
    expect(edits.apply([point], 8, 3)).toEqual([point]);
    edits.edited({ type: "edited", edit: id, ok: true, revision: 4 });
    expect(edits.apply([point], 7, 3)[0]?.x).toBe(10);
    expect(edits.apply([{ ...point, x: 99 }], 7, 4)[0]?.x).toBe(99);
  });

  it("takes removed points away at once", () => {
    edits.remove("0", 7, 1, 2, "#f00");
    expect(sent[0]).not.toHaveProperty("x");
    expect(edits.apply([point], 7, 0)).toEqual([]);
  });

  it("adds points that were not there", () => {
    edits.place("5", 7, 3, 4, "#00f");
    expect(edits.apply([point], 7, 0).map((one) => one.label)).toEqual(["0", "5"]);
  });

  it("counts the last of several edits of a label", () => {
    edits.place("0", 7, 3, 4, "#f00");
    edits.place("0", 7, 5, 6, "#f00");
    expect(edits.of(7)).toHaveLength(1);
    expect(edits.apply([point], 7, 0)[0]?.x).toBe(5);
    expect(new Set(sent.map((edit) => edit.id)).size).toBe(2);
  });

  it("marks what is not confirmed in time, and forgets what is", () => {
    const id = edits.place("0", 7, 3, 4, "#f00");
    const edit = edits.of(7)[0];
    if (!edit) throw new Error("no edit");
    time = 100;
    expect(edits.isMarked(edit)).toBe(false);
    time = 200;
    expect(edits.isMarked(edit)).toBe(true);
    edits.confirmed(id);
    expect(edits.isMarked(edit)).toBe(false);
    edits.settle(7, 9);
    expect(edits.size).toBe(1);
    edits.edited({ type: "edited", edit: id, ok: true, revision: 9 });
    edits.settle(7, 8);
    expect(edits.size).toBe(1);
    edits.settle(7, 9);
    expect(edits.size).toBe(0);
  });

  it("takes back what the kernel refuses, and says why", () => {
    const id = edits.place("0", 7, 3, 4, "#f00");
    edits.edited({ type: "edited", edit: id, ok: false, error: { problem: "Read-only.", remedy: "" } });
    expect(edits.apply([point], 7, 0)).toEqual([point]);
    expect(notices).toEqual(["Read-only."]);
  });

  it("takes back what another kernel never saw, without a word of its own", () => {
    const id = edits.place("0", 7, 3, 4, "#f00");
    edits.edited({ type: "edited", edit: id, ok: true, revision: 9 });
    edits.edited({ type: "edited", edit: id, ok: false });
    expect([edits.size, notices]).toEqual([0, []]);
  });

  it("sends again what got no answer, with the same id, and at last says so", async () => {
    const id = edits.place("0", 7, 3, 4, "#f00");
    for (let i = 0; i < 60; i++) {
      time += 500;
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(sent.length).toBe(5);
    expect(new Set(sent.map((edit) => edit.id))).toEqual(new Set([id]));
    expect(notices).toHaveLength(1);
  });

  it("neither sends again nor complains while the kernel is known to be gone", () => {
    const sent: unknown[] = [];
    const notices: string[] = [];
    const options = { send: (message: unknown) => sent.push(message), onChange: () => undefined };
    const onNotice = (_: unknown, problem: string) => notices.push(problem);
    const lonely = new Edits({ ...options, onNotice, isLost: () => true, now: () => time });
    lonely.place("0", 1, 2, 3, "#f00");
    for (let n = 0; n < 10; n++) {
      time += 4000;
      vi.advanceTimersByTime(500);
    }
    expect(sent).toHaveLength(1);
    expect(notices).toEqual([]);
    expect(lonely.size).toBe(1);
    expect(lonely.of(1).every((edit) => lonely.isMarked(edit))).toBe(true);
    lonely.dispose();
  });
});
