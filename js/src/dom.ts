// Small helpers to make elements.

type Child = Node | string | null | undefined;

/** Make an element with attributes and children. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter((child): child is Node | string => child !== null && child !== undefined));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon from a path in a 24 × 24 field, in the colour of the text. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

export const ICONS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M6 5h4v14H6zM14 5h4v14h-4z",
  next: "M6 5l9 7-9 7zM16 5h2.5v14H16z",
  previous: "M18 5l-9 7 9 7zM5.5 5H8v14H5.5z",
  nextTen: "M4 5l8 7-8 7zM12 5l8 7-8 7z",
  previousTen: "M20 5l-8 7 8 7zM12 5l-8 7 8 7z",
  zoomIn:
    "M10.5 4a6.5 6.5 0 1 0 4 11.6l4.4 4.4 1.4-1.4-4.4-4.4A6.5 6.5 0 0 0 10.5 4zm0 2a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zm-1 2v2h-2v1.6h2v2h1.7v-2h2V10h-2V8z",
  zoomOut:
    "M10.5 4a6.5 6.5 0 1 0 4 11.6l4.4 4.4 1.4-1.4-4.4-4.4A6.5 6.5 0 0 0 10.5 4zm0 2a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zm-3 3.8v1.7h6V9.8z",
  fit: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
  window: "M3 5h18v14H3zm2 4v8h14V9z",
  help: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 2a7 7 0 1 1 0 14 7 7 0 0 1 0-14zm-1 10.5h2v2h-2zM12 6.6c-2 0-3.4 1.2-3.5 3h2c.1-.8.7-1.3 1.5-1.3s1.4.5 1.4 1.2c0 .6-.3 1-1.1 1.5-.9.6-1.3 1.2-1.3 2.2v.8h2v-.6c0-.6.2-.9 1-1.4 1-.6 1.5-1.4 1.5-2.5 0-1.7-1.4-2.9-3.5-2.9z",
  close: "M6.4 5L12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4L12 13.4 6.4 19 5 17.6l5.6-5.6L5 6.4z",
} as const;

/** Whether the browser runs on a Mac, where the modifiers have other names. */
export function isMac(): boolean {
  return /mac|iphone|ipad/i.test(navigator.platform || navigator.userAgent);
}
