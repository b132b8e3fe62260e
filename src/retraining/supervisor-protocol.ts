import { z } from 'zod';
import type { TrainerExit } from './exit-code.ts';

// What worker and supervisor say to each other: lines of JSON. Orders travel on the supervisor's stdin, whose end of file says
// that the worker is gone; reports travel on file descriptor 3. The trainer's stdout and stderr are the supervisor's own,
// inherited, so that not one byte of them passes through the supervisor.

/** The file descriptor on which the supervisor reports. */
export const REPORT_FD = 3;

const orderSchema = z.discriminatedUnion('order', [
  z.object({
    order: z.literal('start'),
    command: z.string().min(1),
    args: z.array(z.string()),
    cwd: z.string(),
    env: z.record(z.string(), z.string()),
    /** Between SIGTERM and SIGKILL when the worker is gone, and for what the trainer left running when it exited. */
    graceMs: z.number().nonnegative(),
    /** Where pid and start time of the trainer are written. */
    processFile: z.string(),
  }),
  z.object({ order: z.literal('stop'), graceMs: z.number().nonnegative() }),
]);

export type SupervisorOrder = z.infer<typeof orderSchema>;
export type StartOrder = Extract<SupervisorOrder, { order: 'start' }>;

const reportSchema = z.discriminatedUnion('report', [
  /** The trainer runs; its process group has the same number as its pid. */
  z.object({ report: z.literal('started'), pid: z.number() }),
  /** The trainer ended and nothing of its group is left. */
  z.object({
    report: z.literal('ended'),
    exit: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('not-started'), error: z.string() }),
      z.object({
        kind: z.literal('signalled'),
        signal: z.custom<NodeJS.Signals>((value) => typeof value === 'string'),
      }),
      z.object({ kind: z.literal('exited'), code: z.number() }),
      z.object({ kind: z.literal('lost'), detail: z.string() }),
    ]),
  }),
]);

export type SupervisorReport =
  { readonly report: 'started'; readonly pid: number } | { readonly report: 'ended'; readonly exit: TrainerExit };

export function parseOrder(line: string): SupervisorOrder {
  return orderSchema.parse(JSON.parse(line));
}

export function parseReport(line: string): SupervisorReport {
  return reportSchema.parse(JSON.parse(line));
}
