import { signal } from '@preact/signals';

/** The steps of the studio, in the order in which one takes them. */
const steps = ['Collect', 'Train', 'Look', 'Understand', 'Take away'] as const;
const shown = signal<(typeof steps)[number]>('Collect');

export function Studio() {
  return (
    <>
      <header>
        <h1>Graft Studio</h1>
        <nav aria-label="Steps">
          {steps.map((step) => (
            <button
              key={step}
              type="button"
              aria-current={step === shown.value ? 'step' : undefined}
              onClick={() => {
                shown.value = step;
              }}
            >
              {step}
            </button>
          ))}
        </nav>
      </header>
      <main />
    </>
  );
}
