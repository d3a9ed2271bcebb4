/*
 * Decodes each image once, as training will, so that what cannot be used is said when it is added, in words. In a worker:
 * a photo takes tens of milliseconds.
 */
import { sniffFormat } from '@graft-ml/core/internal/image/file/sniff';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { canvasDecoder } from '@graft-ml/web/internal/image/canvas-decoder';
import type { Examined, ToExamine } from './examine.ts';

const decoder = canvasDecoder();

addEventListener('message', async ({ data: { id, name, file } }: MessageEvent<ToExamine>) => {
  let answer: Examined;
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    await decoder.decode({ bytes, name }, {});
    answer = { id, type: `image/${sniffFormat(bytes)}`, problem: null };
  } catch (error) {
    const reason = error instanceof ImageError ? error.problem.message : String(error);
    answer = { id, type: null, problem: reason };
  }
  self.postMessage(answer);
});
