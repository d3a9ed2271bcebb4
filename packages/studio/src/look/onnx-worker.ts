/*
 * A model that `graft export` wrote, in a worker, so that the page never waits for it.
 */
import { loadPredictor, type Predictor } from '@graft-ml/web/internal/predict/index';
import type { ModelReply, ModelRequest } from './onnx-model.ts';

let predictor: Predictor | undefined;

addEventListener('message', async ({ data }: MessageEvent<ModelRequest>) => {
  let reply: ModelReply;
  try {
    reply = { id: data.id, answer: await answerOf(data), problem: null };
  } catch (error) {
    reply = { id: data.id, answer: null, problem: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(reply);
});

/** The classes of a model that is opened, or their probabilities for an image. */
async function answerOf(request: ModelRequest): Promise<ModelReply['answer']> {
  if ('model' in request) {
    predictor = await loadPredictor(request.model);
    return predictor.classes;
  }
  if (!predictor) throw new Error('no model is open');
  const found = await predictor.predict(request.frame);
  const probabilities = new Map(found.map(({ name, probability }) => [name, probability]));
  return predictor.classes.map((name) => probabilities.get(name)!);
}
