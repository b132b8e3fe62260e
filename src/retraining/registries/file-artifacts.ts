import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RetrainError } from '../../errors.ts';
import type { Files } from '../../runtime/files.ts';
import type { Random } from '../../runtime/random.ts';
import { modelPath } from '../model-name.ts';
import { placeName } from './registry-stores.ts';
import type { ArtifactPlace, ArtifactStore, NewArtifact } from './registry-stores.ts';

export interface FileArtifactsOptions {
  readonly folder: string;
  readonly files: Files;
  readonly random: Random;
}

/** Artifacts in a folder of one host: `<folder>/<model>/artifacts/<place>`. */
export class FileArtifacts implements ArtifactStore {
  readonly #folder: string;
  readonly #files: Files;
  readonly #random: Random;

  constructor({ folder, files, random }: FileArtifactsOptions) {
    this.#folder = folder;
    this.#files = files;
    this.#random = random;
  }

  newPlace(_model: string, artifact: NewArtifact): Promise<ArtifactPlace> {
    return Promise.resolve(placeName(artifact));
  }

  addressOf(model: string, place: ArtifactPlace): string {
    return join(this.#artifacts(model), place);
  }

  placeOf(model: string, address: string): ArtifactPlace | undefined {
    const path = address.startsWith('file://') ? fileURLToPath(address) : address;
    const place = relative(this.#artifacts(model), path).split(sep).join('/');
    return /^\d+-[^/]+\/[^/]+$/.test(place) ? place : undefined;
  }

  async has(model: string, place: ArtifactPlace, digest: string): Promise<boolean> {
    return (await this.#files.digest(this.addressOf(model, place))) === digest;
  }

  /** Copies under a name of its own first: what a crash left half copied must not look like an artifact. */
  async put(model: string, place: ArtifactPlace, { from, digest }: { from: string; digest: string }): Promise<void> {
    if ((await this.#files.size(from)) === undefined)
      throw new RetrainError('TRAINER_FAILED', `artifact ${from} is gone: train again, nothing was promoted`);
    const to = dirname(this.addressOf(model, place));
    const incoming = `${to}.incoming-${this.#random.bytes(6).toString('hex')}`;
    const copy = join(incoming, basename(place));
    try {
      await this.#files.copy(from, copy);
      const copied = await this.#files.digest(copy);
      if (copied !== digest)
        throw new RetrainError(
          'TRAINER_FAILED',
          `artifact ${from} has the digest ${copied}, the run recorded ${digest}: it was changed since; train again`,
        );
      await this.#move(incoming, to, () => this.has(model, place, digest));
    } finally {
      await this.#files.remove(incoming);
    }
  }

  /** What is in the way is the same artifact, put there by another worker meanwhile, or a damaged one. */
  async #move(incoming: string, to: string, isThere: () => Promise<boolean>): Promise<void> {
    try {
      await this.#files.rename(incoming, to);
    } catch (error) {
      if (await isThere()) return;
      if ((await this.#files.size(to)) === undefined) throw error;
      await this.#files.remove(to);
      await this.#files.rename(incoming, to);
    }
  }

  async get(model: string, place: ArtifactPlace, to: string): Promise<boolean> {
    const from = this.addressOf(model, place);
    if ((await this.#files.size(from)) === undefined) return false;
    await this.#files.copy(from, to);
    return true;
  }

  runs(model: string): Promise<string[]> {
    return this.#files.list(this.#artifacts(model));
  }

  async remove(model: string, run: string): Promise<void> {
    await this.#files.remove(join(this.#artifacts(model), run));
  }

  #artifacts(model: string): string {
    return join(this.#folder, modelPath(model), 'artifacts');
  }
}
