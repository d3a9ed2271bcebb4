/* A GPU for tests in Node: the machine's Vulkan, or in its place Chromium's SwiftShader, which is a program. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { builtProgram } from 'graft-ml/internal/files/own-process';

const swiftShader = ['/usr/lib/chromium/vk_swiftshader_icd.json', '/usr/lib/chromium-browser/vk_swiftshader_icd.json'];

/**
 * Whether ONNX Runtime has a GPU here, found out in a process of its own. It is to be called before the first session
 * of the process. Where there is none, `what` is said to be skipped.
 */
export function hasGpu(what: string): boolean {
  const manifest = process.env.VK_ICD_FILENAMES ?? swiftShader.find((path) => existsSync(path));
  if (manifest !== undefined) process.env.VK_ICD_FILENAMES = manifest;
  const probe = [builtProgram('runtime/probe-device.js'), 'webgpu'];
  const { stdout } = spawnSync(process.execPath, probe, { encoding: 'utf8', timeout: 60_000 });
  if (stdout.startsWith('works')) return true;
  console.warn(
    `ONNX Runtime finds no GPU here (${stdout.trim() || 'its process ended'}): ${what} are skipped. libvulkan1 and ` +
      'Chromium, whose SwiftShader stands for one, are enough.',
  );
  return false;
}
