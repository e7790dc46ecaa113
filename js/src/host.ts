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

/** Keep the keys of a host from the notebook and answer them; returns a function that stops it. */
export function adoptHost(host: HTMLElement, options: HostOptions): () => void {
  const { root, onKey, focus, isFirst } = options;
  host.setAttribute("data-lm-suppress-shortcuts", "true");
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
