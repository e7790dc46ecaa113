// The line below the picture: where one is, what is selected, and whether it is safe.

import { element } from "./dom";
import type { Point, Status } from "./protocol";

const SAVE_STATES: Record<string, [string, string]> = {
  saved: ["Saved", "Everything is in the layer's file."],
  new: ["New", "The layer is empty and has no file yet; saving makes one."],
  unsaved: ["Unsaved", "Your edits are safe in the journal, and not yet in the layer's file."],
  memory: [
    "Unsaved",
    "Your edits are only in memory, because the layer has no journal. Save it to keep them.",
  ],
  confirming: ["Writing…", "Your last edits are being written to the journal."],
  unconfirmed: ["Not safe", "The journal cannot be written. Save to another folder."],
};

export interface StatusView {
  frame: number;
  count: number;
  missing: number;
  time: number;
  zoom: number;
  cursor: Point | null;
  waiting: boolean;
}

export class StatusLine {
  readonly node = element("div", { class: "jupytrack-status" });
  private readonly parts: Record<string, HTMLElement> = {};
  private status: Status = {};

  constructor() {
    for (const name of [
      "frame",
      "time",
      "label",
      "layer",
      "overlay",
      "digits",
      "interval",
      "spacer",
      "cursor",
      "zoom",
      "save",
    ]) {
      const part = element("span", { class: `jupytrack-status-${name}` });
      this.parts[name] = part;
      this.node.append(part);
    }
    this.parts.save?.setAttribute("role", "status");
  }

  setStatus(status: Status): void {
    this.status = status;
    const { label = "", labels = [], layer = "", overlay } = status;
    const color = labels.find((one) => one.name === label)?.color ?? "transparent";
    const swatch = element("i", { class: "jupytrack-swatch", style: `background:${color}` });
    this.fill("label", "Current label", swatch, `label ${label}`);
    this.fill("layer", "Active layer", layer, status.read_only ? " (read-only)" : "");
    this.fill("overlay", "Overlay layer", overlay ? `over ${overlay}` : "");
    this.fill("digits", "What the digit keys do", status.number_keys === "place" ? "digits place" : "");
    const { interval, pending_interval: pending } = status;
    const ends = interval ? `interval ${interval[0]}–${interval[1]}` : "";
    this.fill(
      "interval",
      "Selected interval of this label (z at each end, or drag with shift in the traces)",
      pending != null ? `interval ${pending}–…` : ends,
    );
    const saved = status.save_state ?? "saved";
    const state = saved === "saved" && status.new?.includes(layer) ? "new" : saved;
    const [text, title] = SAVE_STATES[state] ?? [state, ""];
    const counts = Object.entries(status.unsaved ?? {})
      .filter(([, n]) => n.total > 0)
      .map(([name, n]) => `${name}: +${n.added} −${n.removed} ~${n.moved}`);
    const here = status.unsaved?.[layer];
    const short = here && here.total > 0 ? ` +${here.added} −${here.removed} ~${here.moved}` : "";
    this.fill("save", [title, ...counts].join("\n"), text + (saved === "saved" ? "" : short));
    this.parts.save?.setAttribute("data-state", state);
  }

  setView(view: StatusView): void {
    const missing = view.missing > 0 ? ` (${view.missing} missing at the end of the file)` : "";
    const last = Math.max(view.count - 1, 0);
    this.fill("frame", "Frame, counted from 0", `frame ${view.frame} / ${last}${missing}`);
    this.fill("time", "Time in the video", `${view.time.toFixed(3)} s`);
    this.fill("zoom", "Screen pixels for a pixel of the video", `${Math.round(view.zoom * 1000) / 10} %`);
    const { cursor } = view;
    this.fill(
      "cursor",
      "Pointer, in pixels of the video",
      cursor ? `${format(cursor.x)}, ${format(cursor.y)}` : "",
    );
    this.node.classList.toggle("jupytrack-waiting", view.waiting);
  }

  get current(): Status {
    return this.status;
  }

  private fill(name: string, title: string, ...children: (Node | string)[]): void {
    const part = this.parts[name];
    if (!part) return;
    if (part.title !== title) part.title = title;
    const text = children.map((child) => (typeof child === "string" ? child : "")).join("");
    // a text node that stays the same costs no layout
    if (children.every((child) => typeof child === "string")) {
      if (part.textContent !== text) part.textContent = text;
    } else part.replaceChildren(...children);
  }
}

function format(value: number): string {
  return value.toFixed(1);
}
