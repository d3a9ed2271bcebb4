import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** What times depend on besides the software. */
export interface Machine {
  /** Its name, and where the kernel tells them family and model, which tell generations apart. */
  readonly processor: string;
  readonly instructionSets: readonly string[];
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  readonly system: string;
}

/** The instruction sets that kernels of ORT and oneDNN are written for. */
const ofInterest =
  /^(avx2?|fma|avx512f|avx512bw|avx512vl|avx512_vnni|avx512_bf16|avx512_fp16|avx_vnni|amx_\w+|asimd|sve2?|i8mm|bf16)$/;

export function thisMachine(): Machine {
  const info = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const field = (name: string) => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(info)?.[1];
  const flags = (field('flags') ?? field('Features') ?? '').split(' ');
  const generation = ['cpu family', 'model'].flatMap((name) =>
    field(name) ? [`${name.replace('cpu ', '')} ${field(name)}`] : [],
  );
  return {
    processor: [cpus()[0]?.model.trim() ?? process.arch, ...generation].join(', '),
    instructionSets: flags.filter((flag) => ofInterest.test(flag)),
    cores: availableParallelism(),
    memory: totalmem(),
    system: `${process.platform} ${process.arch}, ${release()}`,
  };
}
