/** What ends a command from outside: Ctrl-C, a service manager, a terminal that is closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Aborts its signal at the first interrupt, so that the command can end in order; the second one ends the process at once
 * with the code of a process that died of the signal.
 */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #listener: (signal: NodeJS.Signals, number: number) => void;

  /** `onFirst` may print what is waited for. */
  constructor(onFirst: (signal: NodeJS.Signals) => void = () => undefined) {
    this.#listener = (signal, number) => {
      if (this.#controller.signal.aborted) process.exit(128 + number);
      this.#controller.abort();
      onFirst(signal);
    };
    for (const signal of SIGNALS) process.on(signal, this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Resolves at the first interrupt. */
  get happened(): Promise<void> {
    const { signal } = this.#controller;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#listener);
  }
}
