import type { FoldEvent, FoldsEvent } from '../experiment/cross-validation.ts';
import { percent, type Terminal, table } from './terminal.ts';

/** Which fold of a cross-validation begins; in the end, what all came to. */
export function showFolds(event: FoldEvent | FoldsEvent, terminal: Terminal): void {
  if (event.kind === 'fold') {
    terminal.note(`\nfold ${event.fold} of ${event.of}`);
    return;
  }
  const { out, folds, accuracy, loss } = event;
  terminal.print(
    table(
      ['fold', 'images', 'accuracy', 'loss', 'epoch'],
      folds.map(({ fold, validation, accuracy, loss, epoch }) => [
        fold,
        validation,
        percent(accuracy),
        loss.toFixed(4),
        epoch,
      ]),
    ),
  );
  terminal.print(
    `\naccuracy ${percent(accuracy.mean)} ± ${percent(accuracy.margin)}, loss ${loss.mean.toFixed(4)} ± ${loss.margin.toFixed(4)}`,
  );
  terminal.print(`(mean of ${folds.length} folds and its 95 % interval) The runs are in ${out}`);
}

/** What a cross-validation came to, for machines. */
export function foldsResult({ out, folds, accuracy, loss }: FoldsEvent) {
  return { out, folds, accuracy, loss };
}
