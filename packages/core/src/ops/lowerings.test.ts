import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { relativeError } from '../../../../test/golden.ts';
import { gaussian } from '../../../../test/run.ts';
import { sizeOf } from '../base/tensor.ts';
import { vjp } from '../grad/index.ts';
import { applicableLowerings, decode, encode, type Features, input, reachable, type Value } from '../graph/index.ts';
import { choiceKey } from '../runtime/tuning.ts';
import { type ConvGeometry, channelCombine, conv2d, maxPool, type PoolOptions } from './index.ts';

/*
 * Golden runs use the default lowerings: here the others are compared with them. Of the two sizes of block a machine
 * has one, or (not on x86) none.
 */
const everything: Features = new Set(['nchwc8', 'nchwc16', 'fusedConvSum', 'fusedMatMul']);

const geometry = (kernel: number, options: Partial<ConvGeometry> = {}): ConvGeometry => {
  const side = (kernel - 1) / 2;
  return { strides: [1, 1], pads: [side, side, side, side], dilations: [1, 1], groups: 1, ...options };
};

function convolution(
  from: number,
  to: number,
  kernel: number,
  options: Partial<ConvGeometry> = {},
  size: readonly [number, number] = [9, 7],
): Value[] {
  const x = input('x', 'f32', [2, from, ...size]);
  const w = input('w', 'f32', [to, from / (options.groups ?? 1), kernel, kernel]);
  const y = conv2d(x, w, geometry(kernel, options));
  return [y, ...vjp([y], [input('dy', 'f32', y.shape)], [x, w])];
}

/** The same on images that stride 2 divides, in a batch of whole blocks. */
function evenConvolution(channels: number, groups: number, kernel: number, pad = (kernel - 1) / 2): Value[] {
  const x = input('x', 'f32', [16, channels, 8, 6]);
  const w = input('w', 'f32', [channels, channels / groups, kernel, kernel]);
  const y = conv2d(x, w, geometry(kernel, { groups, strides: [2, 2], pads: [pad, pad, pad, pad] }));
  return [y, ...vjp([y], [input('dy', 'f32', y.shape)], [x, w])];
}

const perChannel = (name: string) => input(name, 'f32', [3]);
const images = (name: string, shape: readonly number[]) => input(name, 'f32', shape);
const combine = (shape: readonly number[]) => [
  channelCombine(images('x', shape), images('y', shape), perChannel('a'), perChannel('b'), perChannel('c')),
];

const cases: Record<string, Value[]> = {
  '3x3': convolution(16, 32, 3),
  '3x3, narrow and high': convolution(16, 16, 3, { pads: [0, 2, 1, 1] }, [40, 5]),
  '3x3, wide': convolution(16, 16, 3, { pads: [2, 1, 0, 1] }, [8, 19]),
  'groups of 4, wide': convolution(16, 16, 3, { groups: 4 }, [8, 19]),
  '1x1': convolution(32, 16, 1),
  '3x3, stride 2': convolution(16, 16, 3, { strides: [2, 2] }),
  '3x3, asymmetric pads, dilation': convolution(16, 16, 3, { pads: [2, 0, 1, 1], dilations: [2, 1] }),
  'of three channels': convolution(3, 16, 3, { strides: [2, 2] }),
  'of three channels, 7x7, stride 2': convolution(3, 16, 7, { strides: [2, 2] }, [17, 12]),
  'depthwise 5x5': convolution(16, 16, 5, { groups: 16 }),
  'depthwise 3x3, stride 2': convolution(32, 32, 3, { groups: 32, strides: [2, 2] }),
  'depthwise 3x3, stride 2, a row left over': convolution(8, 8, 3, { groups: 8, strides: [2, 2], pads: [0, 1, 1, 0] }),
  'depthwise 3x3, asymmetric pads, dilation': convolution(16, 16, 3, {
    groups: 16,
    pads: [1, 2, 0, 1],
    dilations: [1, 2],
  }),
  '3x3, stride 2, even': evenConvolution(16, 1, 3),
  '2x2, stride 2, even': evenConvolution(16, 1, 2, 0),
  '1x1, stride 2': convolution(16, 32, 1, { strides: [2, 2] }),
  '2x2, stride 3 and 2, asymmetric pads': convolution(16, 8, 2, { strides: [3, 2], pads: [1, 0, 1, 1] }),
  'depthwise 5x5, stride 2, even': evenConvolution(16, 16, 5),
  'groups of 16': convolution(32, 32, 3, { groups: 2 }),
  'groups of 16, stride 2, even': evenConvolution(32, 2, 3),
  'groups of 8, four of them': convolution(32, 32, 3, { groups: 4, pads: [0, 1, 2, 1] }),
  'groups of 4, dilation': convolution(16, 16, 3, { groups: 4, pads: [2, 2, 1, 2], dilations: [2, 1] }),
  'groups of 2 to 4 channels': convolution(8, 16, 3, { groups: 4 }),
  'groups of 4, stride 2, even': evenConvolution(16, 4, 5),
  'groups of 8, 1x1': convolution(16, 16, 1, { groups: 2 }),
  'groups of 8, three of them': convolution(24, 24, 3, { groups: 3, pads: [1, 0, 1, 2] }),
  'groups of 8, three of them, stride 2, even': evenConvolution(24, 3, 3),
  'groups of 4 to 8 channels, seven of them': convolution(28, 56, 3, { groups: 7 }),
  'depthwise, a channel that fills no four': convolution(27, 27, 3, { groups: 27 }),
  'depthwise, blocks that are not whole': convolution(28, 28, 3, { groups: 28, pads: [1, 2, 0, 1] }),
  'depthwise, blocks that are not whole, stride 2, even': evenConvolution(20, 20, 5),
  'combination of images': combine([2, 3, 4, 5]),
  'combination of sequences': combine([2, 3, 4]),
};

