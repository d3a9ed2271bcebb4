import { UserError } from '../base/errors.ts';

/** The step at which training diverged. */
export interface LossFacts {
  readonly where: string;
  readonly loss: number;
  readonly learningRate: number;
  /** Positions in the training source of the images of the batch. */
  readonly images?: readonly number[];
  /** A remedy to try. */
  readonly advice?: string;
}

/** Training has left the ground. The last checkpoint was written before that. */
export class LossError extends UserError {
  override readonly name = 'LossError';
  readonly facts: LossFacts;

  /** `paths`: of the images of the batch. */
  constructor(facts: LossFacts, paths: readonly string[] = []) {
    const { where, loss, learningRate, advice = 'Try a tenth of the learning rate, or `clipNorm: 1`.' } = facts;
    const shown = paths.slice(0, 4).join(', ') + (paths.length > 4 ? ` and ${paths.length - 4} more` : '');
    super(
      `the loss became ${loss} ${where}, at learning rate ${learningRate.toPrecision(3)}. ${advice}` +
        (paths.length > 0 ? ` If that does not help, look at the images of that step: ${shown}.` : ''),
    );
    this.facts = facts;
  }

  /** The same with other advice. */
  advising(advice: string): LossError {
    return new LossError({ ...this.facts, advice });
  }

  /** The same with the names of the images, by their positions. */
  naming(paths: readonly string[]): LossError {
    const { images = [] } = this.facts;
    return new LossError(
      this.facts,
      images.map((at) => paths[at]!),
    );
  }
}
