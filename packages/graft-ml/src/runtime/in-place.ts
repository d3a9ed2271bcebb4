/*
 * onnxruntime-node writes outputs into the tensors that it is given, and then copies each of them into a new tensor all
 * the same, to return it. With a training step that is the whole state of the training: up to a tenth of the step's time,
 * and memory that stays until it is collected. It makes these copies in the order of the outputs once the run is done, and
 * ends with an error at an output that is no tensor. So graphs get one before their own outputs: by the time of the error
 * everything is written, and nothing was copied.
 */
import { input } from '@graft-ml/core/graph';
import { f32 } from '@graft-ml/core/internal/base/tensor';
import { encode } from '@graft-ml/core/internal/graph/index';
import { withSequenceOutput } from '@graft-ml/core/internal/graph/sequence-output';
import { type Session, wrapWith } from '@graft-ml/core/internal/runtime/backend';
import { neg } from '@graft-ml/core/ops';
import type { InferenceSession } from 'onnxruntime-common';
import { loadOrt, loadSession } from './ort.ts';

/** Makes a session of a model. */
type Load = (model: Uint8Array) => Promise<InferenceSession>;

/** A session as far as it is used here, whose outputs are all written into given tensors. */
export type SessionInPlace = Session & Pick<InferenceSession, 'endProfiling'>;

/** Bytes from which on a model holds its weights, and returns little beside them, as a frozen network does. */
const largeModel = 2 ** 24;

/**
 * A session that copies no output. Where this build of ORT copies them by other rules, it is one like any other.
 *
 * @param bytes of the model with all of its constants
 */
export async function loadInPlace(load: Load, model: Uint8Array, bytes = model.length): Promise<SessionInPlace> {
  const error = bytes < largeModel ? await expectedError() : undefined;
  return error === undefined ? load(model) : sessionInPlace(await load(withSequenceOutput(model, sequence)), error);
}

const sequence = 'graft/no copies';

function sessionInPlace(session: InferenceSession, expected: string): SessionInPlace {
  return {
    async run(feeds, fetches) {
      try {
        await session.run(feeds, { [sequence]: null, ...fetches });
      } catch (error) {
        if ((error as Error).message !== expected) throw error;
      }
    },
    release: () => session.release(),
    endProfiling: () => session.endProfiling(),
  };
}

let known: Promise<string | undefined> | undefined;

/**
 * The message of the error with which a run ends when everything is written; undefined where this build has none, as a
 * small graph shows.
 */
function expectedError(): Promise<string | undefined> {
  known ??= findError().catch(() => undefined);
  return known;
}

async function findError(): Promise<string | undefined> {
  const { model } = encode({ y: neg(input('x', 'f32', [1])) });
  const session = await loadSession(withSequenceOutput(model, sequence), 1);
  const wrap = wrapWith(loadOrt().Tensor);
  const y = f32([1], [0]);
  try {
    await session.run({ x: wrap(f32([1], [1])) }, { [sequence]: null, y: wrap(y) });
    return undefined;
  } catch (error) {
    return y.data[0] === -1 ? (error as Error).message : undefined;
  } finally {
    await session.release();
  }
}
