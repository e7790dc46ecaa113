// Frames in the browser: what is cached, what is asked for next, and what is too late to matter.

import { ByteCache } from "./lru";
import { FULL_DETAIL, type Picture, pictureBytes, type Still } from "./pictures";
import { bytesOf, type FromKernel, type ToKernel } from "./protocol";

/** Where pictures come from. Stills are one way; decoding the video in the browser would be another. */
export interface FrameProvider {
  /** Whether frames that were not asked for are fetched in advance. */
  prefetch: boolean;
  /** Say which frame is wanted now, which way the user moves, and how many frames a step takes. */
  want(frame: number, direction: number, stride?: number): void;
  /** The picture of a frame, if it is there and up to date. */
  get(frame: number): Picture | undefined;
  has(frame: number): boolean;
  /** Say how many eighths of the video's size the screen can show; coarser pictures are made anew. */
  setDetail(detail: number): void;
  /** Like get, and the picture stays usable until the next call, even where the cache drops it. */
  hold(frame: number): Picture | undefined;
  receive(message: Extract<FromKernel, { type: "still" }>, buffers: DataView[]): void;
  /** Forget frames (null: all), because they look different now. */
  invalidate(frames: number[] | null, revision: number): void;
  /** Give everything back and ask for nothing, until `wake`; what is held stays. */
  sleep(): void;
  wake(): void;
  stats(): Record<string, number>;
  dispose(): void;
}

export const AHEAD = 16;
export const BEHIND = 2;
export const IN_FLIGHT = 12;
const DECODERS = 2;
const RECENT = 8; // earlier wishes that are still worth decoding: while scrubbing they keep the picture moving
const RESEND_AFTER = 4000; // ms without any answer before a list is sent again

/** The frames to have at hand, most urgent first: the wanted one, those in the way of moving, a few behind. */
export function prefetchOrder(frame: number, direction: number, count: number, stride = 1): number[] {
  const order = [frame];
  const add = (n: number) => {
    if (n >= 0 && n < count && !order.includes(n)) order.push(n);
  };
  if (direction === 0) {
    for (let i = 1; i <= AHEAD / 2; i++) {
      add(frame + i * stride);
      add(frame - i * stride);
    }
    return order;
  }
  const step = Math.sign(direction) * stride;
  for (let i = 1; i <= AHEAD; i++) add(frame + i * step);
  for (let i = 1; i <= BEHIND; i++) add(frame - i * step);
  return order;
}

interface StillOptions {
  view: string;
  count: number;
  pictureBytes: number;
  send: (message: ToKernel) => void;
  onReady: (frame: number) => void;
  onError: (frame: number, problem: string) => void;
  /** Make a picture of a still, of at least so many eighths of its size. */
  decode: (still: Still, detail: number) => Promise<Picture>;
  pictureBudget?: number;
  stillBudget?: number;
  quality?: number;
  now?: () => number;
}

/** JPEGs from the kernel, decoded by the browser. */
export class StillProvider implements FrameProvider {
  prefetch = true;
  private readonly pictures: ByteCache<number, Picture>;
  private readonly stills: ByteCache<number, Still>;
  /** The eighths that each picture was made for. */
  private readonly details = new Map<number, number>();
  private readonly decoding = new Set<number>();
  private readonly failed = new Set<number>();
  private readonly now: () => number;
  private inFlight = new Set<number>();
  private order: number[] = [];
  private recent: number[] = [];
  /** The frame that nothing foresaw and that is awaited now. */
  private cold = -1;
  private held: Picture | undefined;
  private heldIsOrphan = false;
  private detail = FULL_DETAIL;
  private revision = 0;
  private generation = 0;
  private nextId = 1;
  private lastAnswer = 0;
  private wanted = { frame: -1, direction: 0, stride: 1 };
  private disposed = false;
  private asleep = false;
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly counts = { requests: 0, asked: 0, received: 0, late: 0, decoded: 0 };

  constructor(private readonly options: StillOptions) {
    this.now = options.now ?? (() => performance.now());
    // a picture in use must survive the prefetch of those around it
    const least = (AHEAD + BEHIND + 4) * options.pictureBytes;
    this.pictures = new ByteCache(Math.max(options.pictureBudget ?? 256 * 2 ** 20, least), (picture) =>
      this.release(picture),
    );
    this.stills = new ByteCache(options.stillBudget ?? 96 * 2 ** 20);
    this.timer = setInterval(() => this.resend(), 1000);
  }

  want(frame: number, direction: number, stride = 1): void {
    const { wanted } = this;
    if (wanted.frame === frame && wanted.direction === direction && wanted.stride === stride) return;
    this.wanted = { frame, direction, stride };
    this.failed.delete(frame);
    this.recent = [frame, ...this.recent.filter((n) => n !== frame)].slice(0, RECENT);
    this.order = this.prefetch ? prefetchOrder(frame, direction, this.options.count, stride) : [frame];
    const foreseen = this.pictures.has(frame) || this.stills.has(frame) || this.inFlight.has(frame);
    this.cold = foreseen ? -1 : frame;
    this.decode();
    this.ask();
  }

  has(frame: number): boolean {
    return this.pictures.has(frame);
  }

  get(frame: number): Picture | undefined {
    return this.pictures.get(frame);
  }

  setDetail(detail: number): void {
    if (detail === this.detail) return;
    this.detail = detail;
    this.decode();
    this.ask();
  }

  hold(frame: number): Picture | undefined {
    const picture = this.pictures.get(frame);
    if (picture === undefined || picture === this.held) return picture;
    if (this.heldIsOrphan) this.held?.close();
    this.held = picture;
    this.heldIsOrphan = false;
    return picture;
  }

