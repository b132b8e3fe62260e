import type { TrainerExit } from './exit-code.ts';

// What worker and supervisor say to each other: lines of JSON. Orders travel on the supervisor's stdin, whose end of file says
// that the worker is gone; reports travel on file descriptor 3. The trainer's stdout and stderr are the supervisor's own,
// inherited, so that not one byte of them passes through the supervisor. Both ends are of one release and trust each other.

/** The file descriptor on which the supervisor reports. */
export const REPORT_FD = 3;
/** The supervisor's end of a channel between worker and trainer, which it hands on as the trainer's file descriptor 3. */
export const TRAINER_CHANNEL_FD = 4;

export interface StartOrder {
  readonly order: 'start';
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Between SIGTERM and SIGKILL when the worker is gone, and for what the trainer left running when it exited. */
  readonly graceMs: number;
  /** Where pid and start time of the trainer are written while it runs; absent when it does that itself. */
  readonly processFile?: string;
  /** Whether the trainer is given a channel to the worker. */
  readonly channel?: boolean;
}

export type SupervisorOrder = StartOrder | { readonly order: 'stop'; readonly graceMs: number };

export type SupervisorReport =
  /** The trainer runs; its process group has the same number as its pid. */
  | { readonly report: 'started'; readonly pid: number }
  /** The trainer ended and nothing of its group is left. */
  | { readonly report: 'ended'; readonly exit: TrainerExit };

export function parseOrder(line: string): SupervisorOrder {
  return JSON.parse(line) as SupervisorOrder;
}

export function parseReport(line: string): SupervisorReport {
  return JSON.parse(line) as SupervisorReport;
}
