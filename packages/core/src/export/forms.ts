/**
 * A network that is given images of its own size.
 *
 * - `pixels`: `pixels` u8 (n, 3, crop, crop), resized and cropped, normalised in the graph.
 * - `pixelValues`: `pixel_values` f32 (n, 3, crop, crop), normalised already, as Hugging Face's processors do.
 */
export type NetworkForm = 'pixels' | 'pixelValues';

/**
 * A model that resizes and crops itself: one image of any size, (1, 3, height, width), decoded and not normalised.
 *
 * - `image`: `image` u8.
 * - `rawPixelValues`: `pixel_values` f32 from 0 to 255, as Hugging Face's processors give an image where they are told
 *   neither to resize nor to rescale nor to normalise it. Values are rounded to bytes first.
 */
export type ImageForm = 'image' | 'rawPixelValues';

/**
 * The input of an exported model. The forms of `pixel_values` have `logits` alone as output, others `probabilities`
 * beside them.
 */
export type OnnxForm = NetworkForm | ImageForm;

/** The network form that a model of each form is made of. */
export const networkOf: { readonly [F in OnnxForm]: NetworkForm } = {
  pixels: 'pixels',
  pixelValues: 'pixelValues',
  image: 'pixels',
  rawPixelValues: 'pixels',
};

/** Whether a model of this form resizes and crops itself. */
export function isImageForm(form: OnnxForm): form is ImageForm {
  return form === 'image' || form === 'rawPixelValues';
}
