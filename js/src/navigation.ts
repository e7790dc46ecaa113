// Which frame is wanted: steps, jumps, playing, and telling the kernel and the other views.

import type { Compositor } from "./compositor";
import type { Controls } from "./controls";
import { Playback } from "./playback";
import type { Model, ToKernel } from "./protocol";

const TELL_EVERY = 100; // ms between two messages about the frame
const TELL_LATEST = 100; // ms that a message waits for its frame
const SPEED_STEPS = [0.25, 0.5, 1, 2, 4];

interface NavigationOptions {
  model: Model;
  count: number;
  timestamps: Float64Array;
  compositor: Compositor;
  controls: () => Controls;
  /** The navigations of all views of the model, this one included once it is open. */
  peers: () => Navigation[];
}

export class Navigation {
  private readonly playback: Playback;
  private lastTold = 0;
  private telling: ReturnType<typeof setTimeout> | undefined;
  private moved = false;

  constructor(private readonly options: NavigationOptions) {
    const { compositor, timestamps } = options;
    this.playback = new Playback({
      timestamps,
      isReady: (frame) => compositor.isReady(frame),
      show: (frame, stride) => this.show(frame, 1, stride),
      onStop: () => this.onStopped(),
    });
  }

  get playing(): boolean {
    return this.playback.playing;
  }

  private get target(): number {
    return this.options.compositor.target;
  }

  clip(frame: number): number {
    return Math.min(Math.max(Math.round(frame), 0), Math.max(this.options.count - 1, 0));
  }

  tick(now: number): void {
    this.playback.tick(now);
  }

  goTo(frame: number): void {
    const next = this.clip(frame);
    if (this.playing) this.playback.seek(next, performance.now());
    else this.show(next, Math.sign(next - this.target), 1);
  }

  step(by: number, repeated: boolean): void {
    // a held key waits for the picture, and does not run on after it was let go
    if (repeated && this.target !== this.options.compositor.shown?.frame) return;
    this.pause();
    this.goTo(this.target + by);
  }

  /** Step by a 20th of the video. */
  stepFraction(sign: 1 | -1, repeated: boolean): void {
    this.step(sign * Math.max(Math.floor(this.options.count / 20), 1), repeated);
  }

  togglePlay(): void {
    const { model } = this.options;
    if (model.get("playing")) {
      model.set("playing", false);
    } else {
      this.playback.start(this.target, performance.now());
      model.set("playing", true);
    }
    this.tell();
  }

  pause(): void {
    this.playback.stop();
  }

  setSpeed(speed: number): void {
    this.options.model.set("speed", speed);
    this.tell();
  }

  changeSpeed(by: number): void {
    const speed = Number(this.options.model.get("speed") ?? 1);
    const next = by > 0 ? SPEED_STEPS.find((one) => one > speed) : SPEED_STEPS.findLast((one) => one < speed);
    if (next !== undefined) this.setSpeed(next);
  }

  /** Take over what the kernel, or another view, says about the frame. */
  followFrame(): void {
    const frame = this.clip(Number(this.options.model.get("frame")));
    // before the first size nothing is shown, and what waits to be told is newer
    if (this.target < 0) return;
    if (frame === this.target || this.telling !== undefined) return;
    if (this.playing) this.playback.seek(frame, performance.now());
    else this.follow(frame, Math.sign(frame - this.target), 1);
  }

  followPlaying(): void {
    const playing = Boolean(this.options.model.get("playing"));
    this.options.controls().setPlaying(playing);
    if (!playing) {
      this.playback.stop();
      return;
    }
    const peers = this.options.peers();
    // one view plays, the others follow it
    const leads = peers.length === 0 || peers[0] === this;
    if (leads && !peers.some((peer) => peer.playing) && !this.playing) {
      this.playback.start(this.target, performance.now());
    }
  }

  followSpeed(): void {
    const speed = Number(this.options.model.get("speed") ?? 1);
    this.playback.setSpeed(speed, performance.now());
    this.options.controls().setSpeed(speed);
  }

  follow(frame: number, direction: number, stride: number): void {
    this.options.compositor.show(frame, direction, stride);
    this.options.controls().setFrame(frame);
  }

  // set and sent in one go: what is set alone would be undone by the kernel's echo of the value before
  tell(): void {
    clearTimeout(this.telling);
    this.telling = undefined;
    this.lastTold = performance.now();
    const { model } = this.options;
    // a frame that is as it was is not sent, and a move by the kernel that is on its way here would win
    if (this.moved && model.get("frame") === this.target)
      model.send({ type: "seek", frame: this.target } satisfies ToKernel);
    this.moved = false;
    model.set("frame", this.target);
    model.save_changes();
  }

  /** A frame is on the screen: now the kernel may hear of it. */
  onShown(): void {
    if (this.telling === undefined || performance.now() < this.lastTold + TELL_EVERY) return;
    if (this.target === this.options.compositor.shown?.frame) this.tell();
  }

  dispose(): void {
    clearTimeout(this.telling);
  }

  private show(frame: number, direction: number, stride: number): void {
    const peers = this.options.peers();
    for (const peer of peers.length > 0 ? peers : [this]) peer.follow(frame, direction, stride);
    this.moved = true;
    if (this.telling !== undefined) return;
    const wait = this.lastTold + TELL_EVERY - performance.now();
    // a frame that is still to come has the kernel to itself until it is shown
    if (wait <= 0 && this.options.compositor.isReady(frame)) this.tell();
    else this.telling = setTimeout(() => this.tell(), Math.max(wait, TELL_LATEST));
  }

  private onStopped(): void {
    const { model, controls, compositor } = this.options;
    controls().setPlaying(false);
    compositor.show(this.target, 1);
    if (model.get("playing")) model.set("playing", false);
    this.tell();
  }
}
