import './look.css';
import { sha256Of } from '@graft-ml/core/internal/base/sha256';
import { wilsonInterval } from '@graft-ml/core/internal/evaluate/metrics';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import { signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { droppedFiles } from '../collect/incoming.ts';
import { collection } from '../collection/page-collection.ts';
import { collectionImages, filledClasses } from '../train/images.ts';
import { nameOf } from '../train/progress.tsx';
import { refreshRuns, runs, runToLookAt, wantToLookAt } from '../train/runs.ts';
import { Button } from '../ui/button.tsx';
import { DropZone } from '../ui/drop-zone.tsx';
import { FileButton } from '../ui/file-button.tsx';
import { plural } from '../ui/format.ts';
import { Progress } from '../ui/progress.tsx';
import { sayProblem } from '../ui/toast.tsx';
import type { Answerer, Frame, Insight } from './answerer.ts';
import { Bars, percent } from './bars.tsx';
import { type AnsweredImage, AnsweredImages, Confusion, isRight } from './confusion.tsx';
import { FrameInput } from './frame-input.tsx';
import { InsightPanel } from './insight.tsx';
import { openOnnxModel } from './onnx-model.ts';
import { openRunModel } from './run-model.ts';

/** The model that answers; it stays open while one goes through the other steps. */
const model = signal<{ readonly answerer: Answerer; readonly number: number } | null>(null);
const isOpening = signal(false);

async function open(name: string, opening: () => Promise<Answerer>): Promise<void> {
  isOpening.value = true;
  try {
    const answerer = await opening();
    const last = model.peek();
    last?.answerer.close();
    model.value = { answerer, number: (last?.number ?? 0) + 1 };
  } catch (error) {
    sayProblem(new Error(`${name} cannot be opened. ${error instanceof Error ? error.message : error}`));
  } finally {
    isOpening.value = false;
  }
}

const openRun = (path: string) => open(nameOf(path), () => openRunModel(path));
const openFile = (file: Blob | undefined) => {
  if (file instanceof File) void open(file.name, () => openOnnxModel(file));
};

/** The runs that can be looked at. */
const finished = () => (runs() ?? []).filter(({ run }) => run.status === 'done');

/** What a model says of what it is shown, and of the whole collection. */
export function LookRoom() {
  useEffect(() => {
    refreshRuns().catch(sayProblem);
  }, []);
  const wanted = runToLookAt() ?? (model.value === null ? finished()[0]?.path : undefined);
  const opened = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (wanted === undefined || wanted === opened.current || isOpening.peek()) return;
    opened.current = wanted;
    if (wanted !== model.peek()?.answerer.path) void openRun(wanted);
    wantToLookAt(null);
  }, [wanted]);
  return (
    <DropZone
      class="look"
      label="Models"
      onDrop={(data) => {
        droppedFiles(data).then(async ([file]) => openFile(await file?.read()), sayProblem);
      }}
    >
      <ModelChoice />
      {model.value && <Looking key={model.value.number} answerer={model.value.answerer} />}
    </DropZone>
  );
}

function ModelChoice() {
  const answerer = model.value?.answerer ?? null;
  const kept = finished();
  const isFile = answerer !== null && answerer.path === null;
  return (
    <div class="model-choice">
      {(kept.length > 0 || isFile) && (
        <label class="field">
          <span class="unseen">Model</span>
          <select value={answerer?.path ?? ''} onChange={({ currentTarget }) => void openRun(currentTarget.value)}>
            {answerer?.path == null && <option value="">{answerer?.name ?? 'Choose a run'}</option>}
            {kept.map(({ path }) => (
              <option key={path} value={path}>
                {nameOf(path)}
              </option>
            ))}
          </select>
        </label>
      )}
      <FileButton icon="open" name="Open a model" accept=".onnx" onFiles={([file]) => openFile(file)} />
      <p class="soft" role="status">
        {isOpening.value
          ? 'Opening the model …'
          : answerer
            ? `${answerer.name} knows ${plural(answerer.classes.length, 'class')}.`
            : 'Train a run, or drop an ONNX file that Graft exported (graft export runs/flowers).'}
      </p>
    </div>
  );
}

