import { useSignal } from '@preact/signals';
import { collection } from '../collection/page-collection.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { plural } from '../ui/format.ts';
import { say, sayProblem } from '../ui/toast.tsx';
import { type SampleSet, sampleSets } from './samples.ts';

/** Offers the sets of images that come with the page. */
export function SamplesDialog({ isOpen, onClose }: { isOpen: boolean; onClose(): void }) {
  return (
    <Dialog title="Sample sets" isOpen={isOpen} onClose={onClose}>
      {sampleSets.map((set) => (
        <Sample key={set.name} set={set} onTaken={onClose} />
      ))}
    </Dialog>
  );
}

const amounts = [5, 10, 20, 40, 100];

function Sample({ set, onTaken }: { set: SampleSet; onTaken(): void }) {
  const perClass = useSignal(20);
  const isBusy = useSignal(false);
  const take = async () => {
    isBusy.value = true;
    try {
      const images = await set.images(perClass.value);
      const added = images.reduce((sum, each) => sum + each.length, 0);
      for (const [i, name] of set.classes.entries()) {
        const same = collection.classes.find((each) => each.name === name);
        collection.addImages((same ?? collection.addClass(name)).id, images[i]!);
      }
      say({ text: `${plural(added, 'image')} added to ${set.classes.length} classes.` });
      onTaken();
    } catch (error) {
      sayProblem(error);
    } finally {
      isBusy.value = false;
    }
  };
  return (
    <section class="sample" aria-label={set.name}>
      <h3>{set.name}</h3>
      <p>{set.about}</p>
      <p class="soft licence">{set.licence}</p>
      <div class="row">
        <label>
          <span class="unseen">Images of each class of {set.name}</span>
          <select
            value={perClass.value}
            onChange={({ currentTarget }) => {
              perClass.value = Number(currentTarget.value);
            }}
          >
            {amounts
              .filter((amount) => amount <= set.mostPerClass)
              .map((amount) => (
                <option key={amount} value={amount}>
                  {amount} of each
                </option>
              ))}
          </select>
        </label>
        <Button kind="primary" disabled={isBusy.value} onClick={take}>
          Take {set.name.toLowerCase()}
        </Button>
      </div>
    </section>
  );
}
