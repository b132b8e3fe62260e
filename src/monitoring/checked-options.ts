import type { z } from 'zod';
import { RetrainError } from '../errors.ts';

/**
 * The options with their defaults, as `schema` says.
 *
 * @throws RetrainError `ARGUMENT_INVALID` naming the owner, the option, its value and the limit.
 */
export function checkedOptions<T>(schema: z.ZodType<T>, owner: string, options: unknown): T {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join('.') ?? '';
  const value = issue?.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    options,
  );
  throw new RetrainError(
    'ARGUMENT_INVALID',
    field === ''
      ? `the options of ${owner} are not valid (${issue?.message}): see its documentation`
      : `${field} of ${owner} is ${written(value)} (${issue?.message}): set it within these limits, or leave it out for the default`,
  );
}

function written(value: unknown): string {
  if (value === undefined) return 'left out';
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);
}
