// One view of a canvas: puts the parts together and carries out what the user means.

import { CheatSheet } from "./cheatsheet";
import { Compositor, type Shown } from "./compositor";
import { Controls } from "./controls";
import { decorate } from "./decorations";
import { element, isMac } from "./dom";
import { Edits, uniqueId } from "./edits";
import { StillProvider } from "./frames";
import { Input } from "./input";
import { Notices } from "./notices";
import { type CanvasModel, type ManagerModel, OverlayCache, Replayer } from "./overlays";
import { frameAt, Playback } from "./playback";
import {
  type Binding,
  bytesOf,
  type FromKernel,
  type LabelledPoint,
  type Model,
  type Point,
  resolveModel,
  type Status,
  type ToKernel,
  type VideoInfo,
} from "./protocol";
import { StatusLine } from "./status";
import { Traces } from "./traces";
import { warnBeforeUnload } from "./unload";
import { View } from "./view";

const TELL_EVERY = 100; // ms between two messages about the frame
const REST = 200; // ms without zooming after which sizes are recorded anew
const SPEED_STEPS = [0.25, 0.5, 1, 2, 4];
const PAN_STEP = 60;
const ZOOM_STEP = 1.25;

/** What tests and the curious find on the root element. */
export interface DebugHandle {
  shownFrame(): number;
  targetFrame(): number;
  imageToClient(x: number, y: number): Point;
  clientToImage(x: number, y: number): Point;
  view(): { zoom: number; originX: number; originY: number; width: number; height: number; ratio: number };
  setView(zoom: number, originX: number, originY: number): void;
  canvas: HTMLCanvasElement;
  stats(): Record<string, Record<string, number>>;
  points(): LabelledPoint[];
  /** Call back once an animation frame, after painting; returns a function that stops it. */
  sample(callback: (frame: number, now: number) => void): () => void;
  /** When each of the last shown frames appeared. */
  shownLog: { frame: number; revision: number; time: number }[];
  run(name: string): void;
}

export async function createApp(model: Model, el: HTMLElement, peers: Set<App>): Promise<App> {
  const [manager, canvas] = await Promise.all(
    ["recorder_model", "canvas_model"].map((name) =>
      resolveModel(model, model.get(name)).catch(() => undefined),
    ),
  );
  const replayer =
    manager && canvas ? new Replayer(manager as ManagerModel, canvas as CanvasModel) : undefined;
  return new App(model, el, peers, replayer);
}

export class App {
  readonly root = element("div", {
    ...{ class: "jupytrack-canvas", tabindex: "0", role: "group", "aria-label": "Video annotation" },
    "data-lm-suppress-shortcuts": "true",
  });
  private readonly canvas = element("canvas", { class: "jupytrack-picture" });
  private readonly stage = element("div", { class: "jupytrack-stage" }, this.canvas);
  private readonly id = uniqueId();
  private readonly info: VideoInfo;
  private readonly timestamps: Float64Array;
  private readonly view: View;
  private readonly frames: StillProvider;
  private readonly overlays: OverlayCache;
  private readonly compositor: Compositor;
  private readonly edits: Edits;
  private readonly input: Input;
  private readonly playback: Playback;
  private readonly controls: Controls;
  private readonly statusLine = new StatusLine();
  private readonly notices = new Notices();
  private readonly sheet: CheatSheet;
  private readonly traces: Traces;
  private readonly cleanups: (() => void)[] = [];
  private readonly samplers = new Set<(frame: number, now: number) => void>();
  private readonly shownLog: DebugHandle["shownLog"] = [];
  private readonly commands = new Map<number, { name: string; since: number }>();
  private readonly mac = isMac();
  private held: LabelledPoint | null = null;
  private bindings: Binding[] = [];
  private nextCommand = 1;
  private lastTold = 0;
  private telling: ReturnType<typeof setTimeout> | undefined;
  private resting: ReturnType<typeof setTimeout> | undefined;
  private animation = 0;
  private disposed = false;
  private host: HTMLElement | null = null;

