import { listArchitectures } from '@graft-ml/core/internal/models/names';
import type { StrategyName } from '@graft-ml/core/internal/recipe/index';
import { signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Button } from '../ui/button.tsx';
import { FileButton } from '../ui/file-button.tsx';
import { flops } from '../ui/format.ts';
import { say, sayProblem } from '../ui/toast.tsx';
import { type Cost, costOf } from './cost.ts';
import { graft } from './graft.ts';
import { filledClasses } from './images.ts';
import { chosenOptions, hasChosenOptions, Options } from './options.tsx';
import { freePath } from './runs.ts';
import { isTraining, startAdapting, startClassMeans, startTraining } from './training.ts';
import { type Backbone, configOf, isStrategy, shippedBackbone, suggestedWay, type Way, waysFor } from './ways.ts';

const backbone = signal<Backbone>(shippedBackbone);
/** Null: the one that is suggested. */
const chosen = signal<Way['id'] | null>(null);
const keptWeights = signal<readonly string[]>([]);

const refreshWeights = async () => {
  keptWeights.value = (await graft().keptWeights()).filter((name) => name !== shippedBackbone.weights);
};

/** What to start from, which way, with which options, and what that costs. */
export function Setup() {
  useEffect(() => {
    refreshWeights().catch(sayProblem);
  }, []);
  const classes = filledClasses();
  const ways = waysFor(backbone.value);
  const suggested = suggestedWay(classes, backbone.value);
  const way = ways.find(({ id }) => id === chosen.value) ?? ways.find(({ id }) => id === suggested)!;
  const start = () => {
    try {
      const out = freePath();
      if (way.id === 'adapt') void startAdapting(out);
      else if (way.id === 'nearest-centroid') void startClassMeans(out, backbone.value);
      else void startTraining(out, configOf(way.id, backbone.value, chosenOptions()));
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <section class="card setup" aria-labelledby="setup">
      <h2 id="setup">A new run</h2>
      <BackboneChoice />
      <fieldset class="ways">
        <legend>Way</legend>
        {ways.map((each) => (
          <label key={each.id} class="way">
            <input
              type="radio"
              name="way"
              checked={each.id === way.id}
              onChange={() => {
                chosen.value = each.id;
              }}
            />
            <span>
              <strong>{each.name}</strong>
              {each.id === suggested && <span class="suggested">suggested</span>}
              <br />
              <span class="soft">
                {each.about} {each.cost}
              </span>
            </span>
          </label>
        ))}
      </fieldset>
      {isStrategy(way.id) && <Options />}
      {!isStrategy(way.id) && hasChosenOptions() && <p class="soft">This way has no options of training.</p>}
      <div class="row">
        <Button kind="primary" disabled={isTraining()} onClick={start}>
          {isStrategy(way.id) ? 'Train' : 'Adapt'}
        </Button>
        {isStrategy(way.id) && <CostLine strategy={way.id} />}
      </div>
    </section>
  );
}

/** What the way costs on these images. */
function CostLine({ strategy }: { readonly strategy: StrategyName }) {
  const cost = useSignal<Cost | null>(null);
  const problem = useSignal<string | null>(null);
  const classes = filledClasses();
  const images = classes.reduce((sum, each) => sum + each.images.length, 0);
  const options = (() => {
    try {
      return JSON.stringify(chosenOptions());
    } catch (error) {
      return error instanceof Error ? error : String(error);
    }
  })();
  useEffect(() => {
    let isStale = false;
    cost.value = null;
    problem.value = options instanceof Error ? options.message : null;
    if (options instanceof Error) return;
    costOf(configOf(strategy, backbone.value, JSON.parse(options)), classes.length, images).then(
      (found) => {
        if (!isStale) cost.value = found;
      },
      (error: unknown) => {
        if (!isStale) problem.value = error instanceof Error ? error.message : String(error);
      },
    );
    return () => {
      isStale = true;
    };
  }, [strategy, backbone.value, classes.length, images, String(options)]);
  if (problem.value !== null) return <p role="alert">{problem.value}</p>;
  if (cost.value === null) return null;
  return (
    <p class="soft">
      {flops(cost.value.flops)} on {images} images: about {roughly(cost.value.seconds)} on one thread of a laptop.
    </p>
  );
}

/** A duration that is only known roughly: 4 s, 2 min, 3 h. */
export function roughly(seconds: number): string {
  if (seconds < 1) return 'a second';
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** The architecture whose name is in the name of a file; the longest, where there are several. */
function architectureIn(file: string): string | undefined {
  const found = listArchitectures().filter((name) => file.toLowerCase().includes(name));
  return found.sort((a, b) => b.length - a.length)[0];
}

const none = 'none';

function BackboneChoice() {
  const { model, weights } = backbone.value;
  const choose = (next: string) => {
    chosen.value = null;
    if (next === shippedBackbone.weights) backbone.value = shippedBackbone;
    else if (next === none) backbone.value = { model: 'conv4', weights: null };
    else backbone.value = { model: architectureIn(next) ?? 'squeezenet1_1', weights: next };
  };
  const keep = async (file: File | undefined) => {
    if (!file) return;
    try {
      const name = await graft().keepWeights(file);
      await refreshWeights();
      choose(name);
      say({ text: `${file.name} is kept in this browser.` });
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <div class="backbone">
      <label class="field">
        <span>Start from</span>
        <select value={weights ?? none} onChange={({ currentTarget }) => choose(currentTarget.value)}>
          <option value={shippedBackbone.weights}>conv4, which has seen characters (comes with Graft)</option>
          {keptWeights.value.map((name) => (
            <option key={name} value={name}>
              {name.replace(/^weights\//, '')}
            </option>
          ))}
          <option value={none}>random weights</option>
        </select>
      </label>
      {weights !== shippedBackbone.weights && (
        <label class="field">
          <span>Network</span>
          <select
            value={model}
            onChange={({ currentTarget }) => {
              backbone.value = { model: currentTarget.value, weights };
            }}
          >
            {listArchitectures().map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <FileButton icon="open" name="Add weights" accept=".safetensors" onFiles={([file]) => void keep(file)} />
      <p class="soft">
        For photos, take a network that has seen photos: add its weights as a safetensors file, such as{' '}
        <code>squeezenet1_1.safetensors</code>. They are kept in this browser.
      </p>
    </div>
  );
}
