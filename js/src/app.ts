// One view of a canvas: puts the parts together.

import { CheatSheet } from "./cheatsheet";
import { Commands } from "./commands";
import { Compositor, type Shown } from "./compositor";
import { Controls } from "./controls";
import { createDebugHandle, type DebugHandle, type ShownEntry } from "./debug";
import { decorate } from "./decorations";
import { element, isMac } from "./dom";
import { Edits, uniqueId } from "./edits";
import { type FrameProvider, StillProvider } from "./frames";
import { FullWindow } from "./fullwindow";
import { adoptHost, findHost, guardKeys, holdFocus } from "./host";
import { Input, type Intentions } from "./input";
import { type GuardedModel, guardLine, LOST, LOST_REMEDY } from "./line";
import { Navigation } from "./navigation";
import { Notices } from "./notices";
import {
  type CanvasModel,
  type ManagerModel,
  OverlayCache,
  type OverlayPainter,
  Replayer,
  TaggedPainter,
} from "./overlays";
import { decodeStill, detailFor } from "./pictures";
import { nearestTime } from "./playback";
import {
  type Binding,
  bytesOf,
  type FromKernel,
  type LabelledPoint,
  type Model,
  resolveModel,
  type Status,
  type ToKernel,
  type VideoInfo,
} from "./protocol";
import { watchSize } from "./sizing";
import { StatusLine } from "./status";
import { Traces } from "./traces";
import { warnBeforeUnload } from "./unload";
import { View } from "./view";

const REST = 200; // ms without zooming after which sizes are recorded anew
const LOG_LENGTH = 2000;
const FULL = "data-jupytrack-full"; // on a queue of videos: the one that was shown last filled the window

/** Open a view of a model in an element; `peers` are all its views. */
export async function createApp(model: Model, el: HTMLElement, peers: Set<App>): Promise<App> {
  const [manager, canvas] = await Promise.all(
    ["recorder_model", "canvas_model"].map((name) =>
      resolveModel(model, model.get(name)).catch(() => undefined),
    ),
  );
  return new App(model, el, peers, manager as ManagerModel | undefined, canvas as CanvasModel | undefined);
}

export class App {
  readonly root = element("div", {
    ...{ class: "jupytrack-canvas", tabindex: "0", role: "group", "aria-label": "Video annotation" },
    "data-lm-suppress-shortcuts": "true",
  });
  readonly navigation: Navigation;
  private readonly canvas = element("canvas", { class: "jupytrack-picture" });
  private readonly stage = element("div", { class: "jupytrack-stage" }, this.canvas);
  private readonly id = uniqueId();
  private readonly info: VideoInfo;
  private readonly timestamps: Float64Array;
  private readonly view: View;
  private readonly frames: FrameProvider;
  private readonly overlays: OverlayCache;
  private readonly compositor: Compositor;
  private readonly edits: Edits;
  private readonly input: Input;
  private readonly commands: Commands;
  private readonly controls: Controls;
  private readonly statusLine = new StatusLine();
  private readonly notices = new Notices();
  private readonly sheet = new CheatSheet(() => this.focus());
  private readonly window = new FullWindow(this.root, () => this.focus());
  private readonly traces: Traces;
  private readonly model: GuardedModel;
  private readonly cleanups: (() => void)[] = [];
  private readonly samplers = new Set<(frame: number, now: number) => void>();
  private readonly shownLog: ShownEntry[] = [];
  private held: LabelledPoint | null = null;
  private host: HTMLElement | null = null;
  private resting: ReturnType<typeof setTimeout> | undefined;
  private animation = 0;
  private disposed = false;

