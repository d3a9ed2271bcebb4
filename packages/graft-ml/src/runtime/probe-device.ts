/*
 * A process that makes and runs one session on a device, and says `works` or why not. It ends at once, without what
 * drivers do when a process is left in order.
 */
import { writeSync } from 'node:fs';
import { encode, input } from '@graft-ml/core/graph';
import { exp } from '@graft-ml/core/ops';
import { failureOfSession } from './gpu-facts.ts';
import { createSession, loadOrt } from './ort.ts';

async function answer(device: string): Promise<string> {
  try {
    const { model } = encode({ y: exp(input('x', 'f32', [1])) });
    const session = await createSession(model, { executionProviders: [device], logSeverityLevel: 4 });
    const { y } = await session.run({ x: new (loadOrt().Tensor)('float32', Float32Array.of(0), [1]) });
    return y?.data[0] === 1 ? 'works' : `a session there computes exp(0) = ${y?.data[0]}`;
  } catch (error) {
    return failureOfSession(error);
  }
}

writeSync(1, `${await answer(process.argv[2]!)}\n`);
process.kill(process.pid, 'SIGKILL');
