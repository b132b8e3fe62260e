import { join } from 'node:path';
import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import { files } from '../../runtime/files.ts';
import { fileFailure } from '../file-failure.ts';
import { namespaceRecord } from './namespace-record.ts';
import type { NamespaceRecord } from './namespace-record.ts';
import { NAMESPACE_FILE } from '../resource-manager-file.ts';

const VERSION = 1;
const REMEDY =
  'Put a copy back, or remove the file: then the namespace is gone for Azure Resource Manager, and its queues and topics stay';
/** Bytes of the file: tags and network rules have some ten thousand at most. */
const MAX_BYTES = 1024 * 1024;

const content = z.strictObject({ version: z.literal(VERSION), namespace: namespaceRecord });

/** `namespace.json` in the data folder: what Azure Resource Manager knows of the namespace. The caller holds the data folder's lock, and writes once at a time. */
export class NamespaceFile {
  readonly #path: string;

  constructor(dataFolder: string) {
    this.#path = join(dataFolder, NAMESPACE_FILE);
  }

  /** @throws RetrainError `DATA_CORRUPT`, `DATA_VERSION` */
  async read(): Promise<NamespaceRecord | undefined> {
    const text = await files.readText(this.#path, { maxBytes: MAX_BYTES });
    return text === undefined ? undefined : parse(this.#path, text);
  }

  /** Durably; when it fails, the former content stays. @throws RetrainError `DISK_FULL`, `DISK_FAILED` */
  async write(namespace: NamespaceRecord): Promise<void> {
    await this.#changing('written', () =>
      files.writeAtomic(this.#path, `${JSON.stringify({ version: VERSION, namespace }, null, 2)}\n`),
    );
  }

  /** Durably. @throws RetrainError `DISK_FAILED` */
  async remove(): Promise<void> {
    await this.#changing('removed', () => files.remove(this.#path));
  }

  async #changing(what: string, change: () => Promise<void>): Promise<void> {
    try {
      await change();
    } catch (cause) {
      throw fileFailure(`${NAMESPACE_FILE} of the data folder cannot be ${what}`, cause);
    }
  }
}

function parse(path: string, text: string): NamespaceRecord {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw new RetrainError('DATA_CORRUPT', `${path} is not JSON: ${REMEDY}`, { cause });
  }
  const version: unknown =
    typeof found === 'object' && found !== null && 'version' in found ? found.version : undefined;
  if (typeof version === 'number' && version !== VERSION)
    throw new RetrainError(
      'DATA_VERSION',
      `${path} has version ${version}, and this program reads version ${VERSION}: use the program that wrote it`,
    );
  const parsed = content.safeParse(found);
  if (parsed.success) return parsed.data.namespace;
  const [issue] = parsed.error.issues;
  throw new RetrainError('DATA_CORRUPT', `${path}: ${issue?.path.join('.')}: ${issue?.message}. ${REMEDY}`);
}
