// The keys, by section, from the table that also makes them work.

import { element, ICONS, icon, isMac } from "./dom";
import { displayKey } from "./keymap";
import type { Binding } from "./protocol";

const MOUSE: [string, string][] = [
  ["Wheel", "Zoom around the pointer"],
  ["Drag", "Pan, or move the point under the pointer"],
  ["Click", "Select the nearest label"],
  ["Right click", "Place the current label"],
];

/** What stands in the cheat sheet: sections of rows of keys and a title. */
export function cheatSheetRows(
  bindings: Binding[],
  mac = false,
): Map<string, { keys: string[]; title: string }[]> {
  const sections = new Map<string, { keys: string[]; title: string }[]>();
  for (const binding of bindings) {
    if (binding.keys.length === 0 || binding.offered === false) continue;
    const rows = sections.get(binding.section) ?? [];
    sections.set(binding.section, rows);
    const keys = binding.keys.map((key) => displayKey(key, mac));
    const same = rows.find((row) => row.title === binding.title);
    if (same) same.keys.push(...keys);
    else rows.push({ keys, title: binding.title });
  }
  for (const rows of sections.values()) {
    for (const row of rows) {
      const digits = row.keys.length === 10 && row.keys.every((key) => /^[0-9]$/.test(key));
      if (digits) row.keys = ["0", "…", "9"];
    }
  }
  return sections;
}

export class CheatSheet {
  readonly node = element("dialog", { class: "jupytrack-sheet", "aria-label": "Keys", autofocus: "" });
  private bindings: Binding[] = [];

  constructor(private readonly onClose: () => void) {
    this.node.addEventListener("close", () => this.onClose());
    this.node.addEventListener("click", (event) => {
      if (event.target === this.node) this.node.close();
    });
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "?" || event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        this.node.close();
      }
    });
  }

  update(bindings: Binding[]): void {
    this.bindings = bindings;
    if (this.node.open) this.fill();
  }

  toggle(): void {
    if (this.node.open) {
      this.node.close();
      return;
    }
    this.fill();
    this.node.showModal();
  }

  close(): void {
    if (this.node.open) this.node.close();
  }

  private fill(): void {
    const close = element("button", { type: "button", class: "jupytrack-close", "aria-label": "Close" });
    close.append(icon(ICONS.close));
    close.addEventListener("click", () => this.node.close());
    const sections = element("div", { class: "jupytrack-sheet-sections" });
    const rows = cheatSheetRows(this.bindings, isMac());
    rows.set(
      "Mouse",
      MOUSE.map(([key, title]) => ({ keys: [key], title })),
    );
    for (const [name, lines] of rows) {
      const list = element("dl");
      for (const line of lines) {
        const keys = element("dt");
        for (const key of line.keys) keys.append(key === "…" ? "…" : element("kbd", {}, key));
        list.append(keys, element("dd", {}, line.title));
      }
      sections.append(element("section", {}, element("h3", {}, name), list));
    }
    const head = element("header", {}, element("h2", {}, "Keys"), close);
    this.node.replaceChildren(head, sections);
  }
}
