/* What the system says of its GPUs. ORT tells a program in Node neither their names nor whether one is emulated. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';

const readOr = (path: string, other: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return other;
  }
};

const listOr = (folder: string): string[] => {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
};

/** The variables by which the Vulkan loader is told which drivers to take. */
const driverVariables = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES', 'VK_LOADER_DRIVERS_SELECT'];

const givenDrivers = (): string[] => driverVariables.flatMap((name) => process.env[name] ?? []);

/** Folders of Vulkan's driver manifests: a package that is replaced writes them anew. */
const manifestFolders = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];

/**
 * A key of the GPU and its driver, as far as the system tells: what was found out about kernels by one driver is not
 * taken for another's.
 */
export function gpuIdentity(): string {
  if (process.platform !== 'linux') return [process.platform, release(), cpus()[0]?.model ?? process.arch].join(' · ');
  const nodes = renderNodes().map((name) => {
    const of = (field: string) => readOr(join('/sys/class/drm', name, 'device', field), '?');
    return `${of('vendor')}:${of('device')}`;
  });
  const nvidia = readOr('/proc/driver/nvidia/version', '').split('\n')[0]!;
  const manifests = manifestFolders.flatMap((folder) =>
    listOr(folder).map((name) => `${name} ${Math.round(statSync(join(folder, name)).mtimeMs)}`),
  );
  return [release(), ...nodes, nvidia, ...givenDrivers(), ...manifests].filter((part) => part !== '').join(' · ');
}

/** Linux's nodes of GPUs that compute: `renderD128`. */
const renderNodes = (): string[] => listOr('/sys/class/drm').filter((name) => name.startsWith('renderD'));

/** Why no session could be made on a GPU: the one line of ORT's complaint that says it. */
export function failureOfSession(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, reason = message] = /Failed to get a WebGPU adapter: (.*)/.exec(message) ?? [];
  return reason.split('\n')[0]!.trim();
}

/** Whether NVIDIA's driver is there, on Linux. */
export const hasNvidia = (): boolean => readOr('/proc/driver/nvidia/version', '') !== '';

/** Whether a GPU is there that is not a program; undefined where the system does not tell. */
export function hasHardwareGpu(): boolean | undefined {
  if (process.platform !== 'linux') return undefined;
  if (givenDrivers().some((drivers) => /swiftshader|lvp|lavapipe|llvmpipe/i.test(drivers))) return false;
  return renderNodes().length > 0 || hasNvidia() || listOr('/dev').includes('dxg'); // dxg: Windows's, in WSL
}
