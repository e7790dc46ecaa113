// Where image pixels are on the screen. Integers are pixel centres: (0, 0) is the centre of the top-left
// pixel, so a canvas position c under zoom z and origin o shows image position c / z + o - 0.5.

import type { Point } from "./protocol";

export const MAX_PIXEL = 80; // screen pixels an image pixel may take
const MARGIN = 48; // CSS pixels of the picture that always stay in sight

/** Zoom and origin; sizes are in CSS pixels, and `ratio` device pixels make one of them. */
export class View {
  zoom = 1;
  originX = 0;
  originY = 0;
  width = 1;
  height = 1;
  ratio = 1;
  /** Whether the picture is fitted, and stays so when the canvas changes its size. */
  fitted = true;

  constructor(
    readonly imageWidth: number,
    readonly imageHeight: number,
  ) {}

  toScreen(point: Point): Point {
    return {
      x: (point.x + 0.5 - this.originX) * this.zoom,
      y: (point.y + 0.5 - this.originY) * this.zoom,
    };
  }

  toImage(point: Point): Point {
    return { x: point.x / this.zoom + this.originX - 0.5, y: point.y / this.zoom + this.originY - 0.5 };
  }

  /** The matrix (a, b, c, d, e, f) from image positions to device pixels. */
  matrix(): [number, number, number, number, number, number] {
    const scale = this.zoom * this.ratio;
    return [scale, 0, 0, scale, (0.5 - this.originX) * scale, (0.5 - this.originY) * scale];
  }

  get fitZoom(): number {
    return Math.min(this.width / this.imageWidth, this.height / this.imageHeight);
  }

  /** Take a new canvas size and device pixel ratio, keeping what is in the middle there. */
  resize(width: number, height: number, ratio: number): void {
    const middle = this.toImage({ x: this.width / 2, y: this.height / 2 });
    this.width = Math.max(width, 1);
    this.height = Math.max(height, 1);
    this.ratio = ratio;
    if (this.fitted) this.fit();
    else this.center(middle);
  }

  fit(): void {
    this.zoom = this.fitZoom;
    this.originX = (this.imageWidth - this.width / this.zoom) / 2;
    this.originY = (this.imageHeight - this.height / this.zoom) / 2;
    this.fitted = true;
    this.snap();
  }

  /** One image pixel a screen pixel, around a canvas position. */
  oneToOne(around: Point = { x: this.width / 2, y: this.height / 2 }): void {
    this.zoomTo(1 / this.ratio, around);
  }

  /** Change the zoom, and keep the image position under `around` where it is. */
  zoomTo(zoom: number, around: Point = { x: this.width / 2, y: this.height / 2 }): void {
    const smallest = Math.min(this.fitZoom / 2, 1 / this.ratio);
    const clamped = Math.min(Math.max(zoom, smallest), MAX_PIXEL / this.ratio);
    const fixed = this.toImage(around);
    this.zoom = clamped;
    this.originX = fixed.x + 0.5 - around.x / clamped;
    this.originY = fixed.y + 0.5 - around.y / clamped;
    this.fitted = false;
    this.settle();
  }

  /** Shift the picture by canvas distances. */
  pan(dx: number, dy: number): void {
    this.originX -= dx / this.zoom;
    this.originY -= dy / this.zoom;
    this.fitted = false;
    this.settle();
  }

  center(point: Point): void {
    this.originX = point.x + 0.5 - this.width / 2 / this.zoom;
    this.originY = point.y + 0.5 - this.height / 2 / this.zoom;
    this.settle();
  }

  contains(point: Point): boolean {
    const { x, y } = this.toScreen(point);
    return x >= 0 && y >= 0 && x <= this.width && y <= this.height;
  }

  private settle(): void {
    const keepX = Math.min(MARGIN, this.imageWidth * this.zoom) / this.zoom;
    const keepY = Math.min(MARGIN, this.imageHeight * this.zoom) / this.zoom;
    this.originX = clamp(this.originX, keepX - this.width / this.zoom, this.imageWidth - keepX);
    this.originY = clamp(this.originY, keepY - this.height / this.zoom, this.imageHeight - keepY);
    this.snap();
  }

  // pixel edges on device pixels where they can all be: a sharp picture at 1:1, and since it is the origin that
  // moves, the mapping stays exact
  private snap(): void {
    const scale = this.zoom * this.ratio;
    if (Math.abs(scale - Math.round(scale)) > 1e-9) return;
    this.originX = Math.round(this.originX * scale) / scale;
    this.originY = Math.round(this.originY * scale) / scale;
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
