import { timingSafeEqual } from 'node:crypto';

/** What a shared access key allows (`Manage` includes the other two). */
export const ACCESS_RIGHTS = ['Send', 'Listen', 'Manage'] as const;
export type AccessRight = (typeof ACCESS_RIGHTS)[number];

/** A shared access authorization rule. A token that is signed with either key is valid (docs: service-bus-sas.md). */
export interface AccessRule {
  /** 1 to 50 letters, digits, periods, hyphens and underscores; case counts. */
  readonly name: string;
  /** The one queue or topic that its keys open, with what lies under it; absent: the whole namespace. */
  readonly queue?: string;
  readonly rights: readonly AccessRight[];
  /** The key's text; its UTF-8 bytes sign tokens, it is never decoded. */
  readonly primaryKey: string;
  readonly secondaryKey?: string;
  /** Wall clock; of a rule that was given while the broker ran. */
  readonly createdAtMs?: number;
  readonly modifiedAtMs?: number;
}

/** The rule that every namespace has. */
export const ROOT_RULE_NAME = 'RootManageSharedAccessKey';

/** Its key in Microsoft's emulator: everybody knows it, so it is for this machine only. */
export const EMULATOR_KEY = 'SAS_KEY_VALUE';

export function rootRule(primaryKey: string, secondaryKey?: string): AccessRule {
  const second = secondaryKey === undefined ? {} : { secondaryKey };
  return { name: ROOT_RULE_NAME, rights: ACCESS_RIGHTS, primaryKey, ...second };
}

export function allows(rights: readonly AccessRight[], right: AccessRight): boolean {
  return rights.includes(right) || rights.includes('Manage');
}

/** Compares two secrets in a time that depends on the length of `given` only. */
export function equalSecrets(expected: string, given: string): boolean {
  const left = Buffer.from(expected);
  const right = Buffer.from(given);
  if (left.length === right.length) return timingSafeEqual(left, right);
  timingSafeEqual(right, right);
  return false;
}
