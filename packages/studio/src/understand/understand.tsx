import './understand.css';
import { signal } from '@preact/signals';
import { Layers } from './layers/layers.tsx';

/** The topics of the room, by the names that one chooses them by. */
const topics = { layers: { name: 'Freeze and unfreeze', Topic: Layers } } as const;

const shown = signal<keyof typeof topics>('layers');

/** A room to play with the ideas of transfer learning and meta-learning. All numbers are computed here, in the page. */
export function Understand() {
  const { Topic } = topics[shown.value];
  return (
    <div class="understand">
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
