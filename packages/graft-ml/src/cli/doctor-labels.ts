import type { DeviceName } from '@graft-ml/core/internal/recipe/config/machine';
import type { ShapeOptions } from '../data/readers/found.ts';
import { downloadOptions } from './download.ts';
import { unlessStopped } from './long-call.ts';
import type { DownloadFlags } from './options/download.ts';
import { labelIssuesResult, suspectCaption } from './show/label-issues.ts';
import { printResult } from './show/printer.ts';
import type { Terminal } from './terminal.ts';

/** The flags of `graft doctor --labels`. */
export interface LabelFlags extends DownloadFlags {
  readonly model: string;
  readonly weights: string | null;
  readonly imageSize: number | null;
  readonly folds: number;
  readonly seed: number;
  readonly device: DeviceName;
  readonly sheet: string | null;
  readonly strict: boolean;
}

/** How the images are found, and how many suspects are written out. */
export interface LabelSearch {
  readonly reading: ShapeOptions & { readonly classDepth: number };
  readonly most: number;
}

/** Images on a contact sheet of suspects. */
const mostOnSheet = 60;

/** `graft doctor --labels`: prints the images whose labels are probably wrong, and draws them where that is asked for. */
export async function diagnoseLabels(
  folder: string,
  { model, weights, imageSize, folds, seed, device, sheet, strict, ...download }: LabelFlags,
  { reading, most }: LabelSearch,
  terminal: Terminal,
): Promise<void> {
  const { labelIssues } = await import('../experiment/label-issues.ts');
  await unlessStopped(terminal, async (signal) => {
    const found = await labelIssues(folder, {
      ...reading,
      ...{ model, folds, seed, device, signal },
      ...(weights !== null && { weights }),
      ...(imageSize !== null && { imageSize }),
      download: downloadOptions(download, terminal),
      onProgress: ({ stage, done, total }) => terminal.progress(stage, done, total),
      onNote: (note) => terminal.note(note),
    });
    const drawn = sheet === null ? [] : found.issues.slice(0, mostOnSheet);
    if (sheet !== null && drawn.length > 0) {
      const { writeImageSheet } = await import('../data/contact-sheet.ts');
      const captioned = drawn.map((issue) => ({ image: found.images[issue.index]!, caption: suspectCaption(issue) }));
      await writeImageSheet(sheet, captioned);
    }
    printResult(
      terminal,
      labelIssuesResult(found, { most, sheet: drawn.length > 0 ? sheet : null, drawn: drawn.length }),
    );
    if (strict && found.issues.length > 0) process.exitCode = 1;
  });
}
