import { writeSync } from 'node:fs';

const names = ['stdout', 'stderr'] as const;
type StreamName = (typeof names)[number];

/** What the first failing write to a stream said: this process has one stdout and one stderr. */
const lost = new Map<StreamName, NodeJS.ErrnoException>();
let goesOn = false;

/** What a shell reports of a process that SIGPIPE ended. */
const brokenPipe = 128 + 13;

/**
 * From here on a stream that cannot be written to is no exception and no success. A command whose result is what it prints
 * ends, as `head` wants it to; one that leaves something on the disk goes on without a word (`goOnUnread`). The status says
 * so in the end: 141 where the reader of stdout went away, 1 where a stream could not be written for another reason. Progress
 * that nobody reads (stderr, closed) changes no status.
 */
export function watchOutput(): void {
  for (const name of names) {
    process[name].on('error', (error: NodeJS.ErrnoException) => {
      if (lost.has(name)) return;
      lost.set(name, error);
      if (name === 'stdout' && !goesOn) process.exit();
    });
  }
  process.on('exit', (status) => {
    if (status === 0) process.exitCode = statusOfLoss();
  });
}

/** This command's work is on the disk: it is done to its end even where nobody hears of it. */
export function goOnUnread(): void {
  goesOn = true;
}

/** How wide help may be, in characters: as the terminal, but no wider than one reads; 80 where it is none. */
export function helpWidth(): number {
  return Math.min(process.stdout.columns ?? 80, 110);
}

/** Writes, unless the stream is lost. */
export function write(name: StreamName, text: string): void {
  if (!lost.has(name)) process[name].write(text);
}

function statusOfLoss(): number {
  if (lost.get('stdout')?.code === 'EPIPE') return brokenPipe;
  const [first] = [...lost].filter(([, { code }]) => code !== 'EPIPE');
  if (!first) return 0;
  const [name, { message }] = first;
  try {
    writeSync(name === 'stdout' ? 2 : 1, `graft: ${name} could not be written to (${message}).\n`);
  } catch {
    // The other one is lost, too.
  }
  return 1;
}
