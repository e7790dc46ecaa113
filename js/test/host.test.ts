import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { adoptHost, findHost, guardKeys, holdFocus } from "../src/host";

const SUPPRESS = "data-lm-suppress-shortcuts";
let area: HTMLElement;
let inside: HTMLElement;
let outside: HTMLElement;
let stop: () => void;
let heard: boolean[];

/** Press a key, and note what a listener before ours would see: the notebook's is on the document. */
function press(target: HTMLElement, key: string): void {
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
}

const notebook = (event: Event) => heard.push(!(event.target as Element).hasAttribute(SUPPRESS));

beforeEach(() => {
  [area, inside, outside] = ["div", "button", "button"].map((tag) => document.createElement(tag)) as [
    HTMLElement,
    HTMLElement,
    HTMLElement,
  ];
  area.append(inside);
  document.body.append(area, outside);
  heard = [];
  document.addEventListener("keydown", notebook, { capture: true });
  stop = guardKeys(
    () => area,
    (event) => event.key === "d",
  );
});

afterEach(() => {
  stop();
  document.removeEventListener("keydown", notebook, { capture: true });
  document.body.replaceChildren();
});

describe("guardKeys", () => {
  it("keeps claimed keys from the notebook, in time for its own listeners", () => {
    press(inside, "d");
    expect(heard).toEqual([false]);
  });

  it("lets the notebook have what is not claimed, also after a claimed key on the same element", () => {
    press(inside, "d");
    press(inside, "s");
    expect(heard).toEqual([false, true]);
  });

  it("leaves what is outside of the area alone", () => {
    press(outside, "d");
    expect(heard).toEqual([true]);
    outside.setAttribute(SUPPRESS, "true");
    press(outside, "s");
    expect(outside.hasAttribute(SUPPRESS)).toBe(true);
  });

  it("goes by the area as it is when the key is pressed", () => {
    area.append(outside);
    press(outside, "d");
    expect(heard).toEqual([false]);
  });

  it("claims nothing after it was stopped", () => {
    stop();
    press(inside, "d");
    expect(heard).toEqual([true]);
  });
});

describe("a queue of videos", () => {
  it("is the host of all its annotators", () => {
    area.className = "jupytrack-queue";
    const own = document.createElement("div");
    own.className = "jupytrack jupytrack-annotator";
    own.append(inside);
    expect(findHost(inside)).toBe(own);
    area.append(own);
    expect(findHost(inside)).toBe(area);
  });

  it("holds the focus in between, and the keys with it", () => {
    // no canvas guards the keys of a queue while none is shown
    stop();
    const answered: string[] = [];
    let shown = 0;
    const canvases = [0, 1].map((number) => {
      const root = document.createElement("div");
      area.append(root);
      const onKey = (event: KeyboardEvent) => answered.push(`${number} ${event.key}`);
      return adoptHost(area, { root, onKey, focus: () => undefined, isFirst: () => shown === number });
    });
    holdFocus(area);
    expect(document.activeElement).toBe(area);
    press(area, "x");
    // the browser would leave the page
    const leaving = new KeyboardEvent("keydown", { key: "ArrowLeft", altKey: true, cancelable: true });
    area.dispatchEvent(leaving);
    expect(leaving.defaultPrevented).toBe(true);
    shown = 1;
    press(inside, "y");
    shown = -1;
    press(area, "z");
    expect(heard.at(-1)).toBe(false);
    expect(answered).toEqual(["0 x", "1 y"]);
    for (const stopOne of canvases) stopOne();
  });
});

describe("a field beside its button", () => {
  it("is left on return, and a moment later the button is clicked", () => {
    vi.useFakeTimers();
    const seen: string[] = [];
    const form = document.createElement("div");
    form.innerHTML = '<div class="jupytrack-field"><input></div><button class="jupytrack-default"></button>';
    area.append(form);
    const [field, button] = [form.querySelector("input"), form.querySelector("button")];
    field?.addEventListener("blur", () => seen.push("left"));
    button?.addEventListener("click", () => seen.push("clicked"));
    const focus = () => seen.push("keys back");
    const stopOne = adoptHost(area, { root: inside, onKey: () => undefined, focus, isFirst: () => true });
    field?.focus();
    if (field) press(field, "Enter");
    expect(seen).toEqual(["left", "keys back"]);
    vi.runAllTimers();
    expect(seen).toEqual(["left", "keys back", "clicked"]);
    stopOne();
    vi.useRealTimers();
  });
});
