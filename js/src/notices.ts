// Messages to the user: what went wrong and what helps, until dismissed.

import { element, ICONS, icon } from "./dom";

export type Level = "info" | "warning" | "error";

const SHOWN_FOR = { info: 3500, warning: 10_000, error: 0 }; // ms; 0 stays
const MOST = 4;

export class Notices {
  readonly node = element("div", { class: "jupytrack-notices", "aria-live": "polite" });
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();

  show(level: Level, problem: string, remedy = ""): void {
    const same = [...this.node.children].find(
      (child) => child.getAttribute("data-text") === problem + remedy,
    );
    same?.remove();
    while (this.node.childElementCount >= MOST) this.node.firstElementChild?.remove();
    const close = element("button", { type: "button", class: "jupytrack-close", "aria-label": "Dismiss" });
    close.append(icon(ICONS.close));
    const text = element(
      "div",
      { class: "jupytrack-notice-text" },
      element("div", {}, problem),
      remedy ? element("div", { class: "jupytrack-remedy" }, remedy) : null,
    );
    const role = level === "error" ? "alert" : "status";
    const notice = element("div", { class: `jupytrack-notice jupytrack-${level}`, role }, text, close);
    notice.setAttribute("data-text", problem + remedy);
    close.addEventListener("click", () => notice.remove());
    this.node.append(notice);
    const wait = SHOWN_FOR[level];
    if (wait > 0) {
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        notice.remove();
      }, wait);
      this.timers.add(timer);
    }
  }

  /** Take the newest message away; tells whether there was one. */
  dismiss(): boolean {
    const newest = this.node.lastElementChild;
    newest?.remove();
    return newest !== null;
  }

  dispose(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }
}
