import { modelPath } from '../model-name.ts';
import { RetrainError } from '../../errors.ts';
import { eachOf } from './blob-container.ts';
import type { BlobContainer } from './blob-container.ts';
import { documentText, parseDocument } from './document-codec.ts';
import { publishAliases } from './registry-aliases.ts';
import type { Alias } from './registry-aliases.ts';
import type { RegistryDocument } from './registry-document.ts';
import type { AddressOf } from './registry-state.ts';
import type { DocumentStore, StoredDocument } from './registry-stores.ts';

export interface BlobDocumentsOptions {
  readonly container: BlobContainer;
  /** What names of blobs begin with: nothing, or it ends with `/`. */
  readonly prefix: string;
  readonly addressIn: (model: string) => AddressOf;
}

/** A blob for each model, replaced under the condition that its ETag is the one that was read. */
export class BlobDocuments implements DocumentStore {
  readonly #container: BlobContainer;
  readonly #prefix: string;
  readonly #addressIn: BlobDocumentsOptions['addressIn'];

  constructor({ container, prefix, addressIn }: BlobDocumentsOptions) {
    this.#container = container;
    this.#prefix = prefix;
    this.#addressIn = addressIn;
  }

  async all(): Promise<RegistryDocument[]> {
    const documents: RegistryDocument[] = [];
    const folders = (await this.#container.children(this.#prefix)).filter((name) => name.endsWith('/'));
    await eachOf(folders, async (folder) => {
      const stored = await this.#stored(`${this.#prefix}${folder}registry.json`);
      if (stored) documents.push(stored.document);
    });
    return documents;
  }

  read(model: string): Promise<StoredDocument | undefined> {
    return this.#stored(this.#name(model, 'registry.json'), model);
  }

  replace(model: string, next: RegistryDocument, version: string | undefined): Promise<boolean> {
    const condition = version === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: version };
    return this.#container.writeText(this.#name(model, 'registry.json'), documentText(next), condition);
  }

  publish(model: string): Promise<void> {
    const container = this.#container;
    const name = (alias: Alias): string => this.#name(model, `${alias}.json`);
    return publishAliases({
      read: () => this.read(model),
      addressOf: this.#addressIn(model),
      place: {
        readText: async (alias) => (await container.readText(name(alias)))?.text,
        writeText: (alias, text) => container.writeText(name(alias), text),
        remove: (alias) => container.remove([name(alias)]),
      },
    });
  }

  async #stored(name: string, model?: string): Promise<StoredDocument | undefined> {
    const blob = await this.#container.readText(name);
    if (!blob) return undefined;
    const path = this.#container.addressOf(name);
    const parsed = parseDocument(blob.text, { path, ...(model !== undefined && { model }) });
    if (parsed.format === 2) return { document: parsed.document, version: blob.etag };
    throw new RetrainError(
      'DATA_VERSION',
      `${path} has format 1, which only folders had: remove it, or use another prefix`,
    );
  }

  #name(model: string, name: string): string {
    return `${this.#prefix}${modelPath(model)}/${name}`;
  }
}
