// Messages to the user: what went wrong and what helps, until dismissed.

import { element, ICONS, icon } from "./dom";

export type Level = "info" | "warning" | "error";

const SHOWN_FOR = { info: 3500, warning: 10_000, error: 0 }; // ms; 0 stays
const SHOWN = 3;
const MOST = 30;

export class Notices {
  readonly node = element("div", { class: "jupytrack-notices", "aria-live": "polite" });
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private readonly earlier = element("button", { type: "button", class: "jupytrack-earlier", hidden: "" });

  constructor() {
    this.node.append(this.earlier);
    this.earlier.addEventListener("click", () => {
      this.node.classList.toggle("jupytrack-expanded");
      this.count();
    });
  }

  show(level: Level, problem: string, remedy = ""): void {
    this.all.find((one) => one.getAttribute("data-text") === problem + remedy)?.remove();
    while (this.all.length >= MOST) this.all[0]?.remove();
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
    close.addEventListener("click", () => this.remove(notice));
    this.node.append(notice);
    this.count();
    const wait = SHOWN_FOR[level];
    if (wait > 0) {
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        this.remove(notice);
      }, wait);
      this.timers.add(timer);
    }
  }

  /** Take the newest message away; tells whether there was one. */
  dismiss(): boolean {
    const newest = this.all.at(-1);
    if (newest) this.remove(newest);
    return newest !== undefined;
  }

  private get all(): Element[] {
    return [...this.node.children].filter((child) => child !== this.earlier);
  }

  private remove(notice: Element): void {
    notice.remove();
    this.count();
  }

  private count(): void {
    const hidden = this.all.length - SHOWN;
    if (hidden <= 0) this.node.classList.remove("jupytrack-expanded");
    const expanded = this.node.classList.contains("jupytrack-expanded");
    this.earlier.hidden = hidden <= 0;
    this.earlier.textContent = expanded ? "Fewer" : `${hidden} earlier`;
  }

  dispose(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }
}
