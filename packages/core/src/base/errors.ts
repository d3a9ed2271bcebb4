import { shown } from './quote.ts';

/**
 * A mistake of the person using Graft. Its message is a readable sentence. Text in backquotes is code: an option
 * (`epochs`, `strategy: 'full'`) or a call (`resumeTraining("runs/x")`), made by `code.ts`. A command line says flags
 * and commands instead.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError';
}

/** A wrong call of the command line. */
export class UsageError extends UserError {
  override readonly name = 'UsageError';
}

/** An option with a value that it cannot have, or that contradicts another option. */
export class OptionError extends UserError {
  override readonly name = 'OptionError';
  /** Its key: `learningRate`. */
  readonly option: string;
  /** The expected value in words: `a number above 0`. */
  readonly expected: string;
  readonly received: unknown;
  readonly #problem: string;

  /**
   * @param fields `problem`, where there is more to say than what was expected and received, follows the option's name
   * in the message
   */
  constructor(fields: {
    readonly option: string;
    readonly expected: string;
    readonly received: unknown;
    readonly problem?: string;
    readonly cause?: unknown;
  }) {
    const { option, expected, received, cause } = fields;
    const problem = fields.problem ?? `: expected ${expected}, received ${shown(received)}.`;
    super(option + problem, cause === undefined ? {} : { cause });
    this.option = option;
    this.expected = expected;
    this.received = received;
    this.#problem = problem;
  }

  /** The message with another name for the option: a flag, say. */
  messageOf(name: string): string {
    return name + this.#problem;
  }
}

/** Two shapes (or dtypes) that do not fit together. `expected` and `received` are what the message says, as data. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
  readonly op: string;
  readonly expected: string;
  readonly received: string;
  /** The place in the model, as a parameter's path. */
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

/** Puts `name` before the message of a UserError. */
export async function inFile<T>(name: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${name}: ${error.message}`, { cause: error });
  }
}
