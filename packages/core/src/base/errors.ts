/** A mistake of the person using Graft. The command line shows its message alone and exits with status 1. */
export class UserError extends Error {
  override readonly name: string = 'UserError';
}

/** A command line that does not make sense. Exits with status 2. */
export class UsageError extends UserError {
  override readonly name = 'UsageError';
}

/** Two shapes (or dtypes) that do not fit together. `expected` and `received` are what the message says, as data. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
  readonly op: string;
  readonly expected: string;
  readonly received: string;
  /** Where in the model, as a parameter's path. */
  readonly path: string | undefined;
  readonly #text: string;

  constructor(fields: { op: string; expected: string; received: string; path?: string; message?: string }) {
    const { op, expected, received, path } = fields;
    const text = fields.message ?? `expected ${expected}, received ${received}`;
    super(`${op}: ${text}${path ? ` at ${path}` : ''}.`);
    this.op = op;
    this.expected = expected;
    this.received = received;
    this.path = path;
    this.#text = text;
  }

  /** The same error, of a layer that stands at `path`. */
  at(path: string): ShapeError {
    const { op, expected, received } = this;
    return new ShapeError({ op, expected, received, path, message: this.#text });
  }
}