  constructor(
    private readonly model: Model,
    private readonly el: HTMLElement,
    private readonly peers: Set<App>,
    replayer: Replayer | undefined,
  ) {
    this.info = model.get("info") as VideoInfo;
    this.timestamps = readTimestamps(model.get("timestamps"), this.info);
    const { width, height, n_frames: count } = this.info;
    this.view = new View(width, height);
    const send = (message: ToKernel) => this.send(message);
    const wake = () => this.compositor.invalidate();
    this.frames = new StillProvider({
      ...{ view: this.id, count, pictureBytes: width * height * 4, send, onReady: wake },
      onError: (_, problem) => this.notices.show("error", problem),
    });
    this.overlays = new OverlayCache({
      ...{ view: this.id, count, send, onReady: wake },
      onError: (problem) => this.notices.show("error", problem),
    });
    this.edits = new Edits({
      send,
      onChange: wake,
      onNotice: (level, problem, remedy) => this.notices.show(level, problem, remedy),
    });
    this.compositor = new Compositor({
      ...{ canvas: this.canvas, view: this.view, frames: this.frames, overlays: this.overlays, replayer },
      decorate: (context, shown) => this.decorate(context, shown),
      onShown: (shown) => this.onShown(shown),
      onError: (problem) =>
        this.notices.show("error", problem, "A painter of your own may have drawn something impossible."),
    });
    this.playback = new Playback({
      timestamps: this.timestamps,
      isReady: (frame) => this.compositor.isReady(frame),
      show: (frame, stride) => this.show(frame, 1, stride),
      onStop: () => this.onPlaybackStopped(),
    });
    this.controls = new Controls({
      count,
      run: (name) => this.run(name),
      seek: (frame) => this.goTo(frame),
      speed: (speed) => this.setSpeed(speed),
      focus: () => this.focus(),
    });
    this.sheet = new CheatSheet(() => this.focus());
    this.input = new Input(this.root, this.canvas, this.view, this.intentions(), this.mac);
    this.traces = new Traces({
      model,
      positionOf: (frame) => (this.inTime ? (this.timestamps[frame] ?? 0) : frame),
      frameAt: (position) =>
        this.inTime
          ? nearestTime(this.timestamps, position)
          : Math.min(Math.max(Math.round(position), 0), count - 1),
      goTo: (frame) => this.goTo(frame),
      isLeader: () => this.isLeader,
    });
    this.stage.append(this.notices.node);
    this.root.append(this.stage, this.controls.node, this.statusLine.node, this.sheet.node);
    (this.root as HTMLElement & { jupytrack?: DebugHandle }).jupytrack = this.debugHandle();
    el.append(this.root);
    if (!replayer) {
      const remedy = "Install ipycanvas 0.14 where the notebook server runs, and reload the page.";
      this.notices.show("error", "The overlay cannot be drawn, because ipycanvas is missing here.", remedy);
    }
    this.bind();
    this.watchSize();
    this.send({
      ...{ type: "hello", view: this.id, dpr: window.devicePixelRatio },
      codecs: "VideoDecoder" in globalThis ? ["webcodecs"] : [],
    });
    this.compositor.show(this.clip(Number(model.get("frame") ?? 0)), 0);
    peers.add(this);
    this.animation = requestAnimationFrame((now) => void this.tick(now));
  }

  /** Whether this view acts for all views of its model. */
  private get isLeader(): boolean {
    return this.peers.values().next().value === this;
  }

  private get inTime(): boolean {
    return this.model.get("trace_unit") === "time";
  }

  private get status(): Status {
    return this.statusLine.current;
  }

  private get shownFrame(): number {
    return this.compositor.shown?.frame ?? -1;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.peers.delete(this);
    cancelAnimationFrame(this.animation);
    clearTimeout(this.telling);
    clearTimeout(this.resting);
    for (const cleanup of this.cleanups) cleanup();
    for (const part of [this.frames, this.overlays, this.edits, this.input, this.traces, this.notices])
      part.dispose();
    this.send({ type: "bye", view: this.id });
    this.root.remove();
  }

