import { constants } from 'node:os';

/**
 * How the trainer's process ended: it was never started (`error` is the code of the system call), it was ended by a signal, it
 * exited by itself, or nobody knows (`lost`: its supervisor died first).
 */
export type TrainerExit =
  | { readonly kind: 'not-started'; readonly error: string }
  | { readonly kind: 'signalled'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'lost'; readonly detail: string };

/**
 * What the end of a trainer means for its plan.
 *
 * - `success`: look for the result file.
 * - `permanent`: trying again cannot help; dead-letter.
 * - `retry`: one attempt is used up; try again after a backoff.
 * - `killed`: ended by SIGKILL from outside, nearly always for want of memory; tried again fewer times than `retry`.
 * - `interrupted`: told to stop; no attempt is used up.
 */
export type ExitMeaning = 'success' | 'permanent' | 'retry' | 'killed' | 'interrupted';

/** A shell's convention: a child that was ended by signal n counts as exit code 128 + n. */
const SIGNAL_BASE = 128;

/**
 * Codes with a meaning of their own; every other one above 0 means `retry`.
 *
 * 64, 65, 66, 75 and 78 are EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_TEMPFAIL and EX_CONFIG of BSD's sysexits.h; 126 and 127 are
 * POSIX shell's "not executable" and "not found" (XCU 2.8.2); 130, 137 and 143 are 128 + SIGINT, SIGKILL and SIGTERM. 42 is
 * this contract's own "no retry".
 */
const MEANING_BY_CODE: ReadonlyMap<number, ExitMeaning> = new Map<number, ExitMeaning>([
  [0, 'success'],
  [42, 'permanent'],
  [64, 'permanent'],
  [65, 'permanent'],
  [66, 'permanent'],
  [75, 'retry'],
  [78, 'permanent'],
  [126, 'permanent'],
  [127, 'permanent'],
  [130, 'interrupted'],
  [137, 'killed'],
  [143, 'interrupted'],
]);

/** Failures to start that a second try cannot heal: no such command, or not executable. EAGAIN and EMFILE may pass. */
const PERMANENT_START_ERRORS: ReadonlySet<string> = new Set(['ENOENT', 'EACCES']);

/** The exit code that stands for `exit`: Node gives `code: null` and the signal's name for a child ended by a signal. */
export function exitCodeOf(exit: TrainerExit): number | undefined {
  switch (exit.kind) {
    case 'exited':
      return exit.code;
    case 'signalled':
      return SIGNAL_BASE + (constants.signals[exit.signal] ?? 0);
    case 'not-started':
    case 'lost':
      return undefined;
  }
}

export function meaningOf(exit: TrainerExit): ExitMeaning {
  if (exit.kind === 'not-started') return PERMANENT_START_ERRORS.has(exit.error) ? 'permanent' : 'retry';
  // Who kills a supervisor, which does nothing, is the system in want of memory.
  if (exit.kind === 'lost') return 'killed';
  return MEANING_BY_CODE.get(exitCodeOf(exit) ?? 1) ?? 'retry';
}

/** One phrase for logs and dead-letter descriptions. */
export function describeExit(exit: TrainerExit): string {
  switch (exit.kind) {
    case 'exited':
      return `exit code ${exit.code}`;
    case 'signalled':
      return `exit code ${exitCodeOf(exit)} (${exit.signal})`;
    case 'not-started':
      return `not started: ${exit.error}`;
    case 'lost':
      return exit.detail;
  }
}
