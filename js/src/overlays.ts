// Recorded overlays: what ipycanvas would draw, kept by frame and revision, replayed when the frame is shown.

import { ByteCache } from "./lru";
import { bytesOf, type FromKernel, type LabelledPoint, splitRecordings, type ToKernel } from "./protocol";

export interface Recording {
  frame: number;
  revision: number;
  scale: number;
  points: LabelledPoint[];
  meta: unknown;
  buffers: DataView[];
}

/** What an ipycanvas canvas model offers; replayed recordings draw there. */
export interface CanvasModel {
  canvas: HTMLCanvasElement;
  ctx: CanvasRenderingContext2D;
}

/** What an ipycanvas manager model offers. */
export interface ManagerModel {
  onCommand(meta: unknown, buffers: DataView[]): Promise<void>;
}

export const BATCH_AHEAD = 24;
export const BATCH_BEHIND = 8;
const PATIENCE = 500; // ms until an overlay that does not come is asked for again

interface OverlayOptions {
  view: string;
  count: number;
  send: (message: ToKernel) => void;
  onReady: () => void;
  onError: (problem: string) => void;
  /** The kernel draws one overlay at a time, and nothing in advance. */
  oneByOne?: boolean;
  budget?: number;
  now?: () => number;
}

/** Recordings by frame. A recording counts only if no newer change touched its frame. */
export class OverlayCache {
  scale = 1;
  /** Whether recordings that were not asked for are fetched in advance. */
  prefetch = true;
  private readonly recordings: ByteCache<number, Recording>;
  private readonly pending = new Map<number, { since: number; scale: number }>();
  private readonly changed = new Map<number, number>();
  private readonly now: () => number;
  private allChanged = 0;
  private nextId = 1;
  private latest = 0;
  private wanted = -1;
  private direction = 0;
  private asleep = false;
  private readonly counts = { requests: 0, received: 0, dropped: 0 };
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly options: OverlayOptions) {
    this.recordings = new ByteCache(options.budget ?? 64 * 2 ** 20);
    this.now = options.now ?? (() => performance.now());
    this.timer = setInterval(() => this.want(this.wanted, this.direction), 1000);
  }

  /** The newest revision that the kernel spoke of. */
  get revision(): number {
    return this.latest;
  }

  /** The recording of a frame, if it is up to date. */
  get(frame: number): Recording | undefined {
    const recording = this.recordings.get(frame);
    return recording && recording.revision >= this.needed(frame) ? recording : undefined;
  }

  has(frame: number): boolean {
    // where nothing comes in advance, nobody may wait for it before asking for the frame
    return this.options.oneByOne === true || this.get(frame) !== undefined;
  }

  /** A recording turned out to be of no use any more. */
  drop(recording: Recording): void {
    if (this.recordings.get(recording.frame) === recording) this.recordings.delete(recording.frame);
    this.want(this.wanted, this.direction);
  }

  /** Make sure that a frame and those around it are there or on their way. */
  want(frame: number, direction: number): void {
    if (frame < 0) return;
    this.wanted = frame;
    this.direction = direction;
    if (this.options.oneByOne) {
      if (this.lacks(frame)) this.request([frame]);
      return;
    }
    const back = direction < 0;
    const ahead = (n: number) => this.lacks(frame + (back ? -n : n));
    const urgent = this.lacks(frame);
    // ask in batches, and early enough that a batch arrives before its first frame is needed
    if (!urgent && !this.prefetch) return;
    if (!urgent && !Array.from({ length: BATCH_AHEAD / 2 }, (_, n) => ahead(n + 1)).some(Boolean)) return;
    const frames: number[] = [];
    const add = (n: number) => {
      if (this.lacks(n)) frames.push(n);
    };
    add(frame);
    // while an answer is out, as in scrubbing, only what is needed at once; the rest follows when it is in
    const reach = !this.prefetch ? 0 : this.pending.size > 0 ? 1 : BATCH_AHEAD;
    for (let n = 1; n <= reach; n++) {
      add(back ? frame - n : frame + n);
      if (n <= BATCH_BEHIND) add(back ? frame + n : frame - n);
    }
    this.request(frames);
  }

  receive(message: Extract<FromKernel, { type: "overlay" }>, buffers: DataView[]): void {
    const flat = buffers[0] ? bytesOf(buffers[0]) : new Uint8Array();
    let parts: DataView[][];
    try {
      parts = splitRecordings(flat, message.lengths, message.sizes);
    } catch (error) {
      this.options.onError(String(error));
      return;
    }
    this.latest = Math.max(this.latest, message.revision);
    if (this.asleep) return;
    if (this.options.oneByOne) this.recordings.clear();
    message.frames.forEach((frame, i) => {
      const waiting = this.pending.get(frame);
      if (waiting && waiting.scale === message.scale) this.pending.delete(frame);
      this.counts.received++;
      const known = this.recordings.get(frame);
      const newest = message.revision >= this.needed(frame) && (!known || message.revision >= known.revision);
      if (!newest || (known?.scale === this.scale && message.scale !== this.scale && this.has(frame))) {
        this.counts.dropped++;
        return;
      }
      const part = parts[i] ?? [];
      const bytes = part.reduce((sum, view) => sum + view.byteLength, 0) + 256;
      const points = message.points[i] ?? [];
      const { revision, scale } = message;
      this.recordings.set(
        frame,
        { frame, revision, scale, points, meta: message.metas[i], buffers: part },
        bytes,
      );
    });
    this.options.onReady();
    this.want(this.wanted, this.direction);
  }

  /** Note that frames (null: all) look different from a revision on, and ask for the wanted one again. */
  invalidate(frames: number[] | null, revision: number): void {
    this.latest = Math.max(this.latest, revision);
    if (frames === null) {
      this.allChanged = Math.max(this.allChanged, revision);
      this.changed.clear();
      this.pending.clear();
    } else {
      for (const frame of frames) {
        this.changed.set(frame, Math.max(this.changed.get(frame) ?? 0, revision));
        this.pending.delete(frame);
      }
    }
    this.want(this.wanted, this.direction);
  }

  /** Take a new size of an image pixel; old recordings serve until the new ones are there. */
  rescale(scale: number): void {
    if (scale === this.scale) return;
    this.scale = scale;
    this.pending.clear();
    this.want(this.wanted, this.direction);
  }

  /** Give everything back and ask for nothing, until `wake`. */
  sleep(): void {
    this.asleep = true;
    this.recordings.clear();
    this.pending.clear();
  }

  wake(): void {
    this.asleep = false;
  }

  stats(): Record<string, number> {
    return {
      recordings: this.recordings.size,
      bytes: this.recordings.bytes,
      pending: this.pending.size,
      revision: this.latest,
      ...this.counts,
    };
  }

  dispose(): void {
    clearInterval(this.timer);
    this.recordings.clear();
  }

  private needed(frame: number): number {
    return Math.max(this.allChanged, this.changed.get(frame) ?? 0);
  }

  private lacks(frame: number): boolean {
    if (frame < 0 || frame >= this.options.count) return false;
    const recording = this.get(frame);
    if (recording && recording.scale === this.scale) return false;
    const waiting = this.pending.get(frame);
    // what was asked for long ago got lost
    return !waiting || this.now() - waiting.since > 4000;
  }

  private request(frames: number[]): void {
    if (frames.length === 0 || this.asleep) return;
    const since = this.now();
    for (const frame of frames) this.pending.set(frame, { since, scale: this.scale });
    this.counts.requests++;
    this.options.send({
      type: "overlay",
      view: this.options.view,
      id: this.nextId++,
      frames,
      scale: this.scale,
    });
  }
}

