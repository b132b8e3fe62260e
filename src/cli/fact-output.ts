import type { Clock } from '../runtime/clock.ts';
import { factLogger } from './fact-logger.ts';
import { onOneLine } from './printable.ts';

export interface FactOutputOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly clock: Clock;
}

/** A fact in one line for a person, or undefined for what only matters when something is to be found out. */
export type FactLine<F> = (fact: F, options: { readonly verbose: boolean }) => string | undefined;

/**
 * Prints what a part tells: with `json` every fact as a line of JSON, otherwise a line for a person about those that matter to one; `verbose` adds
 * the others as they are.
 */
export class FactOutput<F extends { readonly fact: string }> {
  readonly #print: (line: string) => void;
  readonly #lineOf: FactLine<F>;
  readonly #verbose: boolean;
  readonly #log: ReturnType<typeof factLogger> | undefined;

  constructor(print: (line: string) => void, lineOf: FactLine<F>, { json, verbose, clock }: FactOutputOptions) {
    this.#print = print;
    this.#lineOf = lineOf;
    this.#verbose = verbose;
    this.#log = json ? factLogger(print, clock) : undefined;
  }

  /** For people only. */
  say(line: string): void {
    if (!this.#log) this.#print(line);
  }

  tell(fact: F): void {
    if (this.#log) return this.#log(fact);
    const line = this.#lineOf(fact, { verbose: this.#verbose }) ?? (this.#verbose ? JSON.stringify(fact) : undefined);
    // Reasons come from elsewhere and may have line feeds and signs that a terminal obeys.
    if (line !== undefined) this.#print(onOneLine(line));
  }
}
