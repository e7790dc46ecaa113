import { describe, expect, it } from "vitest";
import { candidates, displayKey, Keymap, type KeyPress, normalize } from "../src/keymap";
import type { Binding } from "../src/protocol";

function press(key: string, code: string, modifiers: Partial<KeyPress> = {}): KeyPress {
  return {
    ...{ key, code, ctrlKey: false, altKey: false, shiftKey: false, metaKey: false, altGraph: false },
    ...modifiers,
  };
}

function bind(name: string, ...keys: string[]): Binding {
  return { name, keys, title: name, section: "Test", where: "kernel" };
}

const keymap = new Keymap([
  bind("copy", "c"),
  bind("copy_marked", "alt+c"),
  bind("copy_interval", "ctrl+alt+c"),
  bind("interest", "alt+,"),
  bind("label", ";"),
  bind("quote", "'"),
  bind("tick", "`"),
  bind("layer", "="),
  bind("overlay", "]"),
  bind("remove", "y"),
  bind("undo", "ctrl+z"),
  bind("redo", "ctrl+shift+z"),
  bind("nudge", "shift+left"),
  bind("fine", "ctrl+shift+left"),
  bind("back", "left"),
  bind("play", "space"),
  bind("help", "?"),
  bind("zoom", "+"),
  bind("one", "1"),
  bind("seven", "7"),
  bind("refresh", "f5"),
  bind("quit", "q"),
]);
const find = (event: KeyPress, mac = false) => keymap.find(event, mac)?.binding.name;

describe("Keymap", () => {
  it("finds plain and modified keys", () => {
    expect(find(press("c", "KeyC"))).toBe("copy");
    expect(find(press("c", "KeyC", { altKey: true }))).toBe("copy_marked");
    expect(find(press("c", "KeyC", { altKey: true, ctrlKey: true }))).toBe("copy_interval");
    expect(find(press("z", "KeyZ", { ctrlKey: true }))).toBe("undo");
    expect(find(press("Z", "KeyZ", { ctrlKey: true, shiftKey: true }))).toBe("redo");
    expect(find(press("ArrowLeft", "ArrowLeft"))).toBe("back");
    expect(find(press("ArrowLeft", "ArrowLeft", { shiftKey: true }))).toBe("nudge");
    expect(find(press("ArrowLeft", "ArrowLeft", { shiftKey: true, ctrlKey: true }))).toBe("fine");
    expect(find(press(" ", "Space"))).toBe("play");
    expect(find(press("F5", "F5"))).toBe("refresh");
  });

  it("leaves other keys alone", () => {
    expect(find(press("c", "KeyC", { ctrlKey: true }))).toBeUndefined();
    expect(find(press("c", "KeyC", { metaKey: true }))).toBeUndefined();
    expect(find(press("C", "KeyC", { shiftKey: true }))).toBeUndefined();
    expect(find(press("Tab", "Tab"))).toBeUndefined();
    expect(find(press("Shift", "ShiftLeft", { shiftKey: true }))).toBeUndefined();
  });

  it("does not mind caps lock", () => {
    expect(find(press("C", "KeyC"))).toBe("copy");
  });

  it("reads macOS's alt characters by their place", () => {
    expect(find(press("ç", "KeyC", { altKey: true }), true)).toBe("copy_marked");
    expect(find(press("≤", "Comma", { altKey: true }), true)).toBe("interest");
    expect(find(press("Dead", "KeyE", { altKey: true }), true)).toBeUndefined();
    expect(find(press("ç", "KeyC", { altKey: true, ctrlKey: true }), true)).toBe("copy_interval");
  });

  it("takes the command key for ctrl on a Mac only", () => {
    expect(find(press("z", "KeyZ", { metaKey: true }), true)).toBe("undo");
    expect(find(press("z", "KeyZ", { metaKey: true }), false)).toBeUndefined();
  });

  it("means letters as they are printed, on QWERTZ and AZERTY", () => {
    expect(find(press("y", "KeyZ"))).toBe("remove");
    expect(find(press("z", "KeyY", { ctrlKey: true }))).toBe("undo");
    expect(find(press("a", "KeyQ"))).toBeUndefined();
    expect(find(press("q", "KeyA"))).toBe("quit");
  });

  it("takes symbols wherever the layout has them", () => {
    expect(find(press("=", "Digit0", { shiftKey: true }))).toBe("layer");
    expect(find(press(";", "Comma", { shiftKey: true }))).toBe("label");
    expect(find(press("]", "Digit9", { altKey: true, ctrlKey: true, altGraph: true }))).toBe("overlay");
    expect(find(press("?", "Slash", { shiftKey: true }))).toBe("help");
    expect(find(press("?", "Minus", { shiftKey: true }))).toBe("help");
    expect(find(press("+", "BracketRight"))).toBe("zoom");
  });

  it("takes dead keys and other scripts by their place", () => {
    expect(find(press("Dead", "Backquote"))).toBe("tick");
    expect(find(press("Dead", "Quote"))).toBe("quote");
    expect(find(press("с", "KeyC"))).toBe("copy");
    expect(find(press("ψ", "KeyC"))).toBe("copy");
    expect(find(press("ж", "Semicolon"))).toBe("label");
  });

  it("takes digits where they need shift, and from the number pad", () => {
    expect(find(press("&", "Digit1"))).toBe("one");
    expect(find(press("1", "Digit1", { shiftKey: true }))).toBe("one");
    expect(find(press("7", "Numpad7"))).toBe("seven");
    expect(find(press("Home", "Numpad7"))).toBeUndefined();
  });

  it("brings key strings into one form", () => {
    expect(normalize("Alt+Ctrl+C")).toBe("ctrl+alt+c");
    expect(normalize("ctrl++")).toBe("ctrl++");
    expect(normalize("+")).toBe("+");
    expect(candidates(press("ArrowUp", "ArrowUp"))).toEqual(["up"]);
  });

  it("shows keys as people read them", () => {
    expect(displayKey("ctrl+shift+left")).toBe("Ctrl+Shift+←");
    expect(displayKey("+")).toBe("+");
    expect(displayKey("ctrl+=")).toBe("Ctrl+=");
    expect(displayKey("pagedown")).toBe("Page down");
    expect(displayKey("alt+c", true)).toBe("⌥C");
  });
});
