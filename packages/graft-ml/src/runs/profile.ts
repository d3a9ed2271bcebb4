import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import { type Profile, profileIn } from '@graft-ml/core/internal/fit/profile/profile';
import * as core from '@graft-ml/core/internal/fit/profile/profiler';
import { readOwnJson } from '../files/read-own-json.ts';
import { processMemory } from './host.ts';
import { type OpenRunStore, openRunStore, type RunStore } from './run-store.ts';

const profileFile = 'profile.json';
const traceFile = 'trace.json';

/** Core's profiler, which knows the processor time and the memory of this process besides. */
export class Profiler extends core.Profiler {
  constructor(options: core.ProfilerOptions = {}) {
    super({ use: processUse, ...options });
  }
}

function processUse() {
  const { user, system } = process.cpuUsage();
  return { processor: (user + system) / 1000, memory: processMemory().peak };
}

/** Writes `profile.json` and `trace.json` into a folder, which is made. */
export async function writeProfile(
  folder: string,
  profiler: Pick<core.Profiler, 'profile' | 'trace'>,
  openStore: OpenRunStore = openRunStore,
): Promise<void> {
  const store = openStore(folder);
  await store.make();
  await store.replace(profileFile, formatOwnJson(profiler.profile));
  await store.replace(traceFile, profiler.trace());
}

/** The profile that was written into a folder. @throws UserError where there is none, or it is damaged */
export async function readProfile(folder: string): Promise<Profile> {
  const path = join(folder, profileFile);
  if (!existsSync(path)) {
    throw new UserError(`${folder} has no ${profileFile}. A run has one if it was trained with \`--profile\`.`);
  }
  const content = await readOwnJson(path, { links: 'refuse' });
  try {
    return profileIn(content);
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw new UserError(`${path}: ${cause.message}`, { cause });
  }
}

/** A run whose events are passed on. */
interface Watched {
  readonly profiler?: core.Profiler | undefined;
  readonly out: string;
  /** Whether the run takes the place of another, whose profile is removed. */
  readonly overwrite?: boolean | undefined;
  readonly openStore?: OpenRunStore | undefined;
}

/** Passes the events of a run on, and writes its profile when it has ended or its reader stops. */
export async function* withProfile<E>(
  events: AsyncGenerator<E, void, undefined>,
  { profiler, out, overwrite = false, openStore = openRunStore }: Watched,
): AsyncGenerator<E, void, undefined> {
  let hasFailed = false;
  try {
    yield* events;
  } catch (error) {
    hasFailed = true;
    throw error;
  } finally {
    const isProfiled = profiler !== undefined && profiler.profile.stages.length > 0;
    if (!hasFailed && isProfiled) await writeProfile(out, profiler, openStore);
    else if (!hasFailed && overwrite) await removeProfile(openStore(out));
  }
}

async function removeProfile(store: RunStore): Promise<void> {
  const old = (await store.names()).filter((name) => name === profileFile || name === traceFile);
  for (const name of old) await store.remove(name);
}
