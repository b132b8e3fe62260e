import { stateIn } from './registry-state.ts';
import type { AddressOf } from './registry-state.ts';
import type { StoredDocument } from './registry-stores.ts';

export type Alias = 'champion' | 'challenger';

export interface AliasOptions {
  readonly read: () => Promise<StoredDocument | undefined>;
  readonly addressOf: AddressOf;
  readonly place: AliasPlace;
}

/** Where a model's aliases are. */
interface AliasPlace {
  readonly readText: (alias: Alias) => Promise<string | undefined>;
  readonly writeText: (alias: Alias, text: string) => Promise<unknown>;
  readonly remove: (alias: Alias) => Promise<unknown>;
}

/**
 * Brings the aliases in line with a model's document, which is the truth: they are for people, and for what serves models.
 * Whoever writes them last has looked at the newest document after writing: they cannot stay behind.
 */
export async function publishAliases({ read, addressOf, place }: AliasOptions): Promise<void> {
  for (let stored = await read(); stored;) {
    const { champion, challenger } = stateIn(stored.document, addressOf);
    await bring('champion', champion, place);
    await bring('challenger', challenger, place);
    const now = await read();
    if (now?.version === stored.version) return;
    stored = now;
  }
}

/** What is there already is not written again: whoever serves a model may watch it. */
async function bring(alias: Alias, value: object | undefined, place: AliasPlace): Promise<void> {
  const text = value && JSON.stringify(value, undefined, 2);
  if ((await place.readText(alias)) === text) return;
  if (text === undefined) await place.remove(alias);
  else await place.writeText(alias, text);
}
