/*
 * The studio as a person has it: served by `graft studio`, in Chromium, with Chromium's own moving test pattern for a
 * camera. Where there is no Chromium, the tests are skipped.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { unpackArchive } from '../../packages/studio/src/collection/zip.ts';
import { startFileServer } from '../file-server.ts';
import { graft } from '../graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../images.ts';
import { type StartedStudio, startStudio } from '../studio.ts';
import { contentTypes, hasBrowser, launch } from './pages.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const findViolations = `axe.run().then(({ violations }) => violations.map(({ id, nodes }) =>
  id + ': ' + nodes.map(({ html }) => html.slice(0, 160)).join(' | ')))`;
const serviceWorker = 'navigator.serviceWorker.getRegistration().then((found) => found?.active?.state ?? null)';
const stepNames = ['Collect', 'Train', 'Look', 'Understand', 'Take away'];

ownCache();

describe.skipIf(!hasBrowser('the tests of the studio'))('the studio in Chromium', () => {
  const root = temporaryFolder();
  const shapes = join(root, 'shapes');
  let studio: StartedStudio;
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  /** Where requests went, and what the browser complained of: refused requests and styles would be among it. */
  const hosts = new Set<string>();
  const complaints: string[] = [];

  beforeAll(async () => {
    await drawImages(shapes, { perClass: 6 });
    studio = await startStudio();
    browser = await launch({ camera: true });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await studio?.end('SIGINT');
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    expect([...hosts].filter((host) => host !== `127.0.0.1:${studio.port}`)).toEqual([]);
    expect(complaints.splice(0)).toEqual([]);
  });

  /** A browser that has never been here. */
  async function newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const viewport = { width: 1200, height: 900 };
    const context = await browser.newContext({ viewport, permissions: ['camera'], ...options });
    context.on('request', (request) => {
      if (!request.url().startsWith('blob:')) hosts.add(new URL(request.url()).host);
    });
    context.on('console', (message) => {
      // A start that is no ONNX file has none, which is found out by asking for it.
      if (message.location().url.endsWith('/architecture.onnx')) return;
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    context.on('weberror', (error) => complaints.push(String(error.error())));
    contexts.push(context);
    return context;
  }

  async function open(options: BrowserContextOptions & { hash?: string } = {}): Promise<Page> {
    const { hash = '', ...others } = options;
    const page = await (await newContext(others)).newPage();
    await page.goto(`${studio.address}${hash}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    return page;
  }

  /** Each class with the number of its images, as the page shows them. */
  async function classesOf(page: Page): Promise<string[]> {
    const cards = await page.locator('.class-card').all();
    return Promise.all(
      cards.map(
        async (card) =>
          `${await card.locator('input.class-name').inputValue()}: ${await card.locator('.count').textContent()}`,
      ),
    );
  }

  /** The built studio below a folder of a server that knows nothing of it. */
  async function servePlainly(folder: string): Promise<{ address: string }> {
    const server = await startFileServer();
    server.answer((request, response) => {
      const path = request.url!.slice(folder.length).replace(/^\/$/, '/index.html');
      const file = join(studio.folder, path);
      if (!request.url!.startsWith(`${folder}/`) || !existsSync(file)) return response.writeHead(404).end();
      const type = contentTypes[extname(file)] ?? 'application/octet-stream';
      return response.writeHead(200, { 'Content-Type': type }).end(readFileSync(file));
    });
    return { address: `${server.address}${folder}/` };
  }

  const said = (page: Page) => page.locator('.toast p');

  async function takeShapes(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Sample sets' }).click();
    await page.getByLabel('Images of each class of Shapes').selectOption('5');
    await page.getByRole('button', { name: 'Take shapes' }).click();
    await expect.poll(() => said(page).textContent()).toBe('30 images added to 6 classes.');
  }

  /** Unpacks a ZIP into a folder. */
  async function unzip(archive: string, folder: string): Promise<void> {
    const files = await unpackArchive(new Blob([readFileSync(archive)]), archive);
    for (const { path, read } of files) {
      const place = join(folder, path);
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, Buffer.from(await (await read()).arrayBuffer()));
    }
  }

  /** Waits until what is shown is on the disk, and loads the page again. */
  async function reload(page: Page): Promise<void> {
    const shown = await classesOf(page);
    const kept = `navigator.storage.getDirectory()
      .then((root) => root.getDirectoryHandle('collection')).then((folder) => folder.getFileHandle('collection.json'))
      .then((handle) => handle.getFile()).then((file) => file.text())
      .then((text) => JSON.parse(text).classes.map(({ name, images }) => name + ': ' + images.length), () => [])`;
    const counts = shown.map((each) => each.replace(/ images?$/, ''));
    await expect.poll(() => page.evaluate<string[]>(kept)).toEqual(counts);
    await page.reload();
    await expect.poll(() => classesOf(page)).toEqual(shown);
  }

  test('it can be used before anything large has arrived', async () => {
    const page = await (await newContext()).newPage();
    const requested: string[] = [];
    page.on('request', (request) => requested.push(new URL(request.url()).pathname));
    await page.goto(studio.address);
    await page.getByRole('button', { name: 'Add classes' }).click();
    await expect.poll(() => classesOf(page)).toEqual(['Class 1: 0 images', 'Class 2: 0 images']);
    const bytes = await page.evaluate<number>(
      'performance.getEntriesByType("resource").reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)',
    );
    expect(bytes).toBeLessThan(150_000);
    expect(requested.filter((path) => /wasm|zip-core|safetensors/.test(path))).toEqual([]);
  });

  test('a sample set, new names, a move by keyboard and a deletion outlive a reload; deletions are undone', async () => {
    const page = await open();
    await takeShapes(page);
    const name = page.locator('input.class-name').first();
    await name.fill('round');
    await name.press('Enter');
    const circles = page.getByRole('listbox', { name: 'Images of round' });
    await circles.getByRole('option').first().focus();
    await page.keyboard.press(' ');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press(' ');
    await expect.poll(() => circles.locator('[aria-selected=true]').count()).toBe(2);
    await page.getByLabel('Move the chosen images to a class').selectOption({ label: 'square' });
    await expect.poll(async () => (await classesOf(page)).slice(0, 2)).toEqual(['round: 3 images', 'square: 7 images']);
    await circles.getByRole('option').first().focus();
    await page.keyboard.press('Delete');
    await expect.poll(async () => (await classesOf(page))[0]).toBe('round: 2 images');
    await expect.poll(() => circles.locator('[role=option]:focus').count()).toBe(1);
    await page.keyboard.press('Control+z');
    await expect.poll(async () => (await classesOf(page))[0]).toBe('round: 3 images');
    await page.getByRole('button', { name: 'Delete hexagon' }).click();
    await page.getByRole('button', { name: 'Delete star' }).click();
    await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
    const after = ['round: 3', 'square: 7', 'triangle: 5', 'star: 5', 'cross: 5'].map((each) => `${each} images`);
    await expect.poll(() => classesOf(page)).toEqual(after);
    await reload(page);
    const drawn = page.locator('.class-card canvas.thumbnail').first();
    const spread = async () => {
      const { channels } = await sharp(await drawn.screenshot())
        .removeAlpha()
        .stats();
      return Math.max(...channels.map(({ stdev }) => stdev));
    };
    await expect.poll(spread).toBeGreaterThan(8); // an image, and not one colour
  });

  test('images are dragged to another class, the chosen ones together', async () => {
    const page = await open();
    await takeShapes(page);
    const circles = page.getByRole('listbox', { name: 'Images of circle' }).getByRole('option');
    await circles.nth(0).click();
    await circles.nth(1).click();
    await circles.nth(1).dragTo(page.locator('.class-card').nth(2));
    await expect
      .poll(async () => (await classesOf(page)).slice(0, 3))
      .toEqual(['circle: 3 images', 'square: 5 images', 'triangle: 7 images']);
    await circles.nth(0).dragTo(page.locator('.class-card').nth(1));
    await expect
      .poll(async () => (await classesOf(page)).slice(0, 2))
      .toEqual(['circle: 2 images', 'square: 6 images']);
    await circles.nth(0).dragTo(page.locator('.class-card').nth(0)); // where it is already
    await expect.poll(async () => (await classesOf(page))[0]).toBe('circle: 2 images');
  });

  test('a name that no folder can have is refused in words, and the old one stays', async () => {
    const page = await open();
    await takeShapes(page);
    const name = page.locator('input.class-name').first();
    for (const [given, problem] of [
      ['a/b', 'leave out /'],
      ['Square', 'There is a class square already'],
      ['val', 'for a part of the dataset'],
    ] as const) {
      await name.fill(given);
      await name.press('Enter');
      await expect.poll(() => said(page).textContent()).toContain(problem);
      expect(await name.inputValue()).toBe('circle');
    }
  });

  test('the webcam records while the button is held, by pointer and by Space', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Use the webcam' }).click();
    const record = page.getByRole('button', { name: 'Hold to record' });
    await expect.poll(() => record.isEnabled()).toBe(true);
    const images = page.locator('.class-card').first().getByRole('option');
    await record.hover();
    await page.mouse.down();
    await expect.poll(() => images.count(), { timeout: 10_000 }).toBeGreaterThan(3);
    await page.mouse.up();
    await page.waitForTimeout(300);
    const taken = await images.count();
    await page.waitForTimeout(300);
    expect(await images.count()).toBe(taken);
    await record.focus();
    await page.keyboard.down(' ');
    await expect.poll(() => images.count(), { timeout: 10_000 }).toBeGreaterThan(taken + 1);
    await page.keyboard.up(' ');
    await page.getByRole('button', { name: 'Webcam' }).first().click();
    await expect.poll(() => page.locator('video').count()).toBe(0);
    await reload(page);
  });

  test('a camera that is refused is said, with what to do', async () => {
    const page = await open({ permissions: [] });
    await page.getByRole('button', { name: 'Use the webcam' }).click();
    const alert = page.getByRole('alert');
    expect(await alert.textContent()).toContain('The browser does not let this page use the camera.');
    await page.context().grantPermissions(['camera']);
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect.poll(() => page.getByRole('button', { name: 'Hold to record' }).isEnabled()).toBe(true);
  });

  /** Drops files on an element, as a file manager would. */
  async function drop(
    page: Page,
    selector: string,
    files: readonly { name: string; bytes: Uint8Array }[],
  ): Promise<void> {
    const encoded = files.map(({ name, bytes }) => ({ name, text: Buffer.from(bytes).toString('base64') }));
    const make = `(${JSON.stringify(encoded)}).reduce((data, { name, text }) => {
      data.items.add(new File([Uint8Array.from(atob(text), (each) => each.charCodeAt(0))], name));
      return data;
    }, new DataTransfer())`;
    const dataTransfer = await page.evaluateHandle(make);
    for (const type of ['dragenter', 'dragover', 'drop']) await page.dispatchEvent(selector, type, { dataTransfer });
  }

  test('dropped files are added to the class; what cannot be decoded is left out, with the reason', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Add classes' }).click();
    const pixels = sharp({ create: { width: 32, height: 32, channels: 3, background: '#345' } });
    const jpeg = await pixels.clone().jpeg().toBuffer();
    await drop(page, '.class-card:nth-of-type(2)', [
      { name: 'good.jpg', bytes: jpeg },
      { name: 'really-a.webp.png', bytes: await pixels.clone().webp().toBuffer() },
      { name: 'cut.jpg', bytes: jpeg.subarray(0, jpeg.length / 2) },
      { name: 'text.jpg', bytes: Buffer.from('this is a text') },
      { name: 'ink.jpg', bytes: await pixels.clone().toColourspace('cmyk').jpeg().toBuffer() },
      { name: 'notes.txt', bytes: Buffer.from('notes') },
    ]);
    await expect.poll(() => said(page).textContent()).toContain('2 images added to Class 2.\n4 files left out.');
    const message = await said(page).textContent();
    expect(message).toMatch(/cut\.jpg: .*; text\.jpg: the content is neither JPEG.*; ink\.jpg: its colours are CMYK/);
    expect(message).toContain('and 1 more.');
    await expect.poll(() => classesOf(page)).toEqual(['Class 1: 0 images', 'Class 2: 2 images']);
  });

  test('a folder becomes classes; the saved ZIP is what graft train takes, and opens again', async () => {
    const page = await open();
    await page.locator('input[data-for="Open folder"]').setInputFiles(shapes);
    const classes = ['cross: 6 images', 'disc: 6 images', 'square: 6 images'];
    await expect.poll(async () => (await classesOf(page)).sort()).toEqual(classes);
    await expect.poll(() => said(page).textContent()).toBe('18 images added to 3 classes.');
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as ZIP' }).click();
    const archive = join(root, 'collection.zip');
    await (await saving).saveAs(archive);

    const quick = ['--model', 'conv4', '--image-size', '28', '--epochs', '1', '--batch-size', '4', '--threads', '1'];
    const { status, stderr } = await graft(['train', archive, ...quick, '--out', join(root, 'run')]);
    expect(stderr).toMatch(/images .* 3 classes, 28 px\n/);
    expect(status).toBe(0);
    const run = JSON.parse(readFileSync(join(root, 'run', 'run.json'), 'utf8')) as { classes: string[] };
    expect(run.classes).toEqual(['cross', 'disc', 'square']);

    await page.getByRole('button', { name: 'Delete all' }).click();
    await expect.poll(() => classesOf(page)).toEqual([]);
    await page.locator('input[data-for="Open ZIP"]').setInputFiles(archive);
    await expect.poll(async () => (await classesOf(page)).sort()).toEqual(classes);
    writeFileSync(join(root, 'broken.zip'), readFileSync(archive).subarray(0, 500));
    await page.locator('input[data-for="Open ZIP"]').setInputFiles(join(root, 'broken.zip'));
    await expect.poll(() => said(page).textContent()).toContain('broken.zip cannot be opened as a ZIP');
    await expect.poll(async () => (await classesOf(page)).sort()).toEqual(classes);
  });

  test('an exported model looks at images, the camera and the whole collection, and says what it says in Node', async () => {
    const [run, file] = [join(root, 'looked'), join(root, 'shapes.onnx')];
    const quick = ['--model', 'conv4', '--epochs', '3', '--batch-size', '4', '--threads', '1', '--no-report'];
    expect((await graft(['train', shapes, ...quick, '--out', run])).status).toBe(0);
    expect((await graft(['export', run, '--out', file, '--seen'])).status).toBe(0);
    const { stdout } = await graft(['evaluate', run, shapes, '--part', 'all', '--json']);
    const { accuracy } = JSON.parse(stdout) as { accuracy: number };

    const page = await open();
    await page.locator('input[data-for="Open folder"]').setInputFiles(shapes);
    await expect.poll(() => said(page).textContent()).toBe('18 images added to 3 classes.');
    await page.getByRole('link', { name: 'Look', exact: true }).click();
    const model = page.locator('input[data-for="Open a model"]');
    await model.setInputFiles(join(shapes, 'disc', '000.png'));
    await expect.poll(() => said(page).textContent()).toMatch(/^000\.png cannot be opened\. /);
    await model.setInputFiles(file);
    await page.getByText('shapes.onnx knows 3 classes.').waitFor();
    expect(await page.locator('.model-choice option').allTextContents()).toEqual(['shapes.onnx']);

    await page.getByRole('button', { name: 'Look at 18 images' }).click();
    await page.getByText('The model was made of all of these images').waitFor();
    // An answer near a tie may fall to the other side in WebAssembly: at most one of the 18.
    const hits = await page.locator('table.confusion td.right button').allTextContents();
    const right = hits.reduce((sum, number) => sum + Number(number), 0) / 18;
    expect(Math.abs(right - accuracy)).toBeLessThan(1.5 / 18);
    const cell = page.locator('table.confusion td.right button, table.confusion td.wrong button').first();
    const images = Number(await cell.textContent());
    await cell.click();
    await expect.poll(() => page.locator('dialog[open] .answered li').count()).toBe(images);
    await page.keyboard.press('Escape');

    await page.locator('input[data-for="Choose an image"]').setInputFiles(join(shapes, 'disc', '000.png'));
    const numbers = async () => (await page.locator('.bars .number').allTextContents()).map(Number.parseFloat);
    await expect.poll(async () => (await numbers()).reduce((sum, each) => sum + each, 0)).toBeGreaterThan(99);
    const predicted = await graft(['predict', run, join(shapes, 'disc', '000.png'), '--top', '3', '--json']);
    const [{ classes }] = JSON.parse(predicted.stdout) as [{ classes: { name: string; probability: number }[] }];
    for (const { name, probability } of classes) {
      const shown = page.locator('.bars li', { hasText: name }).locator('.number');
      expect(Math.abs(Number.parseFloat((await shown.textContent())!) / 100 - probability)).toBeLessThan(1e-3);
    }
    await page.getByRole('button', { name: 'Webcam' }).click();
    await page.getByText(/answers a second/).waitFor();
    await page.getByRole('button', { name: 'Sketch' }).click();
    await expect.poll(() => page.locator('video').count()).toBe(0);
    await page.evaluate(axe);
    expect(await page.evaluate<string[]>(findViolations)).toEqual([]);
  });

  const phase = (page: Page) => page.locator('.running .phase').textContent();
  const done = { timeout: 90_000 };

  /** One HTML file, opened from the disk without a network, says of an image what the command line says. */
  async function expectPredictor(file: string, best: { name: string; probability: number }): Promise<void> {
    const page = await (await newContext({ offline: true })).newPage();
    const requested: string[] = [];
    page.on('request', (request) => requested.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    await page.getByText('Knows circle, cross, hexagon, square, star, triangle.').waitFor(done);
    await page.getByLabel('Choose an image').setInputFiles(join(shapes, 'disc', '000.png'));
    const first = page.locator('#answer li').first();
    await first.waitFor();
    const [name, number] = await first.locator('span').allTextContents();
    expect(name).toBe(best.name);
    expect(Math.abs(Number.parseFloat(number!) / 100 - best.probability)).toBeLessThan(1e-3);
    await page.evaluate(axe);
    expect(await page.evaluate<string[]>(findViolations)).toEqual([]);
    expect(requested.filter((url) => !/^(file|blob|data):/.test(url))).toEqual([]);
    expect(requested.filter((url) => url.startsWith('file:'))).toEqual([pathToFileURL(file).href]);
    hosts.delete(''); // of the file
  }

  test('digits are learned from five of each by adapting a start, without a network; the run tells others apart', async () => {
    const page = await open();
    await expect.poll(() => page.evaluate(serviceWorker), { timeout: 60_000 }).toBe('activated');
    await page.getByRole('button', { name: 'Sample sets' }).click();
    await page.getByLabel('Images of each class of Handwritten digits').selectOption('5');
    await page.getByRole('button', { name: 'Take handwritten digits' }).click();
    await expect.poll(() => said(page).textContent()).toBe('50 images added to 10 classes.');
    await page.context().setOffline(true);
    await page.getByRole('link', { name: 'Train', exact: true }).click();
    await page.getByRole('button', { name: 'Adapt', exact: true }).click();
    await expect.poll(() => phase(page), done).toBe('Done');
    await page.getByRole('link', { name: 'Collect', exact: true }).click();
    await page.getByRole('button', { name: 'Sample sets' }).click();
    await page.getByLabel('Images of each class of Handwritten digits').selectOption('20');
    await page.getByRole('button', { name: 'Take handwritten digits' }).click();
    await expect.poll(() => said(page).textContent()).toBe('200 images added to 10 classes.');
    await page.getByRole('link', { name: 'Look', exact: true }).click();
    await page.getByText('run-1 knows 10 classes.').waitFor();
    await page.getByRole('button', { name: 'Look at 250 images' }).click();
    const result = page.getByText(/ % of the \d+ images that it was not made of are answered right/);
    await result.waitFor(done);
    expect(Number.parseFloat((await result.textContent())!)).toBeGreaterThan(60); // guessing gives 10
  });

  test('training is paused, outlives a reload, and goes on to its end; the run is looked at, and removed', async () => {
    const page = await open();
    await takeShapes(page);
    await page.getByRole('link', { name: 'Train', exact: true }).click();
    await page.getByText('Train deeper: everything').click();
    await expect
      .poll(() => page.locator('.setup').textContent())
      .toMatch(/FLOPs on 30 images: about (a second|\d+ s) on one thread/);
    await page.getByText('All options').click();
    const epochs = page.getByLabel('epochs', { exact: true });
    await epochs.fill('none');
    await epochs.press('Enter');
    await expect
      .poll(() => page.getByRole('alert').textContent())
      .toContain('epochs: expected an integer of at least 1');
    await epochs.fill('25');
    await epochs.press('Enter');
    await page.getByLabel('batchSize', { exact: true }).fill('4');
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await expect.poll(() => page.locator('.running progress').count(), done).toBe(1);
    await expect.poll(() => page.locator('.running').textContent(), done).toMatch(/Epoch [2-9] of 25 .* left/);
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => phase(page), done).toBe('Paused');
    await page.reload();
    await page.getByRole('button', { name: 'Go on with run-1' }).click();
    await expect.poll(() => phase(page), done).toMatch(/^Done: \d+ % of the validation images right$/);
    await page.getByText('Numbers of Accuracy').click();
    const rows = page.getByRole('table', { name: /Accuracy/ }).locator('tbody tr');
    expect(await rows.count()).toBe(25); // those before the pause as well
    await page.getByRole('button', { name: 'Look at it' }).click();
    await page.getByText('run-1 knows 6 classes.').waitFor();

    await page.locator('input[data-for="Choose an image"]').setInputFiles(join(shapes, 'disc', '000.png'));
    await page.getByRole('button', { name: 'What speaks for it' }).click();
    const overlay = page.locator('.overlay canvas');
    await overlay.waitFor(done);
    const { channels } = await sharp(await overlay.screenshot())
      .removeAlpha()
      .stats();
    expect(Math.max(...channels.map(({ stdev }) => stdev))).toBeGreaterThan(5);
    await page.getByRole('button', { name: 'Near images' }).click();
    await expect.poll(() => page.getByRole('list', { name: 'Near images' }).locator('li').count(), done).toBe(8);
    await page.evaluate(axe);
    expect(await page.evaluate<string[]>(findViolations)).toEqual([]);

    await page.getByRole('link', { name: 'Take away', exact: true }).click();
    const [folder, onnx] = [join(root, 'taken'), join(root, 'taken.onnx')];
    const save = async (button: string, path: string) => {
      const saving = page.waitForEvent('download');
      await page.getByRole('button', { name: button }).click();
      await (await saving).saveAs(path);
    };
    await save('Download the folder', `${folder}.zip`);
    await unzip(`${folder}.zip`, folder);
    const predicted = await graft(['predict', join(folder, 'run-1'), join(shapes, 'disc', '000.png'), '--json']);
    expect([predicted.status, predicted.stderr]).toEqual([0, '']);
    expect(JSON.parse(predicted.stdout)[0].classes[0].name).toMatch(/circle|square|triangle|star|cross|hexagon/);
    await save('Download the ONNX file', onnx);
    await save('Download the page', join(root, 'taken.html'));
    await expectPredictor(join(root, 'taken.html'), JSON.parse(predicted.stdout)[0].classes[0]);
    await page.getByRole('link', { name: 'Look', exact: true }).click();
    await page.locator('input[data-for="Open a model"]').setInputFiles(onnx);
    await page.getByText('taken.onnx knows 6 classes.').waitFor();
    await page.getByRole('link', { name: 'Collect', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Collect' }).waitFor();
    await page.getByRole('link', { name: 'Look', exact: true }).click();
    await page.getByText('taken.onnx knows 6 classes.').waitFor();

    await page.getByRole('link', { name: 'Train', exact: true }).click();
    await page.getByRole('button', { name: 'Remove run-1' }).click();
    await expect.poll(() => page.locator('.run-list').count()).toBe(0);
  });

  test('drawings by pointer and by keyboard become images', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Open the sketch pad' }).click();
    const pad = page.getByRole('application');
    const { x, y } = (await pad.boundingBox())!;
    await page.mouse.move(x + 40, y + 40);
    await page.mouse.down();
    await page.mouse.move(x + 150, y + 160, { steps: 5 });
    await page.mouse.up();
    await page.getByRole('button', { name: 'Add the drawing' }).click();
    await pad.focus();
    for (const key of [' ', ...Array(9).fill('ArrowRight'), ' ', 'Enter']) await page.keyboard.press(key);
    await expect.poll(async () => (await classesOf(page))[0]).toBe('Class 1: 2 images');
    const ink = `Promise.all([...document.querySelectorAll('.images canvas')].map(async (canvas) => {
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, i) => i % 4 === 0 && value < 60).length / (canvas.width * canvas.height);
    }))`;
    const least = async () => Math.min(...(await page.evaluate<number[]>(ink)));
    await expect.poll(least, { timeout: 10_000 }).toBeGreaterThan(0.005);
  });

  test('a stroke that begins while a drawing is added belongs to the next drawing', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Open the sketch pad' }).click();
    // A slow machine: an image takes a second to make.
    await page.evaluate(`{
      const { convertToBlob } = OffscreenCanvas.prototype;
      OffscreenCanvas.prototype.convertToBlob = async function (...given) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        return convertToBlob.apply(this, given);
      };
    }`);
    const pad = page.getByRole('application');
    await pad.focus();
    const line = [' ', ...Array(9).fill('ArrowRight'), ' '];
    for (const key of [...line, 'Enter', ...line]) await page.keyboard.press(key);
    const added = async () => (await classesOf(page))[0];
    await expect.poll(added, { timeout: 10_000 }).toBe('Class 1: 1 image');
    await page.keyboard.press('Enter');
    await expect.poll(added, { timeout: 10_000 }).toBe('Class 1: 2 images');
  });

  test('an image is pasted into the class that was used last', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Add classes' }).click();
    const paste = `(async () => {
      const canvas = new OffscreenCanvas(16, 16);
      canvas.getContext('2d').fillRect(4, 4, 8, 8);
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([await canvas.convertToBlob()], 'image.png', { type: 'image/png' }));
      document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    })()`;
    await page.evaluate(paste);
    await expect.poll(() => classesOf(page)).toEqual(['Class 1: 0 images', 'Class 2: 1 image']);
  });

  test('without a network it opens, has its collection, and its sample sets', async () => {
    const page = await open();
    await takeShapes(page);
    await expect.poll(() => page.evaluate(serviceWorker), { timeout: 60_000 }).toBe('activated');
    await reload(page);
    await page.context().setOffline(true);
    await reload(page);
    await page.getByRole('button', { name: 'Sample sets' }).click();
    await page.getByRole('button', { name: 'Take handwritten digits' }).click();
    await expect.poll(() => said(page).textContent()).toBe('200 images added to 10 classes.');
    expect(await page.evaluate('crossOriginIsolated')).toBe(true);
  });

  test('it works from any folder of a host that sends no headers but types, without shared memory', async () => {
    const { address } = await servePlainly('/some/where');
    const page = await (await newContext()).newPage();
    await page.goto(address);
    await takeShapes(page);
    expect(await page.evaluate('crossOriginIsolated')).toBe(false);
    await expect.poll(() => page.evaluate(serviceWorker), { timeout: 60_000 }).toBe('activated');
    await page.context().setOffline(true);
    await reload(page);
    hosts.delete(new URL(address).host);
  });

  test('the browser lets the page contact nobody else', async () => {
    const page = await open();
    const contact = `Promise.all([
      fetch('https://example.com/'),
      new Promise((resolve, reject) => Object.assign(new Image(), { onload: resolve, onerror: reject, src: 'https://example.com/x.png' })),
    ].map((each) => each.then(() => 'sent', () => 'refused')))`;
    expect(await page.evaluate(contact)).toEqual(['refused', 'refused']);
    expect(complaints.splice(0).join('\n')).toContain('Content Security Policy');
    expect([...hosts].filter((host) => host !== 'example.com')).toEqual([`127.0.0.1:${studio.port}`]);
    hosts.delete('example.com'); // asked for by the test, and refused
  });

  test('a second tab shows the collection, and says that it does not keep it', async () => {
    const page = await open();
    await takeShapes(page);
    await reload(page);
    const second = await page.context().newPage();
    await second.goto(studio.address);
    await expect.poll(() => classesOf(second)).toEqual(await classesOf(page));
    expect(await second.locator('.keeping-note').textContent()).toContain('open in another tab');
  });

  test('steps are links: arrow keys, Enter, back, reload', async () => {
    const page = await open();
    expect(await page.title()).toBe('Collect · Graft Studio');
    await page.getByRole('link', { name: 'Collect', exact: true }).focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    const current = () => page.locator('nav [aria-current=step]').textContent();
    await expect.poll(current).toContain('Train');
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Train');
    expect(new URL(page.url()).hash).toBe('#train');
    await page.reload();
    await expect.poll(() => page.title()).toBe('Train · Graft Studio');
    await page.goBack();
    await expect.poll(current).toContain('Collect');
  });

  describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
    test('axe finds nothing, in any step', async () => {
      const page = await open({ colorScheme, bypassCSP: true });
      const violations = async () => {
        await page.evaluate(axe);
        return page.evaluate<string[]>(findViolations);
      };
      expect(await violations()).toEqual([]);
      await page.getByRole('button', { name: 'Sample sets' }).click();
      expect(await violations()).toEqual([]);
      await page.keyboard.press('Escape');
      await takeShapes(page);
      await page.getByRole('option').first().click();
      await page.getByRole('button', { name: 'Draw' }).nth(1).click();
      expect(await violations()).toEqual([]);
      await page.getByRole('button', { name: 'Webcam' }).nth(2).click();
      await page.getByRole('button', { name: 'Hold to record' }).waitFor();
      expect(await violations()).toEqual([]);
      for (const name of stepNames.slice(1)) {
        await page.getByRole('link', { name, exact: true }).click();
        await page.getByRole('heading', { level: 1, name }).waitFor();
        await page.waitForLoadState('networkidle');
        expect([name, ...(await violations())]).toEqual([name]);
      }
    });

    test('on 360 px nothing scrolls sideways', async () => {
      const page = await open({ colorScheme, viewport: { width: 360, height: 740 } });
      const width = () => page.evaluate<number>('document.documentElement.scrollWidth');
      await takeShapes(page);
      await page.getByRole('option').first().click();
      await page.getByRole('button', { name: 'Draw' }).nth(1).click();
      expect(await width()).toBe(360);
      for (const name of stepNames) {
        await page.getByRole('link', { name, exact: true }).click();
        await page.getByRole('heading', { level: 1, name }).waitFor();
        await page.waitForLoadState('networkidle');
        expect([name, await width()]).toEqual([name, 360]);
      }
    });
  });
});
