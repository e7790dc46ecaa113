import { beforeEach, describe, expect, it } from "vitest";
import { guardLine } from "../src/line";
import type { Model } from "../src/protocol";

let alive: boolean;
let sent: unknown[];
let losses: number;
let model: Model;

beforeEach(() => {
  [alive, sent, losses] = [true, [], 0];
  const send = (content: unknown) => {
    if (!alive) throw new Error("Cannot send");
    sent.push(content);
  };
  const bare = { get: (name: string) => name, set() {}, on() {}, off() {}, send };
  const manager = { get_model: async () => "found" };
  model = guardLine({ ...bare, save_changes: () => send("state"), widget_manager: manager }, () => {
    losses++;
  });
});

describe("guardLine", () => {
  it("passes everything on while the kernel is there", async () => {
    model.send({ type: "bye" });
    model.save_changes();
    expect(sent).toEqual([{ type: "bye" }, "state"]);
    expect(model.get("frame")).toBe("frame");
    expect(await model.widget_manager.get_model("x")).toBe("found");
    expect(losses).toBe(0);
  });

  it("raises nothing when it is gone, and tells once", () => {
    alive = false;
    for (let n = 0; n < 3; n++) {
      model.send({ type: "still" });
      model.save_changes();
    }
    expect(losses).toBe(1);
  });

  it("tells again when something that the user did is lost", () => {
    alive = false;
    model.send({ type: "still" });
    model.send({ type: "edit" });
    model.send({ type: "command" });
    expect(losses).toBe(3);
  });

  it("tells of the next loss after the kernel came back", () => {
    alive = false;
    model.save_changes();
    alive = true;
    model.save_changes();
    alive = false;
    model.save_changes();
    expect(losses).toBe(2);
  });
});
