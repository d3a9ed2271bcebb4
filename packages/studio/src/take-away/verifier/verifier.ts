/*
 * The script of the page in which `graft export --verify --browser` asks an exported model about images. Model,
 * WebAssembly and images come from the command's own server, and the command calls `graftVerifier`. Built into one
 * script by build/scripts.ts.
 */
import { ImageError, loadPredictor, type PageImage, type Predictor } from '@graft-ml/web/internal/predict/index';

/** An image as the command has it: its number, and its size once it is decoded. */
interface Asked {
  readonly image: number;
  readonly width: number;
  readonly height: number;
}

/** Probabilities, or why the browser cannot use the image. */
type Answer = { readonly probabilities: number[] } | { readonly problem: ImageError['problem'] };

let predictor: Predictor | undefined;

async function bytesOf(address: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function answer(image: PageImage): Promise<Answer> {
  try {
    return { probabilities: Array.from(await predictor!.probabilities(image)) };
  } catch (error) {
    if (error instanceof ImageError) return { problem: error.problem };
    throw error;
  }
}

const verifier = {
  async open(): Promise<void> {
    predictor = await loadPredictor('model.onnx', { threads: 1, wasmBinary: await bytesOf('engine.wasm') });
  },
  /** The model's answers for the pixels that the command decoded, and for the file. */
  async look({ image, width, height }: Asked): Promise<{ readonly same: Answer; readonly own: Answer }> {
    const pixels = { width, height, data: await bytesOf(`images/${image}/pixels`) };
    return { same: await answer(pixels), own: await answer(await bytesOf(`images/${image}/file`)) };
  },
};

Object.assign(globalThis, { graftVerifier: verifier });
