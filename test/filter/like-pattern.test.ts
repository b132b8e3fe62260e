import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileLike } from '../../src/filter/like-pattern.ts';
import { Fails, isLike, partsOf } from './reference.ts';

function expected(pattern: string, escape: string | undefined, text: string): boolean | undefined {
  try {
    return isLike(text, partsOf(pattern, escape));
  } catch (error) {
    if (error instanceof Fails) return undefined;
    throw error;
  }
}

function check(pattern: string, escape: string | undefined, text: string): void {
  const what = JSON.stringify({ pattern, escape, text });
  assert.equal(compileLike(pattern, escape)?.(text), expected(pattern, escape, text), what);
}

const escape = fc.constantFrom(undefined, undefined, '$', '%', 'a');

test('LIKE means what the reference says: all short patterns and texts', () => {
  const words = (alphabet: string, length: number): string[] =>
    length === 0
      ? ['']
      : ['', ...words(alphabet, length - 1).flatMap((word) => alphabet.split('').map((first) => first + word))];
  const texts = [...new Set(words('ab', 4))];
  for (const pattern of new Set(words('ab%_', 4))) for (const text of texts) check(pattern, undefined, text);
});

test('LIKE means what the reference says: long patterns and texts', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'a', 'b', '_', '_', '%', '$', '\u{1f600}'), maxLength: 120 });
  const text = fc.string({ unit: fc.constantFrom('a', 'a', 'a', 'b', '$', '\u{1f600}'), maxLength: 120 });
  fc.assert(fc.property(pattern, escape, text, check), { numRuns: 3000 });
});

test('a text that was made from the pattern is like it', () => {
  const part = fc.oneof(
    fc.constantFrom('a', 'b').map((character) => ({ pattern: character, text: character })),
    fc.constantFrom('a', 'b', 'x').map((text) => ({ pattern: '_', text })),
    fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 5 }).map((text) => ({ pattern: '%', text })),
    fc.constantFrom('%', '_', '$').map((text) => ({ pattern: `$${text}`, text })),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 100 }), (parts) => {
      const pattern = parts.map((one) => one.pattern).join('');
      const text = parts.map((one) => one.text).join('');
      assert.equal(compileLike(pattern, '$')?.(text), true, `${text} LIKE ${pattern}`);
    }),
    { numRuns: 2000 },
  );
});

test('patterns that would make a matcher go back again and again are matched in one pass', () => {
  // With backtracking each of these would take longer than the universe is old.
  const text = `${'a'.repeat(32 * 1024)}b`;
  for (const pattern of [
    `${'%a'.repeat(500)}%c`,
    `${'%_a'.repeat(300)}%c`,
    `${'_%'.repeat(500)}c`,
    `%${'a'.repeat(500)}c%`,
    `%${'a_'.repeat(250)}c%`,
  ])
    assert.equal(compileLike(pattern, undefined)?.(text), false, pattern);
  assert.equal(compileLike(`${'%_a'.repeat(300)}%b`, undefined)?.(text), true);
});
