import { readdirSync, readFileSync } from 'node:fs';

/** A process as the kernel shows it. */
interface Process {
  readonly id: number;
  readonly group: number;
  readonly name: string;
  readonly isZombie: boolean;
  /** In memory now, in MiB. */
  readonly resident: number;
  /** Processor time of it and of the children that it has waited for, in seconds. */
  readonly processor: number;
}

const PAGES_PER_MEBIBYTE = 256;
const TICKS_PER_SECOND = 100;

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // it has ended meanwhile, or is somebody else's
  }
}

function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((id) => {
      const stat = readText(`/proc/${id}/stat`);
      const close = stat.lastIndexOf(')');
      if (close < 0) return [];
      // After the name: state, parent, group; from the 12th four times in ticks; the resident pages are the 22nd.
      const fields = stat.slice(close + 2).split(' ');
      return {
        id: Number(id),
        group: Number(fields[2]),
        name: stat.slice(stat.indexOf('(') + 1, close),
        isZombie: fields[0] === 'Z' || fields[0] === 'X',
        resident: Number(fields[21]) / PAGES_PER_MEBIBYTE,
        processor: fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND,
      };
    });
}

/** What a group of processes takes. */
export interface Use {
  /** What all of them hold now, or the largest of them at its peak, in MiB. */
  readonly memory: number;
  /** Processor time so far, in seconds. */
  readonly processor: number;
}

export function useOf(group: number): Use {
  const members = processes().filter((process) => process.group === group);
  const sum = (of: (process: Process) => number) => members.reduce((total, process) => total + of(process), 0);
  const peaks = members.map(({ id }) => {
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readText(`/proc/${id}/status`));
    return Number(peak?.[1] ?? 0) / 1024;
  });
  return {
    memory: Math.max(
      0,
      ...peaks,
      sum(({ resident }) => resident),
    ),
    processor: sum(({ processor }) => processor),
  };
}

/** Processes of a group, or with this variable in their environment wherever they went. */
export function survivors(group: number, variable: string): { id: number; name: string }[] {
  return processes().filter(
    (process) =>
      !process.isZombie &&
      process.id !== globalThis.process.pid &&
      (process.group === group || readText(`/proc/${process.id}/environ`).split('\0').includes(variable)),
  );
}
