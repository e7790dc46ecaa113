// From the bytes of a still to something that can be drawn, no finer than the screen shows it.

/** A decoded frame, perhaps smaller than the video's. */
export type Picture = ImageBitmap | VideoFrame;

/** A still as it came from the kernel. */
export interface Still {
  data: Uint8Array;
  mime: string;
}

/** Decoders of JPEG scale by eighths while they decode, which costs that much less. */
export const FULL_DETAIL = 8;

/** How many eighths of the video's size a picture must have to be as sharp as the screen can show it. */
export function detailFor(scale: number): number {
  return Math.min(Math.max(Math.ceil(FULL_DETAIL * scale - 1e-6), 1), FULL_DETAIL);
}

/**
 * Decode a still at `detail` eighths of its size, or larger where the browser cannot scale.
 *
 * WebCodecs' ImageDecoder leaves the colours to the drawing and takes a third of the time of an ImageBitmap, but only
 * https and localhost offer it.
 */
export async function decodeStill(
  still: Still,
  width: number,
  height: number,
  detail: number,
): Promise<Picture> {
  if (!("ImageDecoder" in globalThis)) {
    return createImageBitmap(new Blob([still.data as BlobPart], { type: still.mime }));
  }
  const size =
    detail < FULL_DETAIL
      ? {
          desiredWidth: Math.ceil((width * detail) / FULL_DETAIL),
          desiredHeight: Math.ceil((height * detail) / FULL_DETAIL),
        }
      : {};
  const decoder = new ImageDecoder({ data: still.data as BufferSource, type: still.mime, ...size });
  try {
    return (await decoder.decode()).image;
  } finally {
    decoder.close();
  }
}

/** The width and height of a picture's own pixels. */
export function sizeOf(picture: Picture): { width: number; height: number } {
  if ("displayWidth" in picture) return { width: picture.displayWidth, height: picture.displayHeight };
  return picture;
}

/** The memory that a picture takes. */
export function pictureBytes(picture: Picture): number {
  if ("allocationSize" in picture) return picture.allocationSize();
  return 4 * picture.width * picture.height;
}

/**
 * The part of a picture that shows the whole frame.
 *
 * A decoder that scales by eighths rounds the size up, so that the last row and column may be part empty.
 */
export function sourceSize(
  picture: Picture,
  width: number,
  height: number,
): { width: number; height: number } {
  const size = sizeOf(picture);
  const exact = (own: number, full: number) => {
    const eighths = Math.floor((FULL_DETAIL * own) / full + 1e-9);
    const wanted = (full * eighths) / FULL_DETAIL;
    return own - wanted < 1 ? wanted : own;
  };
  return { width: exact(size.width, width), height: exact(size.height, height) };
}
