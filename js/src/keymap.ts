// From keyboard events to the key strings of the bindings table, whatever the layout.

import type { Binding } from "./protocol";

/** The part of a keyboard event that decides. */
export interface KeyPress {
  key: string;
  code: string;
  ctrlKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  metaKey: boolean;
  altGraph: boolean;
}

const NAMES: Record<string, string> = {
  " ": "space",
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  Escape: "escape",
  Esc: "escape",
  Spacebar: "space",
};

// what a key types on a US keyboard: the meaning of its place, where its own character says nothing
const PLACES: Record<string, string> = {
  Minus: "-",
  Equal: "=",
  BracketLeft: "[",
  BracketRight: "]",
  Semicolon: ";",
  Quote: "'",
  Backquote: "`",
  Comma: ",",
  Period: ".",
  Slash: "/",
  Backslash: "\\",
  Space: "space",
};

const MODIFIERS = ["ctrl", "alt", "shift"] as const;

/** Bring a key string into one form: lower case, modifiers in a fixed order. */
export function normalize(text: string): string {
  const parts = text.trim().toLowerCase().split("+");
  // the key itself may be a plus: "ctrl++" or "+"
  const key = parts.pop() || "+";
  const names = parts.map((part) =>
    part === "control" || part === "cmd" ? "ctrl" : part === "option" ? "alt" : part,
  );
  return [...MODIFIERS.filter((name) => names.includes(name)), key].join("+");
}

/** Every key string that an event may stand for, most literal first. */
export function candidates(event: KeyPress, mac = false): string[] {
  const { key, code } = event;
  const typed = [...key].length === 1 && key !== " ";
  // AltGr types characters of its own, and some systems report it as ctrl and alt
  const composed = event.altGraph && typed;
  const ctrl = !composed && (event.ctrlKey || (mac && event.metaKey));
  const alt = !composed && event.altKey;
  const found: string[] = [];
  const add = (name: string, shift: boolean) => {
    const modifiers = { ctrl, alt, shift };
    const text = [...MODIFIERS.filter((modifier) => modifiers[modifier]), name].join("+");
    if (!found.includes(text)) found.push(text);
  };
  if (!mac && event.metaKey) return [];
  if (typed) {
    const character = key.toLowerCase();
    const isLetter = character !== key.toUpperCase();
    if (isLetter) add(character, event.shiftKey);
    else {
      // the shift that a symbol needs on this layout is no modifier
      add(character, false);
      if (event.shiftKey) add(character, true);
    }
  } else if (key !== "Dead" && key !== "Unidentified" && key !== "Process") {
    add(NAMES[key] ?? key.toLowerCase(), event.shiftKey);
  }
  const place = placeOf(code, typed);
  // a Latin letter means what is printed on it; alt (macOS composes), other scripts and dead keys mean their place
  const foreign = !typed || key > "\x7f";
  if (place && (alt || foreign || /^[0-9]$/.test(place))) {
    add(place, event.shiftKey);
    // where digits are typed with shift, they are the digit either way
    if (/^[0-9]$/.test(place) && !alt && !ctrl && event.shiftKey) add(place, false);
  }
  return found;
}

function placeOf(code: string, typed: boolean): string | undefined {
  const letter = /^Key([A-Z])$/.exec(code)?.[1];
  if (letter) return letter.toLowerCase();
  // with the number lock off, a number pad moves instead
  const digit = (typed ? /^(?:Digit|Numpad)([0-9])$/ : /^Digit([0-9])$/).exec(code)?.[1];
  return digit ?? PLACES[code];
}

/** Finds the binding that a key press stands for. */
export class Keymap {
  private table = new Map<string, Binding>();

  constructor(bindings: Binding[] = []) {
    this.update(bindings);
  }

  update(bindings: Binding[]): void {
    this.table = new Map();
    for (const binding of bindings) {
      for (const key of binding.keys) {
        const name = normalize(key);
        if (!this.table.has(name)) this.table.set(name, binding);
      }
    }
  }

  find(event: KeyPress, mac = false): { binding: Binding; key: string } | undefined {
    for (const key of candidates(event, mac)) {
      const binding = this.table.get(key);
      if (binding) return { binding, key };
    }
    return undefined;
  }
}

const SHOWN: Record<string, string> = {
  left: "←",
  right: "→",
  up: "↑",
  down: "↓",
  escape: "Esc",
  pageup: "Page up",
  pagedown: "Page down",
};

/** Write a key string as people read it. */
export function displayKey(text: string, mac = false): string {
  const names: Record<string, string> = mac
    ? { ctrl: "⌃", alt: "⌥", shift: "⇧" }
    : { ctrl: "Ctrl", alt: "Alt", shift: "Shift" };
  const normal = normalize(text);
  const modifiers = MODIFIERS.filter((name) => normal.startsWith(`${name}+`) || normal.includes(`+${name}+`));
  const key = normal.slice(modifiers.reduce((length, name) => length + name.length + 1, 0));
  const shown = SHOWN[key] ?? key.charAt(0).toUpperCase() + key.slice(1);
  return [...modifiers.map((name) => names[name] ?? name), shown].join(mac ? "" : "+");
}
