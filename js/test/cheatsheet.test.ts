import { describe, expect, it } from "vitest";
import { cheatSheetRows } from "../src/cheatsheet";
import type { Binding } from "../src/protocol";

function bind(title: string, section: string, ...keys: string[]): Binding {
  return { name: title, keys, title, section, where: "kernel" };
}

describe("cheatSheetRows", () => {
  it("lists what has keys, by section", () => {
    const rows = cheatSheetRows([
      bind("Next", "Frames", "right", "g"),
      bind("Undo", "Save", "ctrl+z"),
      bind("Hidden", "Save"),
    ]);
    expect([...rows.keys()]).toEqual(["Frames", "Save"]);
    expect(rows.get("Frames")).toEqual([{ keys: ["→", "G"], title: "Next" }]);
    expect(rows.get("Save")).toHaveLength(1);
  });

  it("writes the ten digits as one line", () => {
    const digits = Array.from({ length: 10 }, (_, digit) => bind("Select", "Labels", String(digit)));
    expect(cheatSheetRows(digits).get("Labels")).toEqual([{ keys: ["0", "…", "9"], title: "Select" }]);
  });

  it("leaves out what is not offered here", () => {
    const rows = cheatSheetRows([{ ...bind("Next video", "Videos", "alt+right"), offered: false }]);
    expect(rows.size).toBe(0);
  });
});
