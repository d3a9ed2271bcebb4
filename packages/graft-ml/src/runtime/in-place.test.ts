import { input } from '@graft-ml/core/graph';
import { f32 } from '@graft-ml/core/internal/base/tensor';
import { encode } from '@graft-ml/core/internal/graph/index';
import { wrapWith } from '@graft-ml/core/internal/runtime/backend';
import { add, neg } from '@graft-ml/core/ops';
import { expect, test } from 'vitest';
import { loadInPlace } from './in-place.ts';
import { loadOrt, loadSession } from './ort.ts';

const wrap = wrapWith(loadOrt().Tensor);
const x = input('x', 'f32', [3]);
const { model } = encode({ sum: add(x, input('b', 'f32', [3])), negative: neg(x) });

test('every output is in the tensor that was given for it, and none comes back as a copy', async () => {
  const session = await loadInPlace((bytes) => loadSession(bytes, 1), model);
  const [sum, negative] = [f32([3], [0, 0, 0]), f32([3], [0, 0, 0])];
  const feeds = { x: wrap(f32([3], [1, 2, 3])), b: wrap(f32([3], [10, 20, 30])) };
  const returned = await session.run(feeds, { sum: wrap(sum), negative: wrap(negative) });
  expect([[...sum.data], [...negative.data]]).toEqual([
    [11, 22, 33],
    [-1, -2, -3],
  ]);
  expect(returned).toBeUndefined();
  await session.release();
});

test('a run that fails for another reason does so here, too', async () => {
  const session = await loadInPlace((bytes) => loadSession(bytes, 1), model);
  const three = wrap(f32([3], [1, 2, 3]));
  const wrong = { x: wrap(f32([2], [1, 2])), b: three };
  await expect(session.run(wrong, { sum: three, negative: three })).rejects.toThrow('x');
  await session.release();
});
