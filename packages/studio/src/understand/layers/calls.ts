import { kebabCase } from '@graft-ml/core/internal/base/kebab-case';
import type { Unfreezing } from '@graft-ml/core/train';
import type { Options } from './state.ts';

/** The options that are given, with the model. */
function given(model: string, options: Options): [option: string, value: unknown][] {
  return Object.entries({ model, ...options }).filter(([, value]) => value !== null && value !== undefined);
}

/** A configuration as arguments of `graft train`. */
export function flagsOf(model: string, options: Options): string[] {
  return given(model, options).flatMap(([option, value]) => [`--${kebabCase(option)}`, textOf(value)]);
}

/** Names with commas between them; what is trained from which epoch as `1:head,4:layer4+layer3`. */
function textOf(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value
    .map((each: string | Unfreezing) => (typeof each === 'string' ? each : `${each.epoch}:${each.train.join('+')}`))
    .join(',');
}

/** A configuration as a program that trains by it. */
export function programOf(model: string, options: Options): string {
  const lines = given(model, options).map(([option, value]) => `  ${option}: ${JSON.stringify(value)},`);
  const config = ['{', ...lines, '}'].join('\n');
  return `for await (const event of trainFolder('photos', ${config}, { out: 'runs/photos' })) console.log(event);`;
}

/** Unfreezes one block after another from the head down, at equal distances, or some at a time where epochs are few. */
export function oneByOne(blocks: readonly string[], epochs: number): Unfreezing[] {
  const fromHead = blocks.toReversed();
  const steps = Math.min(blocks.length, epochs);
  return Array.from({ length: steps }, (_, step) => ({
    epoch: 1 + Math.floor((step * epochs) / steps),
    train: fromHead.slice(Math.floor((step * blocks.length) / steps), Math.floor(((step + 1) * blocks.length) / steps)),
  }));
}
