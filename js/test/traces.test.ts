import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Model } from "../src/protocol";
import { invert, nearestTarget, Traces, type WidgetModel } from "../src/traces";

function widget(values: Record<string, unknown>, views: WidgetModel["views"] = {}): WidgetModel {
  return {
    get: (name) => values[name],
    set: (name, value) => {
      if (typeof name === "string") values[name] = value;
      else Object.assign(values, name);
    },
    views,
  };
}

let element: HTMLElement;
let marker: WidgetModel;
let figureValues: Record<string, unknown>;
let figure: WidgetModel;
let interval: WidgetModel;
let visited: number[];
let selected: [number, number][];
let traces: Traces;

beforeEach(async () => {
  visited = [];
  selected = [];
  element = document.createElement("div");
  document.body.append(element);
  element.getBoundingClientRect = () => new DOMRect(100, 0, 676, 120);
  marker = widget({ x: new Float64Array([0, 0]) });
  const scale = widget({ min: 0, max: 299 });
  figureValues = {
    ...{ fig_margin: { left: 60, right: 16, top: 0, bottom: 0 }, interaction: null },
    marks: [widget({ scales: { x: scale } })],
  };
  figure = widget(figureValues, { one: Promise.resolve({ el: element }) });
  interval = widget({ x: new Float64Array(), y: new Float64Array() });
  const models: Record<string, WidgetModel> = { marker, figure, interval };
  const names: Record<string, string> = { marker_models: "marker", interval_models: "interval" };
  const model = {
    get: (name: string) => [`IPY_MODEL_${names[name] ?? "figure"}`],
    widget_manager: { get_model: async (id: string) => models[id] },
  } as unknown as Model;
  traces = new Traces({
    ...{ model, positionOf: (frame) => frame, frameAt: (position) => Math.round(position) },
    goTo: (frame) => visited.push(frame),
    select: (start, stop) => selected.push([start, stop]),
    count: 300,
    isLeader: () => true,
  });
  await traces.update();
});

afterEach(() => {
  traces.dispose();
  element.remove();
});

async function pointer(type: string, clientX: number, buttons = 1, shiftKey = false): Promise<void> {
  const at = { clientX, clientY: 50, button: 0, buttons, shiftKey, bubbles: true };
  element.dispatchEvent(new PointerEvent(type, at));
  for (let turn = 0; turn < 4; turn++) await Promise.resolve();
}

describe("Traces", () => {
  it("moves the markers with the shown frame", () => {
    traces.mark(42);
    expect(marker.get("x")).toEqual(new Float64Array([42, 42]));
  });

  it("turns a place on the screen into a position on the time axis", () => {
    expect(invert(figure, element, 160)).toBe(0);
    expect(invert(figure, element, 760)).toBe(299);
    expect(invert(figure, element, 460)).toBeCloseTo(149.5);
    expect(invert(figure, element, 0)).toBe(0);
  });

  it("goes to the frame of a click, and follows a drag", async () => {
    await pointer("pointerdown", 460);
    await pointer("pointermove", 760);
    await pointer("pointerup", 760, 0);
    await pointer("pointermove", 160, 0);
    expect(visited).toEqual([150, 299]);
  });

  it("selects an interval by a drag with shift, and shows it meanwhile", async () => {
    await pointer("pointerdown", 560, 1, true);
    await pointer("pointermove", 460, 1, true);
    expect(interval.get("x")).toEqual(new Float64Array([150, 150, 199, 199]));
    expect(selected).toEqual([]);
    await pointer("pointerup", 460, 0, true);
    expect(selected).toEqual([[150, 199]]);
    expect(visited).toEqual([]);
    await pointer("pointermove", 760, 0);
    expect(selected).toHaveLength(1);
  });

  it("forgets an interval whose drawing is broken off, and one of a single frame", async () => {
    await pointer("pointerdown", 560, 1, true);
    await pointer("pointermove", 460, 1, true);
    expect(traces.cancel()).toBe(true);
    expect(interval.get("x")).toEqual(new Float64Array());
    await pointer("pointerup", 460, 0, true);
    await pointer("pointerdown", 560, 1, true);
    await pointer("pointerup", 560, 0, true);
    expect(selected).toEqual([]);
    expect(interval.get("x")).toEqual(new Float64Array());
    expect(traces.cancel()).toBe(false);
  });

  it("knows the frame under the pointer", async () => {
    expect(traces.pointed).toBeUndefined();
    element.classList.add("bqplot");
    await pointer("pointermove", 460, 0);
    expect(traces.pointed).toBe(150);
    document.body.dispatchEvent(new PointerEvent("pointermove", { clientX: 1, bubbles: true }));
    await Promise.resolve();
    expect(traces.pointed).toBeUndefined();
  });

  it("leaves drags to bqplot while its own zooming and panning is on", async () => {
    figureValues.interaction = {};
    await pointer("pointerdown", 460);
    await pointer("pointermove", 560);
    await pointer("pointerup", 560, 0);
    expect(visited).toEqual([]);
    await pointer("pointerdown", 460);
    await pointer("pointerup", 461, 0);
    expect(visited).toHaveLength(1);
  });

  it("goes to a target beside the pointer, in figures that have some", async () => {
    // 600 px for 299 frames: 6 px are about 3 frames
    const scale = widget({ min: 0, max: 299 });
    figureValues.marks = [widget({ scales: { x: scale }, x: Float64Array.of(50, 52, 200) })];
    const at = (frame: number) => 160 + (600 * frame) / 299;
    expect(nearestTarget(figure, element, at(53))).toBeUndefined();
    await pointer("pointerdown", at(53));
    await pointer("pointerup", at(53), 0);
    expect(visited).toEqual([53]);
    figureValues._dom_classes = ["jupytrack-heat"];
    expect(nearestTarget(figure, element, at(53))).toBe(52);
    expect(nearestTarget(figure, element, at(49))).toBe(50);
    expect(nearestTarget(figure, element, at(56))).toBeUndefined();
    await pointer("pointerdown", at(198.5));
    await pointer("pointerup", at(198.5), 0);
    await pointer("pointerdown", at(100));
    expect(visited).toEqual([53, 200, 100]);
  });
});
