import { join } from 'node:path';
import { RetrainError } from '../../errors.ts';
import type { Files } from '../../runtime/files.ts';
import { modelPath } from '../model-name.ts';
import { documentText, parseDocument } from './document-codec.ts';
import { publishAliases } from './registry-aliases.ts';
import type { Alias } from './registry-aliases.ts';
import { emptyDocument } from './registry-document.ts';
import type { RecordedChange, RegistryDocument } from './registry-document.ts';
import type { AddressOf } from './registry-state.ts';
import type { DocumentStore, StoredDocument } from './registry-stores.ts';

/** Times that a reader looks again when the document it wanted was replaced under its eyes. */
const READ_TRIES_MAX = 10;
/** Documents of a model that are left behind the newest one. */
const DOCUMENTS_KEPT = 20;

const DOCUMENT_NAME = /^champion\.([0-9]{10})\.json$/;

interface Newest {
  readonly number: number;
  readonly path: string;
  readonly text: string;
}

export interface FileDocumentsOptions {
  readonly folder: string;
  readonly files: Files;
  readonly addressIn: (model: string) => AddressOf;
}

/**
 * Documents as files of one host, see `FileRegistry`. Concurrent writers need no lock that a crash could leave behind: a
 * change creates the file after the newest one, and a name can be created only once.
 */
export class FileDocuments implements DocumentStore {
  readonly #folder: string;
  readonly #files: Files;
  readonly #addressIn: FileDocumentsOptions['addressIn'];

  constructor({ folder, files, addressIn }: FileDocumentsOptions) {
    this.#folder = folder;
    this.#files = files;
    this.#addressIn = addressIn;
  }

  async all(): Promise<RegistryDocument[]> {
    const documents: RegistryDocument[] = [];
    for (const name of await this.#files.list(this.#folder)) {
      const newest = await this.#newest(join(this.#folder, name));
      const stored = newest && (await this.read(parseDocument(newest.text, newest).model));
      if (stored) documents.push(stored.document);
    }
    return documents;
  }

  async read(model: string): Promise<StoredDocument | undefined> {
    const newest = await this.#newest(this.#modelFolder(model));
    if (!newest) return undefined;
    const { path, text, number } = newest;
    const parsed = parseDocument(text, { path, model });
    if (parsed.format === 2) return { document: parsed.document, version: String(number) };
    const history = [parsed.change, ...(await this.#changesBefore(model, number))];
    return { document: { ...emptyDocument(model), history }, version: String(number) };
  }

  async replace(model: string, next: RegistryDocument, version: string | undefined): Promise<boolean> {
    const own = Number(version ?? 0) + 1;
    if (!(await this.#files.create(this.#path(model, own), documentText(next)))) return false;
    const numbers = await this.#numbers(this.#modelFolder(model));
    // A writer that slept while its place was used and pruned again can create it anew.
    const pruned = (numbers.at(-1) ?? own) - own >= DOCUMENTS_KEPT;
    if (pruned) await this.#files.remove(this.#path(model, own));
    for (const number of numbers.slice(0, -DOCUMENTS_KEPT)) await this.#files.remove(this.#path(model, number));
    return !pruned;
  }

  publish(model: string): Promise<void> {
    const files = this.#files;
    const path = (alias: Alias): string => join(this.#modelFolder(model), `${alias}.json`);
    return publishAliases({
      read: () => this.read(model),
      addressOf: this.#addressIn(model),
      place: {
        readText: (alias) => files.readText(path(alias)),
        writeText: (alias, text) => files.writeAtomic(path(alias), text),
        remove: (alias) => files.remove(path(alias)),
      },
    });
  }

  /** Champions of the first format, which had one in each file; the newest first. */
  async #changesBefore(model: string, number: number): Promise<RecordedChange[]> {
    const changes: RecordedChange[] = [];
    for (const before of (await this.#numbers(this.#modelFolder(model))).reverse()) {
      if (before >= number) continue;
      const path = this.#path(model, before);
      const text = await this.#files.readText(path);
      const parsed = text === undefined ? undefined : parseDocument(text, { path, model });
      if (parsed?.format === 1) changes.push(parsed.change);
    }
    return changes;
  }

  async #newest(folder: string): Promise<Newest | undefined> {
    for (let tries = 0; tries < READ_TRIES_MAX; tries++) {
      const number = (await this.#numbers(folder)).at(-1);
      if (number === undefined) return undefined;
      const path = join(folder, nameOf(number));
      const text = await this.#files.readText(path);
      if (text !== undefined) return { number, path, text };
    }
    throw new RetrainError('REGISTRY_CONFLICT', `${folder} changes faster than it can be read: try again`);
  }

  async #numbers(folder: string): Promise<number[]> {
    const names = await this.#files.list(folder);
    return names.flatMap((name) => DOCUMENT_NAME.exec(name)?.[1] ?? []).map(Number);
  }

  #modelFolder(model: string): string {
    return join(this.#folder, modelPath(model));
  }

  #path(model: string, number: number): string {
    return join(this.#modelFolder(model), nameOf(number));
  }
}

function nameOf(number: number): string {
  return `champion.${String(number).padStart(10, '0')}.json`;
}
