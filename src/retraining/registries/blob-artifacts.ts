import { basename, dirname, join } from 'node:path';
import { RetrainError } from '../../errors.ts';
import type { Files, TreeEntry } from '../../runtime/files.ts';
import { modelPath } from '../model-name.ts';
import { checkEntries, manifestText, parseManifest } from './artifact-manifest.ts';
import type { ArtifactManifest } from './artifact-manifest.ts';
import { eachOf } from './blob-container.ts';
import type { BlobContainer } from './blob-container.ts';
import { placeName } from './registry-stores.ts';
import type { ArtifactPlace, ArtifactStore, NewArtifact } from './registry-stores.ts';

/** Files that are uploaded at the same time; each takes up to 12 MiB of memory. */
const UPLOADS_AT_ONCE = 4;
/** Characters of a blob's name, and what the service cannot keep apart or refuses in one (Naming containers, blobs). */
const NAME_MAX_LENGTH = 1024;
// oxlint-disable-next-line no-control-regex
const UNFIT_NAME = /[\\\u0000-\u001f\u007f]|\.(?:\/|$)/;

export interface BlobArtifactsOptions {
  readonly container: BlobContainer;
  /** What names of blobs begin with: nothing, or it ends with `/`. */
  readonly prefix: string;
  readonly files: Files;
}

/**
 * Artifacts in a container: each file a blob `<prefix><model>/artifacts/<place>[/<path in the folder>]`, and a manifest
 * `<prefix><model>/artifacts/<first part of the place>.manifest.json`. The manifest is written last: without it, there is no
 * artifact, whatever a crash has left. The next upload of the same artifact begins anew and replaces it.
 */
export class BlobArtifacts implements ArtifactStore {
  readonly #container: BlobContainer;
  readonly #prefix: string;
  readonly #files: Files;

  constructor({ container, prefix, files }: BlobArtifactsOptions) {
    this.#container = container;
    this.#prefix = prefix;
    this.#files = files;
  }

  newPlace(_model: string, artifact: NewArtifact): Promise<ArtifactPlace> {
    return Promise.resolve(placeName(artifact));
  }

  addressOf(model: string, place: ArtifactPlace): string {
    return this.#container.addressOf(this.#name(model, place));
  }

  placeOf(model: string, address: string): ArtifactPlace | undefined {
    const name = this.#container.nameOf(address);
    const artifacts = this.#name(model, '');
    if (!name?.startsWith(artifacts)) return undefined;
    const place = name.slice(artifacts.length);
    return /^\d+-[^/]+\/[^/]+$/.test(place) ? place : undefined;
  }

  async has(model: string, place: ArtifactPlace, digest: string): Promise<boolean> {
    const manifest = await this.#manifest(model, place);
    if (manifest?.digest !== digest) return false;
    const there = await this.#container.list(`${this.#name(model, dirname(place))}/`);
    return manifest.entries.every(
      ({ path, kind, bytes }) => kind === 'folder' || there.get(this.#entryName(model, place, path)) === bytes,
    );
  }

  async put(model: string, place: ArtifactPlace, { from, digest }: { from: string; digest: string }): Promise<void> {
    const entries = await this.#files.tree(from);
    if (!entries) throw new RetrainError('TRAINER_FAILED', `artifact ${from} is gone: train again, nothing was kept`);
    this.#check(model, { place, from, entries });
    const wanted = entries.filter(({ kind }) => kind === 'file');
    const upload = async ({ path, bytes }: TreeEntry): Promise<void> => {
      const file = path === '' ? from : join(from, path);
      await this.#container.upload(this.#entryName(model, place, path), bytes, () => this.#files.read(file));
    };
    await eachOf(wanted, upload, UPLOADS_AT_ONCE);
    // After the upload: it tells of every change, whether before or while the bytes went out.
    const present = await this.#files.digest(from);
    if (present !== digest)
      throw new RetrainError(
        'TRAINER_FAILED',
        `artifact ${from} has the digest ${present}, the run recorded ${digest}: it was changed since; train again`,
      );
    const manifest = manifestText({ digest, entries });
    await this.#container.writeText(this.#manifestName(model, dirname(place)), manifest);
  }

  async get(model: string, place: ArtifactPlace, to: string): Promise<boolean> {
    const manifest = await this.#manifest(model, place);
    if (!manifest) return false;
    const isFolder = manifest.entries.every(({ path }) => path !== '');
    if (isFolder) await this.#files.makeFolder(to);
    for (const { path, kind } of manifest.entries) if (kind === 'folder') await this.#files.makeFolder(join(to, path));
    const wanted = manifest.entries.filter(({ kind }) => kind === 'file');
    let missing = false;
    await eachOf(wanted, async ({ path }) => {
      const parts = await this.#container.download(this.#entryName(model, place, path));
      if (parts) await this.#files.write(join(to, path), parts);
      else missing = true;
    });
    return !missing;
  }

  async runs(model: string): Promise<string[]> {
    const names = await this.#container.children(this.#name(model, ''));
    return [...new Set(names.map((name) => name.replace(/\/$|\.manifest\.json$/, '')))];
  }

  async remove(model: string, run: string): Promise<void> {
    // The manifest first: what is half removed must not look like an artifact.
    await this.#container.remove([this.#manifestName(model, run)]);
    await this.#container.remove((await this.#container.list(`${this.#name(model, run)}/`)).keys());
  }

  #check(
    model: string,
    { place, from, entries }: { place: ArtifactPlace; from: string; entries: readonly TreeEntry[] },
  ): void {
    checkEntries(from, entries);
    for (const { path } of entries) {
      const name = this.#entryName(model, place, path);
      if (name.length <= NAME_MAX_LENGTH && !UNFIT_NAME.test(`${basename(place)}/${path}`.replace(/\/$/, ''))) continue;
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `${join(from, path)} cannot be the name of a blob (up to ${NAME_MAX_LENGTH} characters in all, no backslash, no part that ends with a dot): have the trainer name it otherwise`,
      );
    }
  }

  async #manifest(model: string, place: ArtifactPlace): Promise<ArtifactManifest | undefined> {
    const name = this.#manifestName(model, dirname(place));
    const blob = await this.#container.readText(name);
    if (!blob) return undefined;
    return parseManifest(blob.text, this.#container.addressOf(name));
  }

  #name(model: string, place: string): string {
    return `${this.#prefix}${modelPath(model)}/artifacts/${place}`;
  }

  #entryName(model: string, place: ArtifactPlace, path: string): string {
    return path === '' ? this.#name(model, place) : `${this.#name(model, place)}/${path}`;
  }

  #manifestName(model: string, run: string): string {
    return `${this.#name(model, run)}.manifest.json`;
  }
}
