import { basename, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import { metricsSchema } from '../gate.ts';
import { checkModelName, modelPath } from '../model-name.ts';
import type { Champion, Promotion, Registry, RegistryState } from './registry.ts';

/** Champions of a model that are kept with their artifacts, the present one included; older ones are removed. */
export const HISTORY_MAX = 20;

/** Times that a reader looks again when the record it wanted was replaced under its eyes. */
const READ_TRIES_MAX = 10;

const RECORD_NAME = /^champion\.([0-9]{10})\.json$/;
const REMOTE = /^[a-z][a-z0-9+.-]+:\/\//i;
const FORMAT = 1;

const recordSchema = z.strictObject({
  format: z.literal(FORMAT),
  model: z.string(),
  runId: z.string().min(1),
  epoch: z.int().positive(),
  /** Relative to the model's folder, so that the registry can be moved; or a URI. */
  artifact: z.string().min(1),
  digest: z.string(),
  metrics: metricsSchema,
  promotedAt: z.string(),
});
type Record = z.output<typeof recordSchema>;

interface Newest {
  readonly number: number;
  readonly record: Record;
}

export interface FileRegistryOptions {
  /** Absolute; made when missing. */
  readonly folder: string;
  readonly files?: Files;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * A registry in a folder of one host:
 *
 *     <folder>/<model>/champion.json            the present champion, for people and for what serves models
 *     <folder>/<model>/champion.0000000007.json its record; the one with the highest number is the truth
 *     <folder>/<model>/artifacts/0000000007-<run id>/<name>
 *
 * Concurrent promoters need no lock that a crash could leave behind: a promotion creates the record after the newest one,
 * and a name can be created only once. Before that the artifact is copied and synced, so that what the record names is
 * always there. `champion.json` is written last; a crash in between is repaired by the repeated promotion.
 */
export class FileRegistry implements Registry {
  readonly #folder: string;
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ folder, files = systemFiles, clock = systemClock, random = systemRandom }: FileRegistryOptions) {
    this.#folder = folder;
    this.#files = files;
    this.#clock = clock;
    this.#random = random;
  }

  async read(model: string): Promise<RegistryState> {
    const newest = await this.#newest(model);
    if (!newest) return { epoch: 0, champion: undefined };
    return { epoch: newest.record.epoch, champion: this.#champion(model, newest.record) };
  }

  async promote(model: string, promotion: Promotion): Promise<Champion> {
    const newest = await this.#newest(model);
    if (newest?.record.runId === promotion.runId) {
      await this.#writeAlias(model);
      return this.#champion(model, newest.record);
    }
    refuseConflict(model, promotion, newest?.record);
    const number = (newest?.number ?? 0) + 1;
    const artifact = await this.#keepArtifact(model, promotion);
    const { runId, epoch, digest, metrics } = promotion;
    const promotedAt = new Date(this.#clock.wallMs()).toISOString();
    const record: Record = { format: FORMAT, model, runId, epoch, artifact, digest, metrics, promotedAt };
    const created = await this.#files.create(this.#recordPath(model, number), JSON.stringify(record, undefined, 2));
    // A promoter that slept while its place was used and pruned again could create it anew: then its predecessor is gone.
    const stale = created && newest !== undefined && !(await this.#numbers(model)).includes(newest.number);
    if (stale) await this.#files.remove(this.#recordPath(model, number));
    // Somebody else was first: another promoter, or this run's promotion by the worker that held the session before.
    if (!created || stale) return this.promote(model, promotion);
    await this.#writeAlias(model);
    await this.#prune(model);
    return this.#champion(model, record);
  }

  async #newest(model: string): Promise<Newest | undefined> {
    for (let tries = 0; tries < READ_TRIES_MAX; tries++) {
      const number = (await this.#numbers(model)).at(-1);
      if (number === undefined) return undefined;
      const path = this.#recordPath(model, number);
      const text = await this.#files.readText(path);
      if (text !== undefined) return { number, record: parseRecord(text, { path, model }) };
    }
    throw new RetrainError(
      'REGISTRY_CONFLICT',
      `the champion of ${model} changes faster than it can be read: try again`,
    );
  }

  async #numbers(model: string): Promise<number[]> {
    const names = await this.#files.list(this.#modelFolder(model));
    return names.flatMap((name) => RECORD_NAME.exec(name)?.[1] ?? []).map(Number);
  }

  /** Returns the artifact's place as a record names it. */
  async #keepArtifact(model: string, { artifact, digest, epoch, runId }: Promotion): Promise<string> {
    if (REMOTE.test(artifact) && !artifact.startsWith('file://')) return artifact;
    const from = artifact.startsWith('file://') ? fileURLToPath(artifact) : artifact;
    if (!isAbsolute(from))
      throw new RetrainError('ARGUMENT_INVALID', `artifact ${from} is a relative path: give an absolute one or a URI`);
    const place = join('artifacts', `${padded(epoch)}-${runId}`, basename(from));
    const to = join(this.#modelFolder(model), place);
    if ((await this.#files.digest(to)) !== digest) await this.#copyWhole(from, { to, digest });
    return place;
  }

  /** Copies under a name of its own first: what a crash left half copied must not look like an artifact. */
  async #copyWhole(from: string, { to, digest }: { to: string; digest: string }): Promise<void> {
    if ((await this.#files.size(from)) === undefined)
      throw new RetrainError('TRAINER_FAILED', `artifact ${from} is gone: train again, nothing was promoted`);
    const incoming = `${dirname(to)}.incoming-${this.#random.bytes(6).toString('hex')}`;
    const copy = join(incoming, basename(to));
    await this.#files.copy(from, copy);
    const copied = await this.#files.digest(copy);
    if (copied !== digest) {
      await this.#files.remove(incoming);
      throw new RetrainError(
        'TRAINER_FAILED',
        `artifact ${from} has the digest ${copied}, the run recorded ${digest}: it was changed since; train again`,
      );
    }
    try {
      await this.#files.rename(incoming, dirname(to));
    } catch (error) {
      // The same run's promotion by another worker may have put it there meanwhile.
      await this.#files.remove(incoming);
      if ((await this.#files.digest(to)) !== digest) throw error;
    }
  }

  /** Whoever writes the alias last has looked at the newest record after writing: it cannot stay behind. */
  async #writeAlias(model: string): Promise<void> {
    const path = join(this.#modelFolder(model), 'champion.json');
    for (let newest = await this.#newest(model); newest;) {
      await this.#files.writeAtomic(path, JSON.stringify(this.#champion(model, newest.record), undefined, 2));
      const now = await this.#newest(model);
      if (now?.number === newest.number) return;
      newest = now;
    }
  }

  async #prune(model: string): Promise<void> {
    const numbers = await this.#numbers(model);
    // Ascending: a record is only gone when all before it are, which is what `promote` relies on.
    for (const number of numbers.slice(0, -HISTORY_MAX)) await this.#files.remove(this.#recordPath(model, number));
    const kept = new Set<string>();
    let oldestEpoch = Number.MAX_SAFE_INTEGER;
    for (const number of numbers.slice(-HISTORY_MAX)) {
      const text = await this.#files.readText(this.#recordPath(model, number));
      if (text === undefined) return;
      const record = parseRecord(text, { path: this.#recordPath(model, number), model });
      kept.add(basename(dirname(record.artifact)));
      oldestEpoch = Math.min(oldestEpoch, record.epoch);
    }
    const artifacts = join(this.#modelFolder(model), 'artifacts');
    for (const name of await this.#files.list(artifacts)) {
      // A newer one without a record may belong to a promoter that is about to write it.
      const old = Number.parseInt(name, 10) < oldestEpoch;
      if (old && !kept.has(name)) await this.#files.remove(join(artifacts, name));
    }
  }

  #champion(model: string, record: Record): Champion {
    const { runId, epoch, digest, metrics, promotedAt } = record;
    const artifact = REMOTE.test(record.artifact) ? record.artifact : join(this.#modelFolder(model), record.artifact);
    return { runId, epoch, artifact, digest, metrics, promotedAt };
  }

  #modelFolder(model: string): string {
    return join(this.#folder, modelPath(checkModelName(model)));
  }

  #recordPath(model: string, number: number): string {
    return join(this.#modelFolder(model), `champion.${padded(number)}.json`);
  }
}

function refuseConflict(model: string, { expectedEpoch, epoch }: Promotion, champion: Record | undefined): void {
  const present = champion?.epoch ?? 0;
  if (present === expectedEpoch && epoch > present) return;
  const why =
    present === expectedEpoch
      ? `epoch ${epoch} does not come after it`
      : `the gate compared with epoch ${expectedEpoch}; judge again against the present champion`;
  throw new RetrainError(
    'REGISTRY_CONFLICT',
    `${model} has a champion of epoch ${present} by run ${champion?.runId ?? 'none'}: ${why}`,
  );
}

function parseRecord(text: string, { path, model }: { path: string; model: string }): Record {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RetrainError('DATA_CORRUPT', `${path} is not JSON: restore it from a backup or remove it`, {
      cause: error,
    });
  }
  const format = typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined;
  if (format !== FORMAT)
    throw new RetrainError(
      'DATA_VERSION',
      `${path} has format ${JSON.stringify(format)}, this release reads ${FORMAT}: use the release that wrote it`,
    );
  const parsed = recordSchema.safeParse(value);
  if (parsed.success && parsed.data.model === model) return parsed.data;
  const why = parsed.error?.issues[0]?.message ?? `it belongs to ${parsed.data?.model}`;
  throw new RetrainError('DATA_CORRUPT', `${path} is not a record of a champion (${why}): restore it from a backup`);
}

function padded(number: number): string {
  return String(number).padStart(10, '0');
}
