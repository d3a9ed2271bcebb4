import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { lineChartSvg } from '@graft-ml/core/internal/chart/index';
import { beforeAll, describe, expect, test } from 'vitest';
import { graft, startGraft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const run = join(root, 'run');

/** A title for the window, red text, a line of our own style, and an override of the writing direction. */
const hostile = '\u001b]0;owned\u0007\u001b[31m\ngraft: all is well\u202e';
const hostileClass = `disc${hostile}`;
const hostileFile = join(shapes, hostileClass, `x${hostile}.png`);

/** What may stand on a terminal: line breaks, tabs, and what can be seen. */
const harmless = /^(?:[\n\t]|[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}])*$/u;
/** A line that a name made. */
const forged = /^graft: all is well/m;

function expectHarmless({ stdout, stderr }: { stdout: string; stderr: string }): void {
  for (const text of [stdout, stderr]) {
    expect(text).toMatch(harmless);
    expect(text).not.toMatch(forged);
  }
}

beforeAll(async () => {
  await drawImages(shapes, { perClass: 8 });
  renameSync(join(shapes, 'disc'), join(shapes, hostileClass));
  copyFileSync(join(shapes, hostileClass, '000.png'), hostileFile);
  writeFileSync(join(shapes, hostileClass, `broken${hostile}.png`), 'no image');
});

describe('names of classes and files that a terminal would obey', () => {
  test('in training: shown as escapes, with the way to find them', async () => {
    const outcome = await graft(['train', shapes, '--model', 'conv4', '--epochs', '2', '--threads', '1', '--out', run]);
    expect(outcome.status).toBe(0);
    expectHarmless(outcome);
    expect(outcome.stderr).toContain('broken\\u001b]0;owned\\u0007\\u001b[31m\\ngraft: all is well\\u202e.png');
    // What people look at with `cat`.
    for (const name of ['run.json', 'metrics.jsonl']) expect(readFileSync(join(run, name), 'utf8')).toMatch(harmless);
    expect(JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')).classes).toContain(hostileClass);
  });

  test.each([
    ['predict', [run, hostileFile, join(shapes, hostileClass, `broken${hostile}.png`)]],
    ['evaluate', [run, shapes]],
    ['doctor', [shapes]],
    ['inspect', [hostile]],
    ['train', [`/nowhere/${hostile}`]],
    ['train', [shapes, `--${hostile}`]],
    ['train', [shapes, '--model', hostile]],
    ['train', [shapes, '--unfreeze', `0:${hostile}`, '--strategy', 'gradual', '--model', 'conv4', '--weights', run]],
    ['train', [shapes, `${hostile}=1`]],
    [hostile, []],
  ])('%s %j', async (command, args) => {
    expectHarmless(await graft([command, ...args]));
  });

  test('--json is the same value, in characters that can be seen', async () => {
    const { stdout } = await graft(['predict', run, hostileFile, '--json']);
    expect(stdout).toMatch(harmless);
    const [{ path, classes }] = JSON.parse(stdout);
    expect(path).toBe(hostileFile);
    expect(classes.map(({ name }: { name: string }) => name)).toContain(hostileClass);
  });
});

test('a run.json that someone sent: its texts are only shown', async () => {
  const sent = join(root, 'sent');
  mkdirSync(sent);
  for (const name of ['best.safetensors', 'last.safetensors', 'metrics.jsonl'])
    copyFileSync(join(run, name), join(sent, name));
  const content = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'));
  for (const change of [
    { folder: hostile },
    { adaptedFrom: hostile },
    { config: { ...content.config, model: hostile } },
    { config: { ...content.config, optimizer: hostile } },
    { config: { ...content.config, weights: `${hostile}.safetensors` } },
    { kind: hostile, graft: hostile },
  ]) {
    writeFileSync(join(sent, 'run.json'), JSON.stringify({ ...content, ...change, status: 'interrupted' }));
    expectHarmless(await graft(['train', '--resume', sent]));
    expectHarmless(await graft(['evaluate', sent, shapes]));
  }
});

test('what a server says of itself', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end('HTTP/1.1 404 \u001b[31mgone\u009b2J\u0007\r\nContent-Length: 0\r\n\r\n', 'latin1');
  });
  const address = await new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const found = server.address();
      resolve(typeof found === 'object' && found ? `http://127.0.0.1:${found.port}` : '');
    });
  });
  try {
    const outcome = await startGraft(['models', 'resnet18', '--download', '--mirror', address]).done;
    expect(outcome.status).toBe(1);
    expectHarmless(outcome);
  } finally {
    server.close();
  }
});

test('a chart’s texts are text in SVG, too', async () => {
  const svg = await lineChartSvg({
    title: `<script>alert(1)</script>${hostile}`,
    x: { label: '"><image href="http://x/"/>' },
    y: { label: 'y' },
    series: [{ name: hostile, points: [[0, 1], [1, 2]] }], // biome-ignore format: two points
  });
  expect(svg).toMatch(harmless);
  expect(svg).not.toMatch(/<script|<image/);
});