  private bind(): void {
    const { model } = this;
    const listen = (name: string, callback: (...args: never[]) => void) => {
      model.on(name, callback);
      this.cleanups.push(() => model.off(name, callback));
    };
    listen("msg:custom", (message: FromKernel, buffers: DataView[]) => this.receive(message, buffers));
    const follow = (name: string, apply: () => void) => {
      listen(`change:${name}`, apply);
      apply();
    };
    follow("bindings", () => {
      this.bindings = (model.get("bindings") as Binding[] | undefined) ?? [];
      this.input.keymap.update(this.bindings);
      this.controls.setBindings(this.bindings);
      this.sheet.update(this.bindings);
    });
    follow("status", () => {
      this.statusLine.setStatus((model.get("status") as Status | undefined) ?? {});
      this.controls.setMarks(this.status);
      this.compositor.invalidate();
    });
    follow("theme", () => this.root.setAttribute("data-theme", String(model.get("theme") ?? "auto")));
    follow("height", () => {
      const height = Number(model.get("height") ?? 480);
      if (this.stage.style.height !== `${height}px`) this.stage.style.height = `${height}px`;
    });
    follow("speed", () => {
      const speed = Number(model.get("speed") ?? 1);
      this.playback.setSpeed(speed, performance.now());
      this.controls.setSpeed(speed);
    });
    listen("change:frame", () => this.followFrame());
    follow("playing", () => this.followPlaying());
    follow("marker_models", () => void this.traces.update());
    listen("change:trace_figures", () => void this.traces.update());
    listen("change:trace_unit", () => this.traces.mark(Math.max(this.shownFrame, 0)));
    this.cleanups.push(
      warnBeforeUnload(() => this.edits.size > 0 || (this.status.save_state ?? "saved") !== "saved"),
    );
  }

  private watchSize(): void {
    const measure = () => {
      const ratio = window.devicePixelRatio || 1;
      const width = Math.floor(this.stage.clientWidth);
      const height = Math.floor(this.stage.clientHeight);
      if (width === 0 || height === 0) return;
      const devicePixels = [Math.round(width * ratio), Math.round(height * ratio)] as const;
      const changed = this.canvas.width !== devicePixels[0] || this.canvas.height !== devicePixels[1];
      if (!changed && this.view.ratio === ratio) return;
      [this.canvas.width, this.canvas.height] = devicePixels;
      // whole device pixels, even where the ratio is a fraction
      this.canvas.style.width = `${devicePixels[0] / ratio}px`;
      this.canvas.style.height = `${devicePixels[1] / ratio}px`;
      this.view.resize(devicePixels[0] / ratio, devicePixels[1] / ratio, ratio);
      this.adoptHost();
      this.onViewChanged();
      // a resized canvas is empty: paint before the browser shows it
      void this.compositor.tick();
    };
    const observer = new ResizeObserver(measure);
    observer.observe(this.stage);
    let media: MediaQueryList | undefined;
    const watchRatio = () => {
      media?.removeEventListener("change", watchRatio);
      media = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
      media.addEventListener("change", watchRatio);
      measure();
    };
    watchRatio();
    const onPointerUp = () => this.keepHeight();
    this.stage.addEventListener("pointerup", onPointerUp);
    this.cleanups.push(() => {
      observer.disconnect();
      media?.removeEventListener("change", watchRatio);
      this.stage.removeEventListener("pointerup", onPointerUp);
    });
  }

  // a height that the user pulled by the corner is the height from now on
  private keepHeight(): void {
    const height = Number.parseInt(this.stage.style.height, 10);
    if (!Number.isFinite(height) || height === this.model.get("height") || this.isFullWindow) return;
    this.model.set("height", height);
    this.model.save_changes();
  }

  // the keys work, and stay away from the notebook, in the whole annotator around this canvas
  private adoptHost(): void {
    if (this.host) return;
    const host = this.el.closest<HTMLElement>(".jupytrack");
    if (!host) return;
    this.host = host;
    host.setAttribute("data-lm-suppress-shortcuts", "true");
    const onKey = (event: KeyboardEvent) => {
      if (!this.root.contains(event.target as Node) && this.isLeaderIn(host)) this.input.handleKey(event);
    };
    const onClick = (event: MouseEvent) => {
      const button = event.target instanceof Element ? event.target.closest("button") : null;
      if (button && !this.root.contains(button) && event.detail > 0 && this.isLeaderIn(host)) this.focus();
    };
    host.addEventListener("keydown", onKey);
    host.addEventListener("click", onClick);
    this.cleanups.push(() => {
      host.removeEventListener("keydown", onKey);
      host.removeEventListener("click", onClick);
    });
  }

  private isLeaderIn(host: HTMLElement): boolean {
    return [...this.peers].find((peer) => peer.host === host) === this;
  }

  private intentions(): ConstructorParameters<typeof Input>[3] {
    return {
      points: () => this.points(),
      select: (point) => this.select(point.label),
      place: (position) => this.place(position),
      hold: (point) => {
        if (point && this.playback.playing) this.playback.stop();
        this.held = point;
        this.compositor.invalidate();
      },
      drop: (point) => {
        this.select(point.label);
        this.edits.place(point.label, this.shownFrame, point.x, point.y, point.color);
      },
      hover: () => this.refreshStatus(),
      viewChanged: () => this.onViewChanged(),
      command: (binding, repeated) => this.execute(binding, repeated),
      escape: () => this.notices.dismiss() || this.leaveFullWindow(),
    };
  }

