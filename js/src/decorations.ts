// What the browser itself draws over a frame: points in the hand or on their way, grid, magnifier, hints.

import type { Shown } from "./compositor";
import type { Edits } from "./edits";
import type { LabelledPoint } from "./protocol";
import type { View } from "./view";

const GRID_FROM = 12; // device pixels an image pixel takes, from which on its edges are drawn
const MAGNIFIER = 72; // radius in CSS pixels
const MAGNIFIED = 4;
const HINT_INSET = 18;

export interface DecorationState {
  edits: Edits;
  /** The point in the hand. */
  held: LabelledPoint | null;
  selected: string;
}

/** Draw everything for a frame; `revision` is that of the overlay beneath. */
export function decorate(
  context: CanvasRenderingContext2D,
  view: View,
  shown: Shown,
  state: DecorationState,
): void {
  const { ratio } = view;
  context.save();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (view.zoom * ratio >= GRID_FROM) drawGrid(context, view);
  drawEdits(context, view, shown, state.edits);
  const points = state.edits.apply(shown.recording.points, shown.frame, shown.recording.revision);
  const selected = points.find((point) => point.label === state.selected);
  if (selected && !state.held && !view.contains(selected)) drawHint(context, view, selected);
  if (state.held) drawHeld(context, view, shown, state.held);
  context.restore();
}

function drawGrid(context: CanvasRenderingContext2D, view: View): void {
  const first = view.toImage({ x: 0, y: 0 });
  const last = view.toImage({ x: view.width, y: view.height });
  const left = Math.max(Math.ceil(first.x + 0.5), 0);
  const top = Math.max(Math.ceil(first.y + 0.5), 0);
  const right = Math.min(Math.floor(last.x + 0.5), view.imageWidth);
  const bottom = Math.min(Math.floor(last.y + 0.5), view.imageHeight);
  const near = view.toScreen({ x: Math.max(first.x, -0.5), y: Math.max(first.y, -0.5) });
  const far = view.toScreen({
    x: Math.min(last.x, view.imageWidth - 0.5),
    y: Math.min(last.y, view.imageHeight - 0.5),
  });
  context.beginPath();
  for (let x = left; x <= right; x++) {
    const at = (x - view.originX) * view.zoom;
    context.moveTo(at, near.y);
    context.lineTo(at, far.y);
  }
  for (let y = top; y <= bottom; y++) {
    const at = (y - view.originY) * view.zoom;
    context.moveTo(near.x, at);
    context.lineTo(far.x, at);
  }
  context.lineWidth = 1 / view.ratio;
  context.strokeStyle = "rgba(128, 128, 128, 0.35)";
  context.stroke();
}

function drawEdits(context: CanvasRenderingContext2D, view: View, shown: Shown, edits: Edits): void {
  for (const edit of edits.of(shown.frame)) {
    const at = view.toScreen(edit);
    const ahead = edits.isAhead(edit, shown.recording.revision);
    if (ahead && edit.op === "place") {
      disc(context, at.x, at.y, 5, edit.color);
    } else if (ahead) {
      cross(context, at.x, at.y, 6);
    }
    if (edits.isMarked(edit)) {
      context.setLineDash([4, 3]);
      ring(context, at.x, at.y, 11, "#ffffff");
      context.setLineDash([]);
    }
  }
}

// an arrow at the edge, towards the point that is out of sight
function drawHint(context: CanvasRenderingContext2D, view: View, point: LabelledPoint): void {
  const at = view.toScreen(point);
  const middle = { x: view.width / 2, y: view.height / 2 };
  const dx = at.x - middle.x;
  const dy = at.y - middle.y;
  const reach = Math.min(
    (middle.x - HINT_INSET) / Math.max(Math.abs(dx), 1e-9),
    (middle.y - HINT_INSET) / Math.max(Math.abs(dy), 1e-9),
  );
  context.save();
  context.translate(middle.x + dx * reach, middle.y + dy * reach);
  context.rotate(Math.atan2(dy, dx));
  context.beginPath();
  context.moveTo(12, 0);
  context.lineTo(-7, 8);
  context.lineTo(-3, 0);
  context.lineTo(-7, -8);
  context.closePath();
  context.fillStyle = point.color;
  context.strokeStyle = "rgba(0, 0, 0, 0.8)";
  context.lineWidth = 1.5;
  context.fill();
  context.stroke();
  context.restore();
}

function drawHeld(context: CanvasRenderingContext2D, view: View, shown: Shown, held: LabelledPoint): void {
  const at = view.toScreen(held);
  ring(context, at.x, at.y, 7, held.color);
  hair(context, at.x, at.y, 3, 16, held.color);
  // in the corner away from the hand, so that it hides nothing that matters
  const inset = MAGNIFIER + 12;
  const x = at.x < view.width / 2 ? view.width - inset : inset;
  const y = at.y < inset * 2 + 20 || view.height < 4 * inset ? view.height - inset : inset;
  const scale = Math.max(view.zoom * MAGNIFIED, 8);
  context.save();
  context.beginPath();
  context.arc(x, y, MAGNIFIER, 0, 2 * Math.PI);
  context.fillStyle = "#202020";
  context.fill();
  context.clip();
  context.imageSmoothingEnabled = false;
  const left = x - (held.x + 0.5) * scale;
  const top = y - (held.y + 0.5) * scale;
  context.drawImage(shown.picture, left, top, view.imageWidth * scale, view.imageHeight * scale);
  hair(context, x, y, 4, MAGNIFIER, held.color);
  context.restore();
  ring(context, x, y, MAGNIFIER, "#ffffff");
}

function disc(context: CanvasRenderingContext2D, x: number, y: number, radius: number, color: string): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = "rgba(0, 0, 0, 0.8)";
  context.stroke();
}

function ring(context: CanvasRenderingContext2D, x: number, y: number, radius: number, color: string): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.lineWidth = 3.5;
  context.strokeStyle = "rgba(0, 0, 0, 0.6)";
  context.stroke();
  context.lineWidth = 1.5;
  context.strokeStyle = color;
  context.stroke();
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  context.beginPath();
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x - size, y + size);
  context.lineTo(x + size, y - size);
  context.lineWidth = 4;
  context.strokeStyle = "rgba(0, 0, 0, 0.7)";
  context.stroke();
  context.lineWidth = 2;
  context.strokeStyle = "#ffffff";
  context.stroke();
}

function hair(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  from: number,
  to: number,
  color: string,
): void {
  context.beginPath();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const) {
    context.moveTo(x + dx * from, y + dy * from);
    context.lineTo(x + dx * to, y + dy * to);
  }
  context.lineWidth = 1;
  context.strokeStyle = color;
  context.stroke();
}