describe('every lowering equals the default one', () => {
  test.each(Object.entries(cases))('%s', async (_name, values) => {
    const named = Object.fromEntries(values.map((value, i) => [`out${i}`, value]));
    const run = async (choices: Record<string, string>) => {
      const program = await createRuntime({ cache: null, threads: 1, choices }).compile(named);
      const feeds = Object.fromEntries([...program.inputs].map(([name, { shape }]) => [name, gaussian(shape, name)]));
      const results = await program.run(feeds);
      await program.release();
      return results;
    };
    const plain = Object.fromEntries(values.map((value) => [choiceKey(value), applicableLowerings(value)[0]!]));
    const expected = await run(plain);
    for (const value of values) {
      for (const name of applicableLowerings(value, everything).slice(1)) {
        const results = await run({ ...plain, [choiceKey(value)]: name }).catch((error: Error) => {
          expect(error.message).toContain(`has no lowering ${name}`); // this machine has the other size
        });
        for (const [key, actual] of Object.entries(results ?? {})) {
          expect(relativeError(actual, expected[key]!), `${key} with ${name}`).toBeLessThan(2e-6);
        }
      }
    }
  });

  test('this machine has at most one size of block', async () => {
    const [y] = cases['3x3']!;
    const sizes = await Promise.all(
      ['blocked8', 'blocked16'].map((name) =>
        createRuntime({ cache: null, choices: { [choiceKey(y!)]: name } })
          .compile({ y: y! })
          .then((program) => program.release().then(() => 1))
          .catch(() => 0),
      ),
    );
    expect(sizes[0]! + sizes[1]!).toBeLessThan(2);
    if (process.arch === 'x64') expect(sizes[0]! + sizes[1]!).toBe(1);
  });
});

describe('Winograd’s convolution', () => {
  const [n, from, to, height, width] = [2, 192, 24, 10, 7] as const;
  const shapes = { x: [n, from, height, width], w: [to, from, 3, 3], dy: [n, to, height, width] } as const;
  const numbers = { x: gaussian(shapes.x, 'x'), w: gaussian(shapes.w, 'w'), dy: gaussian(shapes.dy, 'dy') };

  /** The sums of the definition in double precision: y, dx and dw. */
  function exactly(): Record<'y' | 'dx' | 'dw', Float64Array> {
    const [y, dx, dw] = [shapes.dy, shapes.x, shapes.w].map((shape) => new Float64Array(sizeOf(shape)));
    const { x, w, dy } = numbers;
    for (let image = 0; image < n; image++)
      for (let o = 0; o < to; o++)
        for (let i = 0; i < from; i++)
          for (let tap = 0; tap < 9; tap++) {
            const [down, right] = [Math.floor(tap / 3) - 1, (tap % 3) - 1];
            const weight = (o * from + i) * 9 + tap;
            for (let row = Math.max(0, -down); row < Math.min(height, height - down); row++)
              for (let column = Math.max(0, -right); column < Math.min(width, width - right); column++) {
                const at = ((image * to + o) * height + row) * width + column;
                const seen = ((image * from + i) * height + row + down) * width + column + right;
                y![at]! += x.data[seen]! * w.data[weight]!;
                dx![seen]! += dy.data[at]! * w.data[weight]!;
                dw![weight]! += dy.data[at]! * x.data[seen]!;
              }
          }
    return { y: y!, dx: dx!, dw: dw! };
  }

  test('has rounding errors of the size of a direct one in single precision', async () => {
    const [x, w] = [input('x', 'f32', shapes.x), input('w', 'f32', shapes.w)];
    const y = conv2d(x, w, geometry(3));
    const [dx, dw] = vjp([y], [input('dy', 'f32', shapes.dy)], [x, w]);
    const values = { y, dx: dx!, dw: dw! };
    const exact = exactly();
    for (const [name, value] of Object.entries(values)) {
      const expected = exact[name as keyof typeof exact];
      const scale = Math.sqrt(expected.reduce((sum, each) => sum + each ** 2, 0) / expected.length);
      const errorOf = async (lowering: string) => {
        const choices = { [choiceKey(value)]: lowering };
        await using program = await createRuntime({ cache: null, threads: 1, choices }).compile({ [name]: value });
        const { data } = (await program.run(numbers))[name]!;
        return (
          Math.sqrt(expected.reduce((sum, each, i) => sum + (Number(data[i]) - each) ** 2, 0) / data.length) / scale
        );
      };
      const [direct, winograd] = [await errorOf(applicableLowerings(value)[0]!), await errorOf('winograd')];
      expect(winograd, `${name}: ${winograd} beside ${direct}`).toBeLessThan(2e-6);
      expect(winograd, name).toBeLessThan(10 * direct);
    }
  });
});

