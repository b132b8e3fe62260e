import type { z } from 'zod';

type RawIssue = z.core.$ZodRawIssue;

/** What a size is counted in; whatever else has limits is a number. */
const UNITS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ['character', 'characters'],
  array: ['element', 'elements'],
  set: ['element', 'elements'],
  map: ['entry', 'entries'],
  file: ['byte', 'bytes'],
};

const FORMATS: Readonly<Record<string, string>> = {
  url: 'a URL',
  email: 'an e-mail address',
  uuid: 'a UUID',
  datetime: 'a time by RFC 3339, such as 2026-01-31T00:00:00Z',
  date: 'a date such as 2026-01-31',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  base64: 'text in Base64',
};

export const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'properties with their values',
  record: 'properties with their values',
  array: 'a list',
  tuple: 'a list',
};

/**
 * The sentence for every kind of issue that a schema has no sentence of its own for: what the value must be. Given to a schema's
 * `parse` as `error`; without it zod says it in its way.
 */
export function issueText(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_big':
      return limitText('most', { ...issue, limit: issue.maximum });
    case 'too_small':
      return limitText('least', { ...issue, limit: issue.minimum });
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return formatText(issue);
    case 'invalid_union':
      return 'has none of the forms that are possible here';
    case 'invalid_key':
      return 'is no name that is possible here';
    case 'invalid_element':
      return 'has an element that is not possible here';
    case 'custom':
      return 'is not possible here';
    default:
      return undefined;
  }
}

interface Limited {
  readonly origin: string;
  readonly limit: number | bigint;
  readonly inclusive?: boolean;
  readonly exact?: boolean;
  readonly input?: unknown;
}

function limitText(side: 'most' | 'least', { origin, limit, inclusive = true, exact, input }: Limited): string {
  const unit = UNITS[origin];
  if (!unit)
    return inclusive ? `must be at ${side} ${limit}` : `must be ${side === 'most' ? 'below' : 'above'} ${limit}`;
  const size = sizeOf(input);
  if (size === 0) return 'must not be empty';
  const [one, many] = unit;
  const how = exact === true ? 'exactly' : `at ${side}`;
  return `must have ${how} ${limit} ${Number(limit) === 1 ? one : many}${size === undefined ? '' : `, not ${size}`}`;
}

function sizeOf(input: unknown): number | undefined {
  if (typeof input === 'string' || Array.isArray(input)) return input.length;
  return input instanceof Set || input instanceof Map ? input.size : undefined;
}

function formatText(issue: Extract<RawIssue, { code: 'invalid_format' }>): string {
  const { format, prefix, suffix, includes, pattern } = issue as Readonly<Record<string, unknown>>;
  if (typeof prefix === 'string') return `must begin with '${prefix}'`;
  if (typeof suffix === 'string') return `must end with '${suffix}'`;
  if (typeof includes === 'string') return `must contain '${includes}'`;
  const known = FORMATS[String(format)];
  if (known !== undefined) return `must be ${known}`;
  return typeof pattern === 'string' ? `must be of the form ${pattern}` : `must be of the form '${String(format)}'`;
}
