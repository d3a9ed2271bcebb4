import { Button } from '../ui/button.tsx';
import { percent, plural } from '../ui/format.ts';
import { goTo } from '../ui/route.ts';
import { Table } from '../ui/table.tsx';
import { say, sayProblem } from '../ui/toast.tsx';
import { nameOf } from './progress.tsx';
import { type KeptRun, removeRun, runs, wantToLookAt } from './runs.ts';
import { isTraining, resumeTraining, training } from './training.ts';

const states = { running: 'not finished', interrupted: 'paused', done: 'done' } as const;

/** The runs that this browser keeps. */
export function RunList() {
  const kept = runs();
  if (kept === null || kept.length === 0) return null;
  return (
    <section class="card run-list" aria-labelledby="runs">
      <h2 id="runs">Runs in this browser</h2>
      <Table
        caption="Runs in this browser"
        head={['Run', 'Way', 'Classes', 'State', 'Validation accuracy', '']}
        rows={kept.map((each) => [
          nameOf(each.path),
          each.run.adaptedFrom === null
            ? `${each.run.config.strategy ?? 'auto'}, ${each.run.config.model}`
            : `adapted from ${each.run.adaptedFrom}`,
          plural(each.run.classes.length, 'class'),
          isUnderWay(each) ? 'under way' : states[each.run.status],
          each.run.best ? percent(each.run.best.accuracy) : '–',
          <RunButtons key={each.path} kept={each} />,
        ])}
      />
    </section>
  );
}

const isUnderWay = ({ path }: KeptRun) => isTraining() && training()?.out === path;

function RunButtons({ kept }: { readonly kept: KeptRun }) {
  const { path, run } = kept;
  if (isUnderWay(kept)) return null;
  const remove = async () => {
    try {
      await removeRun(path);
      say({ text: `${nameOf(path)} is removed.` });
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <span class="row">
      {run.status === 'done' && (
        <Button
          onClick={() => {
            wantToLookAt(path);
            goTo('look');
          }}
        >
          Look<span class="unseen"> at {nameOf(path)}</span>
        </Button>
      )}
      {run.status !== 'done' && (
        <Button disabled={isTraining()} onClick={() => void resumeTraining(path)}>
          Go on<span class="unseen"> with {nameOf(path)}</span>
        </Button>
      )}
      <Button kind="quiet" icon="remove" label={`Remove ${nameOf(path)}`} onClick={remove} />
    </span>
  );
}