  constructor(
    unguarded: Model,
    private readonly el: HTMLElement,
    private readonly peers: Set<App>,
    manager: ManagerModel | undefined,
    canvasModel: CanvasModel | undefined,
  ) {
    const model = guardLine(unguarded, () => this.notices.show("error", LOST, LOST_REMEDY));
    this.model = model;
    this.info = model.get("info") as VideoInfo;
    this.timestamps = readTimestamps(model.get("timestamps"), this.info);
    const { width, height, n_frames: count } = this.info;
    const { view, canvas } = { view: new View(width, height), canvas: this.canvas };
    this.view = view;
    const send = (message: ToKernel) => this.model.send(message);
    const wake = () => this.compositor.invalidate();
    const onReady = () => this.compositor.notice();
    const complain = (problem: string, remedy = "") => this.notices.show("error", problem, remedy);
    const common = { view: this.id, count, send, onReady };
    const pictureBytes = width * height * 4;
    this.frames = new StillProvider({
      ...{ ...common, pictureBytes, onError: (_, problem) => complain(problem) },
      decode: (still, detail) => decodeStill(still, width, height, detail),
    });
    // a kernel that cannot record has no manager for it
    const oneByOne = model.get("recorder_model") === null;
    this.overlays = new OverlayCache({ ...common, onError: complain, oneByOne });
    let replayer: OverlayPainter | undefined;
    if (canvasModel && oneByOne) {
      replayer = new TaggedPainter(canvasModel, { width, height }, (lost) => this.overlays.drop(lost));
    } else if (canvasModel && typeof manager?.onCommand === "function") {
      replayer = new Replayer(manager, canvasModel);
    }
    const onNotice = this.notices.show.bind(this.notices);
    this.edits = new Edits({ send, onChange: wake, onNotice, isLost: () => model.lost });
    this.compositor = new Compositor({
      ...{ canvas, view, frames: this.frames, overlays: this.overlays, replayer, onError: complain },
      decorate: (context, shown) => this.decorate(context, shown),
      onShown: (shown) => this.onShown(shown),
    });
    this.navigation = new Navigation({
      ...{ model, count, timestamps: this.timestamps, compositor: this.compositor },
      controls: () => this.controls,
      peers: () => [...peers].map((peer) => peer.navigation),
    });
    this.commands = new Commands({
      ...{ view, compositor: this.compositor, navigation: this.navigation, edits: this.edits, send },
      ...{ sheet: this.sheet, window: this.window },
      input: () => this.input,
      points: () => this.points(),
      selected: () => this.selected(),
      pointedInTraces: () => this.traces.pointed,
      onViewChanged: () => this.onViewChanged(),
    });
    this.controls = new Controls({
      count,
      run: (name) => this.commands.run(name),
      seek: (frame) => this.navigation.goTo(frame),
      speed: (speed) => this.navigation.setSpeed(speed),
      complain: (...words) => this.notices.show("info", ...words),
      focus: () => this.focus(),
    });
    this.input = new Input(this.root, canvas, view, this.intentions(), isMac());
    this.traces = new Traces({
      model,
      positionOf: (frame) => (this.inTime ? (this.timestamps[frame] ?? 0) : frame),
      frameAt: (position) => (this.inTime ? nearestTime(this.timestamps, position) : position),
      goTo: (frame) => this.navigation.goTo(frame),
      select: (start, stop) => this.commands.selectInterval(start, stop),
      count,
      isLeader: () => peers.values().next().value === this,
    });
    this.open(replayer !== undefined);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.peers.delete(this);
    cancelAnimationFrame(this.animation);
    clearTimeout(this.resting);
    for (const cleanup of this.cleanups) cleanup();
    const { frames, overlays, edits, input, traces, notices, navigation } = this;
    for (const part of [frames, overlays, edits, input, traces, notices, navigation]) part.dispose();
    this.model.send({ type: "bye", view: this.id } satisfies ToKernel);
    this.root.remove();
  }

  private open(hasOverlay: boolean): void {
    const { root, model } = this;
    this.stage.append(this.notices.node);
    root.append(this.stage, this.controls.node, this.statusLine.node, this.sheet.node);
    (root as HTMLElement & { jupytrack?: DebugHandle }).jupytrack = this.debugHandle();
    this.el.append(root);
    if (!hasOverlay) {
      const remedy = "Install ipycanvas 0.14 where the notebook server runs, and reload the page.";
      this.notices.show("error", "The overlay cannot be drawn, because ipycanvas is missing here.", remedy);
    }
    this.bind();
    const area = () => (this.host?.contains(root) && !this.hidden ? this.host : root);
    this.cleanups.push(guardKeys(area, (event) => this.input.claims(event)));
    this.cleanups.push(watchSize(this.stage, this.canvas, this.view, () => this.onResized()));
    const onPointerUp = () => this.keepHeight();
    this.stage.addEventListener("pointerup", onPointerUp);
    this.cleanups.push(() => this.stage.removeEventListener("pointerup", onPointerUp));
    model.send({ type: "hello", view: this.id } satisfies ToKernel);
    this.peers.add(this);
    this.animation = requestAnimationFrame((now) => void this.tick(now));
  }

