import { z } from 'zod';

/** Characters of a path or of a column's name. */
const PATH_MAX_LENGTH = 4_096;
const COLUMN_MAX_LENGTH = 200;

const path = z.string().min(1).max(PATH_MAX_LENGTH);
const delimiter = z.string().length(1).default(',').describe('Between two columns of a CSV file.');
export const columnSchema = z.string().min(1).max(COLUMN_MAX_LENGTH);

/** Where a monitor gets its observations from. */
export const sourceSettingsSchema = z
  .strictObject({
    csv: path
      .optional()
      .describe(
        'CSV file that grows, relative to the configuration; its first line names the columns. A `*` in the name takes all files that fit, in the order of their names.',
      ),
    jsonLines: path
      .optional()
      .describe(
        'File that grows, with one JSON object a line, relative to the configuration. A `*` in the name takes all files that fit, in the order of their names.',
      ),
    pushed: z
      .literal(true)
      .optional()
      .describe('Observations that are sent to `POST /v1/observations`, or handed over by a program.'),
    delimiter,
    time: columnSchema
      .default('time')
      .describe(
        'Column with the time of the observation: RFC 3339, a date, `YYYY-MM-DD HH:MM:SS` (UTC), or seconds or milliseconds since 1970.',
      ),
    where: z
      .record(columnSchema, z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .describe('Only rows in which each of these columns has this value; the others belong to somebody else.'),
  })
  .refine(({ csv, jsonLines, pushed }) => [csv, jsonLines, pushed].filter((one) => one !== undefined).length === 1, {
    error: 'give exactly one of csv, jsonLines and pushed',
  })
  .describe('Where the observations come from: `csv`, `jsonLines` or `pushed`.');

/** A file with rows that stands for what was normal, as for data drift. */
export const referenceSettingsSchema = z
  .strictObject({
    csv: path.optional().describe('CSV file with the rows, relative to the configuration.'),
    jsonLines: path.optional().describe('File with one JSON object a line, relative to the configuration.'),
    delimiter,
  })
  .refine(({ csv, jsonLines }) => (csv === undefined) !== (jsonLines === undefined), {
    error: 'give exactly one of csv and jsonLines',
  })
  .describe('Rows that stand for what was normal, such as those that the model was trained on.');
