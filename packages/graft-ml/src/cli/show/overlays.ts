import { plural } from '@graft-ml/core/internal/base/plural';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { WrittenOverlay } from '../../explain/write-overlays.ts';
import type { Terminal } from '../terminal.ts';
import { percent, problemLine } from './format.ts';

/** The longest line, in characters. */
const longestLine = 1000;

/**
 * Prints overlays as they are written, with a note about each image that could not be looked at. Where a signal ends the
 * work, it says how far that came.
 */
export async function showOverlays(
  terminal: Terminal,
  overlays: AsyncIterable<WrittenOverlay>,
  { signal, out }: { readonly signal: AbortSignal; readonly out: string },
): Promise<void> {
  const shown: WrittenOverlay[] = [];
  let written = 0;
  try {
    for await (const overlay of overlays) {
      if (terminal.json) shown.push(overlay);
      if (overlay.problem !== undefined) {
        terminal.note(problemLine(overlay.path, overlay.problem));
        process.exitCode = 1;
        continue;
      }
      written++;
      for (const line of linesOf(overlay)) terminal.print(line);
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    terminal.print(`Stopped. ${plural(written, 'overlay')} written to ${printableName(out, longestLine)}.`);
  }
  terminal.printJson(shown);
}

function linesOf({ path, ...overlay }: WrittenOverlay): string[] {
  if (overlay.problem !== undefined) return [];
  const { file, method, explained, predicted, endpoint, isEmpty } = overlay;
  const classed = ({ name, probability }: typeof explained) => `${printableName(name)} ${percent(probability)}`;
  const likelier = predicted.name === explained.name ? '' : `, likeliest: ${classed(predicted)}`;
  const place = endpoint === null ? `, by ${method}` : `, at ${printableName(endpoint)}`;
  const empty = isEmpty ? ' Nothing in it speaks for this class.' : '';
  return [
    `${printableName(path, longestLine)}: ${classed(explained)}${likelier}${place}.${empty}`,
    `  ${printableName(file, longestLine)}`,
  ];
}
