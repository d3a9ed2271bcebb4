import type { ImageProblem } from '@graft-ml/core/internal/image/problem';
import type { Framing } from '@graft-ml/core/internal/image/transform';

/* Messages between the server and its processes. Each task has one reply. */

/** A model as its process has opened it. */
export interface ModelDescription {
  readonly classes: readonly string[];
  /** How an image becomes its input. */
  readonly framing: Framing;
  /** The numbers of images that it takes at once, in ascending order. */
  readonly sizes: readonly number[];
  /** Whether Grad-CAM can be asked for. */
  readonly explains: boolean;
  /** Notes on reading it, a sentence each. */
  readonly notes: readonly string[];
}

export interface OpenTask {
  readonly kind: 'open';
  readonly path: string;
  readonly threads: number;
  readonly maxBatch: number;
  readonly explains: boolean;
}

/** Computes a batch. */
export interface RunTask {
  readonly kind: 'run';
  /** Where its images are, u8 (3, crop, crop) each. */
  readonly offsets: readonly number[];
  /** The size of the program, which may be larger. */
  readonly size: number;
}

/** Computes what in one image speaks for a class. */
export interface ExplainTask {
  readonly kind: 'explain';
  /** Where the image is, u8 (3, crop, crop). */
  readonly offset: number;
  /** The position of the class; null: the likeliest. */
  readonly target: number | null;
}

export type InferenceTask = OpenTask | RunTask | ExplainTask;

/** The outputs of a batch, f32 (size, classes) each. */
export interface BatchOutputs {
  readonly logits: Float32Array;
  readonly probabilities: Float32Array;
}

/** Grad-CAM of one image. */
export interface ImageExplanation {
  readonly target: number;
  /** The endpoint whose activations were looked at. */
  readonly endpoint: string;
  /** f32 (height, width) in [0, 1], in the endpoint's own resolution. */
  readonly map: Float32Array;
  readonly height: number;
  readonly width: number;
  /** A PNG of (crop, crop): the image in grey with the map laid on it in colour. */
  readonly overlay: Uint8Array;
}

/** Makes a model's input of the content of an image file. */
export interface ViewTask {
  readonly kind: 'view';
  readonly bytes: Uint8Array;
  readonly framing: Framing;
  readonly mostPixels: number;
  /** Where the input goes, u8 (3, crop, crop). */
  readonly offset: number;
  /** Whether it may be a large image, which takes long to decode. */
  readonly isLarge: boolean;
}

/** Reads a request of the Open Inference Protocol. */
export interface TensorTask {
  readonly kind: 'tensor';
  readonly bytes: Uint8Array;
  readonly crop: number;
  readonly mostImages: number;
}

export type DecodeTask = ViewTask | TensorTask;

/** A request of the Open Inference Protocol as it was read. */
export interface TensorRequest {
  readonly id: string | undefined;
  /** u8 (count, 3, crop, crop) */
  readonly pixels: Uint8Array;
  readonly count: number;
  /** The outputs that are asked for, in their order. */
  readonly outputs: readonly ('logits' | 'probabilities')[];
}

export type DecodeReply =
  | { readonly isWritten: true }
  | { readonly request: TensorRequest }
  | { readonly problem: ImageProblem }
  /** What is wrong with the request. */
  | { readonly refusal: string }
  /** The image is a large one, which was not expected. */
  | { readonly isLarge: true }
  /** The image may cost so much that it belongs in a process of its own. */
  | { readonly isCostly: true };

export type InferenceReply =
  | { readonly opened: ModelDescription }
  | { readonly outputs: BatchOutputs }
  | { readonly explanation: ImageExplanation };

/** How a process answers: with a reply, or with what went wrong; `isSaid` if that is a sentence for users. */
export type Answer<R> =
  | { readonly id: number; readonly reply: R }
  | { readonly id: number; readonly failure: string; readonly isSaid: boolean };
