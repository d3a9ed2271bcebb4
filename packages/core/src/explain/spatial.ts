import { choiceProblem } from '../base/choice.ts';
import { option } from '../base/code.ts';
import { OptionError, UserError } from '../base/errors.ts';
import { formatType } from '../base/tensor.ts';
import { reachable, type Value } from '../graph/index.ts';
import { backboneEndpoint } from '../models/index.ts';
import { reshape, sliceAxis, transpose } from '../ops/index.ts';
import type { ImageShape } from './subject.ts';

/** An endpoint whose activations have places in the image. */
export interface SpatialEndpoint {
  readonly name: string;
  readonly value: Value;
  readonly layout: SpatialLayout;
  readonly height: number;
  readonly width: number;
}

/**
 * The axes of a map: `channels-first` (n, c, h, w), `channels-last` (n, h, w, c), or `tokens` (n, t, c), one for each
 * patch, row by row, behind some that stand for no place (the class token, registers).
 */
export type SpatialLayout = 'channels-first' | 'channels-last' | 'tokens';

/**
 * The endpoint with this name.
 *
 * @throws OptionError where there is none, or its activations have no places in the image, or the output does not depend
 * on it
 */
export function endpointNamed(
  name: string,
  endpoints: ReadonlyMap<string, Value>,
  output: Value,
  image: ImageShape,
): SpatialEndpoint {
  const value = endpoints.get(name);
  const upstream = new Set(reachable([output]));
  const spatial = spatialEndpoints(endpoints, upstream, image);
  if (!value) {
    const names = spatial.map((endpoint) => endpoint.name);
    throw new OptionError({
      option: 'endpoint',
      expected: `one of: ${names.join(', ')}`,
      received: name,
      problem: choiceProblem(name, names),
    });
  }
  const found = spatial.find((endpoint) => endpoint.name === name);
  if (found) return found;
  const shape = formatType({ dtype: value.dtype, shape: value.shape.slice(1) });
  const reason = upstream.has(value) ? `is ${shape} for each image, no map of it` : 'does not lead to the outputs';
  throw new OptionError({
    option: 'endpoint',
    expected: 'an endpoint whose activations are a map of the image',
    received: name,
    problem: ` ${name}: it ${reason}. Maps are at: ${spatial.map((endpoint) => endpoint.name).join(', ')}.`,
  });
}

/**
 * The last map before the output: the deepest features that still have places (Selvaraju et al. 2017, section 3). Of
 * tokens beside which others stand, such as the class token, the last ones that attention reads: those of the last layer
 * may lead nowhere.
 *
 * @throws UserError where the network notes no map
 */
export function lastSpatial(endpoints: ReadonlyMap<string, Value>, output: Value, image: ImageShape): SpatialEndpoint {
  const last = findLastSpatial(endpoints, output, image);
  if (last) return last;
  const names = [...endpoints.keys()].join(', ') || 'none';
  throw new UserError(
    `explain: no endpoint of this network is a map of the image (its endpoints: ${names}). ` +
      `${option('method', 'occlusion')} needs none; in a network of one's own, \`s.endpoint('features', value)\` notes one.`,
  );
}

/** `lastSpatial`, or null where the network notes no map. */
export function findLastSpatial(
  endpoints: ReadonlyMap<string, Value>,
  output: Value,
  image: ImageShape,
): SpatialEndpoint | null {
  const order = reachable([output]);
  const spatial = spatialEndpoints(endpoints, new Set(order), image);
  const last = spatial.findLast(
    ({ value, layout, height, width }) =>
      height * width > 1 && (layout !== 'tokens' || value.shape[1] === height * width || isAttendedTo(value, order)),
  );
  // The backbone's end has the name of the layer that it is, too.
  if (!last) return null;
  return spatial.findLast(({ name, value }) => name !== backboneEndpoint && value === last.value) ?? last;
}

/** The endpoints that are maps, and that the output depends on, from input to output. */
export function spatialEndpoints(
  endpoints: ReadonlyMap<string, Value>,
  upstream: ReadonlySet<Value>,
  image: ImageShape,
): SpatialEndpoint[] {
  return [...endpoints].flatMap(([name, value]) => {
    const place = upstream.has(value) && value.dtype === 'f32' ? placesOf(value, image) : null;
    return place ? [{ name, value, ...place }] : [];
  });
}

/** The places of a value's activations; null where they have none. */
function placesOf({ shape }: Value, image: ImageShape): Omit<SpatialEndpoint, 'name' | 'value'> | null {
  const [, a, b, c] = shape as readonly [number, number, number, number];
  if (shape.length === 4) {
    const [first, last] = [offBy(b, c, image), offBy(a, b, image)];
    if (Math.min(first, last) === Number.POSITIVE_INFINITY) return null;
    return first <= last
      ? { layout: 'channels-first', height: b, width: c }
      : { layout: 'channels-last', height: a, width: b };
  }
  if (shape.length !== 3) return null;
  const grid = gridOf(a, image);
  return grid && { layout: 'tokens', ...grid };
}

/**
 * How far a grid is from having the image's shape; infinite where it has another. Of a square image it is a square, else
 * strides and padding may make its sides a little longer or shorter.
 */
function offBy(height: number, width: number, image: ImageShape): number {
  const off = Math.abs(height * image.width - width * image.height);
  const most = image.height === image.width ? 0 : 2 * Math.max(image.height, image.width);
  return off > most || height > image.height || width > image.width ? Number.POSITIVE_INFINITY : off;
}

/** The largest grid of the image's shape that so many tokens make, with at most a few of them to spare. */
function gridOf(tokens: number, image: ImageShape): { height: number; width: number } | null {
  for (let places = tokens; places >= Math.max(4, tokens - mostExtraTokens); places--) {
    const height = Math.round(Math.sqrt((places * image.height) / image.width));
    const width = places / height;
    if (Number.isInteger(width) && height * image.width === width * image.height) return { height, width };
  }
  return null;
}

/** The class token, that of distillation (DeiT), registers (DINOv2: four). */
const mostExtraTokens = 9;

/** Whether attention reads a value: a product of two matrices that both depend on it. */
function isAttendedTo(value: Value, order: readonly Value[]): boolean {
  const dependent = new Set([value]);
  for (const each of order) {
    const depends = each.inputs.filter((operand) => dependent.has(operand)).length;
    if (depends > 0) dependent.add(each);
    if (depends === 2 && each.op.name === 'MatMul') return true;
  }
  return false;
}

/** A value of the endpoint's shape as (n, c, h, w). */
export function asMap(value: Value, { layout, height, width }: SpatialEndpoint): Value {
  if (layout === 'channels-first') return value;
  if (layout === 'channels-last') return transpose(value, [0, 3, 1, 2]);
  const [n, tokens, channels] = value.shape as [number, number, number];
  const patches = sliceAxis(value, 1, tokens - height * width, tokens);
  return transpose(reshape(patches, [n, height, width, channels]), [0, 3, 1, 2]);
}
