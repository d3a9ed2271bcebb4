import { graft } from '../train/graft.ts';
import { nameOf } from '../train/progress.tsx';
import type { Answerer } from './answerer.ts';

/** Opens a run of this browser. @throws Error (by rejection) that says why it cannot be opened */
export async function openRunModel(path: string): Promise<Answerer> {
  const classifier = await graft().open(path);
  return {
    name: nameOf(path),
    path,
    classes: classifier.classes,
    predict: async (frame) => [...(await classifier.classify(frame, { top: 1 })).probabilities],
    close: () => void classifier.close(),
  };
}
