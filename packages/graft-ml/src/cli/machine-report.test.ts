import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';

ownCache();
const root = temporaryFolder();

describe('doctor --machine', () => {
  const doctor = (...args: string[]) => graft(['doctor', '--machine', '--threads', '1', ...args], root);

  test('says what the machine is, and that nothing was measured yet', async () => {
    const { status, stdout } = await doctor();
    expect(status).toBe(0);
    expect(stdout).toContain('its telemetry is off');
    expect(stdout).toContain(`cache            ${process.env.GRAFT_CACHE}\n`);
    expect(stdout).toContain('Kernels for 1 thread:\n  0 measured here, ');
    expect((await doctor('--renew')).stdout).toContain(
      'Nothing was measured here, so there is nothing to renew. Name a run',
    );
  });

  test('shows what a run was measured with, and times it again', async () => {
    const folder = await drawImages(join(root, 'few'), { perClass: 4, side: 16 });
    const quick = ['--model', 'conv4', '--image-size', '16', '--epochs', '1', '--batch-size', '4', '--threads', '1'];
    // The report would predict with kernels that are measured, too, and not among the run's.
    await graft(['train', folder, ...quick, '--no-report', '--out', 'run'], root);
    const { choices } = JSON.parse(readFileSync(join(root, 'run', 'run.json'), 'utf8'));
    const count = Object.keys(choices).length;
    expect(count).toBeGreaterThan(3);
    const machine = JSON.parse((await doctor('--json')).stdout);
    const measured = machine.choices.filter(({ from }: { from: string }) => from === 'measured');
    // What is like a shape that comes with Graft was not measured.
    for (const { key, lowering } of measured) expect(choices[key]).toBe(lowering);
    const { choices: listed } = JSON.parse((await doctor('run', '--json')).stdout);
    expect(Object.fromEntries(listed.map(({ key, lowering }: Record<string, string>) => [key, lowering]))).toEqual(
      choices,
    );
    const ofRun = await doctor('run');
    expect(ofRun.stdout).toContain(`  ${measured.length} measured here, `);
    expect(ofRun.stdout).toContain(
      `  0 of the ${count} that the run was made with are not what a new run would use here`,
    );
    const renewed = await doctor('run', '--renew');
    expect(renewed.stdout).toContain(`Timed ${count} again; `);
    expect(renewed.stderr).toBe(`timing kernels (${count})\n`);
  });

  test.each([
    [['--strict'], '--strict is about a dataset, and --machine about this machine'],
    [['nothing-here'], 'nothing-here is not a run'],
  ])('refuses %j', async (args, message) => {
    const { status, stderr } = await doctor(...args);
    expect([status === 0, stderr]).toEqual([false, expect.stringContaining(message)]);
  });

  test('is asked for where there is no folder, and alone takes --renew', async () => {
    expect((await graft(['doctor'])).stderr).toContain('name a folder of labelled images, or --machine');
    expect((await graft(['doctor', 'x', '--renew'])).stderr).toContain('--renew and --threads go with --machine');
  });
});
