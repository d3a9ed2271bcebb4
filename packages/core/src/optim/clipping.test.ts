import { expect, test } from 'vitest';
import { golden, relativeError } from '../../../../test/golden.ts';
import { compile } from '../../../../test/run.ts';
import { f32 } from '../base/tensor.ts';
import { input } from '../graph/index.ts';
import { clipByNorm, clipByValue } from './index.ts';

const { tensors, metadata } = golden('optim');
const gradients = { a: tensors['gradient/0/a']!, b: tensors['gradient/0/b']! };
const values = [input('a', 'f32', [3, 4]), input('b', 'f32', [5])];

test.each(JSON.parse(metadata.clips!) as number[])(
  'clipping at %d equals PyTorch’s, by norm and by value',
  async (maximum) => {
    const { gradients: byNorm, norm } = clipByNorm(values, maximum);
    const byValue = clipByValue(values, maximum);
    const program = await compile({
      norm,
      'norm/a': byNorm[0]!,
      'norm/b': byNorm[1]!,
      'value/a': byValue[0]!,
      'value/b': byValue[1]!,
    });
    const results = await program.run(gradients);
    await program.release();
    expect(relativeError(results.norm!, tensors['clipped/norm']!)).toBeLessThan(1e-6);
    for (const name of ['a', 'b']) {
      for (const kind of ['norm', 'value']) {
        const expected = tensors[`clipped/${kind}/${maximum}/${name}`]!;
        expect(relativeError(results[`${kind}/${name}`]!, expected), `${kind} of ${name}`).toBeLessThan(1e-6);
      }
    }
  },
);

test('gradients of zero stay zero', async () => {
  const program = await compile({ clipped: clipByNorm([values[1]!], 1).gradients[0]! });
  expect((await program.run({ b: f32([5], [0, 0, 0, 0, 0]) })).clipped!.data).toEqual(new Float32Array(5));
  await program.release();
});
