import { type ExampleLoss, type Judged, topLosses } from '@graft-ml/core/evaluate';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { writeImageSheet } from '../data/contact-sheet.ts';
import type { ImageFile } from '../data/decode.ts';

/** An image with its label and the probabilities that a classifier gives it. */
export interface JudgedImage extends Judged, ImageFile {}

/** An image that was classified wrongly, with its loss. */
export interface Mistake extends ExampleLoss {
  readonly image: ImageFile;
}

export interface MistakeSheetOptions {
  /** The side of each image, in pixels. Default 160. */
  readonly side?: number;
  /** The image decoder. It stays its owner's. */
  readonly decoder?: ImageDecoder | undefined;
}

/** The wrong answers of a classifier with the largest losses, in memory for `most` of them. */
export class Mistakes {
  readonly #most: number;
  #worst: Mistake[] = [];
  #seen = 0;
  #count = 0;

  /** @param most the number that is kept. Default 60 */
  constructor(most = 60) {
    this.#most = most;
  }

  /** All wrong answers so far. */
  get count(): number {
    return this.#count;
  }

  /** The worst of them, the largest loss first. Their `index` counts all images that were added. */
  get worst(): readonly Mistake[] {
    return this.#worst;
  }

  /** Takes an image in: right answers are passed over. @throws OptionError where its label has no probability */
  add({ label, probabilities, ...image }: JudgedImage): void {
    const [judged] = topLosses([{ label, probabilities }]);
    const index = this.#seen++;
    if (judged!.predicted === label) return;
    this.#count++;
    const { path, within, bytes } = image;
    const file = { path, ...(within && { within }), ...(bytes && { bytes }) };
    this.#worst.push({ ...judged!, index, image: file });
    this.#worst.sort((a, b) => b.loss - a.loss);
    this.#worst.length = Math.min(this.#worst.length, this.#most);
  }

  /**
   * Writes a contact sheet of the worst as a PNG, with the given and the predicted label below each.
   *
   * @returns the number of images on it; with none, no file is written
   * @throws UserError where it cannot be written
   */
  async writeSheet(path: string, classes: readonly string[], options: MistakeSheetOptions = {}): Promise<number> {
    if (this.#worst.length === 0) return 0;
    const captioned = this.#worst.map(({ image, label, predicted, probability, confidence }) => ({
      image,
      caption: [
        `label: ${classes[label]} ${percent(probability)}`,
        `predicted: ${classes[predicted]} ${percent(confidence)}`,
      ],
    }));
    await writeImageSheet(path, captioned, options);
    return this.#worst.length;
  }
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
