import { signal } from '@preact/signals';
import { Button } from './button.tsx';

/** Something to say at the edge of the page: a sentence, and what one can do about it. */
export interface Toast {
  readonly text: string;
  /** Problems stay until they are closed. */
  readonly kind?: 'note' | 'problem';
  readonly action?: { readonly name: string; run(): void };
}

const shown = signal<Toast | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

/** Says something, in place of what was said before. */
export function say(toast: Toast): void {
  clearTimeout(timer);
  shown.value = toast;
  if (toast.kind !== 'problem') timer = setTimeout(hush, toast.action ? 12_000 : 6_000);
}

/** Says what went wrong. */
export function sayProblem(error: unknown): void {
  say({ text: error instanceof Error ? error.message : String(error), kind: 'problem' });
}

export function hush(): void {
  clearTimeout(timer);
  shown.value = null;
}

/** The place of toasts, which screen readers read out. */
export function Toasts() {
  const toast = shown.value;
  return (
    <div class="toasts" role="status">
      {toast && (
        <div class={`toast ${toast.kind ?? 'note'}`}>
          <p>{toast.text}</p>
          {toast.action && (
            <Button
              kind="quiet"
              onClick={() => {
                hush();
                toast.action?.run();
              }}
            >
              {toast.action.name}
            </Button>
          )}
          <Button kind="quiet" icon="close" label="Close the message" onClick={hush} />
        </div>
      )}
    </div>
  );
}