/** Answers that the rate is taken over. */
const window = 20;

function Looking({ answerer }: { readonly answerer: Answerer }) {
  const probabilities = useSignal<readonly number[] | null>(null);
  const problem = useSignal<string | null>(null);
  const times = useSignal<readonly number[]>([]);
  const still = useSignal<Blob | null>(null);
  const look = async (frame: Frame) => {
    try {
      probabilities.value = await answerer.predict(frame);
      problem.value = null;
      still.value = frame instanceof Blob ? frame : null;
      const isLive = frame instanceof ImageBitmap;
      times.value = isLive ? [...times.peek(), performance.now()].slice(-window) : [];
    } catch (error) {
      probabilities.value = null;
      problem.value = error instanceof Error ? error.message : String(error);
    }
  };
  return (
    <>
      <div class="looking">
        <section class="card" aria-label="What is looked at">
          <FrameInput
            onFrame={look}
            onNothing={() => {
              probabilities.value = null;
              still.value = null;
              times.value = [];
            }}
          />
        </section>
        <section class="card" aria-label="The answer">
          <Bars classes={answerer.classes} probabilities={probabilities.value} />
          {problem.value !== null && <p role="alert">{problem.value}</p>}
          <Rate times={times.value} />
          {answerer.insight && still.value && <InsightPanel insight={answerer.insight} image={still.value} />}
        </section>
      </div>
      <OnCollection answerer={answerer} />
    </>
  );
}

/** Answers a second. */
function Rate({ times }: { readonly times: readonly number[] }) {
  if (times.length < 5) return null;
  const seconds = (times.at(-1)! - times[0]!) / 1000;
  return <p class="soft rate">{((times.length - 1) / seconds).toFixed(0)} answers a second</p>;
}

/** The answers for all images of the collection, and where they are wrong. */
function OnCollection({ answerer }: { readonly answerer: Answerer }) {
  const answered = useSignal<readonly AnsweredImage[]>([]);
  const state = useSignal<'none' | 'running' | 'done'>('none');
  const images = collection.classes.flatMap(({ name, images: own }) => own.map((image) => ({ label: name, image })));
  useEffect(
    () => () => {
      state.value = 'none'; // ends the loop
    },
    [],
  );
  const answerAll = async () => {
    state.value = 'running';
    answered.value = [];
    try {
      for (const { label, image } of images) {
        const probabilities = await answerer.predict(image.file);
        const answer = answerOf(answerer, label, image, probabilities, await knows(answerer, image.file));
        if (state.peek() !== 'running') return;
        answered.value = [...answered.peek(), answer];
      }
      state.value = 'done';
    } catch (error) {
      state.value = 'none';
      sayProblem(error);
    }
  };
  if (images.length === 0) return null;
  const counted = countedOf(answered.value);
  const wrong = answered.value.filter((each) => !isRight(each)).toSorted((a, b) => b.probability - a.probability);
  return (
    <section class="card on-collection" aria-labelledby="on-collection">
      <h2 id="on-collection">Your collection</h2>
      {state.value === 'running' ? (
        <Progress label={`Looking at ${images.length} images`} done={answered.value.length} total={images.length} />
      ) : (
        <div class="row">
          <Button onClick={answerAll}>Look at {plural(images.length, 'image')}</Button>
        </div>
      )}
      {answerer.insight && <Suspects insight={answerer.insight} />}
      {state.value === 'done' && (
        <>
          <p>{judgement(answered.value, answerer)}</p>
          <Confusion answered={counted} answers={answerer.classes} />
          {wrong.length > 0 && (
            <>
              <h3>Wrong, and sure of it</h3>
              <p class="soft">Look at these first: some may lie in the wrong class.</p>
              <AnsweredImages answered={wrong.slice(0, 12)} />
            </>
          )}
        </>
      )}
    </section>
  );
}

