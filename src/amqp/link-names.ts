import { RetrainError } from '../errors.ts';
import type { Link } from './link.ts';

/** The links of a connection by name; two may share a name when they go in opposite directions (2.6.1). */
export class LinkNames {
  max: number;
  readonly #links = new Map<string, Link>();

  constructor(maxLinks: number) {
    this.max = maxLinks;
  }

  get(name: string, role: Link['role']): Link | undefined {
    return this.#links.get(key(name, role));
  }

  /** Takes the name for a link that we attach. Throws `ARGUMENT_INVALID` when it is taken. */
  claim(link: Link): void {
    if (this.get(link.name, link.role)) {
      throw new RetrainError('ARGUMENT_INVALID', `a ${link.role} link named ${link.name} exists: choose another name`);
    }
    this.#links.set(key(link.name, link.role), link);
  }

  /** Takes the name for a link that the peer attaches; false when there are too many links. */
  admit(link: Link): boolean {
    if (this.#links.size >= this.max) return false;
    this.#links.set(key(link.name, link.role), link);
    return true;
  }

  forget(link: Link): void {
    if (this.get(link.name, link.role) === link) this.#links.delete(key(link.name, link.role));
  }

  clear(): void {
    this.#links.clear();
  }
}

function key(name: string, role: Link['role']): string {
  return `${role}:${name}`;
}
