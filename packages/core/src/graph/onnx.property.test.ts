import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyTensor, mutantOf, seeded } from '../../../../test/arbitrary.ts';
import { type FileNode, onnxFile } from '../../../../test/onnx-file.ts';
import { UserError } from '../base/errors.ts';
import { relu } from '../ops/index.ts';
import { decode, encode, input } from './index.ts';
import { PartBudget, readMessage } from './protobuf.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9_./]{0,8}$/);

/** A chain of nodes in which each takes results of earlier ones. */
const anyNodes: fc.Arbitrary<FileNode[]> = fc
  .array(
    fc.record({
      operator: fc.constantFrom('Relu', 'Add', 'Concat', 'Custom'),
      takes: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
      attributes: fc.dictionary(
        name,
        fc.oneof(
          fc.integer({ min: -(2 ** 31), max: 2 ** 31 }),
          fc.string({ maxLength: 5 }),
          fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 4 }),
        ),
        { maxKeys: 3 },
      ),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((nodes) =>
    nodes.map(({ operator, takes, attributes }, i) => ({
      operator,
      inputs: takes.map((take) => (take % (i + 1) === 0 ? 'x' : `v${(take % (i + 1)) - 1}`)),
      outputs: [`v${i}`],
      attributes,
    })),
  );

describe('an ONNX file', () => {
  it('is read as it was written: operators, edges, attributes, numbers', () => {
    fc.assert(
      fc.property(anyNodes, anyTensor, fc.dictionary(name, fc.string(), { maxKeys: 3 }), (nodes, value, metadata) => {
        const last = `v${nodes.length - 1}`;
        const bytes = onnxFile({
          opset: 13,
          nodes,
          initializers: { w: value },
          inputs: [{ name: 'x', dtype: 'f32', shape: [1, 2] }],
          outputs: [{ name: last }],
          metadata,
        });
        const read = decode(bytes);
        expect(read.nodes.map(({ operator, inputs, outputs }) => ({ operator, inputs, outputs }))).toEqual(
          nodes.map(({ operator, inputs, outputs }) => ({ operator, inputs, outputs })),
        );
        expect({ ...read.metadata }).toEqual(metadata);
      }),
      seeded(100),
    );
  });

  it('that the encoder wrote can be decoded', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 6 }), (shape, depth) => {
        let value = input('x', 'f32', shape);
        for (let i = 0; i < depth; i++) value = relu(value);
        const { model } = encode({ y: value });
        const read = decode(model);
        expect(read.nodes).toHaveLength(depth);
        expect(read.inputs.map(({ shape: sizes }) => sizes)).toEqual([shape]);
      }),
      seeded(60),
    );
  });

  it('that is damaged is read or refused', () => {
    const bytes = onnxFile({
      opset: 13,
      nodes: [
        {
          operator: 'Conv',
          inputs: ['x', 'w'],
          outputs: ['y'],
          attributes: { strides: [2, 2], auto_pad: 'SAME_UPPER' },
        },
        { operator: 'Relu', inputs: ['y'], outputs: ['z'] },
      ],
      initializers: { w: { dtype: 'f32', shape: [1, 1, 2, 2], data: new Float32Array(4) } },
      inputs: [{ name: 'x', dtype: 'f32', shape: [1, 1, 4, 4] }],
      outputs: [{ name: 'z', dtype: 'f32', shape: [1, 1, 2, 2] }],
      metadata: { classes: '["a","b"]' },
    });
    fc.assert(
      fc.property(mutantOf(bytes), (mutant) => {
        try {
          decode(mutant);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
        }
      }),
      seeded(1500),
    );
  });
});

it('a message of any bytes ends within its budget', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      let fields = 0;
      try {
        readMessage(bytes, new PartBudget(1000), {
          1: (field) => {
            field.integers(() => {});
            fields++;
          },
          2: (field) => {
            field.bytes();
            fields++;
          },
        });
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
      expect(fields).toBeLessThanOrEqual(bytes.length);
    }),
    seeded(1000),
  );
});
