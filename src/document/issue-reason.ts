import type { z } from 'zod';
import type { Path } from './file-problem.ts';
import { TYPE_NAMES } from './issue-text.ts';
import { nearName } from './near-name.ts';

type Issue = z.core.$ZodIssue;

/** What is wrong with the value that an issue is about, with the value and the limit. `unrecognized_keys` is said elsewhere. */
export function issueReason(issue: Issue, value: unknown): string {
  if (value === undefined && issue.code !== 'custom' && issue.code !== 'invalid_key') return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}, not ${shown(value)}${quotingHint(issue.expected, value)}`;
    case 'too_big':
    case 'too_small':
      return typeof value === 'number' ? `${issue.message}, not ${value}` : issue.message;
    case 'invalid_value':
      return enumReason(issue.values.map(String), value);
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message;
    case 'invalid_union':
      return `${issue.message}, not ${shown(value)}`;
    default:
      return typeof value !== 'string' || issue.message.includes(value)
        ? issue.message
        : `${issue.message}, not ${shown(value)}`;
  }
}

/** The value at a path, or undefined. */
export function valueAt(value: unknown, path: Path): unknown {
  let inside = value;
  for (const part of path) {
    if (typeof inside !== 'object' || inside === null) return undefined;
    inside = (inside as Record<string | number, unknown>)[part];
  }
  return inside;
}

export function enumReason(values: readonly string[], value: unknown): string {
  const near = typeof value === 'string' ? nearName(value, values) : undefined;
  const known = values.length === 1 ? `'${values[0]}'` : `one of ${values.join(', ')}`;
  return `must be ${known}, not ${shown(value)}${near === undefined ? '' : `; did you mean '${near}'?`}`;
}

/** What is no text without quotes. */
const UNQUOTED = /^(?:[-+]?[\d.]+|true|false)$/i;

/** YAML takes 007 and 1.10 for numbers, and yes for text. */
function quotingHint(expected: string, value: unknown): string {
  if (expected === 'string' && (typeof value === 'number' || typeof value === 'boolean')) return '; put it in quotes';
  const isScalar = expected === 'int' || expected === 'number' || expected === 'boolean';
  return isScalar && typeof value === 'string' && UNQUOTED.test(value) ? '; write it without quotes' : '';
}

/** Long values are told by their beginning. */
const SHOWN_LENGTH = 60;

export function shown(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return '{…}';
  const text = typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}