// replays into one canvas must not interleave, even those of two views
const queues = new WeakMap<object, Promise<void>>();

/** Run a task after every earlier one for the same owner; a task that fails holds up nobody. */
export function exclusively<T>(owner: object, task: () => Promise<T>): Promise<T> {
  const before = queues.get(owner) ?? Promise.resolve();
  const run = before.then(task);
  queues.set(
    owner,
    run.then(
      () => undefined,
      () => undefined,
    ),
  );
  return run;
}

export type Matrix = [number, number, number, number, number, number];

/** How an overlay is drawn: `compose` is called with it in the task that finished it, or not at all. */
export interface OverlayPainter {
  replay(
    recording: Recording,
    matrix: Matrix,
    width: number,
    height: number,
    compose: (overlay: HTMLCanvasElement) => void,
  ): Promise<void>;
}

/**
 * Shows a canvas that the kernel draws on through ipycanvas, as long as its tag is that of the recording.
 *
 * For versions of ipycanvas that cannot record. The tag travels in band, as the offset of line dashes.
 */
export class TaggedPainter implements OverlayPainter {
  private readonly sheet = document.createElement("canvas");
  private readonly misses = new WeakMap<Recording, number>();

  constructor(
    private readonly target: CanvasModel,
    private readonly size: { width: number; height: number },
    private readonly onUseless: (recording: Recording) => void,
  ) {}

  async replay(
    recording: Recording,
    matrix: Matrix,
    width: number,
    height: number,
    compose: (overlay: HTMLCanvasElement) => void,
  ): Promise<void> {
    const { canvas, ctx } = this.target;
    const { tag } = recording.meta as { tag: number };
    if (ctx.lineDashOffset !== tag) {
      // drawn over for another frame or view, or not there yet
      const now = performance.now();
      const since = this.misses.get(recording) ?? now;
      this.misses.set(recording, since);
      if (now - since > PATIENCE) this.onUseless(recording);
      return;
    }
    this.misses.delete(recording);
    Object.assign(this.sheet, { width, height });
    const context = this.sheet.getContext("2d");
    if (!context) throw new Error("This browser gives no 2D canvas.");
    context.setTransform(...matrix);
    context.drawImage(canvas, -0.5, -0.5, this.size.width, this.size.height);
    compose(this.sheet);
  }
}

/** Draws recordings through the models of ipycanvas. */
export class Replayer implements OverlayPainter {
  constructor(
    private readonly manager: ManagerModel,
    private readonly target: CanvasModel,
  ) {}

  /**
   * Draw a recording under a transform and, before anything else can draw there, call `compose` with the result.
   *
   * `compose` runs in the task that finished the drawing. Only the top-left `width` × `height` device pixels count.
   */
  async replay(
    recording: Recording,
    matrix: Matrix,
    width: number,
    height: number,
    compose: (overlay: HTMLCanvasElement) => void,
  ): Promise<void> {
    await exclusively(this.manager, async () => {
      const { canvas, ctx } = this.target;
      // grow only: two views of different sizes take turns on one canvas
      if (canvas.width < width) canvas.width = width;
      if (canvas.height < height) canvas.height = height;
      reset(ctx);
      ctx.setTransform(...matrix);
      if (recording.buffers.length > 0) await this.manager.onCommand(recording.meta, recording.buffers);
      compose(canvas);
    });
  }
}

// a recording may leave styles, transforms and unbalanced saves behind
function reset(ctx: CanvasRenderingContext2D): void {
  if (typeof ctx.reset === "function") ctx.reset();
  else ctx.canvas.setAttribute("width", String(ctx.canvas.width));
}
