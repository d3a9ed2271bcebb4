import type { ImageFile } from '../data/decode.ts';
import type { EvaluatedImage } from '../evaluate/evaluation-file.ts';

/** An image that may be shown: its label, the answer, and how sure that was. */
export interface SelectedImage extends ImageFile {
  readonly label: number;
  readonly predicted: number;
  /** The probability of the answer. */
  readonly confidence: number;
  /** The probability of the label. */
  readonly probability: number;
  /** Cross entropy in nats. */
  readonly loss: number;
}

/** The most images that are kept of one cell of the confusion matrix, and of all. */
const mostPerCell = 24;
const mostCells = 2000;

/**
 * Chooses the images of a report as they are classified, in memory that does not grow with them: of each cell of the
 * confusion matrix those with the most confident answers.
 */
export class ImageSelection {
  readonly #cells = new Map<string, SelectedImage[]>();

  add({ label, predicted, probabilities, path, within, bytes }: EvaluatedImage): void {
    const key = cellKey(label, predicted);
    const own = this.#cells.get(key);
    if (!own && this.#cells.size >= mostCells) return;
    const [confidence, probability] = [probabilities[predicted]!, probabilities[label]!];
    if (own && own.length === mostPerCell && own.at(-1)!.confidence >= confidence) return;
    const file = { path, ...(within && { within }), ...(bytes && { bytes }) };
    const loss = -Math.log(Math.max(probability, 1e-12));
    const images = [...(own ?? []), { ...file, label, predicted, confidence, probability, loss }];
    images.sort((a, b) => b.confidence - a.confidence);
    this.#cells.set(key, images.slice(0, mostPerCell));
  }

  /** The images of a cell, the most confident answer first. */
  cell(label: number, predicted: number): readonly SelectedImage[] {
    return this.#cells.get(cellKey(label, predicted)) ?? [];
  }

  /** Wrong answers, the largest loss first. */
  wrong(): SelectedImage[] {
    const all = [...this.#cells.values()].flat();
    return all.filter((one) => one.label !== one.predicted).sort((a, b) => b.loss - a.loss);
  }

  /** Right answers, class after class: the most confident of each, then the second of each, and so on. */
  right(classes: number): SelectedImage[] {
    const rows = Array.from({ length: classes }, (_, i) => this.cell(i, i));
    return Array.from({ length: mostPerCell }, (_, rank) => rows.flatMap((row) => row[rank] ?? [])).flat();
  }
}

const cellKey = (label: number, predicted: number) => `${label} ${predicted}`;
