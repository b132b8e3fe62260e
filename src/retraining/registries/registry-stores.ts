import { RetrainError } from '../../errors.ts';
import type { Metrics } from '../gate.ts';
import type { RegistryDocument } from './registry-document.ts';

/** A document as it was read. */
export interface StoredDocument {
  readonly document: RegistryDocument;
  /** What `replace` compares with; only the store knows what it means. */
  readonly version: string;
}

/** Keeps one document for each model and replaces it by compare-and-set. */
export interface DocumentStore {
  /** The documents of all models, in no order. */
  all(): Promise<RegistryDocument[]>;
  read(model: string): Promise<StoredDocument | undefined>;
  /**
   * Puts `next` in the place of what was read (undefined: there was nothing). False when somebody else did so first; then
   * nothing was changed. Durable when the promise resolves.
   */
  replace(model: string, next: RegistryDocument, version: string | undefined): Promise<boolean>;
  /** What else the world looks at is brought in line with the document: the aliases. Repeated after a crash. */
  publish(model: string): Promise<void>;
}

/** Where an artifact lies among those of its model: `<epoch, ten digits>-<run id>[@…]/<name of file or folder>`. */
export type ArtifactPlace = string;

export interface NewArtifact {
  readonly epoch: number;
  readonly runId: string;
  readonly metrics: Metrics;
  /** Of the file or folder. */
  readonly name: string;
}

/** Keeps artifacts of models: files or folders, never changed once they are there. */
export interface ArtifactStore {
  /** Where an artifact of a run goes; the same each time it is asked. */
  newPlace(model: string, artifact: NewArtifact): Promise<ArtifactPlace>;
  /** What the world calls the place: an absolute path or a URI. */
  addressOf(model: string, place: ArtifactPlace): string;
  /** The other way round; undefined for what is not one of the model's artifacts here. */
  placeOf(model: string, address: string): ArtifactPlace | undefined;
  /** Whether the whole artifact is there with this digest. */
  has(model: string, place: ArtifactPlace, digest: string): Promise<boolean>;
  /**
   * Copies what is at the absolute path `from` to a place where nothing or the same artifact is. After a crash in the middle
   * there is no artifact. Raises `TRAINER_FAILED` when `from` is gone or has another digest.
   */
  put(model: string, place: ArtifactPlace, source: { readonly from: string; readonly digest: string }): Promise<void>;
  /** Copies the artifact to the absolute path `to`, where nothing is. False when there is none. */
  get(model: string, place: ArtifactPlace, to: string): Promise<boolean>;
  /** First parts of all places in use, also of artifacts that a crash left half copied. */
  runs(model: string): Promise<string[]>;
  /** Removes all that lies under the first part of a place. */
  remove(model: string, run: string): Promise<void>;
}

/** In the names of places; epochs are compared as numbers, people see them in order. */
const EPOCH_DIGITS = 10;
const RUN_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Raises `ARGUMENT_INVALID` for a run id that cannot be part of a path. */
export function placeName({ epoch, runId, name }: NewArtifact): ArtifactPlace {
  if (!RUN_ID.test(runId))
    throw new RetrainError('ARGUMENT_INVALID', `run id ${runId} is not allowed: use 1 to 64 of A-Z a-z 0-9 . _ -`);
  return `${String(epoch).padStart(EPOCH_DIGITS, '0')}-${runId}/${name}`;
}
