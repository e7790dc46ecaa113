/** Lets an element fill the window, and gives the window back. */
export class FullWindow {
  constructor(
    private readonly root: HTMLElement,
    private readonly onChange: () => void,
  ) {}

  get active(): boolean {
    return this.root.classList.contains("jupytrack-full");
  }

  // the top layer fills the window whatever the cells around do; moving the element would lose its focus
  toggle(): void {
    if (this.leave()) return;
    this.root.classList.add("jupytrack-full");
    this.root.setAttribute("popover", "manual");
    this.root.showPopover?.();
    this.onChange();
  }

  /** Give the window back; tells whether there was anything to give back. */
  leave(): boolean {
    if (!this.active) return false;
    this.root.classList.remove("jupytrack-full");
    this.root.hidePopover?.();
    this.root.removeAttribute("popover");
    this.onChange();
    return true;
  }
}
