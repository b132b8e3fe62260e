import { join } from 'node:path';
import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { files } from '../runtime/files.ts';
import type { Random } from '../runtime/random.ts';
import { readSecretFile, writeSecretFile } from '../runtime/secret-file.ts';
import { ACCESS_RIGHTS, rootRule } from './access-rule.ts';
import type { AccessRule } from './access-rule.ts';
import type { AccessRuleSpec } from './access-rule-spec.ts';

const FILE = 'access-rules.json';
const VERSION = 1;
/** What older versions kept the root rule's only key in. */
const FORMER_KEY_FILE = 'access-key';
/** Bytes of a generated key; Service Bus has 32, too. */
const KEY_BYTES = 32;
const REMEDY = 'Put a copy back, or remove the file: then every rule gets new keys';
/** Bytes of the file: a rule takes about 300. */
const MAX_BYTES = 8 * 1024 * 1024;

const storedRule = z.strictObject({
  name: z.string().min(1),
  queue: z.string().min(1).optional(),
  rights: z.array(z.enum(ACCESS_RIGHTS)).min(1),
  primaryKey: z.string().min(1),
  secondaryKey: z.string().min(1),
});
const content = z.strictObject({ version: z.literal(VERSION), rules: z.array(storedRule) });

type StoredRule = z.infer<typeof storedRule>;

/**
 * The rules that are wanted, with keys, and the root rule before them. A rule's generated keys are made once and kept in
 * `access-rules.json` (mode 0600); rights that have changed are noted there. A rule that is wanted no longer is not in force, but its keys stay in
 * the file, so that they are the same should it be wanted again. Keys that are given are used instead of kept ones, and never stored.
 * The caller holds the data folder's lock, checks the rules, and calls `save` before anybody may use them.
 *
 * @throws RetrainError `DATA_CORRUPT`, `DATA_VERSION`
 */
export async function accessRulesOf(options: {
  readonly dataFolder: string;
  readonly rules: readonly AccessRuleSpec[];
  /** Primary and only key of the root rule; absent: a kept one. */
  readonly rootKey: string | undefined;
  readonly random: Random;
}): Promise<{ readonly rules: AccessRule[]; save(): Promise<void> }> {
  const { dataFolder, rules, rootKey, random } = options;
  const kept = await KeptRules.read(dataFolder, random);
  const root = rootKey === undefined ? kept.withKeys(rootRule('')) : rootRule(rootKey);
  const others = rules.map((rule) => {
    const { primaryKey } = rule;
    return primaryKey === undefined ? kept.withKeys(rule) : { ...rule, primaryKey };
  });
  return { rules: [root, ...others], save: () => kept.save() };
}

class KeptRules {
  readonly #folder: string;
  readonly #random: Random;
  readonly #rules: Map<string, StoredRule>;
  #changed = false;

  private constructor(folder: string, random: Random, rules: readonly StoredRule[]) {
    this.#folder = folder;
    this.#random = random;
    this.#rules = new Map(rules.map((rule) => [keyOf(rule), rule]));
  }

  static async read(folder: string, random: Random): Promise<KeptRules> {
    const path = join(folder, FILE);
    const text = await readSecretFile(path, { maxBytes: MAX_BYTES });
    if (text !== undefined) return new KeptRules(folder, random, parse(path, text));
    const kept = new KeptRules(folder, random, []);
    const formerKey = (await readSecretFile(join(folder, FORMER_KEY_FILE), { maxBytes: MAX_BYTES }))?.trim();
    if (formerKey) kept.#put(rootRule(formerKey, kept.#newKey()));
    return kept;
  }

  /** `rule` with its kept keys, which are made when there are none. */
  withKeys(rule: AccessRuleSpec): AccessRule {
    const kept = this.#rules.get(keyOf(rule));
    const { primaryKey = this.#newKey(), secondaryKey = this.#newKey() } = kept ?? {};
    const { name, queue, rights } = rule;
    const whole = { name, ...(queue === undefined ? {} : { queue }), rights, primaryKey, secondaryKey };
    if (!kept || kept.rights.join() !== rights.join()) this.#put(whole);
    return whole;
  }

  /** Durably, if anything is new. */
  async save(): Promise<void> {
    if (!this.#changed) return;
    const rules = [...this.#rules.values()];
    await writeSecretFile(join(this.#folder, FILE), `${JSON.stringify({ version: VERSION, rules }, null, 2)}\n`);
    // The key is in the new file now: two truths would be one too many.
    await files.remove(join(this.#folder, FORMER_KEY_FILE));
  }

  #put(rule: AccessRule): void {
    const { name, queue, rights, primaryKey, secondaryKey = this.#newKey() } = rule;
    const scope = queue === undefined ? {} : { queue };
    this.#rules.set(keyOf(rule), { name, ...scope, rights: [...rights], primaryKey, secondaryKey });
    this.#changed = true;
  }

  #newKey(): string {
    return this.#random.bytes(KEY_BYTES).toString('base64');
  }
}

const keyOf = ({ name, queue = '' }: { readonly name: string; readonly queue?: string | undefined }): string =>
  `${queue.toLowerCase()}\n${name}`;

function parse(path: string, text: string): StoredRule[] {
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
  if (parsed.success) return parsed.data.rules;
  const [issue] = parsed.error.issues;
  throw new RetrainError('DATA_CORRUPT', `${path}: ${issue?.path.join('.')}: ${issue?.message}. ${REMEDY}`);
}
