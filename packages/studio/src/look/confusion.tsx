import { useSignal } from '@preact/signals';
import type { CollectedImage } from '../collection/collection.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { plural } from '../ui/format.ts';
import { Thumbnail } from '../ui/thumbnail.tsx';
import { percent } from './bars.tsx';

/** An image that a model has answered. */
export interface AnsweredImage {
  readonly image: CollectedImage;
  /** The class that it lies in. */
  readonly label: string;
  /** The class that the model says. */
  readonly answer: string;
  /** The probability of the answer. */
  readonly probability: number;
  /** Whether the model was fitted to this image, or chosen by it: then its answer says nothing. */
  readonly isKnown: boolean;
}

export const isRight = ({ label, answer }: AnsweredImage) => label === answer;

/** Labels in rows, answers in columns; a cell opens its images. */
export function Confusion({ answered, answers }: { answered: readonly AnsweredImage[]; answers: readonly string[] }) {
  const open = useSignal<readonly [label: string, answer: string] | null>(null);
  const known = new Set(answered.map(({ label }) => label));
  const labels = [
    ...answers.filter((name) => known.has(name)),
    ...[...known].filter((name) => !answers.includes(name)),
  ];
  const cellOf = (label: string, answer: string) =>
    answered.filter((each) => each.label === label && each.answer === answer);
  const shown = open.value === null ? [] : cellOf(...open.value);
  return (
    <>
      <p class="soft">Rows are the classes of your images, columns the answers. A number opens its images.</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which needs keys */}
      <section class="scrolls" aria-label="Confusion matrix" tabIndex={0}>
        <table class="confusion">
          <thead>
            <tr>
              <td />
              {answers.map((answer) => (
                <th key={answer} scope="col">
                  <span class="turned">{answer}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {labels.map((label) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                {answers.map((answer) => (
                  <Cell
                    key={answer}
                    label={label}
                    answer={answer}
                    images={cellOf(label, answer).length}
                    ofLabel={answered.filter((each) => each.label === label).length}
                    onOpen={() => {
                      open.value = [label, answer];
                    }}
                  />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <Dialog
        title={
          open.value === null ? '' : `${open.value[0]}, answered ${open.value[1]}: ${plural(shown.length, 'image')}`
        }
        isOpen={open.value !== null}
        onClose={() => {
          open.value = null;
        }}
      >
        <AnsweredImages answered={shown} />
      </Dialog>
    </>
  );
}

interface CellProps {
  readonly label: string;
  readonly answer: string;
  readonly images: number;
  readonly ofLabel: number;
  onOpen(): void;
}

function Cell({ label, answer, images, ofLabel, onOpen }: CellProps) {
  if (images === 0) return <td class="none">0</td>;
  return (
    <td class={label === answer ? 'right' : 'wrong'} style={{ '--share': String(images / ofLabel) }}>
      <Button kind="quiet" aria-label={`${label}, answered ${answer}: ${plural(images, 'image')}`} onClick={onOpen}>
        {images}
      </Button>
    </td>
  );
}

/** Images with their class, the answer, and how sure the model is. */
export function AnsweredImages({ answered }: { readonly answered: readonly AnsweredImage[] }) {
  return (
    <ul class="answered">
      {answered.map((each) => (
        <li key={each.image.id}>
          <Thumbnail image={each.image.file} alt={each.image.name} />
          <span>
            {isRight(each) ? each.answer : `${each.label}, answered ${each.answer}`}
            <br />
            <span class="soft">{percent(each.probability)}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}
