// The traces of bqplot: the browser moves their frame marker, a click or a drag on them goes to a frame, and a drag
// with shift selects an interval.

import { type Model, resolveModel } from "./protocol";

const CLICK_DISTANCE = 4;
// how far beside a target a click may go, in pixels, and the class of figures that have targets
const TARGET_DISTANCE = 6;
const WITH_TARGETS = "jupytrack-heat";

/** The part of bqplot's models and views that is used. */
export interface WidgetModel {
  get(name: string): unknown;
  set(name: string | Record<string, unknown>, value?: unknown): void;
  views?: Record<string, Promise<{ el: HTMLElement }>>;
}

interface TraceOptions {
  model: Model;
  /** Position of a frame on the time axis, and back. */
  positionOf: (frame: number) => number;
  frameAt: (position: number) => number;
  goTo: (frame: number) => void;
  /** An interval was drawn; both ends are frames of the video. */
  select: (start: number, stop: number) => void;
  count: number;
  /** Whether this view answers, where several views show one model. */
  isLeader: () => boolean;
}

/** An interval that is being drawn, and what its marks showed before. */
interface Brush {
  figure: WidgetModel;
  element: HTMLElement;
  from: number;
  to: number;
  before: [unknown, unknown][];
}

export class Traces {
  private markers: WidgetModel[] = [];
  private figures: WidgetModel[] = [];
  private intervals: WidgetModel[] = [];
  private shown = 0;
  private brush: Brush | null = null;
  private under: { figure: WidgetModel; element: HTMLElement; clientX: number } | null = null;
  private scrub: { figure: WidgetModel; element: HTMLElement; startX: number; moves: boolean } | null = null;
  private readonly aborter = new AbortController();

  constructor(private readonly options: TraceOptions) {
    const { signal } = this.aborter;
    // on the document, because a figure's element comes and goes with its cell
    document.addEventListener("pointerdown", (event) => void this.onDown(event), { signal, capture: true });
    document.addEventListener("pointermove", (event) => this.onMove(event), { signal, capture: true });
    document.addEventListener("pointerup", (event) => this.onUp(event), { signal, capture: true });
    document.addEventListener("pointercancel", () => this.cancel(), { signal, capture: true });
  }

  async update(): Promise<void> {
    const { model } = this.options;
    this.markers = await resolveAll(model, model.get("marker_models"));
    this.figures = await resolveAll(model, model.get("trace_figures"));
    this.intervals = await resolveAll(model, model.get("interval_models"));
    this.mark(this.shown);
  }

  /** Move the markers to a frame, on the screen alone. */
  mark(frame: number): void {
    this.shown = frame;
    const position = this.options.positionOf(frame);
    for (const marker of this.markers) {
      const x = marker.get("x") as ArrayLike<number> | undefined;
      const length = Math.max(x?.length ?? 2, 1);
      if (x && x.length > 0 && x[0] === position && x[length - 1] === position) continue;
      marker.set("x", new Float64Array(length).fill(position));
    }
  }

  dispose(): void {
    this.aborter.abort();
  }

  /** The frame at which the pointer is, while it is over a trace. */
  get pointed(): number | undefined {
    const { under } = this;
    if (!under?.element.isConnected) return undefined;
    return this.frameUnder(under.figure, under.element, under.clientX);
  }

  /** Leave the interval as it was before it was drawn; returns whether one was. */
  cancel(): boolean {
    const { brush } = this;
    this.end();
    if (!brush) return false;
    for (const [place, mark] of this.intervals.entries()) {
      const [x, y] = brush.before[place] ?? [];
      show(mark, x, y);
    }
    return true;
  }

  private async onDown(event: PointerEvent): Promise<void> {
    if (event.button !== 0 || !this.options.isLeader()) return;
    const { clientX, shiftKey } = event;
    const found = await this.figureAt(event.target);
    if (!found) return;
    const { figure, element } = found;
    // with bqplot's own zooming and panning on, a drag is bqplot's, and only a click is ours
    const moves = !figure.get("interaction");
    if (shiftKey && moves) {
      const from = this.frameUnder(figure, element, clientX);
      if (from === undefined) return;
      const before = this.intervals.map((mark): [unknown, unknown] => [mark.get("x"), mark.get("y")]);
      this.brush = { figure, element, from, to: from, before };
      this.drawBrush();
      return;
    }
    this.scrub = { figure, element, startX: clientX, moves };
    if (moves) this.go(clientX);
  }

  private async figureAt(
    target: EventTarget | null,
  ): Promise<{ figure: WidgetModel; element: HTMLElement } | undefined> {
    if (!(target instanceof Element)) return undefined;
    for (const figure of this.figures) {
      for (const promise of Object.values(figure.views ?? {})) {
        const { el } = await promise;
        if (el.contains(target)) return { figure, element: el };
      }
    }
    return undefined;
  }

