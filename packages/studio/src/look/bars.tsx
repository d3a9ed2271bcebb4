import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { classColour } from '../collect/class-card.tsx';

/** Classes that are shown; of more, the likeliest. */
const most = 12;
/** Between two readings by a screen reader, in milliseconds. */
const pause = 2000;

/** The probability of each class as a bar and a number, the likeliest in bold. */
export function Bars({
  classes,
  probabilities,
}: {
  classes: readonly string[];
  probabilities: readonly number[] | null;
}) {
  const best = probabilities === null ? -1 : probabilities.indexOf(Math.max(...probabilities));
  const all = classes.map((name, index) => ({ name, index, probability: probabilities?.[index] ?? 0 }));
  const shown = classes.length <= most ? all : all.toSorted((a, b) => b.probability - a.probability).slice(0, most);
  return (
    <div class="answer">
      <ul class="bars" aria-label="Probability of each class">
        {shown.map(({ name, index, probability }) => (
          <li key={name} class={index === best ? 'best' : ''} style={{ '--class': classColour(index) }}>
            <span class="name">{name}</span>
            <span class="number">{probabilities === null ? '–' : percent(probability)}</span>
            <span class="bar" aria-hidden="true">
              <span class="share" style={{ width: `${100 * probability}%` }} />
            </span>
          </li>
        ))}
      </ul>
      <Spoken text={best < 0 ? '' : `${classes[best]}, ${percent(probabilities![best]!)}`} />
    </div>
  );
}

/** Says a text that may change many times a second to screen readers, now and then. */
function Spoken({ text }: { readonly text: string }) {
  const spoken = useSignal(text);
  const latest = useRef(text);
  latest.current = text;
  useEffect(() => {
    const timer = setInterval(() => {
      spoken.value = latest.current;
    }, pause);
    return () => clearInterval(timer);
  }, []);
  return (
    <span class="unseen" role="status">
      {spoken.value}
    </span>
  );
}

/** 0.934 as 93.4 %. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
