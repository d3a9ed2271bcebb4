import { tensor } from '../base/tensor.ts';
import type { Framing } from '../image/transform.ts';
import type { ImageForm } from './forms.ts';
import { GraphPart } from './graph-part.ts';
import type { OnnxModel, OnnxSlot } from './onnx-model.ts';

/**
 * Puts resize and crop before a network that takes `pixels` u8 (1, 3, crop, crop): torchvision's `Resize(resize)` and
 * `CenterCrop(crop)`, as in training. The sizes are computed in the graph; ONNX's antialiased Resize on bytes gives
 * what `resize` does to within one grey level (ONNX Runtime took its kernel from Pillow, too). The whole image is
 * resized before the crop: one of 1 : 100 takes 100 · resize² pixels.
 */
export function withPreprocessing(model: OnnxModel, framing: Framing, form: ImageForm): OnnxModel {
  const part = new GraphPart('preprocessing');
  const image = imageSlots[form];
  const bytes = form === 'image' ? image.name : toBytes(part, image.name);
  const side = part.node('Slice', [part.node('Shape', [bytes]), part.integers(2), part.integers(4)]);
  const resized = resizedSides(part, side, framing);
  const sizes = part.node('Concat', [part.integers(1, 3), resized], { axis: 0 });
  const whole = part.node('Resize', [bytes, '', '', sizes], {
    mode: framing.interpolation === 'bicubic' ? 'cubic' : 'linear',
    antialias: 1,
    coordinate_transformation_mode: 'half_pixel',
    // As in Pillow the weights of pixels beyond a border go to all others; without it, to the pixel at the border.
    exclude_outside: 1,
    // Keys' filter with a = -1/2; ONNX's default is -3/4.
    ...(framing.interpolation === 'bicubic' && { cubic_coeff_a: { float: -0.5 } }),
  });
  const crop = centreCropped(part, whole, resized, framing);
  // With a fixed shape ONNX Runtime plans the network as it would without the resize.
  part.node('Reshape', [crop, part.integers(1, 3, framing.crop, framing.crop)], {}, 'pixels');
  return {
    ...model,
    nodes: [...part.nodes, ...model.nodes],
    initializers: new Map([...part.initializers, ...model.initializers]),
    inputs: [image],
  };
}

const imageSlots: { readonly [F in ImageForm]: OnnxSlot } = {
  image: { name: 'image', dtype: 'u8', shape: [1, 3, 'height', 'width'] },
  rawPixelValues: { name: 'pixel_values', dtype: 'f32', shape: [1, 3, 'height', 'width'] },
};

/** Rounds f32 to u8; what is outside becomes 0 or 255. */
function toBytes(part: GraphPart, values: string): string {
  const [low, high] = [0, 255].map((limit) => part.constant(tensor('f32', [], Float32Array.of(limit))));
  return part.node('Cast', [part.node('Clip', [part.node('Round', [values]), low!, high!])], { to: 2 });
}

/** Height and width after the resize, i64 (2): the shorter side is `resize`, the longer one cut to a whole pixel. */
function resizedSides(part: GraphPart, side: string, { resize, squash = false }: Framing): string {
  if (squash) return part.integers(resize, resize);
  const shorter = part.node('ReduceMin', [side], { keepdims: 1 });
  return part.node('Div', [part.node('Mul', [side, part.integers(resize)]), shorter]);
}

/** The centre of an image whose sides are `sides`, black where the image is smaller than the crop. */
function centreCropped(part: GraphPart, image: string, sides: string, { crop, resize }: Framing): string {
  const two = part.integers(2);
  const zero = part.integers(0);
  const size = part.integers(crop);
  const surplus = part.node('Max', [part.node('Sub', [sides, size]), zero]);
  // Half of it rounded to even, as Python's round() does.
  const half = part.node('Div', [surplus, two]);
  const odd = part.node('Mul', [part.node('Mod', [surplus, two]), part.node('Mod', [half, two])]);
  const start = part.node('Add', [half, odd]);
  const end = part.node('Add', [start, size]);
  const inside = part.node('Slice', [image, start, end, part.integers(2, 3)]);
  if (resize >= crop) return inside;
  const missing = part.node('Max', [part.node('Sub', [size, sides]), zero]);
  const before = part.node('Div', [missing, two]);
  const after = part.node('Sub', [missing, before]);
  const none = part.integers(0, 0);
  return part.node('Pad', [inside, part.node('Concat', [none, before, none, after], { axis: 0 })]);
}
