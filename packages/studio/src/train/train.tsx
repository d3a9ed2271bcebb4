import './train.css';
import { useEffect } from 'preact/hooks';
import { sayProblem } from '../ui/toast.tsx';
import { filledClasses } from './images.ts';
import { RunProgress } from './progress.tsx';
import { RunList } from './run-list.tsx';
import { refreshRuns } from './runs.ts';
import { Setup } from './setup.tsx';
import { training } from './training.ts';

/** The second step: from the collection to a classifier. */
export function TrainRoom() {
  useEffect(() => {
    refreshRuns().catch(sayProblem);
  }, []);
  const current = training();
  return (
    <div class="train charted">
      {filledClasses().length < 2 ? (
        <p>
          Two classes with images are needed: <a href="#collect">collect some first</a>.
        </p>
      ) : (
        <Setup />
      )}
      {current && <RunProgress training={current} />}
      <RunList />
    </div>
  );
}