  receive(message: Extract<FromKernel, { type: "still" }>, buffers: DataView[]): void {
    this.lastAnswer = this.now();
    this.counts.received++;
    if (message.revision < this.revision || this.asleep) {
      this.counts.late++;
      return;
    }
    const { frame } = message;
    this.inFlight.delete(frame);
    const data = buffers[0];
    if (message.error !== undefined || !data) {
      this.failed.add(frame);
      if (frame === this.cold) this.cold = -1;
      this.options.onError(frame, message.error ?? `Frame ${frame} came without a picture.`);
    } else {
      // a copy of its own, because the message's buffer holds more than the picture
      const still = { data: bytesOf(data).slice(), mime: message.mime };
      this.stills.set(frame, still, still.data.byteLength);
      if (!this.order.includes(frame) && !this.recent.includes(frame)) this.counts.late++;
      this.decode();
    }
    this.ask();
  }

  invalidate(frames: number[] | null, revision: number): void {
    this.revision = Math.max(this.revision, revision);
    this.generation++;
    for (const cache of [this.pictures, this.stills]) {
      if (frames === null) cache.clear();
      else for (const frame of frames) cache.delete(frame);
    }
    this.failed.clear();
    this.inFlight.clear();
    this.ask();
  }

  sleep(): void {
    this.asleep = true;
    // what is being decoded comes too late
    this.generation++;
    this.pictures.clear();
    this.stills.clear();
    this.details.clear();
    this.inFlight.clear();
    this.order = [];
    this.recent = [];
    this.cold = -1;
    this.wanted = { frame: -1, direction: 0, stride: 1 };
  }

  wake(): void {
    this.asleep = false;
    // whatever was wished for meanwhile is wished for again
    this.wanted = { frame: -1, direction: 0, stride: 1 };
  }

  stats(): Record<string, number> {
    return {
      pictures: this.pictures.size,
      pictureBytes: this.pictures.bytes,
      stills: this.stills.size,
      stillBytes: this.stills.bytes,
      inFlight: this.inFlight.size,
      ...this.counts,
    };
  }

  dispose(): void {
    this.disposed = true;
    clearInterval(this.timer);
    this.pictures.clear();
    this.stills.clear();
    if (this.heldIsOrphan) this.held?.close();
  }

  private release(picture: Picture): void {
    if (picture === this.held) this.heldIsOrphan = true;
    else picture.close();
  }

  private isFine(frame: number): boolean {
    return this.pictures.has(frame) && (this.details.get(frame) ?? 0) >= this.detail;
  }

  private missing(): number[] {
    return this.order.filter((n) => !this.isFine(n) && !this.stills.has(n) && !this.failed.has(n));
  }

  private ask(): void {
    if (this.disposed || this.asleep) return;
    // whoever waits for a frame waits for what is made, sent and decoded beside it, too
    const list = this.cold >= 0 ? this.missing().slice(0, 1) : this.missing().slice(0, IN_FLIGHT);
    if (this.cold >= 0 && list[0] !== this.cold) return;
    const fresh = list.filter((n) => !this.inFlight.has(n));
    if (fresh.length === 0) return;
    // top up in bites: a message a frame would double the traffic for nothing
    const urgent =
      this.cold >= 0 || fresh.includes(this.wanted.frame) || list.length - fresh.length < IN_FLIGHT / 2;
    if (!urgent) return;
    this.send(list, fresh);
  }

  private send(list: number[], fresh: number[]): void {
    if (this.inFlight.size === 0) this.lastAnswer = this.now();
    this.inFlight = new Set(list);
    this.counts.requests++;
    this.counts.asked += fresh.length;
    this.options.send({
      type: "still",
      view: this.options.view,
      id: this.nextId++,
      frames: list,
      fresh,
      quality: this.options.quality ?? 80,
    });
  }

  // an answer can be lost with a connection: ask again, rather than wait for ever
  private resend(): void {
    if (this.inFlight.size === 0 || this.now() - this.lastAnswer < RESEND_AFTER) return;
    this.lastAnswer = this.now();
    this.inFlight.clear();
    this.ask();
  }

  // the most urgent first, and that one alone: decoders share the processor with it
  private decode(): void {
    const ahead = this.cold >= 0 ? [] : this.order;
    for (const frame of [this.wanted.frame, ...this.recent, ...ahead]) {
      if (this.decoding.size >= DECODERS || this.decoding.has(this.wanted.frame)) return;
      const still = this.stills.get(frame);
      if (still && !this.isFine(frame) && !this.decoding.has(frame)) this.decodeStill(frame, still);
    }
  }

  private decodeStill(frame: number, still: Still): void {
    const { generation, detail } = this;
    this.decoding.add(frame);
    this.options.decode(still, detail).then(
      (picture) => {
        this.decoding.delete(frame);
        if (this.disposed || generation !== this.generation) {
          picture.close();
        } else {
          this.counts.decoded++;
          this.pictures.set(frame, picture, pictureBytes(picture));
          this.details.set(frame, detail);
          this.options.onReady(frame);
        }
        this.settled(frame);
      },
      () => {
        this.decoding.delete(frame);
        this.stills.delete(frame);
        this.failed.add(frame);
        this.options.onError(frame, `The browser could not decode the picture of frame ${frame}.`);
        this.settled(frame);
      },
    );
  }

  private settled(frame: number): void {
    if (this.disposed) return;
    if (frame === this.cold) this.cold = -1;
    this.decode();
    this.ask();
  }
}
