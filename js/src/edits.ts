// Edits that are on their way: shown at once, marked while the kernel has not confirmed them.

import type { FromKernel, LabelledPoint, ToKernel } from "./protocol";

export interface PendingEdit {
  id: string;
  op: "place" | "remove";
  label: string;
  frame: number;
  x: number;
  y: number;
  color: string;
  since: number;
  lastSent: number;
  attempts: number;
  /** Overlay revision from which on the kernel draws it. */
  revision: number | undefined;
  confirmed: boolean;
}

export const MARK_AFTER = 150; // ms without confirmation after which an edit is shown as not yet safe
const RESEND_AFTER = 3000;
const ATTEMPTS = 5;

interface EditOptions {
  send: (message: ToKernel) => void;
  onChange: () => void;
  onNotice: (level: "info" | "warning" | "error", problem: string, remedy: string) => void;
  /** Whether the kernel is gone, which was told already. */
  isLost?: () => boolean;
  now?: () => number;
}

export class Edits {
  private readonly pending = new Map<string, PendingEdit>();
  private readonly now: () => number;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly options: EditOptions) {
    this.now = options.now ?? (() => performance.now());
    this.timer = setInterval(() => this.resend(), 500);
  }

  place(label: string, frame: number, x: number, y: number, color: string): string {
    return this.begin("place", label, frame, x, y, color);
  }

  remove(label: string, frame: number, x: number, y: number, color: string): string {
    return this.begin("remove", label, frame, x, y, color);
  }

  get size(): number {
    return this.pending.size;
  }

  edited(message: Extract<FromKernel, { type: "edited" }>): void {
    const edit = this.pending.get(message.edit);
    if (!edit) return;
    if (message.ok) {
      edit.revision = message.revision ?? 0;
    } else {
      this.pending.delete(message.edit);
      // without an error it was told already why the edit is gone
      if (message.error) this.options.onNotice("error", message.error.problem, message.error.remedy);
    }
    this.options.onChange();
  }

  confirmed(id: string): void {
    const edit = this.pending.get(id);
    if (!edit) return;
    edit.confirmed = true;
    this.options.onChange();
  }

  /** Forget what the kernel both drew and confirmed, given the overlay that is on the screen. */
  settle(frame: number, revision: number): void {
    for (const [id, edit] of this.pending) {
      if (!edit.confirmed || edit.revision === undefined) continue;
      if (edit.frame !== frame || revision >= edit.revision) this.pending.delete(id);
    }
  }

  /** The latest edit of each label on a frame. */
  of(frame: number): PendingEdit[] {
    const latest = new Map<string, PendingEdit>();
    for (const edit of this.pending.values()) if (edit.frame === frame) latest.set(edit.label, edit);
    return [...latest.values()];
  }

  /** Whether an overlay lacks an edit, so that the browser has to draw it. */
  isAhead(edit: PendingEdit, revision: number): boolean {
    return edit.revision === undefined || revision < edit.revision;
  }

  isMarked(edit: PendingEdit): boolean {
    return !edit.confirmed && this.now() - edit.since > MARK_AFTER;
  }

  /** Where the points of a frame are, counting the edits that the kernel has not drawn yet. */
  apply(points: LabelledPoint[], frame: number, revision: number): LabelledPoint[] {
    let result = points;
    for (const edit of this.of(frame)) {
      if (!this.isAhead(edit, revision)) continue;
      const old = result.find((point) => point.label === edit.label);
      result = result.filter((point) => point !== old);
      if (edit.op === "place") {
        const { label, x, y, color } = edit;
        result = [...result, { label, x, y, color, layer: old?.layer ?? "" }];
      }
    }
    return result;
  }

  dispose(): void {
    clearInterval(this.timer);
  }

  private begin(
    op: "place" | "remove",
    label: string,
    frame: number,
    x: number,
    y: number,
    color: string,
  ): string {
    const id = uniqueId();
    const since = this.now();
    const edit: PendingEdit = {
      ...{ id, op, label, frame, x, y, color, since },
      ...{ lastSent: since, attempts: 1, revision: undefined, confirmed: false },
    };
    this.pending.set(id, edit);
    this.send(edit);
    // so that the mark appears even where nothing else moves
    setTimeout(() => this.options.onChange(), MARK_AFTER + 20);
    this.options.onChange();
    return id;
  }

  private send(edit: PendingEdit): void {
    const { id, op, label, frame, x, y } = edit;
    if (op === "place") this.options.send({ type: "edit", id, op, label, frame, x, y });
    else this.options.send({ type: "edit", id, op, label, frame });
  }

  // an id counts once in the kernel, so sending again is safe
  private resend(): void {
    if (this.options.isLost?.()) return;
    for (const edit of this.pending.values()) {
      if (edit.revision !== undefined || this.now() - edit.lastSent < RESEND_AFTER) continue;
      if (edit.attempts > ATTEMPTS) continue;
      edit.lastSent = this.now();
      edit.attempts++;
      if (edit.attempts > ATTEMPTS) {
        const what = `The kernel does not answer: the edit of label ${edit.label} on frame ${edit.frame} is not safe.`;
        this.options.onNotice("error", what, "Check that the kernel runs, and place the point again.");
      } else this.send(edit);
    }
  }
}

/** A random id; crypto.randomUUID exists on secure origins only. */
export function uniqueId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
