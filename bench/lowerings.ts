/*
 * Times every lowering of a convolution and of its two gradients at one shape, in turns:
 *   npm run build && node dist/bench/lowerings.js [--batch 16] [--from 128] [--to 128] [--side 28] [--kernel 3]
 *     [--stride 1] [--groups 1] [--threads N] [--runs 10]
 * Prints the least milliseconds of wall time of each, the fastest first.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { input, type Value } from '@graft-ml/core/graph';
import { zeros } from '@graft-ml/core/internal/base/tensor';
import { vjp } from '@graft-ml/core/internal/grad/index';
import { encode } from '@graft-ml/core/internal/graph/index';
import { outputPrefix, Program } from '@graft-ml/core/internal/runtime/program';
import { allCandidates, sampleTensor } from '@graft-ml/core/internal/runtime/tuning';
import { conv2d } from '@graft-ml/core/ops';
import { cpuBackend } from 'graft-ml/internal/runtime/create';

const { values: options } = parseArgs({
  options: {
    batch: { type: 'string', default: '16' },
    from: { type: 'string', default: '128' },
    to: { type: 'string', default: '128' },
    side: { type: 'string', default: '28' },
    kernel: { type: 'string', default: '3' },
    stride: { type: 'string', default: '1' },
    groups: { type: 'string', default: '1' },
    threads: { type: 'string', default: String(availableParallelism()) },
    runs: { type: 'string', default: '10' },
  },
});
const number = (name: keyof typeof options) => Number(options[name]);
const [kernel, stride, groups, side, threads] = [
  number('kernel'),
  number('stride'),
  number('groups'),
  number('side'),
  number('threads'),
];
const pad = (kernel - 1) / 2;

const x = input('x', 'f32', [number('batch'), number('from'), side, side]);
const w = input('w', 'f32', [number('to'), number('from') / groups, kernel, kernel]);
const y = conv2d(x, w, { strides: [stride, stride], pads: [pad, pad, pad, pad], dilations: [1, 1], groups });
const [dx, dw] = vjp([y], [input('dy', 'f32', y.shape)], [x, w]);
const backend = cpuBackend(threads);
const features = await backend.features();
for (const [name, value] of Object.entries({ forward: y, 'input gradient': dx!, 'weight gradient': dw! })) {
  const times = await timesOf(value);
  const fastestFirst = [...times].sort(([, a], [, b]) => a - b);
  console.log(`${name}: ${fastestFirst.map(([lowering, time]) => `${lowering} ${time.toFixed(2)}`).join(' · ')}`);
}

/** The least time of each lowering. */
async function timesOf(value: Value): Promise<Map<string, number>> {
  const feeds = Object.fromEntries(value.inputs.map((each) => [String(each.attributes.name), sampleTensor(each)]));
  const into = { y: zeros('f32', value.shape) };
  const programs = new Map<string, Program>();
  for (const lowering of allCandidates(features)(value)) {
    const graph = encode({ [`${outputPrefix}y`]: value }, { choose: () => lowering, features });
    programs.set(lowering, new Program(await backend.loadForTiming(graph.model, threads), graph, backend.wrap));
  }
  const times = new Map<string, number>();
  for (let run = 0; run < number('runs'); run++) {
    for (const [lowering, program] of programs) {
      await program.run(feeds, into); // another lowering's run has taken its memory out of the caches
      const start = performance.now();
      await program.run(feeds, into);
      times.set(lowering, Math.min(times.get(lowering) ?? Number.POSITIVE_INFINITY, performance.now() - start));
    }
  }
  for (const program of programs.values()) await program.release();
  return times;
}
