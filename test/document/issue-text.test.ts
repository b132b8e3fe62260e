import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { ContentReader } from '../../src/document/content-reader.ts';
import { issueText } from '../../src/document/issue-text.ts';
import { parseFileText } from '../../src/document/file-text.ts';

const schema = z.strictObject({ value: z.unknown() });

/** What is wrong with `value` by a schema, as the reader of files says it. */
async function said(given: z.ZodType, value: unknown): Promise<string[]> {
  const reader = new ContentReader(await parseFileText(JSON.stringify({ value }), 'a.json'));
  reader.read(schema.extend({ value: given }), { value }, (path) => path);
  return reader.problems.map(({ reason }) => reason);
}

const KINDS: readonly (readonly [schema: z.ZodType, value: unknown, expected: string])[] = [
  [z.string(), 7, 'must be text, not 7; put it in quotes'],
  [z.string().min(1), '', 'must not be empty'],
  [z.string().min(16), 'short', 'must have at least 16 characters, not 5'],
  [z.string().max(3), 'long', 'must have at most 3 characters, not 4'],
  [z.string().length(1), 'ab', 'must have exactly 1 character, not 2'],
  [z.array(z.int()).min(1), [], 'must not be empty'],
  [z.array(z.int()).max(1), [1, 2], 'must have at most 1 element, not 2'],
  [z.int().min(1), 0, 'must be at least 1, not 0'],
  [z.number().max(5), 6, 'must be at most 5, not 6'],
  [z.number().gt(0), 0, 'must be above 0, not 0'],
  [z.number().lt(1), 1, 'must be below 1, not 1'],
  [z.number().multipleOf(5), 7, 'must be a multiple of 5'],
  [z.enum(['a', 'b']), 'other', "must be one of a, b, not 'other'"],
  [z.url(), 'x', "must be a URL, not 'x'"],
  [z.iso.datetime(), 'soon', "must be a time by RFC 3339, such as 2026-01-31T00:00:00Z, not 'soon'"],
  [z.string().startsWith('sb:'), 'x', "must begin with 'sb:', not 'x'"],
  [z.string().regex(/^a+$/), 'xyz', "must be of the form /^a+$/, not 'xyz'"],
  [z.union([z.int(), z.boolean()]), 'x', "has none of the forms that are possible here, not 'x'"],
  [z.record(z.string().regex(/^a$/), z.int()), { b: 1 }, 'must be of the form /^a$/'],
  [z.string().refine(() => false), 'x', "is not possible here, not 'x'"],
  [z.string().min(3, 'use a longer one'), 'x', 'use a longer one'],
];

for (const [given, value, expected] of KINDS)
  test(`said in our words: ${expected}`, async () => {
    assert.deepEqual(await said(given, value), [expected]);
  });

test('a schema that is read without a file says it in the same words', () => {
  const result = z.string().min(3).safeParse('x', { error: issueText });
  assert.equal(result.error?.issues[0]?.message, 'must have at least 3 characters, not 1');
});
