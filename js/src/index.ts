// The anywidget module: one view of the frame canvas for each time it is displayed.

import { type App, createApp } from "./app";
import type { Model } from "./protocol";
import "./style.css";

/** Called once for each widget, so that its views know of each other, and of no other widget's. */
export default function createWidget() {
  const peers = new Set<App>();
  return {
    async render({ model, el }: { model: Model; el: HTMLElement }): Promise<() => void> {
      const app = await createApp(model, el, peers);
      return () => app.dispose();
    },
  };
}
