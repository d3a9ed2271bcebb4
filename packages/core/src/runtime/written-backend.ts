/*
 * The part of a checked device (agreement.ts) that is the same in Node and in a browser: sessions that run a graph as it
 * is written, one after the other.
 */
import type { InferenceSession, TensorConstructor } from 'onnxruntime-common';
import { type Backend, type Device, type Session, type WrapTensor, wrapWith } from './backend.ts';

/** A build of ORT, as far as a backend needs it. */
export interface OpenedOrt {
  readonly Tensor: TensorConstructor;
  createSession(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<Session>;
}

export interface WrittenBackendOptions {
  /** The device, or the processor of the same build: the reference. */
  readonly device: Extract<Device, 'webgpu' | 'wasm' | 'cpu'>;
  /** What verdicts and timings depend on, beside the device. */
  readonly identity: string;
  readonly threads: number;
  readonly session: InferenceSession.SessionOptions;
  /** The build, opened when the first session is made. */
  readonly open: () => Promise<OpenedOrt>;
  /** Does one thing after the other, for the device and its reference alike. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

/** A backend whose sessions run the nodes that were checked: none is merged with another or moved to another layout. */
export function writtenBackend({ device, identity, threads, session, open, inTurn }: WrittenBackendOptions): Backend {
  let wrapOpened: WrapTensor | undefined;
  const load: Backend['load'] = async (model, { onCpu = [], deviceOnly = false } = {}) => {
    const ort = await open();
    wrapOpened ??= wrapWith(ort.Tensor);
    const gpu = {
      name: 'webgpu',
      // In the other layout ORT rewrites the graph around each convolution, into one that nobody has checked.
      preferredLayout: 'NCHW',
      ...(onCpu.length > 0 && { forceCpuNodeNames: onCpu }),
    } as const;
    const made = await inTurn(() =>
      ort.createSession(model, {
        ...session,
        executionProviders: [device === 'webgpu' ? gpu : device],
        // The nodes that run are those that were checked: none is merged with another.
        graphOptimizationLevel: 'disabled',
        extra: { ...session.extra, session: { ...(deviceOnly && { disable_cpu_ep_fallback: '1' }) } },
      }),
    );
    return {
      run: (feeds, fetches) => inTurn(() => made.run(feeds, fetches)),
      release: () => inTurn(() => made.release()),
    } satisfies Session;
  };
  return {
    device,
    isBesideCpu: device === 'webgpu',
    identity: `${device} · ${identity}`,
    threads,
    wrap: (tensor) => {
      if (!wrapOpened) throw new Error('wrap: there is no session yet that could take the tensor');
      return wrapOpened(tensor);
    },
    load,
    loadForTiming: (model) => load(model),
    features: async () => new Set(),
  };
}

/** Does one thing after the other, whether or not what came before succeeded. */
export function takingTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
}
