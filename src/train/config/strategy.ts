import { z } from 'zod';
import { strategies, strategyNames } from '../strategy.ts';
import { choice, orDefault } from './choice.ts';

const strategyTexts = Object.entries(strategies).map(([name, { description }]) => `${name}: ${description}`);

/** How much of the network is trained, and how long. */
export const strategyOptions = {
  strategy: orDefault(choice('--strategy', strategyNames)).describe(
    `${strategyTexts.join('; ')}. Default: feature-extraction, or scratch for a model without published weights`,
  ),
  epochs: orDefault(z.int().min(1)).describe(
    'passes over the training pictures; default: 30 for feature-extraction, else 12',
  ),
};
