/*
 * TensorFlow.js's side of `npm run bench`: the forward pass of ResNet-18 in WebAssembly, from the weights and images that
 * Graft's side wrote.
 *
 * There is no training here: its WebAssembly backend has no gradient of a convolution's weights, its backend in JavaScript
 * takes longer than a minute for one step of prototypical networks, and its native one is downloaded from outside npm.
 *
 *   node speed_tfjs.mjs '{"work": {…}, "folder": "…", "modules": "…"}'
 */
import { load, serve, startingTensors, versionOf } from './speed_side.mjs';

const tf = await load('@tensorflow/tfjs');
await load('@tensorflow/tfjs-backend-wasm');
await tf.setBackend('wasm');
await tf.ready();

const tensors = startingTensors();

/** (n, c, h, w) to (n, h, w, c), which is TensorFlow's. */
const images = ({ shape, data }) => tf.tidy(() => tf.transpose(tf.tensor(data, shape), [0, 2, 3, 1]));
/** Kernels (o, i, h, w) to (h, w, i, o), matrices (o, i) to (i, o). */
function weight({ shape, data }) {
  const order = { 1: [0], 2: [1, 0], 4: [2, 3, 1, 0] }[shape.length];
  return tf.tidy(() => tf.transpose(tf.tensor(data, shape), order));
}

/** ResNet-18 with its running statistics. */
function resnet18() {
  const named = Object.entries(tensors).filter(([name]) => !/^batch|tracked$/.test(name));
  const values = Object.fromEntries(named.map(([name, tensor]) => [name, weight(tensor)]));
  const conv = (x, name, stride, padding) => tf.conv2d(x, values[`${name}.weight`], stride, padding);
  const norm = (x, name) => {
    const [mean, variance, shift, scale] = ['running_mean', 'running_var', 'bias', 'weight'].map(
      (part) => values[`${name}.${part}`],
    );
    return tf.batchNorm(x, mean, variance, shift, scale, 1e-5);
  };
  const block = (x, name, stride) => {
    let y = tf.relu(norm(conv(x, `${name}.conv1`, stride, 1), `${name}.bn1`));
    y = norm(conv(y, `${name}.conv2`, 1, 1), `${name}.bn2`);
    const short = `${name}.downsample`;
    const same = `${short}.0.weight` in values ? norm(conv(x, `${short}.0`, stride, 0), `${short}.1`) : x;
    return tf.relu(tf.add(y, same));
  };
  const input = images(tensors['batch/images']);
  return async () => {
    const logits = tf.tidy(() => {
      let x = tf.relu(norm(conv(input, 'conv1', 2, 3), 'bn1'));
      x = tf.maxPool(x, 3, 2, 1);
      for (let layer = 1; layer <= 4; layer++) {
        for (let i = 0; i < 2; i++) x = block(x, `layer${layer}.${i}`, layer > 1 && i === 0 ? 2 : 1);
      }
      return tf.add(tf.matMul(tf.mean(x, [1, 2]), values['fc.weight']), values['fc.bias']);
    });
    const data = await logits.data();
    logits.dispose();
    return data;
  };
}

const versions = { tfjs: versionOf('@tensorflow/tfjs') };
const step = resnet18();
await serve(step, Array.from(await step()).slice(0, 10), { setting: 'WebAssembly', versions });
