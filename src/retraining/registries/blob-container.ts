import { Readable } from 'node:stream';
import type { TokenCredential } from '@azure/service-bus';
import type { BlobServiceClient, ContainerClient, StoragePipelineOptions } from '@azure/storage-blob';
import { RetrainError } from '../../errors.ts';
import { blobError, isBlockListInvalid, isConditionUnmet, isContainerMissing, isMissing } from './blob-error.ts';

/** Tries of one request, and the limits of a try and of the pauses between them, milliseconds. */
const RETRY = { maxTries: 4, tryTimeoutInMs: 60_000, retryDelayInMs: 500, maxRetryDelayInMs: 8_000 };
/** Bytes of a block that a file is uploaded in; a blob has at most 50,000 blocks, so that it is at most 195 GiB. */
const BLOCK_BYTES = 4 * 1024 * 1024;
/** Blocks of one blob that are in memory. */
const BLOCKS_AT_ONCE = 3;
/** Times that an upload is begun again because another one of the same blob came in between. */
const UPLOAD_TRIES_MAX = 5;
/** Times that a broken download goes on where it broke. */
const DOWNLOAD_RETRIES_MAX = 5;
/** Requests at the same time where many blobs are meant. */
const BLOBS_AT_ONCE = 8;
/** Bytes of a blob that is read whole. */
const TEXT_MAX_BYTES = 16 * 1024 * 1024;

export interface BlobAccess {
  readonly container: string;
  /** With the account's key or a shared access signature. */
  readonly connectionString?: string | undefined;
  /** Such as `https://ACCOUNT.blob.core.windows.net`, for `sas` or `credential`. */
  readonly accountUrl?: string | undefined;
  readonly sas?: string | undefined;
  readonly credential?: TokenCredential | undefined;
  /** Make the container when it is missing. */
  readonly createContainer?: boolean;
}

/** When a blob may be written: its present version, or that there is none. */
export type Precondition = { readonly ifMatch: string } | { readonly ifNoneMatch: '*' };

/**
 * The few things that a registry does with a container of Azure Blob Storage. The library is loaded, and the container made
 * or looked for, when it is needed first. Raises `UNAUTHORIZED`, `UNREACHABLE` and `CONFIGURATION_INVALID`, see blob-error.ts.
 */
export class BlobContainer {
  readonly #access: BlobAccess;
  #opened: Promise<ContainerClient> | undefined;
  #url: string | undefined;

