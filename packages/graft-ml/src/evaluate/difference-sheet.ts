import { writeImageSheet } from '../data/contact-sheet.ts';
import type { EvaluatedImage } from './evaluation-file.ts';
import type { MistakeSheetOptions } from './mistake-sheet.ts';

/** An image that two runs answer differently, and by how much they differ in the probability of its label. */
interface Difference {
  readonly first: EvaluatedImage;
  readonly second: EvaluatedImage;
  readonly distance: number;
}

/** The images that two runs answer most differently, in memory for `most` of them. */
export class Differences {
  readonly #most: number;
  #largest: Difference[] = [];

  /** @param most the number that is kept. Default 60 */
  constructor(most = 60) {
    this.#most = most;
  }

  /**
   * Takes an image in with the answers of both runs, each by the classes of its own; equal answers are passed over.
   *
   * @param classes the names of the classes of either run
   */
  add(first: EvaluatedImage, second: EvaluatedImage, classes: ClassesOfBoth): void {
    if (classes.first[first.predicted] === classes.second[second.predicted]) return;
    const distance = Math.abs(first.probabilities[first.label]! - second.probabilities[second.label]!);
    this.#largest.push({ first, second, distance });
    this.#largest.sort((a, b) => b.distance - a.distance);
    this.#largest.length = Math.min(this.#largest.length, this.#most);
  }

  /**
   * Writes a contact sheet of them as a PNG, the largest difference first, with the label and both answers below each.
   *
   * @returns the number of images on it; with none, no file is written
   * @throws UserError where it cannot be written
   */
  async writeSheet(path: string, classes: ClassesOfBoth, options: MistakeSheetOptions = {}): Promise<number> {
    if (this.#largest.length === 0) return 0;
    const captioned = this.#largest.map(({ first, second }) => ({
      image: { path: first.path, ...(first.within && { within: first.within }) },
      caption: [
        `label: ${classes.first[first.label]}`,
        `first: ${answer(first, classes.first)}`,
        `second: ${answer(second, classes.second)}`,
      ],
    }));
    await writeImageSheet(path, captioned, options);
    return this.#largest.length;
  }
}

/** The names of the classes of two runs. */
export interface ClassesOfBoth {
  readonly first: readonly string[];
  readonly second: readonly string[];
}

function answer({ predicted, probabilities }: EvaluatedImage, classes: readonly string[]): string {
  return `${classes[predicted]} ${(100 * probabilities[predicted]!).toFixed(1)} %`;
}
