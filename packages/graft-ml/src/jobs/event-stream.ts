/** Events that are pushed on one side and read, each once, on the other. */
export interface EventStream<E> {
  push(event: E): void;
  /** After it, readers get what was pushed before and then end. */
  end(): void;
  read(): AsyncIterable<E>;
}

export function eventStream<E>(): EventStream<E> {
  const waiting: E[] = [];
  let isEnded = false;
  let wake = () => {};
  return {
    push(event) {
      waiting.push(event);
      wake();
    },
    end() {
      isEnded = true;
      wake();
    },
    async *read() {
      for (;;) {
        const event = waiting.shift();
        if (event !== undefined) yield event;
        else if (isEnded) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}
