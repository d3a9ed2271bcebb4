import { type Tensor, type Tensors, tensor, zeros } from '../base/tensor.ts';
import type { Program } from './program.ts';

/** What a state is changed by: a program, or several behind one another. */
export type StepProgram = Pick<Program, 'run' | 'overwritten' | 'release'>;

/**
 * The tensors that a training step reads and replaces: parameters, optimizer slots, running statistics. There are two
 * sets of buffers; a step reads one and writes the other, and then they swap. What a program can write where it reads it
 * has one buffer: the other's memory is never touched, so that the system does not provide it. Nothing is copied or
 * allocated.
 */
export class State {
  #current: Record<string, Tensor>;
  #next: Record<string, Tensor>;

  /** Takes a copy of the initial values. */
  constructor(initial: Tensors) {
    this.#current = Object.fromEntries(Object.entries(initial).map(([name, value]) => [name, copy(value)]));
    this.#next = Object.fromEntries(Object.entries(initial).map(([name, t]) => [name, zeros(t.dtype, t.shape)]));
  }

  /** The values as they are now. They change with the next step: copy what is to be kept. */
  get current(): Tensors {
    return this.#current;
  }

  /**
   * One step: runs the program on the state and `feeds`; the outputs named like a part of the state become the new
   * state, the others are returned. A part that the program does not write stays as it is. A run that fails within may
   * leave some parts as they were and others as they become.
   */
  async step(program: StepProgram, feeds: Tensors): Promise<Record<string, Tensor>> {
    const into = { ...this.#next };
    for (const name of program.overwritten) into[name] = this.#current[name]!;
    const results = await program.run({ ...this.#current, ...feeds }, into);
    const others: Record<string, Tensor> = {};
    for (const [name, value] of Object.entries(results)) {
      const before = this.#current[name];
      if (!before) others[name] = value;
      else if (value !== before) {
        this.#current[name] = value;
        this.#next[name] = before;
      }
    }
    return others;
  }

  /** Takes over values that no program computed, each in place of the one of its name, type and shape. */
  write(values: Tensors): void {
    for (const [name, value] of Object.entries(values)) {
      const before = this.#current[name]!;
      this.#current[name] = copy(value);
      this.#next[name] = before;
    }
  }
}

/** The same numbers in memory of their own. */
export function copy(value: Tensor): Tensor {
  return tensor(value.dtype, value.shape, value.data.slice());
}
