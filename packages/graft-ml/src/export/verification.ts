import { argmax } from '@graft-ml/core/internal/base/largest';
import type { OnnxForm } from '@graft-ml/core/internal/export/forms';
import type { ImageProblem } from '@graft-ml/core/internal/image/problem';

/** The answers of an exported model for the images of a folder, beside those of the run that it is of. */
export interface Verification {
  /** The ONNX file. */
  readonly file: string;
  /** The form of its input, and the dtype of its numbers. */
  readonly form: OnnxForm;
  readonly dtype: VerifiedDtype;
  /** The number of images that were compared. */
  readonly images: number;
  /** Images that the run cannot use, and why. */
  readonly problems: readonly ImageProblem[];
  /** The largest difference of a probability that counts as agreement. */
  readonly tolerance: number;
  readonly checks: readonly VerifiedEngine[];
  /**
   * Whether the likeliest class is the run's for every image and every engine, and with the run's pixels every
   * probability within the tolerance.
   */
  readonly agrees: boolean;
  /** Whether it has to agree: `fp32` has, the smaller numbers of `fp16` and `int8` are only measured. */
  readonly isRequired: boolean;
  /** What was not compared, a sentence each. */
  readonly notes: readonly string[];
}

/** One engine's answers. */
export interface VerifiedEngine {
  /** `onnxruntime-node 1.30.0`, or the browser with its version. */
  readonly engine: string;
  /** Whether the engine had the run's pixels (`same`), or decoded the files itself (`own`). */
  readonly pixels: 'same' | 'own';
  readonly images: number;
  /** The number of images whose likeliest class is the run's. */
  readonly sameClass: number;
  /** The number of images whose probabilities are within the tolerance. */
  readonly within: number;
  /** The largest difference of a probability. */
  readonly largest: number;
  /** The images of another class or beyond the tolerance, the worst first. */
  readonly differences: readonly ImageDifference[];
  /** Images that this engine cannot decode, and why. */
  readonly problems: readonly ImageProblem[];
}

/** An image of which an exported model says something else. */
export interface ImageDifference {
  readonly path: string;
  readonly run: LikeliestClass;
  readonly exported: LikeliestClass;
  /** The largest difference of a probability of any class. */
  readonly difference: number;
  /** `decoding` where the model agrees as soon as it is given the run's pixels. */
  readonly cause: 'model' | 'decoding';
}

export interface LikeliestClass {
  readonly name: string;
  readonly probability: number;
}

/** The largest difference of a probability that counts as agreement. */
export const tolerances: Readonly<Record<VerifiedDtype, number>> = { fp32: 1e-4, fp16: 1e-2, int8: 0.1 };
export type VerifiedDtype = 'fp32' | 'fp16' | 'int8';

export function isDtype(name: string): name is VerifiedDtype {
  return Object.hasOwn(tolerances, name);
}

/** The least tolerance of a model that resizes: its resize is within one grey level of the run's, not equal to it. */
export const resizeTolerance = 1e-2;

/** Collects the answers of one engine. */
export class EngineComparison {
  readonly #differences: ImageDifference[] = [];
  readonly #problems: ImageProblem[] = [];
  readonly #facts: Pick<VerifiedEngine, 'engine' | 'pixels'>;
  readonly #classes: readonly string[];
  readonly #tolerance: number;
  #images = 0;
  #sameClass = 0;
  #within = 0;
  #largest = 0;

  constructor(facts: Pick<VerifiedEngine, 'engine' | 'pixels'>, classes: readonly string[], tolerance: number) {
    this.#facts = facts;
    this.#classes = classes;
    this.#tolerance = tolerance;
  }

  /**
   * Adds an image's probabilities of the run and of the exported model.
   * @param cause of a difference, should there be one
   * @returns whether they agree
   */
  add(path: string, run: Float32Array, exported: Float32Array, cause: ImageDifference['cause']): boolean {
    const difference = run.reduce((most, value, i) => Math.max(most, Math.abs(value - exported[i]!)), 0);
    const [before, now] = [this.#likeliest(run), this.#likeliest(exported)];
    const isSame = before.name === now.name;
    const isWithin = difference <= this.#tolerance;
    this.#images++;
    this.#sameClass += Number(isSame);
    this.#within += Number(isWithin);
    this.#largest = Math.max(this.#largest, difference);
    if (!(isSame && isWithin)) this.#differences.push({ path, run: before, exported: now, difference, cause });
    return isSame && isWithin;
  }

  refuse(problem: ImageProblem): void {
    this.#problems.push(problem);
  }

  #likeliest(probabilities: Float32Array): LikeliestClass {
    const i = argmax(probabilities);
    return { name: this.#classes[i]!, probability: probabilities[i]! };
  }

  get result(): VerifiedEngine {
    return {
      ...this.#facts,
      images: this.#images,
      sameClass: this.#sameClass,
      within: this.#within,
      largest: this.#largest,
      differences: [...this.#differences].sort(
        (a, b) =>
          Number(a.run.name === a.exported.name) - Number(b.run.name === b.exported.name) ||
          b.difference - a.difference,
      ),
      problems: this.#problems,
    };
  }
}

/** Whether engines agree: as `Verification.agrees` says. */
export function agree(checks: readonly VerifiedEngine[]): boolean {
  return checks.every(
    ({ pixels, images, sameClass, within }) => sameClass === images && (pixels === 'own' || within === images),
  );
}
