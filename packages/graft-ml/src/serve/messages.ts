import type { ImageProblem } from '@graft-ml/core/internal/image/problem';
import type { Framing } from '@graft-ml/core/internal/image/transform';

/* Messages between the server and its processes. Each task has one reply. */

/** A model as its process has opened it. */
export interface ModelDescription {
  readonly classes: readonly string[];
  /** `pixels` u8 (n, 3, crop, crop), or `image` u8 (1, 3, height, width) of any size, which it resizes itself. */
  readonly input: 'pixels' | 'image';
  /** How an image becomes its input. */
  readonly framing: Framing;
  /** The numbers of images that it takes at once, in ascending order. */
  readonly sizes: readonly number[];
  /** Why Grad-CAM cannot be asked for; null: it can. */
  readonly unexplained: string | null;
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

/** An image of a batch: where its pixels are in the shared file, u8 (3, crop, crop), or a file to decode. */
export type BatchImage = { readonly offset: number } | Pick<ImageContent, 'bytes' | 'mostPixels'>;

/** Computes a batch. */
export interface RunTask {
  readonly kind: 'run';
  readonly images: readonly BatchImage[];
}

/** An image as it was decoded, planar u8 (3, height, width). */
export interface PlanarImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Computes one image of any size. */
export interface RunImageTask {
  readonly kind: 'run-image';
  readonly image: PlanarImage;
}

/** Computes what in one image speaks for a class. */
export interface ExplainTask {
  readonly kind: 'explain';
  /** Where the image is, u8 (3, crop, crop). */
  readonly offset: number;
  /** The position of the class; null: the likeliest. */
  readonly target: number | null;
}

export type InferenceTask = OpenTask | RunTask | RunImageTask | ExplainTask;

/** The outputs of a batch, f32 (size, classes) each. */
export interface BatchOutputs {
  readonly logits: Float32Array;
  readonly probabilities: Float32Array;
}

/** The reason why a process has not decoded an image. */
export type Undecoded =
  | { readonly problem: ImageProblem }
  /** The image is a large one, which was not expected. */
  | { readonly isLarge: true }
  /** The image may cost so much that it belongs in a process of its own. */
  | { readonly isCostly: true };

/** A batch that was computed. */
export interface BatchReply {
  /** For each image its row in the outputs, or why it has none. */
  readonly rows: readonly (number | Undecoded)[];
  readonly outputs: BatchOutputs;
  /** Milliseconds that decoding took. */
  readonly decoding: number;
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

/** The content of an image file, which is to be decoded. */
export interface ImageContent {
  readonly bytes: Uint8Array;
  readonly framing: Framing;
  readonly mostPixels: number;
}

/** Makes an input of the model's own size of an image. */
export interface ViewTask extends ImageContent {
  readonly kind: 'view';
  /** Where the input goes, u8 (3, crop, crop). */
  readonly offset: number;
  /** Whether it may be a large image, which takes long to decode. */
  readonly isLarge: boolean;
}

/** Decodes an image and leaves its size as it is. */
export interface DecodeImageTask extends ImageContent {
  readonly kind: 'image';
  /** As in `ViewTask`. */
  readonly isLarge: boolean;
}

/** Reads a request of the Open Inference Protocol. */
export interface TensorTask {
  readonly kind: 'tensor';
  readonly bytes: Uint8Array;
  /** The length of its JSON; binary data may follow. */
  readonly jsonBytes: number;
  /** The input of the model. */
  readonly input: ModelDescription['input'];
  readonly crop: number;
  readonly mostImages: number;
  readonly mostPixels: number;
}

/** Asks a process whether it has started. */
export interface BeginTask {
  readonly kind: 'begin';
}

export type DecodeTask = ViewTask | DecodeImageTask | TensorTask;

/** A request of the Open Inference Protocol as it was read. */
export interface TensorRequest {
  readonly id: string | undefined;
  /** u8 in its shape, (n, 3, height, width) */
  readonly pixels: Uint8Array;
  readonly shape: readonly number[];
  /** The outputs that are asked for, in their order; binary ones follow the JSON of the answer. */
  readonly outputs: readonly { readonly name: 'logits' | 'probabilities'; readonly isBinary: boolean }[];
}

export type DecodeReply =
  | { readonly hasBegun: true }
  | { readonly isWritten: true }
  | { readonly image: PlanarImage }
  | { readonly request: TensorRequest }
  /** What is wrong with the request. */
  | { readonly refusal: string }
  | Undecoded;

export type InferenceReply =
  | { readonly opened: ModelDescription }
  | { readonly batch: BatchReply }
  | { readonly outputs: BatchOutputs }
  | { readonly explanation: ImageExplanation };

/** How a process answers: with a reply, or with what went wrong; `isSaid` if that is a sentence for users. */
export type Answer<R> =
  | { readonly id: number; readonly reply: R }
  | { readonly id: number; readonly failure: string; readonly isSaid: boolean };
