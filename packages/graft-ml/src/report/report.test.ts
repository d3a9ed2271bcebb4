import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { calibrateRun } from '../evaluate/calibrate-run.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { readRun } from '../runs/read-run.ts';
import { adviceFor } from './advice.ts';
import { gatherFacts } from './facts.ts';
import { repeatCommand } from './repeat-command.ts';
import { writeReport } from './write-report.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const [run, gradual] = [join(root, 'run'), join(root, 'gradual')] as const;
/** A class that would be an element, and a file that would end an attribute. */
const hostileClass = '<img src=x onerror=alert(1)>';
const hostileFile = `"><script>alert(2)<&'.png`;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 20 });
  renameSync(join(shapes, 'square'), join(shapes, hostileClass));
  for (const name of ['000', '001', '002', '003', '004', '005']) {
    renameSync(join(shapes, 'disc', `${name}.png`), join(shapes, 'disc', name + hostileFile));
  }
  await runFolder(shapes, run, { validationFraction: 0.3, testFraction: 0.2, epochs: 2, learningRate: 0.0005 });
  await runFolder(shapes, gradual, {
    strategy: 'gradual',
    weights: join(run, 'best.safetensors'),
    unfreeze: [
      { epoch: 1, train: ['head'] },
      { epoch: 3, train: ['all'] },
    ],
  });
}, 120_000);

