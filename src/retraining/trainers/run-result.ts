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

export const runResultSchema = z.object({
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
  const result = checkedResult(parsedJson(text));
  return { ...result, artifact: locate(result.artifact, outputFolder) };
}

/**
 * Checks the result of a run that lived elsewhere, as JSON text or as a value: its artifact has to be a URI, as no folder is
 * shared with it. Raises `TRAINER_FAILED`.
 */
export function remoteRunResult(given: unknown): RunResult {
  if (given === undefined || given === null || given === '')
    throw bad('it gave no result: give metrics and artifact', REMOTE);
  const result = checkedResult(typeof given === 'string' ? parsedJson(given, REMOTE) : given, REMOTE);
  if (isRemote(result.artifact) && !result.artifact.startsWith('file:')) return result;
  const artifact = JSON.stringify(result.artifact.slice(0, 200));
  throw bad(
    `artifact ${artifact} in its result is no URI that can be reached from elsewhere: upload it, and give its address`,
    REMOTE,
  );
}

const LOCAL = 'the trainer exited with 0';
const REMOTE = 'the run succeeded';

function parsedJson(text: string, how = LOCAL): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw bad(`its result is not JSON (${(error as Error).message.slice(0, 200)})`, how);
  }
}

function checkedResult(value: unknown, how = LOCAL): RunResult {
  const parsed = runResultSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw bad(`its result is not valid: ${issue?.path.join('.') || 'the whole'}: ${issue?.message}`, how);
  }
  const { metrics, artifact, notes } = parsed.data;
  return { metrics, artifact, ...(notes !== undefined && { notes }) };
}

function locate(artifact: string, outputFolder: string): string {
  const isFile = artifact.startsWith('file://');
  if (isRemote(artifact) && !isFile) return artifact;
  const path = resolve(outputFolder, isFile ? fileURLToPath(artifact) : artifact);
  if (path !== outputFolder && !path.startsWith(outputFolder + sep))
    throw bad(`artifact ${JSON.stringify(artifact)} in its result file is outside of $RETRAIN_OUTPUT`);
  return path;
}

function bad(what: string, how = LOCAL): RetrainError {
  return new RetrainError('TRAINER_FAILED', `${how}, but ${what}`);
}