/** Images of the collection whose class is probably wrong. */
function Suspects({ insight }: { readonly insight: Insight }) {
  const found = useSignal<readonly AnsweredImage[] | null>(null);
  const done = useSignal<number | null>(null);
  const images = collectionImages();
  const total = Object.values(images).reduce((sum, own) => sum + own.length, 0);
  const find = async () => {
    done.value = 0;
    try {
      const issues = await insight.labelIssues(images, (count) => {
        done.value = count;
      });
      found.value = issues.flatMap(({ path, given, likely, confidence }) => {
        const own = collection.classes.find(({ name }) => name === given)?.images;
        const image = own?.find(({ name }) => `${given}/${name}` === path);
        return image ? [{ image, label: given, answer: likely, probability: confidence, isKnown: true }] : [];
      });
    } catch (error) {
      sayProblem(error);
    } finally {
      done.value = null;
    }
  };
  if (filledClasses().length < 2) return null;
  return (
    <>
      {done.value === null ? (
        <div class="row">
          <Button onClick={find}>Find suspicious labels</Button>
        </div>
      ) : (
        <Progress label="Looking for suspicious labels" done={done.value} total={total} />
      )}
      {found.value !== null && (
        <>
          <h3>Suspicious labels</h3>
          <p class="soft" role="status">
            {found.value.length === 0
              ? 'No image seems to lie in a class that it does not belong to.'
              : `${plural(found.value.length, 'image')} may lie in the wrong class, by probes that have not seen them.`}
          </p>
          <AnsweredImages answered={found.value.slice(0, 24)} />
        </>
      )}
    </>
  );
}

/** Whether a model was fitted to an image, or chosen by it. */
async function knows({ seen }: Answerer, image: Blob): Promise<boolean> {
  if (seen === null) return false;
  const key = contentKey({ sha256: await sha256Of(new Uint8Array(await image.arrayBuffer())) });
  return seen.fitted.has(key) || seen.chosen.has(key);
}

/** The images that can say how good a model is; all of them where none can. */
function countedOf(answered: readonly AnsweredImage[]): readonly AnsweredImage[] {
  const fresh = answered.filter(({ isKnown }) => !isKnown);
  return fresh.length > 0 ? fresh : answered;
}

/** What the answers say of the model, in sentences. */
function judgement(answered: readonly AnsweredImage[], { seen }: Answerer): string {
  const counted = countedOf(answered);
  const right = counted.filter(isRight).length;
  if (!seen?.isComplete) {
    return (
      `${right} of ${plural(counted.length, 'image')} are answered as they are labelled. Which images this model was ` +
      'made of is not recorded: if these are among them, that says nothing of how good it is.'
    );
  }
  if (counted[0]?.isKnown) {
    return 'The model was made of all of these images, so that they cannot say how good it is. Below is what it remembers.';
  }
  const [low, high] = wilsonInterval(right, counted.length).map(percent);
  const known = answered.length - counted.length;
  const others =
    known > 0 ? ` ${plural(known, 'other')} do not count, since it was trained on them or chosen by them.` : '';
  return (
    `${percent(right / counted.length)} of the ${plural(counted.length, 'image')} that it was not made of are answered ` +
    `right (95 % interval: ${low} to ${high}).${others}`
  );
}

/** Classes are the same where their names are, whatever their case. */
function answerOf(
  { classes }: Answerer,
  given: string,
  image: AnsweredImage['image'],
  probabilities: readonly number[],
  isKnown: boolean,
): AnsweredImage {
  const probability = Math.max(...probabilities);
  const label = classes.find((name) => name.toLowerCase() === given.toLowerCase()) ?? given;
  return { image, label, answer: classes[probabilities.indexOf(probability)]!, probability, isKnown };
}
