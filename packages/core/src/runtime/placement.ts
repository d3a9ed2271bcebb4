import type { Device } from './backend.ts';

/** Where a primitive is computed at one shape, on a device whose kernels are checked before they are used. */
export interface Placement {
  /** The primitive, the types of its operands and its attributes: `Relu(f32[2,6,8,8]) {}`. */
  readonly key: string;
  /** Its name: `Relu`. */
  readonly primitive: string;
  /** How it is written as ONNX nodes. */
  readonly lowering: string;
  /** The device; `cpu` for ORT's processor kernels; `both` where ORT has no kernel of the device for some of the nodes. */
  readonly place: Device | 'both';
  /** How far its numbers are from the reference: max |a - b| / max(|b|, 0.001). 0 where it is computed as that is. */
  readonly error: number;
  /** The lowerings that are not used, each with the reason. */
  readonly refused: Readonly<Record<string, string>>;
}

/**
 * The placements as text: how many there are of each place, then what is not wholly on the device, or not in every
 * lowering, each with the reason.
 */
export function formatPlacements(placements: readonly Placement[]): string {
  const counts = new Map<string, number>();
  for (const { place } of placements) counts.set(place, (counts.get(place) ?? 0) + 1);
  const summary = [...counts].map(([place, count]) => `${count} ${inWords(place)}`).join(', ');
  const lines = placements.flatMap(({ key, lowering, place, refused }) => {
    const reasons = Object.entries(refused).map(([name, reason]) => `    ${name} is not used: ${reason}`);
    const isElsewhere = place === 'cpu' || place === 'both';
    if (!isElsewhere && reasons.length === 0) return [];
    if (reasons.length === 0) reasons.push('    the device has no kernel for all of it');
    return [`${inWords(place)}: ${lowering} of ${key}`, ...reasons];
  });
  return [`${placements.length} primitives at their shapes: ${summary || 'none'}`, ...lines].join('\n');
}

const inWords = (place: string) => (place === 'both' ? 'partly on cpu' : `on ${place}`);
