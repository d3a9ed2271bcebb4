import { UserError } from '@graft-ml/core/internal/base/errors';
import type { PixelImage } from '@graft-ml/core/internal/image/decoder';

/** An image as a page has it: a file, pixels, or what a canvas can draw, such as a frame of a video. */
export type PageImage = Blob | Uint8Array<ArrayBuffer> | ArrayBuffer | PixelImage | CanvasFrame;

/** What a canvas can draw: `<img>`, `<video>`, `<canvas>`, `ImageBitmap`, `OffscreenCanvas`, `VideoFrame`. */
export interface CanvasFrame {
  readonly videoWidth?: number;
  readonly videoHeight?: number;
  readonly naturalWidth?: number;
  readonly naturalHeight?: number;
  readonly displayWidth?: number;
  readonly displayHeight?: number;
  readonly width?: number;
  readonly height?: number;
}

/** The pixels of what is decoded or can be drawn. @throws UserError where it is neither, or has no frame yet */
export function pixelsOfFrame(image: PixelImage | CanvasFrame): PixelImage {
  return 'data' in image ? image : drawn(image);
}

function drawn(frame: CanvasFrame): PixelImage {
  const [width, height] = sizeOf(frame);
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true, alpha: false });
  if (context === null || width === 0) throw new UserError('There is no frame to look at yet.');
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, width, height);
  context.drawImage(frame as ImageBitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** The size of what is in it: an element may be shown in another one. */
function sizeOf(frame: CanvasFrame): readonly [width: number, height: number] {
  const width = frame.videoWidth ?? frame.naturalWidth ?? frame.displayWidth ?? frame.width;
  const height = frame.videoHeight ?? frame.naturalHeight ?? frame.displayHeight ?? frame.height;
  if (typeof width === 'number' && typeof height === 'number') return [width, height];
  throw new UserError('predict: expected an image file, pixels, or what a canvas can draw.');
}
