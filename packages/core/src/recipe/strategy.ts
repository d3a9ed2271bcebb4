/** How much of a network is trained, and when. What each comes to, epoch by epoch, `planOf` says. */
export interface Strategy {
  readonly description: string;
  /** Starts from pretrained weights; without, from random ones. */
  readonly pretrained: boolean;
  /** Takes over the head too, where it tells the same classes apart. Default: a new one. */
  readonly keepsHead?: boolean;
}

export const strategies = {
  auto: {
    description: 'a new head on frozen features first; what it reaches decides how much more is trained',
    pretrained: true,
  },
  'feature-extraction': {
    description: 'the trunk is frozen and runs once per image, and only the new head is trained',
    pretrained: true,
  },
  partial: {
    description: 'frozen up to a block (`freezeTo`), trained behind it',
    pretrained: true,
  },
  full: {
    description: 'everything is trained, the trunk at a tenth of the head’s learning rate',
    pretrained: true,
  },
  gradual: {
    description: 'the head first, then block after block from the top (`unfreeze`)',
    pretrained: true,
  },
  'partial-transfer': {
    description:
      'the head is taken over too; a share of the blocks is trained (`transferRatio`), the others are frozen',
    pretrained: true,
    keepsHead: true,
  },
  scratch: {
    description: 'everything is trained at one learning rate, from random weights',
    pretrained: false,
  },
} as const satisfies Record<string, Strategy>;

export type StrategyName = keyof typeof strategies;
export const strategyNames = Object.keys(strategies) as StrategyName[];
