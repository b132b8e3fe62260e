import { timingSafeEqual } from 'node:crypto';

/** What a shared access key allows (`Manage` includes the other two). */
export type AccessRight = 'Send' | 'Listen' | 'Manage';

/** A shared access authorization rule of the namespace. */
export interface AccessRule {
  readonly name: string;
  /** The key's text; its UTF-8 bytes sign tokens, it is never decoded. */
  readonly key: string;
  readonly rights: readonly AccessRight[];
}

/** The rule that every namespace has. */
export const ROOT_RULE_NAME = 'RootManageSharedAccessKey';

export function rootRule(key: string): AccessRule {
  return { name: ROOT_RULE_NAME, key, rights: ['Send', 'Listen', 'Manage'] };
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
