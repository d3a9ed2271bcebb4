import { fileURLToPath } from 'node:url';
import type { SideRequest } from './graft-side.ts';
import { type SideCommand, startSide } from './side.ts';
import { isMeta, type Work } from './works.ts';

// From dist/bench/speed, and from bench/speed alike.
const fromHere = import.meta.url.includes('/dist/') ? '../../../bench/peer/' : '../peer/';
export const peerScript = (name: string) => fileURLToPath(new URL(`${fromHere}${name}`, import.meta.url));

/** A setting of PyTorch: the arguments of its script. */
export type Setting = Readonly<Record<string, string | boolean>>;

/**
 * The environment of PyTorch's processes. glibc gives large blocks back to the kernel when they are freed, and a step pays
 * for new pages; PyTorch's tuning guide recommends allocators that keep them, and so do these variables: steps of ResNet-18,
 * MobileNet v3 and ConvNeXt-T took up to 9 % less time than without. OMP_WAIT_POLICY stays as it is: with `active` they
 * took as long (within 3 %), with `passive` 4 to 140 % longer.
 */
const environment = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '100000000000', MALLOC_TOP_PAD_: '67108864' };

/** What the peers run in. */
export interface PeerPlaces {
  /** A Python with PyTorch and torchvision; null: without PyTorch. */
  readonly python: string | null;
  /** Whether torch.compile is a side of its own, where it works. */
  readonly compiles: boolean;
  /** A folder in which tfjs is installed; null: without it. */
  readonly javascript: string | null;
}

/** A way to do the work with a peer; the fastest of its settings is what is compared. */
export interface Way {
  readonly name: string;
  readonly settings: readonly Setting[];
  command(request: SideRequest, setting: Setting): SideCommand;
}

/** The ways that peers have to do a work. */
export function waysOf(work: Work, { python, compiles, javascript }: PeerPlaces): Way[] {
  const withPython = python === null ? [] : waysOfPyTorch(work, compiles);
  return [
    ...withPython.map((way) => ({
      ...way,
      command: (request: SideRequest, setting: Setting) => pythonCommand(python!, request, setting),
    })),
    ...(javascript === null ? [] : waysOfJavaScript(work, javascript)),
  ];
}

/** The peers in JavaScript do what takes them seconds: the others are in bench/README.md. */
function waysOfJavaScript(work: Work, modules: string): Way[] {
  if (work.kind !== 'frozen' || work.model !== 'resnet18') return [];
  const command = (request: SideRequest): SideCommand => ({
    command: process.execPath,
    args: [peerScript('speed_tfjs.mjs'), JSON.stringify({ ...request, modules })],
  });
  return [{ name: 'TensorFlow.js', settings: [{}], command }];
}

function waysOfPyTorch(work: Work, compiles: boolean): Omit<Way, 'command'>[] {
  if (isMeta(work)) {
    const forms = work.kind === 'protonet' ? ['eager'] : ['eager', 'vmap'];
    return [...forms, ...(compiles ? ['compiled'] : [])].map((form) => ({
      name: `PyTorch, ${form}`,
      settings: [{ form }],
    }));
  }
  const isCut = work.kind === 'last-third' || work.kind === 'head';
  const layouts = (rest: Setting) => ['channels_last', 'contiguous'].map((layout) => ({ layout, ...rest }));
  return [
    { name: isCut ? 'PyTorch, whole network' : 'PyTorch', settings: layouts({ cached: false, compile: false }) },
    ...(isCut ? [{ name: 'PyTorch, features kept', settings: layouts({ cached: true, compile: false }) }] : []),
    ...(compiles ? [{ name: 'PyTorch, compiled', settings: layouts({ cached: isCut, compile: true }) }] : []),
  ];
}

/** The process that does a work with PyTorch. */
function pythonCommand(python: string, request: SideRequest, setting: Setting): SideCommand {
  const script = peerScript(isMeta(request.work) ? 'speed_meta.py' : 'speed.py');
  return {
    command: python,
    args: ['-B', script, JSON.stringify({ ...request, ...setting })],
    env: environment,
  };
}

/** A setting that was tried, and the milliseconds of its fastest step. */
export interface Tried {
  readonly setting: Setting;
  readonly milliseconds: number;
}

/**
 * Tries the settings of a way for a second each, in processes of their own. Those that fail are left out. The fastest
 * comes first.
 */
export async function trySettings({ settings, command }: Way, request: SideRequest): Promise<Tried[]> {
  const [only] = settings;
  if (settings.length === 1) return [{ setting: only!, milliseconds: 0 }];
  const tried: Tried[] = [];
  for (const setting of settings) {
    const milliseconds = await fastestStep(command(request, setting)).catch(() => null);
    if (milliseconds !== null) tried.push({ setting, milliseconds });
  }
  return tried.sort((a, b) => a.milliseconds - b.milliseconds);
}

async function fastestStep(command: SideCommand): Promise<number> {
  const side = await startSide(command);
  try {
    const { milliseconds } = await side.take(1);
    const steps = Math.max(2, Math.min(50, Math.round(1000 / milliseconds[0]!)));
    return Math.min(...(await side.take(steps)).milliseconds);
  } finally {
    await side.close();
  }
}
