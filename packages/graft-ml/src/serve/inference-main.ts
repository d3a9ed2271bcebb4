/** A process that runs one model. Started by `model-pool.ts`, always as the built file. */

import { answerTasks } from './child-main.ts';
import type { InferenceReply, InferenceTask } from './messages.ts';
import { openServedModel, type ServedModel } from './served-model.ts';

let model: ServedModel | undefined;

answerTasks<InferenceTask, InferenceReply>(async (task) => {
  if (task.kind === 'open') {
    model = await openServedModel(task);
    return { opened: model.description };
  }
  if (!model) throw new Error('a model is opened before it runs');
  if (task.kind === 'run') return { outputs: await model.run(task.pixels, task.size) };
  return { explanation: await model.explain(task.pixels, task.target) };
});
