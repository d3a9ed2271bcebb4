import './understand.css';
import { signal } from '@preact/signals';
import { InnerLoop } from './inner-loop/inner-loop-view.tsx';
import { Layers } from './layers/layers.tsx';
import { Transfer } from './transfer/transfer.tsx';

/** The topics of the room, by the names that one chooses them by. */
const topics = {
  layers: { name: 'Freeze and unfreeze', Topic: Layers },
  'inner-loop': { name: 'The inner loop', Topic: InnerLoop },
  transfer: { name: 'How much to transfer', Topic: Transfer },
} as const;

const shown = signal<keyof typeof topics>('layers');

/** A room to play with the ideas of transfer learning and meta-learning. All numbers are computed here, in the page. */
export function Understand() {
  const { Topic } = topics[shown.value];
  return (
    <div class="understand charted">
      <nav aria-label="Topics" class="topics">
        {Object.entries(topics).map(([id, { name }]) => (
          <button
            key={id}
            type="button"
            aria-current={id === shown.value}
            onClick={() => {
              shown.value = id as keyof typeof topics;
            }}
          >
            {name}
          </button>
        ))}
      </nav>
      <Topic />
    </div>
  );
}
