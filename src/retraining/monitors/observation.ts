import { z } from 'zod';
import { MODEL_NAME_PATTERN, MODEL_NAME_RULE } from '../model-name.ts';
import { timeOf } from './observed-row.ts';

/** Characters of an observation's id, of a column's name, and of a text. */
const ID_MAX_LENGTH = 200;
const NAME_MAX_LENGTH = 200;
const TEXT_MAX_LENGTH = 1_000;
/** Columns of one observation. */
const VALUES_MAX = 500;

/** Names that an observation has besides its values. */
const RESERVED = ['time', 'id'];

/** One observation, as it is sent to `POST /v1/observations`. */
export const observationSchema = z.strictObject({
  model: z
    .string()
    .regex(MODEL_NAME_PATTERN, { error: `use ${MODEL_NAME_RULE}` })
    .describe('The model whose prediction was observed.'),
  id: z
    .string()
    .min(1)
    .max(ID_MAX_LENGTH)
    .optional()
    .describe('Names the observation: one that is sent again with the same id counts once.'),
  time: z
    .union([z.string().max(64), z.number()])
    .refine((time) => timeOf(time) !== undefined, { error: 'use RFC 3339, such as 2026-01-31T00:00:00Z' })
    .optional()
    .describe('When it was observed: RFC 3339, a date, or seconds or milliseconds since 1970. Without it: on arrival.'),
  values: z
    .record(
      z.string().min(1).max(NAME_MAX_LENGTH),
      z.union([z.number(), z.string().max(TEXT_MAX_LENGTH), z.boolean(), z.null()]),
    )
    .refine((values) => Object.keys(values).length > 0, { error: 'give at least one value' })
    .refine((values) => Object.keys(values).length <= VALUES_MAX, { error: `give at most ${VALUES_MAX} values` })
    .refine((values) => RESERVED.every((name) => !Object.hasOwn(values, name)), {
      error: `${RESERVED.join(' and ')} belong beside values, not into it`,
    })
    .describe('What was observed: the value of each metric or feature by its name.'),
});
export type ObservationInput = z.input<typeof observationSchema>;
