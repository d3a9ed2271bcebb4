import { type Signal, signal, useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { CollectRoom } from './collect/collect.tsx';
import { openCollection } from './collection/page-collection.ts';
import { Button } from './ui/button.tsx';
import { Dialog } from './ui/dialog.tsx';
import { currentStep, type StepId, steps } from './ui/route.ts';
import { sayProblem, Toasts } from './ui/toast.tsx';

/** The rooms of the later steps, loaded when one goes there. */
const rooms: { readonly [S in Exclude<StepId, 'collect'>]: () => Promise<ComponentType> } = {
  train: async () => (await import('./train/train.tsx')).TrainRoom,
  look: async () => (await import('./look/look.tsx')).LookRoom,
  understand: async () => (await import('./understand/understand.tsx')).Understand,
  'take-away': async () => (await import('./take-away/take-away.tsx')).TakeAwayRoom,
};

const loaded = new Map<StepId, Signal<ComponentType | null>>();

/** A step's room; null until it is loaded. */
function roomOf(step: StepId): ComponentType | null {
  if (step === 'collect') return CollectRoom;
  let room = loaded.get(step);
  if (!room) {
    room = signal<ComponentType | null>(null);
    loaded.set(step, room);
    const found = room;
    rooms[step]().then((component) => {
      found.value = component;
    }, sayProblem);
  }
  return room.value;
}

export function Studio() {
  const step = currentStep();
  const { name } = steps.find(({ id }) => id === step)!;
  const Room = roomOf(step);
  const heading = useRef<HTMLHeadingElement>(null);
  const first = useRef(true);
  useEffect(() => void openCollection(sayProblem), []);
  useEffect(() => {
    document.title = `${name} · Graft Studio`;
    // Whoever reads or hears the page goes on at the top of the new step; not when it has just been opened.
    if (!first.current) heading.current?.focus({ preventScroll: true });
    first.current = false;
    scrollTo(0, 0);
  }, [name]);
  return (
    <>
      <header class="frame">
        <Button class="skip" onClick={() => heading.current?.focus()}>
          Skip to {name}
        </Button>
        <p class="brand">
          <Mark />
          Graft <span>Studio</span>
        </p>
        <Steps current={step} />
        <Privacy />
      </header>
      <main id={`room-${step}`}>
        <h1 ref={heading} tabIndex={-1}>
          {name}
        </h1>
        {Room && <Room key={step} />}
      </main>
      <Toasts />
    </>
  );
}

/** Graft's sign: a scion on its rootstock. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M16 29V17" />
      <path d="M16 17C16 9 10 6 5 6c0 7 4 11 11 11z" fill="currentColor" fill-opacity=".25" />
      <path d="M16 21c0-6 4-10 11-10 0 6-4 10-11 10z" fill="currentColor" fill-opacity=".6" />
    </svg>
  );
}

/** Links, so that back, reload and a new tab work. Arrow keys go from one to the next. */
function Steps({ current }: { readonly current: StepId }) {
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined || !(event.currentTarget instanceof HTMLElement)) return;
    const links = [...event.currentTarget.querySelectorAll('a')];
    const focused = document.activeElement;
    const at = focused instanceof HTMLAnchorElement ? links.indexOf(focused) : -1;
    links.at((at + by) % links.length)?.focus();
    event.preventDefault();
  };
  return (
    <nav class="steps" aria-label="Steps" onKeyDown={onKeyDown}>
      <ol>
        {steps.map(({ id, name }, index) => (
          <li key={id}>
            <a href={`#${id}`} aria-current={id === current ? 'step' : undefined}>
              <span class="number" aria-hidden="true">
                {index + 1}
              </span>
              {name}
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Privacy() {
  const isOpen = useSignal(false);
  const set = (value: boolean) => () => {
    isOpen.value = value;
  };
  return (
    <>
      <Button kind="quiet" class="privacy" icon="lock" onClick={set(true)}>
        Nothing leaves this machine
      </Button>
      <Dialog title="Nothing leaves this machine" isOpen={isOpen.value} onClose={set(false)}>
        <p>
          Your images, your runs and what you draw are kept in this browser, in a store that only this page can read.
          Training and prediction happen in this page. It may contact only the server that it came from, for its own
          files, and the browser enforces that (<code>connect-src 'self'</code>).
        </p>
        <p>
          After the first visit the page also works without a network. Clearing the data of this site in the browser
          removes everything: save what you want to keep as a ZIP.
        </p>
      </Dialog>
    </>
  );
}