  private bind(): void {
    const { model, navigation, traces } = this;
    const listen = (name: string, callback: (...args: never[]) => void) => {
      model.on(name, callback);
      this.cleanups.push(() => model.off(name, callback));
    };
    const follow = (name: string, apply: () => void) => {
      listen(`change:${name}`, apply);
      apply();
    };
    listen("msg:custom", (message: FromKernel, buffers: DataView[]) => this.receive(message, buffers));
    follow("bindings", () => {
      const bindings = (model.get("bindings") as Binding[] | undefined) ?? [];
      for (const part of [this.input.keymap, this.commands, this.sheet]) part.update(bindings);
      this.controls.setBindings(bindings);
    });
    follow("status", () => {
      this.statusLine.setStatus((model.get("status") as Status | undefined) ?? {});
      this.controls.setMarks(this.status);
      this.compositor.invalidate();
    });
    follow("theme", () => this.root.setAttribute("data-theme", String(model.get("theme") ?? "auto")));
    follow("height", () => {
      this.stage.style.height = `${Number(model.get("height") ?? 480)}px`;
    });
    follow("hidden", () => (this.hidden ? this.sleep() : this.wake()));
    follow("speed", () => navigation.followSpeed());
    follow("playing", () => navigation.followPlaying());
    listen("change:frame", () => {
      navigation.followFrame();
      this.refreshStatus();
    });
    follow("marker_models", () => void traces.update());
    listen("change:trace_figures", () => void traces.update());
    listen("change:interval_models", () => void traces.update());
    listen("change:trace_unit", () => traces.mark(Math.max(this.shownFrame, 0)));
    const isUnsaved = () => this.edits.size > 0 || (this.status.save_state ?? "saved") !== "saved";
    this.cleanups.push(warnBeforeUnload(isUnsaved));
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
        this.commands.done(message.id);
        break;
      case "perform":
        this.commands.run(message.name);
        break;
      case "notice":
        this.notices.show(message.level, message.problem, message.remedy);
        break;
    }
  }

  private async tick(now: number): Promise<void> {
    if (this.disposed) return;
    this.animation = requestAnimationFrame((next) => void this.tick(next));
    // a cell that is out of sight is not painted, and its video waits
    if (!this.root.isConnected) return;
    this.navigation.tick(now);
    await this.compositor.tick();
    for (const sampler of this.samplers) sampler(this.shownFrame, now);
  }

  private intentions(): Intentions {
    return {
      points: () => this.points(),
      select: (point) => this.select(point.label),
      place: (position) => this.commands.place(position),
      hold: (point) => {
        if (point) this.navigation.pause();
        this.held = point;
        this.compositor.invalidate();
      },
      drop: (point) => {
        this.select(point.label);
        this.edits.place(point.label, this.shownFrame, point.x, point.y, point.color);
      },
      hover: () => this.refreshStatus(),
      viewChanged: () => this.onViewChanged(),
      command: (binding, repeated) => this.commands.execute(binding, repeated),
      escape: () => this.traces.cancel() || this.notices.dismiss() || this.window.leave(),
    };
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

  /** The points of the frame that is shown, edits on their way included. */
  private points(): LabelledPoint[] {
    const { shown } = this.compositor;
    return shown ? this.edits.apply(shown.recording.points, shown.frame, shown.recording.revision) : [];
  }

  private selected(): { label: string; color: string } | undefined {
    const { label, labels } = this.status;
    if (label === undefined) return undefined;
    return { label, color: labels?.find((one) => one.name === label)?.color ?? "#ff9800" };
  }

  private select(label: string): void {
    if (label !== this.status.label) this.model.send({ type: "select", label } satisfies ToKernel);
  }

  private decorate(context: CanvasRenderingContext2D, shown: Shown): void {
    this.edits.settle(shown.frame, shown.recording.revision);
    const selected = this.status.label ?? "";
    decorate(context, this.view, shown, { edits: this.edits, held: this.held, selected });
  }

  private onShown(shown: Shown): void {
    const entry = { frame: shown.frame, revision: shown.recording.revision, time: performance.now() };
    this.shownLog.push(entry);
    if (this.shownLog.length > LOG_LENGTH) this.shownLog.shift();
    this.traces.mark(shown.frame);
    this.navigation.onShown();
    this.refreshStatus();
  }

  private onViewChanged(): void {
    this.frames.setDetail(detailFor(this.view.zoom * this.view.ratio));
    this.compositor.invalidate();
    this.refreshStatus();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.overlays.rescale(1 / this.view.zoom), REST);
  }

  private onResized(): void {
    this.findHost();
    this.frames.setDetail(detailFor(this.view.zoom * this.view.ratio));
    if (this.compositor.target < 0) {
      // the first size says how large things are, so that nothing is asked for twice
      this.overlays.rescale(1 / this.view.zoom);
      this.navigation.follow(this.navigation.clip(Number(this.model.get("frame") ?? 0)), 0, 1);
    }
    this.onViewChanged();
    void this.compositor.tick();
  }

  private refreshStatus(): void {
    const frame = Math.max(this.shownFrame, 0);
    this.statusLine.setView({
      ...{ frame, count: this.info.n_frames, missing: this.info.missing, time: this.timestamps[frame] ?? 0 },
      zoom: this.view.zoom * this.view.ratio,
      cursor: this.input.position,
      waiting: this.shownFrame !== this.compositor.target,
    });
  }

  // a height that the user pulled by the corner is the height from now on
  private keepHeight(): void {
    const height = Number.parseInt(this.stage.style.height, 10);
    if (!Number.isFinite(height) || height === this.model.get("height") || this.window.active) return;
    this.model.set("height", height);
    this.model.save_changes();
  }

  // only once the canvas is on the page, it is known what it stands in
  private findHost(): void {
    const host = findHost(this.el);
    if (!host || host === this.host) return;
    this.host = host;
    const isFirst = () => !this.hidden && [...this.peers].find((peer) => peer.host === host) === this;
    const onKey = (event: KeyboardEvent) => this.input.handleKey(event);
    this.cleanups.push(adoptHost(host, { root: this.root, onKey, isFirst, focus: () => this.focus() }));
    this.takeOver();
  }

  /** Whether another video of a queue is shown in place of this one. */
  private get hidden(): boolean {
    return this.model.get("hidden") === true;
  }

  private sleep(): void {
    const { host } = this;
    this.navigation.pause();
    this.frames.sleep();
    this.overlays.sleep();
    this.sheet.close();
    if (!host) return;
    if (this.window.leave()) host.setAttribute(FULL, "");
    const own = this.el.closest(".jupytrack");
    if (own?.contains(document.activeElement)) holdFocus(host);
  }

  private wake(): void {
    this.frames.wake();
    this.overlays.wake();
    const { target } = this.compositor;
    if (target >= 0) this.compositor.show(target, 0);
    this.takeOver();
  }

  /** Take what the video that was shown before this one left: the focus, and the whole window. */
  private takeOver(): void {
    const { host } = this;
    if (!host || this.hidden) return;
    // not yet on the screen, it could have neither
    requestAnimationFrame(() => {
      if (this.hidden || this.disposed) return;
      if (host.hasAttribute(FULL)) {
        host.removeAttribute(FULL);
        this.window.toggle();
      }
      if (document.activeElement === host) this.focus();
    });
  }

  private focus(): void {
    this.root.focus({ preventScroll: true });
  }

  private debugHandle(): DebugHandle {
    const { frames, overlays, edits, canvas, shownLog } = this;
    const parts = {
      ...{ canvas, shownLog },
      shownFrame: () => this.shownFrame,
      targetFrame: () => this.compositor.target,
      stats: () => ({
        ...{ frames: frames.stats(), overlays: overlays.stats(), edits: { size: edits.size } },
        commands: { size: this.commands.size },
      }),
      points: () => this.points(),
      sample: (callback: (frame: number, now: number) => void) => {
        this.samplers.add(callback);
        return () => this.samplers.delete(callback);
      },
      run: (name: string) => this.commands.run(name),
      setPrefetch: (on: boolean) => {
        frames.prefetch = on;
        overlays.prefetch = on;
      },
    };
    return createDebugHandle(this.view, parts, () => this.onViewChanged());
  }
}

function readTimestamps(value: unknown, info: VideoInfo): Float64Array {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const bytes = bytesOf(value);
    // a copy of its own: the buffer may not be aligned
    if (bytes.byteLength === 8 * info.n_frames) return new Float64Array(bytes.slice().buffer);
  }
  const fps = info.fps > 0 ? info.fps : 30;
  return Float64Array.from({ length: info.n_frames }, (_, n) => n / fps);
}
