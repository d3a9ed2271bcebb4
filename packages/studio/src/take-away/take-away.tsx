import './take-away.css';
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { packFiles } from '../collection/zip.ts';
import { graft } from '../train/graft.ts';
import { nameOf } from '../train/progress.tsx';
import { type KeptRun, refreshRuns, runs, runToLookAt } from '../train/runs.ts';
import { Button } from '../ui/button.tsx';
import { download } from '../ui/download.ts';
import { percent, plural } from '../ui/format.ts';
import { say, sayProblem } from '../ui/toast.tsx';
import { htmlFile } from './html-file.ts';

/** What was trained, as files that work without this page. */
export function TakeAwayRoom() {
  useEffect(() => {
    refreshRuns().catch(sayProblem);
  }, []);
  const chosen = useSignal(runToLookAt());
  const finished = (runs() ?? []).filter(({ run }) => run.status === 'done');
  const kept = finished.find(({ path }) => path === chosen.value) ?? finished[0];
  if (runs() === null) return null;
  if (!kept) {
    return (
      <p>
        There is nothing to take away yet: <a href="#train">train a run first</a>.
      </p>
    );
  }
  return (
    <div class="take-away">
      <div class="row">
        <label>
          <span class="unseen">Run</span>
          <select
            value={kept.path}
            onChange={({ currentTarget }) => {
              chosen.value = currentTarget.value;
            }}
          >
            {finished.map(({ path }) => (
              <option key={path} value={path}>
                {nameOf(path)}
              </option>
            ))}
          </select>
        </label>
        <p class="soft">
          {plural(kept.run.classes.length, 'class')}
          {kept.run.best && `, ${percent(kept.run.best.accuracy)} of the validation images right`}
        </p>
      </div>
      <div class="takings">
        <RunFolder kept={kept} />
        <OnnxFile kept={kept} />
        <HtmlFile kept={kept} />
      </div>
    </div>
  );
}

/** The run as the command line has it. */
function RunFolder({ kept: { path } }: { readonly kept: KeptRun }) {
  const name = nameOf(path);
  const take = async () => {
    const files = await graft().readRunFiles(path);
    const entries = [...files].map(([file, content]) => ({
      path: `${name}/${file}`,
      content: new Blob([new Uint8Array(content)]),
    }));
    download(await packFiles(entries), `${name}.zip`);
  };
  return (
    <Taking title="The run folder" button="Download the folder" take={take}>
      <p class="soft">
        A ZIP with the weights, the options and the log. Unpacked, it is a run like any other of the command line.
      </p>
      <Code>{`graft predict ${name} photo.jpg\ngraft evaluate ${name} more-images/\ngraft report ${name}`}</Code>
    </Taking>
  );
}

/** The model for other programs. */
function OnnxFile({ kept: { path } }: { readonly kept: KeptRun }) {
  const name = nameOf(path);
  const take = async () => {
    await using classifier = await graft().open(path);
    const file = await classifier.toOnnx();
    download(new Blob([new Uint8Array(file)], { type: 'application/octet-stream' }), `${name}.onnx`);
  };
  return (
    <Taking title="An ONNX file" button="Download the ONNX file" take={take}>
      <p class="soft">
        One file with the network, its preprocessing and the names of the classes. Every ONNX Runtime runs it; in a page
        of yours:
      </p>
      <Code>{`import { loadPredictor } from '@graft-ml/web/predict';

const predictor = await loadPredictor('${name}.onnx');
const [best] = await predictor.predict(file); // a File, a <video>, a canvas
console.log(best.name, best.probability);`}</Code>
    </Taking>
  );
}

/** The model for people. */
function HtmlFile({ kept: { path } }: { readonly kept: KeptRun }) {
  const name = nameOf(path);
  const take = async () => {
    await using classifier = await graft().open(path);
    download(await htmlFile(name, new Uint8Array(await classifier.toOnnx())), `${name}.html`);
  };
  return (
    <Taking title="A page for anybody" button="Download the page" take={take}>
      <p class="soft">
        One HTML file with the model in it, 5 MB and the model. It answers images and the webcam in any browser, without
        a network and without an installation: send it to somebody.
      </p>
    </Taking>
  );
}

interface TakingProps {
  readonly title: string;
  readonly button: string;
  take(): Promise<void>;
  readonly children: ComponentChildren;
}

function Taking({ title, button, take, children }: TakingProps) {
  const isBusy = useSignal(false);
  const onClick = async () => {
    isBusy.value = true;
    try {
      await take();
    } catch (error) {
      sayProblem(error);
    } finally {
      isBusy.value = false;
    }
  };
  return (
    <section class="card taking" aria-label={title}>
      <h2>{title}</h2>
      {children}
      <Button icon="save" disabled={isBusy.value} onClick={onClick}>
        {button}
      </Button>
    </section>
  );
}

/** Lines to copy. */
function Code({ children }: { readonly children: string }) {
  const copy = () => navigator.clipboard.writeText(children).then(() => say({ text: 'Copied.' }), sayProblem);
  return (
    <div class="code">
      <pre>{children}</pre>
      <Button kind="quiet" onClick={copy}>
        Copy
      </Button>
    </div>
  );
}
