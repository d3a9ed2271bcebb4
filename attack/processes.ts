import { readdirSync, readFileSync } from 'node:fs';

/** A process as the kernel shows it. */
interface Process {
  readonly id: number;
  readonly group: number;
  readonly name: string;
  readonly isZombie: boolean;
  /** In memory now, in MiB. */
  readonly resident: number;
}

const PAGES_PER_MEBIBYTE = 256;

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
      // After the name: state, parent, group; the resident pages are the 22nd of these.
      const fields = stat.slice(close + 2).split(' ');
      return {
        id: Number(id),
        group: Number(fields[2]),
        name: stat.slice(stat.indexOf('(') + 1, close),
        isZombie: fields[0] === 'Z' || fields[0] === 'X',
        resident: Number(fields[21]) / PAGES_PER_MEBIBYTE,
      };
    });
}

/** What the processes of a group hold now, or the largest of them at its peak, in MiB. */
export function memoryOf(group: number): number {
  const members = processes().filter((process) => process.group === group && !process.isZombie);
  const peaks = members.map(({ id }) => {
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readText(`/proc/${id}/status`));
    return Number(peak?.[1] ?? 0) / 1024;
  });
  return Math.max(
    0,
    ...peaks,
    members.reduce((sum, { resident }) => sum + resident, 0),
  );
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
