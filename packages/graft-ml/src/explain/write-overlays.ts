import { basename, extname, join } from 'node:path';
import type { RankedClass } from '@graft-ml/core/evaluate';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import {
  type ExplainedImage,
  type ExplainMethod,
  type ExplainOptions,
  interleaved,
  methodFor,
  type OverlayOptions,
  overlay,
  sideBySide,
} from '@graft-ml/core/internal/explain/index';
import sharp from 'sharp';
import type { Classifier } from '../evaluate/classifier.ts';
import { exists } from '../files/read.ts';
import { makeFolders, replaceFile, wrapWriteErrors } from '../files/write.ts';
import type { Model } from '../transfer/model.ts';
import { explain } from './explain.ts';

export interface WriteOverlaysOptions extends ExplainOptions {
  /** The folder to write to, which is made where it is missing. Nothing is written elsewhere. */
  readonly out: string;
  /** Whether overlays of the same names are replaced. Default false: that is an error, before any work is done. */
  readonly overwrite?: boolean | undefined;
  /** The share of the colour where most speaks for the class, in [0, 1]. Default 0.7. */
  readonly opacity?: number | undefined;
}

/** An overlay that was written, or why an image cannot be used. */
export type WrittenOverlay =
  | {
      readonly path: string;
      /** The PNG file: the image as the network sees it, and beside it the overlay. */
      readonly file: string;
      readonly method: ExplainMethod;
      /** The endpoint whose activations were looked at; null for methods that look at pixels. */
      readonly endpoint: string | null;
      /** The class that is explained. */
      readonly explained: RankedClass;
      /** The likeliest class. */
      readonly predicted: RankedClass;
      /** Whether nothing in the image speaks for the class: the overlay is grey. */
      readonly isEmpty: boolean;
      readonly problem?: undefined;
    }
  | { readonly path: string; readonly problem: string };

/** The side of the image in an overlay, in pixels, up to which small ones are enlarged. */
const leastSide = 224;
const white = 8;

/**
 * Explains image files one after the other, and writes for each a PNG into `out`: the image as the network sees it,
 * and beside it the overlay. The files are called `1-<image>.<method>.png`, with characters that file systems or
 * terminals take amiss replaced.
 *
 * @throws UserError where `out` holds such a file already or cannot be written to; what `explain` throws
 * @example
 * for await (const { path, file } of writeOverlays(classifier, paths, { out: 'explanations' })) console.log(path, file);
 */
export async function* writeOverlays(
  model: Model | Classifier,
  paths: readonly string[],
  { out, overwrite = false, opacity, ...options }: WriteOverlaysOptions,
): AsyncGenerator<WrittenOverlay, void, undefined> {
  // A Model and a Classifier are both networks with their numbers.
  const method = methodFor(model, options);
  const digits = String(paths.length).length;
  const files = paths.map((path, i) => {
    const number = String(i + 1).padStart(digits, '0');
    return join(out, `${number}-${safeStem(path)}.${method}.png`);
  });
  if (!overwrite) await assertNone(files);
  await wrapWriteErrors(out, () => makeFolders(out));
  let index = 0;
  for await (const explanation of explain(model, paths, { ...options, method })) {
    const file = files[index++]!;
    if (explanation.problem) {
      yield { path: explanation.path, problem: explanation.problem.message };
      continue;
    }
    const { path, endpoint, explained, predicted, normalised } = explanation;
    // Single pixels are too fine to be seen on an image.
    const blur =
      method === 'integrated-gradients' ? Math.min(explanation.image.width, explanation.image.height) / 75 : 0;
    const png = await pngOf(explanation, { blur, ...(opacity !== undefined && { opacity }) });
    await wrapWriteErrors(file, () => replaceFile(file, png));
    const isEmpty = normalised.data.every((value) => value <= 0);
    yield { path, file, method, endpoint, explained, predicted, isEmpty };
  }
}

async function assertNone(files: readonly string[]): Promise<void> {
  for (const file of files) {
    if (!(await exists(file))) continue;
    throw new UserError(
      `${file} is there already. Pass ${option('overwrite', true)} to replace it, or another ${option('out')}.`,
    );
  }
}

/** The stem of an image's name with nothing in it but letters, digits, `_`, `-` and dots inside. */
function safeStem(path: string): string {
  const name = basename(path);
  const stem = name.slice(0, name.length - extname(name).length);
  const letters = stem.normalize('NFC').replace(/[^\p{L}\p{N}._-]+/gu, '_');
  return (
    Array.from(letters)
      .slice(0, 60)
      .join('')
      .replace(/^\.+|\.+$/g, '') || 'image'
  );
}

/** A PNG of the image with its overlay beside it. */
async function pngOf({ image, normalised }: ExplainedImage, options: OverlayOptions): Promise<Uint8Array> {
  const scale = Math.max(1, Math.ceil(leastSide / Math.min(image.width, image.height)));
  const laid = overlay(image, normalised.data, options);
  const { width, height, data } = sideBySide([interleaved(image), laid], { gap: white, scale });
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
