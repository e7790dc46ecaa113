import type { View } from "./view";

/**
 * Keep a canvas as large as the stage around it, in whole device pixels; returns a function that stops it.
 *
 * `onResize` is called when the canvas, which is empty then, has to be painted before the browser shows it.
 */
export function watchSize(
  stage: HTMLElement,
  canvas: HTMLCanvasElement,
  view: View,
  onResize: () => void,
): () => void {
  const measure = () => {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.floor(stage.clientWidth);
    const height = Math.floor(stage.clientHeight);
    // a hidden cell has no size
    if (width === 0 || height === 0) return;
    const deviceWidth = Math.round(width * ratio);
    const deviceHeight = Math.round(height * ratio);
    if (canvas.width === deviceWidth && canvas.height === deviceHeight && view.ratio === ratio) return;
    canvas.width = deviceWidth;
    canvas.height = deviceHeight;
    // whole device pixels, even where the ratio is a fraction
    canvas.style.width = `${deviceWidth / ratio}px`;
    canvas.style.height = `${deviceHeight / ratio}px`;
    view.resize(deviceWidth / ratio, deviceHeight / ratio, ratio);
    onResize();
  };
  const observer = new ResizeObserver(measure);
  observer.observe(stage);
  let media: MediaQueryList | undefined;
  const watchRatio = () => {
    media?.removeEventListener("change", watchRatio);
    media = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    media.addEventListener("change", watchRatio);
    measure();
  };
  watchRatio();
  return () => {
    observer.disconnect();
    media?.removeEventListener("change", watchRatio);
  };
}