  private points(): LabelledPoint[] {
    const { shown } = this.compositor;
    if (!shown) return [];
    return this.edits.apply(shown.recording.points, shown.frame, shown.recording.revision);
  }

  private colorOf(label: string): string {
    return this.status.labels?.find((one) => one.name === label)?.color ?? "#ff9800";
  }

  private decorate(context: CanvasRenderingContext2D, shown: Shown): void {
    this.edits.settle(shown.frame, shown.recording.revision);
    const selected = this.status.label ?? "";
    const state = { edits: this.edits, held: this.held, selected, color: this.colorOf(selected) };
    decorate(context, this.view, shown, state);
  }

  private onShown(shown: Shown): void {
    const entry = { frame: shown.frame, revision: shown.recording.revision, time: performance.now() };
    this.shownLog.push(entry);
    if (this.shownLog.length > 2000) this.shownLog.shift();
    this.traces.mark(shown.frame);
    this.refreshStatus();
  }

  private onViewChanged(): void {
    this.compositor.invalidate();
    this.refreshStatus();
    clearTimeout(this.resting);
    this.resting = setTimeout(
      () => this.overlays.rescale(1 / this.view.zoom),
      this.overlays.scale === 1 ? 0 : REST,
    );
  }

  private refreshStatus(): void {
    const frame = Math.max(this.shownFrame, 0);
    this.controls.setFrame(this.compositor.target);
    this.statusLine.setView({
      ...{ frame, count: this.info.n_frames, time: this.timestamps[frame] ?? 0 },
      zoom: this.view.zoom * this.view.ratio,
      cursor: this.input.position,
      waiting: this.shownFrame !== this.compositor.target,
    });
  }

  private async tick(now: number): Promise<void> {
    if (this.disposed) return;
    this.animation = requestAnimationFrame((next) => void this.tick(next));
    // a cell that is out of sight is not painted, and its video waits
    if (this.canvas.width === 0 || !this.root.isConnected) return;
    this.playback.tick(now);
    await this.compositor.tick();
    for (const sampler of this.samplers) sampler(this.shownFrame, now);
  }

  private send(message: ToKernel): void {
    this.model.send(message);
  }

  private receive(message: FromKernel, buffers: DataView[]): void {
    switch (message.type) {
      case "still":
        if (message.view === this.id) this.frames.receive(message, buffers);
        break;
      case "overlay":
        if (message.view === this.id) this.overlays.receive(message, buffers);
        break;
      case "invalidate":
        if (message.what === "overlay") this.overlays.invalidate(message.frames, message.revision);
        else this.frames.invalidate(message.frames, message.revision);
        this.compositor.invalidate();
        break;
      case "edited":
        this.edits.edited(message);
        break;
      case "confirmed":
        this.edits.confirmed(message.edit);
        break;
      case "done":
        this.commands.delete(message.id);
        break;
      case "perform":
        this.run(message.name);
        break;
      case "notice":
        this.notices.show(message.level, message.problem, message.remedy);
        break;
    }
    this.refreshStatus();
  }

  // ---- frames

  private clip(frame: number): number {
    return Math.min(Math.max(Math.round(frame), 0), Math.max(this.info.n_frames - 1, 0));
  }

  private goTo(frame: number): void {
    const next = this.clip(frame);
    if (this.playback.playing) this.playback.seek(next, performance.now());
    else this.show(next, Math.sign(next - this.compositor.target), 1);
  }

  private step(by: number, repeated: boolean): void {
    // a held key waits for the picture, and does not run on after it was let go
    if (repeated && this.compositor.target !== this.shownFrame) return;
    if (this.playback.playing) this.playback.stop();
    this.goTo(this.compositor.target + by);
  }

  private show(frame: number, direction: number, stride: number): void {
    for (const peer of this.peers.size > 0 ? this.peers : [this]) peer.follow(frame, direction, stride);
    if (this.telling !== undefined) return;
    const wait = this.lastTold + TELL_EVERY - performance.now();
    if (wait <= 0) this.tell();
    else this.telling = setTimeout(() => this.tell(), wait);
  }

  private follow(frame: number, direction: number, stride: number): void {
    this.compositor.show(frame, direction, stride);
    this.controls.setFrame(frame);
  }

