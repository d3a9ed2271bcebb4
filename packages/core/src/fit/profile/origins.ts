import {
  type BuildListener,
  constantTensor,
  inputName,
  listenToBuilding,
  reachable,
  type Value,
} from '../../graph/index.ts';

/**
 * The passes of a training step. `second-order` is the derivative of a backward pass: of an inner step that is
 * differentiated.
 */
export type Pass = 'forward' | 'backward' | 'second-order' | 'optimizer';

export const passes: readonly Pass[] = ['forward', 'backward', 'second-order', 'optimizer'];

/** Where a value of a graph comes from. */
export interface Origin {
  /**
   * The path of the layer, `layer1.0.conv1`; what follows a layer without variables of its own, an activation or a
   * pooling, counts as that layer's. Before the first layer `input`, and `loss`.
   */
  readonly layer: string;
  readonly pass: Pass;
}

interface Note {
  /** The layer, or the note of the value whose layer it is. */
  layer: string | Note;
  readonly pass: Pass;
}

/** The layer of values before the first layer. */
const before = 'input';

/**
 * Notes layer and pass of each value of the graphs that are built while it listens. A value belongs to the layer that
 * last asked for a variable, a cotangent to the layer of the value through which it was pulled, and what is computed
 * of gradients to the optimizer.
 */
export class Origins implements BuildListener {
  readonly #notes = new WeakMap<Value, Note>();
  #layer = before;
  #pulled: Note | null = null;
  /** Whether gradients have been taken since a layer last asked for a variable. */
  #isAfterGradients = false;

  made(value: Value): void {
    if (inputName(value) === undefined && !constantTensor(value)) this.#notes.set(value, this.#noteOf(value));
  }

  #noteOf({ inputs }: Value): Note {
    if (this.#pulled) {
      const isAgain = this.#pulled.pass === 'backward' || this.#pulled.pass === 'second-order';
      return { layer: this.#pulled, pass: isAgain ? 'second-order' : 'backward' };
    }
    if (!this.#isAfterGradients) return { layer: this.#layer, pass: 'forward' };
    const known = inputs.flatMap((each) => this.#notes.get(each) ?? []);
    const parameters = inputs.flatMap((each) => layerOfInput(each) ?? []);
    const isUpdate = parameters.length > 0 || known.some(({ pass }) => pass !== 'forward');
    return { layer: parameters[0] ?? known[0] ?? before, pass: isUpdate ? 'optimizer' : 'forward' };
  }

  asked(layer: string): void {
    this.#layer = layer;
    this.#isAfterGradients = false;
  }

  pulled(value?: Value): void {
    this.#pulled = value ? (this.#notes.get(value) ?? { layer: before, pass: 'forward' }) : null;
    this.#isAfterGradients ||= value === undefined;
  }

  /** What the loss needs beyond the network's outputs belongs to no layer. */
  markLoss(loss: Value, outputs: Value): void {
    const ofNetwork = new Set(reachable([outputs]));
    for (const value of reachable([loss])) {
      const note = this.#notes.get(value);
      if (note?.pass === 'forward' && !ofNetwork.has(value)) note.layer = 'loss';
    }
  }

  /** Where a value comes from; undefined of one that was made while nobody listened. */
  of(value: Value): Origin | undefined {
    const note = this.#notes.get(value);
    return note && { layer: layerOf(note), pass: note.pass };
  }

  /** Listens while `build` works. */
  async during<T>(build: () => Promise<T>): Promise<T> {
    const previous = listenToBuilding(this);
    try {
      return await build();
    } finally {
      listenToBuilding(previous);
    }
  }
}

/** The names of inputs that belong to no parameter begin with one of these. */
const ofNoParameter = /^(step|batch|support|query)\//;

/** The layer of the parameter that an input is, or belongs to: a slot of the optimizer, an average, a sum of gradients. */
function layerOfInput(value: Value): string | undefined {
  const name = inputName(value);
  if (name === undefined || ofNoParameter.test(name)) return undefined;
  return layerOfParameter(name.slice(name.lastIndexOf('/') + 1));
}

/** `layer1.0.conv1` of `layer1.0.conv1.weight`. */
export function layerOfParameter(name: string): string {
  return name.replace(/\.?[^.]*$/, '');
}

function layerOf({ layer }: Note): string {
  let found = layer;
  while (typeof found !== 'string') found = found.layer;
  return found;
}
