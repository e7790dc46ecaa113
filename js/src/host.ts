// The widget that holds the canvas, its buttons and its traces: the keys work in all of it.

interface HostOptions {
  root: HTMLElement;
  onKey: (event: KeyboardEvent) => void;
  focus: () => void;
  /** Whether this canvas answers for the host, where it holds several. */
  isFirst: () => boolean;
}

/** The element of the annotator around a canvas, or of the queue of videos around that, if there is one. */
export function findHost(el: HTMLElement): HTMLElement | null {
  return el.closest<HTMLElement>(".jupytrack-queue") ?? el.closest<HTMLElement>(".jupytrack");
}

/** What takes the keys itself when it is pressed; a button gives them back at once. */
const CONTROLS = "input, select, textarea, [contenteditable='true'], [tabindex], a[href], dialog";

const CLICK_AFTER = 100; // ms

/**
 * Answer the keys that are pressed anywhere in a host; returns a function that stops it.
 *
 * A press on what takes no keys, such as a plot or a heading, would give them to the notebook's cell, so the canvas
 * takes them.
 */
export function adoptHost(host: HTMLElement, options: HostOptions): () => void {
  const { root, onKey, focus, isFirst } = options;
  const aborter = new AbortController();
  const { signal } = aborter;
  let byPointer = false;
  const takesKeys = (target: EventTarget | null) => {
    const control = target instanceof Element ? target.closest(CONTROLS) : null;
    return control !== null && control !== host && host.contains(control) && !control.matches(":disabled");
  };
  const focusUnlessControl = (event: Event) => {
    if (!takesKeys(event.target) && isFirst()) focus();
  };
  const onFieldKey = (event: KeyboardEvent) => {
    // a host of several annotators hears of it several times
    if (!isFirst()) return;
    const chosen = { Enter: ".jupytrack-default", Escape: ".jupytrack-cancel" }[event.key];
    const field = event.target instanceof Element ? event.target.closest(".jupytrack-field") : null;
    const button = chosen && field?.parentElement?.querySelector<HTMLElement>(`button${chosen}`);
    if (!button || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    // leaving the field sends what is in it; the click comes later, since the kernel may handle them in two threads
    (event.target as HTMLElement).blur();
    setTimeout(() => button.click(), CLICK_AFTER);
    focus();
  };
  const onKeydown = (event: KeyboardEvent) => {
    byPointer = false;
    if (event.target === host && keepsPlace(event)) return;
    if (!root.contains(event.target as Node) && isFirst()) onKey(event);
  };
  const onPress = (event: PointerEvent) => {
    byPointer = true;
    if (event.target instanceof Element && event.target.closest("button:not(:disabled)")) return;
    // the browser, and then the notebook, move the focus only after this
    setTimeout(() => focusUnlessControl(event));
    window.addEventListener("pointerup", () => setTimeout(() => focusUnlessControl(event)), {
      once: true,
      signal,
    });
  };
  const onClick = (event: MouseEvent) => {
    // a clicked button would take the space bar; those who come by the tab key keep their place
    if (event.detail > 0 && !root.contains(event.target as Node)) focusUnlessControl(event);
  };
  const onChange = (event: Event) => {
    if (byPointer && event.target instanceof HTMLSelectElement && isFirst()) focus();
  };
  host.addEventListener("keydown", onKeydown, { signal });
  // before the field's own listener, which lets nothing through
  host.addEventListener("keydown", onFieldKey, { signal, capture: true });
  host.addEventListener("pointerdown", onPress, { signal, capture: true });
  host.addEventListener("click", onClick, { signal });
  host.addEventListener("change", onChange, { signal });
  return () => aborter.abort();
}

const SUPPRESS = "data-lm-suppress-shortcuts";

/**
 * Let a host hold the focus while the canvas that had it goes and the one that gets it comes.
 *
 * Otherwise the notebook would have the keys for that moment, in which one of them may delete a cell.
 */
export function holdFocus(host: HTMLElement): void {
  host.setAttribute("tabindex", "-1");
  host.setAttribute(SUPPRESS, "true");
  host.focus({ preventScroll: true });
}

// alt and an arrow would make the browser leave the page
function keepsPlace(event: KeyboardEvent): boolean {
  if (!event.altKey) return false;
  event.preventDefault();
  return true;
}

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
