import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Input, type Intentions } from "../src/input";
import type { Binding, LabelledPoint } from "../src/protocol";
import { View } from "../src/view";

let root: HTMLElement;
let canvas: HTMLCanvasElement;
let view: View;
let input: Input;
let log: string[];
let leaked: string[];
const points: LabelledPoint[] = [
  { label: "0", x: 99.5, y: 99.5, color: "#f00", layer: "a" },
  { label: "1", x: 199.5, y: 99.5, color: "#0f0", layer: "a" },
];

function bind(name: string, ...keys: string[]): Binding {
  return { name, keys, title: name, section: "Test", where: "kernel" };
}

beforeEach(() => {
  [log, leaked] = [[], []];
  root = document.createElement("div");
  root.tabIndex = 0;
  canvas = document.createElement("canvas");
  canvas.setPointerCapture = () => undefined;
  canvas.releasePointerCapture = () => undefined;
  canvas.hasPointerCapture = () => true;
  root.append(canvas);
  document.body.append(root);
  document.body.onkeydown = (event) => leaked.push(event.key);
  canvas.getBoundingClientRect = () => new DOMRect(10.25, 20.5, 640, 480);
  view = new View(640, 480);
  view.resize(640, 480, 1);
  const to: Intentions = {
    points: () => points,
    select: (point) => log.push(`select ${point.label}`),
    place: ({ x, y }) => log.push(`place ${x},${y}`),
    hold: (point) => log.push(point ? `hold ${point.label} ${point.x},${point.y}` : "put back"),
    drop: (point) => log.push(`drop ${point.label} ${point.x},${point.y}`),
    hover: () => undefined,
    viewChanged: () => log.push("view"),
    command: (binding, repeated) => log.push(binding.name + (repeated ? " again" : "")),
    escape: () => false,
  };
  input = new Input(root, canvas, view, to, false);
  input.keymap.update([bind("next", "right"), bind("place", "t"), bind("play", "space")]);
});

afterEach(() => {
  input.dispose();
  root.remove();
});

function pointer(type: string, x: number, y: number, init: PointerEventInit = {}): void {
  const at = { clientX: 10.25 + x, clientY: 20.5 + y, bubbles: true, cancelable: true, pointerId: 1 };
  canvas.dispatchEvent(new PointerEvent(type, { ...at, ...init }));
}

function key(target: HTMLElement, name: string, code: string, init: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key: name, code, bubbles: true, cancelable: true, ...init });
  target.dispatchEvent(event);
  return event;
}

describe("pointer", () => {
  it("places at fractions of a pixel with the right button", () => {
    pointer("pointerdown", 50.25, 60.75, { button: 2 });
    expect(log).toEqual(["place 49.75,60.25"]);
  });

  it("selects the nearest label with a click", () => {
    pointer("pointerdown", 182, 104);
    pointer("pointerup", 183, 104);
    expect(log).toEqual(["select 1"]);
  });

  it("does nothing with a click far from every point", () => {
    pointer("pointerdown", 500, 400);
    pointer("pointerup", 500, 400);
    expect(log).toEqual([]);
  });

  it("moves the point it was grabbed by, from where it was grabbed", () => {
    pointer("pointerdown", 102, 100);
    pointer("pointermove", 112, 105);
    pointer("pointerup", 122, 110);
    expect(log).toEqual(["hold 0 109.5,104.5", "put back", "drop 0 119.5,109.5"]);
  });

  it("does not move a point with a click", () => {
    pointer("pointerdown", 102, 100);
    pointer("pointermove", 103, 101);
    pointer("pointerup", 103, 101);
    expect(log).toEqual(["put back", "select 0"]);
  });

  it("pans with a drag on the background, and with the middle button anywhere", () => {
    view.zoomTo(4, { x: 0, y: 0 });
    const before = view.originX;
    pointer("pointerdown", 600, 400);
    pointer("pointermove", 560, 400);
    pointer("pointerup", 560, 400);
    expect(view.originX).toBeCloseTo(before + 10);
    pointer("pointerdown", 400, 398, { button: 1 });
    pointer("pointermove", 440, 398);
    pointer("pointerup", 440, 398, { button: 1 });
    expect(view.originX).toBeCloseTo(before);
    expect(log.filter((entry) => entry !== "view")).toEqual([]);
  });

  it("puts a point back with escape", () => {
    pointer("pointerdown", 100, 100);
    pointer("pointermove", 130, 100);
    key(root, "Escape", "Escape");
    pointer("pointerup", 130, 100);
    expect(log).toEqual(["hold 0 129.5,99.5", "put back"]);
  });
});

describe("keys", () => {
  it("runs what is bound, and keeps it from the notebook", () => {
    const event = key(root, "t", "KeyT");
    key(root, "ArrowRight", "ArrowRight", { repeat: true });
    expect(log).toEqual(["place", "next again"]);
    expect(event.defaultPrevented).toBe(true);
    expect(leaked).toEqual([]);
  });

  it("leaves other keys alone", () => {
    expect(key(root, "Tab", "Tab").defaultPrevented).toBe(false);
    expect(leaked).toEqual(["Tab"]);
  });

  it("leaves keys to fields and to input methods", () => {
    const field = document.createElement("input");
    root.append(field);
    key(field, "t", "KeyT");
    key(root, "t", "KeyT", { isComposing: true });
    expect(log).toEqual([]);
  });

  it("leaves the space bar to a button, and other keys to the canvas", () => {
    const button = document.createElement("button");
    root.append(button);
    key(button, " ", "Space");
    key(button, "t", "KeyT");
    expect(log).toEqual(["place"]);
  });
});

describe("claims", () => {
  const claims = (target: HTMLElement, name: string, code: string, init: KeyboardEventInit = {}) => {
    let result: boolean | undefined;
    const listener = (event: KeyboardEvent) => {
      result = input.claims(event);
    };
    target.addEventListener("keydown", listener, { once: true, capture: true });
    key(target, name, code, init);
    return result;
  };

  it("takes plain keys, bound or not, and leaves the notebook's own combinations", () => {
    expect(claims(root, "d", "KeyD")).toBe(true);
    expect(claims(root, "s", "KeyS", { ctrlKey: true })).toBe(false);
    input.keymap.update([bind("save", "ctrl+s")]);
    expect(claims(root, "s", "KeyS", { ctrlKey: true })).toBe(true);
  });

  it("takes nothing from fields", () => {
    const field = document.createElement("textarea");
    root.append(field);
    expect(claims(field, "d", "KeyD")).toBe(false);
  });

  it("keeps the letters that find an entry of a list from the notebook", () => {
    const list = document.createElement("select");
    root.append(list);
    expect(claims(list, "d", "KeyD")).toBe(true);
  });
});