  // set and sent in one go: what is set alone would be undone by the kernel's echo of the value before
  private tell(): void {
    clearTimeout(this.telling);
    this.telling = undefined;
    this.lastTold = performance.now();
    this.model.set("frame", this.compositor.target);
    this.model.save_changes();
  }

  private followFrame(): void {
    const frame = this.clip(Number(this.model.get("frame")));
    // what waits to be told is newer
    if (frame === this.compositor.target || this.telling !== undefined) return;
    if (this.playback.playing) this.playback.seek(frame, performance.now());
    else this.follow(frame, Math.sign(frame - this.compositor.target), 1);
    this.refreshStatus();
  }

  // ---- playing

  private followPlaying(): void {
    const playing = Boolean(this.model.get("playing"));
    this.controls.setPlaying(playing);
    if (!playing) this.playback.stop();
    else if (!this.playback.playing && ![...this.peers].some((peer) => peer.playback.playing)) {
      if (this.isLeader || this.peers.size === 0)
        this.playback.start(this.compositor.target, performance.now());
    }
  }

  private togglePlay(): void {
    if (this.model.get("playing")) {
      this.model.set("playing", false);
    } else {
      this.playback.start(this.compositor.target, performance.now());
      this.model.set("playing", true);
    }
    this.tell();
  }

  private onPlaybackStopped(): void {
    this.controls.setPlaying(false);
    // the frames ahead stay useful for stepping on
    this.compositor.show(this.compositor.target, 1);
    if (this.model.get("playing")) this.model.set("playing", false);
    this.tell();
  }

  private setSpeed(speed: number): void {
    this.model.set("speed", speed);
    this.tell();
  }

  private changeSpeed(by: number): void {
    const speed = Number(this.model.get("speed") ?? 1);
    const next = by > 0 ? SPEED_STEPS.find((one) => one > speed) : SPEED_STEPS.findLast((one) => one < speed);
    if (next !== undefined) this.setSpeed(next);
  }

  // ---- commands

  private run(name: string): void {
    const binding = this.bindings.find((one) => one.name === name);
    this.execute(binding ?? { name, keys: [], title: name, section: "", where: "browser" }, false);
  }

  private execute(binding: Binding, repeated: boolean): void {
    if (this.performHere(binding, repeated)) return;
    // a held key asks again only when the last answer is in
    const waiting = [...this.commands.values()].some(
      (one) => one.name === binding.name && performance.now() - one.since < 1000,
    );
    if (repeated && waiting) return;
    const id = this.nextCommand++;
    this.commands.set(id, { name: binding.name, since: performance.now() });
    this.tell();
    const frame = Math.max(this.shownFrame, 0);
    const pointer = this.input.position;
    this.send({ type: "command", id, name: binding.name, frame, pointer, args: binding.args ?? {} });
  }

  /** What needs no answer from the kernel, or is shown before it. */
  private performHere(binding: Binding, repeated: boolean): boolean {
    const tenth = Math.max(Math.floor(this.info.n_frames / 20), 1);
    const edited = this.editHere(binding);
    if (edited) return true;
    switch (binding.name) {
      case "frame_next":
        this.step(1, repeated);
        break;
      case "frame_previous":
        this.step(-1, repeated);
        break;
      case "frame_next_10":
        this.step(10, repeated);
        break;
      case "frame_previous_10":
        this.step(-10, repeated);
        break;
      case "frame_next_fraction":
        this.step(tenth, repeated);
        break;
      case "frame_previous_fraction":
        this.step(-tenth, repeated);
        break;
      case "frame_first":
        this.goTo(0);
        break;
      case "frame_last":
        this.goTo(this.info.n_frames - 1);
        break;
      case "play_toggle":
        if (!repeated) this.togglePlay();
        break;
      case "speed_up":
        this.changeSpeed(1);
        break;
      case "speed_down":
        this.changeSpeed(-1);
        break;
      case "cheat_sheet":
        if (!repeated) this.sheet.toggle();
        break;
      case "full_window":
        if (!repeated) this.toggleFullWindow();
        break;
      default:
        return this.changeView(binding.name);
    }
    return true;
  }

