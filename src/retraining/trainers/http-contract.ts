import { z } from 'zod';
import { runResultSchema } from './run-result.ts';

/** Characters of a reason; a longer one is cut. */
export const REASON_MAX_LENGTH = 1000;
/** Characters of the log in one answer. */
const LOG_TEXT_MAX_LENGTH = 64 * 1024;
const CURSOR_MAX_LENGTH = 200;

/** What is PUT to start a run. */
export const startSchema = z
  .looseObject({
    version: z.literal(1).describe('Of this contract.'),
    run: z.string().describe('The key of the run, as in the address: made of model and run id.'),
    plan: z
      .looseObject({})
      .describe('What a command finds in RETRAIN_REQUEST: runId, epoch, model, requests, data, parameters, champion.'),
    planKey: z.string().describe('The same for every attempt at the same requests: keep checkpoints under it.'),
    maxRuntimeSeconds: z.number().positive().describe('When this is over, the worker cancels the run.'),
    graceSeconds: z.number().nonnegative().describe('Between telling a training to end and killing it.'),
  })
  .describe('Body of PUT <url>/<run>: start this run, or do nothing when it is there.');

/** What GET answers. */
export const statusSchema = z
  .looseObject({
    state: z
      .enum(['queued', 'running', 'succeeded', 'failed', 'cancelled'])
      .describe('The last three are final, and are kept for a day at least.'),
    progress: z.number().min(0).max(1).optional().describe('How far the training is.'),
    metrics: z.record(z.string(), z.unknown()).optional().describe('Metrics so far, for people.'),
    startedAt: z.iso
      .datetime({ offset: true })
      .optional()
      .describe('When the training began; the time limit counts from there. Otherwise from when a worker attached.'),
    result: runResultSchema
      .optional()
      .describe('Of a run that succeeded: what a command writes to RETRAIN_RESULT. The artifact is a URI.'),
    failure: z
      .looseObject({
        reason: z.string().optional().describe('One line for people.'),
        exitCode: z.int().min(0).max(255).optional().describe("Means what a command's exit code means."),
        meaning: z
          .enum(['permanent', 'retry', 'killed', 'interrupted'])
          .optional()
          .describe('In place of an exit code. Without both: retry.'),
      })
      .optional()
      .describe('Of a run that failed.'),
    log: z
      .looseObject({
        text: z
          .string()
          .max(LOG_TEXT_MAX_LENGTH)
          .describe('What was printed after the place that the query parameter log names.'),
        next: z
          .string()
          .max(CURSOR_MAX_LENGTH)
          .describe('The place after text: the value of log in the next question.'),
        more: z.boolean().optional().describe('Whether there is more after it already.'),
      })
      .optional()
      .describe('The log, a part at a time. A service may leave it out, or skip what is old.'),
  })
  .describe('Answer of GET <url>/<run>.');

/** As it is read: what is wrong with a result is said by the reader of results. */
export const readStatusSchema = statusSchema.extend({ result: z.unknown().optional() });

export type StartOrderBody = z.output<typeof startSchema>;
export type RunStatusBody = z.output<typeof readStatusSchema>;

/** The contract's JSON Schema 2020-12: `$defs/start` and `$defs/status`. */
export function trainerHttpJsonSchema(): object {
  const [start, status] = [startSchema, statusSchema].map((schema) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
    return rest;
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'The HTTP contract of retrain and a service that trains',
    $defs: { start, status },
  };
}
