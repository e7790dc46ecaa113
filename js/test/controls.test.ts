import { beforeEach, describe, expect, it } from "vitest";
import { Controls } from "../src/controls";

let sought: number[];
let complaints: string[];
let jump: HTMLInputElement;

beforeEach(() => {
  [sought, complaints] = [[], []];
  const controls = new Controls({
    ...{ count: 120, run: () => undefined, speed: () => undefined, focus: () => undefined },
    seek: (frame) => sought.push(frame),
    complain: (problem, remedy) => complaints.push(`${problem} ${remedy}`),
  });
  jump = controls.node.querySelector(".jupytrack-jump") as HTMLInputElement;
});

function enter(text: string): void {
  jump.value = text;
  jump.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
}

describe("the field for a frame", () => {
  it("goes to whole numbers however they are written, and clips them", () => {
    for (const text of [" 7 ", "1e2", "1e9", "-3"]) enter(text);
    expect(sought).toEqual([7, 100, 119, 0]);
    expect(complaints).toEqual([]);
  });

  it("says what it wants where there is no number", () => {
    for (const text of ["abc", "", "1.5", "12x"]) enter(text);
    expect(sought).toEqual([]);
    expect(complaints).toHaveLength(4);
    expect(complaints[0]).toContain("abc");
    expect(complaints[0]).toContain("0 to 119");
  });
});
