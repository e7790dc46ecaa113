import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Notices } from "../src/notices";

let notices: Notices;
const texts = () =>
  [...notices.node.querySelectorAll(".jupytrack-notice")].map((node) => node.getAttribute("data-text"));
const earlier = () => notices.node.querySelector<HTMLButtonElement>(".jupytrack-earlier");

beforeEach(() => {
  vi.useFakeTimers();
  notices = new Notices();
});
afterEach(() => {
  notices.dispose();
  vi.useRealTimers();
});

describe("Notices", () => {
  it("collapses all but the newest three, and shows them on demand", () => {
    for (const text of ["a", "b", "c"]) notices.show("error", text);
    expect(earlier()?.hidden).toBe(true);
    notices.show("error", "d");
    notices.show("error", "e");
    expect(texts()).toEqual(["a", "b", "c", "d", "e"]);
    expect(earlier()?.hidden).toBe(false);
    expect(earlier()?.textContent).toBe("2 earlier");
    earlier()?.click();
    expect(notices.node.classList.contains("jupytrack-expanded")).toBe(true);
    expect(earlier()?.textContent).toBe("Fewer");
    notices.dismiss();
    notices.dismiss();
    expect(texts()).toEqual(["a", "b", "c"]);
    expect(earlier()?.hidden).toBe(true);
    expect(notices.node.classList.contains("jupytrack-expanded")).toBe(false);
  });

  it("shows the same words once, and lets information go by itself", () => {
    notices.show("info", "a", "b");
    notices.show("info", "a", "b");
    expect(texts()).toEqual(["ab"]);
    vi.advanceTimersByTime(4000);
    expect(texts()).toEqual([]);
    expect(notices.dismiss()).toBe(false);
  });
});
