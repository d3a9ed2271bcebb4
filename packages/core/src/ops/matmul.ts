import { ShapeError } from '../base/errors.ts';
import { sizeOf } from '../base/tensor.ts';
import { typeOf, type Value } from '../graph/index.ts';
import { atRuntime, broadcastShapes, defineOp, ownBuffer } from './define.ts';
import { reshape, swapLast, transposedAxes } from './shape.ts';

/** (…, m, k) → (… · m, k). */
const rows = (x: Value) => reshape(x, [-1, x.shape.at(-1)!]);

const matmulOp = defineOp('MatMul', {
  infer: ([a, b]) => {
    const [m, k] = a!.shape.slice(-2);
    const [rows, n] = b!.shape.slice(-2);
    if (a!.shape.length < 2 || b!.shape.length < 2 || k !== rows || a!.dtype !== b!.dtype) {
      throw new ShapeError({
        op: 'matmul',
        expected: `(…, m, k) and (…, k, n) of one type`,
        received: `${typeOf(a!)} and ${typeOf(b!)}`,
      });
    }
    const batch = broadcastShapes(
      'matmul',
      { dtype: a!.dtype, shape: a!.shape.slice(0, -2) },
      { dtype: b!.dtype, shape: b!.shape.slice(0, -2) },
    );
    return { dtype: a!.dtype, shape: [...batch, m!, n!] };
  },
  vjp: (dy, [a, b]) => {
    // Where the whole batch shares B, its rows make one long matrix: a single product, and nothing to sum.
    const [left, above] = b!.shape.length === 2 ? [rows(a!), rows(dy)] : [a!, dy];
    const da = matmul(dy, swapLast(b!));
    // The derivative of what B is the transpose of comes as it is laid out: to transpose it would be a pass over memory.
    if (transposedAxes(b!)) return [da, swapLast(matmul(swapLast(above), left))];
    return [da, matmul(swapLast(left), above)];
  },
  flops: ({ shape, inputs: [a] }) => 2 * sizeOf(shape) * a!.shape.at(-1)!,
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** y = A · B, A (…, m, k), B (…, k, n), y (…, m, n). dA = dy · Bᵀ, dB = Aᵀ · dy. Batch axes broadcast as in NumPy. */
export function matmul(a: Value, b: Value): Value {
  return matmulOp([a, b], {});
}