describe('the report of a run', () => {
  test('the numbers of evaluateFolder, each with its part; test images are counted and not shown', async () => {
    const written = await writeReport(run);
    const [validation, tested] = await Promise.all([
      evaluateFolder(run, shapes, { part: 'validation' }),
      evaluateFolder(run, shapes, { part: 'test' }),
    ]);
    const numbers = ({ part, images, accuracy, interval }: typeof validation) => ({ part, images, accuracy, interval });
    expect([written.shown, written.test]).toEqual([numbers(validation), numbers(tested)]);
    const page = readFileSync(written.file, 'utf8');
    expect([written.file, written.bytes]).toEqual([join(run, 'report.html'), Buffer.byteLength(page)]);
    expect(page).toContain(`${(100 * tested.accuracy).toFixed(1)}\u00a0%</b><span>accuracy on 12 test images`);
    expect(page).toContain(`accuracy on 15 validation images`);
    // Each thumbnail stands in it once, and no image of the test part has one.
    expect(page.split('<symbol ').length - 1).toBe(48);
    // The map has the 33 images that were trained on and those 15, each as a circle; the 12 others are left out.
    const [, map] = /<svg class="map".*?>(.*?)<\/svg>/s.exec(page)!;
    expect(map!.split('<circle ').length - 1).toBe(48);
    expect(page).toContain('48 images of the training and validation parts');
    expect(existsSync(join(run, 'embedding.safetensors'))).toBe(true);
  });

  test('nothing of it runs, and no name is markup', async () => {
    const { file } = await writeReport(run, { out: join(root, 'other.html'), map: false, labels: false });
    const page = readFileSync(file, 'utf8');
    expect(page).toContain('content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; img-src data:;');
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(page).not.toMatch(/<script|<img src=x| on[a-z]+="|(?:src|href)="(?!data:|#)/);
    expect([page.includes('class="map"'), page.includes('Labels that may be wrong')]).toEqual([false, false]);
  });

  test('with a map one script runs, which the policy knows by its hash; names are text to it, too', async () => {
    const page = readFileSync((await writeReport(run)).file, 'utf8');
    const scripts = [...page.matchAll(/<script>(.*?)<\/script>/gs)].map(([, text]) => text!);
    expect(page.split('<script').length - 1).toBe(1);
    const digest = createHash('sha256').update(scripts[0]!).digest('base64');
    expect(page).toContain(`script-src &#39;sha256-${digest}&#39;;`);
    expect(scripts[0]).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|style=/);
    expect(page).not.toMatch(/<img src=x| on[a-z]+="|(?:src|href)="(?!data:|#)/);
    const paths = [...page.matchAll(/ data-p="([^"]*)"/g)].map(([, path]) => path!);
    expect(paths).toHaveLength(48);
    expect(paths.some((path) => path.includes('disc/000&quot;&gt;&lt;script&gt;alert(2)&lt;&amp;&#39;.png'))).toBe(
      true,
    );
  });

  test('suspected labels by the start of a run; from scratch by its own answers for validation images', async () => {
    const fromScratch = readFileSync((await writeReport(run, { map: false })).file, 'utf8');
    expect(fromScratch).toContain('Labels that may be wrong');
    expect(fromScratch).toContain('the run’s own answers for 15 validation images');
    expect(fromScratch).toContain('no features that have not: the run was trained from scratch');
    expect(existsSync(join(run, 'label-issues.json'))).toBe(false);
    const written = await writeReport(gradual, { map: false });
    const tuned = readFileSync(written.file, 'utf8');
    // The start of this one was trained on most of these images.
    expect(tuned).toMatch(/over 60 images of the training and validation parts/);
    expect(tuned).toMatch(/the weights it began with were fitted to \d\d of these images/);
    const { mtimeMs } = statSync(join(gradual, 'label-issues.json'));
    expect(readFileSync((await writeReport(gradual, { map: false })).file, 'utf8')).toBe(tuned);
    expect(statSync(join(gradual, 'label-issues.json')).mtimeMs).toBe(mtimeMs);
  });

  test('what was trained in which epochs; a link in its place is replaced and not followed', async () => {
    const target = join(root, 'target.html');
    const link = join(root, 'link.html');
    symlinkSync(target, link);
    const { file } = await writeReport(gradual, { out: link });
    expect(existsSync(target)).toBe(false);
    const page = readFileSync(file, 'utf8');
    expect(page).toContain('<th scope="col">epochs 1–2</th><th scope="col">epoch 3</th>');
    expect(page).toMatch(/<dt>epochs 1 to 2<\/dt><dd>head trained, \d+ blocks frozen/);
  });

  test('before and after calibration, as calibrateRun measured it', async () => {
    const { calibrationError, temperature } = await calibrateRun(gradual);
    const page = readFileSync((await writeReport(gradual)).file, 'utf8');
    const [before, after] = [calibrationError.before, calibrationError.after].map(
      (x) => `${(100 * x).toFixed(1)}\u00a0%`,
    );
    expect(page).toContain(`A temperature of ${temperature.toFixed(2)}`);
    expect(page).toContain(`calibration error from ${before} to ${after}`);
  });

  test('the command that repeats it resolves to the same options', async () => {
    const described = await readRun(gradual);
    const command = repeatCommand(described);
    expect(command).toContain('--unfreeze 1:head,3:all');
    const words = [...command!.matchAll(/'((?:[^']|'\\'')*)'|(\S+)/g)].map(([, quoted, plain]) => plain ?? quoted!);
    const out = join(root, 'again');
    const { status } = await graft([...words.slice(1), '--threads', '1', '--out', out]);
    expect(status).toBe(0);
    expect((await readRun(out)).config).toEqual(described.config);
  }, 60_000);

  test('graft report: where it is, and its numbers as JSON', async () => {
    const [text, json, none] = await Promise.all([
      graft(['report', run, '--out', join(root, 'a.html')]),
      graft(['report', run, '--out', join(root, 'b.html'), '--json']),
      graft(['report', join(root, 'nothing')]),
    ]);
    expect([text.status, json.status, none.status]).toEqual([0, 0, 1]);
    expect(text.stdout).toMatch(/^validation +\d+\.\d % of 15 images/);
    expect(text.stdout).toContain(`The report is in ${join(root, 'a.html')}`);
    expect(JSON.parse(json.stdout)).toMatchObject({ test: { part: 'test', images: 12 }, fit: { verdict: 'unknown' } });
    expect(readFileSync(join(root, 'b.html'), 'utf8')).toBe(readFileSync(join(root, 'a.html'), 'utf8'));
  }, 60_000);
});

describe('what next', () => {
  test('each rule speaks where its numbers do, with a command that names the run', async () => {
    const facts = await gatherFacts(run, { map: false });
    const titles = (changed: Partial<typeof facts>) => adviceFor({ ...facts, ...changed }).map(({ title }) => title);
    const [first] = adviceFor({ ...facts, run: { ...facts.run, status: 'interrupted' } });
    expect(first).toMatchObject({ title: 'Finish the run', command: `graft train --resume ${run}` });
    const leftOut = [{ path: 'a.png', kind: 'truncated' }];
    expect(titles({ run: { ...facts.run, dataset: { ...facts.run.dataset, leftOut } } })[0]).toContain('damaged files');
    expect(titles({ fit: { verdict: 'overfitting', text: '' } })).toContain('Train against overfitting');
    expect(titles({ fit: { verdict: 'underfitting', text: '' } })).toContain('Train for 2 more epochs');
    // 15 images fix no accuracy to 10 points; the run has a test part.
    expect(titles({})).toContain('Measure on more images before comparing runs');
    expect(titles({})).not.toContain('Keep a test part aside');
    expect(titles({ run: { ...facts.run, dataset: { ...facts.run.dataset, test: 0 } } })).toContain(
      'Keep a test part aside',
    );
  });
});

describe('graft train', () => {
  const words = ['train', shapes, '--model', 'conv4', '--epochs', '1', '--threads', '1'];

  test('leaves a report in the run when it is done, and says where', async () => {
    const out = join(root, 'trained');
    const { status, stderr, stdout } = await graft([...words, '--out', out, '--json']);
    expect([status, stderr.includes(`The report is in ${join(out, 'report.html')}`)]).toEqual([0, true]);
    expect(JSON.parse(stdout)).toMatchObject({ out, status: 'done' });
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('</html>');
  }, 60_000);

  test('--no-report; a report that cannot be written is said, and the run is done all the same', async () => {
    const quiet = join(root, 'quiet');
    const first = await graft([...words, '--out', quiet, '--no-report']);
    expect([first.status, existsSync(join(quiet, 'report.html'))]).toEqual([0, false]);
    mkdirSync(join(quiet, 'report.html'));
    const more = await graft(['train', '--resume', quiet, '--epochs', '2']);
    expect([more.status, more.stderr.includes('The report was not written: ')]).toEqual([0, true]);
    expect((await readRun(quiet)).status).toBe('done');
  }, 60_000);
});
