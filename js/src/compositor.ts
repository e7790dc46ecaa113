// Frame n is painted only together with overlay n, both in one task: what is on the screen is never a mixture.

import type { FrameProvider } from "./frames";
import type { OverlayCache, OverlayPainter, Recording } from "./overlays";
import { type Picture, sourceSize } from "./pictures";
import type { View } from "./view";

/** One thing on the screen: a frame, its picture and its overlay. */
export interface Shown {
  frame: number;
  picture: Picture;
  recording: Recording;
}

interface CompositorOptions {
  canvas: HTMLCanvasElement;
  view: View;
  frames: FrameProvider;
  overlays: OverlayCache;
  /** How overlays are drawn; without it, where ipycanvas is missing, frames are shown alone. */
  replayer: OverlayPainter | undefined;
  /** Draw what the browser adds: points in the hand, pixel grid, hints. */
  decorate: (context: CanvasRenderingContext2D, shown: Shown) => void;
  onShown: (shown: Shown) => void;
  onError: (problem: string, remedy: string) => void;
}

const SMOOTH_BELOW = 2; // device pixels an image pixel takes, from which on pixels are shown as squares

export class Compositor {
  /** The frame that is asked for. */
  target = -1;
  direction = 0;
  private current: Shown | undefined;
  private wishes: number[] = [];
  private painting = false;
  /** Something arrived: there may be something new to see. */
  private arrived = true;
  /** What is on the screen has to be painted again, even if nothing arrived. */
  private stale = true;
  private failing = false;
  private readonly context: CanvasRenderingContext2D;

  constructor(private readonly options: CompositorOptions) {
    const context = options.canvas.getContext("2d");
    if (!context) throw new Error("This browser gives no 2D canvas.");
    this.context = context;
  }

  get shown(): Shown | undefined {
    return this.current;
  }

  /** Ask for a frame; the latest wish wins, and is shown once both of its parts are there. */
  show(frame: number, direction: number, stride = 1): void {
    this.direction = direction;
    this.options.frames.want(frame, direction, stride);
    this.options.overlays.want(frame, direction);
    if (frame !== this.target) {
      this.target = frame;
      this.wishes.push(frame);
      if (this.wishes.length > 8) this.wishes.shift();
    }
    this.arrived = true;
  }

  /** Whether a frame could be shown at once. */
  isReady(frame: number): boolean {
    return this.options.frames.has(frame) && this.options.overlays.has(frame);
  }

  /** What is shown has changed: paint at the next animation frame. */
  invalidate(): void {
    this.stale = true;
  }

  /** A picture or a recording came: paint at the next animation frame, if it is for what is asked for. */
  notice(): void {
    this.arrived = true;
  }

  /** Paint if there is anything new to see; called once an animation frame. */
  async tick(): Promise<void> {
    if (this.painting || !(this.stale || this.arrived)) return;
    this.painting = true;
    const { stale, current } = this;
    this.stale = this.arrived = false;
    try {
      const next = this.choose();
      const isNew = next?.picture !== current?.picture || next?.recording !== current?.recording;
      if (next && (stale || isNew)) await this.paint(next);
    } finally {
      this.painting = false;
    }
  }

  // the newest wish that can be shown; while it is not there, what is on the screen stays, with its own overlay
  private choose(): Shown | undefined {
    for (let i = this.wishes.length - 1; i >= 0; i--) {
      const frame = this.wishes[i] ?? -1;
      const recording = this.options.overlays.get(frame);
      if (!recording || !this.options.frames.has(frame)) continue;
      const picture = this.options.frames.hold(frame);
      if (!picture) continue;
      this.wishes.splice(0, i);
      return { frame, picture, recording };
    }
    if (!this.current) return undefined;
    const { frame } = this.current;
    const picture = this.options.frames.hold(frame) ?? this.current.picture;
    const recording = this.options.overlays.get(frame) ?? this.current.recording;
    return { frame, picture, recording };
  }

  private async paint(next: Shown): Promise<void> {
    const { canvas, view, replayer } = this.options;
    const { width, height } = canvas;
    const matrix = view.matrix();
    let composed = false;
    const compose = (overlay: HTMLCanvasElement | null) => {
      composed = true;
      if (canvas.width !== width || canvas.height !== height) return;
      this.compose(next, matrix, overlay);
    };
    try {
      if (replayer) await replayer.replay(next.recording, matrix, width, height, compose);
      else compose(null);
      this.failing = false;
      if (!composed) this.stale = true;
    } catch (error) {
      // what is on the screen stays: a frame without its points would look as if it had none
      if (!this.failing) {
        const remedy =
          "The picture stands still until one can be drawn; go to another frame, or reload the page.";
        this.options.onError(`The overlay of frame ${next.frame} could not be drawn: ${error}`, remedy);
      }
      this.failing = true;
    }
  }

  private compose(
    next: Shown,
    matrix: [number, number, number, number, number, number],
    overlay: HTMLCanvasElement | null,
  ): void {
    const { context, options } = this;
    const { canvas, view } = options;
    const scale = matrix[0];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = 1;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = scale < SMOOTH_BELOW && Math.abs(scale - 1) > 1e-9;
    context.imageSmoothingQuality = "medium";
    const left = matrix[4] - 0.5 * scale;
    const top = matrix[5] - 0.5 * scale;
    const { imageWidth, imageHeight } = view;
    const part = sourceSize(next.picture, imageWidth, imageHeight);
    const area = [left, top, imageWidth * scale, imageHeight * scale] as const;
    context.drawImage(next.picture, 0, 0, part.width, part.height, ...area);
    if (overlay) {
      const { width, height } = canvas;
      context.drawImage(overlay, 0, 0, width, height, 0, 0, width, height);
    }
    const isNew = this.current?.frame !== next.frame || this.current.recording !== next.recording;
    this.current = next;
    options.decorate(context, next);
    if (isNew) options.onShown(next);
  }
}
