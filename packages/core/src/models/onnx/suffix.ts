/**
 * Whether a path is that of an ONNX file, which is a model with its weights. By its name alone: `.onnx`, in any case.
 */
export function isOnnx(path: string): boolean {
  return /\.onnx$/i.test(path);
}
