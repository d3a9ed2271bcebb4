/*
 * One convolution of meta-training with jax-js in WebAssembly: 64 channels to 64, 3x3, 100 images of 14 px, forward and with the
 * gradient of its weights. Prints milliseconds; the first call of each, which compiles, does not count.
 *
 *   node jaxjs_convolution.mjs '{"modules": "FOLDER"}'    where @jax-js/jax is installed in FOLDER
 */
import { load, request, versionOf } from './speed_side.mjs';

const { defaultDevice, init, jit, lax, numpy: np, valueAndGrad } = await load('@jax-js/jax');
await init('wasm');
defaultDevice('wasm');

const array = (shape) => {
  const size = shape.reduce((product, length) => product * length);
  return np.array(Float32Array.from({ length: size }, (_, i) => Math.sin(i))).reshape(shape);
};
const [images, weights] = [array([100, 64, 14, 14]), array([64, 64, 3, 3])];
const convolution = (w, x) => np.sum(np.square(lax.convGeneralDilated(x, w, [1, 1], 'SAME')));

async function timed(run) {
  let milliseconds = 0;
  for (let i = 0; i < 2; i++) {
    const start = performance.now();
    await run().data();
    milliseconds = performance.now() - start;
  }
  return Math.round(milliseconds);
}

const forward = jit(convolution);
const both = jit(valueAndGrad(convolution));
const result = {
  version: versionOf('@jax-js/jax'),
  forward: await timed(() => forward(weights.ref, images.ref)),
  weightGradient: await timed(() => both(weights.ref, images.ref)[1]),
};
console.log(JSON.stringify(request), JSON.stringify(result));
process.exit();
