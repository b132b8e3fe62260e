import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import { metricsSchema } from '../gate.ts';
import type { Metrics } from '../gate.ts';

/** A result is numbers and a path; what is bigger belongs into the output folder. */
export const MAX_RESULT_BYTES = 64 * 1024;
const MAX_NOTES_LENGTH = 4096;
const MAX_ARTIFACT_LENGTH = 2048;

const resultSchema = z.object({
  metrics: metricsSchema,
  artifact: z.string().min(1).max(MAX_ARTIFACT_LENGTH),
  notes: z.string().max(MAX_NOTES_LENGTH).optional(),
});

/** What a trainer wrote to `RETRAIN_RESULT`. */
export interface RunResult {
  readonly metrics: Metrics;
  /** An absolute path inside the output folder, or a URI. */
  readonly artifact: string;
  readonly notes?: string;
}

/** Whether an artifact is named by a URI: then somebody else keeps it, and its bytes are not looked at. */
export function isRemote(artifact: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(artifact);
}

/**
 * Reads the text of a result file. A relative `artifact` is taken inside `outputFolder`; a path outside of it is refused, as
 * nothing keeps such a file as it was when the run ended. Raises `TRAINER_FAILED` with one line that names the field.
 */
export function parseRunResult(text: string | undefined, outputFolder: string): RunResult {
  if (text === undefined) throw bad('it wrote no result file: write JSON with metrics and artifact to $RETRAIN_RESULT');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw bad(`its result file is not JSON (${(error as Error).message.slice(0, 200)})`);
  }
  const parsed = resultSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw bad(`its result file is not valid: ${issue?.path.join('.') || 'the whole'}: ${issue?.message}`);
  }
  const { metrics, artifact, notes } = parsed.data;
  return { metrics, artifact: locate(artifact, outputFolder), ...(notes !== undefined && { notes }) };
}

function locate(artifact: string, outputFolder: string): string {
  const isFile = artifact.startsWith('file://');
  if (isRemote(artifact) && !isFile) return artifact;
  const path = resolve(outputFolder, isFile ? fileURLToPath(artifact) : artifact);
  if (path !== outputFolder && !path.startsWith(outputFolder + sep))
    throw bad(`artifact ${JSON.stringify(artifact)} in its result file is outside of $RETRAIN_OUTPUT`);
  return path;
}

function bad(what: string): RetrainError {
  return new RetrainError('TRAINER_FAILED', `the trainer exited with 0, but ${what}`);
}
