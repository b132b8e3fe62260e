import { createHash } from 'node:crypto';
import { RetrainError } from '../errors.ts';

/** Characters; it is the limit of a Service Bus SessionId too. */
export const MODEL_NAME_MAX_LENGTH = 128;

/**
 * The rule for a model's name: 1 to 128 of `A-Z a-z 0-9 . _ : / -`, no `.` or `..` segment, no leading or trailing `/`.
 * One expression without flags, because the published JSON Schema carries it as text.
 */
export const MODEL_NAME_PATTERN = /^(?!\/)(?!.*\/$)(?!(?:.*\/)?\.{1,2}(?:\/|$))[A-Za-z0-9._:/-]{1,128}$/;

export const MODEL_NAME_RULE = '1 to 128 of A-Z a-z 0-9 . _ : / -, no "." or ".." segment, no leading or trailing "/"';

const SLUG_MAX_LENGTH = 32;
const HASH_HEX_LENGTH = 16;

export function isModelName(value: string): boolean {
  return MODEL_NAME_PATTERN.test(value);
}

/** Returns `value` when it is a model's name; otherwise raises `ARGUMENT_INVALID`. */
export function checkModelName(value: string): string {
  if (isModelName(value)) return value;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `model name ${JSON.stringify(value.slice(0, 2 * MODEL_NAME_MAX_LENGTH))} is not allowed: use ${MODEL_NAME_RULE}`,
  );
}

/**
 * The form of a model's name for paths and job names: `<slug of at most 32>-<first 16 hex digits of its SHA-256>`. The
 * slug is for people (lower case letters, digits, hyphens); the hash keeps two names apart on every file system.
 */
export function modelPath(model: string): string {
  const slug = model
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, SLUG_MAX_LENGTH)
    .replace(/-+$/, '');
  const hash = createHash('sha256').update(model).digest('hex').slice(0, HASH_HEX_LENGTH);
  return `${slug || 'model'}-${hash}`;
}
