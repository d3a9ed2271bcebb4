import fs, { type PathLike } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Preloaded into a command (`node --import`): lets the n-th call of one kind into the file system fail, below one
 * folder. `GRAFT_FAULT` is JSON: `{"root": "/…", "call": "write", "nth": 3, "error": "ENOSPC"}`; the error `short`
 * writes half of what it was given. With `nth` 0 nothing fails. At the end the number of calls of each kind is appended
 * to `GRAFT_FAULT_COUNT`.
 */
interface Fault {
  readonly root: string;
  readonly call: string;
  readonly nth: number;
  readonly error: string;
}

const fault = JSON.parse(process.env.GRAFT_FAULT ?? 'null') as Fault | null;
const counts: Record<string, number> = {};
/** Descriptors of files below the root. */
const opened = new Set<number>();

const isBelow = (path: unknown) => {
  const text = path instanceof URL ? path.pathname : Buffer.isBuffer(path) ? path.toString() : path;
  return typeof text === 'string' && fault !== null && text.startsWith(fault.root);
};

/** Counts a call, and says whether it is the one. */
function isDue(call: string): boolean {
  counts[call] = (counts[call] ?? 0) + 1;
  return fault !== null && fault.call === call && counts[call] === fault.nth;
}

const codes: Readonly<Record<string, readonly [number, string]>> = {
  ENOSPC: [28, 'no space left on device'],
  EIO: [5, 'i/o error'],
  EACCES: [13, 'permission denied'],
  EROFS: [30, 'read-only file system'],
  EMFILE: [24, 'too many open files'],
  EDQUOT: [122, 'disk quota exceeded'],
};

function failure(call: string, path: unknown): NodeJS.ErrnoException {
  const [errno, text] = codes[fault!.error] ?? codes.EIO!;
  const where = typeof path === 'string' ? ` '${path}'` : '';
  return Object.assign(new Error(`${fault!.error}: ${text}, ${call}${where}`), {
    errno: -errno,
    code: fault!.error,
    syscall: call,
    ...(typeof path === 'string' && { path }),
  });
}

type Callable = (...args: unknown[]) => unknown;
const table = (of: object) => of as Record<string, Callable>;

/** The kinds that are told apart, and what does them by path. */
const byPath: Readonly<Record<string, readonly string[]>> = {
  open: ['open', 'openSync'],
  rename: ['rename', 'renameSync'],
  mkdir: ['mkdir', 'mkdirSync', 'mkdtemp', 'mkdtempSync'],
  stat: ['stat', 'statSync', 'lstat', 'lstatSync', 'access', 'accessSync'],
  list: ['readdir', 'readdirSync', 'opendir', 'opendirSync'],
  remove: ['rm', 'rmSync', 'unlink', 'unlinkSync', 'rmdir', 'rmdirSync'],
  mode: ['chmod', 'chmodSync', 'utimes', 'utimesSync'],
  write: ['writeFile', 'writeFileSync', 'appendFile', 'appendFileSync', 'copyFile', 'truncate'],
  read: ['readFile', 'readFileSync'],
};
const byDescriptor: Readonly<Record<string, readonly string[]>> = {
  write: ['write', 'writeSync', 'writev', 'ftruncate', 'ftruncateSync'],
  read: ['read', 'readSync', 'readv'],
  sync: ['fsync', 'fsyncSync', 'fdatasync', 'fdatasyncSync'],
  close: ['close', 'closeSync'],
};

function wrapCallback(call: string, name: string, isOurs: (first: unknown) => boolean): void {
  const original = table(fs)[name];
  if (!original) return;
  table(fs)[name] = (...args) => {
    if (!isOurs(args[0])) return original(...args);
    const isSync = name.endsWith('Sync');
    if (isDue(call)) {
      if (fault!.error === 'short' && name.startsWith('write') && typeof args[3] === 'number') args[3] >>= 1;
      else if (fault!.error !== 'short') {
        // What is closed is closed, whatever close says.
        if (call === 'close') original(args[0]);
        if (isSync) throw failure(name, args[0]);
        const callback = args.at(-1) as (error: Error) => void;
        process.nextTick(() => callback(failure(name, args[0])));
        return undefined;
      }
    }
    if (call !== 'open') return original(...args);
    if (isSync) return note(original(...args));
    const callback = args.pop() as Callable;
    return original(...args, (error: unknown, descriptor: number) => callback(error, note(descriptor)));
  };
}

function note(descriptor: unknown): unknown {
  if (typeof descriptor === 'number') opened.add(descriptor);
  return descriptor;
}

function wrapPromise(call: string, name: string): void {
  const original = table(fs.promises)[name];
  if (!original) return;
  table(fs.promises)[name] = async (...args) => {
    if (!isBelow(args[0])) return original(...args);
    if (isDue(call) && fault!.error !== 'short') throw failure(name, args[0]);
    const result = await original(...args);
    return call === 'open' ? wrapHandle(result as fs.promises.FileHandle, args[0] as PathLike) : result;
  };
}

const ofHandle: Readonly<Record<string, readonly string[]>> = {
  write: ['write', 'writev', 'writeFile', 'appendFile', 'truncate'],
  read: ['read', 'readv', 'readFile'],
  sync: ['sync', 'datasync'],
  stat: ['stat'],
  close: ['close'],
};

/** A handle whose calls are counted, too. */
function wrapHandle(handle: fs.promises.FileHandle, path: PathLike): fs.promises.FileHandle {
  opened.add(handle.fd);
  for (const [call, names] of Object.entries(ofHandle)) {
    for (const name of names) {
      const original = table(handle)[name]?.bind(handle);
      if (!original) continue;
      table(handle)[name] = async (...args: unknown[]) => {
        if (isDue(call)) {
          if (fault!.error === 'short' && name === 'write') return original(...halved(args));
          if (fault!.error !== 'short') {
            if (call === 'close') await original();
            throw failure(name, path);
          }
        }
        return original(...args);
      };
    }
  }
  return handle;
}

/** The arguments of a write of half as much: (buffer, offset, length, position) or (text). */
function halved(args: readonly unknown[]): unknown[] {
  const [data, offset = 0, length, ...rest] = args;
  if (!ArrayBuffer.isView(data) || typeof offset !== 'number') return [...args];
  const whole = typeof length === 'number' ? length : data.byteLength - offset;
  return [data, offset, Math.max(1, whole >> 1), ...rest];
}

if (fault !== null) {
  for (const [call, names] of Object.entries(byPath)) {
    for (const name of names) {
      wrapCallback(call, name, isBelow);
      if (!name.endsWith('Sync')) wrapPromise(call, name);
    }
  }
  for (const [call, names] of Object.entries(byDescriptor)) {
    for (const name of names) wrapCallback(call, name, (first) => typeof first === 'number' && opened.has(first));
  }
  syncBuiltinESMExports();
  const count = process.env.GRAFT_FAULT_COUNT;
  const write = fs.writeFileSync;
  if (count) process.on('exit', () => write(count, JSON.stringify(counts)));
}
