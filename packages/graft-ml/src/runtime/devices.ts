/* The devices of Node, and the choice of `auto`. */
import { spawnSync } from 'node:child_process';
import { choiceError } from '@graft-ml/core/internal/base/choice';
import { type DeviceName, deviceNames } from '@graft-ml/core/internal/recipe/config/machine';
import { builtProgram } from '../files/own-process.ts';
import { missingForCuda } from './cuda.ts';
import { hasHardwareGpu } from './gpu-facts.ts';

export type { DeviceName };

/** A device, and why it is that one. */
export interface ChosenDevice {
  readonly device: Exclude<DeviceName, 'auto'>;
  /** A sentence, where it was `auto`; null where it was asked for. */
  readonly reason: string | null;
}

let automatic: ChosenDevice | undefined;

/**
 * The device that an option stands for. `auto` is CUDA where it works, else a GPU that is not a program by WebGPU where
 * that works, else the processor; a process finds out once, in a child process, which a broken driver may end.
 * @throws OptionError for a device that there is not
 */
export function chooseDevice(device: DeviceName = 'cpu'): ChosenDevice {
  if (!deviceNames.includes(device)) throw choiceError('device', device, deviceNames);
  if (device !== 'auto') return { device, reason: null };
  automatic ??= findDevice();
  return automatic;
}

function findDevice(): ChosenDevice {
  const missing = missingForCuda();
  const cuda = missing ?? failureOf('cuda');
  if (cuda === undefined) return told('cuda', 'a session by ONNX Runtime’s CUDA provider works');
  const webgpu = hasHardwareGpu() === false ? 'the system has no GPU' : failureOf('webgpu');
  if (webgpu === undefined) return told('webgpu', `ONNX Runtime finds a GPU by WebGPU; no CUDA: ${cuda}`);
  return told('cpu', `no WebGPU: ${webgpu}; no CUDA: ${cuda}`);
}

const told = (device: ChosenDevice['device'], reason: string): ChosenDevice => ({
  device,
  reason: `Device: ${device}. ${reason[0]!.toUpperCase()}${reason.slice(1)}.`,
});

/** Milliseconds, in which a driver is to answer. */
const patience = 20_000;

/** Why a session on a device cannot be made and run, found out by a process of its own; undefined where it can. */
function failureOf(device: 'webgpu' | 'cuda'): string | undefined {
  const { status, signal, stdout, error } = spawnSync(
    process.execPath,
    [builtProgram('runtime/probe-device.js'), device],
    { encoding: 'utf8', timeout: patience, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  if (stdout.startsWith('works')) return undefined;
  if (stdout !== '') return stdout.trim();
  return `a session there ended its process (${error?.message ?? signal ?? status})`;
}
