// Pointer and keys: what a hand does, turned into what is meant.

import { Keymap, type KeyPress } from "./keymap";
import type { Binding, LabelledPoint, Point } from "./protocol";
import type { View } from "./view";

const CLICK_DISTANCE = 3; // CSS pixels a press may move and still be a click
const GRAB_RADIUS = 10;
const SELECT_RADIUS = 40;

export interface Intentions {
  /** The points that can be grabbed now. */
  points: () => LabelledPoint[];
  select: (point: LabelledPoint) => void;
  place: (position: Point) => void;
  /** A point is in the hand; null when it is put back. */
  hold: (point: LabelledPoint | null) => void;
  drop: (point: LabelledPoint) => void;
  hover: (position: Point | null) => void;
  viewChanged: () => void;
  command: (binding: Binding, repeated: boolean) => void;
  /** Whether escape had something to end. */
  escape: () => boolean;
}

type Gesture =
  | { kind: "pan"; from: Point; last: Point; moved: boolean; click: boolean }
  | { kind: "point"; from: Point; moved: boolean; point: LabelledPoint; grip: Point };

export class Input {
  readonly keymap = new Keymap();
  /** Where the pointer is over the canvas, in CSS pixels of the canvas. */
  pointer: Point | null = null;
  private gesture: Gesture | null = null;
  private readonly aborter = new AbortController();

  constructor(
    private readonly root: HTMLElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly view: View,
    private readonly to: Intentions,
    private readonly mac: boolean,
  ) {
    const { signal } = this.aborter;
    root.addEventListener("keydown", (event) => this.handleKey(event), { signal });
    canvas.addEventListener("pointerdown", (event) => this.onDown(event), { signal });
    canvas.addEventListener("pointermove", (event) => this.onMove(event), { signal });
    canvas.addEventListener("pointerup", (event) => this.onUp(event), { signal });
    canvas.addEventListener("pointercancel", () => this.cancel(), { signal });
    canvas.addEventListener("pointerleave", () => this.onLeave(), { signal });
    // nor may JupyterLab open its own menu
    canvas.addEventListener("contextmenu", consume, { signal });
    canvas.addEventListener("dblclick", (event) => event.preventDefault(), { signal });
    // a middle click would start the browser's own scrolling
    canvas.addEventListener("mousedown", (event) => event.button === 1 && event.preventDefault(), { signal });
    canvas.addEventListener("wheel", (event) => this.onWheel(event), { signal, passive: false });
  }

  /** Where the pointer is on the picture, or null when it is not over the canvas. */
  get position(): Point | null {
    return this.pointer && this.view.toImage(this.pointer);
  }

  /** End what is being done with the pointer, without doing it. */
  cancel(): boolean {
    if (!this.gesture) return false;
    if (this.gesture.kind === "point") this.to.hold(null);
    this.gesture = null;
    this.updateCursor();
    return true;
  }

  /** Whether a key press is ours: what is bound, and every plain key, which might mean something to a notebook. */
  claims(event: KeyboardEvent): boolean {
    const { target } = event;
    // a list finds its entries by letters, which a notebook would take for its own
    if (target instanceof HTMLElement && takesText(target) && !(target instanceof HTMLSelectElement))
      return false;
    return this.find(event) !== undefined || !(event.ctrlKey || event.metaKey);
  }

  /** Answer a key press, here or in what surrounds the canvas. */
  handleKey(event: KeyboardEvent): void {
    // the keys of an unfinished character belong to the input method
    if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
    const target = event.target instanceof HTMLElement ? event.target : this.root;
    if (event.key === "Escape") {
      const handled = this.cancel() || this.to.escape();
      if (handled) consume(event);
      return;
    }
    if (target.closest("dialog") || takesText(target)) return;
    if (event.key === "Enter" && isPressable(target) && !event.ctrlKey) return;
    if (event.key === " " && isPressable(target)) return;
    const found = this.find(event);
    if (!found) return;
    consume(event);
    this.to.command(found.binding, event.repeat);
  }

  dispose(): void {
    this.aborter.abort();
  }

  private find(event: KeyboardEvent): ReturnType<Keymap["find"]> {
    const press: KeyPress = {
      ...{ key: event.key, code: event.code, ctrlKey: event.ctrlKey, altKey: event.altKey },
      ...{ shiftKey: event.shiftKey, metaKey: event.metaKey },
      altGraph: event.getModifierState("AltGraph"),
    };
    return this.keymap.find(press, this.mac);
  }

  // fractions count: at a small zoom, a rounded pixel on the screen is several pixels of the video
  private locate(event: MouseEvent): Point {
    const box = this.canvas.getBoundingClientRect();
    // the same even where a style sheet scales the page
    const scaleX = box.width > 0 ? this.view.width / box.width : 1;
    const scaleY = box.height > 0 ? this.view.height / box.height : 1;
    return { x: (event.clientX - box.left) * scaleX, y: (event.clientY - box.top) * scaleY };
  }

