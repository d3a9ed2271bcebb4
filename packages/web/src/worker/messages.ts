import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { ImageError, type ImageProblem } from '@graft-ml/core/internal/image/problem';

/** What a page asks of its worker. */
export type Request =
  | { readonly id: number; readonly kind: 'call'; readonly method: string; readonly args: readonly unknown[] }
  | { readonly id: number; readonly kind: 'cancel'; readonly reason: SentError };

/** What the worker answers: progress and values as they come, then an end. */
export type Reply =
  | { readonly id: number; readonly kind: 'progress'; readonly value: unknown }
  | { readonly id: number; readonly kind: 'value'; readonly value: unknown }
  | { readonly id: number; readonly kind: 'end' }
  | { readonly id: number; readonly kind: 'error'; readonly error: SentError };

/** An error as a message can hold it. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly option?: string;
  readonly problem?: ImageProblem;
}

export function sentError(error: unknown): SentError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message } = error;
  if (error instanceof ImageError) return { name, message, problem: error.problem };
  if (error instanceof OptionError) return { name: 'OptionError', message, option: error.option };
  if (error instanceof UserError) return { name: 'UserError', message };
  return { name, message };
}

/** The error again, of its own class where it is one of ours. */
export function receivedError({ name, message, problem, option }: SentError): Error {
  if (problem !== undefined) return new ImageError(problem);
  if (name === 'OptionError') {
    const sentence = message.startsWith(option ?? '') ? message.slice((option ?? '').length) : message;
    return new OptionError({ option: option ?? '', expected: '', received: undefined, problem: sentence });
  }
  if (name === 'UserError') return new UserError(message);
  if (name === 'AbortError') return new DOMException(message, name);
  return Object.assign(new Error(message), { name });
}
