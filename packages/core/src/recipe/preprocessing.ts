import { OptionError } from '../base/errors.ts';
import type { NamedArchitecture, Preprocessing } from '../models/index.ts';
import type { PerChannel } from './config/model.ts';

/** Changes to the preprocessing that the weights were trained with. */
export interface PreprocessingChanges {
  /** The side of the square the model sees, in pixels. */
  readonly imageSize?: number | null;
  /** The mean of red, green and blue in [0, 1]. */
  readonly mean?: PerChannel | null;
  readonly std?: PerChannel | null;
  readonly colourProfile?: 'apply' | 'ignore' | null;
  readonly orientation?: 'apply' | 'ignore' | null;
}

/**
 * Preprocessing with changes; where another image size is asked for, resize and crop keep their proportion.
 * @throws OptionError where the model cannot take images of that size
 */
export function changedPreprocessing(
  trained: Preprocessing,
  model: NamedArchitecture,
  { imageSize, mean, std, colourProfile, orientation }: PreprocessingChanges,
): Preprocessing {
  const crop = imageSize ?? trained.crop;
  assertSide(model, crop);
  return {
    ...trained,
    crop,
    resize: Math.round((crop * trained.resize) / trained.crop),
    ...(mean && { mean }),
    ...(std && { std }),
    ...(colourProfile && { colourProfile }),
    ...(orientation && { orientation }),
  };
}

/** @throws OptionError where the model cannot take images of that size, with the nearest that it can */
export function assertSide({ name, sides = {} }: NamedArchitecture, side: number): void {
  const { multipleOf = 1, minimum = multipleOf } = sides;
  if (side >= minimum && side % multipleOf === 0) return;
  const nearest = Math.ceil(Math.max(minimum, Math.round(side / multipleOf) * multipleOf) / multipleOf) * multipleOf;
  const rule = multipleOf > 1 ? `multiples of ${multipleOf} from ${minimum} on` : `${minimum} pixels or more`;
  throw new OptionError({
    option: 'imageSize',
    expected: rule,
    received: side,
    problem: ` ${side}: ${name} takes ${rule}. The nearest is ${nearest}.`,
  });
}