  private onMove(event: PointerEvent): void {
    void this.follow(event);
    const { brush } = this;
    if (brush) {
      // the button was let go outside the window
      if ((event.buttons & 1) === 0) this.finish();
      else {
        brush.to = this.frameUnder(brush.figure, brush.element, event.clientX) ?? brush.to;
        this.drawBrush();
      }
      return;
    }
    if (!this.scrub?.moves) return;
    if ((event.buttons & 1) === 0) this.end();
    else this.go(event.clientX);
  }

  private async follow(event: PointerEvent): Promise<void> {
    const { clientX, target } = event;
    // most movements are over something else altogether
    const near = target instanceof Element && target.closest(".bqplot") !== null;
    const found = near ? await this.figureAt(target) : undefined;
    this.under = found ? { ...found, clientX } : null;
  }

  private drawBrush(): void {
    const { brush } = this;
    if (!brush) return;
    const { positionOf } = this.options;
    const [low, high] = [Math.min(brush.from, brush.to), Math.max(brush.from, brush.to)].map(positionOf);
    if (low === undefined || high === undefined) return;
    for (const mark of this.intervals) {
      show(mark, Float64Array.of(low, low, high, high), Float64Array.of(0, 1, 1, 0));
    }
  }

  private finish(): void {
    const { brush } = this;
    if (!brush) return;
    // a click with shift draws nothing
    if (brush.from === brush.to) this.cancel();
    else this.options.select(Math.min(brush.from, brush.to), Math.max(brush.from, brush.to));
    this.end();
  }

  private onUp(event: PointerEvent): void {
    this.finish();
    const { scrub } = this;
    if (scrub && !scrub.moves && Math.abs(event.clientX - scrub.startX) <= CLICK_DISTANCE)
      this.go(event.clientX);
    this.end();
  }

  private end(): void {
    this.scrub = null;
    this.brush = null;
  }

  private go(clientX: number): void {
    const { scrub } = this;
    if (!scrub) return;
    const { figure, element } = scrub;
    const position = nearestTarget(figure, element, clientX) ?? invert(figure, element, clientX);
    if (position !== undefined) this.options.goTo(this.options.frameAt(position));
  }

  private frameUnder(figure: WidgetModel, element: Element, clientX: number): number | undefined {
    const position = invert(figure, element, clientX);
    if (position === undefined) return undefined;
    const frame = Math.round(this.options.frameAt(position));
    return Math.min(Math.max(frame, 0), Math.max(this.options.count - 1, 0));
  }
}

// both at once, so that no view draws one of them with the other's old values
function show(mark: WidgetModel, x: unknown, y: unknown): void {
  mark.set({ x, y });
}

/** The target next to a horizontal place on the screen: in some figures, the points of the first mark. */
export function nearestTarget(figure: WidgetModel, element: Element, clientX: number): number | undefined {
  if (!((figure.get("_dom_classes") ?? []) as string[]).includes(WITH_TARGETS)) return undefined;
  const [low, here, high] = [-TARGET_DISTANCE, 0, TARGET_DISTANCE].map((by) =>
    invert(figure, element, clientX + by),
  );
  if (low === undefined || here === undefined || high === undefined) return undefined;
  const targets = (figure.get("marks") as WidgetModel[])[0]?.get("x") as ArrayLike<number> | undefined;
  let nearest: number | undefined;
  for (const target of Array.from(targets ?? [])) {
    if (target < low || target > high) continue;
    if (nearest === undefined || Math.abs(target - here) < Math.abs(nearest - here)) nearest = target;
  }
  return nearest;
}

/** Which position on the time axis a horizontal place on the screen shows. */
export function invert(figure: WidgetModel, element: Element, clientX: number): number | undefined {
  const box = element.getBoundingClientRect();
  const margin = (figure.get("fig_margin") ?? {}) as { left?: number; right?: number };
  const left = margin.left ?? 60;
  const width = box.width - left - (margin.right ?? 60);
  const domain = domainOf(figure);
  if (!domain || width <= 0) return undefined;
  const fraction = (clientX - box.left - left) / width;
  return domain[0] + Math.min(Math.max(fraction, 0), 1) * (domain[1] - domain[0]);
}

// the scale of the first mark that has one; limits that are not set are those the data gave
function domainOf(figure: WidgetModel): [number, number] | undefined {
  for (const mark of (figure.get("marks") ?? []) as WidgetModel[]) {
    const scale = (mark.get("scales") as Record<string, WidgetModel> | undefined)?.x;
    if (!scale) continue;
    const domain = (scale as unknown as { domain?: [number, number] }).domain;
    const low = (scale.get("min") as number | null) ?? domain?.[0];
    const high = (scale.get("max") as number | null) ?? domain?.[1];
    if (low !== undefined && high !== undefined) return [low, high];
  }
  return undefined;
}

async function resolveAll(model: Model, references: unknown): Promise<WidgetModel[]> {
  if (!Array.isArray(references)) return [];
  const found = await Promise.all(
    references.map((reference) => resolveModel(model, reference).catch(() => undefined)),
  );
  return found.filter((one): one is WidgetModel => one !== undefined);
}
