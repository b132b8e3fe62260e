import { basename, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RetrainError } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import type { Random } from '../../runtime/random.ts';
import { checkModelName } from '../model-name.ts';
import { isRemote } from '../trainers/run-result.ts';
import {
  championOf,
  emptyDocument,
  epochOf,
  keptIn,
  refuseConflict,
  refuseFenced,
  withKept,
  withPromoted,
  withRolledBack,
  withoutChallenger,
} from './registry-document.ts';
import type { RecordedResult, RegistryDocument, Retention } from './registry-document.ts';
import { rollbackTarget } from './rollback-target.ts';
import { challengerIn, changeIn, stateIn } from './registry-state.ts';
import type { ArtifactStore, DocumentStore } from './registry-stores.ts';
import type {
  ArtifactRef,
  Challenger,
  Champion,
  ChampionChange,
  ModelState,
  Promotion,
  Registry,
  RegistryState,
  Rejection,
  Rollback,
  RunResultToKeep,
} from './registry.ts';

/** Times that a change is tried again because somebody else changed the same model meanwhile. */
const CHANGE_TRIES_MAX = 16;
const NONCE_BYTES = 9;

export interface StoredRegistryOptions {
  readonly documents: DocumentStore;
  readonly artifacts: ArtifactStore;
  readonly retention: Retention;
  /** For copies on this host. */
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * A registry over two stores: a document for each model, replaced by compare-and-set, and artifacts. An artifact is whole in
 * its place before a document names it, and is removed after no document names it any more; a crash in between leaves an
 * artifact too many, which the next change of the champion removes.
 */
export class StoredRegistry implements Registry {
  readonly #documents: DocumentStore;
  readonly #artifacts: ArtifactStore;
  readonly #retention: Retention;
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ documents, artifacts, retention, files, clock, random }: StoredRegistryOptions) {
    this.#documents = documents;
    this.#artifacts = artifacts;
    this.#retention = retention;
    this.#files = files;
    this.#clock = clock;
    this.#random = random;
  }

  async read(model: string): Promise<RegistryState> {
    return stateIn(await this.#document(model), this.#addressIn(model));
  }

  async list(): Promise<readonly ModelState[]> {
    const documents = await this.#documents.all();
    return documents
      .map((document) => ({ model: document.model, ...stateIn(document, this.#addressIn(document.model)) }))
      .filter(({ champion, challenger }) => champion ?? challenger)
      .sort((a, b) => (a.model < b.model ? -1 : 1));
  }

  async history(model: string): Promise<readonly ChampionChange[]> {
    const { history } = await this.#document(model);
    return history.map((change) => changeIn(change, this.#addressIn(model)));
  }

  async keep(model: string, result: RunResultToKeep): Promise<Challenger> {
    const { runId, epoch, digest, metrics, championEpoch } = result;
    const keptAt = this.#now();
    let recorded: RecordedResult | undefined;
    await this.#update(model, async (present) => {
      const before = keptIn(present).find((one) => isOf(one, result));
      // A later champion means that the run is fenced, unless it is what became champion: then a crash came in between.
      if (championOf(present)?.runId !== runId) refuseFenced(present, result);
      const artifact = await this.#place(model, result, present);
      recorded = { runId, epoch, digest, metrics, championEpoch, keptAt, artifact, ...before };
      return before ? present : withKept(present, recorded, this.#retention);
    });
    if (!recorded) throw new RetrainError('REGISTRY_CONFLICT', `run ${runId} of ${model} was not kept`);
    return challengerIn(recorded, this.#addressIn(model));
  }

  async verify(model: string, { runId, artifact, digest }: ArtifactRef): Promise<boolean> {
    const place = this.#placeOf(model, { runId, artifact, digest }, await this.#document(model));
    return place === undefined || isRemote(place) || this.#artifacts.has(model, place, digest);
  }

  async fetch(model: string, ref: ArtifactRef, folder: string): Promise<string> {
    const place = this.#placeOf(model, ref, await this.#document(model));
    if (place === undefined || isRemote(place))
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `${ref.artifact} is not kept by this registry: fetch it where it lives`,
      );
    const to = join(folder, basename(place));
    const present = await this.#files.digest(to);
    if (present === ref.digest) return to;
    if (present !== undefined)
      throw new RetrainError('ARGUMENT_INVALID', `${to} is something else already: name an empty folder`);
    const incoming = join(folder, `.incoming-${this.#random.bytes(6).toString('hex')}`);
    try {
      const found = await this.#artifacts.get(model, place, join(incoming, basename(place)));
      const digest = found ? await this.#files.digest(join(incoming, basename(place))) : undefined;
      if (digest !== ref.digest)
        throw new RetrainError(
          'DATA_CORRUPT',
          `artifact ${this.#artifacts.addressOf(model, place)} ${digest === undefined ? 'is gone' : `has the digest ${digest}, recorded was ${ref.digest}`}: restore it from a backup, or roll back to another champion`,
        );
      await this.#files.rename(join(incoming, basename(place)), to);
    } finally {
      await this.#files.remove(incoming);
    }
    return to;
  }

  async promote(model: string, promotion: Promotion): Promise<Champion> {
    const promotedAt = this.#now();
    const next = await this.#update(model, async (present) => {
      if (championOf(present)?.runId === promotion.runId) return present;
      refuseConflict(present, promotion);
      const artifact = await this.#place(model, promotion, present);
      return withPromoted(present, { ...promotion, artifact, promotedAt }, this.#retention);
    });
    await this.#sweep(model, next);
    return this.#champion(model, next);
  }

  async reject(model: string, rejection: Rejection): Promise<void> {
    await this.#update(model, (present) => withoutChallenger(present, rejection, this.#retention));
  }

  async rollback(model: string, rollback: Rollback): Promise<ChampionChange> {
    const nonce = this.#random.bytes(NONCE_BYTES).toString('base64url');
    const next = await this.#update(model, async (present) => {
      // The store may have taken the change although it told us otherwise: an answer was lost, and the request repeated.
      if (championOf(present)?.nonce === nonce) return present;
      const next = withRolledBack(present, rollback, { atMs: this.#clock.wallMs(), nonce, limits: this.#retention });
      await this.#checkTarget(model, rollbackTarget(present, rollback.to));
      return next;
    });
    await this.#sweep(model, next);
    const [change] = next.history;
    if (!change) throw new RetrainError('REGISTRY_CONFLICT', `${model} has no champion any more`);
    return changeIn(change, this.#addressIn(model));
  }

  async #checkTarget(model: string, { artifact, digest, runId }: ArtifactRef): Promise<void> {
    if (isRemote(artifact) || (await this.#artifacts.has(model, artifact, digest))) return;
    throw new RetrainError(
      'DATA_CORRUPT',
      `artifact ${this.#artifacts.addressOf(model, artifact)} of run ${runId} is gone or was changed: restore it from a backup, or roll back to another run`,
    );
  }

  async #document(model: string): Promise<RegistryDocument> {
    return (await this.#documents.read(checkModelName(model)))?.document ?? emptyDocument(model);
  }

  /** `change` gives the document back that it was given when there is nothing to change. */
  async #update(
    model: string,
    change: (present: RegistryDocument) => RegistryDocument | Promise<RegistryDocument>,
  ): Promise<RegistryDocument> {
    checkModelName(model);
    for (let tries = 0; tries < CHANGE_TRIES_MAX; tries++) {
      const stored = await this.#documents.read(model);
      const present = stored?.document ?? emptyDocument(model);
      const next = await change(present);
      if (next !== present && !(await this.#documents.replace(model, next, stored?.version))) continue;
      await this.#documents.publish(model);
      const needed = runsOf(next);
      for (const run of runsOf(present)) if (!needed.has(run)) await this.#artifacts.remove(model, run);
      return next;
    }
    throw new RetrainError(
      'REGISTRY_CONFLICT',
      `the registry's record of ${model} changes faster than it can be written (${CHANGE_TRIES_MAX} tries): try again`,
    );
  }

  /** Removes what crashes left behind. What is newer than the champion may belong to a run that is about to be kept. */
  async #sweep(model: string, document: RegistryDocument): Promise<void> {
    const needed = runsOf(document);
    for (const run of await this.#artifacts.runs(model))
      if (!needed.has(run) && Number.parseInt(run, 10) <= epochOf(document)) await this.#artifacts.remove(model, run);
  }

  /** Where a document says that an artifact lies, or where its address does; undefined for what is none of ours. */
  #placeOf(model: string, { runId, artifact, digest }: ArtifactRef, document: RegistryDocument): string | undefined {
    const recorded = keptIn(document).find((one) => one.runId === runId && one.digest === digest);
    return recorded?.artifact ?? this.#artifacts.placeOf(model, artifact);
  }

  /** Sees to it that an artifact is in its place, and returns the place, or the URI of what lives elsewhere. */
  async #place(model: string, result: Promotion | RunResultToKeep, document: RegistryDocument): Promise<string> {
    const { artifact, digest, epoch, runId, metrics } = result;
    const recorded = keptIn(document).find((one) => isOf(one, result))?.artifact;
    const place = recorded ?? this.#artifacts.placeOf(model, artifact);
    if (place !== undefined) {
      if (isRemote(place) || (await this.#artifacts.has(model, place, digest))) return place;
      if (this.#artifacts.placeOf(model, artifact) !== undefined)
        throw new RetrainError('TRAINER_FAILED', `artifact ${artifact} is gone or was changed: train again`);
    }
    if (isRemote(artifact) && !artifact.startsWith('file://')) return artifact;
    const from = artifact.startsWith('file://') ? fileURLToPath(artifact) : artifact;
    if (!isAbsolute(from))
      throw new RetrainError('ARGUMENT_INVALID', `artifact ${from} is a relative path: give an absolute one or a URI`);
    const own = await this.#artifacts.newPlace(model, { epoch, runId, metrics, name: basename(from) });
    if (!(await this.#artifacts.has(model, own, digest))) await this.#artifacts.put(model, own, { from, digest });
    return own;
  }

  #champion(model: string, document: RegistryDocument): Champion {
    const { champion } = stateIn(document, this.#addressIn(model));
    if (!champion) throw new RetrainError('REGISTRY_CONFLICT', `${model} has no champion any more`);
    return champion;
  }

  #addressIn(model: string): (artifact: string) => string {
    return (artifact) => (isRemote(artifact) ? artifact : this.#artifacts.addressOf(model, artifact));
  }

  #now(): string {
    return new Date(this.#clock.wallMs()).toISOString();
  }
}

function isOf(
  recorded: { readonly runId: string; readonly epoch: number; readonly digest: string },
  { runId, epoch, digest }: Promotion | RunResultToKeep,
): boolean {
  return recorded.runId === runId && recorded.epoch === epoch && recorded.digest === digest;
}

/** First parts of the places that a document names. */
function runsOf(document: RegistryDocument): Set<string> {
  const places = keptIn(document).map(({ artifact }) => artifact);
  return new Set(places.filter((artifact) => !isRemote(artifact)).map((place) => dirname(place)));
}
