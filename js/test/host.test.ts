import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { guardKeys } from "../src/host";

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
