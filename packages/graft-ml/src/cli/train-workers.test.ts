import { expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';

test.each([
  [['--strategy', 'scratch', '--jobs', '2'], 2, 'train: --jobs divides the features of frozen layers, and --strategy '],
  [['--jobs', '2', '--queue', 'redis://here', '--store', 's3://there'], 2, '--jobs is for this machine'],
  [['--workers', '2', '--queue', 'redis://here'], 2, 'train: --queue and --store go together: '],
  [['--workers', '2'], 2, '--strategy auto does not go with --workers: what it trains is decided by a probe.'],
  [['--average-every', '5'], 2, '--average-every means something only with --workers. Leave it out.'],
] as const)('graft train photos/ %j says what is wrong', async (flags, status, said) => {
  const outcome = await graft(['train', 'photos/', ...flags]);
  expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(said)]);
});
