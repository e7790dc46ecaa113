import { describe, expect, it } from "vitest";
import { detailFor, type Picture, sourceSize } from "../src/pictures";

const pictureOf = (width: number, height: number) =>
  ({ width, height, close: () => {} }) as unknown as Picture;

describe("detailFor", () => {
  it("never decodes coarser than the screen shows, and no finer than the video is", () => {
    for (const scale of [0.01, 0.125, 0.3, 0.5, 0.667, 0.99, 1, 3]) {
      expect(detailFor(scale) / 8).toBeGreaterThanOrEqual(Math.min(scale, 1) - 1e-6);
    }
    expect(detailFor(0.5)).toBe(4);
    expect(detailFor(0.6667)).toBe(6);
    expect(detailFor(20)).toBe(8);
    expect(detailFor(0)).toBe(1);
  });
});

describe("sourceSize", () => {
  it("takes a whole picture whole", () => {
    expect(sourceSize(pictureOf(1280, 720), 1280, 720)).toEqual({ width: 1280, height: 720 });
    expect(sourceSize(pictureOf(317, 211), 317, 211)).toEqual({ width: 317, height: 211 });
  });

  it("leaves out what rounding up added", () => {
    // 6 eighths of 317 are 237.75, which a decoder makes 238
    const size = sourceSize(pictureOf(238, 159), 317, 211);
    expect(size.width).toBeCloseTo(237.75);
    expect(size.height).toBeCloseTo(158.25);
  });

  it("stretches what no eighth explains", () => {
    expect(sourceSize(pictureOf(500, 300), 1280, 720)).toEqual({ width: 500, height: 300 });
  });
});
