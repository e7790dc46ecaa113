// What tests, and the curious, find as `jupytrack` on the root element.

import type { LabelledPoint, Point } from "./protocol";
import type { View } from "./view";

export interface ShownEntry {
  frame: number;
  revision: number;
  time: number;
}

export interface DebugHandle {
  /** The frame on the screen, -1 before the first. */
  shownFrame(): number;
  targetFrame(): number;
  imageToClient(x: number, y: number): Point;
  clientToImage(x: number, y: number): Point;
  view(): { zoom: number; originX: number; originY: number; width: number; height: number; ratio: number };
  setView(zoom: number, originX: number, originY: number): void;
  canvas: HTMLCanvasElement;
  stats(): Record<string, Record<string, number>>;
  points(): LabelledPoint[];
  /** Call back once an animation frame, after painting; returns a function that stops it. */
  sample(callback: (frame: number, now: number) => void): () => void;
  /** What was shown last, and when. */
  shownLog: ShownEntry[];
  run(name: string): void;
  /** Fetch frames and overlays in advance, or only when they are wanted, so that every step is a cold one. */
  setPrefetch(on: boolean): void;
}

type Parts = Omit<DebugHandle, "imageToClient" | "clientToImage" | "view" | "setView">;

export function createDebugHandle(view: View, parts: Parts, onViewChanged: () => void): DebugHandle {
  const { canvas } = parts;
  return {
    ...parts,
    imageToClient: (x, y) => {
      const box = canvas.getBoundingClientRect();
      const at = view.toScreen({ x, y });
      return {
        x: box.left + (at.x * box.width) / view.width,
        y: box.top + (at.y * box.height) / view.height,
      };
    },
    clientToImage: (x, y) => {
      const box = canvas.getBoundingClientRect();
      return view.toImage({
        x: ((x - box.left) * view.width) / box.width,
        y: ((y - box.top) * view.height) / box.height,
      });
    },
    view: () => {
      const { zoom, originX, originY, width, height, ratio } = view;
      return { zoom, originX, originY, width, height, ratio };
    },
    setView: (zoom, originX, originY) => {
      Object.assign(view, { zoom, originX, originY, fitted: false });
      onViewChanged();
    },
  };
}