  private onDown(event: PointerEvent): void {
    const here = this.locate(event);
    this.pointer = here;
    this.root.focus({ preventScroll: true });
    if (this.gesture) return;
    const right = event.button === 2 || (event.button === 0 && this.mac && event.ctrlKey);
    if (right) {
      event.preventDefault();
      this.to.place(this.view.toImage(here));
      return;
    }
    if (event.button !== 0 && event.button !== 1) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    const point = event.button === 0 ? this.nearest(here, GRAB_RADIUS) : undefined;
    if (point) {
      const at = this.view.toScreen(point);
      // the point stays under the hand as it was grabbed, so that a click alone moves nothing
      const grip = { x: at.x - here.x, y: at.y - here.y };
      this.gesture = { kind: "point", from: here, moved: false, point, grip };
    } else {
      this.gesture = { kind: "pan", from: here, last: here, moved: false, click: event.button === 0 };
    }
    this.updateCursor();
  }

  private onMove(event: PointerEvent): void {
    const here = this.locate(event);
    this.pointer = here;
    const { gesture } = this;
    if (gesture) {
      const moved = Math.hypot(here.x - gesture.from.x, here.y - gesture.from.y) > CLICK_DISTANCE;
      const begins = moved && !gesture.moved;
      if (begins) gesture.moved = true;
      if (gesture.kind === "pan" && gesture.moved) {
        this.view.pan(here.x - gesture.last.x, here.y - gesture.last.y);
        gesture.last = here;
        this.to.viewChanged();
      } else if (gesture.kind === "point" && gesture.moved) {
        this.to.hold(this.carried(gesture, here));
      }
      if (begins) this.updateCursor();
    } else this.updateCursor();
    this.to.hover(this.view.toImage(here));
  }

  private onUp(event: PointerEvent): void {
    const here = this.locate(event);
    const { gesture } = this;
    if (!gesture || (event.button !== 0 && event.button !== 1)) return;
    this.gesture = null;
    if (this.canvas.hasPointerCapture(event.pointerId)) this.canvas.releasePointerCapture(event.pointerId);
    if (gesture.kind === "point") {
      this.to.hold(null);
      if (gesture.moved) this.to.drop(this.carried(gesture, here));
      else this.to.select(gesture.point);
    } else if (!gesture.moved && gesture.click) {
      const point = this.nearest(here, SELECT_RADIUS);
      if (point) this.to.select(point);
    }
    this.updateCursor();
  }

  private onLeave(): void {
    if (this.gesture) return;
    this.pointer = null;
    this.to.hover(null);
  }

  private onWheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : event.deltaMode === 2 ? 400 : 1;
    // pinching a touch pad arrives as small steps with ctrl
    const speed = event.ctrlKey ? 0.01 : 0.002;
    const change = Math.max(Math.min(event.deltaY * lines, 240), -240);
    // wheel events come in whole pixels; the last movement knows the place better
    const { x, y } = this.locate(event);
    const near = this.pointer && Math.hypot(this.pointer.x - x, this.pointer.y - y) < 2;
    this.view.zoomTo(
      this.view.zoom * Math.exp(-change * speed),
      near && this.pointer ? this.pointer : { x, y },
    );
    this.to.viewChanged();
  }

  private carried(gesture: Extract<Gesture, { kind: "point" }>, here: Point): LabelledPoint {
    const at = this.view.toImage({ x: here.x + gesture.grip.x, y: here.y + gesture.grip.y });
    return { ...gesture.point, ...at };
  }

  private nearest(here: Point, radius: number): LabelledPoint | undefined {
    let best: LabelledPoint | undefined;
    let distance = radius;
    for (const point of this.to.points()) {
      const at = this.view.toScreen(point);
      const d = Math.hypot(at.x - here.x, at.y - here.y);
      if (d <= distance) [best, distance] = [point, d];
    }
    return best;
  }

  private updateCursor(): void {
    const { gesture, pointer } = this;
    let cursor = "crosshair";
    if (gesture?.moved) cursor = gesture.kind === "pan" ? "grabbing" : "none";
    else if (pointer && this.nearest(pointer, GRAB_RADIUS)) cursor = "grab";
    this.canvas.style.cursor = cursor;
  }
}

function consume(event: Event): void {
  event.preventDefault();
  event.stopPropagation();
}

function takesText(target: HTMLElement): boolean {
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && target.type !== "range" && target.type !== "checkbox";
}

function isPressable(target: HTMLElement): boolean {
  return target instanceof HTMLButtonElement;
}
