import * as z from 'zod';
import { option as code } from '../../base/code.ts';
import { OptionError } from '../../base/errors.ts';
import { choice, type OptionSchemas, orDefault } from './choice.ts';

export const transferDtypes = ['f32', 'f16'] as const;
export type TransferDtype = 'f32' | 'f16';

/** DiLoCo: workers that train on shares of the images and are averaged now and then. */
export interface WorkersOptions {
  /** Workers, each with its own share of the training images; null: one process trains on all of them. */
  readonly workers: number | null;
  /** Steps that every worker takes between two averagings; null: 20. */
  readonly averageEvery: number | null;
  /** The learning rate of the outer optimizer; null: 0.7. */
  readonly outerLearningRate: number | null;
  /** Its Nesterov momentum; null: 0.9. */
  readonly outerMomentum: number | null;
  /** The numbers of parameters on their way to the workers and back; null: f32. */
  readonly transferDtype: TransferDtype | null;
}

/** The outer optimizer's numbers are the paper's, which averaged every 500 steps of a run of 64,000. */
export const workersDefaults = {
  averageEvery: 20,
  outerLearningRate: 0.7,
  outerMomentum: 0.9,
  transferDtype: 'f32',
} as const satisfies { readonly [K in Exclude<keyof WorkersOptions, 'workers'>]: WorkersOptions[K] };

const workersOptionNames = Object.keys(workersDefaults) as (keyof typeof workersDefaults)[];

const ofWorkers = (text: string, name: keyof typeof workersDefaults) =>
  `of \`workers\`: ${text}; default: ${workersDefaults[name]}`;

export const workersOptions: OptionSchemas<WorkersOptions> = {
  workers: orDefault(z.int().min(1).max(1000)).describe(
    'train by DiLoCo: so many workers, each on its own share of the training images, are averaged now and then; ' +
      'default: one process trains on all images',
  ),
  averageEvery: orDefault(z.int().min(1)).describe(
    ofWorkers('steps that each of them takes between two averagings', 'averageEvery'),
  ),
  outerLearningRate: orDefault(z.number().positive().max(10)).describe(
    ofWorkers('learning rate of the outer optimizer, which steps towards their mean', 'outerLearningRate'),
  ),
  outerMomentum: orDefault(z.number().min(0).lt(1)).describe(ofWorkers('its Nesterov momentum', 'outerMomentum')),
  transferDtype: orDefault(choice(transferDtypes)).describe(
    ofWorkers('f32 | f16, which halves the traffic and rounds what each worker adds to three digits', 'transferDtype'),
  ),
};

/** @throws OptionError where an option of workers was given and there are none */
export function assertWorkersGiven(config: WorkersOptions): void {
  const option = workersOptionNames.find((name) => config.workers === null && config[name] !== null);
  if (option === undefined) return;
  const problem = ` means something only with ${code('workers')}. Leave it out.`;
  throw new OptionError({ option, expected: 'nothing without workers', received: config[option], problem });
}
