import { join } from 'node:path';
import { RetrainError } from '../../errors.ts';
import type { Files } from '../../runtime/files.ts';
import { checkEntries, manifestText, parseManifest } from './artifact-manifest.ts';
import type { ArtifactManifest } from './artifact-manifest.ts';
import type { MlflowClient } from './mlflow-client.ts';
import type { MlflowRuns } from './mlflow-runs.ts';
import { placeName } from './registry-stores.ts';
import type { ArtifactPlace, ArtifactStore, NewArtifact } from './registry-stores.ts';

/** Beside the artifact in its run. */
const MANIFEST = 'retrain-manifest.json';
/** Bytes of a manifest. */
const MANIFEST_MAX_BYTES = 16 * 1024 * 1024;
const SCHEME = 'mlflow-artifacts:/';

/** `<epoch>-<run id>@<experiment>.<run of MLflow>/<name>`: where MLflow has it cannot be told from the run id alone. */
const PLACE = /^(\d+-[^/@]+)@([^/.]+)\.([^/]+)\/(.*)$/;
const ADDRESS = /^([^/]+)\/([^/]+)\/artifacts\/(\d+-[^/@]+)\/([^/]+)$/;

/**
 * Artifacts of MLflow's runs, sent and fetched through the tracking server (which must serve them):
 * `mlflow-artifacts:/<experiment>/<run>/artifacts/<epoch>-<run id>/<name>`, and a manifest beside the last folder, written last.
 */
export class MlflowArtifacts implements ArtifactStore {
  readonly #client: MlflowClient;
  readonly #runs: MlflowRuns;
  readonly #files: Files;

  constructor({ client, runs, files }: { client: MlflowClient; runs: MlflowRuns; files: Files }) {
    this.#client = client;
    this.#runs = runs;
    this.#files = files;
  }

  async newPlace(model: string, artifact: NewArtifact): Promise<ArtifactPlace> {
    const [run = '', name = ''] = placeName(artifact).split('/');
    const { experiment, id } = await this.#runs.ensure(model, artifact);
    return `${run}@${experiment}.${id}/${name}`;
  }

  addressOf(_model: string, place: ArtifactPlace): string {
    return isOurs(place) ? `${SCHEME}${pathOf(place)}` : place;
  }

  placeOf(_model: string, address: string): ArtifactPlace | undefined {
    if (!address.startsWith(SCHEME)) return undefined;
    const [, experiment, id, run, name] = ADDRESS.exec(address.slice(SCHEME.length)) ?? [];
    return name === undefined ? undefined : `${run}@${experiment}.${id}/${name}`;
  }

  async has(_model: string, place: ArtifactPlace, digest: string): Promise<boolean> {
    // Somebody else's version that was made champion in MLflow: nothing is known of it.
    if (!isOurs(place)) return true;
    const manifest = await this.#manifest(place);
    if (manifest?.digest !== digest) return false;
    const there = await this.#sizesIn(pathOf(place));
    return manifest.entries.every(({ path, kind, bytes }) => kind === 'folder' || there.get(path) === bytes);
  }

  async put(_model: string, place: ArtifactPlace, { from, digest }: { from: string; digest: string }): Promise<void> {
    const entries = await this.#files.tree(from);
    if (!entries) throw new RetrainError('TRAINER_FAILED', `artifact ${from} is gone: train again, nothing was kept`);
    checkEntries(from, entries);
    // One after the other: the server has few workers, and others need them, too.
    for (const { path, kind } of entries)
      if (kind === 'file')
        await this.#client.putFile(entryPath(place, path), () =>
          this.#files.read(path === '' ? from : join(from, path)),
        );
    // After the upload: it tells of every change, whether before or while the bytes went out.
    const present = await this.#files.digest(from);
    if (present !== digest)
      throw new RetrainError(
        'TRAINER_FAILED',
        `artifact ${from} has the digest ${present}, the run recorded ${digest}: it was changed since; train again`,
      );
    const text = Buffer.from(manifestText({ digest, entries }));
    await this.#client.putFile(manifestPath(place), async function* () {
      yield text;
    });
  }

  async get(_model: string, place: ArtifactPlace, to: string): Promise<boolean> {
    const manifest = isOurs(place) ? await this.#manifest(place) : undefined;
    if (!manifest) return false;
    if (manifest.entries.every(({ path }) => path !== '')) await this.#files.makeFolder(to);
    for (const { path, kind } of manifest.entries) {
      if (kind === 'folder') {
        await this.#files.makeFolder(join(to, path));
        continue;
      }
      const parts = await this.#client.getFile(entryPath(place, path));
      if (!parts) return false;
      await this.#files.write(join(to, path), parts);
    }
    return true;
  }

  /** What a crash has left is not looked for: of a run of MLflow nobody can tell that it is garbage. */
  runs(): Promise<string[]> {
    return Promise.resolve([]);
  }

  /** The run itself and its metrics stay. */
  async remove(_model: string, run: string): Promise<void> {
    const place = `${run}/`;
    if (!isOurs(place)) return;
    // The manifest first: what is half removed must not look like an artifact.
    await this.#client.removeFile(manifestPath(place));
    await this.#client.removeFile(folderOf(place));
  }

  async #manifest(place: ArtifactPlace): Promise<ArtifactManifest | undefined> {
    const parts = await this.#client.getFile(manifestPath(place));
    if (!parts) return undefined;
    const bytes: Uint8Array[] = [];
    let length = 0;
    for await (const part of parts) {
      length += part.length;
      if (length > MANIFEST_MAX_BYTES) break;
      bytes.push(part);
    }
    return parseManifest(Buffer.concat(bytes).toString('utf8'), `${SCHEME}${manifestPath(place)}`);
  }

  /** By path relative to the artifact; a file that is the artifact itself has the path ''. */
  async #sizesIn(path: string): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    const cut = path.lastIndexOf('/');
    const own = (await this.#client.listFiles(path.slice(0, cut))).find((file) => file.path === path.slice(cut + 1));
    if (own?.bytes !== undefined) return sizes.set('', own.bytes);
    const waiting = own ? [''] : [];
    for (let prefix = waiting.pop(); prefix !== undefined; prefix = waiting.pop())
      for (const file of await this.#client.listFiles(`${path}/${prefix}`.replace(/\/$/, '')))
        if (file.bytes === undefined) waiting.push(`${prefix}${file.path}/`);
        else sizes.set(`${prefix}${file.path}`, file.bytes);
    return sizes;
  }
}

function isOurs(place: ArtifactPlace): boolean {
  return PLACE.test(place);
}

function partsOf(place: ArtifactPlace): { readonly run: string; readonly root: string; readonly name: string } {
  const [, run, experiment, id, name = ''] = PLACE.exec(place) ?? [];
  if (run === undefined) throw new RetrainError('DATA_CORRUPT', `${place} is no place of an artifact in MLflow`);
  return { run, root: `${experiment}/${id}/artifacts`, name };
}

/** In the server's artifact store. */
function pathOf(place: ArtifactPlace): string {
  return `${folderOf(place)}/${partsOf(place).name}`;
}

function folderOf(place: ArtifactPlace): string {
  const { run, root } = partsOf(place);
  return `${root}/${run}`;
}

function entryPath(place: ArtifactPlace, path: string): string {
  return path === '' ? pathOf(place) : `${pathOf(place)}/${path}`;
}

function manifestPath(place: ArtifactPlace): string {
  const { run, root } = partsOf(place);
  return `${root}/${run}.${MANIFEST}`;
}
