import { join } from 'node:path';
import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import type { Files } from '../../runtime/files.ts';
import { modelPath } from '../model-name.ts';
import { filePositionSchema } from './file-position.ts';
import { FILES_MAX } from './followed-files.ts';

const STATE_SCHEMA = 'retrain.monitor';
const STATE_VERSION = 1;
/** Bytes of a monitor's state; a window of rows for data drift is most of it. */
export const STATE_MAX_BYTES = 32 * 1024 * 1024;

const count = z.int().min(0);

const stateSchema = z.strictObject({
  schema: z.literal(STATE_SCHEMA),
  version: z.literal(STATE_VERSION),
  model: z.string(),
  monitor: z.string(),
  /** What the watch's memory belongs to. */
  watchKey: z.string(),
  /** Of the champion whose quality is watched; null when it was never told. */
  epoch: count.nullable(),
  files: z
    .record(z.string(), filePositionSchema)
    .refine((files) => Object.keys(files).length <= 2 * FILES_MAX, { error: `names more than ${2 * FILES_MAX} files` }),
  rows: count,
  badRows: count,
  requests: count,
  /** The newest request's time of evidence: the end of its window. */
  lastRequest: z.string().nullable(),
  watch: z.unknown(),
});

/** All that a monitor must remember: how far it has read, and its watch's memory. It is one file. */
export type MonitorState = z.output<typeof stateSchema>;

export function emptyState(model: string, monitor: string, watchKey: string): MonitorState {
  return {
    schema: STATE_SCHEMA,
    version: STATE_VERSION,
    model,
    monitor,
    watchKey,
    epoch: null,
    files: {},
    rows: 0,
    badRows: 0,
    requests: 0,
    lastRequest: null,
    watch: undefined,
  };
}

/** Where monitors keep their state: `<folder>/<model>/<monitor>.json`. */
export class MonitorStates {
  readonly #folder: string;
  readonly #files: Files;

  constructor({ folder, files }: { folder: string; files: Files }) {
    this.#folder = folder;
    this.#files = files;
  }

  pathOf(model: string, monitor: string): string {
    return join(this.#folder, modelPath(model), `${monitor}.json`);
  }

  /**
   * Undefined when there is none yet.
   *
   * @throws RetrainError `DATA_VERSION` for a state of another version, `DATA_CORRUPT` for anything else that is not one.
   */
  async read(model: string, monitor: string): Promise<MonitorState | undefined> {
    const path = this.pathOf(model, monitor);
    const text = await this.#files.readText(path, { maxBytes: STATE_MAX_BYTES });
    if (text === undefined) return undefined;
    const value = parsed(text);
    const { data, error } = stateSchema.safeParse(value);
    const version = (value as { version?: unknown } | null | undefined)?.version;
    if (!data && typeof version === 'number' && version !== STATE_VERSION)
      throw new RetrainError(
        'DATA_VERSION',
        `${path} has version ${version}, this release reads ${STATE_VERSION}: update retrain, or remove the file to start anew`,
      );
    const issue = error?.issues[0];
    const what = issue && `not valid at ${issue.path.join('.') || 'the top'} (${issue.message})`;
    const other = data && (data.model !== model || data.monitor !== monitor) && `of ${data.model} ${data.monitor}`;
    if (what || other)
      throw new RetrainError('DATA_CORRUPT', `${path} is ${what || other}: look at it, then remove it to start anew`);
    return data;
  }

  /** Durable when it resolves. */
  async write(state: MonitorState): Promise<void> {
    const text = JSON.stringify(state);
    if (text.length > STATE_MAX_BYTES)
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        `monitor ${state.monitor} of ${state.model} has to remember ${text.length} bytes, the limit is ${STATE_MAX_BYTES}: make its windows smaller`,
      );
    await this.#files.writeAtomic(this.pathOf(state.model, state.monitor), text);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
