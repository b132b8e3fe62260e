import { join } from 'node:path';
import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { files } from '../runtime/files.ts';
import { readSecretFile, writeSecretFile } from '../runtime/secret-file.ts';
import { ACCESS_RIGHTS } from './access-rule.ts';
import { fileFailure } from './file-failure.ts';

const FILE = 'access-rules.json';
/** 2 knows rules that were given to queues and topics while the broker ran, 3 those of the namespace, too. */
const VERSION = 3;
const READABLE_VERSIONS: readonly unknown[] = [1, 2, VERSION];
/** What older versions kept the root rule's only key in. */
const FORMER_KEY_FILE = 'access-key';
const REMEDY = 'Put a copy back, or remove the file: then every rule gets new keys';
/** Bytes of the file: a rule takes about 300. */
const MAX_BYTES = 8 * 1024 * 1024;

const time = z.number().nonnegative();
const storedRule = z.strictObject({
  name: z.string().min(1),
  queue: z.string().min(1).optional(),
  rights: z.array(z.enum(ACCESS_RIGHTS)).min(1),
  primaryKey: z.string().min(1),
  secondaryKey: z.string().min(1),
  /**
   * Of a rule that was given while the broker ran: one of a queue or topic is in force as long as that entity lives, which was made at
   * `entityMs`, one of the namespace always. Any other rule is in force when it is declared at the start.
   */
  given: z.strictObject({ entityMs: time.optional(), createdAtMs: time, modifiedAtMs: time }).optional(),
});
const content = z.strictObject({ version: z.literal(VERSION), rules: z.array(storedRule) });

/** A rule with its keys, as it is kept. */
export type StoredRule = z.infer<typeof storedRule>;

/** `access-rules.json` in the data folder (mode 0600). The caller holds the data folder's lock, and writes once at a time. */
export class AccessRuleFile {
  readonly #folder: string;

  constructor(dataFolder: string) {
    this.#folder = dataFolder;
  }

  /** @throws RetrainError `DATA_CORRUPT`, `DATA_VERSION` */
  async read(): Promise<StoredRule[]> {
    const path = join(this.#folder, FILE);
    const text = await readSecretFile(path, { maxBytes: MAX_BYTES });
    return text === undefined ? [] : parse(path, text);
  }

  /** The root rule's key in a data folder of an older version. */
  async readFormerKey(): Promise<string | undefined> {
    const text = await readSecretFile(join(this.#folder, FORMER_KEY_FILE), { maxBytes: MAX_BYTES });
    return text?.trim() || undefined;
  }

  /** Durably; when it fails, the former content stays. @throws RetrainError `DISK_FULL`, `DISK_FAILED` */
  async write(rules: readonly StoredRule[]): Promise<void> {
    const path = join(this.#folder, FILE);
    try {
      await writeSecretFile(path, `${JSON.stringify({ version: VERSION, rules }, null, 2)}\n`);
    } catch (cause) {
      throw fileFailure(`${path} cannot be written`, cause);
    }
    // The key is in the new file now: two truths would be one too many.
    await files.remove(join(this.#folder, FORMER_KEY_FILE));
  }
}

function parse(path: string, text: string): StoredRule[] {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw new RetrainError('DATA_CORRUPT', `${path} is not JSON: ${REMEDY}`, { cause });
  }
  const version: unknown =
    typeof found === 'object' && found !== null && 'version' in found ? found.version : undefined;
  const readable = READABLE_VERSIONS.includes(version);
  if (typeof version === 'number' && !readable)
    throw new RetrainError(
      'DATA_VERSION',
      `${path} has version ${version}, and this program reads version ${READABLE_VERSIONS.join(', ')}: use the program that wrote it`,
    );
  const parsed = content.safeParse(readable ? { ...(found as object), version: VERSION } : found);
  if (parsed.success) return parsed.data.rules;
  const [issue] = parsed.error.issues;
  throw new RetrainError('DATA_CORRUPT', `${path}: ${issue?.path.join('.')}: ${issue?.message}. ${REMEDY}`);
}