  private changeView(name: string): boolean {
    const { view } = this;
    const around = this.input.pointer ?? undefined;
    if (name === "fit") view.fit();
    else if (name === "one_to_one") view.oneToOne(around);
    else if (name === "zoom_in") view.zoomTo(view.zoom * ZOOM_STEP, around);
    else if (name === "zoom_out") view.zoomTo(view.zoom / ZOOM_STEP, around);
    else if (name === "pan_left") view.pan(PAN_STEP, 0);
    else if (name === "pan_right") view.pan(-PAN_STEP, 0);
    else if (name === "pan_up") view.pan(0, PAN_STEP);
    else if (name === "pan_down") view.pan(0, -PAN_STEP);
    else return false;
    this.onViewChanged();
    return true;
  }

  // ---- edits

  private editHere(binding: Binding): boolean {
    const { shown } = this.compositor;
    const label = this.status.label;
    if (!shown || label === undefined) return false;
    if (binding.name === "add_annotation") {
      const { position } = this.input;
      if (!position) return false;
      this.place(position);
      return true;
    }
    const point = this.points().find((one) => one.label === label);
    if (!point) return false;
    if (binding.name === "remove_annotation") {
      this.edits.remove(label, shown.frame, point.x, point.y, point.color);
      return true;
    }
    if (binding.name.startsWith("nudge_")) {
      const { dx = 0, dy = 0 } = (binding.args ?? {}) as { dx?: number; dy?: number };
      this.edits.place(label, shown.frame, point.x + dx, point.y + dy, point.color);
      return true;
    }
    return false;
  }

  private place(position: Point): void {
    const label = this.status.label;
    if (label === undefined || this.shownFrame < 0) return;
    this.edits.place(label, this.shownFrame, position.x, position.y, this.colorOf(label));
  }

  private select(label: string): void {
    if (label !== this.status.label) this.send({ type: "select", label });
  }

  // ---- window

  private get isFullWindow(): boolean {
    return this.root.classList.contains("jupytrack-full");
  }

  // the top layer fills the window whatever the cells around do; moving the element would lose its focus
  private toggleFullWindow(): void {
    if (this.leaveFullWindow()) return;
    this.root.classList.add("jupytrack-full");
    this.root.setAttribute("popover", "manual");
    this.root.showPopover?.();
    this.focus();
  }

  private leaveFullWindow(): boolean {
    if (!this.isFullWindow) return false;
    this.root.classList.remove("jupytrack-full");
    this.root.hidePopover?.();
    this.root.removeAttribute("popover");
    this.focus();
    return true;
  }

  private focus(): void {
    this.root.focus({ preventScroll: true });
  }

  private debugHandle(): DebugHandle {
    const { view, canvas } = this;
    return {
      shownFrame: () => this.shownFrame,
      targetFrame: () => this.compositor.target,
      imageToClient: (x, y) => {
        const box = canvas.getBoundingClientRect();
        const at = view.toScreen({ x, y });
        return {
          x: box.left + (at.x * box.width) / view.width,
          y: box.top + (at.y * box.height) / view.height,
        };
      },
      clientToImage: (x, y) => {
        const box = canvas.getBoundingClientRect();
        const at = {
          x: ((x - box.left) * view.width) / box.width,
          y: ((y - box.top) * view.height) / box.height,
        };
        return view.toImage(at);
      },
      view: () => {
        const { zoom, originX, originY, width, height, ratio } = view;
        return { zoom, originX, originY, width, height, ratio };
      },
      setView: (zoom, originX, originY) => {
        Object.assign(view, { zoom, originX, originY, fitted: false });
        this.onViewChanged();
      },
      canvas,
      stats: () => ({
        frames: this.frames.stats(),
        overlays: this.overlays.stats(),
        edits: { size: this.edits.size },
      }),
      points: () => this.points(),
      sample: (callback) => {
        this.samplers.add(callback);
        return () => this.samplers.delete(callback);
      },
      shownLog: this.shownLog,
      run: (name) => this.run(name),
    };
  }
}

/** The frame whose time is nearest. */
export function nearestTime(timestamps: Float64Array, time: number): number {
  const before = frameAt(timestamps, time);
  const after = Math.min(before + 1, timestamps.length - 1);
  const gap = (n: number) => Math.abs((timestamps[n] ?? 0) - time);
  return gap(after) < gap(before) ? after : before;
}

function readTimestamps(value: unknown, info: VideoInfo): Float64Array {
  if (value instanceof DataView || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const bytes = bytesOf(value);
    if (bytes.byteLength === 8 * info.n_frames) return new Float64Array(bytes.slice().buffer);
  }
  const fps = info.fps > 0 ? info.fps : 30;
  return Float64Array.from({ length: info.n_frames }, (_, n) => n / fps);
}
