import { describe, expect, it } from "vitest";
import { MAX_PIXEL, View } from "../src/view";

function makeView(width = 866, height = 480, ratio = 1): View {
  const view = new View(640, 480);
  view.resize(width, height, ratio);
  return view;
}

describe("View", () => {
  it("fits the picture, centred", () => {
    const view = makeView(866, 480);
    expect(view.zoom).toBe(1);
    expect(view.toScreen({ x: -0.5, y: -0.5 })).toEqual({ x: 113, y: 0 });
    expect(view.toScreen({ x: 639.5, y: 479.5 })).toEqual({ x: 753, y: 480 });
  });

  it("follows c / z + o - 0.5", () => {
    const view = makeView();
    Object.assign(view, { zoom: 4, originX: 10, originY: 20 });
    expect(view.toImage({ x: 8, y: 6 })).toEqual({ x: 8 / 4 + 10 - 0.5, y: 6 / 4 + 20 - 0.5 });
    expect(view.toScreen({ x: 11.5, y: 21 })).toEqual({ x: 8, y: 6 });
  });

  it.each([1, 2, 1.25])("goes there and back exactly at device pixel ratio %d", (ratio) => {
    const view = makeView(701.6, 433.6, ratio);
    for (const zoom of [0.3, 1, 2.7, 16, 40]) {
      view.zoomTo(zoom, { x: 123.4, y: 56.7 });
      const there = view.toScreen({ x: 312.25, y: 77.5 });
      const back = view.toImage(there);
      expect(back.x).toBeCloseTo(312.25, 9);
      expect(back.y).toBeCloseTo(77.5, 9);
    }
  });

  it("keeps the position under the pointer while zooming", () => {
    const view = makeView();
    const pointer = { x: 300, y: 200 };
    const before = view.toImage(pointer);
    for (let i = 0; i < 10; i++) view.zoomTo(view.zoom * 1.27, pointer);
    expect(view.toImage(pointer).x).toBeCloseTo(before.x, 6);
    expect(view.toImage(pointer).y).toBeCloseTo(before.y, 6);
  });

  it("maps positions to device pixels as to the screen", () => {
    const view = makeView(866, 480, 2);
    view.zoomTo(3, { x: 10, y: 10 });
    const [a, , , d, e, f] = view.matrix();
    const at = view.toScreen({ x: 12.5, y: 40 });
    expect(a * 12.5 + e).toBeCloseTo(2 * at.x, 9);
    expect(d * 40 + f).toBeCloseTo(2 * at.y, 9);
  });

  it("puts pixel edges on device pixels at 1:1", () => {
    const view = makeView(867, 481, 2);
    view.oneToOne();
    expect(view.zoom).toBe(0.5);
    const edge = view.matrix()[4] - 0.5;
    expect(edge).toBeCloseTo(Math.round(edge), 9);
  });

  it("keeps part of the picture in sight", () => {
    const view = makeView();
    view.pan(1e6, -1e6);
    const corner = view.toScreen({ x: -0.5, y: 479.5 });
    expect(corner.x).toBeLessThan(view.width);
    expect(corner.y).toBeGreaterThan(0);
  });

  it("limits the zoom", () => {
    const view = makeView();
    view.zoomTo(1e9);
    expect(view.zoom).toBe(MAX_PIXEL);
    view.zoomTo(0);
    expect(view.zoom).toBe(0.5);
  });

  it("stays fitted when the canvas changes, and keeps the middle otherwise", () => {
    const view = makeView();
    view.resize(400, 300, 1);
    expect(view.zoom).toBeCloseTo(0.625);
    view.zoomTo(5, { x: 100, y: 100 });
    const middle = view.toImage({ x: 200, y: 150 });
    view.resize(600, 500, 1);
    expect(view.toImage({ x: 300, y: 250 }).x).toBeCloseTo(middle.x);
    expect(view.zoom).toBe(5);
  });
});
