import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Model } from "../src/protocol";
import { invert, Traces, type WidgetModel } from "../src/traces";

function widget(values: Record<string, unknown>, views: WidgetModel["views"] = {}): WidgetModel {
  return {
    get: (name) => values[name],
    set: (name, value) => {
      values[name] = value;
    },
    views,
  };
}

let element: HTMLElement;
let marker: WidgetModel;
let figureValues: Record<string, unknown>;
let figure: WidgetModel;
let visited: number[];
let traces: Traces;

beforeEach(async () => {
  visited = [];
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
  const models: Record<string, WidgetModel> = { marker, figure };
  const model = {
    get: (name: string) => (name === "marker_models" ? ["IPY_MODEL_marker"] : ["IPY_MODEL_figure"]),
    widget_manager: { get_model: async (id: string) => models[id] },
  } as unknown as Model;
  traces = new Traces({
    ...{ model, positionOf: (frame) => frame, frameAt: (position) => Math.round(position) },
    goTo: (frame) => visited.push(frame),
    isLeader: () => true,
  });
  await traces.update();
});

afterEach(() => {
  traces.dispose();
  element.remove();
});

async function pointer(type: string, clientX: number, buttons = 1): Promise<void> {
  element.dispatchEvent(new PointerEvent(type, { clientX, clientY: 50, button: 0, buttons, bubbles: true }));
  await Promise.resolve();
  await Promise.resolve();
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
});
