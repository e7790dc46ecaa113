// Playing by the timestamps of the video. It waits for what is not there yet, and never shows something else.

const STALL = 0.12; // seconds behind the clock after which the clock waits for the pictures

export interface PlaybackOptions {
  timestamps: Float64Array;
  isReady: (frame: number) => boolean;
  show: (frame: number, stride: number) => void;
  onStop: () => void;
}

export class Playback {
  playing = false;
  private rate = 1;
  private frame = 0;
  private anchorTime = 0;
  private anchorMedia = 0;
  private lastNow: number | undefined;

  constructor(private readonly options: PlaybackOptions) {}

  get speed(): number {
    return this.rate;
  }

  setSpeed(speed: number, now: number): void {
    this.rate = Math.min(Math.max(speed, 0.25), 4);
    if (this.playing) this.anchor(this.lastNow ?? now);
  }

  start(frame: number, now: number): void {
    const last = this.options.timestamps.length - 1;
    this.frame = frame >= last ? 0 : frame;
    this.playing = true;
    this.lastNow = undefined;
    this.anchor(now);
    this.options.show(this.frame, this.stride());
  }

  stop(): void {
    if (!this.playing) return;
    this.playing = false;
    this.options.onStop();
  }

  /** Go on from another frame. */
  seek(frame: number, now: number): void {
    this.frame = frame;
    this.anchor(now);
    this.options.show(frame, this.stride());
  }

  /** Move to the frame whose time has come; called once an animation frame. */
  tick(now: number): void {
    if (!this.playing) return;
    const { timestamps, isReady, show } = this.options;
    const last = timestamps.length - 1;
    if (!isReady(this.frame)) {
      this.anchor(now);
      this.lastNow = now;
      return;
    }
    const media = this.anchorMedia + ((now - this.anchorTime) / 1000) * this.rate;
    const due = frameAt(timestamps, media, this.frame);
    let next = due;
    while (next > this.frame && !isReady(next)) next--;
    this.lastNow = now;
    if (next > this.frame) {
      this.frame = next;
      show(next, this.stride());
    } else if (due > this.frame) show(this.frame, this.stride());
    if (due > next && media - (timestamps[next] ?? 0) > STALL * this.rate) this.anchor(now);
    if (this.frame >= last && media >= (timestamps[last] ?? 0)) this.stop();
  }

  // at high speed not every frame gets an animation frame of its own
  private stride(): number {
    const { timestamps } = this.options;
    const span = (timestamps[timestamps.length - 1] ?? 0) - (timestamps[0] ?? 0);
    const fps = span > 0 ? (timestamps.length - 1) / span : 30;
    const stride = Math.round((fps * this.rate) / 60);
    // the last frame is asked for, too, where it is no whole stride away
    return Math.max(1, Math.min(stride, timestamps.length - 1 - this.frame));
  }

  private anchor(now: number): void {
    this.anchorTime = now;
    this.anchorMedia = this.options.timestamps[this.frame] ?? 0;
  }
}

/** The last frame whose time is not after `time`, looked for from a frame on. */
export function frameAt(timestamps: Float64Array, time: number, from = 0): number {
  let low = Math.max(from, 0);
  let high = timestamps.length - 1;
  // a thousandth of a frame of rounding must not hold a frame back
  const limit = time + 1e-6;
  if ((timestamps[low] ?? 0) > limit) return low;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((timestamps[middle] ?? Number.POSITIVE_INFINITY) <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The frame whose time is nearest. */
export function nearestTime(timestamps: Float64Array, time: number): number {
  const before = frameAt(timestamps, time);
  const after = Math.min(before + 1, timestamps.length - 1);
  const gap = (n: number) => Math.abs((timestamps[n] ?? 0) - time);
  return gap(after) < gap(before) ? after : before;
}
