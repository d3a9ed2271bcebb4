import type { ParameterTable } from '../fit/selection.ts';
import {
  gradualStages,
  headStages,
  partialStages,
  type StrategyConfig,
  type StrategyStage,
  transferStages,
  wholeStages,
} from './strategy-stages.ts';

/** The options that only some strategies look at. */
type StrategyOption = Exclude<keyof StrategyConfig, 'epochs' | 'train'>;

/** A strategy: how much of a network is trained, and when. */
export interface Strategy {
  readonly description: string;
  /** Starts from pretrained weights; without, from random ones. */
  readonly pretrained: boolean;
  /** Takes over the head too, where it tells the same classes apart. Default: a new one. */
  readonly keepsHead?: boolean;
  /** The options that only this strategy uses. */
  readonly options: readonly StrategyOption[];
  /** Epochs, where they are not given: of the probe, and of the stages after it. */
  readonly defaults: { readonly probe: number; readonly epochs: number; readonly backboneRate: number };
  /** Why a probe would say nothing. Absent: it may come first. */
  readonly noProbe?: string;
  /** Whether the probe's result decides what is trained after it. */
  readonly isDecidedByProbe?: boolean;
  /** The stages after the probe. */
  readonly stages: (config: StrategyConfig, table: ParameterTable) => StrategyStage[];
}

/** A new head is trained faster than the pretrained backbone below it. */
const newHead = { probe: 0, epochs: 12, backboneRate: 0.1 };

const entries = {
  auto: {
    description: 'a new head on frozen features first; its accuracy decides how much more is trained',
    pretrained: true,
    options: [],
    defaults: { ...newHead, probe: 30 },
    isDecidedByProbe: true,
    stages: () => [],
  },
  'feature-extraction': {
    description: 'the backbone is frozen and runs once per image, and only the new head is trained',
    pretrained: true,
    options: [],
    defaults: { ...newHead, epochs: 30 },
    noProbe: 'feature-extraction is one already',
    stages: headStages,
  },
  partial: {
    description: 'frozen up to a block (`freezeTo`), trained behind it',
    pretrained: true,
    options: ['freezeTo'],
    defaults: newHead,
    stages: partialStages,
  },
  full: {
    description: 'everything is trained, the backbone at a tenth of the head’s learning rate',
    pretrained: true,
    options: [],
    defaults: newHead,
    stages: wholeStages,
  },
  gradual: {
    description: 'the head first, then block after block from the top (`unfreeze`)',
    pretrained: true,
    options: ['unfreeze'],
    defaults: newHead,
    stages: gradualStages,
  },
  'partial-transfer': {
    description:
      'the head is taken over too; a share of the blocks is trained (`transferRatio`), the others are frozen',
    pretrained: true,
    keepsHead: true,
    options: ['transferRatio', 'transferFrozen', 'transferHead'],
    // With a head from elsewhere and a backbone from there too, neither is newer than the other.
    defaults: { probe: 0, epochs: 12, backboneRate: 1 },
    noProbe: 'partial-transfer goes on from a whole network, whose head may be frozen',
    stages: transferStages,
  },
  scratch: {
    description: 'everything is trained at one learning rate, from random weights',
    pretrained: false,
    options: [],
    defaults: { probe: 0, epochs: 12, backboneRate: 1 },
    noProbe: 'the features of random weights say nothing',
    stages: wholeStages,
  },
} as const satisfies Record<StrategyName, Strategy>;

export type StrategyName =
  | 'auto'
  | 'feature-extraction'
  | 'partial'
  | 'full'
  | 'gradual'
  | 'partial-transfer'
  | 'scratch';
export const strategies: Readonly<Record<StrategyName, Strategy>> = entries;
export const strategyNames = Object.keys(strategies) as StrategyName[];

/** The strategies that look at each of the options that not all do. */
export const strategiesByOption: Readonly<Record<StrategyOption, readonly StrategyName[]>> = {
  freezeTo: strategiesWith('freezeTo'),
  unfreeze: strategiesWith('unfreeze'),
  transferRatio: strategiesWith('transferRatio'),
  transferFrozen: strategiesWith('transferFrozen'),
  transferHead: strategiesWith('transferHead'),
};

function strategiesWith(option: StrategyOption): StrategyName[] {
  return strategyNames.filter((name) => strategies[name].options.includes(option));
}
