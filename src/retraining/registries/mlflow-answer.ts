import { z } from 'zod';
import { RetrainError } from '../../errors.ts';

const tagSchema = z.object({ key: z.string(), value: z.string().default('') });

/** MLflow's tags as it gives and takes them. */
export const tagsSchema = z.array(tagSchema).default([]);

export function tagList(tags: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

/** What an answer of MLflow must look like; raises `PROTOCOL_VIOLATION` when it looks otherwise. */
export function checkedAnswer<S extends z.ZodType>(schema: S, answer: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new RetrainError(
    'PROTOCOL_VIOLATION',
    `the answer of MLflow to ${what} is not understood (${issue?.path.join('.')}: ${issue?.message}): is trackingUri that of a tracking server?`,
  );
}