describe('what Winograd’s weight gradient has from the forward pass', () => {
  const choose = (value: Value) => (value.op.name.startsWith('Conv2d') ? 'winograd' : undefined);
  /** The transposes of a graph: that of x once or twice. */
  const transposes = (side: number) => {
    const x = input('x', 'f32', [1, 96, side, side]);
    const w = input('w', 'f32', [16, 96, 3, 3]);
    const y = conv2d(x, w, geometry(3));
    const [dw] = vjp([y], [input('dy', 'f32', y.shape)], [w]);
    const { model } = encode({ y, dw: dw! }, { choose, features: everything });
    return decode(model).nodes.filter(({ operator }) => operator === 'Transpose').length;
  };

  test('is kept where it is small, and computed again where it is large', () => {
    expect(transposes(224) - transposes(32)).toBe(1);
  });
});

describe('the positions of maxima', () => {
  /** The indices that the gradient of a max-pool scatters to. */
  const indicesOf = (shape: readonly number[], options: PoolOptions) => {
    const y = maxPool(input('x', 'f32', shape), options);
    const gradients = vjp([y], [input('dy', 'f32', y.shape)], y.inputs);
    return reachable(gradients).find(({ op }) => op.name === 'MaxPoolIndices')!;
  };
  const apart: readonly (readonly [readonly number[], PoolOptions])[] = [
    [[2, 3, 8, 6], { kernel: [2, 2] }],
    [[1, 4, 6, 9], { kernel: [2, 3] }],
    [[3, 1, 9, 9], { kernel: [3, 3] }],
    [[3, 1, 5, 4], { kernel: [5, 1] }],
    [[1, 2, 3, 8], { kernel: [1, 4] }],
    [[2, 2, 7, 6], { kernel: [2, 2] }],
    [[2, 2, 6, 5], { kernel: [2, 2] }],
    [[1, 2, 12, 11], { kernel: [2, 2], strides: [4, 3] }],
  ];

  test.each(apart)(
    'of %j in windows %j are compared as they are pooled, the first of equal ones',
    async (shape, options) => {
      const indices = indicesOf(shape, options);
      expect(applicableLowerings(indices)).toEqual(['onnx', 'compared']);
      const noise = gaussian(shape, 'ties');
      const feeds = [
        noise,
        { ...noise, data: noise.data.map(Math.round) },
        { ...noise, data: noise.data.map(() => -0.5) },
        { ...noise, data: noise.data.map((value) => value * 2 ** -140) },
        { ...noise, data: noise.data.map((value) => (value > 0 ? Infinity : -Infinity)) },
      ];
      for (const x of feeds) {
        const [pooled, compared] = await Promise.all(
          ['onnx', 'compared'].map(async (name) => {
            const choices = { [choiceKey(indices)]: name };
            await using program = await createRuntime({ cache: null, threads: 1, choices }).compile({ indices });
            return await program.run({ x });
          }),
        );
        expect(compared!.indices).toEqual(pooled!.indices);
      }
    },
  );

  test.each<[string, readonly number[], PoolOptions]>([
    ['overlap', [1, 1, 9, 9], { kernel: [3, 3], strides: [2, 2] }],
    ['have many pixels', [1, 1, 8, 8], { kernel: [4, 4] }],
    ['are padded', [1, 1, 6, 6], { kernel: [2, 2], pads: [1, 1, 1, 1] }],
    ['are dilated', [1, 1, 6, 6], { kernel: [2, 2], strides: [3, 3], dilations: [2, 2] }],
  ])('where windows %s are only pooled', (_name, shape, options) => {
    expect(applicableLowerings(indicesOf(shape, options))).toEqual(['onnx']);
  });
});
