// Buttons and fields below the picture. What they do and which keys do the same comes from the bindings.

import { element, ICONS, icon, isMac } from "./dom";
import { displayKey } from "./keymap";
import type { Binding, Status } from "./protocol";

export const SPEEDS = [0.25, 0.5, 1, 2, 4];

interface ControlOptions {
  count: number;
  run: (name: string) => void;
  seek: (frame: number) => void;
  speed: (speed: number) => void;
  complain: (problem: string, remedy: string) => void;
  /** Give the keyboard back to the canvas. */
  focus: () => void;
}

export class Controls {
  readonly node = element("div", { class: "jupytrack-controls", role: "toolbar", "aria-label": "Video" });
  private readonly slider: HTMLInputElement;
  private readonly jump: HTMLInputElement;
  private readonly speedField: HTMLSelectElement;
  private readonly marks = element("div", { class: "jupytrack-marks", "aria-hidden": "true" });
  private readonly buttons = new Map<string, { node: HTMLButtonElement; title: string }>();
  private marked = "";

  constructor(private readonly options: ControlOptions) {
    const last = Math.max(options.count - 1, 0);
    const digits = String(last).length;
    this.slider = element("input", {
      ...{ type: "range", class: "jupytrack-slider", min: "0", max: String(last), step: "1", value: "0" },
      "aria-label": "Frame",
    });
    this.slider.addEventListener("input", () => options.seek(Number(this.slider.value)));
    this.slider.addEventListener("pointerup", () => options.focus());
    this.jump = element("input", {
      ...{ type: "text", inputmode: "numeric", class: "jupytrack-jump", value: "0", spellcheck: "false" },
      ...{ "aria-label": "Go to frame", title: "Go to frame: a number and Enter" },
      style: `width:${digits + 2.5}ch`,
    });
    this.jump.addEventListener("focus", () => this.jump.select());
    this.jump.addEventListener("keydown", (event) => this.onJumpKey(event));
    this.jump.addEventListener("blur", () => this.setFrame(Number(this.slider.value)));
    this.speedField = element("select", { class: "jupytrack-speed", "aria-label": "Speed", title: "Speed" });
    for (const speed of SPEEDS)
      this.speedField.append(element("option", { value: String(speed) }, `${speed}×`));
    this.speedField.addEventListener("change", () => {
      options.speed(Number(this.speedField.value));
      options.focus();
    });
    const button = (name: string, path: string, title: string) => this.button(name, path, title);
    const rail = element("div", { class: "jupytrack-rail" }, this.marks, this.slider);
    const group = (...nodes: Node[]) => element("div", { class: "jupytrack-group" }, ...nodes);
    this.node.append(
      group(
        button("frame_previous_10", ICONS.previousTen, "Ten frames back"),
        button("frame_previous", ICONS.previous, "Previous frame"),
        button("play_toggle", ICONS.play, "Play or pause"),
        button("frame_next", ICONS.next, "Next frame"),
        button("frame_next_10", ICONS.nextTen, "Ten frames on"),
      ),
      rail,
      group(this.jump, element("span", { class: "jupytrack-count" }, `/ ${last}`), this.speedField),
      group(
        button("zoom_out", ICONS.zoomOut, "Zoom out"),
        button("zoom_in", ICONS.zoomIn, "Zoom in"),
        button("fit", ICONS.fit, "Whole picture"),
        this.textButton("one_to_one", "1:1", "One screen pixel for each pixel of the video"),
        button("full_window", ICONS.window, "Fill the window"),
        button("cheat_sheet", ICONS.help, "Show the keys"),
      ),
    );
    this.setSpeed(1);
  }

  setBindings(bindings: Binding[]): void {
    for (const binding of bindings) {
      const button = this.buttons.get(binding.name);
      if (!button) continue;
      const keys = binding.keys.map((key) => displayKey(key, isMac())).join(" or ");
      button.node.title = keys ? `${binding.title} (${keys})` : binding.title;
      button.node.setAttribute("aria-label", binding.title);
    }
  }

  setFrame(frame: number): void {
    const text = String(frame);
    if (this.slider.value !== text) this.slider.value = text;
    if (document.activeElement !== this.jump && this.jump.value !== text) this.jump.value = text;
  }

  setPlaying(playing: boolean): void {
    const button = this.buttons.get("play_toggle");
    button?.node.replaceChildren(icon(playing ? ICONS.pause : ICONS.play));
    button?.node.setAttribute("aria-pressed", String(playing));
  }

  setSpeed(speed: number): void {
    const text = String(speed);
    if (![...this.speedField.options].some((option) => option.value === text)) {
      this.speedField.append(element("option", { value: text }, `${speed}×`));
    }
    this.speedField.value = text;
  }

  /** Show frames of interest and the interval above the slider. */
  setMarks(status: Status): void {
    const { frames_of_interest: frames = [], interval } = status;
    const key = JSON.stringify([frames, interval]);
    if (key === this.marked) return;
    this.marked = key;
    const last = Math.max(this.options.count - 1, 1);
    const at = (frame: number) => `${(100 * frame) / last}%`;
    const nodes = frames
      .slice(0, 500)
      .map((frame) => element("i", { class: "jupytrack-mark", style: `left:${at(frame)}` }));
    if (interval) {
      const [start, stop] = interval;
      const style = `left:${at(start)};width:${(100 * Math.max(stop - start, 0)) / last}%`;
      nodes.unshift(element("i", { class: "jupytrack-interval", style }));
    }
    this.marks.replaceChildren(...nodes);
  }

  private button(name: string, path: string, title: string): HTMLButtonElement {
    const node = element("button", { type: "button", title, "aria-label": title, "data-command": name });
    node.append(icon(path));
    return this.register(name, node, title);
  }

  private textButton(name: string, text: string, title: string): HTMLButtonElement {
    const node = element(
      "button",
      { type: "button", title, "aria-label": title, "data-command": name },
      text,
    );
    return this.register(name, node, title);
  }

  private register(name: string, node: HTMLButtonElement, title: string): HTMLButtonElement {
    this.buttons.set(name, { node, title });
    // a click leaves the keyboard with the canvas; those who come by the tab key keep their place
    node.addEventListener("mousedown", (event) => event.preventDefault());
    node.addEventListener("click", (event) => {
      this.options.run(name);
      if (event.detail > 0 && name !== "cheat_sheet") this.options.focus();
    });
    return node;
  }

  private onJumpKey(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.key === "Escape") this.options.focus();
    if (event.key !== "Enter") return;
    const last = Math.max(this.options.count - 1, 0);
    const text = this.jump.value.trim();
    const frame = text === "" ? Number.NaN : Number(text);
    if (Number.isInteger(frame)) this.options.seek(Math.min(Math.max(frame, 0), last));
    else this.options.complain(`“${text}” is no frame number.`, `Give a whole number from 0 to ${last}.`);
    this.options.focus();
  }
}
