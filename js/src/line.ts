// The line to the kernel, which may be gone: then sending raises, and the user has to know.

import type { Model } from "./protocol";

export const LOST = "The kernel is gone: nothing you do here is kept.";
export const LOST_REMEDY =
  "Run the cell again, if need be after restarting the kernel. All that was confirmed is still there.";

/** A model that knows whether its kernel is gone. */
export type GuardedModel = Model & { readonly lost: boolean };

/** Messages that stand for something the user did, after which the loss is told again. */
const DOINGS = new Set(["edit", "command"]);

/**
 * A model that raises nothing when its kernel is gone, but calls `onLost`: the first time, and whenever something
 * that the user did was lost.
 */
export function guardLine(model: Model, onLost: () => void): GuardedModel {
  let lost = false;
  const attempt = (send: () => void, isDoing: boolean) => {
    try {
      send();
      lost = false;
    } catch (error) {
      if (!lost || isDoing) onLost();
      if (!lost) console.warn("jupytrack: the kernel is gone", error);
      lost = true;
    }
  };
  return {
    get lost() {
      return lost;
    },
    get: (name) => model.get(name),
    set: (name, value) => model.set(name, value),
    save_changes: () => attempt(() => model.save_changes(), false),
    send: (content, callbacks, buffers) => {
      const type = (content as { type?: string }).type ?? "";
      attempt(() => model.send(content, callbacks, buffers), DOINGS.has(type));
    },
    on: (name, callback) => model.on(name, callback),
    off: (name, callback) => model.off(name, callback),
    get widget_manager() {
      return model.widget_manager;
    },
  };
}
