import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { outcomeOf } from './graft.ts';

const coverageSchema = z.object({ result: z.array(z.object({ url: z.string() })) });

/**
 * The files of every module that Node loads when it is started so, without its own. V8 lists them when its coverage is
 * asked for.
 */
export async function modulesLoadedBy(args: readonly string[], root: string): Promise<string[]> {
  const folder = mkdtempSync(join(root, 'coverage-'));
  const env = { ...process.env, NODE_V8_COVERAGE: folder };
  await outcomeOf(spawn(process.execPath, args, { env }));
  const scripts = readdirSync(folder).flatMap(
    (name) => coverageSchema.parse(JSON.parse(readFileSync(join(folder, name), 'utf8'))).result,
  );
  return scripts.map(({ url }) => url).filter((url) => url.startsWith('file:'));
}
