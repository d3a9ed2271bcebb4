import { OptionError, UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import { printableMessage } from '@graft-ml/core/internal/base/printable';

/**
 * Lines for stderr. Those after the first are set in, so that a line break in a name makes no line that looks like
 * ours.
 */
export function message(text: string): string {
  const [, breaks = '', rest = ''] = /^(\n*)(.*)$/s.exec(text) ?? [];
  return breaks + printableMessage(rest).replace(/\n(?=\S)/g, '\n  ');
}

/**
 * Describes the failure that ended a command, and gives the exit status. A problem that the user can mend is a
 * sentence; anything else is a bug, and keeps its stack.
 */
export function describeFailure(error: unknown): { text: string; status: number } {
  if (error instanceof UserError) {
    const isUsage = error instanceof UsageError || error instanceof OptionError;
    return { text: message(error.message), status: isUsage ? 2 : 1 };
  }
  const limit = limitOf(error);
  if (limit !== undefined) return { text: message(limit), status: 1 };
  const stack = error instanceof Error ? error.stack : undefined;
  return { text: `this is a bug. ${message(stack ?? String(error))}`, status: 1 };
}

const memory =
  'Use fewer or smaller things at once (--batch-size, --image-size, --threads), or give the process more (ulimit ' +
  '-v, the limit of its container).';
const files = 'Raise the limit of open files: ulimit -n 4096.';
const tasks = 'Lower --threads, or raise the limit of processes and threads (ulimit -u, the limit of its container).';

/** Explanations and remedies by the system's error codes, or Node's. */
const byCode: Readonly<Record<string, string>> = {
  ENOMEM: `There is not enough memory. ${memory}`,
  ERR_WORKER_OUT_OF_MEMORY: `A thread has run out of memory. ${memory}`,
  ERR_WORKER_INIT_FAILED: `A thread could not be started. ${tasks}`,
  ERR_MEMORY_ALLOCATION_FAILED: `There is not enough memory. ${memory}`,
  EMFILE: `Too many files are open in this process. ${files}`,
  ENFILE: 'Too many files are open on this machine.',
  EAGAIN: `The system has nothing left to start a process or thread with. ${tasks}`,
  ENOSPC: 'There is no room left on the disk.',
  EDQUOT: 'Your share of the disk is used up.',
  ERR_STRING_TOO_LONG: 'A text is longer than V8 can hold.',
  ERR_BUFFER_TOO_LARGE: 'A block of bytes is larger than V8 can hold.',
  ERR_FS_FILE_TOO_LARGE: 'A file is larger than can be read at once.',
  ERR_DLOPEN_FAILED: 'A native library that Graft needs cannot be loaded. Install Graft again on this machine.',
  ERR_MODULE_NOT_FOUND:
    'A part of Graft cannot be loaded. Install it again, or raise the limit of open files (ulimit -n 4096) where ' +
    'that is low.',
};

/** Limits of V8 and of the loader of native libraries, which have no code of their own. */
const byText: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^ENOMEM|failed to map segment|cannot allocate memory|std::bad_alloc|bad allocation/i, byCode.ENOMEM!],
  [/Array buffer allocation failed|Invalid typed array length: \d{9}/, byCode.ENOMEM!],
  [/too many open files/i, byCode.EMFILE!],
  [/Invalid string length|Cannot create a string longer/, byCode.ERR_STRING_TOO_LONG!],
  [/(Map|Set) maximum size exceeded/, 'A list is longer than V8 can hold.'],
  [/Resource temporarily unavailable/i, byCode.EAGAIN!],
];

/** A limit of the machine, of the process or of V8 that an error, or what caused it, stands for. */
function limitOf(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 8) return undefined;
  const { code, syscall } = error as NodeJS.ErrnoException;
  const said = error.message.split('\n', 1)[0]!;
  const ofText = byText.find(([pattern]) => pattern.test(error.message))?.[1];
  const known = ofText ?? (code !== undefined && Object.hasOwn(byCode, code) ? byCode[code] : undefined);
  if (known) return `${known} (${said})`;
  // Errors of threads arrive without their codes.
  const isOfSystem = syscall !== undefined || /^E[A-Z\d]{2,}: .+, \w+\b/.test(said);
  // What the operating system refuses is about this machine, and says which file.
  if (isOfSystem) return `The system refuses: ${said}.`;
  return limitOf(error.cause, depth + 1);
}
