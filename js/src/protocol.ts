// What the browser and the kernel say to each other. Binary parts travel beside the message as buffers.

/** A command of the kernel's table: what a key, a button or a line of the cheat sheet stands for. */
export interface Binding {
  name: string;
  keys: string[];
  title: string;
  section: string;
  where: "browser" | "kernel";
  button?: string | null;
  needs_pointer?: boolean;
  args?: Record<string, unknown> | null;
  /** False where there is nothing to do it with: the key does nothing, and no sheet of keys lists it. */
  offered?: boolean;
}

export interface Point {
  x: number;
  y: number;
}

/** A point of the active layer, as the overlay shows it: what clicks and drags find. */
export interface LabelledPoint extends Point {
  label: string;
  color: string;
  layer: string;
}

export interface VideoInfo {
  width: number;
  height: number;
  n_frames: number;
  fps: number;
  missing: number;
}

export interface Status {
  label?: string;
  labels?: { name: string; color: string }[];
  layer?: string;
  overlay?: string | null;
  unsaved?: Record<string, { added: number; removed: number; moved: number; total: number }>;
  /** Layers without a file. */
  new?: string[];
  save_state?: "saved" | "unsaved" | "confirming" | "unconfirmed";
  number_keys?: "select" | "place";
  frames_of_interest?: number[];
  interval?: [number, number] | null;
  pending_interval?: number | null;
  undo?: string | null;
  redo?: string | null;
  read_only?: boolean;
}

export type ToKernel =
  | { type: "hello"; view: string }
  // what this view lacks, most urgent first; it replaces the view's earlier list, and `fresh` was not asked for yet
  | { type: "still"; view: string; id: number; frames: number[]; fresh: number[]; quality: number }
  | { type: "overlay"; view: string; id: number; frames: number[]; scale: number }
  | {
      type: "command";
      id: number;
      name: string;
      frame: number;
      pointer: Point | null;
      args: Record<string, unknown>;
    }
  | { type: "edit"; id: string; op: "place"; label: string; frame: number; x: number; y: number }
  | { type: "edit"; id: string; op: "remove"; label: string; frame: number }
  | { type: "select"; label: string }
  // the user went to the frame that the kernel was told last: said nevertheless, against what moves it meanwhile
  | { type: "seek"; frame: number }
  | { type: "bye"; view: string };

export type FromKernel =
  | { type: "still"; view: string; id: number; frame: number; revision: number; mime: string; error?: string }
  | {
      type: "overlay";
      view: string;
      id: number;
      frames: number[];
      revision: number;
      scale: number;
      points: LabelledPoint[][];
      // one recording a frame: the metadata of its command buffer, how many buffers it has, their sizes
      metas: unknown[];
      lengths: number[];
      sizes: number[];
    }
  | { type: "invalidate"; what: "overlay" | "stills"; frames: number[] | null; revision: number }
  // the edit's id has a name of its own: kernels take a string called "id" for that of a question to answer
  | {
      type: "edited";
      edit: string;
      ok: boolean;
      revision?: number;
      error?: { problem: string; remedy: string };
    }
  | { type: "confirmed"; edit: string }
  | { type: "done"; id: number }
  // carry out a command of the browser's
  | { type: "perform"; name: string }
  | { type: "notice"; level: "info" | "warning" | "error"; problem: string; remedy: string };

/** The part of a widget model that this package uses; the same in every Jupyter front end. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  on(name: string, callback: (...args: never[]) => void): void;
  off(name?: string | null, callback?: ((...args: never[]) => void) | null): void;
  widget_manager: { get_model(id: string): Promise<unknown> };
}

const REFERENCE = "IPY_MODEL_";

/** The other widget that a trait refers to, or undefined. */
export async function resolveModel(model: Model, reference: unknown): Promise<unknown> {
  if (typeof reference !== "string" || !reference.startsWith(REFERENCE)) return undefined;
  return model.widget_manager.get_model(reference.slice(REFERENCE.length));
}

/** The bytes of a received buffer, without a copy. */
export function bytesOf(view: ArrayBuffer | ArrayBufferView): Uint8Array<ArrayBuffer> {
  if (view instanceof ArrayBuffer) return new Uint8Array(view);
  return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
}

/** Cut a flat buffer into the recordings of a batch: for each frame, its buffers. */
export function splitRecordings(flat: Uint8Array, lengths: number[], sizes: number[]): DataView[][] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (lengths.reduce((sum, n) => sum + n, 0) !== sizes.length || total !== flat.byteLength) {
    throw new Error("The kernel sent an overlay whose sizes do not add up.");
  }
  let offset = 0;
  let next = 0;
  return lengths.map((count) =>
    Array.from({ length: count }, () => {
      const size = sizes[next++] ?? 0;
      // a copy of its own: ipycanvas reads typed arrays, which need aligned offsets
      const part = new DataView(flat.slice(offset, offset + size).buffer);
      offset += size;
      return part;
    }),
  );
}
