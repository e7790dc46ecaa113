// What the user asked for by key or button: done here, shown here before the kernel knows, or sent to it.

import type { CheatSheet } from "./cheatsheet";
import type { Compositor } from "./compositor";
import type { Edits } from "./edits";
import type { FullWindow } from "./fullwindow";
import type { Input } from "./input";
import type { Navigation } from "./navigation";
import type { Binding, LabelledPoint, Point, ToKernel } from "./protocol";
import type { View } from "./view";

const PAN_STEP = 60; // CSS pixels
const ZOOM_STEP = 1.25;
const PATIENCE = 1000; // ms after which a held key asks again without an answer

interface CommandOptions {
  view: View;
  compositor: Compositor;
  navigation: Navigation;
  edits: Edits;
  sheet: CheatSheet;
  window: FullWindow;
  input: () => Input;
  send: (message: ToKernel) => void;
  points: () => LabelledPoint[];
  /** The current label and its colour, if there is one. */
  selected: () => { label: string; color: string } | undefined;
  /** The frame under the pointer in the traces, while it is there. */
  pointedInTraces: () => number | undefined;
  onViewChanged: () => void;
}

type Action = (repeated: boolean) => void;

export class Commands {
  private bindings: Binding[] = [];
  private nextId = 1;
  private readonly waiting = new Map<number, { name: string; since: number }>();
  private readonly actions: Record<string, Action>;

  constructor(private readonly options: CommandOptions) {
    const { navigation, sheet, window } = options;
    const once = (action: () => void) => (repeated: boolean) => {
      if (!repeated) action();
    };
    this.actions = {
      frame_next: (repeated) => navigation.step(1, repeated),
      frame_previous: (repeated) => navigation.step(-1, repeated),
      frame_next_10: (repeated) => navigation.step(10, repeated),
      frame_previous_10: (repeated) => navigation.step(-10, repeated),
      frame_next_fraction: (repeated) => navigation.stepFraction(1, repeated),
      frame_previous_fraction: (repeated) => navigation.stepFraction(-1, repeated),
      frame_first: () => navigation.goTo(0),
      frame_last: () => navigation.goTo(Number.MAX_SAFE_INTEGER),
      play_toggle: once(() => navigation.togglePlay()),
      speed_up: () => navigation.changeSpeed(1),
      speed_down: () => navigation.changeSpeed(-1),
      cheat_sheet: once(() => sheet.toggle()),
      full_window: once(() => window.toggle()),
      fit: this.viewing((view) => view.fit()),
      one_to_one: this.viewing((view, around) => view.oneToOne(around)),
      zoom_in: this.viewing((view, around) => view.zoomTo(view.zoom * ZOOM_STEP, around)),
      zoom_out: this.viewing((view, around) => view.zoomTo(view.zoom / ZOOM_STEP, around)),
      pan_left: this.viewing((view) => view.pan(PAN_STEP, 0)),
      pan_right: this.viewing((view) => view.pan(-PAN_STEP, 0)),
      pan_up: this.viewing((view) => view.pan(0, PAN_STEP)),
      pan_down: this.viewing((view) => view.pan(0, -PAN_STEP)),
    };
  }

  /** How many the kernel did not carry out yet. */
  get size(): number {
    return this.waiting.size;
  }

  update(bindings: Binding[]): void {
    this.bindings = bindings;
  }

  /** Carry out a command by its name. */
  run(name: string): void {
    const binding = this.bindings.find((one) => one.name === name);
    this.execute(binding ?? { name, keys: [], title: name, section: "", where: "browser" }, false);
  }

  execute(binding: Binding, repeated: boolean): void {
    if (binding.offered === false) return;
    const action = this.actions[binding.name];
    if (action) action(repeated);
    else if (!this.editHere(binding)) this.ask(binding, repeated);
  }

  /** The kernel carried a command out. */
  done(id: number): void {
    this.waiting.delete(id);
  }

  /** Put the current label somewhere on the frame that is shown. */
  place(position: Point): void {
    const frame = this.options.compositor.shown?.frame;
    const selected = this.options.selected();
    if (frame === undefined || !selected) return;
    this.options.edits.place(selected.label, frame, position.x, position.y, selected.color);
  }

  /** An interval was drawn in the traces. */
  selectInterval(start: number, stop: number): void {
    this.tell("select_interval", stop, { other: start });
  }

  private viewing(change: (view: View, around: Point | undefined) => void): Action {
    return () => {
      change(this.options.view, this.options.input().pointer ?? undefined);
      this.options.onViewChanged();
    };
  }

  private ask(binding: Binding, repeated: boolean): void {
    const now = performance.now();
    const busy = [...this.waiting.values()].some(
      ({ name, since }) => name === binding.name && now - since < PATIENCE,
    );
    // a held key asks again only when the last answer is in
    if (repeated && busy) return;
    const shown = this.options.compositor.shown?.frame ?? 0;
    // an end of an interval is set where one points in the traces
    const pointed = binding.name === "select_interval" ? this.options.pointedInTraces() : undefined;
    this.tell(binding.name, pointed ?? shown, binding.args ?? {}, now);
  }

  private tell(name: string, frame: number, args: Record<string, unknown>, now = performance.now()): void {
    const id = this.nextId++;
    this.waiting.set(id, { name, since: now });
    this.options.navigation.tell();
    this.options.send({ type: "command", id, name, frame, pointer: this.options.input().position, args });
  }

  // edits of a point that is known are shown before the kernel answers; for the rest it has the better words
  private editHere(binding: Binding): boolean {
    const frame = this.options.compositor.shown?.frame;
    const selected = this.options.selected();
    if (frame === undefined || !selected) return false;
    if (binding.name === "add_annotation") {
      const { position } = this.options.input();
      if (position) this.place(position);
      return position !== null;
    }
    const point = this.options.points().find((one) => one.label === selected.label);
    if (!point) return false;
    const { label, x, y, color } = point;
    if (binding.name === "remove_annotation") {
      this.options.edits.remove(label, frame, x, y, color);
      return true;
    }
    if (!binding.name.startsWith("nudge_")) return false;
    const { dx = 0, dy = 0 } = (binding.args ?? {}) as { dx?: number; dy?: number };
    this.options.edits.place(label, frame, x + dx, y + dy, color);
    return true;
  }
}