  constructor(access: BlobAccess) {
    const { connectionString, accountUrl, sas, credential } = access;
    if (connectionString === undefined && (accountUrl === undefined || !(sas ?? credential)))
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        'registry.azureBlob has no way to sign in: give connectionString, or accountUrl with sas or with Entra ID',
      );
    this.#access = access;
  }

  /** Address of a blob, without a signature. Only after something was read. */
  addressOf(name: string): string {
    return `${this.#base()}/${name.split('/').map(encodeURIComponent).join('/')}`;
  }

  /** The other way round; undefined for what is no blob here. */
  nameOf(address: string): string | undefined {
    const base = `${this.#base()}/`;
    return address.startsWith(base)
      ? address.slice(base.length).split('/').map(decodeURIComponent).join('/')
      : undefined;
  }

  async readText(name: string): Promise<{ text: string; etag: string } | undefined> {
    return this.#ask(async (container) => {
      try {
        const response = await container.getBlobClient(name).download();
        const { contentLength = 0, etag = '', readableStreamBody } = response;
        if (contentLength > TEXT_MAX_BYTES)
          throw new RetrainError(
            'DATA_CORRUPT',
            `${this.addressOf(name)} has ${contentLength} bytes, over the limit of ${TEXT_MAX_BYTES}: put a smaller one in its place, or remove it`,
          );
        const body = readableStreamBody
          ? await wholeOf(readableStreamBody as AsyncIterable<Uint8Array>)
          : Buffer.alloc(0);
        return { text: body.toString('utf8'), etag };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  /** False when the condition does not hold; then nothing was written. */
  async writeText(name: string, text: string, condition?: Precondition): Promise<boolean> {
    return this.#ask(async (container) => {
      try {
        await container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text), {
          blobHTTPHeaders: { blobContentType: 'application/json' },
          ...(condition && { conditions: condition }),
        });
        return true;
      } catch (error) {
        if (condition && isConditionUnmet(error)) return false;
        throw error;
      }
    });
  }

  /**
   * Replaces a blob by a file's bytes, of which there are so many; nobody sees a part of it. Up to 12 MiB are in memory.
   *
   * @param open reads the file from its beginning
   */
  async upload(name: string, bytes: number, open: () => AsyncIterable<Uint8Array>): Promise<void> {
    await this.#ask(async (container) => {
      const blob = container.getBlockBlobClient(name);
      if (bytes <= BLOCK_BYTES) {
        const body = await wholeOf(open(), BLOCK_BYTES);
        await blob.upload(body, body.length);
        return;
      }
      for (let tries = 1; ; tries++)
        try {
          await blob.uploadStream(Readable.from(open()), BLOCK_BYTES, BLOCKS_AT_ONCE);
          return;
        } catch (error) {
          // Whoever commits the blocks of a blob drops those that others have put there and not committed yet.
          if (!isBlockListInvalid(error) || tries >= UPLOAD_TRIES_MAX) throw error;
        }
    });
  }

  /** What a blob holds, a part at a time; undefined when there is none. */
  async download(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#ask(async (container) => {
      try {
        const options = { maxRetryRequests: DOWNLOAD_RETRIES_MAX };
        const { readableStreamBody } = await container.getBlobClient(name).download(0, undefined, options);
        return readableStreamBody as AsyncIterable<Uint8Array> | undefined;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  /** Names and sizes of all blobs whose names begin so. */
  async list(prefix: string): Promise<Map<string, number>> {
    return this.#ask(async (container) => {
      const sizes = new Map<string, number>();
      for await (const { name, properties } of container.listBlobsFlat({ prefix }))
        sizes.set(name, properties.contentLength ?? 0);
      return sizes;
    });
  }

  /** What comes next in the names that begin so, up to a `/`, which stays at the end. */
  async children(prefix: string): Promise<string[]> {
    return this.#ask(async (container) => {
      const names: string[] = [];
      for await (const { name } of container.listBlobsByHierarchy('/', { prefix }))
        names.push(name.slice(prefix.length));
      return names;
    });
  }

  /** Removes blobs; those that are gone are fine. */
  async remove(names: Iterable<string>): Promise<void> {
    await this.#ask((container) =>
      eachOf([...names], async (name) => {
        await container.getBlobClient(name).deleteIfExists({ deleteSnapshots: 'include' });
      }),
    );
  }

  async #ask<T>(question: (container: ContainerClient) => Promise<T>): Promise<T> {
    try {
      const container = await (this.#opened ??= this.#open());
      try {
        return await question(container);
      } catch (error) {
        if (!isContainerMissing(error) || !this.#access.createContainer) throw error;
        await container.createIfNotExists();
        return await question(container);
      }
    } catch (error) {
      throw blobError(error, this.#access);
    }
  }

  async #open(): Promise<ContainerClient> {
    const library = await import('@azure/storage-blob');
    const service = this.#service(library);
    const url = new URL(service.url);
    this.#url = `${url.origin}${url.pathname.replace(/\/$/, '')}/${this.#access.container}`;
    return service.getContainerClient(this.#access.container);
  }

  #service({ BlobServiceClient: Client }: typeof import('@azure/storage-blob')): BlobServiceClient {
    const { connectionString, accountUrl = '', sas, credential } = this.#access;
    const options: StoragePipelineOptions = { retryOptions: RETRY };
    if (connectionString === undefined)
      return sas === undefined
        ? new Client(accountUrl, credential, options)
        : new Client(`${accountUrl.replace(/\/$/, '')}?${sas.replace(/^\?/, '')}`, undefined, options);
    try {
      return Client.fromConnectionString(connectionString, options);
    } catch (error) {
      // Without the text, which may hold the key.
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        'registry.azureBlob.connectionString is none of a storage account: copy it from Access keys or Shared access signature',
        { cause: error },
      );
    }
  }

  #base(): string {
    if (this.#url !== undefined) return this.#url;
    throw new RetrainError('ARGUMENT_INVALID', 'the container was not opened: read a model first');
  }
}

async function wholeOf(parts: AsyncIterable<Uint8Array>, maxBytes = TEXT_MAX_BYTES): Promise<Buffer> {
  const whole: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of parts) {
    bytes += part.length;
    // Cut, it has another digest than before: whoever wrote on while it was read is told so by that.
    if (bytes > maxBytes) break;
    whole.push(part);
  }
  return Buffer.concat(whole);
}

/** Does something with each of many, some at a time; the first error ends it when those under way have ended. */
export async function eachOf<T>(
  items: readonly T[],
  act: (item: T) => Promise<void>,
  atOnce: number = BLOBS_AT_ONCE,
): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined && !failure; item = items[next++])
      try {
        await act(item);
      } catch (error) {
        failure ??= { error };
      }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  if (failure) throw failure.error;
}
