import type { Value } from '@graft-ml/core/graph';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import type { Choices, Placement } from '@graft-ml/core/runtime';
import type { Page } from 'playwright-core';
import { pack } from './packed.ts';
import type { Answer, Question } from './worker.ts';

/** A program in a page, for graphs that are built here. */
export interface RemoteProgram {
  readonly placements: readonly Placement[];
  /** The primitives at their shapes that were compared with WASM to make it: none that were known. */
  readonly checked: number;
  run(feeds: Tensors): Promise<Tensors>;
  release(): Promise<void>;
}

/** Compiles a graph in the page of this folder. @throws Error with the message of the page's */
export async function compileThere(
  page: Page,
  outputs: Readonly<Record<string, Value>>,
  { device = 'webgpu', choices }: { readonly device?: 'wasm' | 'webgpu'; readonly choices?: Choices } = {},
): Promise<RemoteProgram> {
  const made = await ask(page, { task: 'compile', device, graph: pack(outputs), ...(choices && { choices }) });
  const program = made.program!;
  return {
    placements: made.placements!,
    checked: made.checked!,
    run: async (feeds) => (await ask(page, { task: 'run', program, feeds })).results!,
    release: async () => {
      await ask(page, { task: 'release', program });
    },
  };
}

async function ask(page: Page, question: Question): Promise<Answer> {
  const asked = (each: Question) => (globalThis as unknown as { ask(q: Question): Promise<Answer> }).ask(each);
  const answer = await page.evaluate(asked, question);
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer;
}

/** Whether the browser has WebGPU, on a GPU or on a program that stands for one. */
export function hasAdapter(page: Page): Promise<boolean> {
  return page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
}
