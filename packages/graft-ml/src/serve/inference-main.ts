/** A process that runs one model. Started by `model-pool.ts`, always as the built file. */

import { answerTasks } from './child-main.ts';
import type { InferenceReply, InferenceTask } from './messages.ts';
import { openServedModel, type ServedModel } from './served-model.ts';
import { readPixels } from './shared-pixels.ts';

let model: ServedModel | undefined;

answerTasks<InferenceTask, InferenceReply>(async (task) => {
  if (task.kind === 'open') {
    model = await openServedModel(task);
    return { opened: model.description };
  }
  if (!model) throw new Error('a model is opened before it runs');
  const { crop } = model.description.framing;
  const length = 3 * crop * crop;
  if (task.kind === 'run-image') return { outputs: await model.runImage(task.image) };
  if (task.kind === 'run') {
    const pixels = new Uint8Array(task.size * length);
    readPixels(task.offsets, length, pixels);
    return { outputs: await model.run(pixels, task.size) };
  }
  const pixels = new Uint8Array(length);
  readPixels([task.offset], length, pixels);
  return { explanation: await model.explain(pixels, task.target) };
});
