// The widget that holds the canvas, its buttons and its traces: the keys work in all of it.

interface HostOptions {
  root: HTMLElement;
  onKey: (event: KeyboardEvent) => void;
  focus: () => void;
  /** Whether this canvas answers for the host, where it holds several. */
  isFirst: () => boolean;
}

/** The element of the annotator around a canvas, if there is one. */
export function findHost(el: HTMLElement): HTMLElement | null {
  return el.closest<HTMLElement>(".jupytrack");
}

/** Answer the keys that are pressed anywhere in a host; returns a function that stops it. */
export function adoptHost(host: HTMLElement, options: HostOptions): () => void {
  const { root, onKey, focus, isFirst } = options;
  const onKeydown = (event: KeyboardEvent) => {
    if (!root.contains(event.target as Node) && isFirst()) onKey(event);
  };
  const onClick = (event: MouseEvent) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    // a clicked button would take the space bar; those who come by the tab key keep their place
    if (button && !root.contains(button) && event.detail > 0 && isFirst()) focus();
  };
  host.addEventListener("keydown", onKeydown);
  host.addEventListener("click", onClick);
  return () => {
    host.removeEventListener("keydown", onKeydown);
    host.removeEventListener("click", onClick);
  };
}

const SUPPRESS = "data-lm-suppress-shortcuts";

/**
 * Keep keys in an area from the notebook; returns a function that stops it.
 *
 * The notebook's shortcuts are found before any listener inside the page's body is called, and they spare an element
 * only if that very element says so. Those that are not claimed, such as saving the notebook, go on as ever.
 */
export function guardKeys(area: () => HTMLElement, isClaimed: (event: KeyboardEvent) => boolean): () => void {
  const onKeydown = (event: KeyboardEvent) => {
    const { target } = event;
    if (!(target instanceof Element) || !area().contains(target)) return;
    if (isClaimed(event)) target.setAttribute(SUPPRESS, "true");
    else target.removeAttribute(SUPPRESS);
  };
  window.addEventListener("keydown", onKeydown, { capture: true });
  return () => window.removeEventListener("keydown", onKeydown, { capture: true });
}
