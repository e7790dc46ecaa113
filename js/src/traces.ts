// The traces of bqplot: the browser moves their frame marker, and a click or a drag on them goes to a frame.

import { type Model, resolveModel } from "./protocol";

const CLICK_DISTANCE = 4;

/** The part of bqplot's models and views that is used. */
export interface WidgetModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  views?: Record<string, Promise<{ el: HTMLElement }>>;
}

interface TraceOptions {
  model: Model;
  /** Position of a frame on the time axis, and back. */
  positionOf: (frame: number) => number;
  frameAt: (position: number) => number;
  goTo: (frame: number) => void;
  /** Whether this view answers, where several views show one model. */
  isLeader: () => boolean;
}

export class Traces {
  private markers: WidgetModel[] = [];
  private figures: WidgetModel[] = [];
  private shown = 0;
  private scrub: { figure: WidgetModel; element: HTMLElement; startX: number; moves: boolean } | null = null;
  private readonly aborter = new AbortController();

  constructor(private readonly options: TraceOptions) {
    const { signal } = this.aborter;
    // on the document, because a figure's element comes and goes with its cell
    document.addEventListener("pointerdown", (event) => void this.onDown(event), { signal, capture: true });
    document.addEventListener("pointermove", (event) => this.onMove(event), { signal, capture: true });
    document.addEventListener("pointerup", (event) => this.onUp(event), { signal, capture: true });
    document.addEventListener("pointercancel", () => this.end(), { signal, capture: true });
  }

  async update(): Promise<void> {
    const { model } = this.options;
    this.markers = await resolveAll(model, model.get("marker_models"));
    this.figures = await resolveAll(model, model.get("trace_figures"));
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

  private async onDown(event: PointerEvent): Promise<void> {
    if (event.button !== 0 || !this.options.isLeader()) return;
    const { target, clientX } = event;
    if (!(target instanceof Element)) return;
    for (const figure of this.figures) {
      for (const promise of Object.values(figure.views ?? {})) {
        const { el } = await promise;
        if (!el.contains(target)) continue;
        // with bqplot's own zooming and panning on, a drag is bqplot's, and only a click is ours
        const moves = !figure.get("interaction");
        this.scrub = { figure, element: el, startX: clientX, moves };
        if (moves) this.go(clientX);
        return;
      }
    }
  }

  private onMove(event: PointerEvent): void {
    if (!this.scrub?.moves) return;
    // the button was let go outside the window
    if ((event.buttons & 1) === 0) this.end();
    else this.go(event.clientX);
  }

  private onUp(event: PointerEvent): void {
    const { scrub } = this;
    if (scrub && !scrub.moves && Math.abs(event.clientX - scrub.startX) <= CLICK_DISTANCE)
      this.go(event.clientX);
    this.end();
  }

  private end(): void {
    this.scrub = null;
  }

  private go(clientX: number): void {
    const { scrub } = this;
    if (!scrub) return;
    const position = invert(scrub.figure, scrub.element, clientX);
    if (position !== undefined) this.options.goTo(this.options.frameAt(position));
  }
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
