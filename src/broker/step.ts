import type { LogRecord } from '../storage/index.ts';

/**
 * One change of the broker's state in two halves: what is written, and what follows in memory. Every command makes its step first, which may
 * refuse and changes nothing; then the records go to the journal; then the step is applied. So several steps can be written as one.
 */
export interface Step {
  /** None: nothing of the change outlives the process. */
  readonly records: readonly LogRecord[];
  /** To be called once. `written` is false when the disk did not take the records and the broker goes on without. */
  apply(written: boolean): void;
}

/** Several steps of different messages as one: all are made before any is applied. */
export function together(steps: readonly Step[]): Step {
  return {
    records: steps.flatMap(({ records }) => records),
    apply: (written) => {
      for (const step of steps) step.apply(written);
    },
  };
}
