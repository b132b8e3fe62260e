import { type Draft, KEYS, type Key, type Kind, type ValueOf } from './keys';
import type { Problem, Remedy } from './problem';

/** Values by key, and what could not be read. */
export interface Reading {
  readonly draft: Partial<Draft>;
  readonly problems: readonly Problem[];
}

/** Where a key of the project is looked up. */
export interface Source {
  /** All keys that are set, without their project. */
  readonly keys: readonly string[];
  /** A value as Pulumi keeps it: a text, or JSON for lists and maps. */
  get(key: string): string | undefined;
}

const EXAMPLES: Record<Kind, string> = { text: 'TEXT', integer: '1', boolean: 'true', list: 'VALUE', map: 'VALUE' };

/**
 * Reads every key by its kind. The getters of `pulumi.Config` would stop at the first problem and take "10 or so" for 10, so this reads the
 * texts beneath them.
 */
export function readDraft(source: Source): Reading {
  const draft: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const [key, kind] of Object.entries(KEYS) as [Key, Kind][]) {
    const text = source.get(key);
    if (text === undefined) {
      problems.push({
        key,
        value: undefined,
        limit: 'is not set, and Pulumi.yaml has no default for it',
        remedies: [remedyFor(key, kind)],
      });
      continue;
    }
    const value = READERS[kind](text);
    if (value === undefined) problems.push({ key, value: text, limit: LIMITS[kind], remedies: [remedyFor(key, kind)] });
    else draft[key] = value;
  }
  for (const key of source.keys) if (!(key in KEYS)) problems.push(unknownKey(source, key));
  return { draft, problems };
}

const LIMITS: Record<Kind, string> = {
  text: 'is no text',
  integer: 'is no whole number',
  boolean: 'is neither true nor false',
  list: 'is no list of texts',
  map: 'is no object of texts by name',
};

const READERS: { readonly [K in Kind]: (text: string) => ValueOf[K] | undefined } = {
  text: (text) => text,
  integer: (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : undefined),
  boolean: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  list(text) {
    const value = json(text);
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
  },
  map(text) {
    const value = json(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    // `pulumi config set --path` makes a number of 42 and a truth of true; as a tag they are texts again.
    const entries = Object.entries(value).map(([name, item]) => [name, scalar(item)] as const);
    if (entries.some(([, item]) => item === undefined)) return undefined;
    return Object.fromEntries(entries as [string, string][]);
  },
};

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function scalar(item: unknown): string | undefined {
  if (typeof item === 'string') return item;
  return typeof item === 'number' || typeof item === 'boolean' ? String(item) : undefined;
}

function remedyFor(key: Key, kind: Kind): Remedy {
  const at = kind === 'list' ? '[0]' : kind === 'map' ? '.NAME' : undefined;
  return { set: key, ...(at !== undefined && { at }), to: EXAMPLES[kind] };
}

function unknownKey(source: Source, key: string): Problem {
  const near = nearest(key, Object.keys(KEYS));
  return {
    key,
    value: source.get(key),
    limit: `is set, but there is no such setting${near === undefined ? '' : `; ${near} is near`}`,
    remedies: [{ remove: key }],
  };
}

/** The candidate that is written most like a text, if any is within a third of its letters. */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(text.length / 3));
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: edits(text.toLowerCase(), candidate.toLowerCase()) }))
    .filter((one) => one.edits <= limit)
    .sort((a, b) => a.edits - b.edits);
  return ranked[0]?.candidate;
}

/** Letters to put in, take out or change to make one text of the other (Levenshtein). */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const change = (row[j] as number) + (from[i] === to[j] ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
