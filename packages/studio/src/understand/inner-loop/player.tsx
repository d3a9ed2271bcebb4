import { useEffect } from 'preact/hooks';
import { Button } from '../../ui/button.tsx';
import { plural } from '../../ui/format.ts';
import type { LearnerTrace } from './inner-loop.ts';
import { isPlaying, step } from './state.ts';

/** Goes through the inner steps, by itself or one by one. */
export function Player({ traces }: { readonly traces: readonly LearnerTrace[] }) {
  const last = traces[0]!.steps.length - 1;
  const go = (to: number) => {
    isPlaying.value = false;
    step.value = Math.min(last, Math.max(0, to));
  };
  useEffect(() => {
    if (!isPlaying.value) return;
    const timer = setInterval(() => {
      if (step.value < last) step.value++;
      if (step.value >= last) isPlaying.value = false;
    }, 900);
    return () => clearInterval(timer);
  }, [isPlaying.value, last]);
  const play = () => {
    if (!isPlaying.value && step.value >= last) step.value = 0;
    isPlaying.value = !isPlaying.value;
  };
  const now = stepText(step.value, last);
  return (
    <div class="player">
      <Button disabled={step.value === 0} onClick={() => go(step.value - 1)}>
        Step back
      </Button>
      <Button kind="primary" onClick={play}>
        {isPlaying.value ? 'Pause' : 'Play'}
      </Button>
      <Button disabled={step.value === last} onClick={() => go(step.value + 1)}>
        Step on
      </Button>
      <label>
        <span>{now}</span>
        <input
          type="range"
          min={0}
          max={last}
          value={step.value}
          aria-valuetext={now}
          onInput={({ currentTarget }) => go(currentTarget.valueAsNumber)}
        />
      </label>
    </div>
  );
}

/** The place of a step in the loop, in words. */
export function stepText(at: number, last: number): string {
  return at === 0 ? 'At the start, before any step' : `After ${at} of ${plural(last, 'inner step')}`;
}
