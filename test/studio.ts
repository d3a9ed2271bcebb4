import { spawn } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lock } from 'proper-lockfile';
import { type Outcome, outcomeOf, startGraft } from './graft.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'packages/graft-ml/studio');
const sources = ['packages/studio', 'packages/core/dist', 'packages/web/dist'].map((folder) => join(root, folder));

/** Builds the studio where it is packed and served from, unless it is there and newer than what it is made of. */
export async function buildStudio(): Promise<void> {
  const release = await lock(join(root, 'packages/studio'), { retries: { retries: 100, maxTimeout: 1000 } });
  try {
    if (existsSync(built) && newest([built]) > newest(sources)) return;
    const next = join(root, 'node_modules/.cache/studio');
    await viteBuild('--outDir', next, '--logLevel', 'error');
    rmSync(built, { recursive: true, force: true });
    renameSync(next, built);
  } finally {
    await release();
  }
}

/** Vite as `npm run studio` starts it: in the process of a test it would build for development. */
async function viteBuild(...args: readonly string[]): Promise<void> {
  const program = join(createRequire(import.meta.url).resolve('vite/package.json'), '../bin/vite.js');
  const env = { ...process.env, NODE_ENV: 'production' };
  const child = spawn(process.execPath, [program, 'build', ...args], { cwd: join(root, 'packages/studio'), env });
  const { status, stderr } = await outcomeOf(child);
  if (status !== 0) throw new Error(`vite build: ${stderr}`);
}

/** When a file in these folders was last written, in milliseconds. */
function newest(folders: readonly string[]): number {
  const times = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
      .map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs),
  );
  return Math.max(...times);
}

export interface StartedStudio {
  readonly address: string;
  readonly port: number;
  /** The built files. */
  readonly folder: string;
  /** Ends it as Ctrl-C or the system would. */
  end(signal: 'SIGINT' | 'SIGTERM'): Promise<Outcome>;
}

/** Starts `graft studio` on a free port, built where need be. */
export async function startStudio(): Promise<StartedStudio> {
  await buildStudio();
  const { child, done } = startGraft(['studio', '--no-open', '--json', '--port', '0']);
  const said = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.endsWith('\n}\n')) resolve(text);
    });
    void done.then(({ stderr }) => reject(new Error(stderr)));
  });
  const { address, port, folder } = JSON.parse(said) as { address: string; port: number; folder: string };
  const end = (signal: 'SIGINT' | 'SIGTERM') => {
    child.kill(signal);
    return done;
  };
  return { address, port, folder, end };
}
