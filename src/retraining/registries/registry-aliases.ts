import { stateIn } from './registry-state.ts';
import type { AddressOf } from './registry-state.ts';
import type { StoredDocument } from './registry-stores.ts';

export type Alias = 'champion' | 'challenger';

export interface AliasOptions {
  readonly read: () => Promise<StoredDocument | undefined>;
  readonly addressOf: AddressOf;
  /** Replaces an alias, or removes it when there is no text. */
  readonly write: (alias: Alias, text: string | undefined) => Promise<void>;
}

/**
 * Brings the aliases in line with a model's document, which is the truth: they are for people, and for what serves models.
 * Whoever writes them last has looked at the newest document after writing: they cannot stay behind.
 */
export async function publishAliases({ read, addressOf, write }: AliasOptions): Promise<void> {
  for (let stored = await read(); stored;) {
    const { champion, challenger } = stateIn(stored.document, addressOf);
    await write('champion', champion && JSON.stringify(champion, undefined, 2));
    await write('challenger', challenger && JSON.stringify(challenger, undefined, 2));
    const now = await read();
    if (now?.version === stored.version) return;
    stored = now;
  }
}
