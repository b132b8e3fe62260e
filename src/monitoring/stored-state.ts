import { z } from 'zod';
import { RetrainError } from '../errors.ts';

/** What every state begins with: whose it is, and in which form. */
export function stateHead<S extends string, V extends number>(
  schema: S,
  version: V,
): { schema: z.ZodLiteral<S>; version: z.ZodLiteral<V> } {
  return { schema: z.literal(schema), version: z.literal(version) };
}

/**
 * The state of a detector as its `toJSON` gave it, checked by `schema`, which has a literal `version`.
 *
 * `owner` names whose state it is, such as `Page-Hinkley`.
 *
 * @throws RetrainError `DATA_VERSION` for a state of another version, `DATA_CORRUPT` for anything else that is not a state.
 */
export function parseState<T>(schema: z.ZodType<T>, version: number, owner: string, state: unknown): T {
  const parsed = schema.safeParse(state);
  if (parsed.success) return parsed.data;
  const found = (state as { version?: unknown } | null | undefined)?.version;
  if (typeof found === 'number' && found !== version)
    throw new RetrainError(
      'DATA_VERSION',
      `${owner}'s state has version ${found}, this release reads ${version}: update retrain, or remove the state to start anew`,
    );
  const issue = parsed.error.issues[0];
  throw new RetrainError(
    'DATA_CORRUPT',
    `${owner}'s state is not valid at ${issue?.path.join('.') || 'the top'} (${issue?.message}): remove it to start anew`,
  );
}
