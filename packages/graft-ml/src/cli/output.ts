import { writeSync } from 'node:fs';

const names = ['stdout', 'stderr'] as const;
type StreamName = (typeof names)[number];

/** The first write error of each stream: this process has one stdout and one stderr. */
const lost = new Map<StreamName, NodeJS.ErrnoException>();
let goesOn = false;

/** The exit status that a shell reports for a process ended by SIGPIPE. */
const brokenPipe = 128 + 13;

/**
 * From here on a stream that cannot be written to is neither an exception nor a success. A command whose result is its
 * output ends, as `head` expects; one that leaves something on the disk continues silently (`goOnUnread`). The final
 * status tells: 141 where the reader of stdout went away, 1 where a stream could not be written for another reason. A
 * closed stderr, which only loses progress, changes no status.
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

/** Lets a command whose result is on the disk run to its end even where its output is not read. */
export function goOnUnread(): void {
  goesOn = true;
}

/** The width of help and tables, in characters: the terminal's, but no wider than is readable; 80 without a terminal. */
export function textWidth(): number {
  return Math.min(process.stdout.columns || 80, 110); // a terminal that does not know its size says 0
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
