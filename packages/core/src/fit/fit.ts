import { OptionError } from '../base/errors.ts';
import type { Tensors } from '../base/tensor.ts';
import { copy } from '../runtime/index.ts';
import type { CheckpointStore } from './checkpoint.ts';
import type { Course, CourseStage } from './course.ts';
import type { TrainEvent } from './events.ts';
import type { FitData } from './examples.ts';
import type { FitOptions, FitStore, RunOptions, SavedFit } from './fit-options.ts';
import { fitTask } from './fit-task.ts';
import { courseOf } from './image-stage.ts';
import type { Model } from './model.ts';
import { runCourse } from './trainer.ts';

/**
 * Trains what a model does not freeze, epoch by epoch: steps, an evaluation, a checkpoint. Its events say how it goes;
 * a reader may stop at any of them. After each evaluation the model has the values that were evaluated, and at the end
 * those of the best epoch.
 *
 * Layers before the first that is trained run once over the examples where these stay the same, and training goes on
 * from their outputs.
 *
 * @throws OptionError for an option that means nothing here; LossError where the loss is no longer a number
 * @example
 * for await (const event of fit(model, { train, validation }, { epochs: 5, optimizer: sgd({ learningRate: 0.01 }) })) {
 *   if (event.kind === 'evaluation') console.log(event.epoch, event.loss, event.accuracy);
 * }
 */
export async function* fit<M extends string = 'accuracy'>(
  model: Model,
  data: FitData,
  options: FitOptions<M> = {},
): AsyncGenerator<TrainEvent<M>, void, undefined> {
  const course = courseOf(fitTask(model, data, options));
  model.trainedOn(data);
  yield* fitCourse(model, course, options);
}

/**
 * Trains a model by a course, whose steps are whatever its stages say: batches in `fit`, tasks in meta-learning. The
 * model follows as it does in `fit`.
 *
 * @throws LossError where the loss is no longer a number
 */
export async function* fitCourse<M extends string>(
  model: Model,
  course: Course<M>,
  { signal, store, resume = false, profiler, callbacks = [] }: RunOptions<M>,
): AsyncGenerator<TrainEvent<M>, void, undefined> {
  try {
    const saved = resume === true ? await savedIn(store) : resume || null;
    let best = saved?.best;
    const keeping: CheckpointStore<M> = {
      record: async (event) => store?.record(event),
      saveLast: async (tensors, phase) => store?.saveLast(tensors, phase),
      saveBest: async (tensors, evaluation) => {
        best = tensors;
        await store?.saveBest(tensors, evaluation);
      },
    };
    const run = { runtime: model.runtime, store: keeping, ...(signal && { signal }), ...(saved && { resume: saved }) };
    for await (const event of runCourse(followed(profiler?.watch(course) ?? course, model), run)) {
      if (event.kind === 'end' && best) model.load(ownOf(model, best));
      for (const callback of callbacks) await callback(event);
      yield event;
    }
  } finally {
    await store?.finish?.();
  }
}

async function savedIn<M extends string>(store: FitStore<M> | undefined): Promise<SavedFit<M> | null> {
  if (store?.load) return store.load();
  throw new OptionError({
    option: 'resume',
    expected: 'false, a state, or true with a store that can load what it saved',
    received: true,
  });
}

/** The course with a model that takes over what is evaluated. */
function followed<M extends string>(course: Course<M>, model: Model): Course<M> {
  const stages = course.stages.map(
    (stage): CourseStage<M> => ({
      ...stage,
      async open(variables, runtime) {
        const open = await stage.open(variables, runtime);
        return {
          ...open,
          evaluate(now, signal) {
            const changed = Object.entries(ownOf(model, now)).filter(
              ([name, value]) => value !== model.variables[name],
            );
            // The state's own buffers change with the next steps.
            model.load(Object.fromEntries(changed.map(([name, value]) => [name, copy(value)])));
            return open.evaluate(now, signal);
          },
        };
      },
    }),
  );
  return { ...course, stages };
}

/** The values that are the model's: a learner has others besides. */
function ownOf({ variables }: Model, values: Tensors): Tensors {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in variables));
}
